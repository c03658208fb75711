/* Local response normalisation across channels, (outer, channels, inner):
 *
 *   norm[c] = knorm + alpha / nsize * sum of x^2 over channels c - reach .. c + reach,   y = x * norm^-beta,  reach = (nsize - 1) / 2
 *
 *   lrn            y from x
 *   lrn_prepare    power = norm^-beta and ratio = g * x * norm^(-beta - 1), of CT, for the gradient
 *   lrn_backward   dx[c] = g[c] * power[c] - 2 * alpha * beta / nsize * x[c] * sum of ratio over the same window
 *
 * CPU: an item is (outer, tile of TILE positions). GPU: one work-item an element, neighbours at neighbouring positions.
 */
#include "common.h"
#include "lrn.h"

kernel void lrn(const global T *x, global T *y, const long outer, const long channels, const long inner, const int reach, const CT slope,
                const CT beta, const CT knorm) {
  POSITIONS_BEGIN
  FETCH(x)
  FETCH(y - reach * inner)
  WINDOW_SUM(LOAD(x, from + k) * LOAD(x, from + k))
  EACH STORE(y, at + k, LOAD(x, at + k) * POWER(knorm + slope * SUM));
  POSITIONS_END
}

kernel void lrn_prepare(const global T *g, const global T *x, global CT *power, global CT *ratio, const long outer, const long channels,
                        const long inner, const int reach, const CT slope, const CT beta, const CT knorm) {
  POSITIONS_BEGIN
  FETCH(x)
  WINDOW_SUM(LOAD(x, from + k) * LOAD(x, from + k))
  EACH {
    const CT norm = knorm + slope * SUM, p = POWER(norm);
    power[at + k] = p;
    ratio[at + k] = LOAD(g, at + k) * LOAD(x, at + k) * p / norm;
  }
  POSITIONS_END
}

kernel void lrn_backward(const global T *g, const global T *x, const global CT *power, const global CT *ratio, global T *dx, const long outer,
                         const long channels, const long inner, const int reach, const CT slope, const CT beta, const CT knorm) {
  POSITIONS_BEGIN
  FETCH(ratio)
  WINDOW_SUM(ratio[from + k])
  EACH STORE(dx, at + k, LOAD(g, at + k) * power[at + k] - 2 * slope * beta * LOAD(x, at + k) * SUM);
  POSITIONS_END
}
