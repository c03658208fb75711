/* Elementary functions that a compiler can inline and vectorise: no call, no table, no branch in the float versions.
 *
 * Builtins are real calls on PoCL, and one call in a loop keeps it scalar. A function is written m_exp(x), x of compute type CT;
 * the float version is ours, the double one is the builtin. The float version by itself: m_exp_float(x).
 * inf, NaN and signed zeros follow C99; denormal results are kept where the device keeps denormals. On a device that rounds
 * a division or flushes denormals otherwise than IEEE 754 asks, errors grow a little.
 *
 * Largest errors in units in the last place against float64 (tests/device/test_math.py sweeps them, on PoCL):
 *   exp 1.0   expm1 1.5   log 0.8   log2 1.2   log10 1.8   log1p 1.4   softplus 1.5   sigmoid 2.4   tanh 2.4   erf 1.0   pow 1.0
 *   sqrt 0.5  cbrt 1.0    hypot 1.8   sin 2.1   cos 1.7   tan 3.4   asin 1.9   acos 1.3   atan 1.8
 *   sinh 2.7  cosh 2.9    asinh 1.7   acosh 2.0   atanh 2.1   floor ceil trunc rint 0
 */
#ifndef MATH_H
#define MATH_H

#define M_FN static inline __attribute__((always_inline))
#define m_exp(x) CAT(m_exp_, CT)(x)
#define m_expm1(x) CAT(m_expm1_, CT)(x)
#define m_log(x) CAT(m_log_, CT)(x)
#define m_log2(x) CAT(m_log2_, CT)(x)
#define m_log10(x) CAT(m_log10_, CT)(x)
#define m_log1p(x) CAT(m_log1p_, CT)(x)
#define m_softplus(x) CAT(m_softplus_, CT)(x)
#define m_sigmoid(x) CAT(m_sigmoid_, CT)(x)
#define m_tanh(x) CAT(m_tanh_, CT)(x)
#define m_erf(x) CAT(m_erf_, CT)(x)
#define m_pow(x, y) CAT(m_pow_, CT)(x, y)
#define m_sqrt(x) CAT(m_sqrt_, CT)(x)
#define m_cbrt(x) CAT(m_cbrt_, CT)(x)
#define m_hypot(x, y) CAT(m_hypot_, CT)(x, y)
#define m_abs(x) CAT(m_abs_, CT)(x)
#define m_floor(x) CAT(m_floor_, CT)(x)
#define m_ceil(x) CAT(m_ceil_, CT)(x)
#define m_trunc(x) CAT(m_trunc_, CT)(x)
#define m_rint(x) CAT(m_rint_, CT)(x)
#define m_fmod(x, y) CAT(m_fmod_, CT)(x, y)
#define m_sin(x) CAT(m_sin_, CT)(x)
#define m_cos(x) CAT(m_cos_, CT)(x)
#define m_tan(x) CAT(m_tan_, CT)(x)
#define m_asin(x) CAT(m_asin_, CT)(x)
#define m_acos(x) CAT(m_acos_, CT)(x)
#define m_atan(x) CAT(m_atan_, CT)(x)
#define m_sinh(x) CAT(m_sinh_, CT)(x)
#define m_cosh(x) CAT(m_cosh_, CT)(x)
#define m_asinh(x) CAT(m_asinh_, CT)(x)
#define m_acosh(x) CAT(m_acosh_, CT)(x)
#define m_atanh(x) CAT(m_atanh_, CT)(x)

#define M_MAGIC 12582912.0f /* 1.5 * 2^23: adding it rounds to an integer, held in the low bits */
#define M_INF as_float(0x7f800000)
#define M_NAN as_float(0x7fc00000)

/* ------------------------------------------------------------------------------------------------ rounding, sign, root */

M_FN float m_abs_float(const float x) { return as_float(as_int(x) & 0x7fffffff); }
M_FN float m_copysign_float(const float x, const float s) { return as_float((as_int(x) & 0x7fffffff) | (as_int(s) & (int)0x80000000u)); }

