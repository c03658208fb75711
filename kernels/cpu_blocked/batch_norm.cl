/* Batch normalisation of blocked tensors, with an addition and a rectifier behind it, and its gradient.
 *
 * x, residual, y, g, out, dx, dresidual: (images, blocks, pixels, BLOCK) floats. gamma, beta, mean, inv, the moving statistics: (channels,).
 * A channel has count = images * pixels elements; a work-item takes one block of channels, or one of `parts` pieces of `size` positions
 * of it. inv = 1 / sqrt(var + eps); in memory it is var with INV 0.
 *
 * In one launch, where the blocks suffice to keep all cores busy; the second pass finds in the cache what fits there:
 *   bbn_train       mean, inv, y; moves the moving statistics
 *   bbn_backward    dgamma, dbeta, dx, dresidual
 * In three, otherwise:
 *   bbn_moments     part[p, block]: mean, its rounding and sum of squared deviations of a piece
 *   bbn_finish      mean, inv from the pieces; moves the moving statistics
 *   bbn_apply       y
 *   bbn_sums        part[p, block]: sums of g', and of g' * (x - mean); dresidual
 *   bbn_grad        dgamma, dbeta, and the coefficients of dx, coef[3, block]
 *   bbn_dx          dx; dresidual, if it is added
 * and bbn_export: mean and inv of the moving statistics.
 *
 * y = act((x - mean) * gamma * inv + beta + residual); g' = g where y > 0 with RELU, else g; dx = a * g' + b * (x - mean) + d;
 * dresidual = g'. What lies above zero is computed again from x; with RESIDUAL it is read from `out`. The second pass goes through the
 * images backwards: where a block does not fit into the cache, its last images are what is left there.
 *
 * Moments take one pass: the sums of (x - k) and (x - k)^2 over up to RUN positions, k being the mean of all before them, then Chan's
 * merge. What cancels in a run is at most what the merge adds, so this is as accurate as two passes.
 *
 * Defines: RELU, RESIDUAL, INV; REQ the store mode of y and dx, REQ1 .. REQ3 those of dgamma, dbeta, dresidual; REQ_MEAN, REQ_INV those
 * of bbn_export; `fixed`: gamma counts as 1; `batch`: mean and inv depend on the data.
 */
#include "common.h"
#include "blocked.h"

#ifndef RELU
#define RELU 0
#endif
#ifndef RESIDUAL
#define RESIDUAL 0
#endif
#ifndef REQ1
#define REQ1 1
#define REQ2 1
#define REQ3 1
#endif
#ifndef INV
#define INV 1
#endif
#ifndef REQ_MEAN
#define REQ_MEAN 1
#define REQ_INV 1
#endif

#define RUN 512 /* positions */

/* While the first pass sums a run, the next one is fetched: small maps lie far apart (a third less time for maps of 7 x 7). */
#define NEXT_RUN(at, run) (((at) + (run) < pixels ? (run) : blocks * pixels - (at)) * BLOCK)

#define KEEP_0(p, v) ((void)0)
#define KEEP_1(p, v) (*(global blocked_at *)(p) = (v))
#define KEEP_2(p, v) (*(global blocked_at *)(p) += (v))
#define KEEP_AS(mode, p, v) CAT(KEEP_, mode)(p, v)

/* the values of the channels of block c, zero beyond the last one */
BLOCKED_INLINE blocked channels_load(const global float *p, const int c, const int channels) {
  float lane[BLOCK];
  for (int l = 0; l < BLOCK; l++) lane[l] = c * BLOCK + l < channels ? p[c * BLOCK + l] : 0;
  return *(const blocked_at *)lane;
}

#define CHANNELS_STORE(mode, p, c, channels, v)                                           \
  {                                                                                       \
    float lane_[BLOCK];                                                                   \
    *(blocked_at *)lane_ = v;                                                                \
    for (int l_ = 0; l_ < BLOCK && (c) * BLOCK + l_ < (channels); l_++)                   \
      STORE_AS(mode, float, p, (c) * BLOCK + l_, lane_[l_]);                              \
  }

BLOCKED_INLINE blocked gamma_load(const global float *gamma, const int c, const int channels, const int fixed) {
  float lane[BLOCK];
  for (int l = 0; l < BLOCK; l++) lane[l] = c * BLOCK + l < channels ? (fixed ? 1 : gamma[c * BLOCK + l]) : 0;
  return *(const blocked_at *)lane;
}

