/* The cross entropy of a softmax over rows of n elements of T, labels of TL as class numbers.
 *
 *   cross_entropy            loss[row] = log(sum exp x) - x[label], of CT
 *   cross_entropy_backward   dx = (softmax(x) - onehot(label)) * head[0]
 *
 * CPU: a work-item takes whole rows. GPU: `lanes` work-items of a group share a row.
 */
#include "common.h"
#include "exp16.h"
#include "reduce.h"

#ifndef TL
#define TL int
#endif

static inline long label_of(const global TL *label, const long row, const long n) {
  const long v = (long)LOAD_AS(TL, label, row);
  return v < 0 ? 0 : v >= n ? n - 1 : v;
}

WIDE_VECTORS kernel void cross_entropy(const global T *x, const global TL *label, global CT *loss, const long rows, const long n, const int lanes,
                          const int strided) {
  ROWS_LOCAL
  ROWS_BEGIN(row, rows)
  const global T *p = x + row * n;
  CT top, sum;
  ROW_MAX(top, i, n, load8(p, i), LOAD(p, i))
#define E1(k) m_exp(LOAD(p, k) - top)
#define E16 CAT(exp16_, CT)(load16(p, i) - top)
  ROW_SUM(sum, i, n, E16, E1(i))
  if (row_live && row_lane == 0) {
    const CT v = m_log(sum) + top - LOAD(p, label_of(label, row, n));
    const CT most = (CT)18.420680743952367; /* -log(1e-8): MXNet bounds the probability from below */
    loss[row] = v > most ? most : v;
  }
  ROWS_END
}

WIDE_VECTORS kernel void cross_entropy_backward(const global T *head, const global T *x, const global TL *label, global T *dx, const long rows, const long n,
                                   const int lanes, const int strided) {
  ROWS_LOCAL
  const CT h = LOAD(head, 0);
  ROWS_BEGIN(row, rows)
  const global T *p = x + row * n;
  CT top, sum;
  ROW_MAX(top, i, n, load8(p, i), LOAD(p, i))
  ROW_SUM(sum, i, n, E16, E1(i))
  const CT inverse = 1 / sum;
  const long target = label_of(label, row, n);
  ROW_EACH(i, n) STORE(dx, row * n + i, (E1(i) * inverse - (i == target ? 1 : 0)) * h);
  ROWS_END
}
