/* Convolution with a 3 x 3 window, stride 1, by Winograd's minimal filtering F(TILE x TILE, 3 x 3) over blocked tensors, on CPUs.
 *
 * x [images][CB][H][W][VW], y [images][OB][OH][OW][VW]. The output is cut into tiles of TILE x TILE pixels; for each, N x N input pixels
 * (N = TILE + 2) become N x N points, V = B^T d B. At each point the channels are a matrix product, M = V U, and Y = A^T M A. The points
 * are 0, +-1 and infinity for TILE 2; 0, +-5/8, +-3/2 and infinity for TILE 4: their powers are exact in binary, and the error is half
 * that of 0, +-1, +-2 or less (figures in clsym/ops/winograd.py).
 *
 * u, the transformed weight, [panel][N * N][CB * VW][PANEL * VW]: a panel is PANEL blocks of filters, the last one may be narrower.
 *
 *   winograd_pack     u = G w G^T. A work-item: panels x blocks of channels.
 *   winograd_forward  A work-item: `chunk` tiles (of any image) x `span` blocks of filters. It transforms all its tiles into V
 *                     [N * N][CB][room][VW] in its scratch, then, panel by panel, computes M [N * N][PANEL][room][VW] behind it
 *                     and transforms that into y through the epilogue. `room` is the number of rows that the register tiles touch; rows
 *                     past the last tile hold anything. Every weight is read once for `chunk` tiles.
 *
 * Tunables: ROWS, ROWS_SOME, ROWS_FEW (rows of the register tiles, PANEL vectors wide), AHEAD.
 */
#include "common.h"
#ifndef TILE
#define TILE 4
#endif
#ifndef VW
#define VW 8 /* channels a block, one vector */
#endif
#ifndef WEIGHTS
#define WEIGHTS 0 /* 1: winograd_pack, 0: winograd_forward; apart, since each takes long to compile */
#endif
#ifndef PANEL
#define PANEL 2
#endif
#ifndef ROWS
#define ROWS (VW == 16 ? 14 : 6) /* ROWS * PANEL accumulators, PANEL + 1 operands */
#endif
#ifndef ROWS_SOME
#define ROWS_SOME (VW == 16 ? 8 : 4)
#endif
#ifndef ROWS_FEW
#define ROWS_FEW (VW == 16 ? 4 : 2)
#endif
#ifndef AHEAD
#define AHEAD 128 /* rows of a panel from the prefetch of the weight to its use: 8 to 16 KB, most of the way to DRAM and back */
#endif
#ifndef IN_WORKSPACE
#define IN_WORKSPACE 0 /* the scratch lies in a workspace, a part for each work-item, instead of in local memory */
#endif
#if IN_WORKSPACE
#define SCRATCH __global
#else
#define SCRATCH __local
#endif
#ifndef BIAS
#define BIAS 0
#endif
#ifndef RESIDUAL
#define RESIDUAL 0
#endif
#ifndef ACTIVATION
#define ACTIVATION 0 /* 0 none, 1 max(v, 0), 2 clipped to [low, high], 3 v < 0 ? low * v : v */
#endif
#define N (TILE + 2)
#define POINTS (N * N)

typedef CAT(float, VW) wino_aligned;
typedef wino_aligned wino __attribute__((aligned(4)));
#define INLINE static inline __attribute__((always_inline))
/* A function of its own with a vector among its arguments: inlined, or without one, clang compiles for narrower vectors. */
#define APART static __attribute__((noinline))

