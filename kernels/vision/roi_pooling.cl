/* Maximum over the bins of regions of interest, and its gradient.
 *
 *   roi_pooling            y[r, c, i, j] (req)= the largest pixel of bin (i, j) of box r in channel c of its image, 0 for an empty bin;
 *                          arg[r, c, i, j] = its place within the plane, -1 for none (KEEP: whether it is stored)
 *   roi_pooling_backward   d[n, c, y, x] (req)= sum of g[r, c, i, j], in order of r, i, j, over the bins whose place is (y, x)
 *
 * data, d: (N, C, H, W); rois: R x (image, x1, y1, x2, y2); y, g, arg: (R, C, PH, PW). A box outside of all images, of an image that does not
 * exist, or with a number that is not finite has empty bins. A work-item computes its share of FOR_EACH, or stretches of planes of d
 * (FOR_STRETCHES).
 */
#include "common.h"
#include "items.h"
#include "roi.h"

#ifndef KEEP
#define KEEP 0
#endif
#define PLANE 4096

/* The box in whole pixels: its image, the first row or column, and the extent of a bin; whether there is any. */
static inline int box_of(const global T *roi, const CT scale, const int N, const int PH, const int PW, int *y1, int *x1, CT *bin_y, CT *bin_x) {
  const int n = finite_numbers(roi, 5) ? image_of(LOAD(roi, 0), N) : -1;
  if (n < 0) return -1;
  *x1 = rounded(LOAD(roi, 1) * scale);
  *y1 = rounded(LOAD(roi, 2) * scale);
  const int w = rounded(LOAD(roi, 3) * scale) - *x1 + 1, h = rounded(LOAD(roi, 4) * scale) - *y1 + 1;
  *bin_x = (CT)(w > 1 ? w : 1) / (CT)PW;
  *bin_y = (CT)(h > 1 ? h : 1) / (CT)PH;
  return n;
}

kernel void roi_pooling(const global T *data, const global T *rois, global T *y, global int *arg, const int N, const int C, const int H,
                        const int W, const long R, const int PH, const int PW, const CT scale, const CT lowest) {
  FOR_EACH(i, R * C * PH * PW) {
    const int pw = (int)(i % PW), ph = (int)(i / PW % PH), c = (int)(i / PW / PH % C);
    const long r = i / PW / PH / C;
    int y1, x1, top = 0, bottom = 0, left = 0, right = 0;
    CT bin_y, bin_x;
    const int n = box_of(rois + 5 * r, scale, N, PH, PW, &y1, &x1, &bin_y, &bin_x);
    if (n >= 0) {
      bin_range(ph, bin_y, y1, H, &top, &bottom);
      bin_range(pw, bin_x, x1, W, &left, &right);
    }
    CT best = top < bottom && left < right ? lowest : (CT)0;
    int at = -1;
    const global T *plane = data + ((long)(n < 0 ? 0 : n) * C + c) * H * W;
    for (int v = top; v < bottom; v++)
      for (int u = left; u < right; u++) {
        const CT value = LOAD(plane, (long)v * W + u);
        if (value > best) {
          best = value;
          at = v * W + u;
        }
      }
    STORE(y, i, best);
#if KEEP
    arg[i] = at;
#endif
  }
}

kernel void roi_pooling_backward(const global T *g, const global T *rois, const global int *arg, global T *d, const int N, const int C,
                                 const int H, const int W, const long R, const int PH, const int PW, const CT scale) {
  CT sum[STRETCH(PLANE)];
  FOR_STRETCHES(plane, lo, hi, (long)N * C, (long)H * W, PLANE) {
    const int c = (int)(plane % C), mine = (int)(plane / C), count = (int)(hi - lo), first = (int)lo;
    const int y_first = (int)(lo / W), y_last = (int)((hi - 1) / W);
    for (int j = 0; j < count; j++) sum[j] = 0;
    for (long r = 0; r < R; r++) {
      const global T *roi = rois + 5 * r;
      const long bins = (r * C + c) * PH * PW;
      if (count == H * W) { /* the places alone say it: a box that counts for nothing has none */
        if (image_of(LOAD(roi, 0), N) != mine) continue;
        for (int b = 0; b < PH * PW; b++) {
          const int at = arg[bins + b];
          if (at >= 0 && at < count) sum[at] += LOAD(g, bins + b);
        }
        continue;
      }
      int y1, x1;
      CT bin_y, bin_x;
      if (box_of(roi, scale, N, PH, PW, &y1, &x1, &bin_y, &bin_x) != mine) continue;
      for (int ph = 0; ph < PH; ph++) {
        int top, bottom;
        bin_range(ph, bin_y, y1, H, &top, &bottom);
        if (y_last < top || y_first >= bottom) continue;
        for (int pw = 0; pw < PW; pw++) {
          const int at = arg[bins + ph * PW + pw] - first;
          if (at >= 0 && at < count) sum[at] += LOAD(g, bins + ph * PW + pw);
        }
      }
    }
    for (int j = 0; j < count; j++) STORE(d, plane * H * W + lo + j, sum[j]);
  }
}
