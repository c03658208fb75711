/* The gradient of a softmax along rows, from the head gradient g and the result y alone: dx = y * (g - sum of g * y) * scale, for
 * log_softmax (g - exp(y) * sum of g) * scale. See include/softmax.h for the layout and the defines. CPU: a work-item takes whole rows, of
 * contiguous elements. GPU: `lanes` work-items of a group share a row, its elements `inner` apart.
 */
#include "common.h"
#include "softmax.h"

WIDE_VECTORS kernel void softmax_rows_backward(const global TY *g, const global TY *y, LENGTH_ARG global T *dx, const long rows, const long n,
                                  const long inner, const CT scale, const int lanes, const int strided) {
  ROWS_LOCAL
  ROWS_BEGIN(row, rows)
  const global TY *gp = g + ROW_START(row), *yp = y + ROW_START(row);
  global T *q = dx + ROW_START(row);
  const long m = LENGTH_OF(row);
  const CT factor = SIGNED(scale);
  CT sum;
#if SAME_TYPE /* load16 reads T, which is then TY as well */
#define G16 load16((const global T *)gp, i)
#define Y16 load16((const global T *)yp, i)
#else
#define EIGHT(F, i) F(i), F(i + 1), F(i + 2), F(i + 3), F(i + 4), F(i + 5), F(i + 6), F(i + 7)
#define G16 (V16)(EIGHT(G1, i), EIGHT(G1, i + 8))
#define Y16 (V16)(EIGHT(Y1, i), EIGHT(Y1, i + 8))
#endif
#define G1(i) LOAD_AS(TY, gp, IN_ROW(i))
#define Y1(i) LOAD_AS(TY, yp, IN_ROW(i))
#if KIND == 1
  ROW_SUM(sum, i, m, G16, G1(i))
  ROW_EACH(i, m) STORE(q, IN_ROW(i), (G1(i) - m_exp(Y1(i)) * sum) * factor);
#else
  ROW_SUM(sum, i, m, G16 *Y16, G1(i) * Y1(i))
  ROW_EACH(i, m) STORE(q, IN_ROW(i), Y1(i) * (G1(i) - sum) * factor);
#endif
#if USE_LENGTH
  ROW_EACH(i, n - m) STORE(q, IN_ROW(m + i), (CT)0);
#endif
  ROWS_END
}
