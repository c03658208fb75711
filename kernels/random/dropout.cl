/* Dropout: y = x * mask, mask being 0 with probability p and `scale` = 1 / (1 - p) else.
 *
 *   dropout            x, random state -> y, and the state itself (five words: key, counter, stream) for the backward pass
 *   dropout_backward   g, state -> dx: computes the mask again
 *   dropout_copy       y = x, in inference
 *
 * x, y, g, dx: n elements of T. The mask of element i is word i % 4 of draw i / 4; `keep` is the bound below which the word's upper 24 bits keep it.
 * AXES 1: the mask has extent 1 along some dimensions; extent and weight are the tensor's extents and the mask's strides (0 there), of up to 8
 * dimensions, the last ones. A work-item computes its share of the blocks of BLOCK elements.
 */
#include "common.h"
#include "elements8.h"
#include "items.h"
#include "philox.h"

#ifndef AXES
#define AXES 0
#endif
#ifndef WANT_STATE
#define WANT_STATE 1
#endif

#define BLOCK BATCH(64, 4)

#if AXES
static inline long mask_index(long i, const int *extent, const int *weight) {
  long m = 0;
  for (int d = 7; d >= 0; d--) {
    m += (i % extent[d]) * weight[d];
    i /= extent[d];
  }
  return m;
}

static inline void drop(const global T *x, global T *y, long n, uint4 rng, uint stream, uint keep, CT scale, int8 extents, int8 weights) {
  const int extent[8] = ELEMENTS8(extents);
  const int weight[8] = ELEMENTS8(weights);
  FOR_EACH(i, n) {
    const long m = mask_index(i, extent, weight);
    const uint4 w = philox_draw(rng, stream, (ulong)m / 4);
    const uint word = m % 4 == 0 ? w.x : m % 4 == 1 ? w.y : m % 4 == 2 ? w.z : w.w;
    STORE(y, i, LOAD(x, i) * ((word >> 8) < keep ? scale : 0));
  }
}
#else
static inline void drop(const global T *x, global T *y, long n, uint4 rng, uint stream, uint keep, CT scale, int8 extents, int8 weights) {
  FOR_EACH(block, (n + BLOCK - 1) / BLOCK) {
    uint word[BLOCK];
    CT v[BLOCK];
    /* separate loops over private arrays vectorise, also in place */
    for (int j = 0; j < BLOCK / 4; j++) {
      const uint4 w = philox_draw(rng, stream, (ulong)(block * (BLOCK / 4) + j));
      word[4 * j] = w.x;
      word[4 * j + 1] = w.y;
      word[4 * j + 2] = w.z;
      word[4 * j + 3] = w.w;
    }
    const long i = block * BLOCK;
    const int count = (int)min((long)BLOCK, n - i);
    FOR_BATCH(j, count, BLOCK) v[j] = LOAD(x, i + j);
    for (int j = 0; j < BLOCK; j++) v[j] *= (word[j] >> 8) < keep ? scale : 0;
    FOR_BATCH(j, count, BLOCK) STORE(y, i + j, v[j]);
  }
}
#endif

kernel void dropout(const global T *x, const global uint *rng, global T *y, global int *state, const long n, const uint stream, const uint keep,
                    const CT scale, const int8 extents, const int8 weights) {
  const uint4 words = (uint4)(rng[0], rng[1], rng[2], rng[3]);
  drop(x, y, n, words, stream, keep, scale, extents, weights);
#if WANT_STATE
  if (get_global_id(0) == 0) {
    for (int k = 0; k < 4; k++) state[k] = (int)rng[k];
    state[4] = (int)stream;
  }
#endif
}

kernel void dropout_backward(const global T *g, const global int *state, global T *dx, const long n, const uint keep, const CT scale,
                             const int8 extents, const int8 weights) {
  const uint4 words = (uint4)((uint)state[0], (uint)state[1], (uint)state[2], (uint)state[3]);
  drop(g, dx, n, words, (uint)state[4], keep, scale, extents, weights);
}

kernel void dropout_copy(const global T *x, global T *y, const long n) {
  FOR_EACH(i, n) STORE(y, i, LOAD(x, i));
}
