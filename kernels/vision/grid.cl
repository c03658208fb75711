/* Grids that samplers read at: coordinates from -1 (the middle of the first pixel) to 1 (that of the last), x before y.
 *
 *   affine_grid          y[n, r, i, j] (req)= theta[n, 3 r] x_j + theta[n, 3 r + 1] y_i + theta[n, 3 r + 2]
 *   target_grid          y[0, i, j] = x_j, y[1, i, j] = y_i, y[2, i, j] = 1
 *   warp_grid            y[n, r, i, j] (req)= (flow[n, r, i, j] + (r ? i : j)) / ((extent - 1) / 2) - 1
 *   warp_grid_backward   d (req)= g / ((extent - 1) / 2)
 *
 * exact: coordinates rounded once, (2 j - (W - 1)) / (W - 1); else -1 + j step, each operation rounded. A sampler cuts at whole pixels, so
 * that the last bit of a coordinate decides between two slopes: these are the roundings of MXNet. A work-item computes its share of FOR_EACH.
 */
#include "common.h"

static inline CT coordinate(const int i, const int extent, const CT step, const int exact) {
#pragma OPENCL FP_CONTRACT OFF
  if (exact) return (CT)(2 * i - (extent - 1)) / (CT)(extent - 1);
  const CT along = (CT)i * step;
  return (CT)-1 + along;
}

static inline CT times(const CT a, const CT b) {
#pragma OPENCL FP_CONTRACT OFF
  return a * b;
}

kernel void affine_grid(const global T *theta, global T *y, const long n, const int H, const int W, const CT step_y, const CT step_x,
                        const int exact) {
  const long area = (long)H * W;
  FOR_EACH(i, 2 * n * area) {
    const long row = i / area, at = i % area;
    const CT a = LOAD(theta, row * 3), b = LOAD(theta, row * 3 + 1), c = LOAD(theta, row * 3 + 2);
    const CT along = times(a, coordinate((int)(at % W), W, step_x, exact));
    const CT across = b * coordinate((int)(at / W), H, step_y, exact) + along; /* one rounding where the device contracts it, as in MXNet */
    const CT v = across + c;
    STORE(y, i, v);
  }
}

kernel void target_grid(global T *y, const int H, const int W, const CT step_y, const CT step_x, const int exact) {
  const long area = (long)H * W;
  FOR_EACH(i, 3 * area) {
    const long at = i % area;
    const CT v = i < area       ? coordinate((int)(at % W), W, step_x, exact)
                 : i < 2 * area ? coordinate((int)(at / W), H, step_y, exact)
                                : (CT)1;
    STORE_AS(1, T, y, i, v);
  }
}

static inline CT moved(const CT flow, const int at, const int extent) {
#pragma OPENCL FP_CONTRACT OFF
  const CT there = (flow + (CT)at) / ((CT)(extent - 1) / 2);
  return there - (CT)1;
}

kernel void warp_grid(const global T *flow, global T *y, const long n, const int H, const int W) {
  const long area = (long)H * W;
  FOR_EACH(i, 2 * n * area) {
    const long at = i % area;
    const CT f = LOAD(flow, i);
    STORE(y, i, i / area % 2 ? moved(f, (int)(at / W), H) : moved(f, (int)(at % W), W));
  }
}

kernel void warp_grid_backward(const global T *g, global T *d, const long n, const int H, const int W) {
  const long area = (long)H * W;
  FOR_EACH(i, 2 * n * area) {
    const CT v = LOAD(g, i) / ((CT)((i / area % 2 ? H : W) - 1) / 2);
    STORE(d, i, v);
  }
}
