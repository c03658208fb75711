/* Deformable convolution: each tap of each output pixel reads the image at a place of its own, between pixels.
 *
 *   deform_columns            col[g, p, k, c] = the image at the place of tap k of pixel p, times its mask; one image at a time
 *   deform_offset_backward    doffset[dg, 2 k .. 2 k + 1, p] (req)= slopes along y and x, times dcol, summed over the channels of the group;
 *   deform_mask_backward      dmask[dg, k, p] (req)= the value itself times dcol, summed
 *   deform_keys               key[q] = the cell of pixels that place q = (p, k, dg) lies in, (H + 1) x (W + 1) a deformable group, or the key
 *                             after the last; part[3 q] = how far below and right of the cell's first pixel, and the mask
 *   deform_data_backward      d[y, x, c] = sum over the places of the four cells around the pixel, in the order of `order`, of dcol times the
 *                             pixel's weight
 *   deform_bias               y[n, f, p] += bias[f]
 *
 * data, d: (N, H, W, C), channels last; col, dcol: (groups, P, K, C / groups); offset: (N, DG, K, 2, P); mask: (N, DG, K, P).
 * sizes: H, W, output width, output height; window: kernel height and width, stride; spread: dilation and padding, along y before x;
 * channels: C, convolution groups, deformable groups, and how many channels are in the same two groups.
 * MODULATED: with a mask, and pixels outside count as zeros; without, a place beyond the last row or column is cut to it, and one before the
 * first row or column reads zero. Columns and data gradients share out stretches of channels (FOR_STRETCHES), the others FOR_EACH.
 */
#include "common.h"
#include "bilinear.h"
#include "items.h"

#ifndef MODULATED
#define MODULATED 0
#endif
#define TILE 256
#define LANE 8

/* whether a coordinate lies in the image; the pixel before it and the part beyond that */
static inline int corner(const CT v, const int n, int *low, CT *part) {
#if MODULATED
  return cell(v, n, low, part) && v > (CT)-1;
#else
  const CT last = (CT)(n - 1);
  return cell(v > last && v < (CT)n ? last : v, n, low, part) && v >= 0;
#endif
}

/* The place of a tap: whether it lies in the image. */
static inline int place(const global T *offset, const long n, const long p, const int k, const int dg, const int4 sizes, const int4 window,
                        const int4 spread, const int4 channels, int *yl, int *xl, CT *fy, CT *fx) {
  const int K = window.s0 * window.s1;
  const long P = (long)sizes.s2 * sizes.s3, at = ((n * channels.s2 + dg) * K + k) * 2 * P + p;
  const int y = (int)(p / sizes.s2) * window.s2 - spread.s2 + k / window.s1 * spread.s0;
  const int x = (int)(p % sizes.s2) * window.s3 - spread.s3 + k % window.s1 * spread.s1;
  const int in_y = corner((CT)y + LOAD(offset, at), sizes.s0, yl, fy), in_x = corner((CT)x + LOAD(offset, at + P), sizes.s1, xl, fx);
  return in_y && in_x;
}

/* Where the four pixels lie, and what counts of each: pixels outside are replaced by one inside, of which nothing counts (MODULATED), or
 * which has the same value there. */
static inline void four(const int yl, const int xl, const int4 sizes, const int C, long *at, CT *there) {
  const int top = yl >= 0, left = xl >= 0, bottom = yl + 1 < sizes.s0, right = xl + 1 < sizes.s1;
  const long y0 = (long)(top ? yl : 0) * sizes.s1, y1 = (long)(bottom ? yl + 1 : yl) * sizes.s1;
  const long x0 = left ? xl : 0, x1 = right ? xl + 1 : xl;
  at[0] = (y0 + x0) * C;
  at[1] = (y0 + x1) * C;
  at[2] = (y1 + x0) * C;
  at[3] = (y1 + x1) * C;
#if MODULATED
  there[0] = top && left;
  there[1] = top && right;
  there[2] = bottom && left;
  there[3] = bottom && right;
#else
  there[0] = there[1] = there[2] = there[3] = 1;
#endif
}

