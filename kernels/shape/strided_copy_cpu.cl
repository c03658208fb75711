/* Copies and fills between strided stretches of memory: every slice, concatenation, tile, flip and padding is one of these.
 *
 *   strided_copy       y[y0 + sum_d i_d ys_d] (req)= x[x0 + sum_d i_d xs_d]   for all index tuples i below `extent`, n of them
 *   strided_fill       y[y0 + sum_d i_d ys_d] (req)= value
 *
 * Extents, steps and types are those of include/strided.h. A work-item walks a contiguous share of the index tuples, rows in tight
 * loops.
 */
#include "common.h"
#include "elements8.h"
#include "strided.h"

/* `rows` rows of `m` elements; a constant step lets the compiler vectorise the row. */
static void copy_rows(const global T *restrict x, global T *restrict y, const long rows, const long m, const long xr, const long yr,
                      const long xs, const long ys) {
  if (xs == 1 && ys == 1) {
    for (long j = 0; j < rows; j++)
      for (long i = 0; i < m; i++) STORE(y, j * yr + i, LOAD(x, j * xr + i));
  } else if (xs == 0 && ys == 1) {
    for (long j = 0; j < rows; j++) {
      const CT v = LOAD(x, j * xr);
      for (long i = 0; i < m; i++) STORE(y, j * yr + i, v);
    }
  } else if (xs == -1 && ys == 1) {
    for (long j = 0; j < rows; j++)
      for (long i = 0; i < m; i++) STORE(y, j * yr + i, LOAD(x, j * xr - i));
  } else {
    for (long j = 0; j < rows; j++)
      for (long i = 0; i < m; i++) STORE(y, j * yr + i * ys, LOAD(x, j * xr + i * xs));
  }
}

static void fill_rows(const CT v, global T *restrict y, const long rows, const long m, const long yr, const long ys) {
  if (ys == 1) {
    for (long j = 0; j < rows; j++)
      for (long i = 0; i < m; i++) STORE(y, j * yr + i, v);
  } else {
    for (long j = 0; j < rows; j++)
      for (long i = 0; i < m; i++) STORE(y, j * yr + i * ys, v);
  }
}

/* This work-item's share of the index tuples, in stretches of whole rows where possible: ROWS(rows, m) is called at positions px, py. */
#define WALK(ROWS)                                                                                           \
  const long chunk = ((n + (long)get_global_size(0) - 1) / (long)get_global_size(0) + 15) / 16 * 16;         \
  long done = (long)get_global_id(0) * chunk;                                                                \
  const long end = done + chunk < n ? done + chunk : n;                                                      \
  if (done >= end) return;                                                                                   \
  const long e[8] = ELEMENTS8(extent), a[8] = ELEMENTS8(xs), b[8] = ELEMENTS8(ys);                           \
  long at[8];                                                                                                \
  long px = x0, py = y0, rest = done;                                                                        \
  for (int d = 0; d < ndim; d++) {                                                                           \
    const long quotient = rest / e[d];                                                                       \
    at[d] = rest - quotient * e[d];                                                                          \
    px += at[d] * a[d];                                                                                      \
    py += at[d] * b[d];                                                                                      \
    rest = quotient;                                                                                         \
  }                                                                                                          \
  while (done < end) {                                                                                       \
    int d = 0;                                                                                               \
    if (at[0] == 0 && ndim > 1 && end - done >= e[0]) {                                                      \
      const long left = (end - done) / e[0], in_plane = e[1] - at[1];                                        \
      const long rows = left < in_plane ? left : in_plane;                                                   \
      ROWS(rows, e[0]);                                                                                      \
      done += rows * e[0];                                                                                   \
      at[1] += rows;                                                                                         \
      px += rows * a[1];                                                                                     \
      py += rows * b[1];                                                                                     \
      d = 1;                                                                                                 \
    } else {                                                                                                 \
      const long left = end - done, in_row = e[0] - at[0];                                                   \
      const long m = left < in_row ? left : in_row;                                                          \
      ROWS(1, m);                                                                                            \
      done += m;                                                                                             \
      at[0] += m;                                                                                            \
      px += m * a[0];                                                                                        \
      py += m * b[0];                                                                                        \
    }                                                                                                        \
    for (; d + 1 < ndim && at[d] == e[d]; d++) {                                                             \
      at[d] = 0;                                                                                             \
      px += a[d + 1] - e[d] * a[d];                                                                          \
      py += b[d + 1] - e[d] * b[d];                                                                          \
      at[d + 1]++;                                                                                           \
    }                                                                                                        \
  }

kernel void strided_copy(const global T *x, global T *y, const long n, const int ndim, const long8 extent, const long8 xs, const long8 ys,
                         const long x0, const long y0) {
#define COPY_ROWS(rows, m) copy_rows(x + px, y + py, rows, m, a[1], b[1], a[0], b[0])
  WALK(COPY_ROWS)
}

kernel void strided_fill(global T *y, const long n, const int ndim, const long8 extent, const long8 ys, const long y0, const CT value) {
  const long8 xs = 0;
  const long x0 = 0;
#define FILL_ROWS(rows, m) fill_rows(value, y + py, rows, m, b[1], b[0])
  WALK(FILL_ROWS)
}
