/* Convolution of 1 to 3 spatial dimensions (missing ones lead with extent 1), groups, dilation, on CPUs; with TURNED its data gradient.
 *
 * x [N][C][D][H][W], w [O][C/groups][kd][kh][kw], y [N][O][OD][OH][OW]. Extents come as int4 (d, h, w, unused). A matrix product per
 * group, y = w * columns (+ bias), K = C/groups * taps, whose one operand is gathered from the image while it is packed, so that no column
 * matrix lies in memory; the pixels of all images form one axis (include/columns.h). Panels lie in local memory, where T is the compute type.
 *
 *   conv_forward  a work-item: mrows channels x ncols pixels of a group. With TURNED x is dy, y is dx, `channels` the filters; the pixels
 *                 of dx that are equal modulo the stride (a phase) see the same taps, so each phase is a product of its own, over those
 *                 taps and neighbouring pixels of dy.
 *
 * Tunables: VW, NV, MR (include/gemm_cpu.h).
 */
#include "common.h"
#include "columns.h"

#ifndef TURNED
#define TURNED 0 /* 1: the data gradient */
#endif

#if TURNED
/* What the pixels of a phase have in common: those that are `phase` modulo the stride, in one dimension, are reached by every `every`-th
 * tap from `first` on, `count` of them; pixel number j and the i-th of these taps read the output's gradient at j + start + i * step. */
typedef struct {
  int count, first, every, start, step;
} phase_taps;

GEMM_INLINE phase_taps taps_of(const int phase, const int window, const int stride, const int dilate, const int pad) {
  phase_taps p = {0, 0, 1, 0, 0};
  for (int k = window - 1; k >= 0; k--) {
    const int at = phase + pad - k * dilate;
    if (at % stride) continue;
    p.every = p.first - k;
    p.first = k;
    p.start = at / stride;
    p.count++;
  }
  p.step = -(p.every * dilate / stride);
  return p;
}
#endif

/* Packs `rows` rows of the weight turned for the data gradient, [channel][filter, tap], where A is not read in place. */
GEMM_INLINE void pack_turned(const __global T *w, const size_t ars, const PANEL int *at, const int rows, const int kc, PANEL CT *to) {
  for (int m = 0; m < rows; m += MR)
    for (int k = 0; k < kc; k++, to += MR)
      SHORT_LOOP for (int i = 0; i < MR; i++) to[i] = m + i < rows ? LOAD(w, (m + i) * ars + at[k]) : (CT)0;
}

/* Columns of the panel's memory beside NR: the table of A, or the columns of a nearly empty panel as rows. */
#define EXTRA (TURNED ? 1 : A_DIRECT ? VW / 4 : 0)

