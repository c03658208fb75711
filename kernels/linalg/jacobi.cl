/* Eigenvalues and eigenvectors of symmetric matrices by one-sided Jacobi rotations; n x n in rows, one after the other in a batch.
 *
 * The rows of B = A / |A| + SHIFT I, whose eigenvalues lie between 1/8 and 17/8, are rotated in pairs until they are orthogonal. Then row i is an
 * eigenvector times its eigenvalue, and |row i| > 0. A sweep visits all pairs, in rounds of n / 2 pairs that have no row in common
 * (the rows sit around a table, and all but one move up by a seat a round). A group has a matrix.
 *
 *   jacobi_begin  b = A / |A| + SHIFT I from the lower triangle of A, |A| the largest sum of a row's absolute values; going = 1
 *   jacobi_sweep  one sweep, nothing where going is 0; going becomes the number of pairs that were not orthogonal
 *   jacobi_end    u = the eigenvectors as rows, of length 1, in the order of their values, their largest element (the first of equals)
 *                 positive; values: v^T A v
 *   syevd_middle  y = the diagonal matrix of g, and beside the diagonal (M[i][j] - M[j][i]) / 2 / (values[i] - values[j]), symmetric,
 *                 differences smaller than LEAST counted as LEAST
 */
#include "common.h"
#include "group.h"
#include "items.h"

#if defined(WIDE) && WIDE
#define EPSILON 2.220446049250313e-16
#define LEAST 1e-100
#define EQUAL 1e-12
#else
#define EPSILON 1.1920929e-7f
#define LEAST 1e-30f
#define EQUAL 1e-5f
#endif

#define SHIFT (CT)1.125

static inline CT lower_of(const global T *a, const long n, const long i, const long j) {
  return i >= j ? LOAD(a, i * n + j) : LOAD(a, j * n + i);
}

kernel void jacobi_begin(const global T *a, global T *b, global int *going, const long batch, const int n) {
  GROUP_ARRAY CT most[GROUP_MOST];
  FOR_GROUPS(g, batch) {
    const global T *x = a + g * n * n;
    CT largest = 0;
    GROUP_FOR(i, 0, n) {
      CT sum = 0;
      for (long j = 0; j < n; j++) {
        const CT v = lower_of(x, n, i, j);
        sum += v < 0 ? -v : v;
      }
      largest = MAX_(sum, largest);
    }
    most[GROUP_ITEM] = largest;
    GROUP_SYNC;
    for (int k = 0; k < GROUP_ITEMS; k++) largest = MAX_(most[k], largest);
    const CT scale = largest == 0 ? 0 : 1 / largest;
    GROUP_GRID(i, 0, n, j, n) {
      const CT v = lower_of(x, n, i, j) * scale;
      b[(g * n + i) * n + j] = i == j ? v + SHIFT : v;
    }
    if (GROUP_ITEM == 0) going[g] = 1;
    GROUP_SYNC;
  }
}

