/* Gradient of the data of a strided convolution over blocked tensors, on CPUs.
 *
 *   dX[n, i, h, w] = sum over filters o and taps (r, s) of  head[n, o, y, x] * W[o, i, r, s],   y sy + r dy - py = h,  x sx + s dx - px = w
 *   head (images, out blocks, OH, OW, VW), W (filters, channels a group, kh, kw), out (images, in blocks, H, W, VW)
 *
 * A phase is the pixels with the same (h mod sy, w mod sx): (t sy + ph, u sx + pw). Only some taps meet it, and each reads head at a fixed
 * distance from (t, u): a dense convolution of stride 1. The taps of a phase lie in arithmetic progression along each axis.
 *
 * The weight is packed first: [group][tile of K in blocks][phase][out block][tap][filter][K][VW], every phase with all its taps.
 * A register tile is R rows x C columns of a phase (head broadcast) by K blocks of channels (vectors); it stays in registers over all taps
 * and filters of a chunk. A work-item has a stretch of t and u of some images and some blocks of channels; it copies the head it meets into
 * local memory with zeros around, so that no pixel is tested.
 */
#include "common.h"
#include "blocked_gradient.h"

#ifndef K
#define K 2 /* blocks of channels a tile: 1 where a group has an odd number */
#endif
#ifndef Q
#define Q 14 /* pixels of the tile, even; K * Q sums, K vectors and a broadcast must fit the registers */
#endif
#ifndef BIAS
#define BIAS 0 /* 1: a value a channel is added, so that it is a transposed convolution */
#endif
#define TILE_ROWS(shape) ((shape) == 1 ? 2 : 1)
#define TILE_COLS(shape) ((shape) == 0 ? Q : (shape) == 1 ? Q / 2 : Q * 5 / 7)

/* The taps of one axis that meet a phase: `first`, and every `step`th after it, `count` in all; the first reads head at t + at, each further
 * one `back` before. */
typedef struct {
  int first, step, count, at, back;
} Taps;
BLOCKED_INLINE Taps taps_of(const int phase, const int kernel_size, const int stride, const int dilate, const int pad) {
  Taps t = {0, 1, 0, 0, 0};
  for (int r = 0; r < kernel_size; r++)
    if ((phase + pad - r * dilate) % stride == 0) {
      if (t.count == 0) t.first = r, t.at = (phase + pad - r * dilate) / stride;
      if (t.count == 1) t.step = r - t.first, t.back = t.at - (phase + pad - r * dilate) / stride;
      t.count++;
    }
  return t;
}

/* A vector of channels i .. i + VW - 1 of tap `tap`, for each of VW taps; the weight ends at `size`, channels at `channels`. */
BLOCKED_APART vec load_taps(const vec zero, vec *v, const __global float *weight, const size_t at, const size_t size, const int taps,
                            const int channels) {
#pragma unroll
  for (int i = 0; i < VW; i++) v[i] = zero;
  if (channels >= VW && at + (VW - 1) * (size_t)taps + VW <= size) {
#pragma unroll
    for (int i = 0; i < VW; i++) v[i] = *(const __global uvec *)(weight + at + i * taps);
    turn(v);
    return zero;
  }
  for (int i = 0; i < VW && i < channels; i++)
    for (int t = 0; t < VW && at + (size_t)i * taps + t < size; t++) ((float *)v)[t * VW + i] = weight[at + (size_t)i * taps + t];
  return zero;
}

/* count: groups, out blocks and in blocks a group, filters in all, channels a group        size: kh, kw, sy, sx, dy, dx, py, px
 * One work-item for each group, tile of in blocks, and out block. */
