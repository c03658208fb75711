/* Reductions over any set of axes, and their gradients.
 *
 *   reduce_inner   y[o] (req)= FINISH(fold over r of MAP(x[kept(o) + reduced(r)])), the contiguous axis being reduced
 *   reduce_outer   the same, the contiguous axis being kept
 *   reduce_backward  dx[i] (req)= DERIV(g[o(i)], x[i], y[o(i)])
 *
 * kept, reduced: four extents and four strides, innermost first. `splits` > 1: the reduction is cut into parts and y is (splits, outputs), to be
 * folded by a second launch with MAP 0. `length` elements make a result; the mean divides by `count`; x starts at `offset`. CPU: reduce_inner streams runs, reduce_outer keeps a tile of TILE columns in the cache. GPU: `lanes`
 * work-items a result, neighbours reading neighbours.
 *
 * Defines: FOLD 0 sum 1 prod 2 max 3 min · MAP 0 x, 1 |x|, 2 x*x, 3 nan->0, 4 nan->1 · FINISH 0 none, 1 mean, 2 sqrt · TY type of y · FIRST neutral
 */
#include "common.h"
#include "reduce.h"

#ifndef FOLD
#define FOLD 0
#endif
#ifndef MAP
#define MAP 0
#endif
#ifndef FINISH
#define FINISH 0
#endif
#ifndef FIRST
#define FIRST 0
#endif
#ifndef TY
#define TY T
#endif
#define TILE 2048 /* columns of reduce_outer on a CPU: with less the prefetcher starves (1024: two thirds of the rate, 256: half) */
#define NEAR_RUN 8192 /* runs up to that length stay in the first cache while the next one is fetched */
#define LEAD 1024     /* elements that a longer run is fetched ahead: left to the hardware, max is a tenth slower */
#define FETCH(p)         \
  AHEAD_OF_USE(p);       \
  AHEAD_OF_USE((p) + 16); \
  AHEAD_OF_USE((p) + 32); \
  AHEAD_OF_USE((p) + 48);
#define FLUSH 32 /* rows added plainly before the compensated addition */

#if MAP == 1
#define MAP_(x, V) ((x) < 0 ? -(x) : (x))
#elif MAP == 2
#define MAP_(x, V) ((x) * (x))
#elif MAP == 3 && IS_FLOAT
#define MAP_(x, V) ((x) != (x) ? (V)(0) : (x))
#elif MAP == 4 && IS_FLOAT
#define MAP_(x, V) ((x) != (x) ? (V)(1) : (x))
#else
#define MAP_(x, V) (x)
#endif

#if FOLD == 0
#define FOLD1(a, b) ((a) + (b))
#define FOLDV(a, b) ((a) + (b))
#elif FOLD == 1
#define FOLD1(a, b) ((a) * (b))
#define FOLDV(a, b) ((a) * (b))
#elif FOLD == 2
#define FOLD1(a, b) SMAX(a, b)
#define FOLDV(a, b) VMAX(a, b)
#else
#define FOLD1(a, b) SMIN(a, b)
#define FOLDV(a, b) VMIN(a, b)
#endif

static inline CT map1(const CT x) { return MAP_(x, CT); }
static inline __attribute__((always_inline)) V16 map16(const V16 x) { return MAP_(x, V16); }

/* offset of element i of the dimensions (extents in s0..s3, strides in s4..s7, innermost first) */
static inline long offset_of(long i, const long8 dims) {
  if (dims.s1 == 1) return i * dims.s4;
  long off = (i % dims.s0) * dims.s4;
  i /= dims.s0;
  off += (i % dims.s1) * dims.s5;
  i /= dims.s1;
  if (dims.s2 * dims.s3 == 1) return off;
  off += (i % dims.s2) * dims.s6;
  return off + (i / dims.s2) * dims.s7;
}

static inline CT finish(const CT v, const long n) {
#if FINISH == 1
#if IS_FLOAT
  return v / (CT)n;
#else
  return n ? v / (CT)n : 0; /* a mean of nothing; NaN for floating-point types */
#endif
#elif FINISH == 2 && IS_FLOAT
  return sqrt(v);
#elif FINISH == 2
  return (CT)sqrt((float)v);
#else
  return v;
#endif
}

