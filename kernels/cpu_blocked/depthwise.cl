/* Depthwise convolution over blocked tensors, and its gradients.
 *
 * x [N][blocks][H][W][BLOCK], w [blocks][KH * KW][BLOCK] (see pack_depthwise), y [N][blocks][OH][OW][BLOCK]; in = (H, W), out = (OH, OW).
 *
 *   pack_depthwise      w from the weight as users have it, [channels][KH * KW], zeros beyond the last channel
 *   depthwise_forward   y = activation(x * w + bias + residual); a unit of work is a row of y
 *   depthwise_data      gradient of x; a unit is a row of it
 *   depthwise_weight    partial sums of the gradient of w: [splits][blocks][KH * KW][BLOCK]; a unit is a block of channels, ROWS rows of
 *                       the window, and a share of all rows of y
 *   depthwise_bias      the same for the bias, [splits][blocks][BLOCK]
 *   depthwise_gather    the gradient as users have it, from partial sums
 *
 * Rows are done in tiles of TILE pixels, whose accumulators, with the KW weights of a row of the window, stay in registers; each vector
 * of x is loaded once a tile and row of the window. Tiles that lie inside of the map test nothing.
 *
 * Defines: BLOCK, KH, KW, SW and DW (stride and dilation along a row), BIAS, RESIDUAL, ACT. Tunables: TILE, ROWS.
 */
#include "common.h"
#include "blocked.h"

#ifndef KW
#define KH 3
#define KW 3
#define SW 1
#define DW 1
#endif
#ifndef TILE
#define TILE 8 /* for depthwise_data a multiple of SW */
#endif
#ifndef ROWS
#define ROWS KH
#endif
#ifndef BIAS
#define BIAS 0
#define RESIDUAL 0
#endif

kernel void pack_depthwise(const global float *restrict w, global float *restrict packed, const int channels) {
  CHUNK(b, (channels + BLOCK - 1) / BLOCK)
  for (long b = b_lo; b < b_hi; b++) {
    const int lanes = min(BLOCK, channels - (int)b * BLOCK);
    const global float *from = w + b * (BLOCK * KH * KW);
    global float *to = packed + b * (BLOCK * KH * KW);
    for (int lane = 0; lane < lanes; lane++)
      SHORT_LOOP for (int tap = 0; tap < KH * KW; tap++) STORE(to, tap * BLOCK + lane, from[lane * (KH * KW) + tap]);
    for (int lane = lanes; lane < BLOCK; lane++)
      SHORT_LOOP for (int tap = 0; tap < KH * KW; tap++) STORE(to, tap * BLOCK + lane, 0.0f);
  }
}

/* `length` values of a bias as users have it or padded to whole blocks */
BLOCKED_INLINE blocked bias_at(const global float *bias, const int c, const int length) {
  if (c + BLOCK <= length) return AT(bias + c);
  float lane[BLOCK];
  SHORT_LOOP for (int i = 0; i < BLOCK; i++) lane[i] = c + i < length ? bias[c + i] : 0.0f;
  return *(blocked *)lane;
}

/* --------------------------------------------------------------------------------------------------------------------- forward */

#define REACH ((TILE - 1) * SW + (KW - 1) * DW) /* from the first column that a tile reads to its last */

/* acc[t] += sum over kw of w[kw] * row[t * SW + kw * DW]; where `edge`, only columns lo <= i < hi exist */
BLOCKED_INLINE void forward_row(const blocked zero, blocked *acc, const blocked *w, const global float *row, const int edge, const int lo,
                                const int hi) {
#if REACH < 48
#pragma unroll
  for (int i = 0; i <= REACH; i++) {
    const blocked v = !edge || (i >= lo && i < hi) ? AT(row + i * BLOCK) : zero;
#pragma unroll
    for (int k = 0; k < KW; k++) {
      const int t = i - k * DW;
      if (t >= 0 && t % SW == 0 && t / SW < TILE) acc[t / SW] = acc[t / SW] + w[k] * v;
    }
  }
#else /* columns that are shared by taps are rare, or far apart */
#pragma unroll
  for (int t = 0; t < TILE; t++)
#pragma unroll
    for (int k = 0; k < KW; k++) {
      const int i = t * SW + k * DW;
      const blocked v = !edge || (i >= lo && i < hi) ? AT(row + i * BLOCK) : zero;
      acc[t] = acc[t] + w[k] * v;
    }
#endif
}

