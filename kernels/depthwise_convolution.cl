/* Depthwise convolution: as many groups as input channels, `multiplier` output channels each; a matrix product a group would have one
 * column of channels. x [N][C][D][H][W], w [C * multiplier][1][kd][kh][kw], y [N][C * multiplier][OD][OH][OW], extents as int4 (d, h, w).
 *
 * CPU: the image comes padded, xp, of extents `in` (conv_pad in convolution.cl, with at least 4 * 8 elements of slack behind it).
 *   depthwise_forward  a work-item: some output planes; 8 pixels of an output row at a time. With FLIP it is the data gradient: xp is
 *                      the padded dy (zeros inserted for strides), y is dx, and the `multiplier` filters of a channel are summed with
 *                      taps reversed.
 *   depthwise_weight   a work-item: some output channels; all images in order.
 * GPU: x unpadded. depthwise_forward, depthwise_data: a work-item an element; depthwise_weight: a work-group a (channel, tap).
 *
 * Defines: SW (stride along the row), KD KH KW (the window, unrolled), FLIP. Tunables: ITEMS (work-items of the GPU's reduction).
 */
#include "common.h"
#ifndef BIAS
#define BIAS 0
#endif
#ifndef SW
#define SW 1
#endif
#ifndef FLIP
#define FLIP 0
#endif
#define TAPS (KD * KH * KW)

#if DEVICE_CPU
typedef CAT(CT, 8) aligned8;
typedef aligned8 vec8 __attribute__((aligned(sizeof(CT))));

static inline __attribute__((always_inline)) vec8 eight(const __global CT *p) {
#if SW == 1
  return *(const __global vec8 *)p;
#elif SW == 2
  const vec8 a = *(const __global vec8 *)p, b = *(const __global vec8 *)(p + 8);
  return (vec8)(a.even, b.even);
#else
  return (vec8)(p[0], p[SW], p[2 * SW], p[3 * SW], p[4 * SW], p[5 * SW], p[6 * SW], p[7 * SW]);
#endif
}

__kernel void depthwise_forward(const __global CT *restrict xp, const __global T *restrict w, __global T *restrict y,
                                const __global T *restrict bias, const long planes, const int channels, const int multiplier,
                                const int4 in, const int4 out, const int4 stride, const int4 dilate) {
  /* planes and channels are those of y */
  const size_t items = get_global_size(0), me = get_global_id(0);
  const long first = planes * (long)me / (long)items, end = planes * (long)(me + 1) / (long)items;
  const long size = (long)in.x * in.y * in.z;
  const int sources = FLIP ? multiplier : 1;
  for (long plane = first; plane < end; plane++) {
    const int channel = plane % channels;
    const CT start = BIAS ? LOAD(bias, channel) : (CT)0;
    for (int od = 0; od < out.x; od++)
      for (int oh = 0; oh < out.y; oh++)
        for (int ow = 0; ow < out.z; ow += 8) {
          vec8 acc = (vec8)(start);
          for (int s = 0; s < sources; s++) {
            const __global CT *from = xp + (FLIP ? plane * multiplier + s : plane / multiplier) * size +
                                      ((long)od * stride.x * in.y + oh * stride.y) * in.z + (long)ow * SW;
            const __global T *taps = w + (FLIP ? channel * multiplier + s : channel) * TAPS;
#pragma unroll
            for (int kd = 0; kd < KD; kd++)
#pragma unroll
              for (int kh = 0; kh < KH; kh++)
#pragma unroll
                for (int kw = 0; kw < KW; kw++) {
                  const int tap = (kd * KH + kh) * KW + kw;
                  const CT weight = LOAD(taps, FLIP ? TAPS - 1 - tap : tap);
                  acc = acc + (vec8)(weight) * eight(from + ((long)kd * dilate.x * in.y + kh * dilate.y) * in.z + kw * dilate.z);
                }
          }
          CT lane[8];
          *(vec8 *)lane = acc;
          __global T *to = y + ((plane * out.x + od) * out.y + oh) * out.z + ow;
          if (ow + 8 <= out.z)
            for (int i = 0; i < 8; i++) STORE(to, i, lane[i]);
          else
            for (int i = 0; ow + i < out.z; i++) STORE(to, i, lane[i]);
        }
  }
}

