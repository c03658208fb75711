/* Pooling over blocked tensors: x [maps][H][W][BLOCK], y [maps][OH][OW][BLOCK], maps = images * blocks; in = (H, W), out = (OH, OW).
 *
 *   pool_forward          y = maximum, sum or average of windows clipped to the map; a unit of work is a row of y
 *   pool_backward         gradient of x: every output gives back to its window; a unit is a band of rows of x, which takes from all windows
 *                         that reach into it
 *   pool_global           one window over all of a map
 *   pool_global_backward  of a sum or an average
 *
 * Rows of y are done in tiles of TILE pixels: the columns that the tile reads are reduced over the rows of the window first, in registers,
 * and then over the columns of each window.
 *
 * Defines: BLOCK; MODE 0 max, 1 sum, 2 average; COUNT, what an average divides by: 0 the pixels inside the map, 1 those inside the padded map;
 * KW, SW: width of the window and stride along a row, or 0: any. Tunable: TILE.
 */
#include "common.h"
#include "blocked.h"
#include "window.h"

#ifndef MODE
#define MODE 0
#define KW 3
#define SW 2
#endif
#ifndef TILE
#define TILE 8
#endif

#if MODE == 0
#define INIT ((blocked)(-3.402823466e38f)) /* what a window without any pixel gives, as in MXNet */
/* The larger one, or NaN if either is: a comparison gives the second operand where one is NaN, and NaN | anything is NaN. Equal numbers
 * have equal bits, but for zeros. Masks would cost more. */
#define MAX_IF(a, b) ((a) > (b) ? (a) : (b))
#define BITS(v) CAT(as_int, BLOCK)(v)
#define TAKE(acc, v) CAT(as_float, BLOCK)(BITS(MAX_IF(acc, v)) | BITS(MAX_IF(v, acc)))
#else
#define INIT ((blocked)(0.0f))
#define TAKE(acc, v) ((acc) + (v))
#endif

/* x: the first pixel of the first window; rows [h0, h1) of the windows exist, and, where `edge`, columns lo <= i < hi; `high` counts */
BLOCKED_INLINE void forward_tile(const blocked init, const global float *x, global float *y, const long width, const int h0, const int h1,
                                 const int2 window, const int stride, const int edge, const int lo, const int hi, const int count,
                                 const int high, const int padded) {
  blocked acc[TILE];
#if KW
#define REACH ((TILE - 1) * SW + KW)
  blocked column[REACH];
#pragma unroll
  for (int i = 0; i < REACH; i++) column[i] = init;
  for (int h = h0; h < h1; h++) {
#pragma unroll
    for (int i = 0; i < REACH; i++)
      if (!edge || (i >= lo && i < hi)) {
        const blocked v = AT(x + h * width + i * BLOCK);
        column[i] = TAKE(column[i], v);
      }
  }
#pragma unroll
  for (int t = 0; t < TILE; t++) {
    acc[t] = column[t * SW];
#pragma unroll
    for (int i = 1; i < KW; i++) acc[t] = TAKE(acc[t], column[t * SW + i]);
  }
#else
#pragma unroll
  for (int t = 0; t < TILE; t++) acc[t] = init;
  for (int h = h0; h < h1; h++)
    for (int i = 0; i < window.y; i++) {
#pragma unroll
      for (int t = 0; t < TILE; t++)
        if (!edge || (t * stride + i >= lo && t * stride + i < hi)) {
          const blocked v = AT(x + h * width + (long)(t * stride + i) * BLOCK);
          acc[t] = TAKE(acc[t], v);
        }
    }
#endif
#pragma unroll
  for (int t = 0; t < TILE; t++)
    if (!edge || t < count) {
#if MODE == 2
      /* the map is columns lo..hi-1 */
      acc[t] = acc[t] / (blocked)((float)(high * (edge ? extent(t * stride - lo, window.y, hi - lo, padded) : window.y)));
#endif
      KEEP(y + t * BLOCK, acc[t]);
    }
}