BLOCKED_INLINE void forward_tile(const blocked start, const global float *x, const global float *w, global float *y,
                                 const global float *residual, const long pitch, const int k0, const int k1, const int edge,
                                 const int lo, const int hi, const int count, const float low, const float high) {
  blocked acc[TILE];
#pragma unroll
  for (int t = 0; t < TILE; t++) acc[t] = start;
  for (int k = k0; k < k1; k++) {
    blocked tap[KW];
#pragma unroll
    for (int i = 0; i < KW; i++) tap[i] = AT(w + (k * KW + i) * BLOCK);
    forward_row((blocked)(0.0f), acc, tap, x + k * pitch, edge, lo, hi);
  }
#pragma unroll
  for (int t = 0; t < TILE; t++)
    if (!edge || t < count) {
#if RESIDUAL
      acc[t] = acc[t] + AT(residual + t * BLOCK);
#endif
      KEEP(y + t * BLOCK, ACTIVATE(acc[t]));
    }
}

/* rows [row0, row1) of a map */
APART void forward_rows(const blocked start, const global float *x, const global float *w, global float *y, const global float *residual,
                        const int row0, const int row1, const int2 in, const int2 out, const int2 stride, const int2 dilate,
                        const int2 pad, const float low, const float high) {
  const long width = (long)in.y * BLOCK, pitch = dilate.x * width, last = (KH - 1) * pitch;
  for (int row = row0; row < row1; row++) {
    const int h = row * stride.x - pad.x;
    const int k0 = h < 0 ? min(KH, (dilate.x - 1 - h) / dilate.x) : 0;
    const int k1 = h >= in.x ? 0 : min(KH, (in.x - 1 - h) / dilate.x + 1);
    for (int col = 0; col < out.y; col += TILE) {
      const int first = col * SW - pad.y;
      const global float *from = x + ((long)h * in.y + first) * BLOCK;
      const long to = ((long)row * out.y + col) * BLOCK;
      for (int r = 1; r <= stride.x; r++)
#pragma unroll
        for (int i = 0; i < TILE * SW; i++) PREFETCH(from + last + r * width + i * BLOCK);
      if (first >= 0 && first + REACH < in.y && col + TILE <= out.y)
        forward_tile(start, from, w, y + to, residual + to, pitch, k0, k1, 0, 0, 0, TILE, low, high);
      else
        forward_tile(start, from, w, y + to, residual + to, pitch, k0, k1, 1, -first, in.y - first, out.y - col, low, high);
    }
  }
}

kernel void depthwise_forward(const global float *x, const global float *w, global float *y, const global float *bias,
                              const global float *residual, const long rows, const int blocks, const int bias_length, const int2 in,
                              const int2 out, const int2 stride, const int2 dilate, const int2 pad, const float low, const float high) {
  CHUNK(row, rows)
  for (long row = row_lo; row < row_hi;) {
    const long map = row / out.x;
    const int block = map % blocks, row0 = row % out.x, row1 = (int)min((long)out.x, row0 + (row_hi - row));
    const blocked start = BIAS ? bias_at(bias, block * BLOCK, bias_length) : (blocked)(0.0f);
    const long from = map * in.x * in.y * BLOCK, to = map * out.x * out.y * BLOCK;
    forward_rows(start, x + from, w + (long)block * (KH * KW * BLOCK), y + to, residual + to, row0, row1, in, out, stride, dilate, pad, low,
                 high);
    row += row1 - row0;
  }
}

/* --------------------------------------------------------------------------------------------------------------- data gradient */

