/* The column matrix of an image, and back: x [N][C][D][H][W], columns [N][C][kd][kh][kw][OD][OH][OW], extents as int4 (d, h, w, unused).
 *
 *   im2col  columns = the pixel that a tap of an output pixel reads, zero outside the image
 *   col2im  x = sum over taps of what they carry back (+ bias, a value a channel), always in the order of the taps
 *
 *           With OUTER the columns are not in memory: they are a weight [C][kd][kh][kw] times pixels [N][C][OD][OH][OW].
 *
 * A work-item: stretches of rows (include/items.h). The pixels of a row of x that are equal modulo the stride see the same taps, so that
 * each tap is a loop over neighbours; their sums lie in a private array.
 *
 * Tunable: MOST, elements of a stretch.
 */
#include "common.h"
#include "items.h"

#ifndef BIAS
#define BIAS 0
#endif
#ifndef OUTER
#define OUTER 0
#endif
#ifndef MOST
#define MOST 512
#endif
#define GEOMETRY \
  const long rows, const int4 in, const int4 out, const int4 window, const int4 stride, const int4 dilate, const int4 pad

__kernel void im2col(const __global T *restrict x, __global T *restrict columns, GEOMETRY) {
  FOR_STRETCHES(row, lo, hi, rows, out.z, MOST) {
    const int oh = row % out.y, od = row / out.y % out.x;
    const long r = row / out.y / out.x, plane = r / window.z / window.y / window.x;
    const int kw = r % window.z, kh = r / window.z % window.y, kd = r / window.z / window.y % window.x;
    const int d = od * stride.x - pad.x + kd * dilate.x, h = oh * stride.y - pad.y + kh * dilate.y, shift = kw * dilate.z - pad.z;
    const int inside = d >= 0 && d < in.x && h >= 0 && h < in.y;
    /* columns first .. last - 1 read inside the row */
    const long first = shift < 0 ? (stride.z - 1 - shift) / stride.z : 0, last = shift < in.z ? (in.z - 1 - shift) / stride.z + 1 : 0;
    const long a = inside ? min(max(first, lo), hi) : hi, b = inside ? min(max(last, a), hi) : hi;
    const long from = ((plane * in.x + d) * in.y + h) * in.z + shift, to = row * out.z;
    for (long i = lo; i < a; i++) STORE(columns, to + i, (CT)0);
    for (long i = a; i < b; i++) STORE(columns, to + i, LOAD(x, from + i * stride.z));
    for (long i = b; i < hi; i++) STORE(columns, to + i, (CT)0);
  }
}

__kernel void col2im(const __global T *restrict columns, __global T *restrict x, const __global T *restrict bias,
                     const __global T *restrict weight, const int channels, GEOMETRY) {
  FOR_STRETCHES(row, lo, hi, rows, in.z, MOST) {
    const int ih = row % in.y, id = row / in.y % in.x;
    const long plane = row / in.y / in.x, pixels = (long)out.x * out.y * out.z;
    const int taps = window.x * window.y * window.z;
    const __global T *of_plane = columns + plane * (OUTER ? 1 : taps) * pixels, *filter = weight + plane % channels * taps;
    const CT start = BIAS ? LOAD(bias, plane % channels) : (CT)0;
    CT all[STRETCH(MOST + 64)], *sum = all;
    const int most = (hi - lo + stride.z - 1) / stride.z;
    for (long i0 = lo; i0 < hi && i0 < lo + stride.z; i0++) {
      const int count = (hi - i0 + stride.z - 1) / stride.z;
      for (int j = 0; j < count; j++) sum[j] = start;
      for (int kd = 0; kd < window.x; kd++) {
        const int td = id + pad.x - kd * dilate.x, od = td / stride.x;
        if (td < 0 || od * stride.x != td || od >= out.x) continue;
        for (int kh = 0; kh < window.y; kh++) {
          const int th = ih + pad.y - kh * dilate.y, oh = th / stride.y;
          if (th < 0 || oh * stride.y != th || oh >= out.y) continue;
          for (int kw = 0; kw < window.z; kw++) {
            const long tw = i0 + pad.z - (long)kw * dilate.z, ow = tw / stride.z; /* of the first of the pixels; may lie before the row */
            if (ow * stride.z != tw) continue;
            const int tap = (kd * window.y + kh) * window.z + kw;
            const __global T *from = of_plane + (OUTER ? 0 : tap * pixels) + ((long)od * out.y + oh) * out.z;
            const CT factor = OUTER ? LOAD(filter, tap) : (CT)1;
            const int a = ow < 0 ? (int)min(-ow, (long)count) : 0, b = (int)min((long)count, out.z - ow);
            for (int j = a; j < b; j++) sum[j] += OUTER ? factor * LOAD(from, ow + j) : LOAD(from, ow + j);
          }
        }
      }
      if (stride.z != 2)
        for (int j = 0; j < count; j++) STORE(x, row * in.z + i0 + (long)j * stride.z, sum[j]);
      else
        sum += most; /* both phases are stored at once, in whole vectors */
    }
    if (stride.z == 2) {
      __global T *to = x + row * in.z + lo;
      const int pairs = (hi - lo) / 2;
      for (int j = 0; j < pairs; j++) {
        const CT even = all[j], odd = all[most + j];
        STORE(to, 2 * j, even);
        STORE(to, 2 * j + 1, odd);
      }
      if (2 * pairs < hi - lo) STORE(to, 2 * pairs, all[pairs]);
    }
  }
}