#if DEVICE_CPU && defined(__clang__) && !defined(NO_INTRINSICS) /* single instructions there, where the OpenCL builtins are calls */
M_FN float m_sqrt_float(const float x) { return __builtin_sqrtf(x); }
M_FN float m_floor_float(const float x) { return __builtin_floorf(x); }
M_FN float m_ceil_float(const float x) { return __builtin_ceilf(x); }
M_FN float m_trunc_float(const float x) { return __builtin_truncf(x); }
M_FN float m_rint_float(const float x) { return __builtin_rintf(x); }
#else
M_FN float m_sqrt_float(const float x) { return sqrt(x); }
M_FN float m_floor_float(const float x) { return floor(x); }
M_FN float m_ceil_float(const float x) { return ceil(x); }
M_FN float m_trunc_float(const float x) { return trunc(x); }
M_FN float m_rint_float(const float x) { return rint(x); }
#endif
M_FN float m_fmod_float(const float x, const float y) { return fmod(x, y); }

M_FN float m_hypot_float(const float x, const float y) {
  const float a = m_abs_float(x), b = m_abs_float(y);
  const float hi = a > b ? a : b, lo = a > b ? b : a;
  const float q = lo / hi;
  const float r = hi == 0.0f ? 0.0f : hi * m_sqrt_float(1.0f + q * q);
  const float s = x != x || y != y ? M_NAN : r;
  return a == M_INF || b == M_INF ? M_INF : s;
}

M_FN float m_cbrt_step(const float t, const float a) { /* Halley: the error cubed */
  const float c = t * t * t;
  return t - t * ((c - a) / (c + c + a));
}
M_FN float m_cbrt_float(const float x) {
  const float a0 = m_abs_float(x);
  const int tiny = a0 < 1e-30f, vast = a0 > 1e30f; /* scaled by 2^24 so that nothing over- or underflows */
  const float a = tiny ? a0 * 16777216.0f : (vast ? a0 * 5.9604645e-8f : a0);
  const float t0 = as_float((int)((uint)as_int(a) / 3u + 709921077u)); /* a third of the exponent: within 4% */
  const float t = m_cbrt_step(m_cbrt_step(t0, a), a);
  const float y = tiny ? t * 0.00390625f : (vast ? t * 256.0f : t);
  return a0 == 0.0f || !(a0 < M_INF) ? x : m_copysign_float(y, x);
}

/* ------------------------------------------------------------------------------------------------------ exponential */

/* e^r - 1 for the remainder r of x = n ln 2 + r, |r| <= ln 2 / 2; |x| < 2^21 */
M_FN float m_exp_core(const float x, int *n) {
  const float t = x * 1.44269504f + M_MAGIC;
  const float k = t - M_MAGIC;
  *n = as_int(t) - 0x4B400000;
  const float r = (x - k * 0.693359375f) - k * -2.12194440e-4f; /* ln 2 in two parts: the first product is exact */
  float p = 1.394322724e-03f;
  p = p * r + 8.368860930e-03f;
  p = p * r + 4.166637361e-02f;
  p = p * r + 1.666651964e-01f;
  p = p * r + 0.5f;
  return p * (r * r) + r;
}

M_FN float m_exp_float(const float x) {
  const float low = x < -104.0f ? -104.0f : x, c = low > 89.0f ? 89.0f : low;
  int n;
  const float p = m_exp_core(c, &n) + 1.0f;
  const int h = n >> 1; /* 2^n in two factors: overflows to inf and underflows through the denormals */
  return p * as_float((int)((uint)(h + 127) << 23)) * as_float((int)((uint)(n - h + 127) << 23));
}

M_FN float m_expm1_float(const float x) {
  const float low = x < -20.0f ? -20.0f : x, c = low > 89.0f ? 89.0f : low;
  int n;
  const float q = m_exp_core(c, &n);
  const float s = as_float((int)((uint)(n + 126) << 23)); /* 2^(n-1), since 2^128 overflows */
  const float y = (s * q + (s - 0.5f)) * 2.0f;
  return m_abs_float(x) < 5.9604645e-8f ? x : y;
}

