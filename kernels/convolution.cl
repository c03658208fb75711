/* Convolution of 1 to 3 spatial dimensions (missing ones lead with extent 1), groups, dilation; its three gradients.
 *
 * x [N][C][D][H][W], w [O][C/groups][kd][kh][kw], y [N][O][OD][OH][OW]. Extents come as int4 (d, h, w, unused). Every kernel is a
 * matrix product per group, K = C/groups * taps, whose one operand is gathered from the image while it is packed, so that no column
 * matrix lies in memory; the pixels of all images form one axis.
 *
 * CPU (include/gemm_cpu.h; the image comes padded, xp, of extents `in`, in the compute type, xlen elements):
 *   conv_pad     xp = x with `before` zeros in front, zeros after, and insert - 1 zeros between elements. A work-item: some planes.
 *   conv_forward y = w * columns (+ bias). A work-item: mrows channels x ncols pixels of a group; `work` as in gemm.cl, plus NR.
 *                with TURNED it makes the data gradient of a convolution of stride 1 from the padded dy.
 *   conv_col2im  the data gradient for larger strides (needs SAME): sums columns [N][C][taps][P] into dx. A work-item: some planes.
 *   conv_weight  dw^T = columns * dy^T; columns are read as broadcasts straight from the image. A work-item: mrows of K x npanels
 *                panels of NR output channels, over all pixels in a fixed order; `work` has (kcmax + mrows) * NR elements a work-item.
 * GPU (include/gemm_gpu.h; x unpadded, bounds checked): conv_forward, conv_data, conv_weight, a 64 x 64 tile a work-group.
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
#include "gemm_cpu.h"

__kernel void conv_pad(const __global T *restrict x, __global CT *restrict xp, const long planes, const int4 from, const int4 in,
                       const int4 before, const int4 insert, const long tail) {
  const long size = (long)in.x * in.y * in.z, given = (long)from.x * from.y * from.z;
  const size_t items = get_global_size(0), me = get_global_id(0);
  const long first = planes * (long)me / (long)items, end = planes * (long)(me + 1) / (long)items;
  for (long plane = first; plane < end; plane++) {
    __global CT *to = xp + plane * size;
    for (long i = 0; i < size; i++) to[i] = (CT)0;
    for (int d = 0; d < from.x; d++) {
      const int pd = before.x + d * insert.x;
      if (pd < 0 || pd >= in.x) continue;
      for (int h = 0; h < from.y; h++) {
        const int ph = before.y + h * insert.y;
        if (ph < 0 || ph >= in.y) continue;
        const __global T *row = x + plane * given + ((long)d * from.y + h) * from.z;
        __global CT *out = to + ((long)pd * in.y + ph) * in.z;
        if (insert.z == 1) { /* negative `before` crops */
          const int lo = before.z < 0 ? -before.z : 0, room = in.z - before.z, hi = from.z < room ? from.z : room;
          for (int i = lo; i < hi; i++) out[before.z + i] = LOAD(row, i);
        } else {
          for (int i = 0; i < from.z; i++) {
            const int pw = before.z + i * insert.z;
            if (pw >= 0 && pw < in.z) out[pw] = LOAD(row, i);
          }
        }
      }
    }
  }
  if (me == items - 1) /* slack behind the last plane that vector loads may touch */
    for (long i = 0; i < tail; i++) xp[planes * size + i] = (CT)0;
}

/* Packs rows [k0, k0 + kc) of the column matrix, pixels [n0, n0 + cols), into a panel [kc][NR]. The pixels of an output row are a
 * run: neighbours in the image when the stride is 1. A run is copied in whole vectors; what they write too much, the next run or row
 * writes again (so `to` needs NR elements behind its end), and what they read too much lies inside xp (`safe`). */
