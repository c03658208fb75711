/* Packing of a convolution's column matrix on CPUs: rows are (channel, tap), columns the pixels of all images. Nothing is padded in
 * memory: what a tap reads outside the image is made zero on the way.
 *
 * Output pixel j (of extents `grid`, in each dimension) and tap t read the image at j * stride + start + t * step. The pixels of a panel
 * are cut into pieces of at most VW, each within an output row. For every tap and piece the lanes inside the image are found once; the
 * loop over channels then loads whole vectors and clears the others with a mask. What a vector reads beside the row lies inside the
 * tensor, or the elements are loaded one by one.
 */
#ifndef COLUMNS_H
#define COLUMNS_H
#include "gemm_cpu.h"
#include "lanes.h"

typedef struct {
  int at, lanes;    /* first column of the panel, and how many */
  int d, h, w;      /* where its first pixel reads for the first tap */
  long image;       /* offset of its image */
} columns_piece;

/* The pieces of columns [n0, n0 + cols), and what lies between there and a whole vector as pieces without a source. Also where the
 * columns go: pixel (d, h, w) of `grid` to (first + every * it) of an image of extents `to`, images `outer` apart. Returns the count. */
GEMM_INLINE int cut_columns(const int n0, const int cols, const int4 grid, const int4 stride, const int4 start, const long image,
                            const int4 to, const int4 first, const int4 every, const long outer, columns_piece *piece, long *column,
                            int *flat) {
  const int pixels = grid.x * grid.y * grid.z;
  int count = 0;
  *flat = 0;
  for (int j = 0; j < cols;) {
    const int n = n0 + j, img = n / pixels, p = n % pixels, w = p % grid.z, row = p / grid.z, h = row % grid.y, d = row / grid.y;
    const int lanes = min(min(grid.z - w, cols - j), VW);
    piece[count].at = j;
    piece[count].lanes = lanes;
    piece[count].d = d * stride.x + start.x;
    piece[count].h = h * stride.y + start.y;
    piece[count].w = w * stride.z + start.z;
    piece[count++].image = img * image;
    const long c = img * outer + ((long)(first.x + d * every.x) * to.y + first.y + h * every.y) * to.z + first.z + (long)w * every.z;
    SHORT_LOOP for (int i = 0; i < lanes; i++) column[j + i] = c + (long)i * every.z;
    j += lanes;
  }
  for (int v = 0; (v + 1) * VW <= cols; v++) {
    int side = 1;
    SHORT_LOOP for (int i = v * VW; i < v * VW + VW - 1; i++) side &= column[i + 1] == column[i] + 1;
    *flat |= side << v;
  }
  for (int j = cols; j % VW; j++) {
    piece[count].at = j;
    piece[count].lanes = 1;
    piece[count].d = INT_MIN / 2;
    piece[count].h = piece[count].w = 0;
    piece[count++].image = 0;
  }
  return count;
}

#if SAME
GEMM_INLINE gemm_vec columns_load(const __global CT *p, const int stride) {
  if (stride == 1) return *(const __global gemm_vec *)p;
  const gemm_vec a = *(const __global gemm_vec *)p, b = *(const __global gemm_vec *)(p + VW);
  if (stride == 2) return (gemm_vec)(a.even, b.even);
  const gemm_vec c = *(const __global gemm_vec *)(p + 2 * VW), d = *(const __global gemm_vec *)(p + 3 * VW);
  const gemm_vec ab = (gemm_vec)(a.even, b.even), cd = (gemm_vec)(c.even, d.even);
  return (gemm_vec)(ab.even, cd.even);
}

/* `count` vectors, `plane` apart in the image and `pitch` in the panel; stride is a constant */
GEMM_INLINE void columns_copy(const int stride, const __global CT *from, const long plane, PANEL CT *to, const long pitch,
                              const int count, const int whole, const int all, const lane_mask mask, const lane_mask keep) {
  if (whole)
    SHORT_LOOP for (int c = 0; c < count; c++, from += plane, to += pitch) *(PANEL gemm_vec *)to = columns_load(from, stride);
  else if (all)
    SHORT_LOOP for (int c = 0; c < count; c++, from += plane, to += pitch)
      *(PANEL gemm_vec *)to = masked(columns_load(from, stride), mask);
  else
    SHORT_LOOP for (int c = 0; c < count; c++, from += plane, to += pitch) {
      const lane_vec in = columns_load(from, stride), old = *(PANEL gemm_vec *)to;
      *(PANEL gemm_vec *)to = AS_VEC((AS_MASK(in) & mask) | (AS_MASK(old) & keep));
    }
}
#endif

