/* Gradients of the weight and of the bias of a convolution over blocked tensors, on CPUs.
 *
 *   dW[o, i, r, s] = sum over images n and output pixels (y, x) of  head[n, o, y, x] * data[n, i, y sy + r dy - py, x sx + s dx - px]
 *   head (images, out blocks, OH, OW, VW), data (images, in blocks, H, W, VW), out (filters, channels a group, kh, kw)
 *
 * A register tile is K blocks of filters (vectors) by P channels (broadcast), for one tap; it stays in registers over a run of pixels of
 * several rows and images. Taps differ in the rows and columns where they meet data, so nothing is padded and no pixel is tested.
 * A work-item has some blocks of filters and of channels, with all taps, and a part of the pixels. It goes through these in chunks whose
 * vectors stay in the L1 cache while all of its tiles pass over them, adding into sums in local memory; at the end it stores these
 * transposed, or, if the pixels were divided into parts, leaves them in `work` for weight_reduce.
 */
#include "common.h"
#include "blocked_gradient.h"

#ifndef K
#define K 2 /* blocks of filters a tile: 1 where a group has an odd number */
#endif
#ifndef GATHER
#define GATHER 0 /* 1: a window of one pixel whose steps skip pixels; those it meets are gathered, which a chunk's many passes repay */
#endif
#ifndef P
#define P 8 /* channels a tile, a divisor of VW; K * P sums, K vectors and a broadcast must fit the registers */
#endif

STORE_TURNED(store_sums, __local)
STORE_TURNED(store_parts, __global)

/* The pixels of a run, and the steps in elements from one to the next. */
typedef struct {
  int images, rows, cols;
  size_t head_block, head_image, head_row, data_image, data_row, data_step;
  long head_next, data_next; /* from a pixel to the one of the next chunk to ask for, of head and of data */
} Run;

/* sums[p * channel + k * block] += sum over the pixels of the run of head[k * head_block] * data[p] */
#define ACCUMULATE(name, SPACE)                                                                                          \
  BLOCKED_APART void name(const vec zero, const Run *run, const __global float *head, const SPACE float *data, __local float *sums, \
                          const size_t channel, const size_t block) {                                                    \
    vec acc[P][K];                                                                                                       \
    _Pragma("unroll") for (int p = 0; p < P; p++)                                                                        \
      _Pragma("unroll") for (int k = 0; k < K; k++) acc[p][k] = zero;                                                    \
    const int images = run->images, rows = run->rows, cols = run->cols;                                                  \
    const size_t head_block = run->head_block, head_row = run->head_row, data_row = run->data_row, step = run->data_step; \
    const long head_next = run->head_next, data_next = run->data_next;                                                   \
    for (int n = 0; n < images; n++)                                                                                     \
      for (int y = 0; y < rows; y++) {                                                                                   \
        const __global float *h = head + n * run->head_image + y * head_row;                                             \
        const SPACE float *d = data + n * run->data_image + y * data_row;                                                \
        for (int x = cols; x > 0; x--) {                                                                                 \
          vec v[K];                                                                                                      \
          PREFETCH_L2(h + head_next);                                                                                       \
          PREFETCH_L2(d + data_next);                                                                                       \
          _Pragma("unroll") for (int k = 0; k < K; k++) v[k] = *(const __global uvec *)(h + k * head_block);             \
          _Pragma("unroll") for (int p = 0; p < P; p++) {                                                                \
            const vec b = (vec)(d[p]);                                                                                   \
            _Pragma("unroll") for (int k = 0; k < K; k++) acc[p][k] = acc[p][k] + v[k] * b;                              \
          }                                                                                                              \
          h += VW;                                                                                                       \
          d += step;                                                                                                     \
        }                                                                                                                \
      }                                                                                                                  \
    _Pragma("unroll") for (int p = 0; p < P; p++)                                                                        \
      _Pragma("unroll") for (int k = 0; k < K; k++) *(__local uvec *)(sums + p * channel + k * block) += acc[p][k];      \
  }
ACCUMULATE(accumulate, __global)
#if GATHER
ACCUMULATE(accumulate_gathered, __local)

/* Some pixels of a row, `step` elements apart, side by side. */
BLOCKED_APART vec gather_row(const vec zero, __local float *to, const __global float *from, const size_t step, const int count) {
  for (int i = 0; i < count; i++) *(__local uvec *)(to + i * VW) = *(const __global uvec *)(from + i * step);
  return zero;
}
#endif

/* count: images, groups, out blocks and in blocks a group, filters in all, channels a group
 * size:  H, W, OH, OW, kh, kw         step: sy, sx, dy, dx, py, px
 * cut:   tiles of K out blocks and in blocks a work-item, images and rows of pixels a chunk, parts
 * One work-item for each part, group, and piece of the out blocks and of the in blocks, the last the fastest. */
