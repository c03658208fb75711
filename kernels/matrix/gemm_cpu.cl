/* Matrix products on CPUs, C[M][N] = A[M][K] * B[K][N] (+ bias), a batch of them in one launch, of element types that are computed in as
 * another one (half). For the other types see matrix/gemm_blocked.cl and matrix/gemm_thin.cl.
 *
 * A and B have any strides (ars, acs: elements between rows and between columns of A; so transposition is free); the rows of C are
 * ldc apart, its columns ccs. Batch entry i starts at a + aoff + (i % amod) * abatch, b + boff + i * bbatch, c + coff + i * cbatch (a
 * batch stride of 0 repeats an operand). The product is multiplied by alpha. bias holds N (BIAS 1) or M (BIAS 2) values. REQ is the store
 * mode.
 *
 * gemm       `items` blocks of mrows x ncols of C of one batch entry, shared out to the work-items in turn. For each block of mc
 *            rows and kcmax of K it packs A's block (stays in the L2 cache) and then, panel by panel of NR columns, B's (stays in L1),
 *            and runs the register tiles over them. `work` has kcmax * (NR + mc) elements of CT a work-item.
 * gemm_dot   few rows: out[r][l] = sum_k x[r][k] w[l][k], the rows of w contiguous and read once, in place: packing a weight
 *            that is used for a handful of rows would cost more than the product. A work-item owns `lines` values of l.
 * gemm_axpy  few rows: out[r][l] = sum_k x[r][k] w[k][l], l contiguous. A work-item owns `lines` values of l.
 *
 * Tunables: VW, NV, MR (include/gemm_cpu.h), ROWS, LINES.
 */
#include "common.h"
#include "gemm_cpu.h"

/* Packs kc rows and `cols` columns of B into a panel [kc][NR], columns past `cols` zero. */
GEMM_INLINE void pack_columns(const __global T *b, const size_t brs, const size_t bcs, const int kc, const int cols,
                              PANEL CT *to) {
  if (cols == NR && bcs == 1) {
    for (int k = 0; k < kc; k++)
      for (int j = 0; j < NR; j++) to[k * NR + j] = LOAD(b, k * brs + j);
    return;
  }
  for (int j = 0; j < NR; j++) {
    if (j < cols)
      for (int k = 0; k < kc; k++) to[k * NR + j] = LOAD(b, k * brs + j * bcs);
    else
      for (int k = 0; k < kc; k++) to[k * NR + j] = (CT)0;
  }
}

__kernel void gemm(const __global T *restrict a, const __global T *restrict b, __global T *c, const __global T *restrict bias,
                   PANEL CT *restrict work, const int M, const int N, const int K, const long ars, const long acs, const long brs,
                   const long bcs, const long ldc, const long abatch, const long bbatch, const long cbatch, const int amod,
                   const long aoff, const long boff, const long coff, const CT alpha, const long ccs, const int mrows, const int ncols,
                   const int mc, const int kcmax, const long items) {
  const int nblocks = (N + ncols - 1) / ncols, mblocks = (M + mrows - 1) / mrows;
  work += get_global_id(0) * ((size_t)kcmax * (NR + mc));
  PANEL CT *bpanel = work, *apanel = work + (size_t)kcmax * NR;
  long column[NR];
  for (long item = get_global_id(0); item < items; item += get_global_size(0)) {
    const int nb = item % nblocks, mb = item / nblocks % mblocks;
    const long entry = item / nblocks / mblocks;
    const __global T *ae = a + aoff + (entry % amod) * abatch, *be = b + boff + entry * bbatch;
    __global T *ce = c + coff + entry * cbatch;
    const int n1 = min(N, (nb + 1) * ncols), m1 = min(M, (mb + 1) * mrows);
    for (int m0 = mb * mrows; m0 < m1; m0 += mc) {
      const int rows = min(mc, m1 - m0);
      for (int k0 = 0; k0 == 0 || k0 < K; k0 += kcmax) {
        const int kc = min(kcmax, K - k0), add = REQ == 2 || k0 > 0;
        gemm_pack_rows(ae + m0 * ars + k0 * acs, ars, acs, rows, kc, apanel);
        for (int n = nb * ncols; n < n1; n += NR) {
          const int cols = min(NR, n1 - n), flat = ccs == 1 ? (1 << cols / VW) - 1 : 0;
          for (int j = 0; j < NR; j++) column[j] = (n + j) * ccs;
          pack_columns(be + k0 * brs + n * bcs, brs, bcs, kc, cols, bpanel);
          for (int m = 0; m < rows; m += MR)
            gemm_tile(apanel + (size_t)m * kc, 1, MR, 0, bpanel, kc, ce + (m0 + m) * ldc, ldc, column, flat, 0,
                      min(MR, rows - m), cols, add, alpha, bias + (BIAS == 2 ? m0 + m : 0), k0 == 0);
        }
      }
    }
  }
}

