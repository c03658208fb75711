/* A batch normalisation by moving statistics as one scale and one shift a channel, and what puts those into a convolution's parameters.
 *
 *   bn_fold        scale[c] = gamma * inv, shift[c] = beta + (bias - mean) * scale, with inv = 1 / sqrt(var + eps)
 *   scale_filters  y[o, i] = w[o, i] * scale[o], w being (filters, size)
 *   pad_channels   y[c] = c < channels ? x[c] : 0
 *
 * gamma, beta, mean, var: T. One work-item a chunk; these run once for a set of parameters.
 * Defines: T_BIAS, T_SHIFT, T_SCALE storage types of those; WITH_BIAS; REQ1 the store mode of shift; `fixed`: gamma counts as 1.
 */
#include "common.h"

#ifndef WITH_BIAS
#define WITH_BIAS 0
#endif
#ifndef T_BIAS
#define T_BIAS T
#endif
#ifndef T_SHIFT
#define T_SHIFT T
#endif
#ifndef T_SCALE
#define T_SCALE T
#endif
#ifndef REQ1
#define REQ1 1
#endif

kernel void bn_fold(const global T *gamma, const global T *beta, const global T *mean, const global T *var, const global T_BIAS *bias,
                    global T *scale, global T_SHIFT *shift, const int channels, const CT eps, const int fixed) {
  FOR_EACH(c, channels) {
    const CT a = (fixed ? 1 : LOAD(gamma, c)) * (1 / sqrt(LOAD(var, c) + eps));
#if WITH_BIAS
    const CT start = (CT)LOAD_AS(T_BIAS, bias, c) - LOAD(mean, c);
#else
    const CT start = -LOAD(mean, c);
#endif
    STORE(scale, c, a);
    STORE_AS(REQ1, T_SHIFT, shift, c, LOAD(beta, c) + start * a);
  }
}

kernel void scale_filters(const global T *w, const global T_SCALE *scale, global T *y, const long n, const long size) {
  FOR_EACH(i, n) STORE(y, i, LOAD(w, i) * (CT)LOAD_AS(T_SCALE, scale, i / size));
}

kernel void pad_channels(const global T *x, global T *y, const int channels, const int padded) {
  FOR_EACH(c, padded) STORE(y, c, c < channels ? LOAD(x, c) : 0);
}
