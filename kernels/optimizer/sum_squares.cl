/* Sums of the squares of up to eight tensors in one launch, in parts; then the sum of each tensor's parts.
 *
 *   square_parts   x0 .. x7: n0 .. n7 elements of T; parts[(first + k) * count + j] = the sum over part j of tensor k, in CT.
 *                  A row of work is one part of one tensor: a work-item's on a CPU, a group's on a GPU.
 *   add_parts      sums[k] = the sum of the `count` parts of tensor k, of `tensors`; of type TY.
 */
#include "common.h"
#include "reduce.h"

#ifndef TY
#define TY float
#endif

#define PICK(v) (k == 0 ? v##0 : k == 1 ? v##1 : k == 2 ? v##2 : k == 3 ? v##3 : k == 4 ? v##4 : k == 5 ? v##5 : k == 6 ? v##6 : v##7)

static inline __attribute__((always_inline)) V16 square16(const V16 v) { return v * v; }
static inline __attribute__((always_inline)) CT square1(const CT v) { return v * v; }

WIDE_VECTORS kernel void square_parts(const global T *x0, const global T *x1, const global T *x2, const global T *x3, const global T *x4,
                                      const global T *x5, const global T *x6, const global T *x7, const long n0, const long n1, const long n2,
                                      const long n3, const long n4, const long n5, const long n6, const long n7, global CT *parts,
                                      const int tensors, const long count, const int first, const int lanes, const int strided) {
  ROWS_LOCAL
  ROWS_BEGIN(row, tensors * count)
    const int k = (int)(row / count);
    const long part = row % count, n = PICK(n), length = (n + count - 1) / count;
    const long start = part * length < n ? part * length : n, left = n - start;
    const global T *x = PICK(x) + start;
    CT sum;
    ROW_SUM(sum, i, left < length ? left : length, square16(load16(x, i)), square1(LOAD(x, i)))
    if (row_live && row_lane == 0) parts[first * count + row] = sum;
  ROWS_END
}

WIDE_VECTORS kernel void add_parts(const global CT *parts, global TY *sums, const int tensors, const long count, const int lanes, const int strided) {
  ROWS_LOCAL
  ROWS_BEGIN(row, tensors)
    const global CT *x = parts + row * count;
    CT sum;
    ROW_SUM(sum, i, count, loadc16(x, i), x[i])
    if (row_live && row_lane == 0) CAT(PUT_, TY)(sums, row, sum);
  ROWS_END
}