/* m_exp and m_expm1 for |x| < 80: nothing over- or underflows, the values are the same */
M_FN float m_exp_near(const float x) {
  int n;
  const float p = m_exp_core(x, &n) + 1.0f;
  return p * as_float((int)((uint)(n + 127) << 23));
}
M_FN float m_expm1_near(const float x) {
  int n;
  const float q = m_exp_core(x, &n), s = as_float((int)((uint)(n + 126) << 23));
  return (s * q + (s - 0.5f)) * 2.0f;
}

M_FN float m_sigmoid_float(const float x) { return 1.0f / (1.0f + m_exp_float(-x)); }

M_FN float m_tanh_float(const float x) {
  const float a = m_abs_float(x);
  const float t = m_expm1_near(a > 10.0f ? 20.0f : a + a);
  return m_copysign_float(x != x ? x : t / (t + 2.0f), x);
}

M_FN float m_sinh_float(const float x) {
  const float a = m_abs_float(x);
  const float t = m_expm1_float(a > 9.0f ? 9.0f : a);
  const float h = m_exp_float(a * 0.5f);
  const float y = a > 9.0f ? 0.5f * h * h : 0.5f * (t + t / (t + 1.0f));
  return m_copysign_float(a < 1e-4f ? a : y, x);
}

M_FN float m_cosh_float(const float x) {
  const float a = m_abs_float(x);
  const float h = m_exp_float(a * 0.5f), e = h * h;
  return a > 9.0f ? 0.5f * h * h : 0.5f * e + 0.5f / e;
}

/* ------------------------------------------------------------------------------------------------------ logarithm */

/* log(1 + f), 1 + f in [sqrt(1/2), sqrt(2)], less f: the small part */
M_FN float m_log_tail(const float f) {
  float p = 6.750957668e-02f;
  p = p * f + -1.167145148e-01f;
  p = p * f + 1.188356876e-01f;
  p = p * f + -1.240603179e-01f;
  p = p * f + 1.422032714e-01f;
  p = p * f + -1.666799635e-01f;
  p = p * f + 2.000207305e-01f;
  p = p * f + -2.500000894e-01f;
  p = p * f + 3.333331347e-01f;
  const float z = f * f;
  return p * f * z - 0.5f * z;
}

/* x = 2^e (1 + f); x positive and finite, denormals included */
M_FN float m_log_split(const float x, int *e) {
  const int tiny = x < 1.17549435e-38f;
  const int bits = as_int(tiny ? x * 8388608.0f : x);
  const int k = (bits - 0x3f3504f3) >> 23;
  *e = tiny ? k - 23 : k;
  return as_float((int)((uint)bits - ((uint)k << 23))) - 1.0f;
}

/* The value of a logarithm at x where its formula gives none */
M_FN float m_log_edges(const float x, const float y) {
  const float z = x == 0.0f ? -M_INF : (x < 0.0f ? M_NAN : y);
  return x < M_INF ? z : x; /* inf and NaN */
}

M_FN float m_log_float(const float x) {
  int e;
  const float f = m_log_split(x, &e), k = (float)e;
  const float y = f + (m_log_tail(f) + k * -2.12194440e-4f);
  return m_log_edges(x, y + k * 0.693359375f);
}

M_FN float m_log2_float(const float x) {
  int e;
  const float f = m_log_split(x, &e), t = m_log_tail(f);
  const float y = (f + t) * 0.44269504f + t; /* log2(e) = 1 + 0.44...: keeps f exact */
  return m_log_edges(x, (y + f) + (float)e);
}

M_FN float m_log10_float(const float x) {
  int e;
  const float f = m_log_split(x, &e), k = (float)e;
  const float y = (f + m_log_tail(f)) * 0.4342944819f + k * 2.48745663e-4f;
  return m_log_edges(x, y + k * 0.30078125f); /* log10(2) in two parts */
}