#if TILE == 4
#define PA 0.625f
#define PB 1.5f
#define PA2 (PA * PA)
#define PB2 (PB * PB)
/* B^T d, in place. */
INLINE void to_points(wino *d) {
  const wino even_b = d[4] - PB2 * d[2], odd_b = d[3] - PB2 * d[1], even_a = d[4] - PA2 * d[2], odd_a = d[3] - PA2 * d[1];
  d[0] = PA2 * PB2 * d[0] - (PA2 + PB2) * d[2] + d[4];
  d[5] = PA2 * PB2 * d[1] - (PA2 + PB2) * d[3] + d[5];
  d[1] = even_b + PA * odd_b;
  d[2] = even_b - PA * odd_b;
  d[3] = even_a + PB * odd_a;
  d[4] = even_a - PB * odd_a;
}
/* A^T m, the first TILE of m. */
INLINE void from_points(wino *m) {
  const wino sum_a = m[1] + m[2], dif_a = m[1] - m[2], sum_b = m[3] + m[4], dif_b = m[3] - m[4];
  m[0] = m[0] + sum_a + sum_b;
  m[1] = PA * dif_a + PB * dif_b;
  m[2] = PA2 * sum_a + PB2 * sum_b;
  m[3] = PA * PA2 * dif_a + PB * PB2 * dif_b + m[5];
}
/* G g: three taps to N points. */
INLINE void weight_points(const wino *g, wino *u) {
  const float na = 1 / (2 * PA2 * (PA2 - PB2)), nb = 1 / (2 * PB2 * (PB2 - PA2));
  const wino even_a = na * g[0] + na * PA2 * g[2], odd_a = na * PA * g[1], even_b = nb * g[0] + nb * PB2 * g[2], odd_b = nb * PB * g[1];
  u[0] = 1 / (PA2 * PB2) * g[0];
  u[1] = even_a + odd_a;
  u[2] = even_a - odd_a;
  u[3] = even_b + odd_b;
  u[4] = even_b - odd_b;
  u[5] = g[2];
}
#else
INLINE void to_points(wino *d) {
  const wino first = d[2] - d[0], last = d[3] - d[1], sum = d[2] + d[1], dif = d[2] - d[1];
  d[0] = first;
  d[1] = sum;
  d[2] = dif;
  d[3] = last;
}
INLINE void from_points(wino *m) {
  const wino sum = m[1] + m[2], dif = m[1] - m[2];
  m[0] = m[0] + sum;
  m[1] = dif + m[3];
}
INLINE void weight_points(const wino *g, wino *u) {
  const wino even = 0.5f * (g[0] + g[2]), odd = 0.5f * g[1];
  u[0] = -g[0];
  u[1] = even + odd;
  u[2] = even - odd;
  u[3] = g[2];
}
#endif

#if WEIGHTS
/* ------------------------------------------------------------------------------------------------------------------- weights */

/* One channel's windows of VW filters; taps lie in `w` as [tap][VW]; points go pstep apart. */
APART void pack_windows(const wino zero, const float *w, __global float *u, const size_t pstep) {
  wino t[3][N];
#pragma unroll
  for (int j = 0; j < 3; j++) {
    wino g[3];
#pragma unroll
    for (int i = 0; i < 3; i++) g[i] = *(const wino *)(w + (i * 3 + j) * VW);
    weight_points(g, t[j]);
  }
#pragma unroll
  for (int i = 0; i < N; i++) {
    wino g[3], r[N];
#pragma unroll
    for (int j = 0; j < 3; j++) g[j] = t[j][i];
    weight_points(g, r);
#pragma unroll
    for (int j = 0; j < N; j++) *(__global wino *)(u + (i * N + j) * pstep) = r[j];
  }
}

/* w has element (filter o, channel c, tap t) at o * ostep + c * cstep + t, or, with `turned`, + 8 - t. */
__kernel void winograd_pack(const __global float *restrict w, __global float *restrict u, const int channels, const int filters,
                            const int ostep, const int cstep, const int turned) {
  const int cb = (channels + VW - 1) / VW, ob = (filters + VW - 1) / VW, items = (ob + PANEL - 1) / PANEL * cb;
  const size_t block = (size_t)cb * VW * VW;
  float taps[9 * VW];
  for (int item = get_global_id(0); item < items; item += get_global_size(0)) { /* a panel, a block of channels */
    const int c0 = item % cb * VW, panel = item / cb * PANEL, width = min(PANEL, ob - panel);
    __global float *to = u + panel * POINTS * block + (size_t)c0 * width * VW;
    SHORT_LOOP for (int t = 0; t < 9 * VW; t++) taps[t] = 0;
    for (int row = 0; row < VW * width; row++, to += VW) { /* neighbouring vectors at once: the other order of loops is slower */
      const int c = c0 + row / width, o = (panel + row % width) * VW, lanes = min(VW, filters - o);
      const __global float *from = w + (size_t)o * ostep + (size_t)c * cstep;
      if (c >= channels || lanes < VW) /* beyond the last channel or filter */
        SHORT_LOOP for (int t = 0; t < 9 * VW; t++) taps[t] = 0;
      if (c >= channels) {
      } else if (turned) {
        for (int l = 0; l < lanes; l++, from += ostep)
#pragma unroll
          for (int t = 0; t < 9; t++) taps[t * VW + l] = from[8 - t];
      } else {
        for (int l = 0; l < lanes; l++, from += ostep)
#pragma unroll
          for (int t = 0; t < 9; t++) taps[t * VW + l] = from[t];
      }
      pack_windows((wino)(0.0f), taps, to, width * block);
    }
  }
}

