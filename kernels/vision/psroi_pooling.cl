/* Position-sensitive pooling of regions of interest: bin (i, j) of plane o reads channel (o G + a) G + b of G x G groups (a, b).
 *
 *   psroi_pooling             y[r, o, i, j] (req)= mean of the pixels of bin (i, j) of box r in its channel, 0 for an empty bin
 *   psroi_pooling_backward    d[n, c, y, x] (req)= sum of g[r, o, i, j] / pixels over the bins that hold the pixel
 *   deformed_pooling          y (req)= mean of S x S bilinear samples of each bin, moved by trans[r, class, 0..1, part] (x, then y) of the box's
 *                             width and height; samples more than half a pixel outside do not count
 *   deformed_data_backward    d[n, c, y, x] (req)= sum of g / samples times the pixel's weight
 *   deformed_trans_backward   dtrans[r, class, 0..1, part] (req)= sum of g / samples times the slopes along x and y
 *
 * data, d: (N, C, H, W); rois: R x (image, x1, y1, x2, y2); y, g: (R, O, P, P); trans: (R, 2 classes, PART, PART). A box of an image that does
 * not exist, or with a number that is not finite, has empty bins. A work-item computes its share of FOR_EACH, or stretches of planes of d
 * (FOR_STRETCHES). Sums take their terms in one order.
 */
#include "common.h"
#include "items.h"
#include "roi.h"

#define PLANE 4096

/* The box as real numbers: its image, where it begins and its extent, at least 0.1. */
static inline int box_of(const global T *roi, const CT scale, const CT shift, const int N, CT *y1, CT *x1, CT *h, CT *w) {
#pragma OPENCL FP_CONTRACT OFF
  const int n = finite_numbers(roi, 5) ? image_of(LOAD(roi, 0), N) : -1;
  if (n < 0) return -1;
  const CT left = (CT)rounded(LOAD(roi, 1)) * scale, right = ((CT)rounded(LOAD(roi, 3)) + 1) * scale;
  const CT top = (CT)rounded(LOAD(roi, 2)) * scale, bottom = ((CT)rounded(LOAD(roi, 4)) + 1) * scale;
  *x1 = left - shift;
  *y1 = top - shift;
  const CT width = (right - shift) - *x1, height = (bottom - shift) - *y1;
  *w = width > (CT)0.1 ? width : (CT)0.1;
  *h = height > (CT)0.1 ? height : (CT)0.1;
  return n;
}

/* which of `parts` equal parts bin i of P lies in */
static inline int part_of(const int i, const int P, const int parts) { return (int)((long)i * parts / P); }

/* the first bin of P that lies in a part, or after it */
static inline int first_of(const int part, const int P, const int parts) { return (int)(((long)part * P + parts - 1) / parts); }

kernel void psroi_pooling(const global T *data, const global T *rois, global T *y, const int N, const int C, const int H, const int W,
                          const long R, const int P, const int O, const int G, const CT scale) {
  FOR_EACH(i, R * O * P * P) {
    const int pw = (int)(i % P), ph = (int)(i / P % P), o = (int)(i / P / P % O);
    CT y1, x1, h, w, sum = 0;
    const int n = box_of(rois + i / P / P / O * 5, scale, 0, N, &y1, &x1, &h, &w);
    if (n >= 0) {
      int top, bottom, left, right;
      real_range(ph, h / (CT)P, y1, H, &top, &bottom);
      real_range(pw, w / (CT)P, x1, W, &left, &right);
      const global T *plane = data + ((long)n * C + (o * G + part_of(ph, P, G)) * G + part_of(pw, P, G)) * H * W;
      for (int v = top; v < bottom; v++)
        for (int u = left; u < right; u++) sum += LOAD(plane, (long)v * W + u);
      if (top < bottom && left < right) sum /= (CT)(bottom - top) * (CT)(right - left);
    }
    STORE(y, i, sum);
  }
}

