/* Products of few rows on CPUs, of types that are computed in as they are stored: out[r][l] = alpha * (sum over k) (+ bias), a batch.
 *
 * The large operand is read once, in place: to pack a weight for a handful of rows would cost more than the product. Element
 * (r, l) of the output lies at r * ors + l * ols; bias holds a value for each l (has_bias 1) or r (has_bias 2); with `adds` the result
 * is added to the output.
 * A work-item owns `lines` values of l of one batch entry.
 *
 * gemm_dots  sum over k of x[r][k] w[l][k], k contiguous in both. Blocks of kcmax of K, so that ROWS rows of x stay in the L1 cache;
 *            ROWS x LINES sums, each a vector of partial sums until the block's end.
 * gemm_axpy  sum over k of x[r][k] w[k][l], l contiguous. Blocks of kcmax rows of w are read side by side, so that each is one stream
 *            of memory (one row at a time in short pieces would be as many page faults of the prefetcher); ROWS x STRIPS vectors.
 *
 * Tunables: VW, ROWS, LINES, STRIPS, kcmax.
 */
#include "common.h"
#ifndef STRIPS
#define STRIPS 3 /* vectors of l a tile of gemm_axpy; ROWS * STRIPS accumulators, STRIPS + 1 operands */
#endif
#include "gemm_tile.h"
#include "gemm_dots.h"

TILE_INLINE void put(__global T *to, const CT sum, const CT alpha, const __global T *bias, const int has_bias, const int r, const int l,
                     const int first, const int adds, const int last, const CT low, const CT high) {
  CT v = sum * alpha;
  if (has_bias && first) v += bias[has_bias == 1 ? l : r];
  if (adds || !first) v += *to;
#if ACT
  if (last) v = activated(v, low, high);
#endif
  *to = v;
}

__kernel void gemm_dots(const __global T *restrict x, const __global T *restrict w, __global T *restrict out,
                        const __global T *restrict bias, const int rows, const int L, const int K, const long xrs, const long wls,
                        const long ors, const long ols, const long xbatch, const long wbatch, const long obatch, const CT alpha,
                        const int has_bias, const int adds, const int lines, const int kcmax, const CT low, const CT high) {
  const size_t gid = get_global_id(0);
  const int blocks = (L + lines - 1) / lines;
  const size_t entry = gid / blocks;
  const int first = (int)(gid % blocks) * lines, end = min(L, first + lines);
  x += entry * xbatch;
  w += entry * wbatch;
  out += entry * obatch;
  for (int l0 = first; l0 < end; l0 += 64) /* their part of w stays in the L2 cache from one block of rows to the next */
    for (int k0 = 0; k0 == 0 || k0 < K; k0 += kcmax)
      for (int r0 = 0; r0 < rows; r0 += ROWS)
        for (int l = l0; l < min(end, l0 + 64); l += LINES) {
          CT sum[VW];
          const int nr = min(ROWS, rows - r0), nl = min(LINES, end - l);
          dots((tile_aligned)((CT)0), x + r0 * xrs + k0, xrs, nr, w + l * wls + k0, wls, nl, LINES * wls, min(kcmax, K - k0), sum);
          SHORT_LOOP for (int r = 0; r < nr; r++)
            SHORT_LOOP for (int j = 0; j < nl; j++)
              put(out + (r0 + r) * ors + (l + j) * ols, sum[r * LINES + j], alpha, bias, has_bias, r0 + r, l + j, k0 == 0, adds,
                  k0 + kcmax >= K, low, high);
        }
}

