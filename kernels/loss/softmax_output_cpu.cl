/* The gradient of SoftmaxOutput from its output and labels, on CPUs (include/softmax_output.h, which has the layout and the defines).
 *
 *   count_valid        count[0] = number of labels that are not to be ignored; one work-item
 *   softmax_gradient   d = (y - target) * scale [* ograd]; labels (outer, inner) as class numbers. A work-item: rows, or lines of `inner`
 */
#include "common.h"
#include "softmax_output.h"

kernel void count_valid(const global T *label, global int *count, const long n, const int ignored) {
  int found = 0;
  for (long i = 0; i < n; i++) found += (int)LOAD(label, i) != ignored;
  count[0] = found;
}

/* count and ograd are read only with VALID and OGRAD */
kernel void softmax_gradient(const global T *label, const global T *y, const global T *ograd, const global int *count, global T *d,
                             const long outer, const int k, const long inner, const CT scale, const CT alpha, const CT others,
                             const int ignored) {
  const CT s = scale_by(scale, count);
  FOR_EACH(line, inner == 1 ? outer : outer * k) {
    if (inner == 1) {
      const CT raw = LOAD(label, line);
      const int wanted = raw > -1 && raw < k ? (int)raw : -1;
      const CT t = IGNORE && (int)raw == ignored ? 0 : s;
      for (int c = 0; c < k; c++) {
        const long i = line * k + c;
        STORE(d, i, t == 0 ? 0 : (LOAD(y, i) - (c == wanted ? 1 - alpha : others)) * t TIMES_OGRAD(i));
      }
    } else {
      const int c = (int)(line % k);
      const global T *row = label + line / k * inner;
      for (long j = 0; j < inner; j++) {
        const CT raw = LOAD(row, j);
        const long i = line * inner + j;
        const bool hit = raw > -1 && raw < k && (int)raw == c;
        const CT v = (LOAD(y, i) - (hit ? 1 - alpha : others)) * s TIMES_OGRAD(i);
        STORE(d, i, IGNORE && (int)raw == ignored ? 0 : v);
      }
    }
  }
}