GEMM_INLINE void pack_pixels(const __global CT *restrict xp, const long xlen, const long image, const int n0, const int cols,
                             const int k0, const int kc, const int4 in, const int4 out, const int4 window, const int4 stride,
                             const int4 dilate, __global CT *restrict to) {
  const int pixels = out.x * out.y * out.z, taps = window.x * window.y * window.z;
  const long plane = (long)in.x * in.y * in.z;
  int start[NR + 1];
  long source[NR];
  int runs = 0;
  long furthest = 0;
  for (int j = 0; j < cols;) {
    const int n = n0 + j, img = n / pixels, p = n % pixels, ow = p % out.z, row = p / out.z, oh = row % out.y, od = row / out.y;
    const int len = min(out.z - ow, cols - j);
    start[runs] = j;
    source[runs] = img * image + ((long)od * stride.x * in.y + oh * stride.y) * in.z + ow * stride.z;
    furthest = max(furthest, source[runs] + (len + VW - 1) / VW * VW);
    runs++;
    j += len;
  }
  start[runs] = cols;
  const int last = k0 + kc - 1;
  const long reach = ((long)(window.x - 1) * dilate.x * in.y + (window.y - 1) * dilate.y) * in.z + (window.z - 1) * dilate.z;
  const int safe = stride.z == 1 && furthest + last / taps * plane + reach <= xlen;
  int t = k0 % taps, kw = t % window.z, kh = t / window.z % window.y, kd = t / window.z / window.y;
  const __global CT *channel = xp + (k0 / taps) * plane;
  for (int k = 0; k < kc; k++) {
    const __global CT *from = channel + ((long)kd * dilate.x * in.y + kh * dilate.y) * in.z + kw * dilate.z;
    if (safe) {
      if (runs == 1 && cols == NR) {
        const __global CT *s = from + source[0];
#pragma unroll
        for (int j = 0; j < NV; j++) *(__global gemm_vec *)(to + j * VW) = *(const __global gemm_vec *)(s + j * VW);
      } else {
        for (int r = 0; r < runs; r++) {
          const __global CT *s = from + source[r];
          for (int j = start[r]; j < start[r + 1]; j += VW, s += VW) *(__global gemm_vec *)(to + j) = *(const __global gemm_vec *)s;
        }
      }
    } else {
      for (int r = 0; r < runs; r++) {
        const __global CT *s = from + source[r];
        for (int j = start[r]; j < start[r + 1]; j++, s += stride.z) to[j] = *s;
      }
    }
    for (int j = cols; j < NR; j++) to[j] = (CT)0;
    to += NR;
    if (++kw == window.z) {
      kw = 0;
      if (++kh == window.y) {
        kh = 0;
        if (++kd == window.x) {
          kd = 0;
          channel += plane;
        }
      }
    }
  }
}

#ifndef A_DIRECT
#define A_DIRECT 0 /* 1: weights are read where they lie (needs SAME and M >= MR) */
#endif
#ifndef TURNED
#define TURNED 0 /* 1: the data gradient: xp is the padded dy (zeros inserted for strides), y is dx, `channels` the filters */
#endif

/* Packs rows [m0, m0 + rows), columns [k0, k0 + kc) of the weight turned for the data gradient, [channel][filter, tap reversed], from
 * w [filter][channel][tap]: the channels of a filter lie together, so a panel reads whole stretches. */
GEMM_INLINE void pack_turned(const __global T *w, const int channels, const int taps, const int m0, const int rows, const int k0,
                             const int kc, __global CT *to) {
  for (int m = 0; m < rows; m += MR) {
    const int valid = min(MR, rows - m);
    int t = taps - 1 - k0 % taps;
    const __global T *from = w + ((size_t)(k0 / taps) * channels + m0 + m) * taps;
    for (int k = 0; k < kc; k++) {
      if (valid == MR)
#pragma unroll
        for (int i = 0; i < MR; i++) to[i] = LOAD(from, i * taps + t);
      else
        for (int i = 0; i < MR; i++) to[i] = i < valid ? LOAD(from, i * taps + t) : (CT)0;
      to += MR;
      if (t-- == 0) {
        t = taps - 1;
        from += (size_t)channels * taps;
      }
    }
  }
}

