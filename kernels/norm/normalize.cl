/* Normalisation by the statistics of rows: LayerNorm, InstanceNorm, GroupNorm, L2Normalization.
 *
 * A tensor is (outer, n, inner): outer * inner rows of n elements, `inner` apart. xhat = (x - mean) / sqrt(var + eps), y = gamma * xhat + beta.
 *   AFFINE 0   no mean, no gamma: y = x / sqrt(sum(x*x) + eps)        (L2Normalization)
 *   AFFINE 1   gamma, beta of n elements, one for each place of a row (LayerNorm)
 *   AFFINE 2   gamma, beta of `groups` elements, one for each row modulo groups (InstanceNorm, GroupNorm)
 *
 *   normalize_rows, normalize_columns (CPU, inner > 1)        y, and mean and sqrt(var + eps) of each row (REQ1, REQ2)
 *   normalize_rows_backward, normalize_columns_backward       dx (WANT_DX); and what dgamma, dbeta need, as CT:
 *       AFFINE 1: stat[row] = mean, stat[rows + row] = 1 / std;  AFFINE 2: stat[row] = sum g * xhat, stat[rows + row] = sum g
 *   affine_gradient   AFFINE 1: dgamma[n], dbeta[n] in parts (splits, n) from g, x and stat
 *
 * Statistics are computed in two passes (mean, then squares of differences): exact where the mean is large.
 */
#include "common.h"
#include "math.h"
#include "reduce.h"

#ifndef AFFINE
#define AFFINE 1
#endif
#ifndef REQ1
#define REQ1 0
#endif
#ifndef REQ2
#define REQ2 0
#endif
#ifndef WANT_DX
#define WANT_DX 1
#endif
#define TILE 256 /* neighbouring rows that the _columns kernels take at most; `tile` says how many, so that they stay in the cache */

#if DEVICE_CPU
#define AT(i) (i)
#define START(row) ((row) * n)
#else
#define AT(i) ((i) * inner)
#define START(row) ((row) / inner * n * inner + (row) % inner)
#endif
#define X1(i) LOAD(p, AT(i))
#define X16 load16(p, i)
#define NEXT16 (AHEAD_OF_USE(p + i + next), X16) /* and what the next row has there is fetched */
#define NEAR_ROW 8192 /* rows up to that length stay in the first cache meanwhile */
#define ROOT(v) m_sqrt(v)

/* mean and 1 / std of the row at p, as `mean` and `rstd` */
#if AFFINE == 0
#define STATISTICS                                        \
  CT mean = 0, spread;                                    \
  ROW_SUM(spread, i, n, X16 *X16, X1(i) * X1(i))            \
  const CT std = ROOT(spread + eps), rstd = 1 / std;
#else
#define STATISTICS                                                                          \
  CT mean, spread;                                                                          \
  const long next = n <= NEAR_ROW ? n : 0;                                                  \
  (void)next;                                                                               \
  ROW_SUM(mean, i, n, X16, X1(i))                                                            \
  mean /= n;                                                                                \
  ROW_SUM(spread, i, n, (NEXT16 - mean) * (X16 - mean), (X1(i) - mean) * (X1(i) - mean))      \
  const CT std = ROOT(spread / n + eps), rstd = 1 / std;
#endif

WIDE_VECTORS kernel void normalize_rows(const global T *x, const global T *gamma, const global T *beta, global T *y, global T *means, global T *stds,
                           const long rows, const long n, const long inner, const int groups, const CT eps, const int lanes,
                           const int strided) {
  ROWS_LOCAL
  ROWS_BEGIN(row, rows)
  const global T *p = x + START(row);
  global T *q = y + START(row);
  STATISTICS
#if AFFINE == 0
  ROW_EACH(i, n) STORE(q, AT(i), X1(i) * rstd);
#elif AFFINE == 1
  ROW_EACH(i, n) STORE(q, AT(i), (X1(i) - mean) * rstd * LOAD(gamma, i) + LOAD(beta, i));
#else
  const CT scale = LOAD(gamma, row % groups), shift = LOAD(beta, row % groups);
  ROW_EACH(i, n) STORE(q, AT(i), (X1(i) - mean) * rstd * scale + shift);
#endif
  if (row_live && row_lane == 0) {
    STORE_AS(REQ1, T, means, row, mean);
    STORE_AS(REQ2, T, stds, row, std);
  }
  ROWS_END
}