#if FOLD == 0
#define COMBINE(total, error, v) KAHAN_ADD(total, error, v)
#else
#define COMBINE(total, error, v) \
  {                              \
    total = FOLD1(total, v);     \
    (void)(error);               \
  }
#endif

#if DEVICE_CPU

/* fold of n contiguous elements; what lies `ahead` of them is fetched meanwhile */
static inline __attribute__((always_inline)) CT fold_run(const global T *x, const long n, const long ahead) {
  CT total = FIRST, error = 0;
  long i = 0;
  while (i < n) {
    const long end = i + SUM_BLOCK < n ? i + SUM_BLOCK : n;
    V16 a = (V16)(FIRST), b = a, c = a, d = a;
    for (; i + 64 <= end; i += 64) {
      FETCH(x + i + ahead)
      const V16 p = map16(load16(x, i)), q = map16(load16(x, i + 16)), r = map16(load16(x, i + 32)), s = map16(load16(x, i + 48));
      a = FOLDV(a, p);
      b = FOLDV(b, q);
      c = FOLDV(c, r);
      d = FOLDV(d, s);
    }
    for (; i + 16 <= end; i += 16) {
      AHEAD_OF_USE(x + i + ahead);
      const V16 p = map16(load16(x, i));
      a = FOLDV(a, p);
    }
    a = FOLDV(a, b);
    c = FOLDV(c, d);
    a = FOLDV(a, c);
    const V8 e = FOLDV(a.lo, a.hi);
    const CT f = FOLD1(e.s0, e.s4), g = FOLD1(e.s1, e.s5), h = FOLD1(e.s2, e.s6), k = FOLD1(e.s3, e.s7);
    const CT l = FOLD1(f, h), m = FOLD1(g, k);
    CT block = FOLD1(l, m);
    SHORT_LOOP for (; i < end; i++) {
      const CT p = map1(LOAD(x, i));
      block = FOLD1(block, p);
    }
    COMBINE(total, error, block)
  }
  return total;
}

WIDE_VECTORS kernel void reduce_inner(const global T *x, global TY *y, const long outputs, const long splits, const long8 kept, const long8 reduced,
                         const long length, const long count, const long offset, const int lanes) {
  x += offset;
  const long run = reduced.s0;
  const long part = (length + splits - 1) / splits;
  FOR_ITEMS(item, outputs * splits) {
    const long split = splits == 1 ? 0 : item / outputs, o = item - split * outputs;
    const long base = offset_of(o, kept), next = offset_of(o + 1, kept);
    long r = split * part, in_run = split == 0 ? 0 : r % run, at = base + offset_of(r, reduced);
    const long end = r + part < length ? r + part : length;
    CT total = FIRST, error = 0;
    while (r < end) {
      const long stop = end - r < run - in_run ? end - r : run - in_run;
      r += stop;
      const long after = r < end ? base + offset_of(r, reduced) : next;
      const CT v = fold_run(x + at, stop, stop <= NEAR_RUN ? after - at : LEAD);
      COMBINE(total, error, v)
      at = after, in_run = 0;
    }
    STORE_AS(REQ, TY, y, item, finish(total, count));
  }
}

