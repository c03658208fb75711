/* Element-wise functions of one tensor and one or two numbers, forward and backward.
 *
 *   scalar           y[i] (req)= EXPR(x[i], s, t)
 *   scalar_backward  d[i] (req)= DERIVATIVE(g[i], saved[i], s, t), saved being the input or the output of the forward
 *
 * x: n elements of TX; y, g, saved, d: of T; s, t: numbers of CT. A work-item computes its share of MAP_EACH. In place: y may be x
 * (of one size), d may be g or saved. See convert.h for RESULT, quotient, modulo, power, hypotenuse.
 */
#include "common.h"
#include "math.h"
#include "convert.h"

#ifndef TX
#define TX T
#endif
#ifndef EXPR
#define EXPR(x, s, t) (x)
#endif
#ifndef DERIVATIVE
#define DERIVATIVE(g, v, s, t) (g)
#endif

kernel void scalar(const global TX *x, global T *y, const CT s, const CT t, const long n) {
  MAP_EACH(i, n) {
    const CT v = (CT)LOAD_AS(TX, x, i);
    const CT r = EXPR(v, s, t);
    STORE(y, i, RESULT(r));
  }
}

kernel void scalar_backward(const global T *g, const global T *saved, global T *d, const CT s, const CT t, const long n) {
  MAP_EACH(i, n) {
    const CT h = (CT)LOAD(g, i), v = (CT)LOAD(saved, i);
    const CT r = DERIVATIVE(h, v, s, t);
    STORE(d, i, RESULT(r));
  }
}
