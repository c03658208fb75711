/* Bilinear sampling of images (N, C, H, W) at the points of a grid (N, 2, h, w), x before y, in coordinates from -1 to 1.
 *
 *   sample                 y[n, c, p] (req)= the image at point p, zero outside; NaN where a coordinate is no finite number
 *   sample_grid_backward   dgrid[n, 0..1, p] (req)= sum over c of g[n, c, p] times the slopes along x and y
 *   sample_keys            key[n P + p] = the cell of pixels, (H + 1) x (W + 1) an image, that the point lies in, or the key after the last;
 *                          part[2 (n P + p)] = how far below and right of the cell's first pixel
 *   sample_data_backward   d[n, c, q] (req)= sum over the points of the four cells around pixel q, in the order of `order`, of
 *                          g[n, c, p] times the pixel's weight
 *
 * sample and sample_grid_backward share out stretches of points (FOR_STRETCHES), all channels of one at once, so that a point's place is
 * computed once; the others their FOR_EACH. A sum takes its terms in the same order in every run.
 */
#include "common.h"
#include "bilinear.h"
#include "items.h"

#define TILE 64
#define CHANNELS BATCH(8, 1) /* of a pixel whose gradients a work-item collects together */

static inline CT place(const CT v, const int extent) {
#pragma OPENCL FP_CONTRACT OFF
  const CT above = v + (CT)1;
  return above * (CT)(extent - 1) / 2;
}

kernel void sample(const global T *data, const global T *grid, global T *y, const int N, const int C, const int H, const int W, const long P) {
  int yl[STRETCH(TILE)], xl[STRETCH(TILE)];
  CT fy[STRETCH(TILE)], fx[STRETCH(TILE)], rest[STRETCH(TILE)];
  FOR_STRETCHES(n, lo, hi, (long)N, P, TILE) {
    const int count = (int)(hi - lo);
    for (int j = 0; j < count; j++) {
      const CT gx = LOAD(grid, 2 * n * P + lo + j), gy = LOAD(grid, (2 * n + 1) * P + lo + j);
      const int in_y = cell(place(gy, H), H, yl + j, fy + j), in_x = cell(place(gx, W), W, xl + j, fx + j);
      rest[j] = (gx - gx) + (gy - gy); /* 0, or not a number */
      if (!in_y || !in_x) yl[j] = -2;
    }
    for (int c = 0; c < C; c++) {
      const global T *image = data + (n * C + c) * H * W;
      for (int j = 0; j < count; j++) {
        CT v = rest[j];
        if (yl[j] > -2) {
          const CT a = pixel(image, yl[j], xl[j], H, W), b = pixel(image, yl[j], xl[j] + 1, H, W);
          const CT d = pixel(image, yl[j] + 1, xl[j], H, W), e = pixel(image, yl[j] + 1, xl[j] + 1, H, W);
          v = (a * (1 - fx[j]) + b * fx[j]) * (1 - fy[j]) + (d * (1 - fx[j]) + e * fx[j]) * fy[j];
        }
        STORE(y, (n * C + c) * P + lo + j, v);
      }
    }
  }
}

kernel void sample_grid_backward(const global T *g, const global T *data, const global T *grid, global T *dgrid, const int N, const int C,
                                 const int H, const int W, const long P) {
  int yl[STRETCH(TILE)], xl[STRETCH(TILE)];
  CT fy[STRETCH(TILE)], fx[STRETCH(TILE)], sy[STRETCH(TILE)], sx[STRETCH(TILE)];
  FOR_STRETCHES(n, lo, hi, (long)N, P, TILE) {
    const int count = (int)(hi - lo);
    for (int j = 0; j < count; j++) {
      const CT gx = LOAD(grid, 2 * n * P + lo + j), gy = LOAD(grid, (2 * n + 1) * P + lo + j);
      const int in_y = cell(place(gy, H), H, yl + j, fy + j), in_x = cell(place(gx, W), W, xl + j, fx + j);
      if (!in_y || !in_x) yl[j] = -2;
      sy[j] = sx[j] = 0;
    }
    for (int c = 0; c < C; c++) {
      const global T *image = data + (n * C + c) * H * W;
      for (int j = 0; j < count; j++) {
        if (yl[j] == -2) continue;
        const CT v = LOAD(g, (n * C + c) * P + lo + j);
        const CT a = pixel(image, yl[j], xl[j], H, W), b = pixel(image, yl[j], xl[j] + 1, H, W);
        const CT d = pixel(image, yl[j] + 1, xl[j], H, W), e = pixel(image, yl[j] + 1, xl[j] + 1, H, W);
        sx[j] += v * ((b - a) * (1 - fy[j]) + (e - d) * fy[j]);
        sy[j] += v * ((d - a) * (1 - fx[j]) + (e - b) * fx[j]);
      }
    }
    for (int j = 0; j < count; j++) {
      const CT dx = sx[j] * (CT)(W - 1) / 2, dy = sy[j] * (CT)(H - 1) / 2;
      STORE(dgrid, 2 * n * P + lo + j, dx);
      STORE(dgrid, (2 * n + 1) * P + lo + j, dy);
    }
  }
}

kernel void sample_keys(const global T *grid, global int *keys, global CT *part, const int N, const int H, const int W, const long P) {
  FOR_EACH(i, N * P) {
    const long n = i / P, p = i % P;
    int yl, xl;
    CT fy, fx;
    const int in_y = cell(place(LOAD(grid, (2 * n + 1) * P + p), H), H, &yl, &fy);
    const int in_x = cell(place(LOAD(grid, 2 * n * P + p), W), W, &xl, &fx);
    const long found = (n * (H + 1) + yl + 1) * (W + 1) + xl + 1, none = (long)N * (H + 1) * (W + 1);
    keys[i] = (int)(in_y && in_x ? found : none);
    part[2 * i] = fy;
    part[2 * i + 1] = fx;
  }
}

kernel void sample_data_backward(const global T *g, const global int *order, const global int *start, const global CT *part, global T *d,
                                 const int N, const int C, const int H, const int W, const long P) {
  const long blocks = (C + CHANNELS - 1) / CHANNELS;
  FOR_EACH(i, N * blocks * H * W) {
    const int x = (int)(i % W), y = (int)(i / W % H), c = (int)(i / W / H % blocks) * CHANNELS;
    const int count = C - c < CHANNELS ? C - c : CHANNELS;
    const long n = i / W / H / blocks, plane = n * C + c;
    const global T *head = g + plane * P - n * P;
    CT sum[CHANNELS];
    for (int q = 0; q < CHANNELS; q++) sum[q] = 0;
    for (int corner = 0; corner < 4; corner++) {
      const int below = corner / 2, right = corner % 2; /* the pixel within the cell */
      const long k = (n * (H + 1) + y + 1 - below) * (W + 1) + x + 1 - right;
      for (int s = start[k]; s < start[k + 1]; s++) {
        const long p = order[s];
        const CT fy = part[2 * p], fx = part[2 * p + 1], w = (below ? fy : 1 - fy) * (right ? fx : 1 - fx);
        for (int q = 0; q < count; q++) sum[q] += LOAD(head, q * P + p) * w;
      }
    }
    for (int q = 0; q < count; q++) STORE(d, (plane + q) * H * W + (long)y * W + x, sum[q]);
  }
}
