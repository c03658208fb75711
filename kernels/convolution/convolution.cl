/* Convolution of 1 to 3 spatial dimensions (missing ones lead with extent 1), groups, dilation; its three gradients.
 *
 * x [N][C][D][H][W], w [O][C/groups][kd][kh][kw], y [N][O][OD][OH][OW]. Extents come as int4 (d, h, w, unused). Every kernel is a
 * matrix product per group, K = C/groups * taps, whose one operand is gathered from the image while it is packed, so that no column
 * matrix lies in memory; the pixels of all images form one axis.
 *
 * CPU (include/gemm_cpu.h, include/columns.h; no workspace: panels lie in local memory):
 *   conv_forward y = w * columns (+ bias). A work-item: mrows channels x ncols pixels of a group. With TURNED it is the data gradient: x is
 *                dy, y is dx, `channels` the filters; the pixels of dx that are equal modulo the stride (a phase) see the same taps, so
 *                each phase is a product of its own, over those taps and neighbouring pixels of dy.
 *   conv_weight  dw^T = columns * dy^T; columns are read as broadcasts straight from the image. A work-item: mrows of K x npanels
 *                panels of NR output channels, over all pixels in a fixed order; `work` has (kcmax + mrows) * NR elements, `zeros` ZEROS
 *                elements a work-item.
 * GPU (include/gemm_gpu.h; x unpadded, bounds checked): conv_forward with include/epilogue.h, conv_data, conv_weight, a 64 x 64 tile a
 * work-group.
 * Both: conv_bias    db[o] = sum of dy over images and pixels, a work-group a channel.
 *
 * Tunables: VW, NV, MR (gemm_cpu.h), TK (gemm_gpu.h), BIAS_ITEMS.
 */
#include "common.h"
#ifndef SAME
#define SAME 0 /* 1 when T is the compute type */
#endif
#ifndef BIAS
#define BIAS 0 /* 2: a value an output channel */
#endif

#if DEVICE_CPU
#include "columns.h"

#ifndef ZEROS
#define ZEROS 256
#endif
#define TURN (NR % 8 ? 2 : 8)
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

/* acc[MR][nv] += one pixel: row i reads r[i][at], the panel at b; nv is a constant after inlining */
#define WEIGHT_PIXEL(LOAD_ROW)                                                           \
  {                                                                                      \
    gemm_vec bv[NV];                                                                     \
    _Pragma("unroll") for (int j = 0; j < NV; j++) if (j < nv) bv[j] = *(const __local gemm_vec *)(b + j * VW); \
    _Pragma("unroll") for (int i = 0; i < MR; i++) {                                     \
      const gemm_vec xi = (gemm_vec)(LOAD_ROW);                                          \
      _Pragma("unroll") for (int j = 0; j < NV; j++) if (j < nv) acc[i][j] = acc[i][j] + xi * bv[j]; \
    }                                                                                    \
  }
#define WEIGHT_PARAMETERS                                                                                                  \
  const gemm_aligned zero, const __global T *restrict x, const long image, const int k0, const int kmax, const int p0,     \
      const int kc, const int4 in, const int4 out, const int4 window, const int4 stride, const int4 dilate, const int4 pad, \
      const __global T *restrict zeros, const __local CT *restrict b, __local CT *restrict sums

/* sums[MR][NR] += MR rows of the column matrix, read from the image, times kc packed pixels of dy, from pixel p0 on. Row i is channel
 * and tap of k0 + i; rows past the end repeat the last one and are never stored. `zeros` stands for what lies outside the image. */
