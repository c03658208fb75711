/* Batch normalisation on CPUs: what goes through the data (include/batch_norm.h, which has the layout and the defines).
 *
 *   bn_moments    part[c, p]: mean and sum of squared deviations of part p of channel c (of blocks, merged by Chan's method)
 *   bn_apply      y = (x - mean) * gamma * inv + beta
 *   bn_sums       part[c, p]: sum of g, and of g * (x - mean), over part p of channel c
 *   bn_dx         dx = a[c] * g + b[c] * (x - mean) + d[c]
 *
 * inner > 1: a work-item a piece of a channel, or a stretch of elements. inner == 1 (bn_*_rows): eight channels a work-item, parts being pieces
 * of the rows, or whole rows.
 */
#include "common.h"
#include "batch_norm.h"
#include "vec8.h"

#define BLOCK 4096 /* elements that are summed before the sums are added to those of others */

/* While a run is summed, that of the next outer position is fetched, `ahead` from here: short runs lie far apart. */

/* sums of (x - k) and of its squares, vectors over what several runs have */
typedef struct {
  V8 s[2], q[2];
  CT tail_s, tail_q;
} deviations;

static inline void add_run(deviations *a, const global T *x, long i, long n, long ahead, CT k) {
  V8 s = a->s[0], t = a->s[1], q = a->q[0], r = a->q[1];
  long j = 0;
  for (; j + 16 <= n; j += 16) {
    PREFETCH(x + i + ahead + j);
    const V8 u = load8(x, i + j) - k, v = load8(x, i + j + 8) - k;
    s += u;
    t += v;
    q += u * u;
    r += v * v;
  }
  a->s[0] = s;
  a->s[1] = t;
  a->q[0] = q;
  a->q[1] = r;
  for (; j < n; j++) {
    const CT u = LOAD(x, i + j) - k;
    a->tail_s += u;
    a->tail_q += u * u;
  }
}

/* One pass: deviations from the mean of all before, BLOCK elements (of several runs, where those are short) at a time. What cancels in
 * a block is at most what the merge adds. */
kernel void bn_moments(const global T *x, global CT *part, const int channels, const long inner, const long count, const int parts,
                       const long size) {
  const int c = (int)get_global_id(0), p = (int)get_global_id(1);
  const long lo = p * size, hi = min(lo + size, count);
  CT n = 0, mean = 0, m2 = 0, low = 0; /* the mean is mean + low: what rounding takes is not little beside a deviation far from zero */
  for (long e = lo; e < hi;) {
    deviations a = {{0, 0}, {0, 0}, 0, 0};
    long taken = 0;
    if (e == lo) { /* a first guess */
      const long few = min(min(inner - e % inner, hi - e), 512L);
      add_run(&a, x, place(e, c, channels, inner), few, 0, 0);
      mean = (sum8(a.s[0] + a.s[1]) + a.tail_s) / (CT)few;
      a.s[0] = a.s[1] = a.q[0] = a.q[1] = 0;
      a.tail_s = a.tail_q = 0;
    }
    while (e < hi && taken < BLOCK) {
      const long run = min(min(inner - e % inner, hi - e), (long)BLOCK);
      add_run(&a, x, place(e, c, channels, inner), run, (long)channels * inner, mean);
      taken += run;
      e += run;
    }
    const CT k = (CT)taken, s = sum8(a.s[0] + a.s[1]) + a.tail_s, q = sum8(a.q[0] + a.q[1]) + a.tail_q;
    const CT own = q - s * (s / k), total = n + k, d = s / k - low, move = low + d * (k / total), old = mean;
    mean = old + move;
    low = move - (mean - old);
    m2 += (own < 0 ? 0 : own) + d * d * (n * (k / total));
    n = total;
  }
  part[((long)c * parts + p) * 2] = mean;
  part[((long)c * parts + p) * 2 + 1] = m2;
}

kernel void bn_moments_rows(const global T *x, global CT *part, const int channels, const long count, const int parts, const long size) {
  const int c = (int)get_global_id(0) * 8, p = (int)get_global_id(1);
  const long lo = p * size, hi = min(lo + size, count);
  CT mean[8], m2[8];
  const int width = min(8, channels - c);
  if (width == 8) {
    V8 s = 0, q = 0;
    for (long r = lo; r < hi; r++) s += load8(x, r * channels + c);
    s /= (CT)(hi - lo);
    for (long r = lo; r < hi; r++) {
      const V8 d = load8(x, r * channels + c) - s;
      q += d * d;
    }
    *(V8U *)mean = s;
    *(V8U *)m2 = q;
  } else {
    for (int k = 0; k < width; k++) {
      CT s = 0, q = 0;
      for (long r = lo; r < hi; r++) s += LOAD(x, r * channels + c + k);
      s /= (CT)(hi - lo);
      for (long r = lo; r < hi; r++) {
        const CT d = LOAD(x, r * channels + c + k) - s;
        q += d * d;
      }
      mean[k] = s;
      m2[k] = q;
    }
  }
  for (int k = 0; k < width; k++) {
    part[((long)(c + k) * parts + p) * 2] = mean[k];
    part[((long)(c + k) * parts + p) * 2 + 1] = m2[k];
  }
}

kernel void bn_apply(const global T *x, const global CT *gamma, const global CT *beta, const global CT *mean, const global CT *var, global T *y,
                     const int channels, const long inner, const long n, const CT eps, const int fixed) {
  const long chunk = (n + (long)get_global_size(0) - 1) / (long)get_global_size(0);
  const long lo = (long)get_global_id(0) * chunk, hi = min(lo + chunk, n);
  for (long i = lo; i < hi;) {
    const long line = i / inner, end = min((line + 1) * inner, hi);
    const int c = (int)(line % channels);
    const CT scale = (fixed ? 1 : gamma[c]) * inverse(var[c], eps), m = mean[c], b = beta[c];
    for (; i + 16 <= end; i += 16) {
      const V8 u = load8(x, i), v = load8(x, i + 8);
      store8(y, i, (u - m) * scale + b);
      store8(y, i + 8, (v - m) * scale + b);
    }
    for (; i < end; i++) {
      const CT v = LOAD(x, i);
      STORE(y, i, (v - m) * scale + b);
    }
  }
}

