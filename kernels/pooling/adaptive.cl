/* Averages of the cells of a grid over each plane: x planes of h x w, y of H x W. Cell (I, J) covers rows I h / H, rounded down, up to
 * (I + 1) h / H, rounded up, and columns alike; neighbours overlap where the extents do not divide.
 *
 *   adaptive_average           y = average of the cell; a work-item: cells
 *   adaptive_average_backward  dx = sum over the cells that cover a pixel of dy / pixels of the cell; a work-item: stretches of rows
 *
 * Tunable: MOST, elements of a stretch.
 */
#include "common.h"
#include "items.h"

#ifndef MOST
#define MOST 1024
#endif
#define FROM(cell, extent, cells) ((int)((long)(cell) * (extent) / (cells)))
#define TO(cell, extent, cells) ((int)((((long)(cell) + 1) * (extent) + (cells)-1) / (cells)))

__kernel void adaptive_average(const __global T *restrict x, __global T *restrict y, const long cells, const int h, const int w, const int H,
                               const int W) {
  FOR_ITEMS(i, cells) {
    const int J = i % W, I = i / W % H, r0 = FROM(I, h, H), r1 = TO(I, h, H), c0 = FROM(J, w, W), c1 = TO(J, w, W);
    const long plane = i / W / H * h * w;
    CT sum = (CT)0;
    for (int r = r0; r < r1; r++) {
      const __global T *row = x + plane + (long)r * w;
      CT part = (CT)0;
      for (int c = c0; c < c1; c++) part += LOAD(row, c);
      sum += part;
    }
    const CT mean = sum / (CT)(r1 - r0) / (CT)(c1 - c0);
    STORE(y, i, mean);
  }
}

__kernel void adaptive_average_backward(const __global T *restrict dy, __global T *restrict dx, const long rows, const int h, const int w,
                                        const int H, const int W) {
  FOR_STRETCHES(row, lo, hi, rows, w, MOST) {
    const int r = row % h, I0 = FROM(r, H, h), I1 = TO(r, H, h); /* the cells that cover a row: the rule is its own reverse */
    const __global T *plane = dy + row / h * H * W;
    for (long c = lo; c < hi; c++) {
      const int J0 = FROM(c, W, w), J1 = TO(c, W, w);
      CT sum = (CT)0;
      for (int I = I0; I < I1; I++) {
        CT part = (CT)0;
        for (int J = J0; J < J1; J++) part += LOAD(plane, I * (long)W + J) / (CT)(TO(J, w, W) - FROM(J, w, W));
        sum += part / (CT)(TO(I, h, H) - FROM(I, h, H));
      }
      STORE(dx, row * w + c, sum);
    }
  }
}
