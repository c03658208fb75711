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
#include "math.h"
#include "reduce.h"

#ifndef BETA75
#define BETA75 0 /* beta is 0.75, as in every published net: two square roots instead of a power */
#endif
#if BETA75
#define POWER(v) (1 / (m_sqrt(v) * m_sqrt(m_sqrt(v))))
#else
#define POWER(v) m_pow(v, -beta)
#endif
#define TILE 256
#if DEVICE_CPU
#define POSITIONS_BEGIN                                                                        \
  const long tiles = (inner + TILE - 1) / TILE;                                                \
  FOR_ITEMS(item, outer *channels *tiles) {                                                    \
    const long column = item % tiles * TILE, c = item / tiles % channels;                      \
    const long at = item / tiles * inner + column;                                             \
    const int w = (int)(inner - column < TILE ? inner - column : TILE);                        \
    CT sum[TILE];                                                                              \
    for (int k = 0; k < w; k++) sum[k] = 0;
#define EACH MAP_LOOP for (int k = 0; k < w; k++)
#define SUM sum[k]
#else
#define POSITIONS_BEGIN                           \
  FOR_EACH(at, outer *channels *inner) {          \
    const long c = at / inner % channels;         \
    const int k = 0;                              \
    CT sum = 0;
#define EACH
#define SUM sum
#endif
#define POSITIONS_END }

#define WINDOW_SUM(EXPR)                                                     \
  const long first = c - reach > 0 ? c - reach : 0;                                    \
  const long last = c + reach < channels - 1 ? c + reach : channels - 1;               \
  for (long d = first; d <= last; d++) {                                                   \
    const long from = at + (d - c) * inner;                                                \
    EACH SUM += (EXPR);                                                                    \
  }

kernel void lrn(const global T *x, global T *y, const long outer, const long channels, const long inner, const int reach, const CT slope,
                const CT beta, const CT knorm) {
  POSITIONS_BEGIN
  WINDOW_SUM(LOAD(x, from + k) * LOAD(x, from + k))
  EACH STORE(y, at + k, LOAD(x, at + k) * POWER(knorm + slope * SUM));
  POSITIONS_END
}

kernel void lrn_prepare(const global T *g, const global T *x, global CT *power, global CT *ratio, const long outer, const long channels,
                        const long inner, const int reach, const CT slope, const CT beta, const CT knorm) {
  POSITIONS_BEGIN
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
  WINDOW_SUM(ratio[from + k])
  EACH STORE(dx, at + k, LOAD(g, at + k) * power[at + k] - 2 * slope * beta * LOAD(x, at + k) * SUM);
  POSITIONS_END
}