M_FN float m_log1p_float(const float x) {
  const float u = 1.0f + x;
  const float lost = x > 1.0f ? 1.0f - (u - x) : x - (u - 1.0f); /* what rounding took from u */
  int e;
  const float f0 = m_log_split(u, &e), k = (float)e;
  const float f = f0 + lost * as_float((int)((uint)(127 - (e > 126 ? 126 : e)) << 23));
  const float y = (f + (m_log_tail(f) + k * -2.12194440e-4f)) + k * 0.693359375f;
  return m_abs_float(x) < 5.9604645e-8f ? x : m_log_edges(u, y);
}

M_FN float m_softplus_float(const float x) { /* log(1 + e^x) */
  const float v = m_exp_float(-m_abs_float(x)); /* log(1 + v) as in m_log1p, for v in [0, 1] */
  const float u = 1.0f + v, lost = v - (u - 1.0f);
  const int high = u > 1.41421354f;
  const float part = high ? 0.5f : 1.0f, k = high ? 1.0f : 0.0f;
  const float f = (u * part - 1.0f) + lost * part;
  const float t = (f + (m_log_tail(f) + k * -2.12194440e-4f)) + k * 0.693359375f;
  return x > 0.0f ? x + t : (x != x ? x : t);
}

M_FN float m_asinh_float(const float x) {
  const float a = m_abs_float(x), c = a > 1e9f ? 1e9f : a, s = c * c;
  const float y = m_log1p_float(c + s / (1.0f + m_sqrt_float(1.0f + s)));
  const float far = m_log_float(a) + 0.69314718f;
  return m_copysign_float(x != x ? x : (a > 1e9f ? far : y), x);
}

M_FN float m_acosh_float(const float x) {
  const float t = (x > 1e9f ? 1e9f : x) - 1.0f;
  const float y = m_log1p_float(t + m_sqrt_float(t + t + t * t));
  const float z = x > 1e9f ? m_log_float(x) + 0.69314718f : y;
  return x >= 1.0f ? z : M_NAN;
}

M_FN float m_atanh_float(const float x) {
  const float a = m_abs_float(x);
  return m_copysign_float(0.5f * m_log1p_float((a + a) / (1.0f - a)), x);
}

/* ------------------------------------------------------------------------------------------------------ error function */

M_FN float m_erf_float(const float x) {
  const float a = m_abs_float(x), z = x * x;
  float p = 8.001210517e-05f; /* erf(x) / x - 1, |x| < 0.92 */
  p = p * z + -8.050497272e-04f;
  p = p * z + 5.192441400e-03f;
  p = p * z + -2.685573697e-02f;
  p = p * z + 1.128362566e-01f;
  p = p * z + -3.761262894e-01f;
  p = p * z + 1.283791661e-01f;
  const float c = a > 4.0f ? 4.0f : a;
  float q = -1.076535045e-05f; /* log(erfc(x)) / x + 1 */
  q = q * c + 3.180748899e-04f;
  q = q * c + -3.622960299e-03f;
  q = q * c + 2.372024208e-02f;
  q = q * c + -1.061876491e-01f;
  q = q * c + -6.351814866e-01f;
  q = q * c + -1.286409646e-01f;
  const float far = 1.0f - m_exp_near(q * c - c);
  return a < 0.92f ? p * x + x : (x != x ? x : m_copysign_float(far, x));
}

/* ------------------------------------------------------------------------------------------------------ power */