/* rows [row0, row1) of a map of y */
APART void forward_rows(const blocked init, const global float *x, global float *y, const int row0, const int row1, const int2 in,
                        const int2 out, const int2 window, const int2 stride, const int2 pad) {
  const long width = (long)in.y * BLOCK;
  for (int row = row0; row < row1; row++) {
    const int h = row * stride.x - pad.x, h0 = max(0, -h), h1 = min(window.x, in.x - h), high = extent(h, window.x, in.x, pad.x);
    for (int col = 0; col < out.y; col += TILE) {
      const int first = col * stride.y - pad.y;
      const global float *from = x + ((long)h * in.y + first) * BLOCK;
      global float *to = y + ((long)row * out.y + col) * BLOCK;
      for (int r = 0; r < stride.x; r++) /* what the next row will read */
        for (int i = 0; i < TILE * stride.y; i++) PREFETCH(from + (long)(window.x + r) * width + i * BLOCK);
      if (first >= 0 && first + (TILE - 1) * stride.y + window.y <= in.y && col + TILE <= out.y)
        forward_tile(init, from, to, width, h0, h1, window, stride.y, 0, 0, 0, TILE, high, pad.y);
      else
        forward_tile(init, from, to, width, h0, h1, window, stride.y, 1, -first, in.y - first, out.y - col, high, pad.y);
    }
  }
}

kernel void pool_forward(const global float *restrict x, global float *restrict y, const long rows, const int2 in, const int2 out,
                         const int2 window, const int2 stride, const int2 pad) {
  CHUNK(row, rows)
  for (long row = row_lo; row < row_hi;) {
    const long map = row / out.x;
    const int row0 = row % out.x, row1 = (int)min((long)out.x, row0 + (row_hi - row));
    forward_rows(INIT, x + map * in.x * in.y * BLOCK, y + map * out.x * out.y * BLOCK, row0, row1, in, out, window, stride, pad);
    row += row1 - row0;
  }
}

/* -------------------------------------------------------------------------------------------------------------------- gradient */

/* what an output has to give to each pixel of its window */
#if MODE == 2
#define SHARE(head, high, wide) ((head) / (blocked)((float)((high) * (wide))))
#else
#define SHARE(head, high, wide) (head)
#endif
/* which lanes of a pixel v are the maximum m */
#define IS_MAX(v, m) (((v) == (m)) | (((v) != (v)) & ((m) != (m))))

#if KW
/* `count` outputs from dy on; dx and x point to the first pixel of the first window, whose columns lo <= i < hi exist, whose rows [h0, h1)
 * are looked at, and those from `keep` on written; in each lane the first pixel that is the maximum gets all */
BLOCKED_INLINE void backward_tile(const blocked zero, const global float *dy, const global float *x, const global float *y,
                                  global float *dx, const long width, const int h0, const int keep, const int h1, const int edge,
                                  const int lo, const int hi, const int count, const int high, const int padded) {
  blocked head[TILE];
#if MODE == 0
  blocked m[TILE];
#endif
#pragma unroll
  for (int t = 0; t < TILE; t++) {
    head[t] = !edge || t < count ? AT(dy + t * BLOCK) : zero;
#if MODE == 0
    m[t] = !edge || t < count ? AT(y + t * BLOCK) : zero;
#endif
    head[t] = SHARE(head[t], high, edge ? extent(t * SW - lo, KW, hi - lo, padded) : KW);
  }
  for (int h = h0; h < h1; h++) {
#pragma unroll
    for (int i = 0; i < (TILE - 1) * SW + KW; i++)
      if (!edge || (i >= lo && i < hi)) {
        const long at = h * width + i * BLOCK;
        blocked sum = zero;
#if MODE == 0
        const blocked v = AT(x + at);
#endif
#pragma unroll
        for (int t = 0; t < TILE; t++)
          if (i >= t * SW && i < t * SW + KW) {
#if MODE == 0
            const blocked_mask here = IS_MAX(v, m[t]);
            sum = sum + (here ? head[t] : zero);
            head[t] = here ? zero : head[t];
#else
            sum = sum + head[t];
#endif
          }
        if (h >= keep) *(global blocked_at *)(dx + at) += sum;
      }
  }
}
#endif

