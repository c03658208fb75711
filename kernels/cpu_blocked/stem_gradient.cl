/* Gradient of the weight of a convolution whose data is NCHW with few channels (the first layer of a network) and whose output is blocked.
 *
 *   head (images, out blocks, OH, OW, VW), data (images, channels, H, W), out (filters, channels, kh, kw)
 *
 * As in cpu_blocked/gradient.cl; but a register tile is K blocks of filters (vectors) by PR x PS taps of one channel (broadcast). The rows of
 * data that a chunk of pixels meets are copied into local memory with zeros around them.
 */
#include "common.h"
#include "blocked_gradient.h"

#ifndef K
#define K 2 /* blocks of filters a tile */
#endif
#ifndef PR
#define PR 1 /* rows and columns of taps a tile */
#define PS 7
#endif
#ifndef DX
#define DX 1 /* dilation along a row */
#endif

STORE_TURNED(store_sums, __local)

typedef struct {
  int rows, cols;                 /* of the pixels */
  int high, wide;                 /* taps of the tile that exist */
  size_t head_block, head_row, strip_row, strip_step, tap_row, sums_row, sums_block;
  long head_next; /* from a pixel's head to the one of the next chunk to ask for */
} Run;

BLOCKED_APART void accumulate(const vec zero, const Run *run, const __global float *head, const __local float *strip,
                              __local float *sums) {
  vec acc[PR * PS][K];
#pragma unroll
  for (int p = 0; p < PR * PS; p++)
#pragma unroll
    for (int k = 0; k < K; k++) acc[p][k] = zero;
  const int rows = run->rows, cols = run->cols;
  const size_t head_block = run->head_block, step = run->strip_step, tap_row = run->tap_row;
  const long head_next = run->head_next;
  for (int y = 0; y < rows; y++) {
    const __global float *h = head + y * run->head_row;
    const __local float *d = strip + y * run->strip_row;
    for (int x = cols; x > 0; x--) {
      vec v[K];
      PREFETCH_L2(h + head_next);
#pragma unroll
      for (int k = 0; k < K; k++) v[k] = *(const __global uvec *)(h + k * head_block);
#pragma unroll
      for (int r = 0; r < PR; r++)
#pragma unroll
        for (int s = 0; s < PS; s++) {
          const vec b = (vec)(d[r * tap_row + s * DX]);
#pragma unroll
          for (int k = 0; k < K; k++) acc[r * PS + s][k] = acc[r * PS + s][k] + v[k] * b;
        }
      h += VW;
      d += step;
    }
  }
#pragma unroll
  for (int r = 0; r < PR; r++)
#pragma unroll
    for (int s = 0; s < PS; s++)
      if (r < run->high && s < run->wide)
#pragma unroll
        for (int k = 0; k < K; k++)
          *(__local uvec *)(sums + r * run->sums_row + s * VW + k * run->sums_block) += acc[r * PS + s][k];
}

/* to[0..pitch) = zeros, then `width` elements of a row from column `left` on, then zeros. */
BLOCKED_APART vec copy_row(const vec zero, __local float *to, const __global float *from, const int left, const int width,
                           const int pitch) {
  for (int i = 0; i < pitch; i += VW)
    if (i < left || i + VW > left + width) *(__local uvec *)(to + i) = zero;
  const int skip = left < 0 ? -left : 0;
  int i = skip;
  const int end = left + width < pitch ? width : pitch - left;
  for (; i + VW <= end; i += VW) *(__local uvec *)(to + left + i) = *(const __global uvec *)(from + i);
  SHORT_LOOP for (; i < end; i++) to[left + i] = from[i];
  return zero;
}

/* count: images, out blocks, channels, filters        size, step: see cpu_blocked/gradient.cl
 * cut:   tiles of K out blocks a work-item, rows of pixels a chunk, parts; pitch of a row of the strip, rows of a channel of it
 * One work-item for each part and piece of the out blocks. */
__kernel void stem_weight_gradient(const __global float *head, const __global float *data, __global float *out, __global float *work,
                                   __local float *sums, __local float *strip, const int8 count, const int8 size, const int8 step,
                                   const int8 cut) {
  const int images = count.s0, out_blocks = count.s1, channels = count.s2, out_tiles = out_blocks / K;
  const int H = size.s0, W = size.s1, OH = size.s2, OW = size.s3, kh = size.s4, kw = size.s5, taps = kh * kw;
  const int pieces = (out_tiles + cut.s0 - 1) / cut.s0, pitch = cut.s3, high = cut.s4;
  const int unit = get_global_id(0), tile0 = unit % pieces * cut.s0, part = unit / pieces;
  const int tiles = out_tiles - tile0 < cut.s0 ? out_tiles - tile0 : cut.s0;
  const size_t head_map = (size_t)OH * OW * VW, block = (size_t)channels * taps * VW;
  fill_local((vec)(0.0f), sums, block / VW * K * tiles);

  Run run;
  run.cols = OW;
  run.head_block = head_map;
  run.head_row = (size_t)OW * VW;
  run.strip_row = (size_t)pitch * step.s0;
  run.strip_step = step.s1;
  run.tap_row = (size_t)pitch * step.s2;
  run.sums_row = kw * VW;
  run.sums_block = block;
  const int bands = (OH + cut.s1 - 1) / cut.s1, chunks = images * bands, last = (long)chunks * (part + 1) / cut.s2;
  for (int chunk = (long)chunks * part / cut.s2; chunk < last; chunk++) {
    const int n = chunk / bands, top = chunk % bands * cut.s1, first = top * step.s0 - step.s4;
    run.rows = OH - top < cut.s1 ? OH - top : cut.s1;
    for (int c = 0; c < channels; c++)
      for (int y = 0; y < high; y++) {
        __local float *to = strip + ((size_t)c * high + y) * pitch;
        const int row = first + y;
        if (row < 0 || row >= H)
          fill_local((vec)(0.0f), to, pitch / VW);
        else
          copy_row((vec)(0.0f), to, data + (((size_t)n * channels + c) * H + row) * W, step.s5, W, pitch);
      }
    const int then = chunk + 1 < last ? chunk + 1 : chunk;
    const long head_on = (then / bands - n) * (long)(head_map * out_blocks) + (then % bands * cut.s1 - top) * (long)run.head_row;
    for (int tile = 0; tile < tiles; tile++) {
      int call = 0;
      const __global float *h = head + ((size_t)n * out_blocks + (tile0 + tile) * K) * head_map + (size_t)top * OW * VW;
      for (int c = 0; c < channels; c++)
        for (int r = 0; r < kh; r += PR)
          for (int s = 0; s < kw; s += PS) {
            run.head_next = call < K ? head_on + call++ * (long)head_map : 0;
            run.high = kh - r;
            run.wide = kw - s;
            accumulate((vec)(0.0f), &run, h, strip + ((size_t)c * high + r * step.s2) * pitch + s * DX,
                       sums + tile * K * block + ((size_t)c * taps + r * kw + s) * VW);
          }
    }
  }

  for (int k = 0; k < tiles * K; k++) {
    const int o = tile0 * K + k, lanes = count.s3 - o * VW < VW ? count.s3 - o * VW : VW;
    if (cut.s2 > 1)
      copy_to_global((vec)(0.0f), work + ((size_t)part * out_blocks + o) * block, sums + k * block, block / VW);
    else
      store_sums((vec)(0.0f), sums + k * block, 1, 0, channels * taps, lanes, out + (size_t)o * VW * channels * taps, channels * taps);
  }
}
