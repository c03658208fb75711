/* Mean of bilinear samples over the bins of regions of interest, and its gradient.
 *
 *   roi_align            y[r, c, i, j] (req)= mean over the samples of bin (i, j) of box r; a sample more than a pixel outside of the image is 0
 *   roi_align_rows       the same from images with the channels last, (N, H, W, C): a row of bins of up to CHANNELS channels at once
 *   roi_align_backward   d[n, c, y, x] (req)= sum of g[r, c, i, j] times the pixel's weight, in order of r, i, j and of the samples
 *   rotated_roi_align    the same mean over boxes (image, x, y, width, height, degrees) that are turned around their middle
 *
 * data, d: (N, C, H, W); rois: R x 5 or 6; y, g: (R, planes, PH, PW). SENSITIVE: bin (i, j) of plane c reads channel (c PH + i) PW + j.
 * A box of an image that does not exist, or with a number that is not finite, has no samples. A work-item computes its share of FOR_EACH,
 * of rows of bins (FOR_ITEMS), or stretches of planes of d (FOR_STRETCHES).
 */
#include "common.h"
#include "bilinear.h"
#include "items.h"
#include "roi.h"
#include "roi_align.h"

#ifndef SENSITIVE
#define SENSITIVE 0
#endif
#define PLANE 4096
#define CHANNELS 64

static inline CT between(const global T *plane, const int H, const int W, const int yl, const CT fy, const int xl, const CT fx) {
  const int down = fy > 0 ? W : 0, right = fx > 0;
  const global T *p = plane + (long)yl * W + xl;
  const CT top = LOAD(p, 0) * ((1 - fy) * (1 - fx)) + LOAD(p, right) * ((1 - fy) * fx);
  return top + LOAD(p, down) * (fy * (1 - fx)) + LOAD(p, down + right) * (fy * fx);
}

kernel void roi_align(const global T *data, const global T *rois, global T *y, const int N, const int C, const int H, const int W, const long R,
                      const int PH, const int PW, const CT scale, const int ratio, const int aligned, const int planes) {
  FOR_EACH(i, R * planes * PH * PW) {
    const int pw = (int)(i % PW), ph = (int)(i / PW % PH), plane = (int)(i / PW / PH % planes);
    const long r = i / PW / PH / planes;
    const int c = SENSITIVE ? (plane * PH + ph) * PW + pw : plane;
    extent_t ey, ex;
    const int n = aligned_box(rois + 5 * r, scale, aligned, ratio, N, PH, PW, &ey, &ex);
    CT sum = 0;
    if (n >= 0) {
      const global T *image = data + ((long)n * C + c) * H * W;
      const CT y0 = bin_at(ey.start, ph, ey.bin), x0 = bin_at(ex.start, pw, ex.bin);
      long iy, y_end, x_begin, x_end;
      sample_range(y0, ey, H, &iy, &y_end);
      sample_range(x0, ex, W, &x_begin, &x_end);
      for (; iy < y_end; iy++) {
        int yl, xl;
        CT fy, fx;
        if (!clamped(sample_at(y0, iy, ey.bin, ey.grid), H, &yl, &fy)) continue;
        for (long ix = x_begin; ix < x_end; ix++)
          if (clamped(sample_at(x0, ix, ex.bin, ex.grid), W, &xl, &fx)) sum += between(image, H, W, yl, fy, xl, fx);
      }
      sum /= (CT)ey.grid * (CT)ex.grid;
    }
    STORE(y, i, sum);
  }
}

/* sums += the four pixels' channels by their weights; `count` a constant where all of a block is there */
static inline void add_pixels(CT *sums, const global T *a, const global T *b, const global T *d, const global T *e, const CT wa, const CT wb,
                              const CT wd, const CT we, const int count) {
  MAP_LOOP
  for (int k = 0; k < count; k++) sums[k] += LOAD(a, k) * wa + LOAD(b, k) * wb + LOAD(d, k) * wd + LOAD(e, k) * we;
}

