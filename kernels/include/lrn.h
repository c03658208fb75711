/* What the kernels of local response normalisation share: the power, this work-item's positions, and sums over a window of channels.
 *
 * POSITIONS_BEGIN ... POSITIONS_END   this work-item's share of (outer, channels, inner): at `at` in channel `c`. CPU: tiles of TILE
 *                                     positions, GPU: elements, a grid apart
 * EACH                                position k of the tile (GPU: the only one), before a statement; SUM is what WINDOW_SUM gave it
 * WINDOW_SUM(EXPR)                    the sum of EXPR, a function of `from`, over the channels of the window
 * FETCH(p)                            what the window's last row will need of p is fetched
 *
 * BETA75: beta is 0.75, as in every published net.
 */
#ifndef LRN_H
#define LRN_H
#include "math.h"
#include "reduce.h"

#ifndef BETA75
#define BETA75 0
#endif
#if BETA75
#define POWER(v) CAT(power75_, CT)(v)
#define power75_double(v) (1 / (m_sqrt(v) * m_sqrt(m_sqrt(v))))
#if DEVICE_CPU
/* v^-0.75 to 2 units in the last place, without division or root: a first value y from -3/4 of the bits of v, then
 * y (v^3 y^4)^-0.25, whose bracket is within 0.2 of 1 */
M_FN float power75_float(const float v) {
  const int tiny = v < 1.17549435e-38f;
  const float s = tiny ? v * 16777216.0f : v;
  const int bits = as_int(s);
  const float y = as_float(0x6f152000 - (bits - (bits >> 2)));
  const float a = s * y * y, h = a * s * a - 1.0f;
  float p = 6.805761158e-02f;
  p = p * h + -8.412068337e-02f;
  p = p * h + 9.537107498e-02f;
  p = p * h + -1.171412170e-01f;
  p = p * h + 1.562486589e-01f;
  p = p * h + -2.500001788e-01f;
  const float r = y + y * (p * h), scaled = tiny ? r * 262144.0f : r;
  return v > 0.0f && v < M_INF ? scaled : (v == 0.0f ? M_INF : (v > 0.0f ? 0.0f : M_NAN));
}
#else
#define power75_float(v) (1 / (m_sqrt(v) * m_sqrt(m_sqrt(v))))
#endif
#else
#define POWER(v) m_pow(v, -beta)
#endif
#define TILE 512
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
/* Two tiles on, of the last row of the window: five rows at once are more than the hardware foresees. A cache line has 16 floats. */
#if DEVICE_CPU
#define FETCH(p)                                 \
  SHORT_LOOP for (int k = 0; k < w; k += 16) {   \
    PREFETCH((p) + at + reach * inner + 2 * TILE + k); \
  }
#else
#define FETCH(p)
#endif

/* EXPR is a function of `from`. The window of five that published nets have is one loop, which keeps the sum in a register. */
#define WINDOW_TERM(EXPR, d)                   \
  {                                            \
    const long from = at + (long)(d) * inner;  \
    s += (EXPR);                               \
  }
#define WINDOW_SUM(EXPR)                                                                \
  if (DEVICE_CPU && reach == 2 && c >= 2 && c + 2 < channels) {                         \
    EACH {                                                                              \
      CT s = 0;                                                                         \
      WINDOW_TERM(EXPR, -2)                                                             \
      WINDOW_TERM(EXPR, -1)                                                             \
      WINDOW_TERM(EXPR, 0)                                                              \
      WINDOW_TERM(EXPR, 1)                                                              \
      WINDOW_TERM(EXPR, 2)                                                              \
      SUM = s;                                                                          \
    }                                                                                   \
  } else {                                                                              \
    const long first = c - reach > 0 ? c - reach : 0;                                   \
    const long last = c + reach < channels - 1 ? c + reach : channels - 1;              \
    for (long d = first; d <= last; d++) {                                              \
      const long from = at + (d - c) * inner;                                           \
      EACH SUM += (EXPR);                                                               \
    }                                                                                   \
  }

#endif