WIDE_VECTORS kernel void normalize_rows_backward(const global T *g, const global T *x, const global T *gamma, global T *dx, global CT *stat, const long rows,
                                    const long n, const long inner, const int groups, const CT eps, const int lanes, const int strided) {
  ROWS_LOCAL
  ROWS_BEGIN(row, rows)
  const global T *p = x + START(row), *o = g + START(row);
  global T *q = dx + START(row);
#define G1(i) LOAD(o, AT(i))
#define G16 load16(o, i)
  STATISTICS
#if AFFINE == 0
  CT along;
  ROW_SUM(along, i, n, G16 *X16, G1(i) * X1(i))
  const CT factor = along * rstd * rstd;
  ROW_EACH(i, n) STORE(q, AT(i), rstd * (G1(i) - X1(i) * factor));
#elif AFFINE == 1
#if WANT_DX
  CT a, b;
#define GG1(i) (G1(i) * LOAD(gamma, i))
  ROW_SUM(a, i, n, G16 *load16(gamma, i), GG1(i))
  ROW_SUM(b, i, n, G16 *load16(gamma, i) * (X16 - mean), GG1(i) * (X1(i) - mean))
  a /= n;
  b *= rstd * rstd / n;
  ROW_EACH(i, n) STORE(q, AT(i), rstd * (GG1(i) - a - (X1(i) - mean) * b));
#endif
  if (row_live && row_lane == 0) stat[row] = mean, stat[rows + row] = rstd;
#else
  CT a, b;
  ROW_SUM(a, i, n, G16, G1(i))
  ROW_SUM(b, i, n, G16 *(X16 - mean), G1(i) * (X1(i) - mean))
#if WANT_DX
  const CT scale = LOAD(gamma, row % groups) * rstd, shift = a / n, slope = b * rstd * rstd / n;
  ROW_EACH(i, n) STORE(q, AT(i), scale * (G1(i) - shift - (X1(i) - mean) * slope));
#endif
  if (row_live && row_lane == 0) stat[row] = b * rstd, stat[rows + row] = a;
#endif
  ROWS_END
}

#if DEVICE_CPU && AFFINE < 2
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
#endif

#if AFFINE == 1
/* dgamma, dbeta: (splits, n). CPU, inner == 1: an item is (split of the rows, tile of columns); otherwise one row of the result is one i. */
WIDE_VECTORS kernel void affine_gradient(const global T *g, const global T *x, const global CT *stat, global CT *dgamma, global CT *dbeta, const long outer,
                            const long n, const long inner, const long splits, const int lanes, const int strided) {
  const long rows = outer * inner;
#if DEVICE_CPU
  if (inner == 1) {
    CT a[TILE], b[TILE];
    const long tiles = (n + TILE - 1) / TILE, part = (outer + splits - 1) / splits;
    FOR_ITEMS(item, splits * tiles) {
      const long column = item % tiles * TILE, split = item / tiles;
      const int w = (int)(n - column < TILE ? n - column : TILE);
      const long end = (split + 1) * part < outer ? (split + 1) * part : outer;
      for (int c = 0; c < w; c++) a[c] = 0, b[c] = 0;
      for (long r = split * part; r < end; r++) {
        const global T *p = x + r * n + column, *o = g + r * n + column;
        const CT mean = stat[r], rstd = stat[rows + r];
        for (int c = 0; c < w; c++) {
          const CT v = LOAD(o, c);
          a[c] += v * (LOAD(p, c) - mean) * rstd;
          b[c] += v;
        }
      }
      for (int c = 0; c < w; c++) dgamma[split * n + column + c] = a[c], dbeta[split * n + column + c] = b[c];
    }
    return;
  }
  FOR_ITEMS(c, n) {
    CT a = 0, b = 0, ea = 0, eb = 0;
    for (long r = 0; r < outer; r++) {
      const global T *p = x + (r * n + c) * inner, *o = g + (r * n + c) * inner;
      const global CT *mean = stat + r * inner, *rstd = mean + rows;
      CT u, v;
      ROW_SUM(u, i, inner, load16(o, i) * (load16(p, i) - loadc16(mean, i)) * loadc16(rstd, i), LOAD(o, i) * (LOAD(p, i) - mean[i]) * rstd[i])
      ROW_SUM(v, i, inner, load16(o, i), LOAD(o, i))
      KAHAN_ADD(a, ea, u)
      KAHAN_ADD(b, eb, v)
    }
    dgamma[c] = a, dbeta[c] = b;
  }
#else
  ROWS_LOCAL
  ROWS_BEGIN(c, n)
#define GAT(k) (((k) / inner * n + c) * inner + (k) % inner)
  CT a, b;
  ROW_SUM(a, k, rows, 0, LOAD(g, GAT(k)) * (LOAD(x, GAT(k)) - stat[k]) * stat[rows + k])
  ROW_SUM(b, k, rows, 0, LOAD(g, GAT(k)))
  if (row_live && row_lane == 0) dgamma[c] = a, dbeta[c] = b;
  ROWS_END
#endif
}
#endif