#if DEVICE_CPU && defined(cl_khr_fp64)
/* Through double: y log x needs 32 bits more than float has. Half the vector width, still many times faster than the call. */
M_FN float m_pow_float(const float x, const float y) {
  const float a = m_abs_float(x);
  int e;
  const double f = (double)m_log_split(a, &e);
  const double s = f / (2.0 + f), z = s * s;
  double p = 2.0 / 13; /* 2 atanh(s), the next term is below 2^-39 */
  p = p * z + 2.0 / 11;
  p = p * z + 2.0 / 9;
  p = p * z + 2.0 / 7;
  p = p * z + 2.0 / 5;
  p = p * z + 2.0 / 3;
  const double l0 = s * 2.0 + p * z * s + (double)e * 0.6931471805599453;
  const double l1 = a == 0.0f ? -(double)M_INF : (a < M_INF ? l0 : (double)a);
  const double t0 = l1 * (double)y;
  const double t = t0 > 89.0 ? 89.0 : (t0 < -104.0 ? -104.0 : t0);
  const double k = (t * 1.4426950408889634 + 6755399441055744.0) - 6755399441055744.0;
  const float r = (float)(t - k * 0.6931471805599453);
  const int n = k == k ? (int)k : 0;
  float q = 1.394322724e-03f;
  q = q * r + 8.368860930e-03f;
  q = q * r + 4.166637361e-02f;
  q = q * r + 1.666651964e-01f;
  q = q * r + 0.5f;
  q = q * (r * r) + r + 1.0f;
  const int h = n >> 1;
  const float m = q * as_float((int)((uint)(h + 127) << 23)) * as_float((int)((uint)(n - h + 127) << 23));
  const float ay = m_abs_float(y), ys = ay < 16777216.0f ? y : 0.0f; /* beyond 2^24 every float is even */
  const int yi = (int)ys, odd = (yi & 1) && (float)yi == ys, whole = (float)yi == ys;
  const float signed_m = odd ? m_copysign_float(m, x) : m;
  const float v = x < 0.0f && a < M_INF && !whole ? M_NAN : (y != y ? y : signed_m);
  return y == 0.0f || x == 1.0f || (a == 1.0f && ay == M_INF) ? 1.0f : v;
}
#else
M_FN float m_pow_float(const float x, const float y) { return pow(x, y); }
#endif

/* ------------------------------------------------------------------------------------------------------ trigonometry */

/* sin and cos of the remainder r, |r| <= pi / 4 */
M_FN float m_sin_core(const float r) {
  const float z = r * r;
  return ((2.838850378e-06f * z + -1.985375566e-04f) * z + 8.333381265e-03f) * z * (z * r) + -1.666666716e-01f * (z * r) + r;
}
M_FN float m_cos_core(const float r) {
  const float z = r * r;
  return ((2.443233643e-05f * z + -1.388730947e-03f) * z + 4.166664556e-02f) * (z * z) + (1.0f - 0.5f * z);
}

#if DEVICE_CPU && defined(cl_khr_fp64)
/* x = q pi / 2 + r. pi / 2 in a part of 33 bits, whose product with q < 2^20 is exact, and the rest. */
M_FN float m_quadrant(const float x, int *q) {
  const double k = ((double)x * 0.6366197723675814 + 6755399441055744.0) - 6755399441055744.0;
  *q = (int)k;
  return (float)(((double)x - k * 1.57079632673412561417) - k * 6.07710050650619224932e-11);
}
/* For |x| < M_NEAR; otherwise a kernel calls the builtin. */
#define M_NEAR 1.0e6f
M_FN float m_near_sin(const float x) {
  int q;
  const float r = m_quadrant(x, &q), s = m_sin_core(r), c = m_cos_core(r), v = q & 1 ? c : s;
  return x == 0.0f ? x : (q & 2 ? -v : v);
}
M_FN float m_near_cos(const float x) {
  int q;
  const float r = m_quadrant(x, &q), s = m_sin_core(r), c = m_cos_core(r), v = q & 1 ? s : c;
  return (q + 1) & 2 ? -v : v;
}
M_FN float m_near_tan(const float x) {
  int q;
  const float r = m_quadrant(x, &q), s = m_sin_core(r), c = m_cos_core(r);
  return x == 0.0f ? x : (q & 1 ? -c / s : s / c);
}
M_FN float m_sin_float(const float x) { return m_abs_float(x) < M_NEAR ? m_near_sin(x) : sin(x); }
M_FN float m_cos_float(const float x) { return m_abs_float(x) < M_NEAR ? m_near_cos(x) : cos(x); }
M_FN float m_tan_float(const float x) { return m_abs_float(x) < M_NEAR ? m_near_tan(x) : tan(x); }
#else
M_FN float m_sin_float(const float x) { return sin(x); }
M_FN float m_cos_float(const float x) { return cos(x); }
M_FN float m_tan_float(const float x) { return tan(x); }
#endif

