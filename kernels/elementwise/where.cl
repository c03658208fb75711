/* Selection by a condition.
 *
 *   where       y[i] (req)= c ? a[i] : b[i]
 *   where_mask  d[i] (req)= (c != 0) == KEEP ? g[i] : 0, the gradient in a (KEEP 1) or b (KEEP 0)
 *
 * All arrays n elements of T, but the condition: of TC, one value for each `run` neighbouring elements (1: one each). NaN is true.
 * A work-item computes its share run by run. In place: the output may be a, b or g.
 */
#include "common.h"
#include "items.h"

#ifndef TC
#define TC T
#endif
#ifndef KEEP
#define KEEP 1
#endif

#define SELECT(BODY)                                                              \
  if (run == 1) {                                                                 \
    MAP_EACH(i, n) { const int c = LOAD_AS(TC, cond, i) != 0; BODY; }             \
    return;                                                                       \
  }                                                                               \
  FOR_RUNS(r, next, n) {                                                          \
    const int c = LOAD_AS(TC, cond, r / run) != 0;                                \
    next = RUN_END(r, (r / run + 1) * run);                                       \
    MAP_LOOP for (long i = r; i < next; i++) { BODY; }                            \
  }

kernel void where(const global TC *cond, const global T *a, const global T *b, global T *y, const long run, const long n) {
  SELECT(const CT u = LOAD(a, i); const CT v = LOAD(b, i); STORE(y, i, c ? u : v))
}

kernel void where_mask(const global TC *cond, const global T *g, global T *d, const long run, const long n) {
  SELECT(const CT u = LOAD(g, i); STORE(d, i, c == KEEP ? u : 0))
}
