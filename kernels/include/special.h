/* Special functions of the unary operators: m_gamma, m_gammaln, m_digamma, m_erfinv; CT is float or double. Follows math.h.
 *
 * Gamma and its logarithm are the builtins (the OpenCL standard gives lgamma no bound near its zeros 1 and 2).
 */
#ifndef SPECIAL_H
#define SPECIAL_H
#include "math.h"

#define m_gamma(x) tgamma(x)
#define m_gammaln(x) lgamma(x)
#define m_digamma(x) CAT(m_digamma_, CT)(x)
#define m_erfinv(x) CAT(m_erfinv_, CT)(x)

/* psi(x): reflection for x < 0, recurrence up to 6 (10 in double), then the asymptotic series */
M_FN float m_digamma_float(const float x) {
  float v = x < 0.0f ? 1.0f - x : x, sum = 0.0f;
  for (; v < 6.0f; v += 1.0f) sum += 1.0f / v;
  const float z = 1.0f / (v * v);
  const float tail = z * (8.333333e-2f - z * (8.333333e-3f - z * (3.968254e-3f - z * 4.166667e-3f)));
  const float y = log(v) - 0.5f / v - tail - sum;
  return x < 0.0f ? y - 3.14159265f / tanpi(x) : y;
}

/* Inverse of erf: a polynomial in w = -log(1 - x^2), another in sqrt(w) where w > 5 */
M_FN float m_erfinv_float(const float x) {
  const float w = -m_log_float((1.0f - x) * (1.0f + x));
  const float c = w - 2.5f;
  float p = 2.850917546e-08f;
  p = p * c + 3.440438547e-07f;
  p = p * c + -3.528225079e-06f;
  p = p * c + -4.400570106e-06f;
  p = p * c + 2.185974154e-04f;
  p = p * c + -1.253693830e-03f;
  p = p * c + -4.177694675e-03f;
  p = p * c + 2.466407120e-01f;
  p = p * c + 1.501409411e+00f;
  const float s = m_sqrt_float(w > 5.0f ? w : 5.0f) - 3.0f;
  float q = -1.570382738e-04f;
  q = q * s + 7.411640399e-05f;
  q = q * s + 1.293064444e-03f;
  q = q * s + -3.645314835e-03f;
  q = q * s + 5.762869492e-03f;
  q = q * s + -7.631354965e-03f;
  q = q * s + 9.435649961e-03f;
  q = q * s + 1.001675010e+00f;
  q = q * s + 2.832977057e+00f;
  const float y = (w > 5.0f ? q : p) * x;
  const float a = m_abs_float(x);
  return a < 1.0f ? y : (a == 1.0f ? m_copysign_float(M_INF, x) : M_NAN);
}

#ifdef cl_khr_fp64
M_FN double m_digamma_double(const double x) {
  double v = x < 0.0 ? 1.0 - x : x, sum = 0.0;
  for (; v < 10.0; v += 1.0) sum += 1.0 / v;
  const double z = 1.0 / (v * v);
  const double tail =
      z * (1.0 / 12 - z * (1.0 / 120 - z * (1.0 / 252 - z * (1.0 / 240 - z * (1.0 / 132 - z * (691.0 / 32760 - z * (1.0 / 12)))))));
  const double y = log(v) - 0.5 / v - tail - sum;
  return x < 0.0 ? y - 3.14159265358979323846 / tanpi(x) : y;
}
/* The float value, then Newton's method with the second-order term: two steps reach double */
M_FN double m_erfinv_double(const double x) {
  const double a = fabs(x);
  if (!(a < 1.0)) return a == 1.0 ? copysign((double)INFINITY, x) : (double)NAN;
  const double w = -log((1.0 - a) * (1.0 + a));
  double y = w > 16.0 ? sqrt(w - 0.5 * log(w) - 0.57) : (double)m_erfinv_float((float)a);
  for (int k = 0; k < 4; k++) {
    /* erfc keeps the digits that erf loses near 1 */
    const double e = a < 0.5 ? erf(y) - a : (1.0 - a) - erfc(y);
    const double d = e * 0.88622692545275801365 * exp(y * y);
    y -= d / (1.0 + y * d);
  }
  return copysign(y, x);
}
#endif

#endif
