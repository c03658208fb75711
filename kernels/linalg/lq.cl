/* LQ factorization by Householder's reflections of rows, in panels of NB rows: matrices of m x n (m <= n) in rows, one after the other.
 *
 *   lq_panel  reduces the rows start .. start + NB - 1 of `w` to lower triangular form. The reflections are I - tau v v^T, v[i] = 1, and
 *             v, zeros and ones included, becomes row i of `v` (m x n); their product is I - V^T F V with the upper triangular F, which
 *             becomes `f` (NB x NB a panel, panel after panel, matrix after matrix). A group has a matrix.
 *   lq_lower  y = the lower triangle of the first m columns of `w`
 *
 * Signs as LAPACK's: the diagonal element gets the sign opposite to what it had; a row that is zero right of it stays.
 * Tunable: NB.
 */
#include "common.h"
#include "group.h"
#include "items.h"
#ifndef NB
#define NB 32
#endif


/* The sum of products of two rows, in eight parts so that it vectorises, known to all items. */
#define DOT(result, p, q, lo, hi)                                                   \
  {                                                                                 \
    CT part[8] = {0};                                                               \
    long at = (lo) + GROUP_ITEM;                                                    \
    for (; at + 7 * GROUP_ITEMS < (hi); at += 8 * GROUP_ITEMS)                      \
      for (int z = 0; z < 8; z++) part[z] += (p)[at + z * GROUP_ITEMS] * (q)[at + z * GROUP_ITEMS]; \
    for (; at < (hi); at += GROUP_ITEMS) part[0] += (p)[at] * (q)[at];              \
    const CT mine = ((part[0] + part[1]) + (part[2] + part[3])) + ((part[4] + part[5]) + (part[6] + part[7])); \
    result = GROUP_SUM(mine, scratch);                                              \
  }

kernel void lq_panel(global T *w, global T *v, global T *f, const long batch, const int m, const int n, const int start) {
  GROUP_ARRAY CT scratch[GROUP_MOST];
  const int end = start + NB < m ? start + NB : m;
  const int panels = (m + NB - 1) / NB;
  FOR_GROUPS(b, batch) {
    global T *a = w + b * m * n, *reflections = v + b * m * n, *factor = f + (b * panels + start / NB) * NB * NB;
    GROUP_FOR(i, 0, NB * NB) factor[i] = 0;
    for (int i = start; i < end; i++) {
      global T *row = a + (long)i * n, *x = reflections + (long)i * n;
      CT squares;
      DOT(squares, row, row, i + 1, n)
      const CT alpha = row[i];
      CT tau = 0, beta = alpha, scale = 0;
      if (squares != 0) {
        const CT length = sqrt(alpha * alpha + squares);
        beta = alpha > 0 ? -length : length;
        tau = (beta - alpha) / beta;
        scale = 1 / (alpha - beta);
      }
      GROUP_SYNC;
      GROUP_FOR(j, 0, n) x[j] = j < i ? (CT)0 : j == i ? (CT)1 : row[j] * scale;
      if (GROUP_ITEM == 0) row[i] = beta;
      GROUP_SYNC;
      for (int r = i + 1; r < end; r++) {
        global T *other = a + (long)r * n;
        CT dot;
        DOT(dot, other, x, i, n)
        const CT by = tau * dot;
        GROUP_FOR(j, i, n) other[j] -= by * x[j];
        GROUP_SYNC;
      }
      /* the column of F: -tau F (V v), then tau on the diagonal */
      const int own = i - start;
      for (int r = start; r < i; r++) {
        CT dot;
        DOT(dot, (reflections + (long)r * n), x, i, n)
        if (GROUP_ITEM == 0)
          for (int q = 0; q <= r - start; q++) factor[q * NB + own] -= tau * factor[q * NB + r - start] * dot;
        GROUP_SYNC;
      }
      if (GROUP_ITEM == 0) factor[own * NB + own] = tau;
      GROUP_SYNC;
    }
  }
}

kernel void lq_lower(const global T *w, global T *y, const long batch, const int m, const int n) {
  FOR_STRETCHES(row, lo, hi, batch * m, (long)m, PIECE) {
    const long i = row % m;
    for (long j = lo; j < hi; j++) {
      CT v = 0;
      if (j <= i) v = LOAD(w, row * n + j);
      STORE(y, row * m + j, v);
    }
  }
}