GEMM_INLINE void weight_tile(WEIGHT_PARAMETERS, const int nv) {
  gemm_vec acc[MR][NV];
  int dat[MR], hat[MR], wat[MR], channel[MR];
  const int taps = window.x * window.y * window.z, plane = in.x * in.y * in.z;
  int c = k0 / taps, t0 = k0 % taps, kw = t0 % window.z, kh = t0 / window.z % window.y, kd = t0 / window.z / window.y;
  for (int i = 0; i < MR; i++) {
    channel[i] = c * plane;
    wat[i] = kw * dilate.z - pad.z;
    hat[i] = kh * dilate.y - pad.y;
    dat[i] = kd * dilate.x - pad.x;
    if (k0 + i >= kmax || ++kw < window.z) continue;
    kw = 0;
    if (++kh < window.y) continue;
    kh = 0;
    if (++kd < window.x) continue;
    kd = 0;
    c++;
  }
#pragma unroll
  for (int i = 0; i < MR; i++)
#pragma unroll
    for (int j = 0; j < NV; j++) acc[i][j] = j < nv ? (gemm_aligned)(*(const __local gemm_vec *)(sums + i * NR + j * VW)) : zero;
  /* output columns whose every tap lies inside the image */
  const int lo = (pad.z + stride.z - 1) / stride.z, room = in.z - 1 + pad.z - (window.z - 1) * dilate.z;
  const int hi = max(lo, room < 0 ? 0 : room / stride.z + 1), longest = max(1, ZEROS / stride.z);
  int ow = p0 % out.z, oh = p0 / out.z % out.y, od = p0 / out.z / out.y % out.x;
  x += p0 / out.z / out.y / out.x * image;
  for (int p = p0; p < p0 + kc;) {
    const int end = min(out.z, ow + p0 + kc - p);
    p += end - ow;
    const __global T *r[MR];
    uint width[MR];
    for (int i = 0; i < MR; i++) {
      const int d = od * stride.x + dat[i], h = oh * stride.y + hat[i];
      width[i] = (uint)d < (uint)in.x && (uint)h < (uint)in.y ? in.z : 0;
      r[i] = x + (channel[i] + (d * in.y + h) * in.z + wat[i]);
    }
    while (ow < end) {
      if (ow >= lo && ow < hi) {
        const int len = min(min(end, hi) - ow, longest), first = ow * stride.z;
        const __global T *q[MR];
#pragma unroll
        for (int i = 0; i < MR; i++) q[i] = width[i] ? r[i] + first : zeros;
        for (int t = 0, xt = 0; t < len; t++, xt += stride.z, b += NR) WEIGHT_PIXEL(LOAD(q[i], xt))
        ow += len;
      } else {
        const int len = (ow < lo ? min(end, lo) : end) - ow, first = ow * stride.z;
        for (int t = 0, xt = first; t < len; t++, xt += stride.z, b += NR)
          WEIGHT_PIXEL(LOAD((uint)(xt + wat[i]) < width[i] ? r[i] + xt : zeros, 0))
        ow += len;
      }
    }
    ow = 0;
    if (++oh < out.y) continue;
    oh = 0;
    if (++od < out.x) continue;
    od = 0;
    x += image;
  }
#pragma unroll
  for (int i = 0; i < MR; i++)
#pragma unroll
    for (int j = 0; j < NV; j++)
      if (j < nv) *(__local gemm_vec *)(sums + i * NR + j * VW) = acc[i][j];
}

#define WEIGHT_GIVEN zero, x, image, k0, kmax, p0, kc, in, out, window, stride, dilate, pad, zeros, b, sums
GEMM_APART void weight_tile_1(WEIGHT_PARAMETERS) { weight_tile(WEIGHT_GIVEN, 1); }
GEMM_APART void weight_tile_2(WEIGHT_PARAMETERS) { weight_tile(WEIGHT_GIVEN, 2); }
GEMM_APART void weight_tile_all(WEIGHT_PARAMETERS) { weight_tile(WEIGHT_GIVEN, NV); }

__kernel void conv_weight(const __global T *restrict x, const __global T *restrict dy, __global T *restrict dw, __local CT *restrict work,
                          __global T *restrict zeros, const int images, const int groups, const int filters, const int channels,
                          const int4 in, const int4 out, const int4 window, const int4 stride, const int4 dilate, const int4 pad,
                          const int mrows, const int npanels, const int kcmax, const int items) {
  const int taps = window.x * window.y * window.z, K = channels * taps, pixels = out.x * out.y * out.z;
  const int nblocks = (filters + npanels * NR - 1) / (npanels * NR), mblocks = (K + mrows - 1) / mrows;
  const long plane = (long)in.x * in.y * in.z, image = groups * channels * plane;
  __local CT *panel = work, *sums = work + (size_t)kcmax * NR;
  const gemm_aligned zero = (gemm_aligned)((CT)0);
  zeros += get_global_id(0) * ZEROS;
  SHORT_LOOP for (int i = 0; i < ZEROS; i++) STORE_AS(1, T, zeros, i, (CT)0);
  for (int item = get_global_id(0); item < items; item += get_global_size(0)) {
    const int nb = item % nblocks, mb = item / nblocks % mblocks, g = item / nblocks / mblocks;
    const int first = mb * mrows, rows = min(mrows, K - first);
    const __global T *xg = x + g * channels * plane;
    for (int o = nb * npanels * NR; o < min(filters, (nb + 1) * npanels * NR); o += NR) {
      const int cols = min(NR, filters - o);
      for (int i = 0; i < mrows * NR; i++) sums[i] = (CT)0;
      const int N = images * pixels;
      for (int p0 = 0; p0 < N; p0 += kcmax) {
        const int kc = min(kcmax, N - p0);
        for (int done = 0; done < kc;) { /* an image at a time */
          const int img = (p0 + done) / pixels, p = (p0 + done) % pixels, count = min(kc - done, pixels - p);
          const __global T *from = dy + (((long)img * groups + g) * filters + o) * pixels + p;
          __local CT *to = panel + (size_t)done * NR;
          for (int j = 0; j < NR; j += TURN) { /* several rows at a time: fewer stores */
            if (j + TURN <= cols) {
              const __global T *few = from + (long)j * pixels;
              for (int k = 0; k < count; k++)
#pragma unroll
                for (int i = 0; i < TURN; i++) to[k * NR + j + i] = LOAD(few, (long)i * pixels + k);
            } else
              for (int i = j; i < j + TURN; i++)
                SHORT_LOOP for (int k = 0; k < count; k++) to[k * NR + i] = i < cols ? LOAD(from, (long)i * pixels + k) : (CT)0;
          }
          done += count;
        }
        for (int m = 0; m < rows; m += MR) {
          __local CT *to = sums + m * NR;
          if (cols > 2 * VW)
            weight_tile_all(zero, xg, image, first + m, K - 1, p0, kc, in, out, window, stride, dilate, pad, zeros, panel, to);
          else if (cols > VW)
            weight_tile_2(zero, xg, image, first + m, K - 1, p0, kc, in, out, window, stride, dilate, pad, zeros, panel, to);
          else
            weight_tile_1(zero, xg, image, first + m, K - 1, p0, kc, in, out, window, stride, dilate, pad, zeros, panel, to);
        }
      }
      for (int j = 0; j < cols; j++) {
        __global T *to = dw + ((size_t)g * filters + o + j) * K + first;
        SHORT_LOOP for (int m = 0; m < rows; m++) STORE(to, m, sums[m * NR + j]);
      }
    }
  }
}

