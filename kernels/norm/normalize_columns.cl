/* Normalisation by the statistics of rows of which neighbours lie side by side (inner > 1), on CPUs (include/normalize.h, which has the layout
 * and the defines; AFFINE 0 or 1): normalize_columns and normalize_columns_backward. A work-item takes `tile` neighbouring rows at once, so
 * that they stay in the cache.
 */
#include "common.h"
#include "normalize.h"

#define COLUMNS_BEGIN                                                                   \
  const long rows = outer * inner, tiles = (inner + tile - 1) / tile;                   \
  FOR_ITEMS(item, outer * tiles) {                                                      \
    const long column = item % tiles * tile, start = item / tiles * n * inner + column; \
    const long row = item / tiles * inner + column;                                     \
    const int w = (int)(inner - column < tile ? inner - column : tile);                 \
    (void)row, (void)rows;
#define COLUMNS_END }
#define EACH_COLUMN MAP_LOOP for (int c = 0; c < w; c++)

/* mean[c], rstd[c] (and std in spread[c]) of TILE neighbouring rows */
#if AFFINE == 0
#define COLUMN_STATISTICS                                               \
  EACH_COLUMN mean[c] = 0, spread[c] = 0;                               \
  for (long i = 0; i < n; i++) {                                        \
    const global T *p = x + start + i * inner;                          \
    EACH_COLUMN spread[c] += LOAD(p, c) * LOAD(p, c);                   \
  }                                                                     \
  EACH_COLUMN spread[c] = ROOT(spread[c] + eps), rstd[c] = 1 / spread[c];
#else
#define COLUMN_STATISTICS                                               \
  EACH_COLUMN mean[c] = 0, spread[c] = 0;                               \
  for (long i = 0; i < n; i++) {                                        \
    const global T *p = x + start + i * inner;                          \
    EACH_COLUMN mean[c] += LOAD(p, c);                                  \
  }                                                                     \
  EACH_COLUMN mean[c] /= n;                                             \
  for (long i = 0; i < n; i++) {                                        \
    const global T *p = x + start + i * inner;                          \
    EACH_COLUMN spread[c] += (LOAD(p, c) - mean[c]) * (LOAD(p, c) - mean[c]); \
  }                                                                     \
  EACH_COLUMN spread[c] = ROOT(spread[c] / n + eps), rstd[c] = 1 / spread[c];
#endif

kernel void normalize_columns(const global T *x, const global T *gamma, const global T *beta, global T *y, global T *means, global T *stds,
                              const long outer, const long n, const long inner, const int groups, const CT eps,
                              const int tile) {
  CT mean[TILE], spread[TILE], rstd[TILE];
  COLUMNS_BEGIN
  COLUMN_STATISTICS
  for (long i = 0; i < n; i++) {
    const global T *p = x + start + i * inner;
    global T *q = y + start + i * inner;
#if AFFINE == 0
    EACH_COLUMN STORE(q, c, LOAD(p, c) * rstd[c]);
#else
    const CT scale = LOAD(gamma, i), shift = LOAD(beta, i);
    EACH_COLUMN STORE(q, c, (LOAD(p, c) - mean[c]) * rstd[c] * scale + shift);
#endif
  }
  EACH_COLUMN {
    STORE_AS(REQ1, T, means, row + c, mean[c]);
    STORE_AS(REQ2, T, stds, row + c, spread[c]);
  }
  COLUMNS_END
}

kernel void normalize_columns_backward(const global T *g, const global T *x, const global T *gamma, global T *dx, global CT *stat,
                                       const long outer, const long n, const long inner, const int groups, const CT eps,
                              const int tile) {
  CT mean[TILE], spread[TILE], rstd[TILE], a[TILE], b[TILE];
  COLUMNS_BEGIN
  COLUMN_STATISTICS
#if WANT_DX
  EACH_COLUMN a[c] = 0, b[c] = 0;
  for (long i = 0; i < n; i++) {
    const global T *p = x + start + i * inner, *o = g + start + i * inner;
#if AFFINE == 0
    const CT scale = 1;
#else
    const CT scale = LOAD(gamma, i);
#endif
    EACH_COLUMN {
      const CT v = LOAD(o, c) * scale;
      a[c] += v;
      b[c] += v * (LOAD(p, c) - mean[c]);
    }
  }
#if AFFINE == 0
  EACH_COLUMN a[c] = 0, b[c] *= rstd[c] * rstd[c];
#else
  EACH_COLUMN a[c] /= n, b[c] *= rstd[c] * rstd[c] / n;
#endif
  for (long i = 0; i < n; i++) {
    const global T *p = x + start + i * inner, *o = g + start + i * inner;
    global T *q = dx + start + i * inner;
#if AFFINE == 0
    const CT scale = 1;
#else
    const CT scale = LOAD(gamma, i);
#endif
    EACH_COLUMN STORE(q, c, rstd[c] * (LOAD(o, c) * scale - a[c] - (LOAD(p, c) - mean[c]) * b[c]));
  }
#endif
#if AFFINE == 1
  EACH_COLUMN stat[row + c] = mean[c], stat[rows + row + c] = rstd[c];
#endif
  COLUMNS_END
}