__kernel void weight_gradient(const __global float *head, const __global float *data, __global float *out, __global float *work,
                              __local float *sums, __local float *strip, const int8 count, const int8 size, const int8 step, const int8 cut) {
  const int images = count.s0, out_blocks = count.s2, in_blocks = count.s3;
  const int H = size.s0, W = size.s1, OH = size.s2, OW = size.s3, kh = size.s4, kw = size.s5, taps = kh * kw;
  const int out_tiles = out_blocks / K, out_pieces = (out_tiles + cut.s0 - 1) / cut.s0, in_pieces = (in_blocks + cut.s1 - 1) / cut.s1;
  int unit = get_global_id(0);
  const int in0 = unit % in_pieces * cut.s1;
  unit /= in_pieces;
  const int tile0 = unit % out_pieces * cut.s0;
  unit /= out_pieces;
  const int group = unit % count.s1, part = unit / count.s1;
  const int ins = in_blocks - in0 < cut.s1 ? in_blocks - in0 : cut.s1;
  const int tiles = out_tiles - tile0 < cut.s0 ? out_tiles - tile0 : cut.s0;

  const size_t head_map = (size_t)OH * OW * VW, data_map = (size_t)H * W * VW;
  const size_t head_image = head_map * out_blocks * count.s1, data_image = data_map * in_blocks * count.s1;
  const __global float *head0 = head + head_map * (group * out_blocks + tile0 * K);
  const __global float *data0 = data + data_map * (group * in_blocks + in0);
  const size_t channel = (size_t)taps * VW, block = channel * VW * ins; /* of the sums: [tile][K][in block][channel][tap][VW] */
  fill_local((vec)(0.0f), sums, block / VW * K * tiles);

  Run run;
  run.head_block = head_map;
  run.head_image = head_image;
  run.head_row = (size_t)OW * VW;
  run.data_image = data_image;
  run.data_row = (size_t)W * VW * step.s0;
  run.data_step = (size_t)VW * step.s1;
  const int bands = (OH + cut.s3 - 1) / cut.s3, chunks = (images + cut.s2 - 1) / cut.s2 * bands;
  const int last = (long)chunks * (part + 1) / cut.s4;
  for (int chunk = (long)chunks * part / cut.s4; chunk < last; chunk++) {
    const int n = chunk / bands * cut.s2, top = chunk % bands * cut.s3, end = top + cut.s3 < OH ? top + cut.s3 : OH;
    const int then = chunk + 1 < last ? chunk + 1 : chunk;
    const long images_on = then / bands * cut.s2 - n, rows_on = then % bands * cut.s3 - top;
    const long head_on = images_on * (long)head_image + rows_on * (long)run.head_row;
    const long data_on = images_on * (long)data_image + rows_on * (long)run.data_row;
#if GATHER
    run.images = images - n < cut.s2 ? images - n : cut.s2;
    for (int in = 0; in < ins; in++)
      for (int i = 0; i < run.images; i++)
        for (int y = top; y < end; y++)
          gather_row((vec)(0.0f), strip + (((size_t)in * run.images + i) * (end - top) + y - top) * OW * VW,
                     data0 + (n + i) * data_image + in * data_map + (size_t)y * step.s0 * W * VW, run.data_step, OW);
    run.head_next = run.data_next = 0;
    Run gathered = run;
    gathered.rows = 1;
    gathered.cols = (end - top) * OW;
    gathered.data_step = VW;
    gathered.data_image = gathered.data_row = (size_t)gathered.cols * VW;
    for (int tile = 0; tile < tiles; tile++)
      for (int in = 0; in < ins; in++)
        for (int p = 0; p < VW; p += P) {
          const int call = in * (VW / P) + p / P;
          gathered.head_next = call < K ? head_on + call * (long)head_map : 0;
          accumulate_gathered((vec)(0.0f), &gathered, head0 + n * head_image + head_map * K * tile + (size_t)top * OW * VW,
                              strip + in * run.images * gathered.data_image + p, sums + tile * K * block + (in * VW + p) * channel,
                              channel, block);
        }
    continue;
#endif
    for (int tile = 0; tile < tiles; tile++)
      for (int in = 0; in < ins; in++)
        for (int r = 0; r < kh; r++) {
          const int down = r * step.s2 - step.s4; /* the input row is y sy + down */
          const int above = divide_up(-down, step.s0), below = divide_down(H - 1 - down, step.s0) + 1;
          const int y0 = above > top ? above : top, y1 = below < end ? below : end;
          for (int s = 0; s < kw; s++) {
            const int right = s * step.s3 - step.s5;
            const int before = divide_up(-right, step.s1), behind = divide_down(W - 1 - right, step.s1) + 1;
            const int x0 = before > 0 ? before : 0, x1 = behind < OW ? behind : OW;
            if (y0 >= y1 || x0 >= x1) continue;
            run.images = images - n < cut.s2 ? images - n : cut.s2;
            run.rows = y1 - y0;
            run.cols = x1 - x0;
            if (run.cols == OW && run.data_row == OW * run.data_step) { /* whole rows that lie one after the other */
              run.cols *= run.rows;
              run.rows = 1;
            }
            const __global float *h = head0 + n * head_image + head_map * K * tile + ((size_t)y0 * OW + x0) * VW;
            const __global float *d = data0 + n * data_image + data_map * in +
                                      ((size_t)(y0 * step.s0 + down) * W + (x0 * step.s1 + right)) * VW;
            __local float *to = sums + tile * K * block + (size_t)in * VW * channel + (r * kw + s) * VW;
            for (int p = 0; p < VW; p += P) {
              /* the first K calls of a tile of filters ask for its head; for the data each tile asks in turn */
              const int call = (in * taps + r * kw + s) * (VW / P) + p / P;
              run.head_next = call < K ? head_on + call * (long)head_map : 0;
              run.data_next = tile == in % tiles && p == 0 && r == kh / 2 && s == kw / 2 ? data_on : 0;
              accumulate((vec)(0.0f), &run, h, d + p, to + p * channel, channel, block);
            }
          }
        }
  }

  const size_t row = (size_t)count.s5 * taps; /* of the weight */
  const int left = count.s5 - in0 * VW, rows = (left < ins * VW ? left : ins * VW) * taps;
  for (int k = 0; k < tiles * K; k++) {
    const int o = group * out_blocks + tile0 * K + k, lanes = count.s4 - o * VW < VW ? count.s4 - o * VW : VW;
    if (cut.s4 > 1) {
      const size_t all = channel * VW * in_blocks;
      copy_to_global((vec)(0.0f), work + ((size_t)part * count.s1 * out_blocks + o) * all + channel * VW * in0, sums + k * block, block / VW);
    } else
      store_sums((vec)(0.0f), sums + k * block, 1, 0, rows, lanes, out + (size_t)o * VW * row + (size_t)in0 * VW * taps, row);
  }
}

