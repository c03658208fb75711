/* Batch normalisation: what is done once a channel, on every device (include/batch_norm.h, which has the layout and the defines).
 *
 *   bn_finish     mean[c] and var[c] (INV: its inverse standard deviation) from the parts; moves the moving statistics
 *   bn_export     mean[c] and var[c] outputs from the moving statistics
 *   bn_scale      scale[c] = gamma * inv, for bn_apply_rows
 *   bn_grad       dgamma[c], dbeta[c], and the coefficients of dx, from the parts
 *
 * A work-item: channels. The parts are those of bn_moments and bn_sums (batch_norm_cpu.cl, batch_norm_gpu.cl).
 */
#include "common.h"
#include "batch_norm.h"

#ifndef REQ1
#define REQ1 1
#define REQ2 1
#endif

/* (mean, m2) of n elements takes in those of k more */
static inline void merge(CT *n, CT *mean, CT *m2, CT k, CT mean_k, CT m2_k) {
  const CT total = *n + k, d = mean_k - *mean;
  *mean += d * (k / total);
  *m2 += m2_k + d * d * (*n * (k / total));
  *n = total;
}

kernel void bn_finish(const global CT *part, global CT *mean_out, global CT *var_out, global CT *moving_mean, global CT *moving_var,
                      const int channels, const long count, const int parts, const long size, const CT eps, const CT momentum) {
  FOR_EACH(c, channels) {
    CT n = 0, mean = 0, m2 = 0;
    for (int p = 0; p < parts; p++) {
      const long k = min(size, count - p * size);
      merge(&n, &mean, &m2, (CT)k, part[(c * parts + p) * 2], part[(c * parts + p) * 2 + 1]);
    }
    const CT var = m2 / (CT)count;
    STORE_AS(REQ1, CT, mean_out, c, mean);
    STORE_AS(REQ2, CT, var_out, c, INV ? 1 / sqrt(var + eps) : var);
    moving_mean[c] = moving_mean[c] * momentum + mean * (1 - momentum);
    moving_var[c] = moving_var[c] * momentum + var * (1 - momentum);
  }
}

kernel void bn_export(const global CT *moving_mean, const global CT *moving_var, global CT *mean_out, global CT *var_out, const int channels,
                      const CT eps) {
  FOR_EACH(c, channels) {
    STORE_AS(REQ1, CT, mean_out, c, moving_mean[c]);
    STORE_AS(REQ2, CT, var_out, c, INV ? 1 / sqrt(moving_var[c] + eps) : moving_var[c]);
  }
}

kernel void bn_scale(const global CT *gamma, const global CT *var, global CT *scale, const int channels, const CT eps, const int fixed) {
  FOR_EACH(c, channels) scale[c] = (fixed ? 1 : gamma[c]) * inverse(var[c], eps);
}

/* batch: whether mean and var depend on the data. coef: a, b, d of bn_dx, channels values each. */
kernel void bn_grad(const global CT *part, const global CT *gamma, const global CT *var, global CT *dgamma, global CT *dbeta, global CT *coef,
                    const int channels, const long count, const int parts, const CT eps, const int fixed, const int batch) {
  FOR_EACH(c, channels) {
    CT s = 0, q = 0;
    for (int p = 0; p < parts; p++) {
      s += part[(c * parts + p) * 2];
      q += part[(c * parts + p) * 2 + 1];
    }
    const CT inv = inverse(var[c], eps), scale = (fixed ? 1 : gamma[c]) * inv;
    STORE_AS(REQ1, CT, dgamma, c, fixed ? 0 : q * inv);
    STORE_AS(REQ2, CT, dbeta, c, s);
    coef[c] = scale;
    coef[channels + c] = batch ? -scale * inv * inv * (q / (CT)count) : 0;
    coef[2 * channels + c] = batch ? -scale * (s / (CT)count) : 0;
  }
}