/* `rows` rows x n vectors of the output; n is a constant after inlining. */
TILE_INLINE void sums(const tile_aligned zero, const int n, const __global T *x, const size_t xrs, const size_t xcs, const int rows,
                      const __global T *w, const size_t wks, const int kc, const int ahead, __global T *out, const size_t ors,
                      const CT alpha, const __global T *bias, const int bias_rows, const int add) {
  const __global T *xr[ROWS];
#pragma unroll
  for (int r = 0; r < ROWS; r++) xr[r] = x + (r < rows ? r : rows - 1) * xrs;
  tile_vec acc[ROWS][STRIPS];
#pragma unroll
  for (int r = 0; r < ROWS; r++)
#pragma unroll
    for (int j = 0; j < STRIPS; j++) acc[r][j] = zero;
  size_t at = 0;
  for (int k = 0; k < kc; k++) {
    tile_vec wv[STRIPS];
#pragma unroll
    for (int j = 0; j < STRIPS; j++)
      if (j < n) {
        wv[j] = *(const __global tile_vec *)(w + j * VW);
        PREFETCH_L2(w + ahead + j * VW);
      }
#pragma unroll
    for (int r = 0; r < ROWS; r++) {
      const tile_vec xv = (tile_vec)(xr[r][at]);
#pragma unroll
      for (int j = 0; j < STRIPS; j++)
        if (j < n) acc[r][j] = acc[r][j] + xv * wv[j];
    }
    w += wks;
    at += xcs;
  }
#pragma unroll
  for (int r = 0; r < ROWS; r++)
    if (r < rows)
#pragma unroll
      for (int j = 0; j < STRIPS; j++)
        if (j < n) {
          __global tile_vec *to = (__global tile_vec *)(out + r * ors + j * VW);
          tile_vec v = acc[r][j] * (tile_vec)(alpha);
          if (bias) v += bias_rows ? (tile_vec)(bias[r]) : *(const __global tile_vec *)(bias + j * VW);
          *to = add ? *to + v : v;
        }
}

#define SUMS_PARAMETERS                                                                                                                 \
  const tile_aligned zero, const __global T *x, const size_t xrs, const size_t xcs, const int rows, const __global T *w, const size_t wks, \
      const int kc, const int ahead, __global T *out, const size_t ors, const CT alpha, const __global T *bias, \
      const int bias_rows, const int add
#define SUMS_ARGUMENTS x, xrs, xcs, rows, w, wks, kc, ahead, out, ors, alpha, bias, bias_rows, add
TILE_APART void sums_all(SUMS_PARAMETERS) { sums(zero, STRIPS, SUMS_ARGUMENTS); }
TILE_APART void sums_one(SUMS_PARAMETERS) { sums(zero, 1, SUMS_ARGUMENTS); }

__kernel void gemm_axpy(const __global T *restrict x, const __global T *restrict w, __global T *restrict out,
                        const __global T *restrict bias, const int rows, const int L, const int K, const long xrs, const long xcs,
                        const long wks, const long ors, const long ols, const long xbatch, const long wbatch, const long obatch,
                        const CT alpha, const int has_bias, const int adds, const int lines, const int kcmax) {
  const size_t gid = get_global_id(0);
  const int blocks = (L + lines - 1) / lines;
  const size_t entry = gid / blocks;
  const int first = (int)(gid % blocks) * lines, end = min(L, first + lines);
  const tile_aligned zero = (tile_aligned)((CT)0);
  x += entry * xbatch;
  w += entry * wbatch;
  out += entry * obatch;
  for (int k0 = 0; k0 == 0 || k0 < K; k0 += kcmax) {
    const int kc = min(kcmax, K - k0), add = adds || k0 > 0;
    const __global T *xk = x + k0 * xcs, *wk = w + k0 * wks;
    int l = first;
    if (ols == 1) {
      for (; l + STRIPS * VW <= end; l += STRIPS * VW)
        for (int r = 0; r < rows; r += ROWS)
          sums_all(zero, xk + r * xrs, xrs, xcs, min(ROWS, rows - r), wk + l, wks, kc, 2 * STRIPS * VW, out + r * ors + l, ors, alpha,
                   has_bias && k0 == 0 ? bias + (has_bias == 1 ? l : r) : 0, has_bias == 2, add);
      for (; l + VW <= end; l += VW)
        for (int r = 0; r < rows; r += ROWS)
          sums_one(zero, xk + r * xrs, xrs, xcs, min(ROWS, rows - r), wk + l, wks, kc, 0, out + r * ors + l, ors, alpha,
                   has_bias && k0 == 0 ? bias + (has_bias == 1 ? l : r) : 0, has_bias == 2, add);
    }
    for (; l < end; l++)
      for (int r = 0; r < rows; r++) {
        CT sum = (CT)0;
        SHORT_LOOP for (int k = 0; k < kc; k++) sum += xk[r * xrs + k * xcs] * wk[k * wks + l];
        put(out + r * ors + l * ols, sum, alpha, bias, has_bias, r, l, k0 == 0, adds, 0, 0, 0);
      }
  }
}
