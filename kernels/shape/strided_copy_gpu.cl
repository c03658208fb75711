/* Copies and fills between strided stretches of memory: every slice, concatenation, tile, flip and padding is one of these.
 *
 *   strided_copy       y[y0 + sum_d i_d ys_d] (req)= x[x0 + sum_d i_d xs_d]   for all index tuples i below `extent`, n of them
 *   strided_fill       y[y0 + sum_d i_d ys_d] (req)= value
 *
 * Extents, steps and types are those of include/strided.h. A work-item takes single elements; the index tuple of each is taken apart.
 */
#include "common.h"
#include "strided.h"

kernel void strided_copy(const global T *x, global T *y, const long n, const int ndim, const long8 extent, const long8 xs, const long8 ys,
                         const long x0, const long y0) {
  FOR_EACH(i, n) {
    index_t rest = (index_t)i;
    long px = x0, py = y0;
    PEEL_ALL
    STORE(y, py, LOAD(x, px));
  }
}

kernel void strided_fill(global T *y, const long n, const int ndim, const long8 extent, const long8 ys, const long y0, const CT value) {
  const long8 xs = 0;
  FOR_EACH(i, n) {
    index_t rest = (index_t)i;
    long px = 0, py = y0;
    PEEL_ALL
    STORE(y, py, value);
  }
}