__kernel void pack_strided(const __global float *weight, __global float *packed, const int8 count, const int8 size) {
  const int out_blocks = count.s1, in_tiles = count.s2 / K, kh = size.s0, kw = size.s1, taps = kh * kw;
  int unit = get_global_id(0);
  const int block = unit % out_blocks;
  unit /= out_blocks;
  const int tile = unit % in_tiles, group = unit / in_tiles, o0 = (group * out_blocks + block) * VW;
  const size_t lane = K * VW, channels = count.s4, size_all = (size_t)count.s3 * channels * taps;
  __global float *to = packed + (size_t)(group * in_tiles + tile) * taps * out_blocks * VW * lane;
  size_t place[VW];
  for (int t0 = 0; t0 < taps; t0 += VW) {
    const int now = taps - t0 < VW ? taps - t0 : VW;
    for (int t = 0; t < now; t++) {
      /* the phase of the tap, how many taps are in the phases before, and which of its phase it is */
      const int r = (t0 + t) / kw, s = (t0 + t) % kw;
      const int ph = ((r * size.s4 - size.s6) % size.s2 + size.s2) % size.s2, pw = ((s * size.s5 - size.s7) % size.s3 + size.s3) % size.s3;
      int above = 0, before = 0;
      for (int p = 0; p < ph; p++) above += taps_of(p, kh, size.s2, size.s4, size.s6).count;
      for (int p = 0; p < pw; p++) before += taps_of(p, kw, size.s3, size.s5, size.s7).count;
      const Taps down = taps_of(ph, kh, size.s2, size.s4, size.s6), across = taps_of(pw, kw, size.s3, size.s5, size.s7);
      const size_t phase = (size_t)(above * kw + down.count * before) * out_blocks;
      const int tap = (r - down.first) / down.step * across.count + (s - across.first) / across.step;
      place[t] = (phase + (size_t)block * down.count * across.count + tap) * VW * lane;
    }
    for (int l = 0; l < VW; l++)
      for (int k = 0; k < K; k++) {
        const int i0 = (tile * K + k) * VW, o = o0 + l;
        vec v[VW];
        if (taps == 1 && o < count.s3 && i0 + VW <= (int)channels)
          v[0] = *(const __global uvec *)(weight + o * channels + i0);
        else
          load_taps((vec)(0.0f), v, weight, (o * channels + i0) * taps + t0, size_all, taps, o < count.s3 ? (int)channels - i0 : 0);
        for (int t = 0; t < now; t++) *(__global uvec *)(to + place[t] + l * lane + k * VW) = v[t];
      }
  }
}

/* What the register tiles of a phase have in common: blocks of filters in the strip and its steps, and the taps along each axis. */
typedef struct {
  int blocks, high, wide;
  size_t block_step, down, across;
} Phase;

/* tile[pixel][K][VW] = sum over blocks, taps and filters of strip * weight; row0 and row1 point to the first tap of the first pixel. */
#define MULTIPLY(name, R, C)                                                                                             \
  BLOCKED_APART void name(const vec zero, float *tile, const Phase *phase, const __local float *row0, const __local float *row1, \
                          const __global float *weight) {                                                                \
    vec acc[(R) * (C)][K];                                                                                               \
    _Pragma("unroll") for (int q = 0; q < (R) * (C); q++)                                                                \
      _Pragma("unroll") for (int k = 0; k < K; k++) acc[q][k] = zero;                                                    \
    const int blocks = phase->blocks, high = phase->high, wide = phase->wide;                                            \
    const size_t down = phase->down, across = phase->across;                                                             \
    const long other = row1 - row0;                                                                                      \
    for (int b = 0; b < blocks; b++)                                                                                     \
      for (int r = 0; r < high; r++) {                                                                                   \
        const __local float *a = row0 + b * phase->block_step - r * down;                                                \
        for (int s = 0; s < wide; s++, a -= across) {                                                                    \
          const __local float *c = a;                                                                                    \
          _Pragma("nounroll") for (int l = 0; l < VW; l++) {                                                             \
            vec w[K];                                                                                                    \
            _Pragma("unroll") for (int k = 0; k < K; k++) w[k] = *(const __global uvec *)(weight + k * VW);              \
            _Pragma("unroll") for (int q = 0; q < (R) * (C); q++) {                                                      \
              const vec v = (vec)(c[(q < (C) ? 0 : other) + q % (C) * VW]);                                              \
              _Pragma("unroll") for (int k = 0; k < K; k++) acc[q][k] = acc[q][k] + w[k] * v;                            \
            }                                                                                                            \
            c++;                                                                                                         \
            weight += K * VW;                                                                                            \
          }                                                                                                              \
        }                                                                                                                \
      }                                                                                                                  \
    _Pragma("unroll") for (int q = 0; q < (R) * (C); q++)                                                                \
      _Pragma("unroll") for (int k = 0; k < K; k++) *(uvec *)(tile + (q * K + k) * VW) = acc[q][k];                      \
  }
