/* affine_gradient: dgamma[n], dbeta[n] of LayerNorm, in one part, from g, x and stat, on GPUs (include/normalize.h). `lanes` work-items of a
 * group share a place.
 */
#include "common.h"
#include "normalize.h"

WIDE_VECTORS kernel void affine_gradient(const global T *g, const global T *x, const global CT *stat, global CT *dgamma, global CT *dbeta, const long outer,
                            const long n, const long inner, const long splits, const int lanes, const int strided) {
  const long rows = outer * inner;
  ROWS_LOCAL
  ROWS_BEGIN(c, n)
#define GAT(k) (((k) / inner * n + c) * inner + (k) % inner)
  CT a, b;
  ROW_SUM(a, k, rows, 0, LOAD(g, GAT(k)) * (LOAD(x, GAT(k)) - stat[k]) * stat[rows + k])
  ROW_SUM(b, k, rows, 0, LOAD(g, GAT(k)))
  if (row_live && row_lane == 0) dgamma[c] = a, dbeta[c] = b;
  ROWS_END
}
