/* Normalisation by the statistics of rows (include/normalize.h, which has the layout and the defines): normalize_rows and
 * normalize_rows_backward. CPU: a work-item takes whole rows, of contiguous elements. GPU: `lanes` work-items of a group share a row, its
 * elements `inner` apart.
 */
#include "common.h"
#include "normalize.h"

#define X1(i) LOAD(p, IN_ROW(i))
#define X16 load16(p, i)
#define NEXT16 (PREFETCH(p + i + next), X16) /* and what the next row has there is fetched */
#define NEAR_ROW 8192 /* rows up to that length stay in the first cache meanwhile */

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
  const global T *p = x + ROW_START(row);
  global T *q = y + ROW_START(row);
  STATISTICS
#if AFFINE == 0
  ROW_EACH(i, n) STORE(q, IN_ROW(i), X1(i) * rstd);
#elif AFFINE == 1
  ROW_EACH(i, n) STORE(q, IN_ROW(i), (X1(i) - mean) * rstd * LOAD(gamma, i) + LOAD(beta, i));
#else
  const CT scale = LOAD(gamma, row % groups), shift = LOAD(beta, row % groups);
  ROW_EACH(i, n) STORE(q, IN_ROW(i), (X1(i) - mean) * rstd * scale + shift);
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
  const global T *p = x + ROW_START(row), *o = g + ROW_START(row);
  global T *q = dx + ROW_START(row);
#define G1(i) LOAD(o, IN_ROW(i))
#define G16 load16(o, i)
  STATISTICS
#if AFFINE == 0
  CT along;
  ROW_SUM(along, i, n, G16 *X16, G1(i) * X1(i))
  const CT factor = along * rstd * rstd;
  ROW_EACH(i, n) STORE(q, IN_ROW(i), rstd * (G1(i) - X1(i) * factor));
#elif AFFINE == 1
#if WANT_DX
  CT a, b;
#define GG1(i) (G1(i) * LOAD(gamma, i))
  ROW_SUM(a, i, n, G16 *load16(gamma, i), GG1(i))
  ROW_SUM(b, i, n, G16 *load16(gamma, i) * (X16 - mean), GG1(i) * (X1(i) - mean))
  a /= n;
  b *= rstd * rstd / n;
  ROW_EACH(i, n) STORE(q, IN_ROW(i), rstd * (GG1(i) - a - (X1(i) - mean) * b));
#endif
  if (row_live && row_lane == 0) stat[row] = mean, stat[rows + row] = rstd;
#else
  CT a, b;
  ROW_SUM(a, i, n, G16, G1(i))
  ROW_SUM(b, i, n, G16 *(X16 - mean), G1(i) * (X1(i) - mean))
#if WANT_DX
  const CT scale = LOAD(gamma, row % groups) * rstd, shift = a / n, slope = b * rstd * rstd / n;
  ROW_EACH(i, n) STORE(q, IN_ROW(i), scale * (G1(i) - shift - (X1(i) - mean) * slope));
#endif
  if (row_live && row_lane == 0) stat[row] = b * rstd, stat[rows + row] = a;
#endif
  ROWS_END
}