/* out[filter][row] = sum over parts of work[part][block][row][lane]. A work-item has `cut` rows of a block, of which `rows` of the
 * `pitch` are stored. */
__kernel void weight_reduce(const __global float *work, __global float *out, const int blocks, const int filters, const int pitch,
                            const int rows, const int parts, const int cut) {
  const int pieces = (rows + cut - 1) / cut, unit = get_global_id(0), o = unit / pieces, row = unit % pieces * cut;
  const int lanes = filters - o * VW < VW ? filters - o * VW : VW;
  store_parts((vec)(0.0f), work + ((size_t)o * pitch + row) * VW, parts, (size_t)blocks * pitch * VW, rows - row < cut ? rows - row : cut,
              lanes, out + (size_t)o * VW * rows + row, rows);
}

/* The sum of `count` vectors. */
BLOCKED_APART vec sum_of(const vec zero, const __global float *from, const size_t count) {
  vec a = zero, b = zero, c = zero, d = zero;
  size_t i = 0;
  for (; i + 4 <= count; i += 4) {
    a += *(const __global uvec *)(from + i * VW);
    b += *(const __global uvec *)(from + (i + 1) * VW);
    c += *(const __global uvec *)(from + (i + 2) * VW);
    d += *(const __global uvec *)(from + (i + 3) * VW);
  }
  for (; i < count; i++) a += *(const __global uvec *)(from + i * VW);
  return (a + b) + (c + d);
}

/* The sums of head over the pixels of a part of the images, for a block of filters: to `work` [part][block][VW], or, if it is the only
 * part, to out. */
__kernel void bias_gradient(const __global float *head, __global float *out, __global float *work, const int images, const int blocks,
                            const int filters, const int pixels, const int parts) {
  const int unit = get_global_id(0), o = unit % blocks, part = unit / blocks, last = (long)images * (part + 1) / parts;
  vec sum = (vec)(0.0f);
  for (int n = (long)images * part / parts; n < last; n++)
    sum += sum_of((vec)(0.0f), head + ((size_t)n * blocks + o) * pixels * VW, pixels);
  if (parts > 1) {
    *(__global uvec *)(work + (size_t)unit * VW) = sum;
    return;
  }
  float lane[VW];
  *(uvec *)lane = sum;
  for (int l = 0; l < VW && o * VW + l < filters; l++) STORE(out, o * VW + l, lane[l]);
}
