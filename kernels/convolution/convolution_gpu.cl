/* Convolution of 1 to 3 spatial dimensions (missing ones lead with extent 1), groups, dilation, and two of its gradients, on GPUs.
 *
 * x [N][C][D][H][W], w [O][C/groups][kd][kh][kw], y [N][O][OD][OH][OW]. Extents come as int4 (d, h, w, unused). Every kernel is a
 * matrix product per group, K = C/groups * taps, whose one operand is gathered from the image, unpadded, with its bounds checked; the pixels
 * of all images form one axis.
 *
 *   conv_forward  y = w * columns (+ bias), finished as include/epilogue.h says
 *   conv_data     dx = w^T * what the taps carry back (+ bias: then it is a transposed convolution)
 *   conv_weight   dw = dy * columns^T
 *
 * A work-group: a tile of 64 x 64 (include/gemm_gpu.h). Tunable: TK.
 */
#include "common.h"
#include "epilogue.h"
#include "gemm_gpu.h"

#ifndef BIAS
#define BIAS 0 /* 2: a value an output channel */
#endif

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

GPU_TILE_KERNEL conv_data(const __global T *restrict dy, const __global T *restrict w, __global T *to, const __global T *restrict bias,
                          GEOMETRY) {
  GEMM_GPU_LOCALS
  const int n0 = get_group_id(0) * TN, m0 = get_group_id(1) * TM, g = get_group_id(2);
  const int pixels = in.x * in.y * in.z, N = images * pixels, K = filters * TAPS;
  const long group = (long)filters * out.x * out.y * out.z;
  CT acc[TILE_REGS][TILE_REGS] = {{0}};
#define BACK_WEIGHT(m, k) LOAD(w, (((long)g * filters + (k) / TAPS) * channels + (m)) * TAPS + (k) % TAPS)
#define BACK(k, n) gradient_at(dy + ((long)((n) / pixels) * groups + g) * group, k, (n) % pixels, in, out, window, stride, dilate, pad)
  GEMM_GPU_ACCUMULATE(acc, m0, n0, 0, K, channels, N, BACK_WEIGHT, BACK)
  STORE_TILE(channels, N, (((long)(n / pixels) * groups + g) * channels + m) * pixels + n % pixels,
             sum + (BIAS ? LOAD(bias, g * channels + m) : (CT)0))
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