/* CPU: outputs are (rows of `kept.s0` contiguous ones); an item is (split, tile of columns) */
WIDE_VECTORS kernel void reduce_outer(const global T *x, global TY *y, const long outputs, const long splits, const long8 kept, const long8 reduced,
                         const long length, const long count, const long offset, const int lanes) {
  x += offset;
  const long width = kept.s0, tiles = (width + TILE - 1) / TILE;
  const long part = (length + splits - 1) / splits;
  const long per_split = outputs / width * tiles;
  CT block[TILE], total[TILE], error[TILE];
  FOR_ITEMS(item, per_split * splits) {
    const long split = item / per_split, o = item % per_split / tiles * width + item % tiles * TILE;
    const long column = o % width;
    const int n = (int)(width - column < TILE ? width - column : TILE);
    const long base = offset_of(o, kept);
    const long lo = split * part, end = lo + part < length ? lo + part : length;
    const long ahead = 4 * reduced.s4; /* the next four rows, but at the end of a run */
    MAP_LOOP for (int c = 0; c < n; c++) total[c] = FIRST, error[c] = 0;
    for (long r = lo; r < end;) {
      const long stop = r + FLUSH < end ? r + FLUSH : end;
      MAP_LOOP for (int c = 0; c < n; c++) block[c] = FIRST;
      /* four rows at once: their streams overlap, and `block` is read and written a quarter as often */
      for (; r + 4 <= stop; r += 4) {
        const global T *p = x + base + offset_of(r, reduced), *q = x + base + offset_of(r + 1, reduced);
        const global T *s = x + base + offset_of(r + 2, reduced), *t = x + base + offset_of(r + 3, reduced);
        int c = 0;
        for (; c + 16 <= n; c += 16) {
          V16U *b = (V16U *)(block + c);
          AHEAD_OF_USE(p + c + ahead);
          AHEAD_OF_USE(q + c + ahead);
          AHEAD_OF_USE(s + c + ahead);
          AHEAD_OF_USE(t + c + ahead);
          const V16 u = map16(load16(p, c)), v = map16(load16(q, c)), w = map16(load16(s, c)), z = map16(load16(t, c)), old = *b;
          const V16 uv = FOLDV(u, v), wz = FOLDV(w, z), all = FOLDV(uv, wz);
          *b = FOLDV(old, all);
        }
        SHORT_LOOP for (; c < n; c++) {
          const CT u = map1(LOAD(p, c)), v = map1(LOAD(q, c)), w = map1(LOAD(s, c)), z = map1(LOAD(t, c));
          const CT uv = FOLD1(u, v), wz = FOLD1(w, z), all = FOLD1(uv, wz);
          block[c] = FOLD1(block[c], all);
        }
      }
      for (; r < stop; r++) {
        const global T *p = x + base + offset_of(r, reduced);
        int c = 0;
        for (; c + 16 <= n; c += 16) {
          V16U *b = (V16U *)(block + c);
          const V16 v = map16(load16(p, c)), u = *b;
          *b = FOLDV(u, v);
        }
        SHORT_LOOP for (; c < n; c++) {
          const CT v = map1(LOAD(p, c));
          block[c] = FOLD1(block[c], v);
        }
      }
      MAP_LOOP for (int c = 0; c < n; c++) COMBINE(total[c], error[c], block[c])
    }
    for (int c = 0; c < n; c++) STORE_AS(REQ, TY, y, split * outputs + o + c, finish(total[c], count));
  }
}

#else /* DEVICE_GPU */

static inline void reduce_group(const global T *x, global TY *y, const long outputs, const long splits, const long8 kept, const long8 reduced,
                                const long length, const long count, const int lanes, const int strided, local CT *slots) {
  const int width = (int)get_local_size(0) / lanes, id = (int)get_local_id(0);
  const int lane = strided ? id / width : id % lanes, member = strided ? id % width : id / lanes, slot = member * lanes + lane;
  const long part = (length + splits - 1) / splits, items = outputs * splits;
  for (long first = (long)get_group_id(0) * width; first < items; first += (long)get_num_groups(0) * width) {
    const long item = first + member;
    CT total = FIRST, error = 0;
    if (item < items) {
      const global T *p = x + offset_of(item % outputs, kept);
      const long lo = item / outputs * part, end = lo + part < length ? lo + part : length;
      for (long r = lo + lane; r < end; r += lanes) {
        const CT v = map1(LOAD(p, offset_of(r, reduced)));
        COMBINE(total, error, v)
      }
    }
    slots[slot] = total;
    barrier(CLK_LOCAL_MEM_FENCE);
    for (int s = lanes / 2; s > 0; s /= 2) {
      if (lane < s) {
        const CT a = slots[slot], b = slots[slot + s];
        slots[slot] = FOLD1(a, b);
      }
      barrier(CLK_LOCAL_MEM_FENCE);
    }
    if (lane == 0 && item < items) STORE_AS(REQ, TY, y, item, finish(slots[slot], count));
    barrier(CLK_LOCAL_MEM_FENCE);
  }
}

