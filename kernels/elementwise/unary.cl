/* Element-wise functions of one tensor, forward and backward.
 *
 *   unary           y[i] (req)= EXPR(x[i])
 *   unary_backward  d[i] (req)= g[i] * DERIVATIVE(saved[i]), saved being the input or the output of the forward
 *
 * x, y, g, saved, d: n elements, any shape, T. A work-item computes its share of MAP_EACH. In place: y may be x, d may be g or saved.
 * CT is float for a function that integers compute in float; INT is then the integer type results are truncated to.
 *
 * With NEAR_EXPR defined, EXPR holds a call, and NEAR_EXPR is what vectorises while |x| < M_NEAR: each block is looked over first.
 */
#include "common.h"
#include "math.h"
#include "special.h"
#include "convert.h"

#ifndef EXPR
#define EXPR(x) (x)
#endif
#ifndef DERIVATIVE
#define DERIVATIVE(x) ((CT)1)
#endif
#ifndef M_NEAR /* where there are no functions for small arguments */
#undef NEAR_EXPR
#endif
#define NEAR_BLOCK 1024

kernel void unary(const global T *x, global T *y, const long n) {
#ifdef NEAR_EXPR
  EACH_RANGE(i, n)
  for (long b = i_lo; b < i_hi; b += NEAR_BLOCK) {
    const long e = b + NEAR_BLOCK < i_hi ? b + NEAR_BLOCK : i_hi;
    int far = 0;
    for (long i = b; i < e; i++) far |= !(m_abs(LOAD(x, i)) < M_NEAR);
    if (far) {
      for (long i = b; i < e; i++) {
        const CT v = LOAD(x, i);
        const CT r = EXPR(v);
        STORE(y, i, RESULT(r));
      }
    } else {
      MAP_LOOP for (long i = b; i < e; i++) {
        const CT v = LOAD(x, i);
        const CT r = NEAR_EXPR(v);
        STORE(y, i, RESULT(r));
      }
    }
  }
#else
  MAP_EACH(i, n) {
    const CT v = LOAD(x, i);
    const CT r = EXPR(v);
    STORE(y, i, RESULT(r));
  }
#endif
}

kernel void unary_backward(const global T *g, const global T *saved, global T *d, const long n) {
  MAP_EACH(i, n) {
    const CT v = LOAD(saved, i);
    const CT r = (CT)LOAD(g, i) * DERIVATIVE(v);
    STORE(d, i, RESULT(r));
  }
}