/* what all windows give back to rows [row0, row1) of a map */
APART void backward_rows(const blocked zero, const global float *dy, const global float *x, const global float *y, global float *dx,
                         const int row0, const int row1, const int2 in, const int2 out, const int2 window, const int2 stride,
                         const int2 pad) {
  const long width = (long)in.y * BLOCK;
  long clear = row0 * width; /* dx is zero up to here */
  /* the first and the last row of windows that meet the band */
  const int reach = row0 + pad.x - window.x + 1, o0 = reach <= 0 ? 0 : (reach + stride.x - 1) / stride.x;
  const int o1 = min(out.x, (row1 - 1 + pad.x) / stride.x + 1);
  for (int o = o0; o < o1; o++) {
    const int h = o * stride.x - pad.x, high = extent(h, window.x, in.x, pad.x), h0 = MODE == 0 ? max(h, 0) : max(h, row0);
    const int h1 = min(h + window.x, row1);
#if REQ == 1
    for (; clear < h1 * width; clear += BLOCK) *(global blocked_at *)(dx + clear) = zero;
#endif
#if KW
    for (int col = 0; col < out.y; col += TILE) {
      const int first = col * SW - pad.y;
      const long at = ((long)o * out.y + col) * BLOCK, from = ((long)h * in.y + first) * BLOCK;
      if (first >= 0 && first + (TILE - 1) * SW + KW <= in.y && col + TILE <= out.y)
        backward_tile(zero, dy + at, x + from, y + at, dx + from, width, h0 - h, row0 - h, h1 - h, 0, 0, 0, TILE, high, pad.y);
      else
        backward_tile(zero, dy + at, x + from, y + at, dx + from, width, h0 - h, row0 - h, h1 - h, 1, -first, in.y - first, out.y - col,
                      high, pad.y);
    }
#else
    for (int col = 0; col < out.y; col++) {
      const int w = col * stride.y - pad.y, w0 = max(w, 0), w1 = min(w + window.y, in.y);
      const long at = ((long)o * out.y + col) * BLOCK;
      blocked head = SHARE(AT(dy + at), high, extent(w, window.y, in.y, pad.y));
#if MODE == 0
      const blocked m = AT(y + at);
#endif
      for (int i = h0; i < h1; i++)
        for (int j = w0; j < w1; j++) {
          const long p = i * width + (long)j * BLOCK;
#if MODE == 0
          const blocked v = AT(x + p);
          const blocked_mask here = IS_MAX(v, m);
          if (i >= row0) *(global blocked_at *)(dx + p) += here ? head : zero;
          head = here ? zero : head;
#else
          *(global blocked_at *)(dx + p) += head;
#endif
        }
    }
#endif
  }
#if REQ == 1
  for (; clear < row1 * width; clear += BLOCK) *(global blocked_at *)(dx + clear) = zero;
#endif
}

/* x and y are dy where MODE does not read them */
kernel void pool_backward(const global float *dy, const global float *x, const global float *y, global float *restrict dx,
                          const long units, const int bands, const int2 in, const int2 out, const int2 window, const int2 stride,
                          const int2 pad) {
  CHUNK(unit, units)
  for (long unit = unit_lo; unit < unit_hi; unit++) {
    const long map = unit / bands, band = unit % bands, of_x = map * in.x * in.y * BLOCK, of_y = map * out.x * out.y * BLOCK;
    backward_rows((blocked)(0.0f), dy + of_y, x + of_x, y + of_y, dx + of_x, (int)(band * in.x / bands), (int)((band + 1) * in.x / bands),
                  in, out, window, stride, pad);
  }
}

/* ---------------------------------------------------------------------------------------------------------------------- global */

APART blocked reduce(const blocked init, const global float *p, const long n) {
  blocked a = init, b = init, c = init, d = init;
  long i = 0;
  for (; i + 4 <= n; i += 4, p += 4 * BLOCK) {
    const blocked s = AT(p), t = AT(p + BLOCK), u = AT(p + 2 * BLOCK), v = AT(p + 3 * BLOCK);
    a = TAKE(a, s);
    b = TAKE(b, t);
    c = TAKE(c, u);
    d = TAKE(d, v);
  }
  for (; i < n; i++, p += BLOCK) {
    const blocked s = AT(p);
    a = TAKE(a, s);
  }
  a = TAKE(a, b);
  c = TAKE(c, d);
  return TAKE(a, c);
}

kernel void pool_global(const global float *restrict x, global float *restrict y, const long maps, const long pixels) {
  CHUNK(map, maps)
  for (long map = map_lo; map < map_hi; map++) {
    blocked sum = reduce(INIT, x + map * pixels * BLOCK, pixels);
#if MODE == 2
    sum = sum / (blocked)((float)pixels);
#endif
    KEEP(y + map * BLOCK, sum);
  }
}

APART void spread(const blocked v, global float *p, const long n) {
  for (long i = 0; i < n; i++) KEEP(p + i * BLOCK, v);
}

kernel void pool_global_backward(const global float *restrict dy, global float *restrict dx, const long maps, const long pixels) {
  CHUNK(map, maps)
  for (long map = map_lo; map < map_hi; map++) {
    blocked head = AT(dy + map * BLOCK);
#if MODE == 2
    head = head / (blocked)((float)pixels);
#endif
    spread(head, dx + map * pixels * BLOCK, pixels);
  }
}
