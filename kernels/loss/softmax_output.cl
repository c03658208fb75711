/* The gradient of the cross entropy of a softmax over the middle dimension of (outer, k, inner), from its output and labels.
 *
 *   count_valid        count[0] = number of labels that are not to be ignored
 *   softmax_gradient   d = (y - target) * scale [* ograd]; labels (outer, inner) as class numbers
 *   softmax_distance   d = (y - label) * scale [* ograd]; labels of the data's shape, as probabilities
 *
 * y, d, labels, ograd: T. In place: d may be y.
 * The target of class c is 1 - alpha for the label and alpha / (k - 1) for the others; a label out of range matches no class.
 * Defines: OGRAD whether ograd takes part; VALID whether scale is divided by max(count, 1); IGNORE whether ignored labels get no gradient; LOCAL.
 */
#include "common.h"
#include "math.h"

#ifndef OGRAD
#define OGRAD 0
#endif
#ifndef VALID
#define VALID 0
#endif
#ifndef IGNORE
#define IGNORE 0
#endif
#ifndef LOCAL
#define LOCAL 64
#endif

#if OGRAD
#define TIMES_OGRAD(i) *LOAD(ograd, i)
#else
#define TIMES_OGRAD(i)
#endif

/* One work-group (one work-item on a CPU). */
kernel void count_valid(const global T *label, global int *count, const long n, const int ignored) {
#if DEVICE_CPU
  int found = 0;
  for (long i = 0; i < n; i++) found += (int)LOAD(label, i) != ignored;
  count[0] = found;
#else
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
#endif
}

static inline CT scale_by(CT scale, const global int *count) {
#if VALID
  return scale / (CT)max(count[0], 1);
#else
  return scale;
#endif
}

/* count and ograd are read only with VALID and OGRAD */
kernel void softmax_gradient(const global T *label, const global T *y, const global T *ograd, const global int *count, global T *d,
                             const long outer, const int k, const long inner, const CT scale, const CT alpha, const CT others,
                             const int ignored) {
  const CT s = scale_by(scale, count);
#if DEVICE_CPU
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
#else
  FOR_EACH(i, outer * k * inner) {
    const int c = (int)(i / inner % k);
    const CT raw = LOAD(label, i / inner / k * inner + i % inner);
    const bool hit = raw > -1 && raw < k && (int)raw == c;
    const CT v = (LOAD(y, i) - (hit ? 1 - alpha : others)) * s TIMES_OGRAD(i);
    STORE(d, i, IGNORE && (int)raw == ignored ? 0 : v);
  }
#endif
}

kernel void softmax_distance(const global T *label, const global T *y, const global T *ograd, global T *d, const long n, const CT scale) {
  FOR_EACH(i, n) STORE(d, i, (LOAD(y, i) - LOAD(label, i)) * scale TIMES_OGRAD(i));
}
