/* Element-wise functions with broadcasting, over a walk that the file which includes this defines for its device.
 *
 *   broadcast           y[i] (req)= EXPR(a[...], b[...])
 *   broadcast_backward  d[i] (req)= SLOPE(g[i], a[...], b[...])
 *
 * y, d, g: contiguous, of extents dims (nd of them, the innermost last); a and b are walked with their own steps, 0 where they are
 * repeated. Innermost steps are 0 or 1. All of type T. With ONE, only a is read.
 *
 * WALK(BODY): BODY for this work-item's share of the elements, with i + j the element and u, v what is read of a and b.
 * In place: the output may be an input that is nowhere repeated.
 */
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

kernel void broadcast(const global T *a, const global T *b, global T *y, const int nd, const long8 dims, const long8 steps_a,
                      const long8 steps_b, const long n) {
  WALK(const CT r = EXPR(u, v); STORE(y, i + j, r))
}

kernel void broadcast_backward(const global T *g, const global T *a, const global T *b, global T *d_, const int nd, const long8 dims,
                               const long8 steps_a, const long8 steps_b, const long n) {
  WALK(const CT h = LOAD(g, i + j); const CT r = SLOPE(h, u, v); STORE(d_, i + j, r))
}