BLOCKED_INLINE blocked inverse_root(const blocked var, const float eps) {
  float lane[BLOCK];
  *(blocked_at *)lane = var + eps;
  for (int l = 0; l < BLOCK; l++) lane[l] = 1 / sqrt(lane[l]);
  return *(const blocked_at *)lane;
}

#if INV
#define SPREAD(var, eps) inverse_root(var, eps)
#define inverse_load(p, c, channels, eps) channels_load(p, c, channels)
#else
#define SPREAD(var, eps) (var)
#define inverse_load(p, c, channels, eps) inverse_root(channels_load(p, c, channels), eps)
#endif

/* ------------------------------------------------------------------------------------------------ forward */

/* sums[0] = sum of (x - k), sums[1] = of its squares, over n positions; BLOCK floats each. The next run lies `ahead` from here. */
APART void moments_run(const blocked k, const global float *x, const int n, const long ahead, float *sums) {
  blocked s[4], q[4];
#pragma unroll
  for (int j = 0; j < 4; j++) s[j] = q[j] = 0;
  int i = 0;
  for (; i + 4 <= n; i += 4)
#pragma unroll
    for (int j = 0; j < 4; j++) {
      PREFETCH(x + ahead + (i + j) * BLOCK);
      const blocked d = AT(x + (i + j) * BLOCK) - k;
      s[j] += d;
      q[j] += d * d;
    }
  for (; i < n; i++) {
    const blocked d = AT(x + i * BLOCK) - k;
    s[0] += d;
    q[0] += d * d;
  }
  *(blocked_at *)sums = (s[0] + s[1]) + (s[2] + s[3]);
  *(blocked_at *)(sums + BLOCK) = (q[0] + q[1]) + (q[2] + q[3]);
}

/* `mean + low`: far from zero, what rounding takes from the mean of a run is not little beside what one run differs from the next */
typedef struct {
  blocked mean, low, m2; /* m2: sum of squared deviations */
  float n;
} moments_so_far;

/* takes in n more, whose mean lies d from this one */
BLOCKED_INLINE void merge(moments_so_far *a, const blocked d, const blocked m2, const float n) {
  const float total = a->n + n;
  const blocked move = a->low + d * (n / total), mean = a->mean + move;
  a->low = move - (mean - a->mean);
  a->mean = mean;
  a->m2 += m2 + d * d * (a->n * (n / total));
  a->n = total;
}

/* positions [lo, hi) of block c */
BLOCKED_INLINE moments_so_far moments(const global float *x, const int c, const int blocks, const long pixels, const long lo,
                                      const long hi) {
  float sums[2 * BLOCK];
  moments_so_far a = {0, 0, 0, 0};
  for (long e = lo; e < hi;) {
    const long image = e / pixels, at = e - image * pixels;
    const global float *from = x + ((image * blocks + c) * pixels + at) * BLOCK;
    const int run = (int)min(min(pixels - at, hi - e), (long)RUN);
    if (e == lo) { /* a first guess */
      const int few = min(run, 64);
      moments_run((blocked)(0), from, few, 0, sums);
      a.mean = *(const blocked_at *)sums * (1.0f / (float)few);
    }
    moments_run(a.mean, from, run, NEXT_RUN(at, run), sums);
    const blocked s = *(const blocked_at *)sums, step = s * (1.0f / (float)run);
    const blocked m2 = *(const blocked_at *)(sums + BLOCK) - s * step;
    merge(&a, step - a.low, m2 < (blocked)(0) ? (blocked)(0) : m2, (float)run);
    e += run;
  }
  return a;
}

BLOCKED_INLINE void finish(const blocked mean, const blocked m2, const long count, const int c, const int channels, global float *mean_out,
                           global float *inv_out, global float *moving_mean, global float *moving_var, const float eps,
                           const float momentum) {
  const blocked var = m2 / (float)count;
  CHANNELS_STORE(1, mean_out, c, channels, mean);
  CHANNELS_STORE(1, inv_out, c, channels, SPREAD(var, eps));
  CHANNELS_STORE(1, moving_mean, c, channels, channels_load(moving_mean, c, channels) * momentum + mean * (1 - momentum));
  CHANNELS_STORE(1, moving_var, c, channels, channels_load(moving_var, c, channels) * momentum + var * (1 - momentum));
}

