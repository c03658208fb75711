/* What the kernels of batch normalisation share. Tensors are seen as (outer, C, inner), one mean and variance a channel. x, y, g, dx: T;
 * statistics, gamma, beta, parts: CT. A channel is cut into `parts` pieces of `size` of its outer * inner elements. `fixed`: gamma counts as 1.
 *
 * Defines: INV whether the var argument holds 1 / sqrt(variance + eps); INDEX the type of indices that are divided (64-bit divisions are
 * slow on GPUs).
 */
#ifndef BATCH_NORM_H
#define BATCH_NORM_H

#ifndef INV
#define INV 1
#endif
#ifndef INDEX
#define INDEX long
#endif

static inline CT inverse(CT var, CT eps) { return INV ? var : 1 / sqrt(var + eps); }

/* the address of element e of channel c */
static inline long place(long e, int c, int channels, long inner) {
  const long outer = (INDEX)e / (INDEX)inner;
  return (outer * channels + c) * inner + (e - outer * inner);
}

#endif