__kernel void conv_forward(const __global CT *restrict xp, const __global T *restrict w, __global T *y,
                           const __global T *restrict bias, __global CT *restrict work, const int images, const int groups,
                           const int M, const int channels, const int4 in, const int4 out, const int4 window, const int4 stride,
                           const int4 dilate, const long xlen, const int mrows, const int ncols, const int mc, const int kcmax) {
  const int pixels = out.x * out.y * out.z, N = images * pixels, K = channels * window.x * window.y * window.z;
  const int nblocks = (N + ncols - 1) / ncols, mblocks = (M + mrows - 1) / mrows;
  const long plane = (long)in.x * in.y * in.z, image = (long)groups * channels * plane;
  const size_t outer = (size_t)groups * M * pixels;
  __global CT *bpanel = work + get_global_id(0) * ((size_t)kcmax * (NR + (A_DIRECT ? 0 : mc)) + NR);
  __global CT *apanel = bpanel + (size_t)kcmax * NR + NR;
  for (int item = get_global_id(0); item < nblocks * mblocks * groups; item += get_global_size(0)) {
    const int nb = item % nblocks, mb = item / nblocks % mblocks, g = item / nblocks / mblocks;
    const long skipped = (long)g * channels * plane;
    const __global T *wg = w + (size_t)g * M * K, *bg = bias + (BIAS ? g * M : 0);
    __global T *yg = y + (size_t)g * M * pixels;
    const int n1 = min(N, (nb + 1) * ncols), m1 = min(M, (mb + 1) * mrows);
    for (int m0 = mb * mrows; m0 < m1; m0 += mc) {
      const int rows = min(mc, m1 - m0);
      for (int k0 = 0; k0 < K; k0 += kcmax) {
        const int kc = min(kcmax, K - k0), add = REQ == 2 || k0 > 0;
#if TURNED
        pack_turned(wg, M, window.x * window.y * window.z, m0, rows, k0, kc, apanel);
#elif !A_DIRECT
        gemm_pack_rows(wg + (size_t)m0 * K + k0, K, 1, rows, kc, apanel);
#endif
        for (int n = nb * ncols; n < n1; n += NR) {
          const int cols = min(NR, n1 - n);
          pack_pixels(xp + skipped, xlen - skipped, image, n, cols, k0, kc, in, out, window, stride, dilate, bpanel);
          for (int m = 0; m < rows; m += MR) {
#if A_DIRECT
            const int at = min(m0 + m, M - MR), skip = m0 + m - at;
            gemm_tile((const __global CT *)wg + (size_t)at * K + k0, K, 1, bpanel, kc, yg + (size_t)at * pixels, pixels, n, pixels,
                      outer, skip, min(MR, skip + rows - m), cols, add, bg + (BIAS ? at : 0), k0 == 0);
#else
            gemm_tile(apanel + (size_t)m * kc, 1, MR, bpanel, kc, yg + (size_t)(m0 + m) * pixels, pixels, n, pixels, outer, 0,
                      min(MR, rows - m), cols, add, bg + (BIAS ? m0 + m : 0), k0 == 0);
#endif
          }
        }
      }
    }
  }
}