/* Whether the gradient passes is found by the same expression, so that it is what the forward pass did. */
#define NORMALISED(x) ((x) - m) * s + b

APART void apply_run(const blocked m, const blocked s, const blocked b, const global float *x, const global float *r, global float *y,
                     const int n) {
  for (int i = 0; i < n * BLOCK; i += BLOCK) {
    blocked v = NORMALISED(AT(x + i));
#if RESIDUAL
    v += AT(r + i);
#endif
#if RELU
    v = v < (blocked)(0) ? (blocked)(0) : v; /* NaN stays */
#endif
    KEEP_AS(REQ, y + i, v);
  }
}

/* positions [lo, hi) of block c, from the last image to the first */
BLOCKED_INLINE void apply(const global float *x, const global float *r, global float *y, const blocked m, const blocked s, const blocked b,
                          const int c, const int blocks, const long pixels, const long lo, const long hi) {
  for (long image = (hi - 1) / pixels; image >= lo / pixels; image--) {
    const long first = max(lo - image * pixels, 0L), last = min(hi - image * pixels, pixels);
    const long i = ((image * blocks + c) * pixels + first) * BLOCK;
    apply_run(m, s, b, x + i, r + i, y + i, (int)(last - first));
  }
}

kernel void bbn_train(const global float *x, const global float *gamma, const global float *beta, const global float *r, global float *y,
                      global float *mean_out, global float *inv_out, global float *moving_mean, global float *moving_var, const int blocks,
                      const int channels, const long pixels, const long count, const float eps, const float momentum, const int fixed) {
  const int c = (int)get_global_id(0);
  const moments_so_far a = moments(x, c, blocks, pixels, 0, count);
  finish(a.mean, a.m2, count, c, channels, mean_out, inv_out, moving_mean, moving_var, eps, momentum);
  const blocked s = gamma_load(gamma, c, channels, fixed) * inverse_load(inv_out, c, channels, eps);
  apply(x, r, y, a.mean, s, channels_load(beta, c, channels), c, blocks, pixels, 0, count);
}

kernel void bbn_moments(const global float *x, global float *part, const int blocks, const long pixels, const long count, const long size) {
  const int c = (int)get_global_id(0), p = (int)get_global_id(1);
  const moments_so_far a = moments(x, c, blocks, pixels, p * size, min((p + 1) * size, count));
  global float *to = part + ((long)p * blocks + c) * 3 * BLOCK;
  *(global blocked_at *)to = a.mean;
  *(global blocked_at *)(to + BLOCK) = a.low;
  *(global blocked_at *)(to + 2 * BLOCK) = a.m2;
}

kernel void bbn_finish(const global float *part, global float *mean_out, global float *inv_out, global float *moving_mean,
                       global float *moving_var, const int blocks, const int channels, const long count, const int parts, const long size,
                       const float eps, const float momentum) {
  const int c = (int)get_global_id(0);
  moments_so_far a = {0, 0, 0, 0};
  for (int p = 0; p < parts; p++) {
    const global float *from = part + ((long)p * blocks + c) * 3 * BLOCK;
    if (p == 0) a.mean = AT(from), a.low = AT(from + BLOCK);
    merge(&a, (AT(from) - a.mean) + (AT(from + BLOCK) - a.low), AT(from + 2 * BLOCK), (float)min(size, count - p * size));
  }
  finish(a.mean, a.m2, count, c, channels, mean_out, inv_out, moving_mean, moving_var, eps, momentum);
}

kernel void bbn_export(const global float *moving_mean, const global float *moving_var, global float *mean_out, global float *inv_out,
                       const int channels, const float eps) {
  const int c = (int)get_global_id(0);
  CHANNELS_STORE(REQ_MEAN, mean_out, c, channels, channels_load(moving_mean, c, channels));
  CHANNELS_STORE(REQ_INV, inv_out, c, channels, SPREAD(channels_load(moving_var, c, channels), eps));
}

kernel void bbn_apply(const global float *x, const global float *gamma, const global float *beta, const global float *r, global float *y,
                      const global float *mean, const global float *inv, const int blocks, const int channels, const long pixels,
                      const long count, const long size, const float eps, const int fixed) {
  const int c = (int)get_global_id(0), p = (int)get_global_id(1);
  const blocked s = gamma_load(gamma, c, channels, fixed) * inverse_load(inv, c, channels, eps);
  apply(x, r, y, channels_load(mean, c, channels), s, channels_load(beta, c, channels), c, blocks, pixels, p * size,
        min((p + 1) * size, count));
}

