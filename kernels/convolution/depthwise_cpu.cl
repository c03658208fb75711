/* Depthwise convolution and its gradients on CPUs.
 *
 * Depthwise: as many groups as input channels, `multiplier` output channels each; a matrix product a group would have one column of channels.
 * x [N][C][D][H][W], w [C * multiplier][1][kd][kh][kw], y [N][C * multiplier][OD][OH][OW], extents as int4 (d, h, w).
 *
 * A work-item (a work-group, so that local memory is its own) takes blocks of `rows` x `cols` output pixels of a plane in turn, copies
 * what they read, with the padding, into `strip` in local memory, and computes VW pixels of a row at a time from there.
 *   depthwise_forward  a block and a plane each. With FLIP it is the data gradient: x is dy, y is dx, the strip holds dy with zeros between
 *                      its elements for strides, and the `multiplier` filters of a channel are summed with taps reversed.
 *   depthwise_weight   an output channel each; all images and blocks in order.
 *
 * Defines: SW (stride along the row), KD KH KW (the window, unrolled), FLIP. Tunable: VW.
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
#ifndef VW
#define VW 8
#endif
#ifndef SAME
#define SAME 0
#endif
#include "lanes.h"

#define TAPS (KD * KH * KW)
typedef lane_vec aligned_vec;
typedef aligned_vec vec __attribute__((aligned(sizeof(CT))));
#define EACH_TAP                                                 \
  _Pragma("unroll") for (int kd = 0; kd < KD; kd++)              \
  _Pragma("unroll") for (int kh = 0; kh < KH; kh++)              \
  _Pragma("unroll") for (int kw = 0; kw < KW; kw++)
#define TAP ((kd * KH + kh) * KW + kw)
#define TAP_AT ((kd * high + kh * dilate.y) * pitch + kw * dilate.z)
#define INLINE static inline __attribute__((always_inline))

INLINE aligned_vec pixels_at(const __local CT *p) {
#if SW == 1
  return *(const __local vec *)p;
#elif SW == 2
  const aligned_vec a = *(const __local vec *)p, b = *(const __local vec *)(p + VW);
  return (aligned_vec)(a.even, b.even);
#else
  CT lane[VW];
  for (int i = 0; i < VW; i++) lane[i] = p[i * SW];
  return *(aligned_vec *)lane;
#endif
}

/* Fills the strip, [KD][high][pitch], from a plane x of extents `in`: element (kd, r, c) is padded pixel (d0 + kd * apart, h0 + r, w0 + c),
 * where pixel p of the plane has padded position p * insert. Elements from `wide` on, up to pitch (a multiple of VW), are zero. */
INLINE void fill_strip(const __global T *x, const int4 in, const int4 insert, const int d0, const int h0, const int w0, const int apart,
                       const int high, const int wide, const int pitch, __local CT *strip) {
  const int first = w0 > 0 ? (w0 + insert.z - 1) / insert.z : 0; /* pixels [first, last) of a row lie in the strip */
  const int last = w0 + wide <= 0 ? 0 : min(in.z, (w0 + wide - 1) / insert.z + 1);
  for (int kd = 0; kd < KD; kd++)
    for (int r = 0; r < high; r++, strip += pitch) {
      const int d = d0 + kd * apart, h = h0 + r;
      for (int c = 0; c < pitch; c += VW) *(__local vec *)(strip + c) = (aligned_vec)((CT)0);
      if (d < 0 || h < 0 || d >= in.x * insert.x || h >= in.y * insert.y) continue;
      if (insert.x * insert.y > 1 && (d % insert.x || h % insert.y)) continue;
      const __global T *row = x + ((long)(d / insert.x) * in.y + h / insert.y) * in.z;
      int c = first;
      if (insert.z == 1) {
        __local CT *to = strip - w0;
#if SAME
        for (; c + VW <= last; c += VW) *(__local vec *)(to + c) = *(const __global vec *)(row + c);
        if (c < last && last - first >= VW) { /* the last vector once more, from further left */
          *(__local vec *)(to + last - VW) = *(const __global vec *)(row + last - VW);
          c = last;
        }
#endif
        SHORT_LOOP for (; c < last; c++) to[c] = LOAD(row, c);
      } else
        SHORT_LOOP for (; c < last; c++) strip[c * insert.z - w0] = LOAD(row, c);
    }
}