kernel void roi_align_rows(const global T *data, const global T *rois, global T *y, const int N, const int C, const int H, const int W,
                           const long R, const int PH, const int PW, const CT scale, const int ratio, const int aligned) {
  CT sums[CHANNELS];
  const long blocks = (C + CHANNELS - 1) / CHANNELS;
  FOR_ITEMS(i, R * blocks * PH) {
    const int ph = (int)(i % PH), c = (int)(i / PH % blocks) * CHANNELS, count = C - c < CHANNELS ? C - c : CHANNELS;
    const long r = i / PH / blocks;
    extent_t ey, ex;
    const int n = aligned_box(rois + 5 * r, scale, aligned, ratio, N, PH, PW, &ey, &ex);
    const global T *image = data + (long)(n < 0 ? 0 : n) * H * W * C + c;
    global T *out = y + ((r * C + c) * PH + ph) * PW;
    const CT y0 = n < 0 ? 0 : bin_at(ey.start, ph, ey.bin), share = n < 0 ? 1 : (CT)ey.grid * (CT)ex.grid;
    long y_begin = 0, y_end = 0;
    if (n >= 0) sample_range(y0, ey, H, &y_begin, &y_end);
    for (int pw = 0; pw < PW; pw++) {
      for (int k = 0; k < CHANNELS; k++) sums[k] = 0;
      long x_begin = 0, x_end = 0;
      const CT x0 = n < 0 ? 0 : bin_at(ex.start, pw, ex.bin);
      if (n >= 0) sample_range(x0, ex, W, &x_begin, &x_end);
      for (long iy = y_begin; iy < y_end; iy++) {
        int yl, xl;
        CT fy, fx;
        if (!clamped(sample_at(y0, iy, ey.bin, ey.grid), H, &yl, &fy)) continue;
        const long down = fy > 0 ? (long)W * C : 0;
        for (long ix = x_begin; ix < x_end; ix++) {
          if (!clamped(sample_at(x0, ix, ex.bin, ex.grid), W, &xl, &fx)) continue;
          const long right = fx > 0 ? C : 0;
          const global T *p = image + ((long)yl * W + xl) * C;
          const CT wa = (1 - fy) * (1 - fx), wb = (1 - fy) * fx, wd = fy * (1 - fx), we = fy * fx;
          if (count == CHANNELS)
            add_pixels(sums, p, p + right, p + down, p + down + right, wa, wb, wd, we, CHANNELS);
          else
            add_pixels(sums, p, p + right, p + down, p + down + right, wa, wb, wd, we, count);
        }
      }
      for (int k = 0; k < count; k++) {
        const CT v = sums[k] / share;
        STORE(out, (long)k * PH * PW + pw, v);
      }
    }
  }
}

