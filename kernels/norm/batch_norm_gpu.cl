/* Batch normalisation on GPUs: what goes through the data (include/batch_norm.h, which has the layout and the defines).
 *
 *   bn_moments    part[c, p]: mean and sum of squared deviations of part p of channel c
 *   bn_apply      y = (x - mean) * gamma * inv + beta
 *   bn_sums       part[c, p]: sum of g, and of g * (x - mean), over part p of channel c
 *   bn_dx         dx = a[c] * g + b[c] * (x - mean) + d[c]
 *
 * bn_moments, bn_sums: a work-group of LOCAL work-items a piece of a channel; bn_apply, bn_dx: a work-item elements, a grid apart.
 */
#include "common.h"
#include "batch_norm.h"

#ifndef LOCAL
#define LOCAL 64
#endif

static inline CT reduce_group(CT v, local CT *scratch) {
  const int l = (int)get_local_id(0);
  barrier(CLK_LOCAL_MEM_FENCE);
  scratch[l] = v;
  for (int step = LOCAL / 2; step > 0; step /= 2) {
    barrier(CLK_LOCAL_MEM_FENCE);
    if (l < step) scratch[l] += scratch[l + step];
  }
  barrier(CLK_LOCAL_MEM_FENCE);
  return scratch[0];
}

kernel void bn_moments(const global T *x, global CT *part, const int channels, const long inner, const long count, const int parts,
                       const long size) {
  local CT scratch[LOCAL];
  const int c = (int)get_group_id(0), p = (int)get_group_id(1), l = (int)get_local_id(0);
  const long lo = p * size, hi = min(lo + size, count);
  CT s = 0, q = 0;
  for (long e = lo + l; e < hi; e += LOCAL) s += LOAD(x, place(e, c, channels, inner));
  const CT mean = reduce_group(s, scratch) / (CT)(hi - lo);
  for (long e = lo + l; e < hi; e += LOCAL) {
    const CT d = LOAD(x, place(e, c, channels, inner)) - mean;
    q += d * d;
  }
  q = reduce_group(q, scratch);
  if (l == 0) {
    part[((long)c * parts + p) * 2] = mean;
    part[((long)c * parts + p) * 2 + 1] = q;
  }
}

kernel void bn_apply(const global T *x, const global CT *gamma, const global CT *beta, const global CT *mean, const global CT *var, global T *y,
                     const int channels, const long inner, const long n, const CT eps, const int fixed) {
  FOR_EACH(i, n) {
    const int c = (int)((INDEX)i / (INDEX)inner % (INDEX)channels);
    const CT scale = (fixed ? 1 : gamma[c]) * inverse(var[c], eps), v = LOAD(x, i);
    STORE(y, i, (v - mean[c]) * scale + beta[c]);
  }
}

kernel void bn_sums(const global T *g, const global T *x, const global CT *mean, global CT *part, const int channels, const long inner,
                    const long count, const int parts, const long size) {
  local CT scratch[LOCAL];
  const int c = (int)get_group_id(0), p = (int)get_group_id(1), l = (int)get_local_id(0);
  const long lo = p * size, hi = min(lo + size, count);
  CT s = 0, q = 0;
  for (long e = lo + l; e < hi; e += LOCAL) {
    const long i = place(e, c, channels, inner);
    const CT u = LOAD(g, i);
    s += u;
    q += u * (LOAD(x, i) - mean[c]);
  }
  s = reduce_group(s, scratch);
  q = reduce_group(q, scratch);
  if (l == 0) {
    part[((long)c * parts + p) * 2] = s;
    part[((long)c * parts + p) * 2 + 1] = q;
  }
}

kernel void bn_dx(const global T *g, const global T *x, const global CT *mean, const global CT *coef, global T *dx, const int channels,
                  const long inner, const long n) {
  FOR_EACH(i, n) {
    const int c = (int)((INDEX)i / (INDEX)inner % (INDEX)channels);
    const CT u = LOAD(g, i), s = LOAD(x, i);
    STORE(dx, i, u * coef[c] + (s - mean[c]) * coef[channels + c] + coef[2 * channels + c]);
  }
}
