/* Random choices of indices.
 *
 *   multinomial           s[r, i] ~ row r of data: (rows, classes) probabilities, `draws` indices a row; log_prob[r, i] = log data[r, s[r, i]]
 *   multinomial_backward  d[r, s[r, i]] += g[r, i] / data[r, s[r, i]], d otherwise 0; a work-item does whole rows
 *   permutation           order: 0..n-1 shuffled (Fisher, Yates); one work-item
 *   gather_rows           y[i, :] (req)= x[order[i], :], rows of `inner` elements
 *
 * S: storage type of the indices, in which REQ holds; log_prob: T, with store mode REQ_PROB. rng: four words of random state.
 */
#include "common.h"
#include "math.h"
#include "philox.h"

#ifndef S
#define S int
#endif
#ifndef WANT_PROB
#define WANT_PROB 0
#endif
#ifndef REQ_PROB
#define REQ_PROB 1
#endif

static inline uint word_of(const uint4 w, const int k) { return k == 0 ? w.x : k == 1 ? w.y : k == 2 ? w.z : w.w; }

#if IS_FLOAT
kernel void multinomial(const global T *data, const global uint *rng, const uint stream, const long n, const long draws, const long classes,
                        global S *s
#if WANT_PROB
                        ,
                        global T *log_prob
#endif
) {
  const uint4 state = (uint4)(rng[0], rng[1], rng[2], rng[3]);
  FOR_EACH(i, n) {
    const long row = i / draws * classes;
    const CT u = philox_uniform(word_of(philox_draw(state, stream, (ulong)i / 4), (int)(i % 4)));
    CT sum = 0;
    long chosen = 0;
    /* the last class of positive probability, where rounding leaves the sum below u */
    for (long k = 0; k < classes; k++) {
      const CT p = LOAD(data, row + k);
      if (!(p > 0)) continue;
      chosen = k;
      sum += p;
      if (u < sum) break;
    }
    STORE_AS(REQ, S, s, i, chosen);
#if WANT_PROB
    STORE_AS(REQ_PROB, T, log_prob, i, m_log(LOAD(data, row + chosen)));
#endif
  }
}

kernel void multinomial_backward(const global T *g, const global T *data, const global S *s, global T *d, const long rows, const long draws,
                                 const long classes) {
  FOR_EACH(r, rows) {
#if REQ == 1
    for (long k = 0; k < classes; k++) STORE(d, r * classes + k, 0);
#endif
    for (long i = r * draws; i < (r + 1) * draws; i++) {
      const long k = r * classes + (long)LOAD_AS(S, s, i);
      STORE_AS(2, T, d, k, LOAD(g, i) / LOAD(data, k));
    }
  }
}
#endif

kernel void permutation(global int *order, const global uint *rng, const uint stream, const int n) {
  if (get_global_id(0) != 0) return;
  const uint4 state = (uint4)(rng[0], rng[1], rng[2], rng[3]);
  uint4 w = (uint4)(0);
  for (int i = 0; i < n; i++) { /* inside out */
    if (i % 4 == 0) w = philox_draw(state, stream, (ulong)i / 4);
    const int j = (int)((ulong)word_of(w, i % 4) * (ulong)(i + 1) >> 32);
    if (j != i) order[i] = order[j];
    order[j] = i;
  }
}

kernel void gather_rows(const global T *x, const global int *order, global T *y, const long n, const long inner) {
  FOR_EACH(i, n) {
    const long row = i / inner;
    STORE(y, i, LOAD(x, (long)order[row] * inner + (i - row * inner)));
  }
}