#else
/* --------------------------------------------------------------------------------------------------------------------- input */

/* V of one tile and channel block from N x N pixels at d, rows `row` apart. */
#define TRANSFORM_INPUT(d, row)                                                                     \
  wino t[N][N];                                                                                     \
  _Pragma("unroll") for (int j = 0; j < N; j++) {                                                   \
    wino c[N];                                                                                      \
    _Pragma("unroll") for (int i = 0; i < N; i++) c[i] = *(const SPACE wino *)(d + i * (row) + j * VW); \
    to_points(c);                                                                                   \
    _Pragma("unroll") for (int i = 0; i < N; i++) t[i][j] = c[i];                                   \
  }                                                                                                 \
  _Pragma("unroll") for (int i = 0; i < N; i++) {                                                   \
    to_points(t[i]);                                                                                \
    _Pragma("unroll") for (int j = 0; j < N; j++) *(SCRATCH wino *)(v + (i * N + j) * pstep) = t[i][j]; \
  }

/* `count` tiles side by side that lie in the image, all channel blocks. */
#define SPACE __global
APART void input_inside(const wino zero, const __global float *x, const size_t row, const size_t plane, const int count,
                        SCRATCH float *v0, const size_t vstep, const size_t pstep, const int cb) {
  for (int c = 0; c < cb; c++, x += plane, v0 += vstep) {
    const __global float *d = x;
    SCRATCH float *v = v0;
    for (int t = 0; t < count; t++, d += TILE * VW, v += VW) {
      TRANSFORM_INPUT(d, row)
    }
  }
}
#undef SPACE

/* A tile of which only the pixels [y0, y1) x [x0, x1) lie in the image; x points to pixel (0, 0) of the tile. */
#define SPACE
APART void input_border(const wino zero, const __global float *x, const size_t row, const size_t plane, const int y0, const int y1,
                        const int x0, const int x1, SCRATCH float *v, const size_t vstep, const size_t pstep, const int cb) {
  float patch[POINTS * VW];
  for (int i = 0; i < POINTS; i++) *(wino *)(patch + i * VW) = zero;
  for (int c = 0; c < cb; c++, x += plane, v += vstep) {
    for (int i = y0; i < y1; i++)
      for (int j = x0; j < x1; j++) *(wino *)(patch + (i * N + j) * VW) = *(const __global wino *)(x + i * (long)row + j * VW);
    TRANSFORM_INPUT(patch, N * VW)
  }
}
#undef SPACE

/* ------------------------------------------------------------------------------------------------------------------- product */