__kernel void depthwise_weight(const __global CT *restrict xp, const __global T *restrict dy, __global T *restrict dw,
                               const int images, const int channels, const int multiplier, const int4 in, const int4 out,
                               const int4 stride, const int4 dilate) {
  const size_t items = get_global_size(0), me = get_global_id(0);
  const int first = (long)channels * (long)me / (long)items, end = (long)channels * (long)(me + 1) / (long)items;
  const long size = (long)in.x * in.y * in.z, pixels = (long)out.x * out.y * out.z;
  for (int channel = first; channel < end; channel++) {
    vec8 acc[TAPS];
    for (int t = 0; t < TAPS; t++) acc[t] = (vec8)((CT)0);
    for (int img = 0; img < images; img++)
      for (int od = 0; od < out.x; od++)
        for (int oh = 0; oh < out.y; oh++) {
          const __global CT *from = xp + ((long)img * (channels / multiplier) + channel / multiplier) * size +
                                    ((long)od * stride.x * in.y + oh * stride.y) * in.z;
          const __global T *grad = dy + ((long)img * channels + channel) * pixels + ((long)od * out.y + oh) * out.z;
          for (int ow = 0; ow < out.z; ow += 8) {
            CT lane[8]; /* zeros past the end of the row */
            for (int i = 0; i < 8; i++) lane[i] = ow + i < out.z ? LOAD(grad, ow + i) : (CT)0;
            const vec8 g = *(vec8 *)lane;
#pragma unroll
            for (int kd = 0; kd < KD; kd++)
#pragma unroll
              for (int kh = 0; kh < KH; kh++)
#pragma unroll
                for (int kw = 0; kw < KW; kw++) {
                  const int tap = (kd * KH + kh) * KW + kw;
                  const vec8 x = eight(from + (long)ow * SW + ((long)kd * dilate.x * in.y + kh * dilate.y) * in.z + kw * dilate.z);
                  acc[tap] = acc[tap] + g * x;
                }
          }
        }
    for (int t = 0; t < TAPS; t++) {
      CT lane[8], sum = (CT)0;
      *(vec8 *)lane = acc[t];
      for (int i = 0; i < 8; i++) sum += lane[i];
      STORE(dw, (long)channel * TAPS + t, sum);
    }
  }
}

#else
#ifndef ITEMS
#define ITEMS 64
#endif
/* The input pixel that a tap of output pixel (od, oh, ow) reads, or -1 outside. */
static inline long pixel_at(const int tap, const int p, const int4 in, const int4 out, const int4 stride, const int4 dilate,
                            const int4 pad) {
  const int d = p / out.z / out.y * stride.x - pad.x + tap / KW / KH * dilate.x;
  const int h = p / out.z % out.y * stride.y - pad.y + tap / KW % KH * dilate.y;
  const int w = p % out.z * SW - pad.z + tap % KW * dilate.z;
  return d < 0 || d >= in.x || h < 0 || h >= in.y || w < 0 || w >= in.z ? -1 : ((long)d * in.y + h) * in.z + w;
}

__kernel void depthwise_forward(const __global T *restrict x, const __global T *restrict w, __global T *restrict y,
                                const __global T *restrict bias, const long planes, const int channels, const int multiplier,
                                const int4 in, const int4 out, const int4 stride, const int4 dilate, const int4 pad) {
  const int pixels = out.x * out.y * out.z, size = in.x * in.y * in.z;
  FOR_EACH(i, planes * pixels) {
    const long plane = i / pixels;
    const int channel = plane % channels;
    CT sum = BIAS ? LOAD(bias, channel) : (CT)0;
    for (int t = 0; t < TAPS; t++) {
      const long at = pixel_at(t, i % pixels, in, out, stride, dilate, pad);
      if (at >= 0) sum += LOAD(w, channel * TAPS + t) * LOAD(x, plane / multiplier * size + at);
    }
    STORE(y, i, sum);
  }
}

__kernel void depthwise_data(const __global T *restrict dy, const __global T *restrict w, __global T *restrict dx, const long planes,
                             const int channels, const int multiplier, const int4 in, const int4 out, const int4 stride,
                             const int4 dilate, const int4 pad) {
  /* planes is of dx, channels of x */
  const int pixels = out.x * out.y * out.z, size = in.x * in.y * in.z;
  FOR_EACH(i, planes * size) {
    const long plane = i / size;
    const int p = i % size, channel = plane % channels;
    CT sum = (CT)0;
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
#endif