#define BEFORE ((KW - 1) * DW / SW) /* a tile whose first pixel is that of tap 0 of pixel o of y reads pixels o - BEFORE */
#define BEHIND ((TILE - 1) / SW)    /* to o + BEHIND */

/* acc[t] += sum over kw of w[kw] * row[o] for t = o * SW + kw * DW; where `edge`, only pixels lo <= o < hi exist */
BLOCKED_INLINE void data_row(const blocked zero, blocked *acc, const blocked *w, const global float *row, const int edge, const int lo,
                             const int hi) {
#if BEFORE + BEHIND < 48
#pragma unroll
  for (int o = -BEFORE; o <= BEHIND; o++) {
    const blocked v = !edge || (o >= lo && o < hi) ? AT(row + o * BLOCK) : zero;
#pragma unroll
    for (int k = 0; k < KW; k++) {
      const int t = o * SW + k * DW;
      if (t >= 0 && t < TILE) acc[t] = acc[t] + w[k] * v;
    }
  }
#else
#pragma unroll
  for (int t = 0; t < TILE; t++)
#pragma unroll
    for (int k = 0; k < KW; k++) {
      const int from = t - k * DW, o = from < 0 ? -(-from / SW) : from / SW;
      if (o * SW == from) {
        const blocked v = !edge || (o >= lo && o < hi) ? AT(row + o * BLOCK) : zero;
        acc[t] = acc[t] + w[k] * v;
      }
    }
#endif
}

BLOCKED_INLINE void data_tile(const blocked zero, const global float *dy, const global float *w, global float *dx, const int h,
                              const int2 out, const int2 stride, const int2 dilate, const int edge, const int lo, const int hi,
                              const int begin, const int end) {
  blocked acc[TILE];
#pragma unroll
  for (int t = 0; t < TILE; t++) acc[t] = zero;
  for (int k = 0; k < KH; k++) {
    const int from = h - k * dilate.x, o = from / stride.x;
    if (from < 0 || o * stride.x != from || o >= out.x) continue;
    blocked tap[KW];
#pragma unroll
    for (int i = 0; i < KW; i++) tap[i] = AT(w + (k * KW + i) * BLOCK);
    data_row(zero, acc, tap, dy + (long)o * out.y * BLOCK, edge, lo, hi);
  }
#pragma unroll
  for (int t = 0; t < TILE; t++)
    if (!edge || (t >= begin && t < end)) KEEP(dx + t * BLOCK, acc[t]);
}

APART void data_rows(const blocked zero, const global float *dy, const global float *w, global float *dx, const int row0, const int row1,
                     const int2 in, const int2 out, const int2 stride, const int2 dilate, const int2 pad) {
  for (int row = row0; row < row1; row++)
    for (int o = 0; o * SW - pad.y < in.y; o += TILE / SW) {
      const int col = o * SW - pad.y;
      const global float *from = dy + (long)o * BLOCK, *next = from + ((long)((row + pad.x) / stride.x) + 1) * out.y * BLOCK;
#pragma unroll
      for (int i = 0; i < TILE / SW; i++) PREFETCH(next + i * BLOCK);
      global float *to = dx + ((long)row * in.y + col) * BLOCK;
      if (o >= BEFORE && o + BEHIND < out.y && col >= 0 && col + TILE <= in.y)
        data_tile(zero, from, w, to, row + pad.x, out, stride, dilate, 0, 0, 0, 0, 0);
      else
        data_tile(zero, from, w, to, row + pad.x, out, stride, dilate, 1, -o, out.y - o, -col, in.y - col);
    }
}

kernel void depthwise_data(const global float *restrict dy, const global float *restrict w, global float *restrict dx, const long rows,
                           const int blocks, const int2 in, const int2 out, const int2 stride, const int2 dilate, const int2 pad) {
  CHUNK(row, rows)
  for (long row = row_lo; row < row_hi;) {
    const long map = row / in.x;
    const int row0 = row % in.x, row1 = (int)min((long)in.x, row0 + (row_hi - row));
    data_rows((blocked)(0.0f), dy + map * out.x * out.y * BLOCK, w + map % blocks * (KH * KW * BLOCK), dx + map * in.x * in.y * BLOCK, row0,
              row1, in, out, stride, dilate, pad);
    row += row1 - row0;
  }
}

