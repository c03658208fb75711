/* The work-group tile of the matrix products on GPUs: 64 x 64 of C by 16 x 16 work-items, 4 x 4 registers each.
 *
 * GEMM_GPU_ACCUMULATE runs over k in [k0, k1) in steps of TK: the work-group stages TM x TK of A and TK x TN of B in local memory
 * (each element read from global memory once a group), then every work-item multiplies its 4 rows by its 4 columns. The
 * includer's macros LOAD_A(m, k) and LOAD_B(k, n) read an element (and must not be called outside the matrix: bounds are checked
 * here), so that a convolution gathers its pixels here without a column matrix in memory.
 */
#ifndef GEMM_GPU_H
#define GEMM_GPU_H

#ifndef TK
#define TK 16 /* depth of a stage */
#endif
#define TM 64
#define TN 64
#define TILE_ITEMS 16 /* work-items a side; a work-item owns rows ly + 16 i and columns lx + 16 j, so that neighbours touch neighbours */
#define TILE_REGS 4
#ifndef A_K_FAST
#define A_K_FAST 1 /* 1: neighbouring work-items load neighbouring k of A, 0: neighbouring m */
#endif
#ifndef B_K_FAST
#define B_K_FAST 0 /* the same for B: k or n */
#endif

#define GEMM_GPU_LOCALS           \
  __local CT tile_a[TK][TM + 1]; \
  __local CT tile_b[TK][TN + 1];

#define GEMM_GPU_ACCUMULATE(acc, m0, n0, k0, k1, M, N, LOAD_A, LOAD_B)                             \
  {                                                                                                \
    const int lx = get_local_id(0), ly = get_local_id(1), flat = ly * TILE_ITEMS + lx;             \
    for (int kb = (k0); kb < (k1); kb += TK) {                                                     \
      for (int e = flat; e < TM * TK; e += TILE_ITEMS * TILE_ITEMS) {                              \
        const int kk = A_K_FAST ? e % TK : e / TM, mm = A_K_FAST ? e / TK : e % TM;                \
        const int k = kb + kk, m = (m0) + mm;                                                      \
        tile_a[kk][mm] = k < (k1) && m < (M) ? LOAD_A(m, k) : (CT)0;                               \
      }                                                                                            \
      for (int e = flat; e < TN * TK; e += TILE_ITEMS * TILE_ITEMS) {                              \
        const int kk = B_K_FAST ? e % TK : e / TN, nn = B_K_FAST ? e / TK : e % TN;                \
        const int k = kb + kk, n = (n0) + nn;                                                      \
        tile_b[kk][nn] = k < (k1) && n < (N) ? LOAD_B(k, n) : (CT)0;                               \
      }                                                                                            \
      barrier(CLK_LOCAL_MEM_FENCE);                                                                \
      for (int kk = 0; kk < TK; kk++) {                                                            \
        CT av[TILE_REGS], bv[TILE_REGS];                                                           \
        for (int i = 0; i < TILE_REGS; i++) av[i] = tile_a[kk][ly + TILE_ITEMS * i];               \
        for (int j = 0; j < TILE_REGS; j++) bv[j] = tile_b[kk][lx + TILE_ITEMS * j];               \
        for (int i = 0; i < TILE_REGS; i++)                                                        \
          for (int j = 0; j < TILE_REGS; j++) acc[i][j] = acc[i][j] + av[i] * bv[j];               \
      }                                                                                            \
      barrier(CLK_LOCAL_MEM_FENCE);                                                                \
    }                                                                                              \
  }
#endif
