/* Eigenvalues and eigenvectors of symmetric matrices by one-sided Jacobi rotations; n x n in rows, one after the other in a batch.
 *
 * The rows of B = A / |A| + SHIFT I, whose eigenvalues lie between 1/8 and 17/8, are rotated in pairs until they are orthogonal. Then row i
 * is an eigenvector times its eigenvalue, and |row i| > 0. A sweep visits all pairs. The rows are in `blocks` (an even number) of `side`
 * (even); in each of blocks - 1 launches every block meets another one, as at a table where all but one move up by a seat a round, and a
 * group has two blocks, whose pairs it takes in rounds that have no row in common.
 *
 *   jacobi_begin  b = A / |A| + SHIFT I from the lower triangle of A, |A| the largest sum of a row's absolute values. A group has a matrix.
 *   jacobi_sweep  launch `round` of a sweep, nothing where the sweep before turned nothing; going: how many pairs each sweep turned, of
 *                 each matrix, with a first row of ones
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
#define PARTS BATCH(32, 4)

static inline CT lower_of(const global T *a, const long n, const long i, const long j) {
  return i >= j ? LOAD(a, i * n + j) : LOAD(a, j * n + i);
}

kernel void jacobi_begin(const global T *a, global T *b, global int *going, const long batch, const int n,
                         const int sweeps) {
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
    GROUP_FOR(k, 0, sweeps + 1) going[k * batch + g] = k == 0;
    GROUP_SYNC;
  }
}

/* Rotates two rows until they are orthogonal; whether they were not. */
static inline int rotate(global T *x, global T *y, const long n) {
  CT xx[PARTS] = {0}, yy[PARTS] = {0}, xy[PARTS] = {0};
  long j = 0;
  for (; j + PARTS <= n; j += PARTS)
    for (int z = 0; z < PARTS; z++) {
      xx[z] += x[j + z] * x[j + z];
      yy[z] += y[j + z] * y[j + z];
      xy[z] += x[j + z] * y[j + z];
    }
  for (; j < n; j++) {
    xx[0] += x[j] * x[j];
    yy[0] += y[j] * y[j];
    xy[0] += x[j] * y[j];
  }
  for (int z = PARTS / 2; z; z /= 2)
    for (int i = 0; i < z; i++) {
      xx[i] += xx[i + z];
      yy[i] += yy[i + z];
      xy[i] += xy[i + z];
    }
  const CT dot = xy[0], bound = xx[0] * yy[0];
  if (!(dot * dot > EPSILON * EPSILON * bound)) return 0;
  /* tan of the angle: the smaller root of t^2 + 2 z t - 1 */
  const CT z = (yy[0] - xx[0]) / (2 * dot), size = z < 0 ? -z : z;
  const CT t = (z < 0 ? -1 : 1) / (size + sqrt(1 + z * z));
  const CT c = 1 / sqrt(1 + t * t), s = c * t;
  MAP_LOOP
  for (long i = 0; i < n; i++) {
    const CT u = x[i], v = y[i];
    x[i] = c * u - s * v;
    y[i] = s * u + c * v;
  }
  return 1;
}

/* The two that meet at seat k of `seats` (an even number) in a round. */
#define FIRST_AT(k, round, seats) ((k) == 0 ? (seats)-1 : ((round) + (k)) % ((seats)-1))
#define SECOND_AT(k, round, seats) (((round) + (seats)-1 - (k)) % ((seats)-1))

kernel void jacobi_sweep(global T *w, volatile global int *going, const long batch, const int n, const int blocks, const int side,
                         const int sweep, const int round) {
  const int pairs = blocks / 2;
  FOR_GROUPS(item, batch *pairs) {
    const long g = item / pairs;
    const int k = (int)(item % pairs);
    if (!going[sweep * batch + g]) continue;
    global T *b = w + g * n * n;
    const int one = FIRST_AT(k, round, blocks) * side, other = SECOND_AT(k, round, blocks) * side;
    int turned = 0;
    if (round == 0) /* the pairs within each of the two blocks */
      for (int r = 0; r < side - 1; r++) {
        GROUP_FOR(seat, 0, side) {
          const int at = (int)seat % (side / 2), from = seat < side / 2 ? one : other;
          const int p = from + FIRST_AT(at, r, side), q = from + SECOND_AT(at, r, side);
          if (p < n && q < n) turned += rotate(b + (long)p * n, b + (long)q * n, n);
        }
        GROUP_SYNC;
      }
    for (int shift = 0; shift < side; shift++) {
      GROUP_FOR(seat, 0, side) {
        const int p = one + (int)seat, q = other + ((int)seat + shift) % side;
        if (p < n && q < n) turned += rotate(b + (long)p * n, b + (long)q * n, n);
      }
      GROUP_SYNC;
    }
    if (turned) atomic_add(going + (sweep + 1) * batch + g, turned);
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
      const CT length = (sign < 0 ? -1 : 1) * sqrt(squares);
      for (long j = 0; j < n; j++) v[j] /= length;
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
