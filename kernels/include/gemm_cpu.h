/* The register tile of the matrix products on CPUs: MR rows x NV vectors of VW columns, held in MR * NV vector registers.
 *
 * A tile multiplies MR rows of A (element (i, k) at a[i * ars + k * acs]) by one packed panel of B ([kc][NR], NR = NV * VW)
 * and stores into C through an epilogue with bounds, bias and the store mode. The includer packs the panels.
 *
 * Column n of C lies at (n / plane) * outer + n % plane, so that the columns of a convolution, the pixels of all images, need no
 * batch dimension; a plain matrix passes plane = N.
 */
#ifndef GEMM_CPU_H
#define GEMM_CPU_H

#ifndef VW
#define VW 8 /* elements a vector: 8 with AVX2, 16 with AVX-512 */
#endif
#ifndef NV
#define NV 2 /* vectors a row of the tile */
#endif
#ifndef MR
#define MR 6 /* rows of the tile; MR * NV accumulators plus NV + 1 operands must fit the register file */
#endif
#define NR (NV * VW)
#ifndef SAME
#define SAME 0 /* 1 when T is the compute type: then vectors are loaded and stored as they lie in memory */
#endif
#ifndef SCALED
#define SCALED(v) (v)
#endif
#ifndef BIAS
#define BIAS 0 /* 1: one value a column, 2: one value a row */
#endif

typedef CAT(CT, VW) gemm_aligned;
typedef gemm_aligned gemm_vec __attribute__((aligned(sizeof(CT))));

#define GEMM_INLINE static inline __attribute__((always_inline))

/* Where and how a tile is stored: rows [row0, row1) of the tile and the first `cols` columns of it. */
GEMM_INLINE void gemm_tile(const __global CT *a, const size_t ars, const size_t acs, const __global CT *b, const int kc,
                           __global T *c, const size_t ldc, const long n0, const long plane, const size_t outer, const int row0,
                           const int row1, const int cols, const int add, const __global T *bias, const int use_bias) {
  gemm_vec acc[MR][NV];
#pragma unroll
  for (int i = 0; i < MR; i++)
#pragma unroll
    for (int j = 0; j < NV; j++) acc[i][j] = (gemm_vec)((CT)0);

  for (int k = 0; k < kc; k++) {
    gemm_vec bv[NV];
#pragma unroll
    for (int j = 0; j < NV; j++) bv[j] = *(const __global gemm_vec *)(b + j * VW);
#pragma unroll
    for (int i = 0; i < MR; i++) {
      const gemm_vec ai = (gemm_vec)(a[i * ars]);
#pragma unroll
      for (int j = 0; j < NV; j++) acc[i][j] = acc[i][j] + ai * bv[j];
    }
    a += acs;
    b += NR;
  }

  const long p0 = n0 % plane;
  const size_t base = (size_t)(n0 / plane) * outer + (size_t)p0;
#if SAME
  if (row0 == 0 && row1 == MR && cols == NR && p0 + NR <= plane) {
#pragma unroll
    for (int i = 0; i < MR; i++)
#pragma unroll
      for (int j = 0; j < NV; j++) {
        __global gemm_vec *to = (__global gemm_vec *)(c + base + i * ldc + j * VW);
        gemm_vec v = SCALED(acc[i][j]);
#if BIAS == 1
        if (use_bias) v += *(const __global gemm_vec *)(bias + n0 + j * VW);
#elif BIAS == 2
        if (use_bias) v += (gemm_vec)(bias[i]);
#endif
        if (add) v += *to;
        *to = v;
      }
    return;
  }
#endif
  CT edge[MR * NR];
#pragma unroll
  for (int i = 0; i < MR; i++)
#pragma unroll
    for (int j = 0; j < NV; j++) *(gemm_vec *)(edge + i * NR + j * VW) = acc[i][j];
  for (int j = 0; j < cols; j++) {
    const long n = n0 + j;
    const size_t column = p0 + j < plane ? base + j : (size_t)(n / plane) * outer + (size_t)(n % plane);
    for (int i = row0; i < row1; i++) {
      CT v = SCALED(edge[i * NR + j]);
#if BIAS == 1
      if (use_bias) v += LOAD(bias, n);
#elif BIAS == 2
      if (use_bias) v += LOAD(bias, i);
#endif
      const size_t at = column + i * ldc;
      if (add) v += LOAD(c, at);
      STORE_AS(1, T, c, at, v);
    }
  }
}

/* Packs rows [m0, m0 + rows) and columns [k0, k0 + kc) of A into panels [rows / MR][kc][MR], rows past `rows` zero. */
GEMM_INLINE void gemm_pack_rows(const __global T *a, const size_t ars, const size_t acs, const int rows, const int kc,
                                __global CT *to) {
  for (int m = 0; m < rows; m += MR) {
    const int valid = rows - m < MR ? rows - m : MR;
    const __global T *from = a + m * ars;
    if (valid == MR && ars == 1) {
      for (int k = 0; k < kc; k++)
#pragma unroll
        for (int i = 0; i < MR; i++) to[k * MR + i] = LOAD(from, k * acs + i);
    } else if (valid == MR) {
      for (int k = 0; k < kc; k++)
#pragma unroll
        for (int i = 0; i < MR; i++) to[k * MR + i] = LOAD(from, i * ars + k * acs);
    } else {
      for (int k = 0; k < kc; k++)
        for (int i = 0; i < MR; i++) to[k * MR + i] = i < valid ? LOAD(from, i * ars + k * acs) : (CT)0;
    }
    to += (size_t)kc * MR;
  }
}
#endif