__kernel void conv_forward(const __global T *restrict x, const __global T *restrict w, __global T *y, const __global T *restrict bias,
                           PANEL CT *restrict work, const int images, const int groups, const int M, const int channels,
                           const int4 in, const int4 out, const int4 window, const int4 stride, const int4 dilate, const int4 pad,
                           const int mrows, const int ncols, const int mc, const int kcmax, const int items) {
  const int all = window.x * window.y * window.z;
  const long plane = (long)in.x * in.y * in.z, image = (long)groups * channels * plane, size = (long)out.x * out.y * out.z;
  const long outer = (long)groups * M * size, highest = images * image;
  const int mblocks = (M + mrows - 1) / mrows;
#if !SAME
  work += get_global_id(0) * ((size_t)kcmax * (NR + EXTRA + mc));
#endif
  PANEL CT *bpanel = work, *apanel = work + (size_t)kcmax * (NR + EXTRA);
  PANEL int *at = (PANEL int *)(work + (size_t)kcmax * NR);
  columns_piece piece[NR + VW];
  long column[NR];
#if TURNED
  const int4 every = stride, read = (int4)(1, 1, 1, 0);
  const int phases = min(stride.x, out.x) * min(stride.y, out.y) * min(stride.z, out.z);
#else
  const int4 every = (int4)(1, 1, 1, 0), read = stride, first = (int4)(0), grid = out, start = -pad, step = dilate, taps = window;
  const int phases = 1, K = channels * all, N = images * (int)size;
#endif
  const int nblocks = items / (mblocks * groups * phases);
  for (int item = get_global_id(0); item < items; item += get_global_size(0)) {
    const int nb = item % nblocks, mb = item / nblocks % mblocks, g = item / nblocks / mblocks % groups;
#if TURNED
    const int phase = item / nblocks / mblocks / groups, across = min(stride.z, out.z), down = min(stride.y, out.y);
    const int4 first = (int4)(phase / across / down, phase / across % down, phase % across, 0);
    const phase_taps td = taps_of(first.x, window.x, stride.x, dilate.x, pad.x);
    const phase_taps th = taps_of(first.y, window.y, stride.y, dilate.y, pad.y);
    const phase_taps tw = taps_of(first.z, window.z, stride.z, dilate.z, pad.z);
    const int4 taps = (int4)(td.count, th.count, tw.count, 0), start = (int4)(td.start, th.start, tw.start, 0);
    const int4 step = (int4)(td.step, th.step, tw.step, 0), grid = (out - first + stride - 1) / (stride + (int4)(0, 0, 0, 1));
    const int K = channels * taps.x * taps.y * taps.z, N = images * grid.x * grid.y * grid.z;
    const __global T *wg = w + (size_t)g * M * channels * all;
#else
    const __global T *wg = w + (size_t)g * M * K;
#endif
    const __global T *xg = x + g * channels * plane, *bg = bias + (BIAS ? g * M : 0);
    __global T *yg = y + g * M * size;
    const int n1 = min(N, (nb + 1) * ncols), m1 = min(M, (mb + 1) * mrows);
    for (int m0 = mb * mrows; m0 < m1; m0 += mc) {
      const int rows = min(mc, m1 - m0);
      for (int k0 = 0; k0 == 0 || k0 < K; k0 += kcmax) {
        const int kc = min(kcmax, K - k0), add = REQ == 2 || k0 > 0;
#if TURNED
        SHORT_LOOP for (int k = 0; k < kc; k++) {
          const int count = taps.x * taps.y * taps.z, t = (k0 + k) % count;
          const int kw = tw.first + t % taps.z * tw.every, kh = th.first + t / taps.z % taps.y * th.every;
          at[k] = (k0 + k) / count * M * all + ((td.first + t / taps.z / taps.y * td.every) * window.y + kh) * window.z + kw;
        }
#if !A_DIRECT
        pack_turned(wg + (size_t)m0 * all, all, at, rows, kc, apanel);
#endif
#elif !A_DIRECT
        gemm_pack_rows(wg + (size_t)m0 * K + k0, K, 1, rows, kc, apanel);
#endif
        for (int n = nb * ncols; n < n1; n += NR) {
          const int cols = min(NR, n1 - n);
          int flat;
          const int pieces = cut_columns(n, cols, grid, read, start, image, out, first, every, outer, piece, column, &flat);
          pack_columns(xg, -g * channels * plane, highest - g * channels * plane, piece, pieces, k0, kc, in, taps, step, read.z, bpanel);
#if A_DIRECT && !TURNED
          if (cols <= VW / 4) gemm_turn(bpanel, cols, kc, (PANEL CT *)at);
#endif
          for (int m = 0; m < rows; m += MR) {
#if A_DIRECT
            const int top = min(m0 + m, M - MR), skip = m0 + m - top; /* the last tile is moved up so that it is whole */
#if TURNED
            const __global CT *a = wg + (size_t)top * all;
#else
            const __global CT *a = wg + (size_t)top * K + k0;
#endif
            gemm_tile(a, TURNED ? all : K, 1, TURNED || cols <= VW / 4 ? at : 0, bpanel, kc, yg + top * size, size, column, flat,
                      skip, min(MR, skip + rows - m), cols, add, (CT)1, bg + (BIAS ? top : 0), k0 == 0);
#else
            gemm_tile(apanel + (size_t)m * kc, 1, MR, at, bpanel, kc, yg + (m0 + m) * size, size, column, flat, 0, min(MR, rows - m),
                      cols, add, (CT)1, bg + (BIAS ? m0 + m : 0), k0 == 0);
#endif
          }
        }
      }
    }
  }
}