kernel void reduce_inner(const global T *x, global TY *y, const long outputs, const long splits, const long8 kept, const long8 reduced,
                         const long length, const long count, const long offset, const int lanes) {
  x += offset;
  local CT slots[GROUP];
  reduce_group(x, y, outputs, splits, kept, reduced, length, count, lanes, 0, slots);
}
kernel void reduce_outer(const global T *x, global TY *y, const long outputs, const long splits, const long8 kept, const long8 reduced,
                         const long length, const long count, const long offset, const int lanes) {
  x += offset;
  local CT slots[GROUP];
  reduce_group(x, y, outputs, splits, kept, reduced, length, count, lanes, 1, slots);
}
#endif

/* ---------------------------------------------------------------------------------------------------------------- gradient */

#ifndef DERIV
#define DERIV(g, x, y) (g)
#define NEEDS_X 0
#define NEEDS_Y 0
#endif
#ifndef TD
#define TD T
#endif
#ifndef INNER_REDUCED
#define INNER_REDUCED 1
#endif
#define PIECE 8192

/* x, dx: the walk of kept x reduced dimensions in memory order, given as up to eight extents (innermost first) and, for each, the step it makes
 * in the output (0: reduced). `length` elements made a result. Unused g, x, y are any buffer. TD: type of dx. */
kernel void reduce_backward(const global TY *g, const global T *x, const global TY *y, global TD *dx, const long size, const long8 extents,
                            const long8 steps, const long length) {
#if DEVICE_CPU
  const long run = extents.s0, pieces = (run + PIECE - 1) / PIECE;
  FOR_ITEMS(item, size / run * pieces) {
    const long start = item % pieces * PIECE, stop = start + PIECE < run ? start + PIECE : run;
    long rest = item / pieces, o = 0;
    const long off = rest * run;
    o += rest % extents.s1 * steps.s1, rest /= extents.s1;
    o += rest % extents.s2 * steps.s2, rest /= extents.s2;
    if (rest) {
      o += rest % extents.s3 * steps.s3, rest /= extents.s3;
      o += rest % extents.s4 * steps.s4, rest /= extents.s4;
      o += rest % extents.s5 * steps.s5, rest /= extents.s5;
      o += rest % extents.s6 * steps.s6, rest /= extents.s6;
      o += rest * steps.s7;
    }
#if INNER_REDUCED
    const CT gv = LOAD_AS(TY, g, o);
#if NEEDS_Y
    const CT yv = LOAD_AS(TY, y, o);
#endif
#endif
    for (long j = start; j < stop; j++) {
#if !INNER_REDUCED
      const CT gv = LOAD_AS(TY, g, o + j);
#if NEEDS_Y
      const CT yv = LOAD_AS(TY, y, o + j);
#endif
#endif
#if NEEDS_X
      const CT xv = LOAD(x, off + j);
#endif
      STORE_AS(REQ, TD, dx, off + j, DERIV(gv, xv, yv));
    }
  }
#else
  FOR_EACH(i, size) {
    long rest = i, o = 0;
    o += rest % extents.s0 * steps.s0, rest /= extents.s0;
    o += rest % extents.s1 * steps.s1, rest /= extents.s1;
    o += rest % extents.s2 * steps.s2, rest /= extents.s2;
    if (rest) {
      o += rest % extents.s3 * steps.s3, rest /= extents.s3;
      o += rest % extents.s4 * steps.s4, rest /= extents.s4;
      o += rest % extents.s5 * steps.s5, rest /= extents.s5;
      o += rest % extents.s6 * steps.s6, rest /= extents.s6;
      o += rest * steps.s7;
    }
    const CT gv = LOAD_AS(TY, g, o);
#if NEEDS_X
    const CT xv = LOAD(x, i);
#endif
#if NEEDS_Y
    const CT yv = LOAD_AS(TY, y, o);
#endif
    STORE_AS(REQ, TD, dx, i, DERIV(gv, xv, yv));
  }
#endif
}