/* ------------------------------------------------------------------------------------------------------------- weight gradient */

/* acc[k][i] += sum over t of dy[t] * x[row h + k][t * SW + i * DW]; where `edge`, only columns lo <= i < hi exist */
BLOCKED_INLINE void weight_tile(const blocked zero, blocked acc[ROWS][KW], const global float *dy, const global float *x, const int h,
                                const int height, const long width, const int step, const int edge, const int lo, const int hi) {
  blocked head[TILE];
#pragma unroll
  for (int t = 0; t < TILE; t++) head[t] = AT(dy + t * BLOCK);
#pragma unroll
  for (int k = 0; k < ROWS; k++) {
    const int at = h + k * step;
    if (at < 0 || at >= height) continue;
    const global float *row = x + k * step * width;
#if REACH < 48
#pragma unroll
    for (int c = 0; c <= REACH; c++)
      if (!edge || (c >= lo && c < hi)) {
        const blocked v = AT(row + c * BLOCK);
#pragma unroll
        for (int i = 0; i < KW; i++) {
          const int t = c - i * DW;
          if (t >= 0 && t % SW == 0 && t / SW < TILE) acc[k][i] = acc[k][i] + head[t / SW] * v;
        }
      }
#else
#pragma unroll
    for (int t = 0; t < TILE; t++)
#pragma unroll
      for (int i = 0; i < KW; i++) {
        const int c = t * SW + i * DW;
        if (!edge || (c >= lo && c < hi)) acc[k][i] = acc[k][i] + head[t] * AT(row + c * BLOCK);
      }
#endif
  }
}

/* the same for a single pixel */
BLOCKED_INLINE void weight_pixel(blocked acc[ROWS][KW], const blocked head, const global float *x, const int h, const int height,
                                 const long width, const int step, const int lo, const int hi) {
#pragma unroll
  for (int k = 0; k < ROWS; k++) {
    const int at = h + k * step;
    if (at < 0 || at >= height) continue;
#pragma unroll
    for (int i = 0; i < KW; i++)
      if (i * DW >= lo && i * DW < hi) acc[k][i] = acc[k][i] + head * AT(x + k * step * width + i * DW * BLOCK);
  }
}

/* rows [row0, row1) of all images, for the block of channels whose maps begin at x and dy and are image_x and image_dy apart */
APART void weight_rows(const blocked zero, const global float *x, const global float *dy, global float *to, const long row0,
                       const long row1, const long image_x, const long image_dy, const int first, const int2 in, const int2 out,
                       const int2 stride, const int2 dilate, const int2 pad) {
  blocked acc[ROWS][KW];
#pragma unroll
  for (int k = 0; k < ROWS; k++)
#pragma unroll
    for (int i = 0; i < KW; i++) acc[k][i] = zero;
  const long width = (long)in.y * BLOCK, last = (long)((ROWS - 1) * dilate.x + 1) * width; /* the row behind the window */
  for (long r = row0; r < row1; r++) {
    const long image = r / out.x;
    const int row = r % out.x, h = row * stride.x - pad.x + first * dilate.x;
    const global float *head = dy + image * image_dy + (long)row * out.y * BLOCK;
    const global float *from = x + image * image_x + h * width;
    int col = 0;
    for (; col + TILE <= out.y; col += TILE) {
      const int c = col * SW - pad.y;
      for (int k = 0; k < stride.x; k++)
#pragma unroll
        for (int i = 0; i < TILE * SW; i++) PREFETCH(from + last + k * width + (c + i) * BLOCK);
#pragma unroll
      for (int i = 0; i < TILE; i++) PREFETCH(head + ((long)out.y + col + i) * BLOCK);
      if (c >= 0 && c + REACH < in.y)
        weight_tile(zero, acc, head + (long)col * BLOCK, from + (long)c * BLOCK, h, in.x, width, dilate.x, 0, 0, 0);
      else
        weight_tile(zero, acc, head + (long)col * BLOCK, from + (long)c * BLOCK, h, in.x, width, dilate.x, 1, -c, in.y - c);
    }
    for (; col < out.y; col++) {
      const int c = col * SW - pad.y;
      weight_pixel(acc, AT(head + (long)col * BLOCK), from + (long)c * BLOCK, h, in.x, width, dilate.x, -c, in.y - c);
    }
  }
#pragma unroll
  for (int k = 0; k < ROWS; k++)
    if (first + k < KH)
#pragma unroll
      for (int i = 0; i < KW; i++) *(global blocked_at *)(to + ((first + k) * KW + i) * BLOCK) = acc[k][i];
}

