/* Conversion between floating-point numbers, or 32-bit integers, and 8-bit integers.
 *
 *   quantize     y[i] = x[i] * scale, rounded (halves to even) and cut to the type's range; x: n elements of TX, y: of T. scale = LEVELS / a,
 *                a = the larger of |lo|, |hi|. With UNIT a unit of x means the larger of |in_lo|, |in_hi| divided by 2^31 - 1.
 *                The range is written: -a .. a for a signed T; for an unsigned one 0 .. a with UNIT, else lo .. hi.
 *   asymmetric   y[i] = x[i] * scale + shift + 0.5, cut off; scale = 255 / (hi - lo), shift = 255 - hi * scale, both written.
 *   dequantize   y[i] = x[i] * a / LEVELS; x of TX, y: float
 *   keep         y[i] = x[i], and the range lo .. hi is written
 *
 * RANGE 0: lo and hi are arguments; 1: the elements of `low` and `high` (float); 2: of `low` and `high` (int) times the unit.
 */
#include "common.h"
#include "math.h"

#ifndef TX
#define TX float
#endif
#ifndef RANGE
#define RANGE 0
#endif
#ifndef LEVELS
#define LEVELS 127.0f
#endif
#ifndef UNIT
#define UNIT 0
#endif
#ifndef SIGNED
#define SIGNED 1
#endif
#ifndef REQ1
#define REQ1 1
#endif
#ifndef REQ2
#define REQ2 1
#endif

#define LARGER(a, b) (m_abs_float(a) > m_abs_float(b) ? m_abs_float(a) : m_abs_float(b))

#if SIGNED
#define LEAST -128.0f
#define MOST 127.0f
#else
#define LEAST 0.0f
#define MOST 255.0f
#endif

#if RANGE == 2
#define TR int
#else
#define TR float
#endif

/* NaN becomes the largest */
static inline int cut(const float v) { return (int)(v < MOST ? (v > LEAST ? m_rint_float(v) : LEAST) : MOST); }

kernel void quantize(const global TX *x, const global TR *low, const global TR *high, const global float *in_low, const global float *in_high,
                     global T *y, global float *y_low, global float *y_high, const long n, const float given_low, const float given_high) {
#if UNIT
  const float unit = LARGER(in_low[0], in_high[0]) / 2147483647.0f;
#else
  const float unit = 1;
#endif
#if RANGE == 0
  const float lo = given_low, hi = given_high;
#elif RANGE == 1
  const float lo = low[0], hi = high[0];
#else
  const float lo = low[0] * unit, hi = high[0] * unit;
#endif
  const float a = LARGER(lo, hi);
  const float scale = LEVELS / a * unit;
  if (get_global_id(0) == 0) {
    const float first = SIGNED ? -a : (UNIT ? 0 : lo), second = SIGNED || UNIT ? a : hi;
    STORE_AS(REQ1, float, y_low, 0, first);
    STORE_AS(REQ2, float, y_high, 0, second);
  }
  MAP_EACH(i, n) {
    const int v = cut((float)LOAD_AS(TX, x, i) * scale);
    STORE(y, i, v);
  }
}

kernel void asymmetric(const global float *x, const global float *low, const global float *high, global T *y, global float *y_scale,
                       global float *y_shift, const long n, const float given_low, const float given_high) {
#if RANGE == 0
  const float lo = given_low, hi = given_high;
#else
  const float lo = low[0], hi = high[0];
#endif
  const float scale = 255 / (hi - lo), shift = 255 - hi * scale;
  if (get_global_id(0) == 0) {
    STORE_AS(REQ1, float, y_scale, 0, scale);
    STORE_AS(REQ2, float, y_shift, 0, shift);
  }
  MAP_EACH(i, n) {
    const float v = x[i] * scale + shift + 0.5f;
    const int w = (int)(v < 255.0f ? (v > 0 ? v : 0) : 255.0f);
    STORE(y, i, w);
  }
}

kernel void dequantize(const global TX *x, const global float *low, const global float *high, global T *y, const long n) {
  const float scale = LARGER(low[0], high[0]) / LEVELS;
  MAP_EACH(i, n) {
    const float v = (float)LOAD_AS(TX, x, i) * scale;
    STORE(y, i, v);
  }
}

kernel void keep(const global TX *x, global T *y, global float *y_low, global float *y_high, const long n, const float lo, const float hi) {
  if (get_global_id(0) == 0) {
    STORE_AS(REQ1, float, y_low, 0, lo);
    STORE_AS(REQ2, float, y_high, 0, hi);
  }
  MAP_EACH(i, n) {
    const int v = (int)LOAD_AS(TX, x, i);
    STORE(y, i, v);
  }
}
