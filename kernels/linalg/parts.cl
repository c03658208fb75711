/* Parts of matrices, n x n in rows, one after the other in a batch. A work-item takes stretches of rows.
 *
 *   matrix_part     y = scale * the part of x: PART 0 the lower triangle, 1 the upper one, 2 the lower triangle mirrored at the diagonal,
 *                   3 x + x transposed
 *   triangle_pack   y = the m x m triangle of x that begins `offset` rows below (with `upper` columns right of) the diagonal, m = n -
 *                   offset, row after row (column after column), m (m + 1) / 2 elements a matrix
 *   triangle_unpack y = the matrix with that triangle x, else zero
 *   sum_log_diagonal  y[b] = the sum of the logarithms of the diagonal; a group has a matrix
 *   over_diagonal   y = the diagonal matrix of g[b] / x[i][i]
 *   scaled_transposed y = the transposition of x times f[b] (times g[b] with HAS_G); zero where `zero[b]` is zero
 */
#include "common.h"
#include "group.h"
#include "items.h"
#ifndef PART
#define PART 0
#endif

kernel void matrix_part(const global T *x, global T *y, const long batch, const int n, const CT scale) {
  FOR_STRETCHES(row, lo, hi, batch * n, (long)n, PIECE) {
    const long i = row % n;
    const global T *across = x + row * n, *down = x + row / n * n * n + i;
    for (long j = lo; j < hi; j++) {
#if PART == 0
      const CT v = j <= i ? LOAD(across, j) : (CT)0;
#elif PART == 1
      const CT v = j >= i ? LOAD(across, j) : (CT)0;
#elif PART == 2
      const CT v = j <= i ? LOAD(across, j) : LOAD(down, j * n);
#else
      const CT v = LOAD(across, j) + LOAD(down, j * n);
#endif
      const CT scaled = v * scale;
      STORE(y, row * n + j, scaled);
    }
  }
}

kernel void triangle_pack(const global T *x, global T *y, const long batch, const int n, const int offset, const int upper) {
  const long m = n - offset;
  FOR_STRETCHES(row, lo, hi, batch * m, m, PIECE) {
    const long b = row / m, i = row % m, step = upper ? n : 1;
    const global T *from = x + b * n * n + (upper ? i + offset : (i + offset) * n);
    const long to = b * (m * (m + 1) / 2) + i * (i + 1) / 2;
    for (long j = lo; j < (hi < i + 1 ? hi : i + 1); j++) STORE(y, to + j, LOAD(from, j * step));
  }
}

kernel void triangle_unpack(const global T *x, global T *y, const long batch, const int n, const int offset, const int upper) {
  const long m = n - offset;
  FOR_STRETCHES(row, lo, hi, batch * n, (long)n, PIECE) {
    const long b = row / n, r = row % n;
    const global T *from = x + b * (m * (m + 1) / 2);
    for (long c = lo; c < hi; c++) {
      const long i = (upper ? c : r) - offset, j = upper ? r : c;
      CT v = 0;
      if (j <= i) v = LOAD(from, i * (i + 1) / 2 + j);
      STORE(y, row * n + c, v);
    }
  }
}

kernel void sum_log_diagonal(const global T *x, global T *y, const long batch, const int n) {
  GROUP_ARRAY CT scratch[GROUP_MOST];
  FOR_GROUPS(b, batch) {
    CT mine = 0;
    GROUP_FOR(i, 0, n) mine += log(LOAD(x, (b * n + i) * n + i));
    const CT sum = GROUP_SUM(mine, scratch);
    if (GROUP_ITEM == 0) STORE(y, b, sum);
    GROUP_SYNC;
  }
}

kernel void over_diagonal(const global T *g, const global T *x, global T *y, const long batch, const int n) {
  FOR_STRETCHES(row, lo, hi, batch * n, (long)n, PIECE) {
    const long i = row % n;
    for (long j = lo; j < hi; j++) {
      CT v = 0;
      if (j == i) v = LOAD(g, row / n) / LOAD(x, row * n + j);
      STORE(y, row * n + j, v);
    }
  }
}

kernel void scaled_transposed(const global T *x, const global T *f, const global T *g, const global T *zero, global T *y, const long batch,
                              const int n) {
  FOR_STRETCHES(row, lo, hi, batch * n, (long)n, PIECE) {
    const long b = row / n, i = row % n;
    const global T *down = x + b * n * n + i;
    const int none = LOAD(zero, b) == 0;
    const CT scale = LOAD(f, b) * LOAD(g, b);
    for (long j = lo; j < hi; j++) {
      CT v = 0;
      if (!none) v = LOAD(down, j * n) * scale;
      STORE(y, row * n + j, v);
    }
  }
}