kernel void deform_columns(const global T *data, const global T *offset, const global T *mask, global T *col, const long n, const int4 sizes,
                           const int4 window, const int4 spread, const int4 channels) {
  const int C = channels.s0, K = window.s0 * window.s1, alike = channels.s3, pieces = C / alike, CG = C / channels.s1;
  const long P = (long)sizes.s2 * sizes.s3;
  FOR_STRETCHES(row, lo, hi, P * K * pieces, (long)alike, TILE) {
    const int first = (int)(row % pieces) * alike, k = (int)(row / pieces % K), dg = first / (C / channels.s2);
    const long p = row / pieces / K;
    global T *out = col + ((first / CG * P + p) * K + k) * CG + first % CG;
    int yl, xl;
    CT fy, fx;
    if (!place(offset, n, p, k, dg, sizes, window, spread, channels, &yl, &xl, &fy, &fx)) {
      for (long c = lo; c < hi; c++) STORE_AS(1, T, out, c, (CT)0);
      continue;
    }
    long at[4];
    CT w[4];
    four(yl, xl, sizes, C, at, w);
#if MODULATED
    const CT m = LOAD(mask, ((n * channels.s2 + dg) * K + k) * P + p);
#else
    const CT m = 1;
#endif
    const CT wa = w[0] * (1 - fy) * (1 - fx) * m, wb = w[1] * (1 - fy) * fx * m, wd = w[2] * fy * (1 - fx) * m, we = w[3] * fy * fx * m;
    const global T *image = data + n * sizes.s0 * sizes.s1 * C + first;
    const global T *a = image + at[0], *b = image + at[1], *d = image + at[2], *e = image + at[3];
    MAP_LOOP
    for (long c = lo; c < hi; c++) {
      const CT v = LOAD(a, c) * wa + LOAD(b, c) * wb + LOAD(d, c) * wd + LOAD(e, c) * we;
      STORE_AS(1, T, out, c, v);
    }
  }
}

/* dcol times each of the four pixels, summed over the channels of the deformable group; whether the place lies in the image */
static inline int dots(const global T *data, const global T *offset, const global T *dcol, const long n, const long p, const int k, const int dg,
                       const int4 sizes, const int4 window, const int4 spread, const int4 channels, CT *sum, CT *fy, CT *fx) {
  const int C = channels.s0, K = window.s0 * window.s1, alike = channels.s3, CG = C / channels.s1, mine = C / channels.s2;
  const long P = (long)sizes.s2 * sizes.s3;
  int yl, xl;
  if (!place(offset, n, p, k, dg, sizes, window, spread, channels, &yl, &xl, fy, fx)) return 0;
  long at[4];
  CT there[4], lanes[4][LANE];
  four(yl, xl, sizes, C, at, there);
  for (int q = 0; q < 4; q++)
    for (int l = 0; l < LANE; l++) lanes[q][l] = 0;
  for (int first = dg * mine; first < (dg + 1) * mine; first += alike) {
    const global T *image = data + n * sizes.s0 * sizes.s1 * C + first;
    const global T *a = image + at[0], *b = image + at[1], *d = image + at[2], *e = image + at[3];
    const global T *head = dcol + ((first / CG * P + p) * K + k) * CG + first % CG;
    int c = 0;
    for (; c + LANE <= alike; c += LANE)
      for (int l = 0; l < LANE; l++) {
        const CT h = LOAD(head, c + l);
        lanes[0][l] += h * LOAD(a, c + l);
        lanes[1][l] += h * LOAD(b, c + l);
        lanes[2][l] += h * LOAD(d, c + l);
        lanes[3][l] += h * LOAD(e, c + l);
      }
    for (; c < alike; c++) {
      const CT h = LOAD(head, c);
      lanes[0][0] += h * LOAD(a, c);
      lanes[1][0] += h * LOAD(b, c);
      lanes[2][0] += h * LOAD(d, c);
      lanes[3][0] += h * LOAD(e, c);
    }
  }
  for (int q = 0; q < 4; q++) {
    CT total = 0;
    for (int l = 0; l < LANE; l++) total += lanes[q][l];
    sum[q] = total * there[q];
  }
  return 1;
}

kernel void deform_offset_backward(const global T *data, const global T *offset, const global T *mask, const global T *dcol, global T *doffset,
                                   const long n, const int4 sizes, const int4 window, const int4 spread, const int4 channels) {
  const int K = window.s0 * window.s1;
  const long P = (long)sizes.s2 * sizes.s3;
  FOR_EACH(i, P * K * channels.s2) {
    const long p = i % P, at = (n * channels.s2 * K + i / P) * P + p;
    const int k = (int)(i / P % K), dg = (int)(i / P / K);
    CT s[4], fy, fx, dy = 0, dx = 0;
    if (dots(data, offset, dcol, n, p, k, dg, sizes, window, spread, channels, s, &fy, &fx)) {
#if MODULATED
      const CT m = LOAD(mask, at);
#else
      const CT m = 1;
#endif
      dy = m * ((s[2] - s[0]) * (1 - fx) + (s[3] - s[1]) * fx);
      dx = m * ((s[1] - s[0]) * (1 - fy) + (s[3] - s[2]) * fy);
    }
    STORE(doffset, at + (at - p), dy);
    STORE(doffset, at + (at - p) + P, dx);
  }
}

