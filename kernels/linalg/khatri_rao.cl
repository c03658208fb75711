/* y[i * m + j][c] = a[i][c] * b[j][c]: the Khatri-Rao product of a (rows x k) and b (m x k). A work-item takes stretches of rows of y. */
#include "common.h"
#include "items.h"

kernel void khatri_rao(const global T *a, const global T *b, global T *y, const long rows, const long m, const long k) {
  FOR_STRETCHES(row, lo, hi, rows * m, k, PIECE) {
    const global T *x = a + row / m * k, *z = b + row % m * k;
    for (long c = lo; c < hi; c++) {
      const CT v = LOAD(x, c) * LOAD(z, c);
      STORE(y, row * k + c, v);
    }
  }
}
