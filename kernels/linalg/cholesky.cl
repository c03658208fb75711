/* Diagonal blocks of triangular matrices: the Cholesky factor of one, and their inverses, by which the rest becomes matrix products.
 *
 * Matrices are n x n in rows, one after the other in a batch. A group has one block of at most NB x NB, whose rows and columns begin at
 * `start`, in an array of NB x NB that is filled up with ones on the diagonal.
 *
 *   cholesky_block  factor = the Cholesky factor of the block of `w` (its lower triangle; the upper one, and the transposed factor, with
 *                   `upper`), the rest of those rows that the factor does not reach zero; inverse = the inverse of the lower factor,
 *                   NB x NB a matrix. Refused (refuse.h): the order of the leading minor that is not positive, of a matrix
 *                   of the batch.
 *   invert_blocks   inverse = the inverses of all diagonal blocks of the lower (with `upper` upper) triangle of `a`, of their own
 *                   triangle, NB x NB each, block after block, matrix after matrix. unit: the diagonal counts as ones.
 *   invertible      refuses the first (1-based) zero of the diagonal of a matrix of the batch.
 *
 * Tunable: NB.
 */
#include "common.h"
#include "group.h"
#include "refuse.h"
#ifndef NB
#define NB 32
#endif

/* x = the inverse of the lower triangular matrix whose transposition is u; rows of x are computed from rows, in whole
 * vectors of what is not yet zero. NB is a multiple of 16. */
#define INVERT(x, u, nb)                                                        \
  GROUP_GRID(i, 0, NB, j, NB) x[i * NB + j] = i == j;                           \
  GROUP_SYNC;                                                                   \
  for (long k = 0; k < (nb); k++) {                                             \
    const CT pivot = u[k * NB + k];                                             \
    GROUP_FOR(j, 0, k + 1) x[k * NB + j] /= pivot;                              \
    GROUP_SYNC;                                                                 \
    GROUP_GRID(i, k + 1, nb, j, (k | 15) + 1) x[i * NB + j] -= u[k * NB + i] * x[k * NB + j]; \
    GROUP_SYNC;                                                                 \
  }

kernel void cholesky_block(const global T *w, global T *factor, global T *inverse, const long batch, const int n, const int start,
                           const int upper, volatile global int *refused) {
  GROUP_ARRAY CT u[NB * NB];
  GROUP_ARRAY CT x[NB * NB];
  const long nb = n - start < NB ? n - start : NB;
  FOR_GROUPS(b, batch) {
    const global T *from = w + b * n * n + (long)start * n + start;
    global T *to = factor + b * n * n + (long)start * n + start;
    GROUP_GRID(i, 0, NB, j, NB) u[i * NB + j] = i == j;
    GROUP_SYNC;
    if (upper)
      GROUP_GRID(i, 0, nb, j, nb) u[i * NB + j] = j < i ? (CT)0 : LOAD(from, i * n + j);
    else
      GROUP_GRID(i, 0, nb, j, nb) if (j <= i) u[j * NB + i] = LOAD(from, i * n + j);
    GROUP_SYNC;
    int bad = 0;
    for (long k = 0; k < nb; k++) {
      const CT pivot = u[k * NB + k];
      if (pivot <= 0 && !bad) bad = start + (int)k + 1;
      const CT root = sqrt(pivot);
      GROUP_SYNC;
      GROUP_FOR(j, k, NB) u[k * NB + j] = j == k ? root : u[k * NB + j] / root;
      GROUP_SYNC;
      GROUP_GRID(i, k + 1, nb, j, NB) u[i * NB + j] -= u[k * NB + i] * u[k * NB + j];
      GROUP_SYNC;
    }
    if (GROUP_ITEM == 0 && bad) refuse(refused, bad, (int)b, batch);
    GROUP_GRID(i, 0, nb, j, nb) {
      const int row = upper ? i : j, column = upper ? j : i;
      const CT v = u[row * NB + column];
      STORE_AS(1, T, to, i * n + j, row <= column ? v : (CT)0);
    }
    GROUP_GRID(i, 0, nb, j, n) if (upper ? j < start : j >= start + nb) STORE_AS(1, T, to, i * n + j - start, (CT)0);
    if (start + nb < n) {
      INVERT(x, u, nb)
      GROUP_GRID(i, 0, NB, j, NB) inverse[b * NB * NB + i * NB + j] = j <= i ? x[i * NB + j] : (CT)0;
    }
    GROUP_SYNC;
  }
}

kernel void invert_blocks(const global T *a, global T *inverse, const long batch, const int n, const int upper, const int unit) {
  GROUP_ARRAY CT u[NB * NB];
  GROUP_ARRAY CT x[NB * NB];
  const long blocks = (n + NB - 1) / NB;
  FOR_GROUPS(item, batch * blocks) {
    const long b = item / blocks, start = item % blocks * NB, nb = n - start < NB ? n - start : NB;
    const global T *from = a + b * n * n + start * n + start;
    global T *to = inverse + item * NB * NB;
    GROUP_GRID(i, 0, NB, j, NB) u[i * NB + j] = i == j;
    GROUP_SYNC;
    if (upper)
      GROUP_GRID(i, 0, nb, j, nb) if (i < j || (i == j && !unit)) u[i * NB + j] = LOAD(from, i * n + j);
    if (!upper)
      GROUP_GRID(i, 0, nb, j, nb) if (j < i || (i == j && !unit)) u[j * NB + i] = LOAD(from, i * n + j);
    GROUP_SYNC;
    INVERT(x, u, nb)
    GROUP_GRID(i, 0, NB, j, NB) {
      const int row = upper ? j : i, column = upper ? i : j;
      const CT v = x[row * NB + column];
      to[i * NB + j] = column <= row ? v : (CT)0;
    }
    GROUP_SYNC;
  }
}

kernel void invertible(const global T *a, const long batch, const int n, volatile global int *refused) {
  GROUP_ARRAY int first[GROUP_MOST];
  FOR_GROUPS(b, batch) {
    int bad = 0;
    GROUP_FOR(i, 0, n) if (!bad && LOAD(a, (b * n + i) * n + i) == 0) bad = (int)i + 1;
    first[GROUP_ITEM] = bad;
    GROUP_SYNC;
    for (int k = 1; k < GROUP_ITEMS && GROUP_ITEM == 0; k++) bad = first[k] && (!bad || first[k] < bad) ? first[k] : bad;
    if (GROUP_ITEM == 0 && bad) refuse(refused, bad, (int)b, batch);
    GROUP_SYNC;
  }
}