/* m[rows][VW], for `panel` blocks mstep apart, = v[cb][room][VW] times u[cb * VW][panel * VW]; rows and panel are constants. */
INLINE void multiply(const wino zero, const int rows, const int panel, const SCRATCH float *v, const size_t vstep,
                     const __global float *u, const int cb, SCRATCH float *m, const size_t mstep) {
  wino acc[ROWS][PANEL];
#pragma unroll
  for (int i = 0; i < ROWS; i++)
#pragma unroll
    for (int j = 0; j < PANEL; j++) acc[i][j] = zero;
  for (int c = 0; c < cb; c++, v += vstep)
    for (int k = 0; k < VW; k++, u += panel * VW) {
      wino w[PANEL];
      if (AHEAD) PREFETCH(u + AHEAD * panel * VW);
      if (AHEAD && panel * VW > 16) PREFETCH(u + AHEAD * panel * VW + 16);
#pragma unroll
      for (int j = 0; j < PANEL; j++)
        if (j < panel) w[j] = *(const __global wino *)(u + j * VW);
#pragma unroll
      for (int i = 0; i < ROWS; i++)
        if (i < rows) {
          const wino a = (wino)(v[i * VW + k]);
#pragma unroll
          for (int j = 0; j < PANEL; j++)
            if (j < panel) acc[i][j] = acc[i][j] + a * w[j];
        }
    }
#pragma unroll
  for (int i = 0; i < ROWS; i++)
    if (i < rows)
#pragma unroll
      for (int j = 0; j < PANEL; j++)
        if (j < panel) *(SCRATCH wino *)(m + i * VW + j * mstep) = acc[i][j];
}
#define PRODUCT                                                                                                                     \
  const wino zero, const SCRATCH float *v, const size_t vstep, const __global float *u, const int cb, SCRATCH float *m, const size_t mstep
APART void multiply_all(PRODUCT) { multiply(zero, ROWS, PANEL, v, vstep, u, cb, m, mstep); }
APART void multiply_some(PRODUCT) { multiply(zero, ROWS_SOME, PANEL, v, vstep, u, cb, m, mstep); }
APART void multiply_few(PRODUCT) { multiply(zero, ROWS_FEW, PANEL, v, vstep, u, cb, m, mstep); }
APART void multiply_narrow_all(PRODUCT) { multiply(zero, ROWS, 1, v, vstep, u, cb, m, mstep); }
APART void multiply_narrow_few(PRODUCT) { multiply(zero, ROWS_FEW, 1, v, vstep, u, cb, m, mstep); }

/* -------------------------------------------------------------------------------------------------------------------- output */

INLINE wino finish(wino v, const wino add, const float low, const float high) {
  v = v + add;
#if ACTIVATION == 1
  v = v < (wino)(0.0f) ? (wino)(0.0f) : v;
#elif ACTIVATION == 2
  v = v < (wino)(low) ? (wino)(low) : v;
  v = v > (wino)(high) ? (wino)(high) : v;
#elif ACTIVATION == 3
  v = v < (wino)(0.0f) ? low * v : v;
#endif
  return v;
}

/* `blocks` blocks of filters of one tile: at most TILE x TILE pixels, `high` of them down and `wide` across. */
APART void output_tile(const wino zero, const SCRATCH float *m, const size_t mstep, const size_t pstep, const int blocks,
                       __global float *y, const __global float *residual, const __global float *bias, const size_t row, const size_t plane,
                       const int high, const int wide, const float least, const float most) {
  for (int b = 0; b < blocks; b++, m += mstep, y += plane, residual += plane, bias += VW) {
    wino t[TILE][N];
#pragma unroll
    for (int j = 0; j < N; j++) {
      wino c[N];
#pragma unroll
      for (int i = 0; i < N; i++) c[i] = *(const SCRATCH wino *)(m + (i * N + j) * pstep);
      from_points(c);
#pragma unroll
      for (int i = 0; i < TILE; i++) t[i][j] = c[i];
    }
#if BIAS
    const wino shift = *(const __global wino *)bias;
#else
    const wino shift = zero;
#endif
#pragma unroll
    for (int i = 0; i < TILE; i++) {
      if (i >= high) break;
      from_points(t[i]);
#pragma unroll
      for (int j = 0; j < TILE; j++) {
        if (j >= wide) break;
        __global wino *to = (__global wino *)(y + i * row + j * VW);
#if RESIDUAL
        const wino v = finish(t[i][j], shift + *(const __global wino *)(residual + i * row + j * VW), least, most);
#else
        const wino v = finish(t[i][j], shift, least, most);
#endif
#if REQ == 2
        *to = *to + v;
#else
        *to = v;
#endif
      }
    }
  }
}

