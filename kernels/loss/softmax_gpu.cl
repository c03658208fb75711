/* y = softmax(x) along rows of n elements that lie `inner` apart, on GPUs (include/softmax.h, which has the layout and the defines). A few
 * work-items of a group, `lanes`, share a row.
 */
#include "common.h"
#include "softmax.h"

kernel void softmax_rows(const global T *x, LENGTH_ARG global TY *y, const long rows, const long n, const long inner, const CT scale,
                         const int lanes, const int strided) {
  ROWS_LOCAL
  ROWS_BEGIN(row, rows)
  const global T *p = x + ROW_START(row);
  global TY *q = y + ROW_START(row);
  const long m = LENGTH_OF(row);
  CT top, sum;
  ROW_MAX(top, i, m, 0, SIGNED(LOAD(p, IN_ROW(i))))
  ROW_SUM(sum, i, m, 0, m_exp((SIGNED(LOAD(p, IN_ROW(i))) - top) * scale))
#if KIND == 1
  const CT shift = m_log(sum);
  ROW_EACH(i, m) STORE_AS(REQ, TY, q, IN_ROW(i), (LOAD(p, IN_ROW(i)) - top) * scale - shift);
#else
  const CT inverse = 1 / sum;
  ROW_EACH(i, m) STORE_AS(REQ, TY, q, IN_ROW(i), m_exp((SIGNED(LOAD(p, IN_ROW(i))) - top) * scale) * inverse);
#endif
#if USE_LENGTH
  ROW_EACH(i, n - m) STORE_AS(REQ, TY, q, IN_ROW(m + i), (CT)0);
#endif
  ROWS_END
}
