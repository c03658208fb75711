/* The register tile of the matrix products on CPUs: MR rows x NV vectors of VW columns, held in MR * NV vector registers.
 *
 * A tile multiplies MR rows of A by one packed panel of B ([kc][NR], NR = NV * VW) and stores into C through an epilogue with bounds,
 * bias and the store mode. Element (i, k) of A lies at a[i * ars + k * acs], or, with A_TABLE, at a[i * ars + at[k]]. The includer packs
 * the panels: in local memory, which a work-item that is a work-group has to itself and which needs no workspace; where C cannot
 * hold partial sums (SAME 0) all of K is packed, and a workspace is used (PANEL).
 *
 * Column j of the panel is column[j] of C (so that the pixels of several images, or every other pixel, need no matrix of their own);
 * bit v of `flat` says that the columns of vector v lie side by side.
 */
#ifndef GEMM_CPU_H
#define GEMM_CPU_H

#ifndef VW
#define VW 8 /* elements a vector: 8 with AVX2, 16 with AVX-512 */
#endif
#ifndef NV
#define NV 3 /* vectors a row of the tile, at most 3 */
#endif
#ifndef MR
#define MR 4 /* rows of the tile; MR * NV accumulators plus NV + 1 operands must fit the register file */
#endif
#define NR (NV * VW)
#ifndef SAME
#define SAME 0 /* 1 when T is the compute type: then vectors are loaded and stored as they lie in memory */
#endif
#ifndef A_TABLE
#define A_TABLE 0
#endif
#ifndef SCALED
#define SCALED(v) (v)
#endif
#ifndef BIAS
#define BIAS 0 /* 1: one value a column, 2: one value a row */
#endif
#if SAME
#define PANEL __local
#else
#define PANEL __global
#endif

typedef CAT(CT, VW) gemm_aligned;
typedef gemm_aligned gemm_vec __attribute__((aligned(sizeof(CT))));

#define GEMM_INLINE static inline __attribute__((always_inline))

/* acc += MR rows of A times the first nv vectors of the panel's columns; nv is a constant after inlining */
GEMM_INLINE void gemm_accumulate(gemm_vec acc[MR][NV], const int nv, const __global CT *a, const size_t ars, const size_t acs,
                                 const PANEL int *at, const PANEL CT *b, const int kc) {
  for (int k = 0; k < kc; k++) {
    gemm_vec bv[NV];
#pragma unroll
    for (int j = 0; j < nv; j++) bv[j] = *(const PANEL gemm_vec *)(b + j * VW);
#if A_TABLE
    const __global CT *ak = a + at[k];
#else
    const __global CT *ak = a;
    a += acs;
#endif
#pragma unroll
    for (int i = 0; i < MR; i++) {
      const gemm_vec ai = (gemm_vec)(ak[i * ars]);
#pragma unroll
      for (int j = 0; j < nv; j++) acc[i][j] = acc[i][j] + ai * bv[j];
    }
    b += NR;
  }
}

/* Stores rows [row0, row1) of the tile and the first `cols` columns of it. */
GEMM_INLINE void gemm_tile(const __global CT *a, const size_t ars, const size_t acs, const PANEL int *at, const PANEL CT *b,
                           const int kc, __global T *c, const size_t ldc, const long *column, const int flat, const int row0,
                           const int row1, const int cols, const int add, const __global T *bias, const int use_bias GEMM_EXTRA) {
  gemm_vec acc[MR][NV];
#pragma unroll
  for (int i = 0; i < MR; i++)
#pragma unroll
    for (int j = 0; j < NV; j++) acc[i][j] = (gemm_vec)((CT)0);
  if (cols > 2 * VW || NV == 1)
    gemm_accumulate(acc, NV, a, ars, acs, at, b, kc);
  else if (cols > VW && NV >= 2) /* the last panel: no work for vectors without a column */
    gemm_accumulate(acc, NV >= 2 ? 2 : 1, a, ars, acs, at, b, kc);
  else
    gemm_accumulate(acc, 1, a, ars, acs, at, b, kc);

#pragma unroll
  for (int j = 0; j < NV; j++) {
    if (j * VW >= cols) break;
#if SAME
    if (flat >> j & 1) {
      __global T *to = c + column[j * VW];
#if BIAS == 1
      const gemm_vec side = use_bias ? *(const __global gemm_vec *)(bias + column[j * VW]) : (gemm_vec)((CT)0);
#endif
#pragma unroll
      for (int i = 0; i < MR; i++) {
        if (i < row0 || i >= row1) continue;
        gemm_vec v = SCALED(acc[i][j]);
#if BIAS == 1
        v += side;
#elif BIAS == 2
        if (use_bias) v += (gemm_vec)(bias[i]);
#endif
        __global gemm_vec *at_ = (__global gemm_vec *)(to + i * ldc);
        if (add) v += *at_;
        *at_ = v;
      }
      continue;
    }
#endif
    CT edge[MR * VW];
#pragma unroll
    for (int i = 0; i < MR; i++) *(gemm_vec *)(edge + i * VW) = acc[i][j];
    const int lanes = cols - j * VW < VW ? cols - j * VW : VW;
    for (int l = 0; l < lanes; l++) {
      const long n = column[j * VW + l];
      for (int i = row0; i < row1; i++) {
        CT v = SCALED(edge[i * VW + l]);
#if BIAS == 1
        if (use_bias) v += LOAD(bias, n);
#elif BIAS == 2
        if (use_bias) v += LOAD(bias, i);
#endif
        if (add) v += LOAD(c, n + i * ldc);
        STORE_AS(1, T, c, n + i * ldc, v);
      }
    }
  }
}

/* Packs `rows` rows and kc columns of A, from element (0, 0) at a, into panels [rows / MR][kc][MR], rows past `rows` zero. */
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
