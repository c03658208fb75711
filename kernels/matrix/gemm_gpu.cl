/* Matrix products on GPUs, C[M][N] = A[M][K] * B[K][N] (+ bias), a batch of them in one launch: a work-group owns 64 x 64 of C of one batch
 * entry (include/gemm_gpu.h).
 *
 * A and B have any strides (ars, acs: elements between rows and between columns of A; so transposition is free); the rows of C are
 * ldc apart, its columns 1. Batch entry i starts at a + aoff + (i % amod) * abatch, b + boff + i * bbatch, c + coff + i * cbatch (a
 * batch stride of 0 repeats an operand). The product is multiplied by alpha. bias holds N (BIAS 1) or M (BIAS 2) values. REQ is the store
 * mode.
 *
 * Tunable: TK.
 */
#include "common.h"
#include "gemm_gpu.h"

#ifndef BIAS
#define BIAS 0
#endif

#define LOAD_A(m, k) LOAD(a, (m) * ars + (k) * acs)
#define LOAD_B(k, n) LOAD(b, (k) * brs + (n) * bcs)

__kernel __attribute__((reqd_work_group_size(TILE_ITEMS, TILE_ITEMS, 1))) void gemm(
    const __global T *restrict a, const __global T *restrict b, __global T *c, const __global T *restrict bias, const int M,
    const int N, const int K, const long ars, const long acs, const long brs, const long bcs, const long ldc, const long abatch,
    const long bbatch, const long cbatch, const int amod, const long aoff, const long boff, const long coff, const CT alpha) {
  GEMM_GPU_LOCALS
  const size_t batch = get_group_id(2);
  const int n0 = get_group_id(0) * TN, m0 = get_group_id(1) * TM;
  a += aoff + (batch % amod) * abatch;
  b += boff + batch * bbatch;
  c += coff + batch * cbatch;
  CT acc[TILE_REGS][TILE_REGS] = {{0}};
  GEMM_GPU_ACCUMULATE(acc, m0, n0, 0, K, M, N, LOAD_A, LOAD_B)
  for (int i = 0; i < TILE_REGS; i++)
    for (int j = 0; j < TILE_REGS; j++) {
      const int m = m0 + (int)get_local_id(1) + TILE_ITEMS * i, n = n0 + (int)get_local_id(0) + TILE_ITEMS * j;
      if (m < M && n < N) {
        const CT v = acc[i][j] * alpha + (BIAS == 1 ? LOAD(bias, n) : BIAS == 2 ? LOAD(bias, m) : (CT)0);
        STORE(c, m * ldc + n, v);
      }
    }
}