M_FN float m_asin_core(const float r) { /* |r| <= 1/2 */
  const float z = r * r;
  float p = 3.768278658e-02f;
  p = p * z + 1.432424225e-02f;
  p = p * z + 3.183685988e-02f;
  p = p * z + 4.451359436e-02f;
  p = p * z + 7.500521094e-02f;
  p = p * z + 1.666665971e-01f;
  return p * z * r + r;
}
M_FN float m_asin_float(const float x) {
  const float a = m_abs_float(x);
  const float half_ = m_asin_core(m_sqrt_float((1.0f - a) * 0.5f));
  const float y = a > 0.5f ? (1.57079633f - (half_ + half_)) + -4.37113883e-8f : m_asin_core(a);
  return m_copysign_float(y, x);
}
M_FN float m_acos_float(const float x) {
  const float a = m_abs_float(x);
  const float h = m_asin_core(m_sqrt_float((1.0f - a) * 0.5f)), d = h + h;
  const float far = x > 0.0f ? d : (3.14159274f - d) + -8.74227766e-8f;
  return a > 0.5f ? far : 1.57079637f - (m_asin_core(x) + 4.37113883e-8f);
}
M_FN float m_atan_float(const float x) {
  const float a = m_abs_float(x);
  const float r = a > 2.41421356f ? -1.0f / a : (a > 0.41421356f ? (a - 1.0f) / (a + 1.0f) : a);
  const float base = a > 2.41421356f ? 1.57079637f : (a > 0.41421356f ? 0.785398185f : 0.0f);
  const float z = r * r;
  float p = 4.333328083e-02f;
  p = p * z + -8.275322616e-02f;
  p = p * z + 1.100837812e-01f;
  p = p * z + -1.427905709e-01f;
  p = p * z + 1.999980062e-01f;
  p = p * z + -3.333333135e-01f;
  const float low = base * -2.78275342e-8f; /* pi / 2 and pi / 4 beyond float */
  return m_copysign_float(base + (r + (p * z * r + low)), x);
}

/* ------------------------------------------------------------------------------------------------------ double: the builtins */

#ifdef cl_khr_fp64
#define M_DOUBLE(name) \
  M_FN double m_##name##_double(const double x) { return name(x); }
M_DOUBLE(exp)
M_DOUBLE(expm1)
M_DOUBLE(log)
M_DOUBLE(log2)
M_DOUBLE(log10)
M_DOUBLE(log1p)
M_DOUBLE(tanh)
M_DOUBLE(erf)
M_DOUBLE(sqrt)
M_DOUBLE(cbrt)
M_DOUBLE(floor)
M_DOUBLE(ceil)
M_DOUBLE(trunc)
M_DOUBLE(rint)
M_DOUBLE(sin)
M_DOUBLE(cos)
M_DOUBLE(tan)
M_DOUBLE(asin)
M_DOUBLE(acos)
M_DOUBLE(atan)
M_DOUBLE(sinh)
M_DOUBLE(cosh)
M_DOUBLE(asinh)
M_DOUBLE(acosh)
M_DOUBLE(atanh)
M_FN double m_abs_double(const double x) { return fabs(x); }
M_FN double m_pow_double(const double x, const double y) { return pow(x, y); }
M_FN double m_hypot_double(const double x, const double y) { return hypot(x, y); }
M_FN double m_fmod_double(const double x, const double y) { return fmod(x, y); }
M_FN double m_sigmoid_double(const double x) { return 1.0 / (1.0 + exp(-x)); }
M_FN double m_softplus_double(const double x) {
  const double t = log1p(exp(-fabs(x)));
  return x > 0.0 ? x + t : t;
}
#endif

#endif