/* ----------------------------------------------------------------------------------------------- backward */

/* the gradient behind the rectifier, from the one before it */
#if RELU && RESIDUAL
#define PASSED(g, i, x) (AT(out + (i)) > (blocked)(0) ? (g) : (blocked)(0))
#elif RELU
#define PASSED(g, i, x) ((NORMALISED(x)) > (blocked)(0) ? (g) : (blocked)(0))
#else
#define PASSED(g, i, x) (g)
#endif

/* The residual's gradient is stored in the first pass, and the second reads it in place of g and `out`; not so if it is added. */
#define EARLY (RELU && RESIDUAL && REQ3 == 1)

APART void sums_run(const blocked m, const blocked s, const blocked b, const global float *g, const global float *x,
                    const global float *out, global float *dr, const int n, const long ahead, float *sums) {
  blocked t[2], q[2];
#pragma unroll
  for (int j = 0; j < 2; j++) t[j] = q[j] = 0;
  int i = 0;
  for (; i + 2 <= n; i += 2)
#pragma unroll
    for (int j = 0; j < 2; j++) {
      const int e = (i + j) * BLOCK;
      PREFETCH(x + ahead + e);
      PREFETCH(g + ahead + e);
#if RELU && RESIDUAL
      PREFETCH(out + ahead + e);
#endif
      const blocked v = AT(x + e), u = PASSED(AT(g + e), e, v);
#if EARLY
      KEEP_1(dr + e, u);
#endif
      t[j] += u;
      q[j] += u * (v - m);
    }
  if (i < n) {
    const blocked v = AT(x + i * BLOCK), u = PASSED(AT(g + i * BLOCK), i * BLOCK, v);
#if EARLY
    KEEP_1(dr + i * BLOCK, u);
#endif
    t[0] += u;
    q[0] += u * (v - m);
  }
  *(blocked_at *)sums = t[0] + t[1];
  *(blocked_at *)(sums + BLOCK) = q[0] + q[1];
}

BLOCKED_INLINE void sums_of(const global float *g, const global float *x, const global float *out, global float *dr, const blocked m,
                            const blocked s, const blocked b, const int c, const int blocks, const long pixels, const long lo,
                            const long hi, blocked *sum, blocked *dot_) {
  float sums[2 * BLOCK];
  *sum = *dot_ = 0;
  for (long e = lo; e < hi;) {
    const long image = e / pixels, at = e - image * pixels;
    const long i = ((image * blocks + c) * pixels + at) * BLOCK;
    const int run = (int)min(min(pixels - at, hi - e), (long)RUN);
    sums_run(m, s, b, g + i, x + i, out + i, dr + i, run, NEXT_RUN(at, run), sums);
    *sum += *(const blocked_at *)sums;
    *dot_ += *(const blocked_at *)(sums + BLOCK);
    e += run;
  }
}

APART void dx_run(const blocked m, const blocked s, const blocked b, const blocked a, const blocked k, const blocked d,
                  const global float *g, const global float *x, const global float *out, global float *dx, global float *dr, const int n) {
  for (int i = 0; i < n * BLOCK; i += BLOCK) {
#if EARLY
    const blocked v = AT(x + i), u = AT(dr + i);
#else
    const blocked v = AT(x + i), u = PASSED(AT(g + i), i, v);
    KEEP_AS(REQ3, dr + i, u);
#endif
    KEEP_AS(REQ, dx + i, u * a + (v - m) * k + d);
  }
}

BLOCKED_INLINE void dx_of(const global float *g, const global float *x, const global float *out, global float *dx, global float *dr,
                          const blocked m, const blocked s, const blocked b, const blocked a, const blocked k, const blocked d, const int c,
                          const int blocks, const long pixels, const long lo, const long hi) {
  for (long image = (hi - 1) / pixels; image >= lo / pixels; image--) {
    const long first = max(lo - image * pixels, 0L), last = min(hi - image * pixels, pixels);
    const long i = ((image * blocks + c) * pixels + first) * BLOCK;
    dx_run(m, s, b, a, k, d, g + i, x + i, out + i, dx + i, dr + i, (int)(last - first));
  }
}

