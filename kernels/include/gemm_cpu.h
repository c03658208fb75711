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
#ifndef BIAS
#define BIAS 0 /* 1: one value a column, 2: one value a row */
#endif
#if SAME
#define PANEL __local
#else
#define PANEL __global
#endif
#ifndef A_DIRECT
#define A_DIRECT 0 /* 1: rows of A are read where they lie (needs SAME and M >= MR), 0: packed beside the panel of B */
#endif
#if A_DIRECT
#define A_SPACE __global
#else
#define A_SPACE PANEL
#endif

typedef CAT(CT, VW) gemm_aligned;
typedef gemm_aligned gemm_vec __attribute__((aligned(sizeof(CT))));

#define GEMM_INLINE static inline __attribute__((always_inline))
/* A function of its own: the loop of a tile needs nearly all vector registers, and inlined it would share them with what surrounds it.
 * It takes a vector (a zero), for without one clang compiles it for narrower vectors. */
#define GEMM_APART static __attribute__((noinline))

/* tile[MR][NR] = MR rows of A times the first nv vectors of the panel's columns; nv is a constant after inlining. See
 * GEMM_APART. */
GEMM_INLINE void gemm_multiply(const gemm_aligned zero, CT *tile, const int nv, const A_SPACE CT *a, const size_t ars,
                               const size_t acs, const PANEL int *at, const PANEL CT *b, const int kc) {
  gemm_vec acc[MR][NV];
#pragma unroll
  for (int i = 0; i < MR; i++)
#pragma unroll
    for (int j = 0; j < NV; j++) acc[i][j] = zero;
  for (int k = 0; k < kc; k++) {
    gemm_vec bv[NV];
#pragma unroll
    for (int j = 0; j < NV; j++)
      if (j < nv) bv[j] = *(const PANEL gemm_vec *)(b + j * VW);
#if A_TABLE
    const A_SPACE CT *ak = a + at[k];
#else
    const A_SPACE CT *ak = a;
    a += acs;
#endif
#pragma unroll
    for (int i = 0; i < MR; i++) {
      const gemm_vec ai = (gemm_vec)(ak[i * ars]);
#pragma unroll
      for (int j = 0; j < NV; j++)
        if (j < nv) acc[i][j] = acc[i][j] + ai * bv[j];
    }
    b += NR;
  }
#pragma unroll
  for (int i = 0; i < MR; i++)
#pragma unroll
    for (int j = 0; j < NV; j++)
      if (j < nv) *(gemm_vec *)(tile + i * NR + j * VW) = acc[i][j];
}

#define GEMM_PARAMETERS \
  const gemm_aligned zero, CT *tile, const A_SPACE CT *a, const size_t ars, const size_t acs, const PANEL int *at, const PANEL CT *b, \
      const int kc
GEMM_APART void gemm_multiply_1(GEMM_PARAMETERS) { gemm_multiply(zero, tile, 1, a, ars, acs, at, b, kc); }
GEMM_APART void gemm_multiply_2(GEMM_PARAMETERS) { gemm_multiply(zero, tile, NV < 2 ? NV : 2, a, ars, acs, at, b, kc); }
GEMM_APART void gemm_multiply_all(GEMM_PARAMETERS) { gemm_multiply(zero, tile, NV, a, ars, acs, at, b, kc); }

#if A_DIRECT && !A_TABLE && SAME
/* The same for at most VW / 4 columns, each a row of `b`, kc apart, where elements of a row of A lie together: as dot products, a vector
 * of k at a time, which costs a quarter of the multiply-adds and less. */
GEMM_APART void gemm_multiply_dots(GEMM_PARAMETERS, const int cols) {
  for (int n = 0; n < cols; n++, b += kc) {
    gemm_vec acc[MR];
#pragma unroll
    for (int i = 0; i < MR; i++) acc[i] = zero;
    int k = 0;
    for (; k + VW <= kc; k += VW) {
      const gemm_vec bv = *(const PANEL gemm_vec *)(b + k);
#pragma unroll
      for (int i = 0; i < MR; i++) acc[i] = acc[i] + *(const A_SPACE gemm_vec *)(a + i * ars + k) * bv;
    }
    CT lane[MR * VW];
#pragma unroll
    for (int i = 0; i < MR; i++) *(gemm_vec *)(lane + i * VW) = acc[i];
    for (int i = 0; i < MR; i++) {
      CT sum = lane[i * VW];
      for (int l = 1; l < VW; l++) sum += lane[i * VW + l];
      SHORT_LOOP for (int l = k; l < kc; l++) sum += a[i * ars + l] * b[l];
      tile[i * NR + n] = sum;
    }
  }
}
#endif