/* Rows [k0, k0 + kc) of the pieces into a panel. x: channel 0 of the group in image 0; [lowest, highest): what may be read, seen
 * from x. */
GEMM_INLINE void pack_columns(const __global T *x, const long lowest, const long highest, const columns_piece *piece, const int pieces,
                              const int k0, const int kc, const int4 in, const int4 window, const int4 step, const int sw,
                              PANEL CT *panel) {
  const int taps = window.x * window.y * window.z;
  const long plane = (long)in.x * in.y * in.z, pitch = (long)taps * NR;
  const int even = taps == 0 || (k0 % taps == 0 && kc % taps == 0); /* whole channels: as many for every tap */
  const int reach = (window.z - 1) * step.z, left = min(reach, 0), right = max(reach, 0);
  for (int kd = 0; kd < window.x; kd++)
    for (int kh = 0; kh < window.y; kh++)
      for (int i = 0; i < pieces; i++) {
        const columns_piece p = piece[i];
        const int d = p.d + kd * step.x, h = p.h + kh * step.y, outside = d < 0 || d >= in.x || h < 0 || h >= in.y;
        const int inside = p.w + left >= 0 && p.w + (p.lanes - 1) * sw + right < in.z; /* for every tap of the row */
        const int back = p.at > NR - VW ? p.at - (NR - VW) : 0, t0 = (kd * window.y + kh) * window.z;
        const long line = p.image + ((long)d * in.y + h) * in.z;
        for (int kw = 0; kw < window.z; kw++) {
          const int t = t0 + kw, w = p.w + kw * step.z;
          int c0 = k0 / taps, count = kc / taps, lo = 0, hi = p.lanes;
          if (!even) {
            const int last = k0 + kc - 1 - t;
            c0 = k0 <= t ? 0 : (k0 - t + taps - 1) / taps;
            count = last < 0 ? 0 : last / taps + 1 - c0;
          }
          PANEL CT *to = panel + (long)(c0 * taps + t - k0) * NR + p.at;
          if (outside || w >= in.z)
            hi = 0;
          else if (!inside) {
            if (w < 0) lo = (-w + sw - 1) / sw;
            if (w + (hi - 1) * sw >= in.z) hi = (in.z - 1 - w) / sw + 1;
          }
          const long from = line + c0 * plane + w;
#if SAME
          if (back == 0 && hi <= lo) { /* the lanes behind are those of later pieces */
            SHORT_LOOP for (int c = 0; c < count; c++, to += pitch) *(PANEL gemm_vec *)to = (gemm_vec)((CT)0);
            continue;
          }
          if (hi > lo && (sw <= 2 || sw == 4)) {
            /* a vector that would reach into the next row of the panel is moved back, and keeps what lies there */
            const long start = from - back * sw;
            if (start >= lowest && start + (count - 1) * plane + VW * sw <= highest) {
              const int whole = lo == 0 && hi == p.lanes && back == 0, all = back == 0;
              lane_mask mask = (lane_mask)(-1), keep = (lane_mask)(0);
              if (!whole) mask = lanes_below(hi + back) & ~lanes_below(lo + back), keep = lanes_below(back);
              if (sw == 1)
                columns_copy(1, x + start, plane, to - back, pitch, count, whole, all, mask, keep);
              else if (sw == 2)
                columns_copy(2, x + start, plane, to - back, pitch, count, whole, all, mask, keep);
              else
                columns_copy(4, x + start, plane, to - back, pitch, count, whole, all, mask, keep);
              continue;
            }
          }
#endif
          for (int c = 0; c < count; c++, to += pitch)
            SHORT_LOOP for (int l = 0; l < p.lanes; l++) to[l] = l >= lo && l < hi ? LOAD(x, from + c * plane + l * sw) : (CT)0;
        }
      }
}
#endif