MULTIPLY(multiply_row, 1, TILE_COLS(0))
MULTIPLY(multiply_two, 2, TILE_COLS(1))
MULTIPLY(multiply_short, 1, TILE_COLS(2))

/* Stores `cols` pixels of a row of a tile, `step` apart. */
BLOCKED_APART vec store_pixels(const vec zero, const float *tile, __global float *out, const size_t block, const size_t step,
                               const int cols, const int add, const __global float *bias) {
  for (int k = 0; k < K; k++) {
    const vec more = bias ? *(const __global uvec *)(bias + k * VW) : zero;
    for (int q = 0; q < cols; q++) {
      __global uvec *to = (__global uvec *)(out + k * block + q * step);
      const vec v = *(const uvec *)(tile + (q * K + k) * VW) + more;
      *to = add ? *to + v : v;
    }
  }
  return zero;
}

/* The same where no tap meets the pixels. */
BLOCKED_APART vec untouched_pixels(const vec zero, __global float *out, const size_t block, const size_t step, const int cols, const int add,
                                   const __global float *bias) {
  for (int k = 0; k < K; k++) {
    const vec v = bias ? *(const __global uvec *)(bias + k * VW) : zero;
    for (int q = 0; q < cols; q++) {
      __global uvec *to = (__global uvec *)(out + k * block + q * step);
      *to = add ? *to + v : v;
    }
  }
  return zero;
}

/* count: images, groups, out blocks and in blocks a group
 * size:  H, W, OH, OW, kh, kw         step: sy, sx, dy, dx, py, px
 * reach: least and greatest distance of a tap from t, and from u
 * cut:   images, t and u of a strip, out blocks of it, tiles of K in blocks a work-item, shape of the tile, pitch of the strip
 * One work-item for each strip, group, and piece of the in blocks, the last the fastest. */
