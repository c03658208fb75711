/* Adagrad with one history a row: h += mean of g^2 over the row, w_out = w - lr * g / sqrt(h + epsilon); g = rescale * grad, clipped.
 *
 * w, grad, w_out: rows of `length` elements of T; history: an element of T a row, overwritten. w_out may be w or grad.
 * A row is a work-item's on a CPU, a group's on a GPU. A negative clip is none.
 */
#include "common.h"
#include "reduce.h"
#include "math.h"

static inline CT clip_to(CT v, CT bound) { return bound >= 0 ? (v > bound ? bound : v < -bound ? -bound : v) : v; }
static inline __attribute__((always_inline)) CT square1(const CT v) { return v * v; }

static inline __attribute__((always_inline)) V16 square16(V16 v, const CT bound) {
  if (bound >= 0) {
    v = v > (V16)(bound) ? (V16)(bound) : v;
    v = v < (V16)(-bound) ? (V16)(-bound) : v;
  }
  return v * v;
}

WIDE_VECTORS kernel void group_adagrad(const global T *w, const global T *grad, global T *history, global T *w_out, const long rows,
                                       const long length, const CT lr, const CT rescale, const CT clip, const CT epsilon, const int lanes,
                                       const int strided) {
  ROWS_LOCAL
  ROWS_BEGIN(row, rows)
    const global T *x = w + row * length, *g = grad + row * length;
    global T *y = w_out + row * length;
    const CT before = LOAD(history, row);
    CT sum;
    ROW_SUM(sum, i, length, square16(rescale * load16(g, i), clip), square1(clip_to(rescale * LOAD(g, i), clip)))
    const CT total = before + sum / length;
    const CT root = m_sqrt(total + epsilon);
    ROW_EACH(i, length) {
      const CT next = LOAD(x, i) - lr * clip_to(rescale * LOAD(g, i), clip) / root;
      STORE(y, i, next);
    }
    if (row_live && row_lane == 0) CAT(PUT_, T)(history, row, total);
  ROWS_END
}
