/* Direct convolution of float32 over tensors in blocked layout, for CPUs; and the packing of its weight.
 *
 * x [N][C/VW][H][W][VW], y [N][O/VW][OH][OW][VW]; with PLAIN x is [N][C][H][W] (few channels: the first layer of a network). The packed
 * weight is w [groups][panels][C/VW][kh][kw][VW][NV * VW]: a panel is the NV blocks of output channels of a tile, the VW before it run
 * over the input channels of a block (PLAIN: [panels][C][kh][kw][NV * VW]). Strides of x and y are arguments, so that the caller may
 * take a map for one row of pixels, or the images for pixels.
 *
 *   blocked_forward  y = activation(x (*) w + bias + residual). A work-item computes a strip (some rows and columns of some images) of
 *                    some panels of a group: it packs the strip's input, `depth` blocks of channels at a time, into local memory
 *                    (a work-group of one item has it to itself; half of the L2 cache), then goes over the panels and, within a panel,
 *                    over tiles of 2 x RUN pixels x NV * VW channels, which stay in registers over all of kh * kw * depth * VW steps.
 *                    With DIRECT (window 1 x 1, stride 1) x is read where it lies.
 *   blocked_pack     the packed weight from w [O][C/groups][kh][kw], zeros where there is no channel. With TURNED from the weight of the
 *                    convolution whose data gradient is wanted: filters and channels exchanged, the window turned around.
 *
 * The packed input is [depth][image][row phase][column phase][row][pitch][VW]. Two taps whose distance (dilation * taps) is a multiple of
 * the stride read the same rows, one further down: they share a phase. So pixels of a row lie VW apart whatever the stride, padding is
 * packed as zeros, and the multiply loop needs an offset a tap (`at`) and no test. Where rows would fill runs badly (OW = 8, 17), each
 * tap along the row has a phase of its own: then pitch = OW, and runs go on from one row into the next (`flat`).
 *
 * Tunables: VW, NV, RUN: 2 * RUN * NV accumulators, NV weights and a pixel must fit the vector registers (32 with 512 bits, else 16).
 */
#include "common.h"

#ifndef VW
#define VW 8 /* channels a block = elements a vector */
#endif
#ifndef NV
#define NV 2 /* blocks of output channels a tile */
#endif
#ifndef RUN
#define RUN 3 /* pixels side by side; a tile is two runs, each with a place of its own */
#endif
#ifndef PLAIN
#define PLAIN 0 /* 1: x is not blocked */
#endif
#ifndef SW
#define SW 1 /* PLAIN: stride along the row */
#endif
#ifndef DIRECT
#define DIRECT 0
#endif
#ifndef UNROLL
#define UNROLL 2 /* input channels a turn of the loop; with 4 or more LLVM moves accumulators about: 85 instead of 94 % of the peak */
#endif
#ifndef TURNED
#define TURNED 0
#endif

#define WIDTH (NV * VW)
#if PLAIN
#define UNIT 1   /* floats of a packed pixel */
#define APART SW /* floats from a pixel of a run to the next */
#else
#define UNIT VW
#define APART VW
#endif
#if DIRECT
#define X_SPACE __global
#else
#define X_SPACE __local
#endif

typedef CAT(float, VW) vec;
typedef vec uvec __attribute__((aligned(4)));
/* Without PREFETCH weights that come from beyond the caches, as in a network that is run image by image, held 7 x 7 maps at 75 % of the
 * peak, pixels of a batch pointwise convolutions at 70 %. */
#define LINE 16 /* floats */
#define INLINE static inline __attribute__((always_inline))

enum { HAS_BIAS = 1, HAS_RESIDUAL = 2, ACCUMULATE = 4, LIMIT = 8, LEAKY = 16 };

/* Everything of a tile but its registers. */
typedef struct {
  const X_SPACE float *x[2];        /* the runs' first pixels */
  size_t x_block;                   /* from a block of input channels to the next */
  const __local int *at;            /* offset of each tap; PLAIN: of each channel and tap */
  int taps, blocks;
  const __global float *w;          /* the panel */
  const __global float *next;       /* of the next panel, what is fetched during this tile: `ahead` lines a tap */
  int ahead, fetch_x;               /* fetch_x (DIRECT): whether to fetch the pixels of the next tile */
  __local float *sums;              /* partial sums, [run][RUN][WIDTH] */
  int first, last;                  /* whether these are the first, the last input channels */
  __global float *y[2];             /* where pixel 0 of each run would be stored */
  const __global float *residual[2];
  int begin[2], end[2];             /* pixels of each run that are stored */
  size_t y_block, y_pixel;
  const __global float *bias;
  int flags;
  float low[WIDTH], high[WIDTH];    /* limits (or slopes); zero in lanes without a channel */
} tile_job;