__kernel void strided_data_gradient(const __global float *head, const __global float *packed, __global float *out,
                                    const __global float *bias, __local float *strip, const int8 count, const int8 size, const int8 step, const int4 reach, const int8 cut) {
  const int images = count.s0, out_blocks = count.s2, in_tiles = count.s3 / K;
  const int H = size.s0, W = size.s1, OH = size.s2, OW = size.s3, kh = size.s4, kw = size.s5, sy = step.s0, sx = step.s1;
  const int phase_rows = (H + sy - 1) / sy, phase_cols = (W + sx - 1) / sx;
  const int pieces = (in_tiles + cut.s4 - 1) / cut.s4, high = (phase_rows + cut.s1 - 1) / cut.s1, wide = (phase_cols + cut.s2 - 1) / cut.s2;
  int unit = get_global_id(0);
  const int tile0 = unit % pieces * cut.s4;
  unit /= pieces;
  const int group = unit % count.s1;
  unit /= count.s1;
  const int u0 = unit % wide * cut.s2, t0 = unit / wide % high * cut.s1, n0 = unit / wide / high * cut.s0;
  const int tiles = in_tiles - tile0 < cut.s4 ? in_tiles - tile0 : cut.s4;
  const int us = phase_cols - u0 < cut.s2 ? phase_cols - u0 : cut.s2, ts = phase_rows - t0 < cut.s1 ? phase_rows - t0 : cut.s1;
  const int ns = images - n0 < cut.s0 ? images - n0 : cut.s0;
  const int R = TILE_ROWS(cut.s5), C = TILE_COLS(cut.s5);

  /* strip: [out block][image][row t0 + reach.s0 ...][column u0 + reach.s2 ...][VW], rows of `pitch` pixels */
  const int strip_rows = ts + reach.s1 - reach.s0;
  const size_t pitch = (size_t)cut.s6 * VW, image = strip_rows * pitch, block = image * ns;
  const int y0 = t0 + reach.s0, x0 = u0 + reach.s2;
  const int left = x0 < 0 ? (-x0 < cut.s6 ? -x0 : cut.s6) : 0;
  const int some = x0 + cut.s6 < OW ? cut.s6 - left : OW - x0 - left, middle = some > 0 ? some : 0;

  for (int block0 = 0; block0 < out_blocks; block0 += cut.s3) {
    const int blocks = out_blocks - block0 < cut.s3 ? out_blocks - block0 : cut.s3;
    for (int b = 0; b < blocks; b++)
      for (int n = 0; n < ns; n++)
        for (int y = 0; y < strip_rows; y++) {
          __local float *to = strip + b * block + n * image + y * pitch;
          const int row = y0 + y, inside = row >= 0 && row < OH ? middle : 0;
          if (inside) {
            const size_t map = (size_t)(n0 + n) * out_blocks * count.s1 + group * out_blocks + block0 + b;
            fill_local((vec)(0.0f), to, left);
            copy_to_local((vec)(0.0f), to + left * VW, head + ((map * OH + row) * OW + x0 + left) * VW, inside);
            fill_local((vec)(0.0f), to + (left + inside) * VW, cut.s6 - left - inside);
          } else
            fill_local((vec)(0.0f), to, cut.s6);
        }

    for (int tile = tile0; tile < tile0 + tiles; tile++) {
      const __global float *weight = packed + (size_t)(group * in_tiles + tile) * kh * kw * out_blocks * VW * K * VW;
      const __global float *more = BIAS && block0 == 0 ? bias + ((size_t)group * count.s3 + tile * K) * VW : 0;
      for (int ph = 0; ph < sy; ph++) {
        const Taps down = taps_of(ph, kh, sy, step.s2, step.s4);
        for (int pw = 0; pw < sx; pw++) {
          const Taps across = taps_of(pw, kw, sx, step.s3, step.s5);
          const int taps = down.count * across.count, add = REQ == 2 || block0 > 0;
          const __global float *w = weight + (size_t)taps * block0 * VW * K * VW;
          weight += (size_t)taps * out_blocks * VW * K * VW;
          const int first = u0 * sx + pw, inside = first < W ? (W - 1 - first) / sx + 1 : 0, cols = inside < us ? inside : us;
          if (taps == 0) { /* no pixel of the output depends on these */
            for (int i = 0; i < ns * ts && (more || !add); i++) {
              const int n = n0 + i / ts, h = (t0 + i % ts) * sy + ph;
              const size_t map = ((size_t)n * count.s1 + group) * count.s3 + tile * K;
              if (h < H)
                untouched_pixels((vec)(0.0f), out + ((map * H + h) * W + first) * VW, (size_t)H * W * VW, (size_t)sx * VW, cols, add, more);
            }
            continue;
          }
          const Phase phase = {blocks, down.count, across.count, block, down.back * pitch, (size_t)across.back * VW};
          const __local float *origin = strip + (down.at - reach.s0) * pitch + (across.at - reach.s2) * VW;
          for (int i = 0; i < ns * ts; i += R)
            for (int u = 0; u < us; u += C) {
              float sums[Q * K * VW] __attribute__((aligned(64)));
              const __local float *row0 = origin + i / ts * image + i % ts * pitch + u * VW, *row1 = row0;
              if (R == 2 && i + 1 < ns * ts) row1 = origin + (i + 1) / ts * image + (i + 1) % ts * pitch + u * VW;
              if (cut.s5 == 0)
                multiply_row((vec)(0.0f), sums, &phase, row0, row1, w);
              else if (cut.s5 == 1)
                multiply_two((vec)(0.0f), sums, &phase, row0, row1, w);
              else
                multiply_short((vec)(0.0f), sums, &phase, row0, row1, w);
              for (int j = i; j < i + R && j < ns * ts; j++) {
                const int n = n0 + j / ts, h = (t0 + j % ts) * sy + ph;
                if (h >= H) continue;
                const size_t map = ((size_t)n * count.s1 + group) * count.s3 + tile * K;
                store_pixels((vec)(0.0f), sums + (j - i) * C * K * VW, out + ((map * H + h) * W + first + u * sx) * VW,
                             (size_t)H * W * VW, (size_t)sx * VW, cols - u < C ? cols - u : C, add, more);
              }
            }
        }
      }
    }
  }
}