#if SAME
/* A row of dx is this work-item's alone: it is cleared (REQ 1) and each tap's row of columns is added to it, in a fixed order. */
__kernel void conv_col2im(const __global T *restrict columns, __global T *restrict dx, const long planes, const long xoff,
                          const int4 in, const int4 out, const int4 window, const int4 stride, const int4 dilate,
                          const int4 pad) {
  const size_t items = get_global_size(0), me = get_global_id(0);
  const long first = planes * (long)me / (long)items, end = planes * (long)(me + 1) / (long)items;
  const long size = (long)in.x * in.y * in.z, pixels = (long)out.x * out.y * out.z;
  const int taps = window.x * window.y * window.z;
  for (long plane = first; plane < end; plane++)
    for (int id = 0; id < in.x; id++)
      for (int ih = 0; ih < in.y; ih++) {
        __global T *row = dx + xoff + plane * size + ((long)id * in.y + ih) * in.z;
#if REQ == 1
        for (int i = 0; i < in.z; i++) row[i] = (T)0;
#endif
        for (int kd = 0; kd < window.x; kd++) {
          const int td = id + pad.x - kd * dilate.x, od = td / stride.x;
          if (td < 0 || od * stride.x != td || od >= out.x) continue;
          for (int kh = 0; kh < window.y; kh++) {
            const int th = ih + pad.y - kh * dilate.y, oh = th / stride.y;
            if (th < 0 || oh * stride.y != th || oh >= out.y) continue;
            for (int kw = 0; kw < window.z; kw++) {
              const int tap = (kd * window.y + kh) * window.z + kw, shift = kw * dilate.z - pad.z; /* iw = ow * stride + shift */
              const __global T *from = columns + (plane * taps + tap) * pixels + ((long)od * out.y + oh) * out.z;
              const int lo = shift < 0 ? (-shift + stride.z - 1) / stride.z : 0;
              const int last = in.z - 1 - shift, hi = last < 0 ? 0 : min(out.z, last / stride.z + 1);
              for (int ow = lo; ow < hi; ow++) row[ow * stride.z + shift] += from[ow];
            }
          }
        }
      }
}
#endif

/* acc[MR][NR] += MR rows of the column matrix, read from the image, times kc packed pixels of dy, beginning at pixel p0. */
GEMM_INLINE void weight_tile(const __global CT *restrict xp, const int *rowat, const int p0, const int kc, const int4 in,
                             const int4 out, const int4 stride, const __global CT *restrict b, __global CT *restrict sums) {
  gemm_vec acc[MR][NV];
  const __global CT *r[MR];
#pragma unroll
  for (int i = 0; i < MR; i++) {
    r[i] = xp + rowat[i];
#pragma unroll
    for (int j = 0; j < NV; j++) acc[i][j] = *(const __global gemm_vec *)(sums + i * NR + j * VW);
  }
  for (int p = p0; p < p0 + kc;) {
    const int ow = p % out.z, row = p / out.z, oh = row % out.y, od = row / out.y;
    const int len = min(out.z - ow, p0 + kc - p);
    long x = ((long)od * stride.x * in.y + oh * stride.y) * in.z + ow * stride.z;
    for (int t = 0; t < len; t++) {
      gemm_vec bv[NV];
#pragma unroll
      for (int j = 0; j < NV; j++) bv[j] = *(const __global gemm_vec *)(b + j * VW);
#pragma unroll
      for (int i = 0; i < MR; i++) {
        const gemm_vec xi = (gemm_vec)(r[i][x]);
#pragma unroll
        for (int j = 0; j < NV; j++) acc[i][j] = acc[i][j] + xi * bv[j];
      }
      b += NR;
      x += stride.z;
    }
    p += len;
  }
#pragma unroll
  for (int i = 0; i < MR; i++)
#pragma unroll
    for (int j = 0; j < NV; j++) *(__global gemm_vec *)(sums + i * NR + j * VW) = acc[i][j];
}