kernel void deform_mask_backward(const global T *data, const global T *offset, const global T *dcol, global T *dmask, const long n,
                                 const int4 sizes, const int4 window, const int4 spread, const int4 channels) {
  const int K = window.s0 * window.s1;
  const long P = (long)sizes.s2 * sizes.s3;
  FOR_EACH(i, P * K * channels.s2) {
    const long p = i % P;
    CT s[4], fy, fx, v = 0;
    if (dots(data, offset, dcol, n, p, (int)(i / P % K), (int)(i / P / K), sizes, window, spread, channels, s, &fy, &fx))
      v = (s[0] * (1 - fx) + s[1] * fx) * (1 - fy) + (s[2] * (1 - fx) + s[3] * fx) * fy;
    STORE(dmask, n * P * K * channels.s2 + i, v);
  }
}

kernel void deform_keys(const global T *offset, const global T *mask, global int *keys, global CT *part, const long n, const int4 sizes,
                        const int4 window, const int4 spread, const int4 channels) {
  const int K = window.s0 * window.s1, DG = channels.s2;
  const long P = (long)sizes.s2 * sizes.s3;
  FOR_EACH(i, P * K * DG) {
    const long p = i / DG / K;
    const int k = (int)(i / DG % K), dg = (int)(i % DG);
    int yl, xl;
    CT fy, fx;
    const int inside = place(offset, n, p, k, dg, sizes, window, spread, channels, &yl, &xl, &fy, &fx);
    const long found = ((long)dg * (sizes.s0 + 1) + yl + 1) * (sizes.s1 + 1) + xl + 1;
    keys[i] = (int)(inside ? found : (long)DG * (sizes.s0 + 1) * (sizes.s1 + 1));
    part[3 * i] = fy;
    part[3 * i + 1] = fx;
#if MODULATED
    part[3 * i + 2] = LOAD(mask, ((n * DG + dg) * K + k) * P + p);
#else
    part[3 * i + 2] = 1;
#endif
  }
}

kernel void deform_data_backward(const global T *dcol, const global int *order, const global int *start, const global CT *part, global T *d,
                                 const long n, const int4 sizes, const int4 window, const int4 channels) {
  const int C = channels.s0, K = window.s0 * window.s1, alike = channels.s3, pieces = C / alike, CG = C / channels.s1, DG = channels.s2;
  const int H = sizes.s0, W = sizes.s1;
  const long P = (long)sizes.s2 * sizes.s3;
  CT sum[STRETCH(TILE)];
  FOR_STRETCHES(row, lo, hi, (long)H * W * pieces, (long)alike, TILE) {
    const int first = (int)(row % pieces) * alike, x = (int)(row / pieces % W), y = (int)(row / pieces / W), count = (int)(hi - lo);
    const int dg = first / (C / DG);
    const global T *head = dcol + (long)(first / CG) * P * K * CG + first % CG + lo;
    for (int j = 0; j < count; j++) sum[j] = 0;
    for (int q = 0; q < 4; q++) {
      const int below = q / 2, right = q % 2; /* the pixel within the cell */
      const long cell_at = ((long)dg * (H + 1) + y + 1 - below) * (W + 1) + x + 1 - right;
      for (int s = start[cell_at]; s < start[cell_at + 1]; s++) {
        const long i = order[s];
        const CT fy = part[3 * i], fx = part[3 * i + 1], w = (below ? fy : 1 - fy) * (right ? fx : 1 - fx) * part[3 * i + 2];
        const global T *from = head + i / DG * CG;
        MAP_LOOP
        for (int j = 0; j < count; j++) sum[j] += LOAD(from, j) * w;
      }
    }
    global T *out = d + ((n * H + y) * W + x) * C + first + lo;
    for (int j = 0; j < count; j++) STORE_AS(1, T, out, j, sum[j]);
  }
}

kernel void deform_bias(const global T *bias, global T *y, const int N, const int F, const long P) {
  FOR_STRETCHES(row, lo, hi, (long)N * F, P, PIECE) {
    const CT b = LOAD(bias, row % F);
    global T *out = y + row * P;
    for (long j = lo; j < hi; j++) STORE_AS(2, T, out, j, b);
  }
}