#else
#include "epilogue.h"
#include "gemm_gpu.h"

#define GPU_TILE_KERNEL __kernel __attribute__((reqd_work_group_size(TILE_ITEMS, TILE_ITEMS, 1))) void
#define GEOMETRY                                                                                                          \
  const int images, const int groups, const int filters, const int channels, const int4 in, const int4 out, const int4 window, \
      const int4 stride, const int4 dilate, const int4 pad
#define TAPS (window.x * window.y * window.z)

/* Element (channel, tap; pixel) of the column matrix of an image; zero outside. */
static inline CT column_at(const __global T *x, const int k, const int p, const int4 in, const int4 out, const int4 window,
                           const int4 stride, const int4 dilate, const int4 pad) {
  const int taps = TAPS, t = k % taps, kw = t % window.z, kh = t / window.z % window.y, kd = t / window.z / window.y;
  const int ow = p % out.z, oh = p / out.z % out.y, od = p / out.z / out.y;
  const int d = od * stride.x - pad.x + kd * dilate.x, h = oh * stride.y - pad.y + kh * dilate.y;
  const int w = ow * stride.z - pad.z + kw * dilate.z;
  if (d < 0 || d >= in.x || h < 0 || h >= in.y || w < 0 || w >= in.z) return (CT)0;
  return LOAD(x, (((long)(k / taps) * in.x + d) * in.y + h) * in.z + w);
}

/* Element (filter, tap; input pixel) of the transposed gather: what of dy the tap carries back to that pixel. */
static inline CT gradient_at(const __global T *dy, const int k, const int p, const int4 in, const int4 out, const int4 window,
                             const int4 stride, const int4 dilate, const int4 pad) {
  const int taps = TAPS, t = k % taps, kw = t % window.z, kh = t / window.z % window.y, kd = t / window.z / window.y;
  const int iw = p % in.z, ih = p / in.z % in.y, id = p / in.z / in.y;
  const int td = id + pad.x - kd * dilate.x, th = ih + pad.y - kh * dilate.y, tw = iw + pad.z - kw * dilate.z;
  const int d = td / stride.x, h = th / stride.y, w = tw / stride.z;
  if (td < 0 || th < 0 || tw < 0 || d * stride.x != td || h * stride.y != th || w * stride.z != tw) return (CT)0;
  if (d >= out.x || h >= out.y || w >= out.z) return (CT)0;
  return LOAD(dy, (((long)(k / taps) * out.x + d) * out.y + h) * out.z + w);
}

#define STORE_TILE(M, N, AT, FINISHED)                                                                                     \
  for (int i = 0; i < TILE_REGS; i++)                                                                                      \
    for (int j = 0; j < TILE_REGS; j++) {                                                                                  \
      const int m = m0 + (int)get_local_id(1) + TILE_ITEMS * i, n = n0 + (int)get_local_id(0) + TILE_ITEMS * j;            \
      if (m < (M) && n < (N)) {                                                                                            \
        const long at = AT;                                                                                                \
        const CT sum = acc[i][j];                                                                                          \
        STORE(to, at, FINISHED);                                                                                           \
      }                                                                                                                    \
    }

