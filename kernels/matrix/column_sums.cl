/* gemm_column_sums: out[n] = the sum of column n of x [rows][N]: the gradient of a bias. A work-item: strips of 16 columns. */
#include "common.h"

__kernel void gemm_column_sums(const __global T *restrict x, __global T *restrict out, const int rows, const int N) {
  for (int n = get_global_id(0) * 16; n < N; n += get_global_size(0) * 16) {
    CT sum[16];
    for (int j = 0; j < 16; j++) sum[j] = (CT)0;
    const int cols = min(16, N - n);
    for (int m = 0; m < rows; m++) {
      const __global T *row = x + (size_t)m * N + n;
      if (cols == 16)
        for (int j = 0; j < 16; j++) sum[j] += LOAD(row, j);
      else
        for (int j = 0; j < cols; j++) sum[j] += LOAD(row, j);
    }
    for (int j = 0; j < cols; j++) STORE(out, n + j, sum[j]);
  }
}