/* acc += a run of pixels times the weights of an input channel. */
#define MULTIPLY_RUN(h, from)                                                            \
  _Pragma("unroll") for (int p = 0; p < RUN; p++) {                                      \
    const uvec xp = (uvec)((from)[p * APART]);                                           \
    _Pragma("unroll") for (int j = 0; j < NV; j++) if (j < nv) acc[(h) * RUN + p][j] = acc[(h) * RUN + p][j] + xp * wv[j]; \
  }

/* Every register of a tile. Bounds are constants, and what a smaller tile leaves out a test, so that the registers are registers. */
#define EACH                                              \
  _Pragma("unroll") for (int p = 0; p < 2 * RUN; p++)     \
    _Pragma("unroll") for (int j = 0; j < NV; j++)        \
      if (p < runs * RUN && j < nv)

/* Stores a run; the tests are the same for all pixels, and cheap beside the sums. */
#define EACH_STORED(h)                                     \
  _Pragma("unroll") for (int p = 0; p < RUN; p++)          \
    if ((!DIRECT || p >= job->begin[h]) && p < job->end[h]) \
      _Pragma("unroll") for (int j = 0; j < NV; j++)       \
        if (j < nv)

INLINE void tile(const vec zero, const tile_job *job, const int runs, const int nv) {
  uvec acc[2 * RUN][NV];
  EACH acc[p][j] = zero;
  const __global float *w = job->w, *next = job->next;
  const int ahead = job->ahead;
  const X_SPACE float *x0 = job->x[0], *x1 = job->x[1];
#if DIRECT
  for (int block = 0; block < job->blocks; block++, x0 += job->x_block, x1 += job->x_block) {
    const X_SPACE float *a = x0, *b = x1;
    if (job->fetch_x) {
#pragma unroll
      for (int p = 0; p < 2 * RUN; p++)
        if (p * VW % LINE == 0) PREFETCH(x0 + (2 * RUN + p) * VW);
    }
#elif PLAIN
  const int taps = job->taps * job->blocks;
  const __local int *at = job->at;
  for (int t = 0; t < taps; t++) {
    const X_SPACE float *a = x0 + at[t], *b = x1 + at[t];
#else
  const int taps = job->taps;
  const __local int *at = job->at;
  for (int block = 0; block < job->blocks; block++, x0 += job->x_block, x1 += job->x_block)
    for (int t = 0; t < taps; t++) {
      const X_SPACE float *a = x0 + at[t], *b = x1 + at[t];
#endif
#if !PLAIN
    SHORT_LOOP for (int i = 0; i < ahead; i++, next += LINE) PREFETCH(next);
#pragma unroll UNROLL
    for (int k = 0; k < VW; k++)
#else
    const int k = 0;
#endif
    {
      uvec wv[NV];
#pragma unroll
      for (int j = 0; j < NV; j++)
        if (j < nv) wv[j] = *(const __global uvec *)(w + j * VW);
      MULTIPLY_RUN(0, a + k)
      if (runs > 1) MULTIPLY_RUN(1, b + k)
      w += WIDTH;
    }
  }
  if (!job->first) {
    EACH acc[p][j] += *(const __local uvec *)(job->sums + p * WIDTH + j * VW);
  }
  if (!job->last) {
    EACH *(__local uvec *)(job->sums + p * WIDTH + j * VW) = acc[p][j];
    return;
  }
  const int flags = job->flags;
  const size_t y_block = job->y_block, y_pixel = job->y_pixel;
  if (flags & HAS_BIAS) {
#pragma unroll
    for (int j = 0; j < NV; j++)
      if (j < nv) {
        const uvec bias = *(const __global uvec *)(job->bias + j * VW);
#pragma unroll
        for (int p = 0; p < 2 * RUN; p++)
          if (p < runs * RUN) acc[p][j] += bias;
      }
  }
#pragma unroll
  for (int h = 0; h < 2; h++) {
    if (h >= runs) continue;
    __global float *y = job->y[h];
    if (flags & HAS_RESIDUAL) {
      const __global float *residual = job->residual[h];
      EACH_STORED(h) acc[h * RUN + p][j] += *(const __global uvec *)(residual + p * y_pixel + j * y_block);
    }
    if (flags & (LIMIT | LEAKY)) {
#pragma unroll
      for (int j = 0; j < NV; j++)
        if (j < nv) {
          const uvec low = *(const uvec *)(job->low + j * VW), high = *(const uvec *)(job->high + j * VW);
#pragma unroll
          for (int p = 0; p < RUN; p++) { /* comparisons that are false for NaN: it stays */
            uvec v = acc[h * RUN + p][j];
            if (flags & LEAKY)
              v = v < zero ? v * low : v;
            else {
              v = v < low ? low : v;
              v = v > high ? high : v;
            }
            acc[h * RUN + p][j] = v;
          }
        }
    }
    if (flags & ACCUMULATE) EACH_STORED(h) acc[h * RUN + p][j] += *(const __global uvec *)(y + p * y_pixel + j * y_block);
    EACH_STORED(h) *(__global uvec *)(y + p * y_pixel + j * y_block) = acc[h * RUN + p][j];
  }
}

/* Functions of their own, which take a vector: else the loop would share the registers with what surrounds it, and clang would compile
 * it for narrower vectors. */
#define TILE(name, runs, nv) \
  static __attribute__((noinline)) void name(const vec zero, const tile_job *job) { tile(zero, job, runs, nv); }
TILE(tile_two, 2, NV)
TILE(tile_one, 1, NV)
#if NV > 1
TILE(tile_two_narrow, 2, 1)
TILE(tile_one_narrow, 1, 1)
#endif

INLINE int ceil_div(const int a, const int b) { return (a + b - 1) / b; }

#if !DIRECT
/* Columns 0 .. pitch of a packed row: column m is input column first + m * step, zero outside [0, width). */
static __attribute__((noinline)) void pack_row(const vec zero, const __global float *row, const size_t x_pixel, const int width,
                                               const int first, const int step, const int pitch, __local float *to) {
  int m = 0;
  const int lo = row ? min(pitch, first < 0 ? ceil_div(-first, step) : 0) : pitch;
  const int hi = row ? max(lo, min(pitch, first < width ? (width - 1 - first) / step + 1 : 0)) : pitch;
#if PLAIN
  SHORT_LOOP for (; m < lo; m++) to[m] = 0.0f;
  const __global float *from = row + first;
  for (; m + VW <= hi; m += VW) *(__local uvec *)(to + m) = *(const __global uvec *)(from + m);
  if (m < hi && hi - lo >= VW) { /* the last vector overlaps the one before */
    m = hi;
    *(__local uvec *)(to + m - VW) = *(const __global uvec *)(from + m - VW);
  }
  SHORT_LOOP for (; m < hi; m++) to[m] = from[m];
  SHORT_LOOP for (; m < pitch; m++) to[m] = 0.0f;
#else
  for (; m < lo; m++) *(__local uvec *)(to + m * VW) = zero;
  const __global float *from = row + ((long)first + m * step) * (long)x_pixel;
  for (; m < hi; m++, from += step * x_pixel) *(__local uvec *)(to + m * VW) = *(const __global uvec *)from;
  for (; m < pitch; m++) *(__local uvec *)(to + m * VW) = zero;
#endif
}
#endif

/* map: images, height, width of x; out: height, width of y, blocks of output channels a group, channels of the last block.
 * window: kh, kw, strides, dilations, paddings. xs, ys: elements from an image, a block, a row, a pixel to the next.
 * strip: images, rows, columns, panels a work-item, blocks packed at a time, whether flat; phases: of rows, of columns; step of columns;
 * pitch, and rows packed an image; groups, input blocks a group. */
__kernel void blocked_forward(const __global float *x, const __global float *w, __global float *y, const __global float *residual,
                              const __global float *bias, __local float *work, const int4 map, const int4 out, const int8 window,
                              const long4 xs, const long4 ys, const int8 strip, const int8 phases, const int flags, const float low,
                              const float high) {
  const vec zero = (vec)(0.0f);
  const int strip_rows = ceil_div(out.x, strip.s1), strip_cols = ceil_div(out.y, strip.s2), panels = ceil_div(out.z, NV);
  int item = get_global_id(0); /* neighbours share their input: panels change fastest */
  const int shares = ceil_div(panels, strip.s3), panel0 = item % shares * strip.s3;
  item /= shares;
  const int col0 = item % strip_cols * strip.s2;
  item /= strip_cols;
  const int row0 = item % strip_rows * strip.s1;
  item /= strip_rows;
  const int strips = ceil_div(map.x, strip.s0), image0 = item % strips * strip.s0, group = item / strips;
  const int images = min(strip.s0, map.x - image0), rows = min(strip.s1, out.x - row0), cols = min(strip.s2, out.y - col0);
  const int panel1 = min(panels, panel0 + strip.s3), flat = strip.s5, in_blocks = phases.s6, taps = window.s0 * window.s1;
  const int line = flat ? rows * cols : cols, lines = flat ? 1 : rows, line_runs = ceil_div(line, RUN), runs = images * lines * line_runs;

  tile_job job;
  job.taps = taps;
  job.y_block = ys.s1;
  job.y_pixel = ys.s3;
  job.flags = flags;
  const __global float *xg = x + image0 * xs.s0 + (long)group * in_blocks * xs.s1;
  const long y0 = image0 * ys.s0 + (long)group * out.z * ys.s1 + row0 * ys.s2 + col0 * ys.s3;
  const long w_block = (long)taps * UNIT * WIDTH, w_panel = in_blocks * w_block;
#if DIRECT
  const int pitch = map.z;
  job.x_block = xs.s1;
  job.at = 0;
  job.sums = work;
#else
  const int row_phases = phases.s0, col_phases = phases.s1, step = phases.s2, pitch = phases.s3, packed_rows = phases.s4;
  const int packed_phase = packed_rows * pitch * UNIT, packed_image = row_phases * col_phases * packed_phase;
  __local int *at = (__local int *)work;
  const int offsets = PLAIN ? taps * strip.s4 : taps;
  __local float *packed = work + ceil_div(offsets, 32) * 32;
  job.at = at;
  job.x_block = (size_t)strip.s0 * packed_image;
  job.sums = packed + strip.s4 * job.x_block + 2 * RUN * APART;
  const int down = row_phases * window.s4 / window.s2 * pitch * UNIT, along = col_phases * window.s5 / step * UNIT;
  for (int i = 0, pi = 0, t = 0, row = 0; i < window.s0; i++) {
    for (int j = 0, pj = 0, col = 0; j < window.s1; j++, t++) {
      at[t] = (pi * col_phases + pj) * packed_phase + row + col;
      if (++pj == col_phases) {
        pj = 0;
        col += along;
      }
    }
    if (++pi == row_phases) {
      pi = 0;
      row += down;
    }
  }
  for (int t = taps; t < offsets; t++) at[t] = at[t - taps] + (int)job.x_block;
#endif
  __local float *sums = job.sums;

  for (int block0 = 0; block0 < in_blocks; block0 += strip.s4) {
    job.blocks = min(strip.s4, in_blocks - block0);
    job.first = block0 == 0;
    job.last = block0 + job.blocks == in_blocks;
#if !DIRECT
    const int needed = rows + (packed_rows - strip.s1);
    for (int b = 0; b < job.blocks; b++)
      for (int n = 0; n < images; n++)
        for (int pi = 0; pi < row_phases; pi++)
          for (int pj = 0; pj < col_phases; pj++) {
            __local float *to = packed + b * job.x_block + n * packed_image + (pi * col_phases + pj) * packed_phase;
            const __global float *from = xg + n * xs.s0 + (block0 + b) * xs.s1;
            int h = row0 * window.s2 + pi * window.s4 - window.s6;
            for (int r = 0; r < needed; r++, h += window.s2, to += pitch * UNIT)
              pack_row(zero, h >= 0 && h < map.y ? from + h * xs.s2 : 0, xs.s3, map.z, col0 * window.s3 + pj * window.s5 - window.s7, step,
                       pitch, to);
          }
#endif
    for (int panel = panel0; panel < panel1; panel++) {
      const int wide = out.z - panel * NV >= NV;
      job.w = w + ((long)group * panels + panel) * w_panel + block0 * w_block;
      job.bias = bias + ((long)group * out.z + panel * NV) * VW;
      job.fetch_x = panel == panel0;
      job.next = job.w + w_panel;
      job.ahead = group * panels + panel + 1 < phases.s5 * panels ? ceil_div(VW * WIDTH / LINE, ceil_div(runs, 2)) : 0;
      const int lanes = (out.z - 1 - panel * NV) * VW + out.w;
      for (int l = 0; l < WIDTH; l++) {
        job.low[l] = l < lanes ? low : 0.0f;
        job.high[l] = l < lanes ? high : 0.0f;
      }
      int first = 0, r = 0, n = 0; /* the run's first pixel of the line, line, image */
      for (int run = 0; run < runs; run += 2) {
        const int two = run + 1 < runs;
        for (int h = 0; h <= two; h++) {
          const int skip = DIRECT ? max(0, col0 + first + RUN - map.z) : 0; /* moved back so as not to read beyond the tensor */
          const long to = y0 + n * ys.s0 + panel * NV * ys.s1 + r * ys.s2 + (long)(first - skip) * ys.s3;
#if DIRECT
          job.x[h] = xg + n * xs.s0 + block0 * xs.s1 + (col0 + first - skip) * VW;
#else
          job.x[h] = packed + n * packed_image + r * pitch * UNIT + first * APART;
#endif
          job.y[h] = y + to;
          job.residual[h] = residual + to;
          job.begin[h] = skip;
          job.end[h] = min(RUN, skip + line - first);
          first += RUN;
          if (first >= line) {
            first = 0;
            if (++r == lines) {
              r = 0;
              n++;
            }
          }
        }
        job.sums = sums + ((panel - panel0) * runs + run) * (RUN * WIDTH);
#if NV > 1
        if (!wide) {
          if (two)
            tile_two_narrow(zero, &job);
          else
            tile_one_narrow(zero, &job);
          job.next += taps * job.blocks * job.ahead * LINE;
          continue;
        }
#endif
        if (two)
          tile_two(zero, &job);
        else
          tile_one(zero, &job);
        job.next += taps * job.blocks * job.ahead * LINE;
      }
    }
  }
}

/* A work-item packs one panel of a block of input channels; extents are those of a group. `block` is 1 where x is PLAIN. The loops follow
 * the weight as it lies in memory; what is written, some KiB, stays in the L1 cache. */
__kernel void blocked_pack(const __global float *w, __global float *packed, const int channels, const int filters, const int taps,
                           const int block, const int blocks, const int panels) {
  const int b = get_global_id(0) % blocks, panel = get_global_id(0) / blocks % panels, group = get_global_id(0) / blocks / panels;
  __global float *to = packed + (long)get_global_id(0) * taps * block * WIDTH;
  const int width = min(WIDTH, filters - panel * WIDTH), depth = min(block, channels - b * block);
  if (width < WIDTH || depth < block)
    for (int i = 0; i < taps * block * WIDTH; i++) to[i] = 0.0f;
#if TURNED
  const __global float *from = w + ((long)(group * channels + b * block) * filters + panel * WIDTH) * taps;
  for (int k = 0; k < depth; k++) {
    const __global float *row = from + (long)k * filters * taps;
    if (taps == 1)
      for (int l = 0; l < width; l++) to[k * WIDTH + l] = row[l];
    else
      for (int l = 0; l < width; l++)
        SHORT_LOOP for (int t = 0; t < taps; t++) to[((taps - 1 - t) * block + k) * WIDTH + l] = row[l * taps + t];
  }
#else
  const __global float *from = w + ((long)(group * filters + panel * WIDTH) * channels + b * block) * taps;
  for (int l = 0; l < width; l++) {
    const __global float *row = from + (long)l * channels * taps;
    if (taps == 1)
      SHORT_LOOP for (int k = 0; k < depth; k++) to[k * WIDTH + l] = row[k];
    else
      for (int k = 0; k < depth; k++)
        SHORT_LOOP for (int t = 0; t < taps; t++) to[(t * block + k) * WIDTH + l] = row[k * taps + t];
  }
#endif
}