kernel void psroi_pooling_backward(const global T *g, const global T *rois, global T *d, const int N, const int C, const int H, const int W,
                                   const long R, const int P, const int O, const int G, const CT scale) {
  CT sum[STRETCH(PLANE)];
  FOR_STRETCHES(plane, lo, hi, (long)N * C, (long)H * W, PLANE) {
    const int c = (int)(plane % C), mine = (int)(plane / C), count = (int)(hi - lo);
    const int o = c / (G * G), a = c / G % G, b = c % G, y_first = (int)(lo / W), y_last = (int)((hi - 1) / W);
    const int ph_lo = first_of(a, P, G), ph_hi = first_of(a + 1, P, G), pw_lo = first_of(b, P, G), pw_hi = first_of(b + 1, P, G);
    for (int j = 0; j < count; j++) sum[j] = 0;
    for (long r = 0; r < (o < O ? R : 0); r++) {
      CT y1, x1, h, w;
      if (image_of(LOAD(rois, 5 * r), N) != mine) continue; /* cheaper than what follows */
      if (box_of(rois + 5 * r, scale, 0, N, &y1, &x1, &h, &w) != mine) continue;
      for (int ph = ph_lo; ph < ph_hi; ph++) {
        int top, bottom, left, right;
        real_range(ph, h / (CT)P, y1, H, &top, &bottom);
        if (y_last < top || y_first >= bottom) continue;
        for (int pw = pw_lo; pw < pw_hi; pw++) {
          real_range(pw, w / (CT)P, x1, W, &left, &right);
          const CT share = LOAD(g, ((r * O + o) * P + ph) * P + pw) / ((CT)(bottom - top) * (CT)(right - left));
          for (int v = top > y_first ? top : y_first; v < bottom && v <= y_last; v++) {
            const long before = (long)v * W + left - lo, after = (long)v * W + right - lo;
            const int begin = before > 0 ? (int)before : 0, end = after < count ? (int)after : count;
            for (int j = begin; j < end; j++) sum[j] += share;
          }
        }
      }
    }
    for (int j = 0; j < count; j++) STORE(d, plane * H * W + lo + j, sum[j]);
  }
}

/* Where the samples of a bin lie along one direction: from `at` on, `step` apart, and how many of S count. */
typedef struct {
  CT at, step;
  int valid;
} line_t;

static inline int on_line(const line_t line, const int k, const int n, int *low, CT *part) {
#pragma OPENCL FP_CONTRACT OFF
  const CT along = (CT)k * line.step, v = line.at + along;
  const int counts = n > 0 && v >= (CT)-0.5 && v <= (CT)n - (CT)0.5;
  const CT last = (CT)(n - 1), safe = !counts || v < 0 ? (CT)0 : v > last ? last : v;
  *low = (int)safe;
  *part = safe - (CT)*low;
  return counts;
}

static inline line_t line_of(const int i, const int P, const int S, const int n, const CT start, const CT extent, const CT moved) {
#pragma OPENCL FP_CONTRACT OFF
  line_t line;
  const CT bin = extent / (CT)P, along = (CT)i * bin, away = moved * extent;
  line.at = along + start + away;
  line.step = bin / (CT)S;
  line.valid = 0;
  for (int k = 0; k < S; k++) {
    int low;
    CT part;
    line.valid += on_line(line, k, n, &low, &part);
  }
  return line;
}

/* trans: of this box and class, or anything where std is 0; the move along x of bin (ph, pw), or along y */
static inline CT moved(const global T *trans, const int y_plane, const int ph, const int pw, const int P, const int PART, const CT std) {
  if (std == 0) return 0;
  return LOAD(trans, ((long)y_plane * PART + part_of(ph, P, PART)) * PART + part_of(pw, P, PART)) * std;
}

kernel void deformed_pooling(const global T *data, const global T *rois, const global T *trans, global T *y, const int N, const int C, const int H,
                             const int W, const long R, const int P, const int O, const int G, const CT scale, const int S, const int PART,
                             const int classes, const CT std) {
  FOR_EACH(i, R * O * P * P) {
    const int pw = (int)(i % P), ph = (int)(i / P % P), o = (int)(i / P / P % O);
    const long r = i / P / P / O;
    CT y1, x1, h, w, sum = 0;
    const int n = box_of(rois + r * 5, scale, (CT)0.5, N, &y1, &x1, &h, &w);
    if (n >= 0) {
      const global T *mine = trans + (r * classes + o / (O / classes)) * 2 * PART * PART;
      const line_t down = line_of(ph, P, S, H, y1, h, moved(mine, 1, ph, pw, P, PART, std));
      const line_t along = line_of(pw, P, S, W, x1, w, moved(mine, 0, ph, pw, P, PART, std));
      const global T *plane = data + ((long)n * C + (o * G + part_of(ph, P, G)) * G + part_of(pw, P, G)) * H * W;
      for (int v = 0; v < S; v++)
        for (int u = 0; u < S; u++) {
          int yl, xl;
          CT fy, fx;
          if (!on_line(down, v, H, &yl, &fy) || !on_line(along, u, W, &xl, &fx)) continue;
          const global T *p = plane + (long)yl * W + xl;
          const int below = fy > 0 ? W : 0, right = fx > 0;
          sum += (LOAD(p, 0) * (1 - fx) + LOAD(p, right) * fx) * (1 - fy) + (LOAD(p, below) * (1 - fx) + LOAD(p, below + right) * fx) * fy;
        }
      if (down.valid && along.valid) sum /= (CT)down.valid * (CT)along.valid;
    }
    STORE(y, i, sum);
  }
}