__kernel void winograd_forward(const __global float *restrict x, const __global float *restrict u, __global float *y,
                               const __global float *bias, const __global float *residual, SCRATCH float *scratch, const int images,
                               const int cb, const int ob, const int2 in, const int2 out, const int2 pad, const int chunk, const int room,
                               const int span, const int items, const float low, const float high) {
  const int down = (out.x + TILE - 1) / TILE, across = (out.y + TILE - 1) / TILE, tiles = images * down * across;
  const int splits = (ob + span - 1) / span;
  const size_t row = (size_t)in.y * VW, plane = in.x * row, orow = (size_t)out.y * VW, oplane = out.x * orow;
  /* an odd number of vectors between points, lest all of them fall into one set of the cache */
  const size_t vstep = (size_t)room * VW, vpoints = (cb * room | 1) * (size_t)VW, mpoints = (PANEL * room | 1) * (size_t)VW;
  const size_t block = (size_t)cb * VW * VW;
  const wino zero = (wino)(0.0f);
  if (IN_WORKSPACE) scratch += get_global_id(0) * POINTS * (vpoints + mpoints);
  SCRATCH float *m = scratch + POINTS * vpoints;
  for (int item = get_global_id(0); item < items; item += get_global_size(0)) {
    const int first = item / splits * chunk, count = min(chunk, tiles - first);
    const int o0 = item % splits * span, o1 = min(ob, o0 + span);
    for (int t = 0, run; t < count; t += run) { /* a run of tiles of one row of tiles: all of them inside, or a single one */
      const int tx = (first + t) % across, ty = (first + t) / across % down, image = (first + t) / across / down;
      const int left = tx * TILE - pad.y, top = ty * TILE - pad.x;
      const __global float *from = x + (long)image * cb * plane + top * (long)row + left * VW;
      const int y0 = max(0, -top), y1 = min(N, in.x - top), x0 = max(0, -left), x1 = min(N, in.y - left);
      run = 1;
      if (y0 == 0 && x0 == 0 && y1 == N && x1 == N) {
        run = min(min(across - tx, count - t), (in.y - N - left) / TILE + 1);
        input_inside(zero, from, row, plane, run, scratch + t * VW, vstep, vpoints, cb);
      } else
        input_border(zero, from, row, plane, y0, y1, x0, x1, scratch + t * VW, vstep, vpoints, cb);
    }
    for (int o = o0; o < o1; o += PANEL) {
      const int width = min(PANEL, ob - o);
      const __global float *panel = u + o * POINTS * block;
      for (int p = 0; p < POINTS; p++, panel += width * block) {
        const SCRATCH float *from = scratch + p * vpoints;
        SCRATCH float *to = m + p * mpoints;
        if (width == PANEL)
          for (int t = 0, rows; t < count; t += rows, from += rows * VW, to += rows * VW) {
            const int rest = count - t;
            if (rest > 2 * ROWS_SOME || (rest <= ROWS && rest > ROWS_SOME)) {
              rows = ROWS;
              multiply_all(zero, from, vstep, panel, cb, to, vstep);
            } else if (rest > ROWS_FEW) {
              rows = ROWS_SOME;
              multiply_some(zero, from, vstep, panel, cb, to, vstep);
            } else {
              rows = ROWS_FEW;
              multiply_few(zero, from, vstep, panel, cb, to, vstep);
            }
          }
        else
          for (int t = 0, rows; t < count; t += rows, from += rows * VW, to += rows * VW)
            if (count - t > ROWS_FEW) {
              rows = ROWS;
              multiply_narrow_all(zero, from, vstep, panel, cb, to, vstep);
            } else {
              rows = ROWS_FEW;
              multiply_narrow_few(zero, from, vstep, panel, cb, to, vstep);
            }
      }
      for (int t = 0; t < count; t++) {
        const int tx = (first + t) % across, ty = (first + t) / across % down, image = (first + t) / across / down;
        const size_t at = ((size_t)image * ob + o) * oplane + (size_t)ty * TILE * orow + (size_t)tx * TILE * VW;
        output_tile(zero, m + t * VW, vstep, mpoints, width, y + at, residual + (RESIDUAL ? at : 0), bias + o * (BIAS ? VW : 0), orow,
                    oplane, min(TILE, out.x - ty * TILE), min(TILE, out.y - tx * TILE), low, high);
      }
    }
  }
}
#endif
