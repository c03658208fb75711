/* Bilinear resizing: x planes of h x w, y of H x W. Output pixel I reads at I * scale, or where the corners are not aligned at
 * (I + 0.5) * scale - 0.5, but at least 0: between pixel floor(at) and the one behind it, where there is one.
 *
 *   resize_bilinear           y = the four pixels, weighted
 *   resize_bilinear_backward  dx = the sum over output pixels that read a pixel of dy, with its weight there; in the order of those
 *
 * A work-item: stretches of rows (include/items.h). Defines: ALIGN. Tunable: MOST, elements of a stretch.
 */
#include "common.h"
#include "items.h"

#ifndef ALIGN
#define ALIGN 1
#endif
#ifndef MOST
#define MOST 1024
#endif
#define GEOMETRY const long rows, const int h, const int w, const int H, const int W, const float down, const float across

static inline float read_at(const int I, const float scale) {
  if (ALIGN) return I * scale;
  const float at = scale * (I + 0.5f) - 0.5f;
  return at < 0 ? 0 : at;
}

__kernel void resize_bilinear(const __global T *restrict x, __global T *restrict y, GEOMETRY) {
  FOR_STRETCHES(row, lo, hi, rows, W, MOST) {
    const float at = read_at(row % H, down);
    const int r = min((int)at, h - 1);
    const CT below = (CT)(at - r), above = (CT)1 - below;
    const __global T *first = x + (row / H * h + r) * w, *second = first + (r < h - 1 ? w : 0);
    for (long J = lo; J < hi; J++) {
      const float from = read_at(J, across);
      const int c = min((int)from, w - 1), next = c < w - 1 ? c + 1 : c;
      const CT right = (CT)(from - c), left = (CT)1 - right;
      const CT value = above * (left * LOAD(first, c) + right * LOAD(first, next)) + below * (left * LOAD(second, c) + right * LOAD(second, next));
      STORE(y, row * W + J, value);
    }
  }
}

/* Outputs [lo, hi) of `outs` may read pixel i of `extent`; the others do not. */
static inline int2 readers(const int i, const int extent, const int outs, const float scale) {
  if (scale == 0) return (int2)(0, outs);
  const float shift = ALIGN ? 0.0f : 0.5f;
  const float lo = (i - 1 + shift) / scale - shift - 1, hi = (i + 1 + shift) / scale - shift + 2;
  return (int2)(i == 0 || lo < 0 ? 0 : (int)lo, i == extent - 1 || hi > outs ? outs : (int)hi);
}

/* The weight of pixel i in output I. */
static inline CT weight_of(const int i, const int I, const int extent, const float scale) {
  const float at = read_at(I, scale);
  const int r = min((int)at, extent - 1), next = r < extent - 1 ? r + 1 : r;
  const CT behind = (CT)(at - r);
  return (r == i ? (CT)1 - behind : (CT)0) + (next == i ? behind : (CT)0);
}

__kernel void resize_bilinear_backward(const __global T *restrict dy, __global T *restrict dx, GEOMETRY) {
  FOR_STRETCHES(row, lo, hi, rows, w, MOST) {
    const int r = row % h;
    const int2 high = readers(r, h, H, down);
    const __global T *plane = dy + row / h * H * W;
    for (long c = lo; c < hi; c++) {
      const int2 wide = readers(c, w, W, across);
      CT sum = (CT)0;
      for (int I = high.s0; I < high.s1; I++) {
        const CT outer = weight_of(r, I, h, down);
        if (outer == (CT)0) continue;
        CT part = (CT)0;
        for (int J = wide.s0; J < wide.s1; J++) part += weight_of(c, J, w, across) * LOAD(plane, (long)I * W + J);
        sum += outer * part;
      }
      STORE(dx, row * w + c, sum);
    }
  }
}