kernel void deformed_data_backward(const global T *g, const global T *rois, const global T *trans, global T *d, const int N, const int C,
                                   const int H, const int W, const long R, const int P, const int O, const int G, const CT scale, const int S,
                                   const int PART, const int classes, const CT std) {
  CT sum[STRETCH(PLANE)];
  FOR_STRETCHES(plane, lo, hi, (long)N * C, (long)H * W, PLANE) {
    const int c = (int)(plane % C), image = (int)(plane / C), count = (int)(hi - lo);
    const int o = c / (G * G), a = c / G % G, b = c % G, y_first = (int)(lo / W), y_last = (int)((hi - 1) / W);
    for (int j = 0; j < count; j++) sum[j] = 0;
    for (long r = 0; r < (o < O ? R : 0); r++) {
      CT y1, x1, h, w;
      if (box_of(rois + 5 * r, scale, (CT)0.5, N, &y1, &x1, &h, &w) != image) continue;
      const global T *mine = trans + (r * classes + o / (O / classes)) * 2 * PART * PART;
      for (int bin = 0; bin < P * P; bin++) {
        const int ph = bin / P, pw = bin % P;
        if (part_of(ph, P, G) != a || part_of(pw, P, G) != b) continue;
        const line_t down = line_of(ph, P, S, H, y1, h, moved(mine, 1, ph, pw, P, PART, std));
        const line_t along = line_of(pw, P, S, W, x1, w, moved(mine, 0, ph, pw, P, PART, std));
        if (!down.valid || !along.valid) continue;
        const CT share = LOAD(g, (r * O + o) * P * P + bin) / ((CT)down.valid * (CT)along.valid);
        for (int v = 0; v < S; v++) {
          int yl, xl;
          CT fy, fx;
          if (!on_line(down, v, H, &yl, &fy) || yl > y_last || yl + 1 < y_first) continue;
          const CT top = share * (1 - fy), bottom = share * fy;
          for (int u = 0; u < S; u++) {
            if (!on_line(along, u, W, &xl, &fx)) continue;
            const long at = (long)yl * W + xl - lo, right = at + (fx > 0), below = fy > 0 ? W : 0; /* within the plane */
            if (at >= 0 && at < count) sum[at] += top * (1 - fx);
            if (right >= 0 && right < count) sum[right] += top * fx;
            if (at + below >= 0 && at + below < count) sum[at + below] += bottom * (1 - fx);
            if (right + below >= 0 && right + below < count) sum[right + below] += bottom * fx;
          }
        }
      }
    }
    for (int j = 0; j < count; j++) STORE(d, plane * H * W + lo + j, sum[j]);
  }
}

kernel void deformed_trans_backward(const global T *g, const global T *data, const global T *rois, const global T *trans, global T *dtrans,
                                    const int N, const int C, const int H, const int W, const long R, const int P, const int O, const int G,
                                    const CT scale, const int S, const int PART, const int classes, const CT std) {
  const int each = O / classes;
  FOR_EACH(i, R * classes * PART * PART) {
    const int part = (int)(i % (PART * PART)), class = (int)(i / (PART * PART) % classes);
    const long r = i / (PART * PART) / classes;
    const global T *mine = trans + (r * classes + class) * 2 * PART * PART;
    CT y1, x1, h, w, sx = 0, sy = 0;
    const int n = box_of(rois + r * 5, scale, (CT)0.5, N, &y1, &x1, &h, &w);
    for (int bin = 0; bin < (n < 0 ? 0 : P * P); bin++) {
      const int ph = bin / P, pw = bin % P;
      if (part_of(ph, P, PART) * PART + part_of(pw, P, PART) != part) continue;
      const line_t down = line_of(ph, P, S, H, y1, h, moved(mine, 1, ph, pw, P, PART, std));
      const line_t along = line_of(pw, P, S, W, x1, w, moved(mine, 0, ph, pw, P, PART, std));
      for (int o = class * each; o < (down.valid && along.valid ? (class + 1) * each : 0); o++) {
        const global T *plane = data + ((long)n * C + (o * G + part_of(ph, P, G)) * G + part_of(pw, P, G)) * H * W;
        const CT share = LOAD(g, (r * O + o) * P * P + bin) / ((CT)down.valid * (CT)along.valid);
        for (int v = 0; v < S; v++)
          for (int u = 0; u < S; u++) {
            int yl, xl;
            CT fy, fx;
            if (!on_line(down, v, H, &yl, &fy) || !on_line(along, u, W, &xl, &fx)) continue;
            const global T *p = plane + (long)yl * W + xl;
            const int below = fy > 0 ? W : 0, right = fx > 0;
            const CT p00 = LOAD(p, 0), p01 = LOAD(p, right), p10 = LOAD(p, below), p11 = LOAD(p, below + right);
            sx += share * ((p01 - p00) * (1 - fy) + (p11 - p10) * fy);
            sy += share * ((p10 - p00) * (1 - fx) + (p11 - p01) * fx);
          }
      }
    }
    const long at = (r * classes + class) * 2 * PART * PART + part;
    const CT dx = sx * std * w, dy = sy * std * h;
    STORE(dtrans, at, n < 0 ? (CT)0 : dx);
    STORE(dtrans, at + PART * PART, n < 0 ? (CT)0 : dy);
  }
}
