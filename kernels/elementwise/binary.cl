/* Element-wise functions of two tensors of one shape, forward and backward, and sums of up to four.
 *
 *   binary           y[i] (req)= EXPR(a[i], b[i])
 *   binary_backward  d[i] (req)= SLOPE(g[i], a[i], b[i])
 *   sum_of           y[i] (req)= x0[i] + .. + x{COUNT-1}[i]
 *
 * All arrays: n elements of T. A work-item computes its share of MAP_EACH. In place: the output may be any input.
 */
#include "common.h"
#include "math.h"
#include "convert.h"

#ifndef EXPR
#define EXPR(a, b) (a)
#endif
#ifndef SLOPE
#define SLOPE(g, a, b) (g)
#endif
#ifndef COUNT
#define COUNT 4
#endif

kernel void binary(const global T *a, const global T *b, global T *y, const long n) {
  MAP_EACH(i, n) {
    const CT u = LOAD(a, i), v = LOAD(b, i);
    const CT r = EXPR(u, v);
    STORE(y, i, r);
  }
}

kernel void binary_backward(const global T *g, const global T *a, const global T *b, global T *d, const long n) {
  MAP_EACH(i, n) {
    const CT h = LOAD(g, i), u = LOAD(a, i), v = LOAD(b, i);
    const CT r = SLOPE(h, u, v);
    STORE(d, i, r);
  }
}

kernel void sum_of(const global T *x0, const global T *x1, const global T *x2, const global T *x3, global T *y, const long n) {
  MAP_EACH(i, n) {
    CT s = LOAD(x0, i);
#if COUNT > 1
    s += LOAD(x1, i);
#endif
#if COUNT > 2
    s += LOAD(x2, i);
#endif
#if COUNT > 3
    s += LOAD(x3, i);
#endif
    STORE(y, i, s);
  }
}
