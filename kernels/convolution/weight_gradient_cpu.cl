/* The gradient of a convolution's weight on CPUs.
 *
 * x [N][C][D][H][W], w [O][C/groups][kd][kh][kw], y [N][O][OD][OH][OW]. Extents come as int4 (d, h, w, unused).
 *
 *   conv_weight  dw^T = columns * dy^T a group, over the pixels of all images in a fixed order; columns are read as broadcasts straight from
 *                the image. A work-item: mrows of K = C/groups * taps by npanels panels of NR output channels; `work` has
 *                (kcmax + mrows) * NR elements, `zeros` ZEROS elements a work-item.
 *
 * Tunables: VW, NV, MR (include/gemm_cpu.h).
 */
#include "common.h"
#include "gemm_cpu.h"

#ifndef ZEROS
#define ZEROS 256
#endif
#define TURN (NR % 8 ? 2 : 8)

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
