/* Matrix products on CPUs, of types that are computed in as they are stored: C[M][N] = A[M][K] * B[K][N] (+ bias), a batch of them.
 *
 * Of A and B either the rows or the columns are contiguous (A_ROWS, B_ROWS), the others astride or bstride apart; element (i, j) of C
 * lies at i * crs + j * ccs. Batch entry i starts at a + aoff + (i % amod) * abatch, b + boff + i * bbatch, c + coff + i * cbatch.
 * The product is multiplied by alpha. bias holds N (BIAS 1) or M (BIAS 2) values. REQ is the store mode.
 *
 * gemm_blocked  `items` blocks of mrows x ncols of C of one batch entry, shared out to the work-items in turn. For every kcmax of K and
 *               `group` columns, B's panels are packed, with all of K's part of A beside them, or mc rows of A at a time (the L2
 *               cache holds them); then the register tiles run over them. `work` has kcmax * (group + mc) elements a work-item, only
 *               kcmax * group with A_DIRECT, where A is read in place.
 *
 * With SUM the product is added to `sum`, which lies as C does and may be its memory; REQ is 1 then.
 *
 * gemm_pack     packs B for B_PACKED.
 *
 * `past`: C is so large that it is written past the caches. B_PACKED: B lies as panels already.
 *
 * Tunables: VW, NV, MR (include/gemm_tile.h), A_DIRECT, and the sizes of the blocks.
 */
#include "common.h"
#include "gemm_tile.h"
#ifndef B_PACKED
#define B_PACKED 0 /* 1: B lies as panels [K][NR], bstride elements a column apart */
#endif
#ifndef B_DIRECT
#define B_DIRECT 0 /* 1: whole vectors of B are read where they lie (needs B_ROWS) */
#endif
#ifndef SUM
#define SUM 0
#endif
#ifndef ACT
#define ACT 0 /* applied to the result (rows of C contiguous): 1 relu, 2 sigmoid, 3 tanh, 4 limits low and high */
#endif
#if ACT
#include "math.h"
#endif
#ifndef A_DIRECT
#define A_DIRECT 0 /* 1: rows of A are read where they lie (needs A_ROWS) */
#endif

#if ACT
TILE_APART void activate(const tile_aligned zero, __global T *c, const int n, const CT low, const CT high) {
  MAP_LOOP for (int i = 0; i < n; i++) {
    const CT x = c[i];
    c[i] = ACT == 1 ? (x < 0 ? 0 : x) : ACT == 2 ? m_sigmoid(x) : ACT == 3 ? m_tanh(x) : x < low ? low : x > high ? high : x;
  }
}
#endif

__kernel void gemm_blocked(const __global T *restrict a, const __global T *restrict b, __global T *c,
                           const __global T *sum, const __global T *restrict bias, __global CT *restrict work, const int M, const int N, const int K,
                           const long astride, const long bstride, const long crs, const long ccs, const long abatch, const long bbatch,
                           const long cbatch, const int amod, const long aoff, const long boff, const long coff, const CT alpha,
                           const int mrows, const int ncols, const int mc, const int group, const int kcmax, const long items,
                           const int past, const CT low, const CT high) {
  const int nblocks = (N + ncols - 1) / ncols, mblocks = (M + mrows - 1) / mrows;
  const int packed = B_PACKED ? 0 : group; /* columns of B in the workspace */
  work += get_global_id(0) * ((size_t)kcmax * (packed + (A_DIRECT ? 0 : mc)));
  __global CT *bpack = work, *apack = work + (size_t)kcmax * packed;
  const tile_aligned zero = (tile_aligned)((CT)0);
  for (long item = get_global_id(0); item < items; item += get_global_size(0)) {
    const int nb = item % nblocks, mb = item / nblocks % mblocks;
    const long entry = item / nblocks / mblocks;
    const __global T *ae = a + aoff + (entry % amod) * abatch, *be = b + boff + entry * bbatch;
    __global T *ce = c + coff + entry * cbatch;
    const int stream = past && ((size_t)ce | crs * sizeof(T)) % sizeof(tile_aligned) == 0;
    const int n1 = min(N, (nb + 1) * ncols), m1 = min(M, (mb + 1) * mrows);
    for (int k0 = 0; k0 == 0 || k0 < K; k0 += kcmax) {
      const int kc = min(kcmax, K - k0), mode = REQ == 2 || SUM || k0 > 0 ? 2 : stream ? 3 : 1;
      for (int g = nb * ncols; g < n1; g += group) {
        const int gcols = min(group, n1 - g);
#if B_PACKED
        const __global CT *panels = be + g * bstride + k0 * NR, *top = panels;
        const size_t next = bstride, bstep = NR, bstep_far = NR;
#else
        const __global T *top = be + (B_ROWS ? k0 * bstride + g : g * bstride + k0);
        const int in_place = B_DIRECT && gcols % VW == 0;
        if (!in_place) pack_b(zero, top, bstride, kc, gcols, bpack);
        const __global CT *panels = in_place ? top : bpack;
        const size_t next = in_place ? 1 : kc, bstep = in_place ? bstride : NR, bstep_far = bstride;
#endif
        for (int m0 = mb * mrows; m0 < m1; m0 += mc) {
          const int rows = min(mc, m1 - m0);
          const __global T *from = ae + (A_ROWS ? m0 * astride + k0 : k0 * astride + m0);
#if !A_DIRECT
          if (mc < mrows || g == nb * ncols) pack_a(zero, from, astride, rows, kc, apack);
#endif
          for (int n = 0; n < gcols; n += NR) {
            const int cols = min(NR, gcols - n);
            const __global CT *panel = panels + (size_t)n * next, *after = B_PACKED ? panel + NR * bstride : top + n + NR;
            for (int m = 0; m < rows; m += MR) {
              const int count = min(MR, rows - m), asks = B_AHEAD && m < NV * MR;
              __global T *to = ce + (m0 + m) * crs + (g + n) * ccs;
              const __global T *old = SUM && k0 == 0 ? sum + (to - c) : to;
#if A_DIRECT
              const __global CT *at = from + m * astride;
              const size_t ars = astride;
#else
              const __global CT *at = apack + (size_t)m * kc;
              const size_t ars = kc;
#endif
              const __global T *extra = BIAS && k0 == 0 ? bias + (BIAS == 1 ? g + n : m0 + m) : 0;
              tile_run(at, ars, panel, bstep, kc, to, old, crs, ccs, count, cols, mode, alpha, extra, asks ? after + m / MR * (B_AHEAD * VW) : panel, asks ? bstep_far : 0);
            }
#if ACT
            if (k0 + kc >= K)
              for (int m = 0; m < rows; m++) activate(zero, ce + (m0 + m) * crs + (g + n), cols, low, high);
#endif
          }
        }
      }
    }
  }
}

#if B_PACKED
/* B, whose columns are contiguous and K long, as panels [K][NR], columns past N zero: B_PACKED reads it. A panel a work-item. */
__kernel void gemm_pack(const __global T *restrict b, __global T *restrict to, const int N, const int K) {
  const int n0 = get_global_id(0) * NR, cols = min(NR, N - n0);
  to += (size_t)n0 * K;
  pack_b((tile_aligned)((CT)0), b + (size_t)n0 * K, K, K, cols, to);
  if (cols < NR)
    for (int k = 0; k < K; k++)
      SHORT_LOOP for (int n = cols; n < NR; n++) to[(size_t)k * NR + n] = (CT)0;
}
#endif