/* dgamma and dbeta of block c; a, k and d of dx */
BLOCKED_INLINE void gradients(const blocked sum, const blocked dot_, const blocked inv, const blocked s, const int c, const int channels,
                              const long count, const int fixed, const int batch, global float *dgamma, global float *dbeta, blocked *k,
                              blocked *d) {
  const blocked slope = dot_ * inv;
  CHANNELS_STORE(REQ1, dgamma, c, channels, fixed ? (blocked)(0) : slope);
  CHANNELS_STORE(REQ2, dbeta, c, channels, sum);
  *k = batch ? -s * inv * (slope / (float)count) : (blocked)(0);
  *d = batch ? -s * (sum / (float)count) : (blocked)(0);
}

#define CONSTANTS                                                                                            \
  const blocked m = channels_load(mean, c, channels), n = inverse_load(inv, c, channels, eps);                 \
  const blocked s = gamma_load(gamma, c, channels, fixed) * n, b = channels_load(beta, c, channels);

kernel void bbn_backward(const global float *g, const global float *x, const global float *gamma, const global float *beta,
                         const global float *mean, const global float *inv, const global float *out, global float *dx, global float *dgamma,
                         global float *dbeta, global float *dr, const int blocks, const int channels, const long pixels, const long count,
                         const float eps, const int fixed, const int batch) {
  const int c = (int)get_global_id(0);
  CONSTANTS
  blocked sum, dot_, k, d;
  sums_of(g, x, out, dr, m, s, b, c, blocks, pixels, 0, count, &sum, &dot_);
  gradients(sum, dot_, n, s, c, channels, count, fixed, batch, dgamma, dbeta, &k, &d);
#if REQ || (REQ3 && !EARLY)
  dx_of(g, x, out, dx, dr, m, s, b, s, k, d, c, blocks, pixels, 0, count);
#endif
}

kernel void bbn_sums(const global float *g, const global float *x, const global float *gamma, const global float *beta,
                     const global float *mean, const global float *inv, const global float *out, global float *dr, global float *part,
                     const int blocks, const int channels, const long pixels, const long count, const long size, const float eps, const int fixed) {
  const int c = (int)get_global_id(0), p = (int)get_global_id(1);
  CONSTANTS
  blocked sum, dot_;
  sums_of(g, x, out, dr, m, s, b, c, blocks, pixels, p * size, min((p + 1) * size, count), &sum, &dot_);
  global float *to = part + ((long)p * blocks + c) * 2 * BLOCK;
  *(global blocked_at *)to = sum;
  *(global blocked_at *)(to + BLOCK) = dot_;
}

kernel void bbn_grad(const global float *part, const global float *gamma, const global float *inv, global float *dgamma,
                     global float *dbeta, global float *coef, const int blocks, const int channels, const long count, const int parts,
                     const float eps, const int fixed, const int batch) {
  const int c = (int)get_global_id(0);
  blocked sum = 0, dot_ = 0, k, d;
  for (int p = 0; p < parts; p++) {
    const global float *from = part + ((long)p * blocks + c) * 2 * BLOCK;
    sum += AT(from);
    dot_ += AT(from + BLOCK);
  }
  const blocked n = inverse_load(inv, c, channels, eps), s = gamma_load(gamma, c, channels, fixed) * n;
  gradients(sum, dot_, n, s, c, channels, count, fixed, batch, dgamma, dbeta, &k, &d);
  *(global blocked_at *)(coef + (long)c * 2 * BLOCK) = k;
  *(global blocked_at *)(coef + ((long)c * 2 + 1) * BLOCK) = d;
}

kernel void bbn_dx(const global float *g, const global float *x, const global float *gamma, const global float *beta,
                   const global float *mean, const global float *inv, const global float *out, global float *dx, global float *dr,
                   const global float *coef, const int blocks, const int channels, const long pixels, const long count, const long size,
                   const float eps, const int fixed) {
  const int c = (int)get_global_id(0), p = (int)get_global_id(1);
  CONSTANTS
  const blocked k = AT(coef + (long)c * 2 * BLOCK), d = AT(coef + ((long)c * 2 + 1) * BLOCK);
  dx_of(g, x, out, dx, dr, m, s, b, s, k, d, c, blocks, pixels, p * size, min((p + 1) * size, count));
}
