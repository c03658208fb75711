/* Probability densities of samples, and their slopes, for distributions with one parameter or two.
 *
 * Element i of `sample` belongs to entry i / inner of the parameters a and b. SLOPE -1: y = the density, its logarithm if is_log. Else
 * y = g times the derivative of that by the sample (SLOPE 0) or a parameter (1, 2). Computed in R: double for double, else float.
 *
 *   pdf            dist: 0 UNIFORM low, high; 1 NORMAL mean, deviation; 2 GAMMA shape, rate; 3 EXPONENTIAL rate; 4 POISSON mean;
 *                  5 NEGATIVE_BINOMIAL failures, probability of one; 6 GENERALIZED_NEGATIVE_BINOMIAL mean, dispersion
 *   pdf_dirichlet  the same for rows of k samples, each a point of a simplex, and rows of k parameters: row r belongs to entry r / inner.
 *                  SLOPE -1: a number a row
 */
#include "common.h"
#include "special.h"
#ifndef SLOPE
#define SLOPE -1
#endif

static inline CT log_density(const int dist, const CT x, const CT a, const CT b) {
  switch (dist) {
    case 0: return -log(b - a);
    case 1: return -(CT)0.5 * (x - a) * (x - a) / (b * b) - log(b) - (CT)0.91893853320467274178;
    case 2: return a * log(b) + (a - 1) * log(x) - b * x - m_gammaln(a);
    case 3: return log(a) - a * x;
    case 4: return x * log(a) - m_gammaln(x + 1) - a;
    case 5: return m_gammaln(x + a) - m_gammaln(x + 1) - m_gammaln(a) + a * log(b) + x * log(1 - b);
    default: {
      const CT failures = 1 / b, p = 1 / (a * b + 1);
      return m_gammaln(x + failures) - m_gammaln(x + 1) - m_gammaln(failures) + failures * log(p) + x * log(1 - p);
    }
  }
}

/* The derivative of the logarithm by the sample (which 0) or a parameter (1, 2). */
static inline CT log_slope(const int dist, const int which, const CT x, const CT a, const CT b) {
  switch (dist * 3 + which) {
    case 1: return 1 / (b - a);
    case 2: return -1 / (b - a);
    case 3: return (a - x) / (b * b);
    case 4: return (x - a) / (b * b);
    case 5: return ((x - a) * (x - a) - b * b) / (b * b * b);
    case 6: return (a - 1) / x - b;
    case 7: return log(b) + log(x) - m_digamma(a);
    case 8: return a / b - x;
    case 9: return -a;
    case 10: return 1 / a - x;
    case 13: return x / a - 1;
    case 16: return m_digamma(x + a) - m_digamma(a) + log(b);
    case 17: return a / b - x / (1 - b);
    case 19: return x / a - (b * x + 1) / (b * a + 1);
    case 20: {
      const CT failures = 1 / b, p = 1 / (a * b + 1);
      const CT by_failures = m_digamma(x + failures) - m_digamma(failures) + log(p), by_p = failures / p - x / (1 - p);
      return -by_failures * failures * failures - by_p * a * p * p;
    }
    default: return 0; /* the sample of a uniform or a counting distribution */
  }
}

kernel void pdf(const global T *sample, const global T *pa, const global T *pb, const global T *g, global T *y, const long n, const long inner,
                const int dist, const int is_log) {
  FOR_EACH(i, n) {
    const CT x = LOAD(sample, i), a = LOAD(pa, i / inner), b = LOAD(pb, i / inner);
#if SLOPE < 0
    const CT l = log_density(dist, x, a, b);
    const CT v = is_log ? l : exp(l);
#else
    const CT scale = is_log ? 1 : exp(log_density(dist, x, a, b));
    const CT v = LOAD(g, i) * scale * log_slope(dist, SLOPE, x, a, b);
#endif
    STORE(y, i, v);
  }
}

kernel void pdf_dirichlet(const global T *sample, const global T *alpha, const global T *g, global T *y, const long rows, const long k,
                          const long inner, const int is_log) {
  FOR_EACH(r, rows) {
    const global T *x = sample + r * k, *a = alpha + r / inner * k;
    CT sum = 0, total = 0;
    for (long j = 0; j < k; j++) {
      const CT v = LOAD(a, j);
      sum += (v - 1) * log(LOAD(x, j)) - m_gammaln(v);
      total += v;
    }
    const CT l = sum + m_gammaln(total);
#if SLOPE < 0
    const CT v = is_log ? l : exp(l);
    STORE(y, r, v);
#else
    const CT scale = LOAD(g, r) * (is_log ? 1 : exp(l)), psi = SLOPE == 1 ? m_digamma(total) : 0;
    for (long j = 0; j < k; j++) {
      const CT v = SLOPE == 0 ? (LOAD(a, j) - 1) / LOAD(x, j) : log(LOAD(x, j)) + psi - m_digamma(LOAD(a, j));
      const CT scaled = scale * v;
      STORE(y, r * k + j, scaled);
    }
#endif
  }
}