kernel void depthwise_weight(const global float *restrict x, const global float *restrict dy, global float *restrict partial,
                             const int images, const int blocks, const int splits, const int2 in, const int2 out, const int2 stride,
                             const int2 dilate, const int2 pad) {
  const int passes = (KH + ROWS - 1) / ROWS;
  const long map_x = (long)in.x * in.y * BLOCK, map_dy = (long)out.x * out.y * BLOCK, rows = (long)images * out.x;
  CHUNK(unit, (long)blocks * splits * passes)
  for (long unit = unit_lo; unit < unit_hi; unit++) {
    const long part = unit / passes, block = part % blocks, split = part / blocks;
    weight_rows((blocked)(0.0f), x + block * map_x, dy + block * map_dy, partial + part * (KH * KW * BLOCK), rows * split / splits,
                rows * (split + 1) / splits, blocks * map_x, blocks * map_dy, (int)(unit % passes) * ROWS, in, out, stride, dilate, pad);
  }
}

APART blocked sum_of(const blocked zero, const global float *p, const long n) {
  blocked a = zero, b = zero, c = zero, d = zero;
  long i = 0;
  for (; i + 4 <= n; i += 4, p += 4 * BLOCK) {
    a = a + AT(p);
    b = b + AT(p + BLOCK);
    c = c + AT(p + 2 * BLOCK);
    d = d + AT(p + 3 * BLOCK);
  }
  for (; i < n; i++, p += BLOCK) a = a + AT(p);
  return (a + b) + (c + d);
}

kernel void depthwise_bias(const global float *restrict dy, global float *restrict partial, const int images, const int blocks,
                           const int splits, const int2 out) {
  CHUNK(unit, (long)blocks * splits)
  for (long unit = unit_lo; unit < unit_hi; unit++) {
    const long block = unit % blocks, split = unit / blocks, rows = (long)images * out.x, end = rows * (split + 1) / splits;
    blocked sum = (blocked)(0.0f);
    for (long r = rows * split / splits; r < end;) {
      const long image = r / out.x, row = r % out.x, n = min((long)out.x - row, end - r);
      sum = sum + sum_of((blocked)(0.0f), dy + ((image * blocks + block) * out.x + row) * out.y * BLOCK, n * out.y);
      r += n;
    }
    *(global blocked_at *)(partial + unit * BLOCK) = sum;
  }
}

/* partial [splits][blocks][taps][BLOCK] -> [channels][taps] */
kernel void depthwise_gather(const global float *restrict partial, global float *restrict dw, const int channels, const int taps,
                             const int splits) {
  const int blocks = (channels + BLOCK - 1) / BLOCK;
  CHUNK(unit, (long)blocks * taps)
  for (long unit = unit_lo; unit < unit_hi; unit++) {
    const long b = unit / taps, tap = unit % taps;
    const global float *from = partial + unit * BLOCK;
    blocked sum = AT(from);
    for (int s = 1; s < splits; s++) sum = sum + AT(from + (long)s * blocks * taps * BLOCK);
    float lane[BLOCK];
    *(blocked *)lane = sum;
    const int lanes = min(BLOCK, channels - (int)b * BLOCK);
    SHORT_LOOP for (int i = 0; i < lanes; i++) STORE(dw, (b * BLOCK + i) * taps + tap, lane[i]);
  }
}
