/* The slopes' gradient of a rectifier that learns them: dgamma[c] (req)= sum over the elements of channel c with x <= 0 of g * x.
 *
 * g, x: (outer, channels, inner) of T, `lines` = outer * channels. REQ1: store mode of dgamma.
 * A work-item a channel.
 */
#include "common.h"

#ifndef REQ1
#define REQ1 1
#endif

kernel void prelu_gamma(const global T *g, const global T *x, global T *dgamma, const long lines, const long inner, const int channels) {
  const long outer = lines / channels;
  const int c = (int)get_global_id(0);
  CT total = 0;
  for (long o = 0; o < outer; o++) {
    const long base = (o * channels + c) * inner;
    CT lane[8] = {0, 0, 0, 0, 0, 0, 0, 0};
    long i = 0;
    for (; i + 8 <= inner; i += 8)
      for (int j = 0; j < 8; j++) {
        const CT v = LOAD(x, base + i + j);
        lane[j] += v > 0 ? 0 : v * LOAD(g, base + i + j);
      }
    CT sum = ((lane[0] + lane[4]) + (lane[2] + lane[6])) + ((lane[1] + lane[5]) + (lane[3] + lane[7]));
    for (; i < inner; i++) {
      const CT v = LOAD(x, base + i);
      sum += v > 0 ? 0 : v * LOAD(g, base + i);
    }
    total += sum;
  }
  STORE_AS(REQ1, T, dgamma, c, total);
}