__kernel void depthwise_forward(const __global T *restrict x, const __global T *restrict w, __global T *restrict y,
                                const __global T *restrict bias, __local CT *restrict strip, const long planes, const int channels,
                                const int multiplier, const int4 in, const int4 out, const int4 stride, const int4 dilate,
                                const int4 pad, const int4 insert, const int rows, const int cols, const int pitch) {
  /* planes and channels are those of y */
  const int across = (out.z + cols - 1) / cols, down = (out.y + rows - 1) / rows, sources = FLIP ? multiplier : 1;
  const long size = (long)in.x * in.y * in.z, blocks = planes * out.x * down * across, items = get_global_size(0);
  const int full = (rows - 1) * stride.y + (KH - 1) * dilate.y + 1;
  const long me = get_global_id(0), each = KD * full * pitch;
  for (long block = blocks * me / items; block < blocks * (me + 1) / items; block++) {
    const int w0 = block % across * cols, h0 = block / across % down * rows, od = block / across / down % out.x;
    const long plane = block / across / down / out.x;
    const int nrows = min(rows, out.y - h0), ncols = min(cols, out.z - w0), channel = plane % channels;
    const int high = (nrows - 1) * stride.y + (KH - 1) * dilate.y + 1, wide = (ncols - 1) * SW + (KW - 1) * dilate.z + 1;
    for (int s = 0; s < sources; s++)
      fill_strip(x + (FLIP ? plane * multiplier + s : plane / multiplier) * size, in, insert, od * stride.x - pad.x,
                 h0 * stride.y - pad.y, w0 * SW - pad.z, dilate.x, high, wide, pitch, strip + s * each);
    const aligned_vec start = (aligned_vec)(BIAS ? LOAD(bias, channel) : (CT)0);
    aligned_vec weight[TAPS];
    for (int t = 0; t < TAPS; t++) weight[t] = (aligned_vec)(LOAD(w, (long)channel * sources * TAPS + (FLIP ? TAPS - 1 - t : t)));
    for (int oh = 0; oh < nrows; oh++) {
      __global T *to = y + ((plane * out.x + od) * out.y + h0 + oh) * out.z + w0;
      /* a whole vector may be stored where what it overlaps is stored afterwards: the next rows of this block */
      const long behind = ncols == out.z ? (long)(nrows - oh) * out.z : ncols;
      for (int ow = 0; ow < ncols; ow += VW) {
        aligned_vec acc = start;
        const __local CT *from = strip + oh * stride.y * pitch + ow * SW;
        EACH_TAP acc = acc + weight[TAP] * pixels_at(from + TAP_AT);
#if FLIP
        for (int s = 1; s < sources; s++) {
          const __global T *more = w + ((long)channel * multiplier + s) * TAPS;
          from += each;
          EACH_TAP acc = acc + (aligned_vec)(LOAD(more, TAPS - 1 - TAP)) * pixels_at(from + TAP_AT);
        }
#endif
#if SAME
        if (REQ == 1 ? ow + VW <= behind : ow + VW <= ncols) {
          if (REQ == 2) acc = acc + *(__global vec *)(to + ow);
          *(__global vec *)(to + ow) = acc;
          continue;
        }
#endif
        CT lane[VW];
        *(aligned_vec *)lane = acc;
        SHORT_LOOP for (int i = 0; i < VW && ow + i < ncols; i++) STORE(to, ow + i, lane[i]);
      }
    }
  }
}

__kernel void depthwise_weight(const __global T *restrict x, const __global T *restrict dy, __global T *restrict dw,
                               __local CT *restrict strip, const int images, const int channels, const int multiplier, const int4 in,
                               const int4 out, const int4 stride, const int4 dilate, const int4 pad, const int rows, const int cols,
                               const int pitch) {
  const int items = get_global_size(0), me = get_global_id(0);
  const long size = (long)in.x * in.y * in.z, pixels = (long)out.x * out.y * out.z;
  for (int channel = (long)channels * me / items; channel < (long)channels * (me + 1) / items; channel++) {
    aligned_vec acc[TAPS];
    for (int t = 0; t < TAPS; t++) acc[t] = (aligned_vec)((CT)0);
    for (int img = 0; img < images; img++)
      for (int od = 0; od < out.x; od++)
        for (int h0 = 0; h0 < out.y; h0 += rows)
          for (int w0 = 0; w0 < out.z; w0 += cols) {
            const int nrows = min(rows, out.y - h0), ncols = min(cols, out.z - w0);
            const int high = (nrows - 1) * stride.y + (KH - 1) * dilate.y + 1;
            const lane_mask tail = lanes_below(ncols % VW); /* of the last vector of a row */
            /* vectors read behind the last pixel, where the strip must be finite: it is multiplied by zeros */
            fill_strip(x + ((long)img * (channels / multiplier) + channel / multiplier) * size, in, (int4)(1), od * stride.x - pad.x,
                       h0 * stride.y - pad.y, w0 * SW - pad.z, dilate.x, high, pitch, pitch, strip);
            for (int oh = 0; oh < nrows; oh++) {
              const __local CT *from;
              const __global T *grad = dy + ((long)img * channels + channel) * pixels + ((long)od * out.y + h0 + oh) * out.z + w0;
              for (int ow = 0; ow < ncols; ow += VW) {
                aligned_vec g;
#if SAME
                if (ow + VW <= ncols)
                  g = *(const __global vec *)(grad + ow);
                else if (grad + ow + VW <= dy + images * channels * pixels)
                  g = masked(*(const __global vec *)(grad + ow), tail);
                else
#endif
                {
                  CT lane[VW];
                  *(aligned_vec *)lane = (aligned_vec)((CT)0);
                  SHORT_LOOP for (int i = 0; i < ncols - ow && i < VW; i++) lane[i] = LOAD(grad, ow + i);
                  g = *(aligned_vec *)lane;
                }
                from = strip + oh * stride.y * pitch + ow * SW;
                EACH_TAP acc[TAP] = acc[TAP] + g * pixels_at(from + TAP_AT);
              }
            }
          }
    for (int t = 0; t < TAPS; t++) {
      CT lane[VW], sum = (CT)0;
      *(aligned_vec *)lane = acc[t];
      for (int i = 0; i < VW; i++) sum += lane[i];
      STORE(dw, (long)channel * TAPS + t, sum);
    }
  }
}