kernel void bn_apply_rows(const global T *x, const global CT *scale, const global CT *beta, const global CT *mean, global T *y, const int channels,
                          const long rows) {
  FOR_EACH(r, rows) {
    const long i = r * channels;
    int c = 0;
    for (; c + 8 <= channels; c += 8) store8(y, i + c, (load8(x, i + c) - loadc8(mean, c)) * loadc8(scale, c) + loadc8(beta, c));
    for (; c < channels; c++) STORE(y, i + c, (LOAD(x, i + c) - mean[c]) * scale[c] + beta[c]);
  }
}

kernel void bn_sums(const global T *g, const global T *x, const global CT *mean, global CT *part, const int channels, const long inner,
                    const long count, const int parts, const long size) {
  const int c = (int)get_global_id(0), p = (int)get_global_id(1);
  const long lo = p * size, hi = min(lo + size, count);
  const CT m = mean[c];
  CT sum = 0, dot_ = 0;
  for (long e = lo; e < hi;) {
    V8 a = 0, b = 0, s = 0, t = 0;
    CT sa = 0, ss = 0;
    for (long taken = 0; e < hi && taken < BLOCK;) {
      const long i = place(e, c, channels, inner), run = min(min(inner - e % inner, hi - e), (long)BLOCK);
      long j = 0;
      for (; j + 16 <= run; j += 16) {
        PREFETCH(g + i + channels * inner + j);
        PREFETCH(x + i + channels * inner + j);
        const V8 u = load8(g, i + j), v = load8(g, i + j + 8);
        a += u;
        b += v;
        s += u * (load8(x, i + j) - m);
        t += v * (load8(x, i + j + 8) - m);
      }
      for (; j < run; j++) {
        sa += LOAD(g, i + j);
        ss += LOAD(g, i + j) * (LOAD(x, i + j) - m);
      }
      taken += run;
      e += run;
    }
    sum += sum8(a + b) + sa;
    dot_ += sum8(s + t) + ss;
  }
  part[((long)c * parts + p) * 2] = sum;
  part[((long)c * parts + p) * 2 + 1] = dot_;
}

kernel void bn_sums_rows(const global T *g, const global T *x, const global CT *mean, global CT *part, const int channels, const long count,
                         const int parts, const long size) {
  const int c = (int)get_global_id(0) * 8, p = (int)get_global_id(1);
  const long lo = p * size, hi = min(lo + size, count);
  CT sum[8], dot_[8];
  const int width = min(8, channels - c);
  if (width == 8) {
    const V8 m = loadc8(mean, c);
    V8 a = 0, s = 0;
    for (long r = lo; r < hi; r++) {
      const V8 u = load8(g, r * channels + c);
      a += u;
      s += u * (load8(x, r * channels + c) - m);
    }
    *(V8U *)sum = a;
    *(V8U *)dot_ = s;
  } else {
    for (int k = 0; k < width; k++) {
      CT a = 0, s = 0;
      for (long r = lo; r < hi; r++) {
        const CT u = LOAD(g, r * channels + c + k);
        a += u;
        s += u * (LOAD(x, r * channels + c + k) - mean[c + k]);
      }
      sum[k] = a;
      dot_[k] = s;
    }
  }
  for (int k = 0; k < width; k++) {
    part[((long)(c + k) * parts + p) * 2] = sum[k];
    part[((long)(c + k) * parts + p) * 2 + 1] = dot_[k];
  }
}

kernel void bn_dx(const global T *g, const global T *x, const global CT *mean, const global CT *coef, global T *dx, const int channels,
                  const long inner, const long n) {
  const long chunk = (n + (long)get_global_size(0) - 1) / (long)get_global_size(0);
  const long lo = (long)get_global_id(0) * chunk, hi = min(lo + chunk, n);
  for (long i = lo; i < hi;) {
    const long line = i / inner, end = min((line + 1) * inner, hi);
    const int c = (int)(line % channels);
    const CT a = coef[c], b = coef[channels + c], d = coef[2 * channels + c], m = mean[c];
    for (; i + 16 <= end; i += 16) {
      const V8 u = load8(g, i), v = load8(g, i + 8), s = load8(x, i), t = load8(x, i + 8);
      store8(dx, i, u * a + (s - m) * b + d);
      store8(dx, i + 8, v * a + (t - m) * b + d);
    }
    for (; i < end; i++) {
      const CT u = LOAD(g, i), s = LOAD(x, i);
      STORE(dx, i, u * a + (s - m) * b + d);
    }
  }
}

kernel void bn_dx_rows(const global T *g, const global T *x, const global CT *mean, const global CT *coef, global T *dx, const int channels,
                       const long rows) {
  const global CT *b = coef + channels, *d = b + channels;
  FOR_EACH(r, rows) {
    const long i = r * channels;
    int c = 0;
    for (; c + 8 <= channels; c += 8)
      store8(dx, i + c, load8(g, i + c) * loadc8(coef, c) + (load8(x, i + c) - loadc8(mean, c)) * loadc8(b, c) + loadc8(d, c));
    for (; c < channels; c++) STORE(dx, i + c, LOAD(g, i + c) * coef[c] + (LOAD(x, i + c) - mean[c]) * b[c] + d[c]);
  }
}
