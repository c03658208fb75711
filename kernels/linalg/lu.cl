/* LU factorization with pivots, P A = L U, in place, in panels of NB columns; matrices of n x n in rows, one after the other in a batch.
 *
 *   lu_panel      factorizes the panel from column `start` on, and notes for each column the row that was exchanged with that on the
 *                 diagonal: pivot, n a matrix. A group has a matrix. With CHECKED it refuses (refuse.h) the first
 *                 (1-based) zero on the diagonal of U of a matrix of the batch.
 *   lu_rows       applies those exchanges to all other columns, and in the columns right of the panel solves for the rows of U. A work-item
 *                 has stretches of columns.
 *   lu_permutation  y = P
 *   lu_determinant  determinant = that of A; or with LOG sign and log = its sign and the logarithm of its absolute value. A group has a
 *                 matrix.
 *
 * Tunable: NB.
 */
#include "common.h"
#include "group.h"
#include "items.h"
#include "refuse.h"
#ifndef NB
#define NB 32
#endif
#ifndef LOG
#define LOG 0
#endif
#define MAGNITUDE(v) ((v) < 0 ? -(v) : (v))

kernel void lu_panel(global T *w, global int *pivot, const long batch, const int n, const int start REFUSED) {
  GROUP_ARRAY CT best[GROUP_MOST];
  GROUP_ARRAY int where[GROUP_MOST];
  const int width = n - start < NB ? n - start : NB;
  FOR_GROUPS(b, batch) {
    global T *a = w + b * n * n;
    int bad = 0;
    for (int c = start; c < start + width; c++) {
      CT most = -1;
      int row = c;
      GROUP_FOR(r, c, n) {
        const CT v = MAGNITUDE(LOAD(a, r * n + c));
        if (v > most) {
          most = v;
          row = (int)r;
        }
      }
      best[GROUP_ITEM] = most;
      where[GROUP_ITEM] = row;
      GROUP_SYNC;
      for (int k = 0; k < GROUP_ITEMS; k++)
        if (best[k] > most || (best[k] == most && where[k] < row)) {
          most = best[k];
          row = where[k];
        }
      if (GROUP_ITEM == 0) pivot[b * n + c] = row;
      if (row != c)
        GROUP_FOR(j, start, start + width) {
          const CT v = LOAD(a, (long)c * n + j);
          a[(long)c * n + j] = LOAD(a, (long)row * n + j);
          a[(long)row * n + j] = v;
        }
      GROUP_SYNC;
      const CT d = LOAD(a, (long)c * n + c);
      if (d == 0) {
        if (!bad) bad = c + 1;
      } else {
        GROUP_FOR(r, c + 1, n) {
          global T *to = a + r * n;
          const global T *from = a + (long)c * n;
          const CT f = LOAD(to, c) / d;
          to[c] = f;
          for (int j = c + 1; j < start + width; j++) to[j] -= f * LOAD(from, j);
        }
      }
      GROUP_SYNC;
    }
#if CHECKED
    if (GROUP_ITEM == 0 && bad) refuse(refused, bad, (int)b, batch);
#endif
    GROUP_SYNC;
  }
}

#define PIECE_OF_ROW 64

kernel void lu_rows(global T *w, const global int *pivot, const long batch, const int n, const int start) {
  const int width = n - start < NB ? n - start : NB;
  FOR_STRETCHES(b, lo, hi, batch, (long)n, PIECE_OF_ROW) {
    global T *a = w + b * n * n;
    const long panel = start, after = start + width;
    const long skip_from = lo > panel ? lo : panel, skip_to = hi < after ? hi : after;
    for (int c = start; c < start + width; c++) {
      const long row = pivot[b * n + c];
      if (row == c) continue;
      for (long j = lo; j < hi; j++) {
        if (j >= skip_from && j < skip_to) continue;
        const CT v = LOAD(a, (long)c * n + j);
        a[(long)c * n + j] = LOAD(a, row * n + j);
        a[row * n + j] = v;
      }
    }
    const long from = lo > after ? lo : after;
    for (int i = 1; i < width && from < hi; i++) {
      global T *to = a + (start + i) * (long)n;
      for (int k = 0; k < i; k++) {
        const CT f = LOAD(to, start + k);
        const global T *x = a + (start + k) * (long)n;
        for (long j = from; j < hi; j++) to[j] -= f * LOAD(x, j);
      }
    }
  }
}

kernel void lu_permutation(const global int *pivot, global T *y, global int *order, const long batch, const int n) {
  FOR_GROUPS(b, batch) {
    global int *of = order + b * n;
    GROUP_FOR(i, 0, n) of[i] = (int)i;
    GROUP_SYNC;
    if (GROUP_ITEM == 0)
      for (int c = 0; c < n; c++) {
        const int row = pivot[b * n + c], v = of[c];
        of[c] = of[row];
        of[row] = v;
      }
    GROUP_SYNC;
    GROUP_GRID(i, 0, n, j, n) y[(b * n + i) * n + j] = of[i] == j;
    GROUP_SYNC;
  }
}

kernel void lu_determinant(const global T *w, const global int *pivot, global T *determinant, global T *sign, const long batch, const int n) {
  GROUP_ARRAY CT sums[GROUP_MOST];
  GROUP_ARRAY CT signs[GROUP_MOST];
  FOR_GROUPS(b, batch) {
    CT mine = LOG ? 0 : 1, turned = 1;
    GROUP_FOR(i, 0, n) {
      const CT v = LOAD(w, (b * n + i) * n + i);
      if (pivot[b * n + i] != i) turned = -turned;
#if LOG
      mine += log(MAGNITUDE(v));
      turned = v == 0 ? 0 : v < 0 ? -turned : v > 0 ? turned : v;
#else
      mine *= v;
#endif
    }
    sums[GROUP_ITEM] = mine;
    signs[GROUP_ITEM] = turned;
    GROUP_SYNC;
    if (GROUP_ITEM == 0) {
      for (int k = 1; k < GROUP_ITEMS; k++) {
        mine = LOG ? mine + sums[k] : mine * sums[k];
        turned *= signs[k];
      }
#if LOG
      STORE_AS(1, T, determinant, b, mine);
      STORE_AS(1, T, sign, b, turned);
#else
      const CT v = mine * turned;
      STORE_AS(1, T, determinant, b, v);
#endif
    }
    GROUP_SYNC;
  }
}
