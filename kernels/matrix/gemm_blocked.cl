/* Matrix products on CPUs, of types that are computed in as they are stored: C[M][N] = A[M][K] * B[K][N] (+ bias), a batch of them.
 *
 * Of A and B either the rows or the columns are contiguous (A_ROWS, B_ROWS), the others astride or bstride apart; element (i, j) of C
 * lies at i * crs + j * ccs. Batch entry i starts at a + aoff + (i % amod) * abatch, b + boff + i * bbatch, c + coff + i * cbatch.
 * The product is multiplied by alpha. bias holds N (has_bias 1) or M (has_bias 2) values. With `adds` it is added to `sum`, which lies as C
 * does and may be its memory.
 *
 * gemm_blocked  `items` blocks of mrows x ncols of C of one batch entry, shared out to the work-items in turn. For every kcmax of K and
 *               `group` columns, B's panels are packed, with all of K's part of A beside them, or mc rows of A at a time (the L2
 *               cache holds them); then the register tiles run over them. `work` has kcmax * (group + mc) elements a work-item, only
 *               kcmax * group with `a_direct`, where the rows of A are read where they lie (needs A_ROWS), only kcmax * mc with B_PACKED.
 *               With `b_direct` whole vectors of B are read where they lie (needs B_ROWS). `past`: C is so large that it is written past
 *               the caches. `ahead`: so many vectors of B's next panel are asked for in every step of a panel's first tiles.
 * gemm_pack     packs B for B_PACKED.
 *
 * What differs between products of a kind is an argument, not a define, so that few programs serve all shapes.
 *
 * Tunables: VW, NV, MR (include/gemm_tile.h), and the sizes of the blocks.
 */
#include "common.h"
#include "gemm_tile.h"
#if ACT
TILE_APART void activate(const tile_aligned zero, __global T *c, const int n, const CT low, const CT high) {
  MAP_LOOP for (int i = 0; i < n; i++) c[i] = activated(c[i], low, high);
}
#endif

__kernel void gemm_blocked(const __global T *restrict a, const __global T *restrict b, __global T *c,
                           const __global T *sum, const __global T *restrict bias, __global CT *restrict work, const int M, const int N,
                           const int K, const long astride, const long bstride, const long crs, const long ccs, const long abatch,
                           const long bbatch, const long cbatch, const int amod, const long aoff, const long boff, const long coff,
                           const CT alpha,
                           const int mrows, const int ncols, const int mc, const int group, const int kcmax, const long items,
                           const int has_bias, const int adds, const int a_direct, const int b_direct, const int ahead, const int past,
                           const CT low, const CT high) {
  const int nblocks = (N + ncols - 1) / ncols, mblocks = (M + mrows - 1) / mrows;
  const int packed = B_PACKED ? 0 : group; /* columns of B in the workspace */
  work += get_global_id(0) * ((size_t)kcmax * (packed + (a_direct ? 0 : mc)));
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
      const int kc = min(kcmax, K - k0), mode = adds || k0 > 0 ? 2 : stream ? 3 : 1;
      for (int g = nb * ncols; g < n1; g += group) {
        const int gcols = min(group, n1 - g);
#if B_PACKED
        const __global CT *panels = be + g * bstride + k0 * NR, *top = panels;
        const size_t next = bstride, bstep = NR, bstep_far = NR;
#else
        const __global T *top = be + (B_ROWS ? k0 * bstride + g : g * bstride + k0);
        const int in_place = b_direct && gcols % VW == 0;
        if (!in_place) pack_b(zero, top, bstride, kc, gcols, bpack);
        const __global CT *panels = in_place ? top : bpack;
        const size_t next = in_place ? 1 : kc, bstep = in_place ? bstride : NR, bstep_far = bstride;
#endif
        for (int m0 = mb * mrows; m0 < m1; m0 += mc) {
          const int rows = min(mc, m1 - m0);
          const __global T *from = ae + (A_ROWS ? m0 * astride + k0 : k0 * astride + m0);
          if (!a_direct && (mc < mrows || g == nb * ncols)) pack_a(zero, from, astride, rows, kc, apack);
          for (int n = 0; n < gcols; n += NR) {
            const int cols = min(NR, gcols - n);
            const __global CT *panel = panels + (size_t)n * next, *after = B_PACKED ? panel + NR * bstride : top + n + NR;
            for (int m = 0; m < rows; m += MR) {
              const int count = min(MR, rows - m), asks = ahead && m < NV * MR;
              __global T *to = ce + (m0 + m) * crs + (g + n) * ccs;
              const __global T *old = adds && k0 == 0 ? sum + (to - c) : to;
              const __global CT *at = a_direct ? from + m * astride : apack + (size_t)m * kc;
              const __global T *extra = has_bias && k0 == 0 ? bias + (has_bias == 1 ? g + n : m0 + m) : 0;
              tile_run(at, a_direct ? astride : kc, panel, bstep, kc, to, old, crs, ccs, count, cols, mode, alpha, extra, has_bias == 2,
                       asks ? after + m / MR * (ahead * VW) : 0, bstep_far, ahead > 1 ? VW : 0);
            }
#if ACT
            if (k0 + kc >= K) {
              __global T *to = ce + m0 * crs + (g + n) * ccs; /* the columns are contiguous where C is transposed */
              for (int i = 0; i < (ccs == 1 ? rows : cols); i++)
                activate(zero, to + i * (ccs == 1 ? crs : ccs), ccs == 1 ? cols : rows, low, high);
            }
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
