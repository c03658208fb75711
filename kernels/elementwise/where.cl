/* Selection by a condition.
 *
 *   where       y[i] (req)= c ? a[i] : b[i]
 *   where_mask  d[i] (req)= (c != 0) == KEEP ? g[i] : 0, the gradient in a (KEEP 1) or b (KEEP 0)
 *
 * All arrays n elements of T, but the condition: of TC, one value for each `run` neighbouring elements (1: one each). NaN is true.
 * CPU: a work-item computes a contiguous range, run by run. In place: the output may be a, b or g.
 */
#include "common.h"

#ifndef TC
#define TC T
#endif
#ifndef KEEP
#define KEEP 1
#endif

#if DEVICE_CPU
#define SELECT(BODY)                                                                  \
  if (run == 1) {                                                                     \
    MAP_EACH(i, n) { const int c = LOAD_AS(TC, cond, i) != 0; BODY; }                 \
    return;                                                                           \
  }                                                                                   \
  EACH_RANGE(r, n)                                                                    \
  for (long s = r_lo; s < r_hi;) {                                                    \
    const long end = (s / run + 1) * run, stop = end < r_hi ? end : r_hi;             \
    const int c = LOAD_AS(TC, cond, s / run) != 0;                                    \
    MAP_LOOP for (long i = s; i < stop; i++) { BODY; }                                \
    s = stop;                                                                         \
  }
#else
#define SELECT(BODY) \
  FOR_EACH(i, n) { const int c = LOAD_AS(TC, cond, i / run) != 0; BODY; }
#endif

kernel void where(const global TC *cond, const global T *a, const global T *b, global T *y, const long run, const long n) {
  SELECT(const CT u = LOAD(a, i); const CT v = LOAD(b, i); STORE(y, i, c ? u : v))
}

kernel void where_mask(const global TC *cond, const global T *g, global T *d, const long run, const long n) {
  SELECT(const CT u = LOAD(g, i); STORE(d, i, c == KEEP ? u : 0))
}