#ifndef ROWS
#define ROWS 1 /* rows of x a tile; those past the end repeat the last one and are not stored */
#endif
#ifndef LINES
#define LINES 4 /* lines of w a tile of gemm_dot; ROWS * LINES accumulators */
#endif

#define STORE_LINE(r, l, v)                                                                              \
  {                                                                                                      \
    const CT biased = (v) * alpha + (BIAS == 1 ? LOAD(bias, l) : BIAS == 2 ? LOAD(bias, r) : (CT)0);             \
    STORE(out, (r) * ors + (l) * ols, biased);                                                           \
  }

__kernel void gemm_dot(const __global T *restrict x, const __global T *restrict w, __global T *out, const __global T *restrict bias,
                       const int rows, const int L, const int K, const long xrs, const long wls, const long ors, const long ols,
                       const long xbatch, const long wbatch, const long obatch, const CT alpha, const int lines) {
  const size_t gid = get_global_id(0);
  const int blocks = (L + lines - 1) / lines;
  const size_t batch = gid / blocks;
  const int first = (int)(gid % blocks) * lines, end = min(L, first + lines);
  x += batch * xbatch;
  w += batch * wbatch;
  out += batch * obatch;
  for (int l = first; l < end; l += LINES)
    for (int r0 = 0; r0 < rows; r0 += ROWS) { /* the lines stay in L1 from one block of rows to the next */
      CT sum[ROWS][LINES];
      const __global T *xr[ROWS], *wl[LINES];
#pragma unroll
      for (int r = 0; r < ROWS; r++) xr[r] = x + min(r0 + r, rows - 1) * xrs;
#pragma unroll
      for (int j = 0; j < LINES; j++) wl[j] = w + min(l + j, end - 1) * wls;
      for (int r = 0; r < ROWS; r++)
        for (int j = 0; j < LINES; j++) sum[r][j] = (CT)0;
      for (int k = 0; k < K; k++)
#pragma unroll
        for (int r = 0; r < ROWS; r++)
#pragma unroll
          for (int j = 0; j < LINES; j++) sum[r][j] += LOAD(xr[r], k) * LOAD(wl[j], k);
      for (int r = 0; r < ROWS && r0 + r < rows; r++)
        for (int j = 0; j < LINES && l + j < end; j++) STORE_LINE(r0 + r, l + j, sum[r][j])
    }
}

__kernel void gemm_axpy(const __global T *restrict x, const __global T *restrict w, __global T *out,
                        const __global T *restrict bias, const int rows, const int L, const int K, const long xrs, const long xcs,
                        const long wks, const long ors, const long ols, const long xbatch, const long wbatch, const long obatch,
                        const CT alpha, const int lines) {
  const size_t gid = get_global_id(0);
  const int blocks = (L + lines - 1) / lines;
  const size_t batch = gid / blocks;
  const int first = (int)(gid % blocks) * lines, end = min(L, first + lines);
  x += batch * xbatch;
  w += batch * wbatch;
  out += batch * obatch;
  for (int l = first; l < end; l++)
    for (int r = 0; r < rows; r++) {
      CT sum = (CT)0;
      for (int k = 0; k < K; k++) sum += LOAD(x, r * xrs + k * xcs) * LOAD(w, k * wks + l);
      STORE_LINE(r, l, sum)
    }
}
