/* Activation functions, element-wise.
 *
 *   activation           y = f(x)
 *   activation_backward  d = g * f'(x), from the output y (relu, sigmoid, tanh, softrelu) or the input x (softsign)
 *
 * n elements of T. ACT names f: act_relu, act_sigmoid ... (the plain names may be macros of the device's builtins).
 * In place: y may be x, d may be g or saved.
 */
#include "common.h"
#include "math.h"
#include "activation.h"

#ifndef ACT
#define ACT act_relu
#endif

kernel void activation(const global T *x, global T *y, const long n) {
  MAP_EACH(i, n) {
    const CT u = LOAD(x, i);
    const CT r = CAT(F_, ACT)(u);
    STORE(y, i, r);
  }
}

kernel void activation_backward(const global T *g, const global T *saved, global T *d, const long n) {
  MAP_EACH(i, n) {
    const CT u = LOAD(saved, i);
    const CT r = LOAD(g, i) * CAT(D_, ACT)(u);
    STORE(d, i, r);
  }
}
