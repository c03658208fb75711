/* The gradient of SoftmaxOutput from its output and labels, on GPUs (include/softmax_output.h, which has the layout and the defines).
 *
 *   count_valid        count[0] = number of labels that are not to be ignored; one work-group of LOCAL work-items
 *   softmax_gradient   d = (y - target) * scale [* ograd]; labels (outer, inner) as class numbers. A work-item: elements, a grid apart
 */
#include "common.h"
#include "softmax_output.h"

#ifndef LOCAL
#define LOCAL 64
#endif

kernel void count_valid(const global T *label, global int *count, const long n, const int ignored) {
  local int scratch[LOCAL];
  const int l = (int)get_local_id(0);
  int found = 0;
  for (long i = l; i < n; i += LOCAL) found += (int)LOAD(label, i) != ignored;
  scratch[l] = found;
  for (int step = LOCAL / 2; step > 0; step /= 2) {
    barrier(CLK_LOCAL_MEM_FENCE);
    if (l < step) scratch[l] += scratch[l + step];
  }
  if (l == 0) count[0] = scratch[0];
}

/* count and ograd are read only with VALID and OGRAD */
kernel void softmax_gradient(const global T *label, const global T *y, const global T *ograd, const global int *count, global T *d,
                             const long outer, const int k, const long inner, const CT scale, const CT alpha, const CT others,
                             const int ignored) {
  const CT s = scale_by(scale, count);
  FOR_EACH(i, outer * k * inner) {
    const int c = (int)(i / inner % k);
    const CT raw = LOAD(label, i / inner / k * inner + i % inner);
    const bool hit = raw > -1 && raw < k && (int)raw == c;
    const CT v = (LOAD(y, i) - (hit ? 1 - alpha : others)) * s TIMES_OGRAD(i);
    STORE(d, i, IGNORE && (int)raw == ignored ? 0 : v);
  }
}
