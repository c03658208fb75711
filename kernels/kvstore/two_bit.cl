/* Gradients in steps of a threshold: out = threshold where grad and what was left before reach it, -threshold where they reach that, else 0;
 * residual = what is left for the next time. n elements of T each; out may be grad.
 */
#include "common.h"

kernel void two_bit(const global T *grad, global T *residual, global T *out, const long n, const CT threshold) {
  MAP_EACH(i, n) {
    const CT whole = LOAD(residual, i) + LOAD(grad, i);
    const CT sent = whole >= threshold ? threshold : whole <= -threshold ? -threshold : 0;
    const CT left = whole - sent;
    CAT(PUT_, T)(residual, i, left);
    STORE(out, i, sent);
  }
}
