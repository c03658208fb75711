/* Element-wise functions with broadcasting.
 *
 *   broadcast           y[i] (req)= EXPR(a[...], b[...])
 *   broadcast_backward  d[i] (req)= SLOPE(g[i], a[...], b[...])
 *
 * y, d, g: contiguous, of extents dims (nd of them, the innermost last); a and b are walked with their own steps, 0 where they are
 * repeated. Innermost steps are 0 or 1. All of type T. With ONE, only a is read.
 *
 * CPU: a work-item computes a contiguous range, row by row; the coordinates advance like an odometer. GPU: an element an item.
 * In place: the output may be an input that is nowhere repeated.
 */
#include "common.h"
#include "elements8.h"
#include "math.h"
#include "convert.h"

#ifndef EXPR
#define EXPR(a, b) (a)
#endif
#ifndef SLOPE
#define SLOPE(g, a, b) (g)
#endif
#ifndef ONE
#define ONE 0
#endif

#if DEVICE_CPU
/* LINE(u, v): one stretch of a row; oa and ob are where it starts */
#define STRETCH(BODY)                                                                                                       \
  if (sa && (sb || ONE)) {                                                                                                  \
    MAP_LOOP for (long j = 0; j < len; j++) { const CT u = LOAD(a, oa + j), v = ONE ? 0 : LOAD(b, ob + j); BODY; }          \
  } else if (sa) {                                                                                                          \
    const CT v = LOAD(b, ob);                                                                                               \
    MAP_LOOP for (long j = 0; j < len; j++) { const CT u = LOAD(a, oa + j); BODY; }                                         \
  } else {                                                                                                                  \
    const CT u = LOAD(a, oa);                                                                                               \
    MAP_LOOP for (long j = 0; j < len; j++) { const CT v = ONE ? 0 : LOAD(b, ob + j * sb); BODY; }                          \
  }
#define WALK(BODY)                                                                               \
  EACH_RANGE(i, n)                                                                               \
  if (i_lo >= i_hi) return;                                                                      \
  const long ext[8] = ELEMENTS8(dims), pa[8] = ELEMENTS8(steps_a), pb[8] = ELEMENTS8(steps_b);   \
  long at[8];                                                                                    \
  const long sa = pa[nd - 1], sb = pb[nd - 1], row = ext[nd - 1];                                \
  long rest = i_lo, oa = 0, ob = 0;                                                              \
  for (int d = nd - 1; d >= 0; d--) {                                                            \
    at[d] = rest % ext[d];                                                                       \
    rest /= ext[d];                                                                              \
    oa += at[d] * pa[d];                                                                         \
    ob += at[d] * pb[d];                                                                         \
  }                                                                                              \
  for (long i = i_lo; i < i_hi;) {                                                               \
    const long left = row - at[nd - 1], len = i + left < i_hi ? left : i_hi - i;                 \
    STRETCH(BODY)                                                                                \
    i += len;                                                                                    \
    oa -= at[nd - 1] * sa; /* back to the row's start, which only the first can miss */          \
    ob -= at[nd - 1] * sb;                                                                       \
    at[nd - 1] = 0;                                                                              \
    for (int d = nd - 2; d >= 0; d--) {                                                          \
      oa += pa[d];                                                                               \
      ob += pb[d];                                                                               \
      if (++at[d] < ext[d]) break;                                                               \
      oa -= ext[d] * pa[d];                                                                      \
      ob -= ext[d] * pb[d];                                                                      \
      at[d] = 0;                                                                                 \
    }                                                                                            \
  }
#else
#define WALK(BODY)                                                                               \
  const long ext[8] = ELEMENTS8(dims), pa[8] = ELEMENTS8(steps_a), pb[8] = ELEMENTS8(steps_b);   \
  FOR_EACH(i, n) {                                                                               \
    long rest = i, oa = 0, ob = 0;                                                               \
    for (int d = nd - 1; d >= 0; d--) {                                                          \
      const long at = rest % ext[d];                                                             \
      rest /= ext[d];                                                                            \
      oa += at * pa[d];                                                                          \
      ob += at * pb[d];                                                                          \
    }                                                                                            \
    const int j = 0;                                                                             \
    const CT u = LOAD(a, oa), v = ONE ? 0 : LOAD(b, ob);                                         \
    BODY;                                                                                        \
  }
#endif

kernel void broadcast(const global T *a, const global T *b, global T *y, const int nd, const long8 dims, const long8 steps_a,
                      const long8 steps_b, const long n) {
  WALK(const CT r = EXPR(u, v); STORE(y, i + j, r))
}

kernel void broadcast_backward(const global T *g, const global T *a, const global T *b, global T *d_, const int nd, const long8 dims,
                               const long8 steps_a, const long8 steps_b, const long n) {
  WALK(const CT h = LOAD(g, i + j); const CT r = SLOPE(h, u, v); STORE(d_, i + j, r))
}