/* Columns of a packed panel as rows, for gemm_multiply_dots. */
GEMM_INLINE void gemm_turn(const PANEL CT *panel, const int cols, const int kc, PANEL CT *to) {
  for (int n = 0; n < cols; n++)
    SHORT_LOOP for (int k = 0; k < kc; k++) to[n * kc + k] = panel[k * NR + n];
}

/* A tile, stored: C = alpha * A B (+ bias) (+ C), rows [row0, row1) and the first `cols` columns of it. Without A_TABLE
 * `at` is null, or points to the columns as rows (see gemm_multiply_dots). */
GEMM_INLINE void gemm_tile(const A_SPACE CT *a, const size_t ars, const size_t acs, const PANEL int *at, const PANEL CT *b,
                           const int kc, __global T *c, const size_t ldc, const long *column, const int flat, const int row0,
                           const int row1, const int cols, const int add, const CT alpha,
                           const __global T *bias, const int use_bias) {
  CT tile[MR * NR];
#if A_DIRECT && !A_TABLE && SAME
  if (at) /* the few columns as rows */
    gemm_multiply_dots((gemm_aligned)((CT)0), tile, a, ars, acs, 0, (const PANEL CT *)at, kc, cols);
  else
#endif
  if (cols > 2 * VW)
    gemm_multiply_all((gemm_aligned)((CT)0), tile, a, ars, acs, at, b, kc);
  else if (cols > VW) /* the last panel: no work for vectors without a column */
    gemm_multiply_2((gemm_aligned)((CT)0), tile, a, ars, acs, at, b, kc);
  else
    gemm_multiply_1((gemm_aligned)((CT)0), tile, a, ars, acs, at, b, kc);
  for (int v = 0; v * VW < cols; v++) {
    const CT *from = tile + v * VW;
#if SAME
    if (flat >> v & 1) {
      __global T *to = c + column[v * VW];
      for (int i = row0; i < row1; i++) {
        __global gemm_vec *out = (__global gemm_vec *)(to + i * ldc);
        gemm_vec sum = *(const gemm_vec *)(from + i * NR) * (gemm_vec)(alpha);
#if BIAS == 1
        if (use_bias) sum += *(const __global gemm_vec *)(bias + column[v * VW]);
#elif BIAS == 2
        if (use_bias) sum += (gemm_vec)(bias[i]);
#endif
        if (add) sum += *out;
        *out = sum;
      }
      continue;
    }
#endif
    const int lanes = cols - v * VW < VW ? cols - v * VW : VW;
#if SAME && BIAS != 1
    if (ldc == 1 && row0 == 0 && row1 == MR) { /* C transposed: the rows lie together */
      for (int l = 0; l < lanes; l++) {
        __global T *to = c + column[v * VW + l];
        CT sum[MR];
#pragma unroll
        for (int i = 0; i < MR; i++) {
          sum[i] = from[i * NR + l] * alpha;
#if BIAS == 2
          if (use_bias) sum[i] += bias[i];
#endif
          if (add) sum[i] += to[i];
        }
#pragma unroll
        for (int i = 0; i < MR; i++) to[i] = sum[i];
      }
      continue;
    }
#endif
    for (int i = row0; i < row1; i++)
      SHORT_LOOP for (int l = 0; l < lanes; l++) {
        const long n = column[v * VW + l];
        CT sum = from[i * NR + l] * alpha;
#if BIAS == 1
        if (use_bias) sum += LOAD(bias, n);
#elif BIAS == 2
        if (use_bias) sum += LOAD(bias, i);
#endif
        if (add) sum += LOAD(c, n + i * ldc);
        STORE_AS(1, T, c, n + i * ldc, sum);
      }
  }
}

/* Packs `rows` rows and kc columns of A, from element (0, 0) at a, into panels [rows / MR][kc][MR], rows past `rows` zero. */
GEMM_INLINE void gemm_pack_rows(const __global T *a, const size_t ars, const size_t acs, const int rows, const int kc,
                                PANEL CT *to) {
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
        SHORT_LOOP for (int i = 0; i < MR; i++) to[k * MR + i] = i < valid ? LOAD(from, i * ars + k * acs) : (CT)0;
    }
    to += (size_t)kc * MR;
  }
}
#endif
