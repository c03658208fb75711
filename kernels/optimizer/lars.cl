/* Layer-wise learning rates: y = lr * eta * |w| / (|g| + wd * |w| + eps) where both norms are positive, else lr; n elements of float each.
 *
 * w2, g2: the squares of the norms of weight and gradient; the gradient's is scaled by `rescale`. y may be any of the inputs.
 */
#include "common.h"
#include "math.h"

kernel void lars(const global float *lr, const global float *w2, const global float *g2, const global float *wd, global float *y, const long n,
                 const float eta, const float eps, const float rescale) {
  MAP_EACH(i, n) {
    const float rate = lr[i], weight = m_sqrt_float(w2[i]), grad = rescale * m_sqrt_float(g2[i]);
    const float layer = rate * eta * weight / (grad + wd[i] * weight + eps);
    STORE(y, i, weight > 0 && grad > 0 ? layer : rate);
  }
}