GPU_TILE_KERNEL conv_forward(const __global T *restrict x, const __global T *restrict w, __global T *to,
                             const __global T *restrict bias, const __global T *residual, const CT low, const CT high, GEOMETRY) {
  GEMM_GPU_LOCALS
  const int n0 = get_group_id(0) * TN, m0 = get_group_id(1) * TM, g = get_group_id(2);
  const int pixels = out.x * out.y * out.z, N = images * pixels, K = channels * TAPS;
  const long group = (long)channels * in.x * in.y * in.z;
  CT acc[TILE_REGS][TILE_REGS] = {{0}};
#define WEIGHT(m, k) LOAD(w, ((long)g * filters + (m)) * K + (k))
#define COLUMN(k, n) column_at(x + ((long)((n) / pixels) * groups + g) * group, k, (n) % pixels, in, out, window, stride, dilate, pad)
  GEMM_GPU_ACCUMULATE(acc, m0, n0, 0, K, filters, N, WEIGHT, COLUMN)
  STORE_TILE(filters, N, (((long)(n / pixels) * groups + g) * filters + m) * pixels + n % pixels,
             finished(sum + (BIAS ? LOAD(bias, g * filters + m) : (CT)0), residual, at, low, high))
}

GPU_TILE_KERNEL conv_data(const __global T *restrict dy, const __global T *restrict w, __global T *to, GEOMETRY) {
  GEMM_GPU_LOCALS
  const int n0 = get_group_id(0) * TN, m0 = get_group_id(1) * TM, g = get_group_id(2);
  const int pixels = in.x * in.y * in.z, N = images * pixels, K = filters * TAPS;
  const long group = (long)filters * out.x * out.y * out.z;
  CT acc[TILE_REGS][TILE_REGS] = {{0}};
#define BACK_WEIGHT(m, k) LOAD(w, (((long)g * filters + (k) / TAPS) * channels + (m)) * TAPS + (k) % TAPS)
#define BACK(k, n) gradient_at(dy + ((long)((n) / pixels) * groups + g) * group, k, (n) % pixels, in, out, window, stride, dilate, pad)
  GEMM_GPU_ACCUMULATE(acc, m0, n0, 0, K, channels, N, BACK_WEIGHT, BACK)
  STORE_TILE(channels, N, (((long)(n / pixels) * groups + g) * channels + m) * pixels + n % pixels, sum)
}

GPU_TILE_KERNEL conv_weight(const __global T *restrict x, const __global T *restrict dy, __global T *to, GEOMETRY) {
  GEMM_GPU_LOCALS
  const int n0 = get_group_id(0) * TN, m0 = get_group_id(1) * TM, g = get_group_id(2);
  const int pixels = out.x * out.y * out.z, N = channels * TAPS;
  const long group = (long)channels * in.x * in.y * in.z;
  CT acc[TILE_REGS][TILE_REGS] = {{0}};
#define GRADIENT(m, k) LOAD(dy, (((long)((k) / pixels) * groups + g) * filters + (m)) * pixels + (k) % pixels)
#define PIXEL(k, n) column_at(x + ((long)((k) / pixels) * groups + g) * group, n, (k) % pixels, in, out, window, stride, dilate, pad)
  GEMM_GPU_ACCUMULATE(acc, m0, n0, 0, images * pixels, filters, N, GRADIENT, PIXEL)
  STORE_TILE(filters, N, ((long)g * filters + m) * N + n, sum)
}
#endif

#ifndef BIAS_ITEMS
#define BIAS_ITEMS 1 /* work-items a channel of conv_bias */
#endif
__kernel __attribute__((reqd_work_group_size(BIAS_ITEMS, 1, 1))) void conv_bias(
    const __global T *restrict dy, __global T *restrict db, const int images, const int filters, const int pixels) {
  const size_t o = get_group_id(0), me = get_local_id(0);
  CT part[16]; /* sixteen independent sums: vectorised, and more exact than one */
  for (int i = 0; i < 16; i++) part[i] = (CT)0;
  for (int img = 0; img < images; img++) {
    const __global T *from = dy + ((size_t)img * filters + o) * pixels;
    int p = me * 16;
    for (; p + 16 <= pixels; p += 16 * BIAS_ITEMS)
      for (int i = 0; i < 16; i++) part[i] += LOAD(from, p + i);
    for (int i = 0; p + i < pixels && i < 16; i++) part[i] += LOAD(from, p + i);
  }
  CT sum = (CT)0;
  for (int i = 0; i < 16; i++) sum += part[i];
#if BIAS_ITEMS > 1
  __local CT sums[BIAS_ITEMS];
  sums[me] = sum;
  barrier(CLK_LOCAL_MEM_FENCE);
  if (me == 0) {
    for (int i = 1; i < BIAS_ITEMS; i++) sum += sums[i];
    STORE(db, o, sum);
  }
#else
  STORE(db, o, sum);
#endif
}