kernel void roi_align_backward(const global T *g, const global T *rois, global T *d, const int N, const int C, const int H, const int W,
                               const long R, const int PH, const int PW, const CT scale, const int ratio, const int aligned, const int planes) {
  CT sum[STRETCH(PLANE)];
  FOR_STRETCHES(row, lo, hi, (long)N * C, (long)H * W, PLANE) {
    const int c = (int)(row % C), mine = (int)(row / C), count = (int)(hi - lo);
    const int plane = SENSITIVE ? c / (PH * PW) : c, only_y = c / PW % PH, only_x = c % PW;
    const int y_first = (int)(lo / W), y_last = (int)((hi - 1) / W);
    /* samples elsewhere do not reach these rows, whatever the rounding */
    const CT above = (CT)y_first - (CT)1.25, below = (CT)y_last + (CT)1.25;
    for (int j = 0; j < count; j++) sum[j] = 0;
    for (long r = 0; r < R; r++) {
      extent_t ey, ex;
      if (aligned_box(rois + 5 * r, scale, aligned, ratio, N, PH, PW, &ey, &ex) != mine) continue;
      if (ey.start > below || ey.start + ey.bin * PH < above) continue;
      const CT share = (CT)ey.grid * (CT)ex.grid;
      for (int ph = 0; ph < PH; ph++) {
        if (SENSITIVE && ph != only_y) continue;
        const CT y0 = bin_at(ey.start, ph, ey.bin);
        if (y0 > below || y0 + ey.bin < above) continue;
        long iy, y_end;
        sample_range(y0, ey, H, &iy, &y_end);
        for (; iy < y_end; iy++) {
          int yl;
          CT fy;
          if (!clamped(sample_at(y0, iy, ey.bin, ey.grid), H, &yl, &fy) || yl > y_last || yl + 1 < y_first) continue;
          const long here = (long)yl * W - lo;
          for (int pw = 0; pw < PW; pw++) {
            if (SENSITIVE && pw != only_x) continue;
            const CT x0 = bin_at(ex.start, pw, ex.bin);
            const CT head = LOAD(g, ((r * planes + plane) * PH + ph) * PW + pw) / share;
            const CT top = head * (1 - fy), bottom = head * fy;
            long ix, x_end;
            sample_range(x0, ex, W, &ix, &x_end);
            for (; ix < x_end; ix++) {
              int xl;
              CT fx;
              if (!clamped(sample_at(x0, ix, ex.bin, ex.grid), W, &xl, &fx)) continue;
              const long at = here + xl, right = at + (fx > 0), down = fy > 0 ? W : 0; /* where nothing is added, within the plane */
              if (at >= 0 && at < count) sum[at] += top * (1 - fx);
              if (right >= 0 && right < count) sum[right] += top * fx;
              if (at + down >= 0 && at + down < count) sum[at + down] += bottom * (1 - fx);
              if (right + down >= 0 && right + down < count) sum[right + down] += bottom * fx;
            }
          }
        }
      }
    }
    for (int j = 0; j < count; j++) STORE(d, row * H * W + lo + j, sum[j]);
  }
}

kernel void rotated_roi_align(const global T *data, const global T *rois, global T *y, const int N, const int C, const int H, const int W,
                              const long R, const int PH, const int PW, const CT scale, const int ratio,
                              const CT radian) {
  FOR_EACH(i, R * C * PH * PW) {
    const int pw = (int)(i % PW), ph = (int)(i / PW % PH), c = (int)(i / PW / PH % C);
    const global T *roi = rois + i / PW / PH / C * 6;
    const int n = finite_numbers(roi, 6) ? image_of(LOAD(roi, 0), N) : -1;
    const CT cx = LOAD(roi, 1) * scale, cy = LOAD(roi, 2) * scale, angle = LOAD(roi, 5) * radian;
    extent_t ey, ex;
    const int in_x = one_extent(0, LOAD(roi, 3), scale, 0, 0, PW, ratio, &ex), in_y = one_extent(0, LOAD(roi, 4), scale, 0, 0, PH, ratio, &ey);
    CT sum = 0;
    if (n >= 0 && in_x && in_y) {
      const global T *image = data + ((long)n * C + c) * H * W;
      const CT cosine = cos(angle), sine = sin(angle);
      const CT y0 = bin_at(ey.bin * PH / -2, ph, ey.bin), x0 = bin_at(ex.bin * PW / -2, pw, ex.bin);
      /* the image lies in a circle around its middle, which is (mx, my) along the sides of the box */
      const CT dx = (CT)W / 2 - cx, dy = (CT)H / 2 - cy, radius = (CT)(H + W) / 2 + 4;
      const CT mx = dx * cosine - dy * sine, my = dx * sine + dy * cosine;
      long iy, y_end, x_begin, x_end;
      sample_range(y0 - my + radius, ey, H + W + 8, &iy, &y_end);
      sample_range(x0 - mx + radius, ex, H + W + 8, &x_begin, &x_end);
      for (; iy < y_end; iy++)
        for (long ix = x_begin; ix < x_end; ix++) {
          const CT v = sample_at(y0, iy, ey.bin, ey.grid), u = sample_at(x0, ix, ex.bin, ex.grid);
          int yl, xl;
          CT fy, fx;
          if (clamped(v * cosine - u * sine + cy, H, &yl, &fy) && clamped(u * cosine + v * sine + cx, W, &xl, &fx))
            sum += between(image, H, W, yl, fy, xl, fx);
        }
      sum /= (CT)ey.grid * (CT)ex.grid;
    }
    STORE(y, i, sum);
  }
}
