/* Depthwise convolution and its gradients on GPUs.
 *
 * Depthwise: as many groups as input channels, `multiplier` output channels each; a matrix product a group would have one column of channels.
 * x [N][C][D][H][W], w [C * multiplier][1][kd][kh][kw], y [N][C * multiplier][OD][OH][OW], extents as int4 (d, h, w).
 *
 *   depthwise_forward, depthwise_data   a work-item an element; the former finished as include/epilogue.h says
 *   depthwise_weight                    a work-group a (channel, tap)
 *
 * Defines: SW (stride along the row), KD KH KW (the window, unrolled). Tunable: ITEMS, work-items of the reduction.
 */
#include "common.h"
#include "epilogue.h"

#ifndef BIAS
#define BIAS 0
#endif
#ifndef SW
#define SW 1
#endif
#ifndef ITEMS
#define ITEMS 64
#endif
#define TAPS (KD * KH * KW)

/* The input pixel that a tap of output pixel (od, oh, ow) reads, or -1 outside. */
static inline long pixel_at(const int tap, const int p, const int4 in, const int4 out, const int4 stride, const int4 dilate,
                            const int4 pad) {
  const int d = p / out.z / out.y * stride.x - pad.x + tap / KW / KH * dilate.x;
  const int h = p / out.z % out.y * stride.y - pad.y + tap / KW % KH * dilate.y;
  const int w = p % out.z * SW - pad.z + tap % KW * dilate.z;
  return d < 0 || d >= in.x || h < 0 || h >= in.y || w < 0 || w >= in.z ? -1 : ((long)d * in.y + h) * in.z + w;
}

__kernel void depthwise_forward(const __global T *restrict x, const __global T *restrict w, __global T *y,
                                const __global T *restrict bias, const __global T *residual, const CT low, const CT high,
                                const long planes, const int channels, const int multiplier, const int4 in, const int4 out,
                                const int4 stride, const int4 dilate, const int4 pad) {
  const int pixels = out.x * out.y * out.z, size = in.x * in.y * in.z;
  FOR_EACH(i, planes * pixels) {
    const long plane = i / pixels;
    const int channel = plane % channels;
    CT sum = BIAS ? LOAD(bias, channel) : (CT)0;
    for (int t = 0; t < TAPS; t++) {
      const long at = pixel_at(t, i % pixels, in, out, stride, dilate, pad);
      if (at >= 0) sum += LOAD(w, channel * TAPS + t) * LOAD(x, plane / multiplier * size + at);
    }
    STORE(y, i, finished(sum, residual, i, low, high));
  }
}

__kernel void depthwise_data(const __global T *restrict dy, const __global T *restrict w, __global T *restrict dx,
                             const __global T *restrict bias, const long planes, const int channels, const int multiplier,
                             const int4 in, const int4 out, const int4 stride, const int4 dilate, const int4 pad) {
  /* planes is of dx, channels of x */
  const int pixels = out.x * out.y * out.z, size = in.x * in.y * in.z;
  FOR_EACH(i, planes * size) {
    const long plane = i / size;
    const int p = i % size, channel = plane % channels;
    CT sum = BIAS ? LOAD(bias, channel) : (CT)0;
    for (int t = 0; t < TAPS; t++) {
      const int td = p / in.z / in.y + pad.x - t / KW / KH * dilate.x, th = p / in.z % in.y + pad.y - t / KW % KH * dilate.y;
      const int tw = p % in.z + pad.z - t % KW * dilate.z, d = td / stride.x, h = th / stride.y, c = tw / SW;
      if (td < 0 || th < 0 || tw < 0 || d * stride.x != td || h * stride.y != th || c * SW != tw) continue;
      if (d >= out.x || h >= out.y || c >= out.z) continue;
      for (int m = 0; m < multiplier; m++)
        sum += LOAD(w, (channel * multiplier + m) * TAPS + t) *
               LOAD(dy, (plane * multiplier + m) * pixels + ((long)d * out.y + h) * out.z + c);
    }
    STORE(dx, i, sum);
  }
}

__kernel __attribute__((reqd_work_group_size(ITEMS, 1, 1))) void depthwise_weight(
    const __global T *restrict x, const __global T *restrict dy, __global T *restrict dw, const int images, const int channels,
    const int multiplier, const int4 in, const int4 out, const int4 stride, const int4 dilate, const int4 pad) {
  __local CT sums[ITEMS];
  const int me = get_local_id(0), channel = get_group_id(0) / TAPS, tap = get_group_id(0) % TAPS;
  const int pixels = out.x * out.y * out.z, size = in.x * in.y * in.z;
  CT sum = (CT)0;
  for (int i = me; i < images * pixels; i += ITEMS) {
    const long img = i / pixels;
    const int p = i % pixels;
    const long at = pixel_at(tap, p, in, out, stride, dilate, pad);
    if (at >= 0)
      sum += LOAD(x, (img * (channels / multiplier) + channel / multiplier) * size + at) *
             LOAD(dy, (img * channels + channel) * pixels + p);
  }
  sums[me] = sum;
  barrier(CLK_LOCAL_MEM_FENCE);
  for (int half_ = ITEMS / 2; half_ > 0; half_ /= 2) {
    if (me < half_) sums[me] += sums[me + half_];
    barrier(CLK_LOCAL_MEM_FENCE);
  }
  if (me == 0) STORE(dw, get_group_id(0), sums[0]);
}