kernel void jacobi_sweep(global T *w, global int *going, const long batch, const int n) {
  GROUP_ARRAY int turned[GROUP_MOST];
  const int seats = n + (n & 1);
  FOR_GROUPS(g, batch) {
    global T *b = w + g * n * n;
    int mine = 0;
    const int active = going[g];
    GROUP_SYNC;
    if (active) {
      for (int round = 0; round < seats - 1; round++) {
        GROUP_FOR(k, 0, seats / 2) {
          const int p = k == 0 ? seats - 1 : (round + (int)k) % (seats - 1), q = (round + seats - 1 - (int)k) % (seats - 1);
          if (p >= n || q >= n) continue;
          global T *x = b + (long)p * n, *y = b + (long)q * n;
          CT xx[8] = {0}, yy[8] = {0}, xy[8] = {0};
          long j = 0;
          for (; j + 8 <= n; j += 8)
            for (int z = 0; z < 8; z++) {
              xx[z] += x[j + z] * x[j + z];
              yy[z] += y[j + z] * y[j + z];
              xy[z] += x[j + z] * y[j + z];
            }
          for (; j < n; j++) {
            xx[0] += x[j] * x[j];
            yy[0] += y[j] * y[j];
            xy[0] += x[j] * y[j];
          }
          for (int z = 4; z; z /= 2)
            for (int i = 0; i < z; i++) {
              xx[i] += xx[i + z];
              yy[i] += yy[i + z];
              xy[i] += xy[i + z];
            }
          const CT dot = xy[0], bound = xx[0] * yy[0];
          if (!(dot * dot > EPSILON * EPSILON * bound)) continue;
          mine++;
          /* tan of the angle: the smaller root of t^2 + 2 z t - 1 */
          const CT z = (yy[0] - xx[0]) / (2 * dot), size = z < 0 ? -z : z;
          const CT t = (z < 0 ? -1 : 1) / (size + sqrt(1 + z * z));
          const CT c = 1 / sqrt(1 + t * t), s = c * t;
          for (long i = 0; i < n; i++) {
            const CT u = x[i], v = y[i];
            x[i] = c * u - s * v;
            y[i] = s * u + c * v;
          }
        }
        GROUP_SYNC;
      }
    }
    turned[GROUP_ITEM] = mine;
    GROUP_SYNC;
    if (GROUP_ITEM == 0) {
      for (int k = 1; k < GROUP_ITEMS; k++) mine += turned[k];
      going[g] = mine;
    }
    GROUP_SYNC;
  }
}

kernel void jacobi_end(const global T *a, global T *b, global T *unsorted, global T *u, global T *values, const long batch, const int n) {
  FOR_GROUPS(g, batch) {
    const global T *x = a + g * n * n;
    global T *rows = b + g * n * n, *found = unsorted + g * n;
    GROUP_FOR(i, 0, n) {
      global T *v = rows + i * n;
      CT squares = 0, largest = 0;
      for (long j = 0; j < n; j++) {
        const CT size = v[j] < 0 ? -v[j] : v[j];
        squares += v[j] * v[j];
        largest = MAX_(size, largest);
      }
      CT sign = 0;
      for (long j = 0; j < n && sign == 0; j++)
        if (v[j] >= largest * (1 - EQUAL)) sign = 1;
        else if (-v[j] >= largest * (1 - EQUAL)) sign = -1;
      const CT scale = (sign < 0 ? -1 : 1) / sqrt(squares);
      for (long j = 0; j < n; j++) v[j] *= scale;
      CT value = 0;
      for (long j = 0; j < n; j++) {
        CT sum = LOAD(x, j * n + j) * v[j] / 2;
        for (long k = 0; k < j; k++) sum += LOAD(x, j * n + k) * v[k];
        value += 2 * sum * v[j];
      }
      found[i] = value;
    }
    GROUP_SYNC;
    GROUP_FOR(i, 0, n) {
      const CT value = found[i];
      long rank = 0;
      for (long k = 0; k < n; k++) {
        const CT other = found[k];
        rank += other < value || (!(value < other) && k < i);
      }
      STORE_AS(1, T, values, g * n + rank, value);
      for (long j = 0; j < n; j++) STORE_AS(1, T, u, (g * n + rank) * n + j, rows[i * n + j]);
    }
    GROUP_SYNC;
  }
}

kernel void syevd_middle(const global T *m, const global T *values, const global T *g, global T *y, const long batch, const int n) {
  FOR_STRETCHES(row, lo, hi, batch * n, (long)n, PIECE) {
    const long first = row / n * n, i = row % n;
    const global T *across = m + row * n, *down = m + first * n + i;
    for (long j = lo; j < hi; j++) {
      const int below = i > j;
      const CT up = LOAD(values, first + (below ? i : j)) - LOAD(values, first + (below ? j : i));
      const CT turn = LOAD(across, j) - LOAD(down, j * n);
      const CT v = i == j ? LOAD(g, row) : (below ? turn : -turn) / (2 * (up > LEAST ? up : (CT)LEAST));
      STORE(y, row * n + j, v);
    }
  }
}
