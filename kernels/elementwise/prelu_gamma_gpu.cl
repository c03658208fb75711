/* The slopes' gradient of a rectifier that learns them: dgamma[c] (req)= sum over the elements of channel c with x <= 0 of g * x.
 *
 * g, x: (outer, channels, inner) of T, `lines` = outer * channels. REQ1: store mode of dgamma.
 * A work-group of LOCAL work-items a channel; they meet in local memory.
 */
#include "common.h"

#ifndef REQ1
#define REQ1 1
#endif
#ifndef LOCAL
#define LOCAL 64
#endif

kernel void prelu_gamma(const global T *g, const global T *x, global T *dgamma, const long lines, const long inner, const int channels) {
  const long outer = lines / channels;
  local CT scratch[LOCAL];
  const int c = (int)get_group_id(0), l = (int)get_local_id(0);
  CT total = 0;
  for (long e = l; e < outer * inner; e += LOCAL) {
    const long i = (e / inner * channels + c) * inner + e % inner;
    const CT v = LOAD(x, i);
    total += v > 0 ? 0 : v * LOAD(g, i);
  }
  scratch[l] = total;
  for (int step = LOCAL / 2; step > 0; step /= 2) {
    barrier(CLK_LOCAL_MEM_FENCE);
    if (l < step) scratch[l] += scratch[l + step];
  }
  if (l == 0) STORE_AS(REQ1, T, dgamma, c, scratch[0]);
}