__kernel void conv_weight(const __global CT *restrict xp, const __global T *restrict dy, __global T *restrict dw,
                          __global CT *restrict work, const int images, const int groups, const int filters, const int channels,
                          const int4 in, const int4 out, const int4 window, const int4 stride, const int4 dilate, const int mrows,
                          const int npanels, const int kcmax) {
  const int taps = window.x * window.y * window.z, K = channels * taps, pixels = out.x * out.y * out.z;
  const int nblocks = (filters + npanels * NR - 1) / (npanels * NR), mblocks = (K + mrows - 1) / mrows;
  const long plane = (long)in.x * in.y * in.z;
  __global CT *panel = work + get_global_id(0) * (size_t)(kcmax + mrows) * NR, *sums = panel + (size_t)kcmax * NR;
  for (int item = get_global_id(0); item < nblocks * mblocks * groups; item += get_global_size(0)) {
    const int nb = item % nblocks, mb = item / nblocks % mblocks, g = item / nblocks / mblocks;
    const int first = mb * mrows, rows = min(mrows, K - first);
    for (int o = nb * npanels * NR; o < min(filters, (nb + 1) * npanels * NR); o += NR) {
      const int cols = min(NR, filters - o);
      for (size_t i = 0; i < (size_t)mrows * NR; i++) sums[i] = (CT)0;
      for (int img = 0; img < images; img++) {
        const __global CT *image = xp + ((long)img * groups + g) * channels * plane;
        const __global T *grad = dy + (((long)img * groups + g) * filters + o) * pixels;
        for (int p0 = 0; p0 < pixels; p0 += kcmax) {
          const int kc = min(kcmax, pixels - p0);
          for (int j = 0; j < NR; j++) {
            if (j < cols)
              for (int k = 0; k < kc; k++) panel[k * NR + j] = LOAD(grad, (long)j * pixels + p0 + k);
            else
              for (int k = 0; k < kc; k++) panel[k * NR + j] = (CT)0;
          }
          for (int m = 0; m < rows; m += MR) {
            int rowat[MR]; /* rows past the end repeat the last one and are never stored */
            for (int i = 0; i < MR; i++) {
              const int k = min(first + m + i, K - 1), t = k % taps;
              const int kw = t % window.z, kh = t / window.z % window.y, kd = t / window.z / window.y;
              rowat[i] = (int)(k / taps * plane) + (kd * dilate.x * in.y + kh * dilate.y) * in.z + kw * dilate.z;
            }
            weight_tile(image, rowat, p0, kc, in, out, stride, panel, sums + (size_t)m * NR);
          }
        }
      }
      for (int j = 0; j < cols; j++) {
        __global T *to = dw + ((size_t)g * filters + o + j) * K + first;
        for (int m = 0; m < rows; m++) STORE(to, m, sums[(size_t)m * NR + j]);
      }
    }
  }
}

#else
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

#define STORE_TILE(M, N, AT, BIASED)                                                                                       \
  for (int i = 0; i < TILE_REGS; i++)                                                                                      \
    for (int j = 0; j < TILE_REGS; j++) {                                                                                  \
      const int m = m0 + (int)get_local_id(1) + TILE_ITEMS * i, n = n0 + (int)get_local_id(0) + TILE_ITEMS * j;            \
      if (m < (M) && n < (N)) {                                                                                            \
        const CT v = acc[i][j] + BIASED;                                                                                   \
        STORE(to, AT, v);                                                                                                  \
      }                                                                                                                    \
    }

GPU_TILE_KERNEL conv_forward(const __global T *restrict x, const __global T *restrict w, __global T *to,
                             const __global T *restrict bias, GEOMETRY) {
  GEMM_GPU_LOCALS
  const int n0 = get_group_id(0) * TN, m0 = get_group_id(1) * TM, g = get_group_id(2);
  const int pixels = out.x * out.y * out.z, N = images * pixels, K = channels * TAPS;
  const long group = (long)channels * in.x * in.y * in.z;
  CT acc[TILE_REGS][TILE_REGS] = {{0}};
#define WEIGHT(m, k) LOAD(w, ((long)g * filters + (m)) * K + (k))
#define COLUMN(k, n) column_at(x + ((long)((n) / pixels) * groups + g) * group, k, (n) % pixels, in, out, window, stride, dilate, pad)
  GEMM_GPU_ACCUMULATE(acc, m0, n0, 0, K, filters, N, WEIGHT, COLUMN)
  STORE_TILE(filters, N, (((long)(n / pixels) * groups + g) * filters + m) * pixels + n % pixels,
             (BIAS ? LOAD(bias, g * filters + m) : (CT)0))
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
  STORE_TILE(channels, N, (((long)(n / pixels) * groups + g) * channels + m) * pixels + n % pixels, (CT)0)
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
  STORE_TILE(filters, N, ((long)g * filters + m) * N + n, (CT)0)
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
