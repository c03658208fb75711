/* Copies and fills between strided stretches of memory: every transpose, slice, concatenation, tile, flip and padding is one of these.
 *
 *   strided_copy       y[y0 + sum_d i_d ys_d] (req)= x[x0 + sum_d i_d xs_d]   for all index tuples i below `extent`, n of them
 *   strided_fill       y[y0 + sum_d i_d ys_d] (req)= value
 *   strided_transpose  the same as strided_copy for two dimensions that swap places (x runs along r, y along c), in tiles;
 *                      `batch` more dimensions in extent, xs, ys
 *   plain_copy         y[i] (req)= x[i], i < n; returns at once where y is x
 *
 * Component 0 of extent, xs, ys is the innermost dimension; ndim (at most 8) of them count. A step may be negative or 0 (repeats x).
 * T: what overwrites takes an integer type of the element's size (BITS 1, the value to fill with given as bits);
 * what adds, the element's own type.
 * CPU: a work-item walks a contiguous share of the index tuples, rows in tight loops. GPU: an index tuple is taken apart an element;
 * WIDE 1 where n does not fit in 31 bits; strided_transpose goes through local memory, work-groups of TILE x TILE_ROWS.
 */
#include "common.h"

#define LOAD_short(p, i) ((p)[i])
#define PUT_short(p, i, v) ((p)[i] = (short)(v))

#ifndef BITS /* T is an integer type of the element's size, REQ is 1 */
#define BITS 0
#endif
#ifndef WIDE
#define WIDE 1
#endif
#ifndef TILE
#define TILE 16
#endif
#ifndef SIDE /* CPU: of the blocks that are transposed in registers; nr and nc are no smaller */
#define SIDE 16
#endif
#ifndef TILE_ROWS
#define TILE_ROWS 8
#endif

#if WIDE
typedef ulong index_t;
#else
typedef uint index_t;
#endif

kernel void plain_copy(const global T *x, global T *y, const long n) {
#if REQ == 1
  if (x == y) return;
#endif
  FOR_EACH(i, n) { STORE(y, i, LOAD(x, i)); }
}

/* Takes `rest` apart along dimension k and moves the positions. */
#define PEEL(k)                                        \
  if (ndim > k) {                                      \
    const index_t size = (index_t)extent.s##k;         \
    const index_t quotient = rest / size;              \
    const long digit = (long)(rest - quotient * size); \
    px += digit * xs.s##k;                             \
    py += digit * ys.s##k;                             \
    rest = quotient;                                   \
  }
#define PEEL_ALL PEEL(0) PEEL(1) PEEL(2) PEEL(3) PEEL(4) PEEL(5) PEEL(6) PEEL(7)

#if DEVICE_CPU

/* `rows` rows of `m` elements; a constant step lets the compiler vectorise the row. */
static void copy_rows(const global T *restrict x, global T *restrict y, const long rows, const long m, const long xr, const long yr,
                      const long xs, const long ys) {
  if (xs == 1 && ys == 1) {
    for (long j = 0; j < rows; j++)
      for (long i = 0; i < m; i++) STORE(y, j * yr + i, LOAD(x, j * xr + i));
  } else if (xs == 0 && ys == 1) {
    for (long j = 0; j < rows; j++) {
      const CT v = LOAD(x, j * xr);
      for (long i = 0; i < m; i++) STORE(y, j * yr + i, v);
    }
  } else if (xs == -1 && ys == 1) {
    for (long j = 0; j < rows; j++)
      for (long i = 0; i < m; i++) STORE(y, j * yr + i, LOAD(x, j * xr - i));
  } else {
    for (long j = 0; j < rows; j++)
      for (long i = 0; i < m; i++) STORE(y, j * yr + i * ys, LOAD(x, j * xr + i * xs));
  }
}

static void fill_rows(const CT v, global T *restrict y, const long rows, const long m, const long yr, const long ys) {
  if (ys == 1) {
    for (long j = 0; j < rows; j++)
      for (long i = 0; i < m; i++) STORE(y, j * yr + i, v);
  } else {
    for (long j = 0; j < rows; j++)
      for (long i = 0; i < m; i++) STORE(y, j * yr + i * ys, v);
  }
}

/* This work-item's share of the index tuples, in stretches of whole rows where possible: ROWS(rows, m) is called at positions px, py. */
#define WALK(ROWS)                                                                                           \
  const long chunk = ((n + (long)get_global_size(0) - 1) / (long)get_global_size(0) + 15) / 16 * 16;         \
  long done = (long)get_global_id(0) * chunk;                                                                \
  const long end = done + chunk < n ? done + chunk : n;                                                      \
  if (done >= end) return;                                                                                   \
  const long e[8] = {extent.s0, extent.s1, extent.s2, extent.s3, extent.s4, extent.s5, extent.s6, extent.s7}; \
  const long a[8] = {xs.s0, xs.s1, xs.s2, xs.s3, xs.s4, xs.s5, xs.s6, xs.s7};                                \
  const long b[8] = {ys.s0, ys.s1, ys.s2, ys.s3, ys.s4, ys.s5, ys.s6, ys.s7};                                \
  long at[8];                                                                                                \
  long px = x0, py = y0, rest = done;                                                                        \
  for (int d = 0; d < ndim; d++) {                                                                           \
    const long quotient = rest / e[d];                                                                       \
    at[d] = rest - quotient * e[d];                                                                          \
    px += at[d] * a[d];                                                                                      \
    py += at[d] * b[d];                                                                                      \
    rest = quotient;                                                                                         \
  }                                                                                                          \
  while (done < end) {                                                                                       \
    int d = 0;                                                                                               \
    if (at[0] == 0 && ndim > 1 && end - done >= e[0]) {                                                      \
      const long left = (end - done) / e[0], in_plane = e[1] - at[1];                                        \
      const long rows = left < in_plane ? left : in_plane;                                                   \
      ROWS(rows, e[0]);                                                                                      \
      done += rows * e[0];                                                                                   \
      at[1] += rows;                                                                                         \
      px += rows * a[1];                                                                                     \
      py += rows * b[1];                                                                                     \
      d = 1;                                                                                                 \
    } else {                                                                                                 \
      const long left = end - done, in_row = e[0] - at[0];                                                   \
      const long m = left < in_row ? left : in_row;                                                          \
      ROWS(1, m);                                                                                            \
      done += m;                                                                                             \
      at[0] += m;                                                                                            \
      px += m * a[0];                                                                                        \
      py += m * b[0];                                                                                        \
    }                                                                                                        \
    for (; d + 1 < ndim && at[d] == e[d]; d++) {                                                             \
      at[d] = 0;                                                                                             \
      px += a[d + 1] - e[d] * a[d];                                                                          \
      py += b[d + 1] - e[d] * b[d];                                                                          \
      at[d + 1]++;                                                                                           \
    }                                                                                                        \
  }

kernel void strided_copy(const global T *x, global T *y, const long n, const int ndim, const long8 extent, const long8 xs, const long8 ys,
                         const long x0, const long y0) {
#define COPY_ROWS(rows, m) copy_rows(x + px, y + py, rows, m, a[1], b[1], a[0], b[0])
  WALK(COPY_ROWS)
}

kernel void strided_fill(global T *y, const long n, const int ndim, const long8 extent, const long8 ys, const long y0, const CT value) {
  const long8 xs = 0;
  const long x0 = 0;
#define FILL_ROWS(rows, m) fill_rows(value, y + py, rows, m, b[1], b[0])
  WALK(FILL_ROWS)
}

/* A block of SIDE x SIDE elements held in as many vectors: row loads, interleaving, row stores. */
#if BITS
typedef CAT(T, SIDE) vec;
typedef vec vec_at __attribute__((aligned(1)));

/* Interleaving rows i and i + SIDE / 2 into rows 2 i and 2 i + 1 rotates the bits of the position by one; after as many times as a row
 * number has bits, rows and columns have changed places. */
static inline __attribute__((always_inline)) void interleave(const vec *v, vec *t) {
#pragma unroll
  for (int i = 0; i < SIDE / 2; i++) {
    t[2 * i].even = v[i].lo;
    t[2 * i].odd = v[i + SIDE / 2].lo;
    t[2 * i + 1].even = v[i].hi;
    t[2 * i + 1].odd = v[i + SIDE / 2].hi;
  }
}

/* Stores of whole cache lines that need not be read first; for what the caches would not keep anyway. */
#define PAST_CACHES(v, p) (*(p) = (v))
#ifdef __clang__
#if __has_builtin(__builtin_nontemporal_store)
#undef PAST_CACHES
#define PAST_CACHES(v, p) __builtin_nontemporal_store(v, p)
#endif
#endif

static inline __attribute__((always_inline)) void block(const global T *x, global T *y, const long xc, const long yr, const int past) {
  vec v[SIDE], t[SIDE];
#pragma unroll
  for (int i = 0; i < SIDE; i++) v[i] = *(const global vec_at *)(x + i * xc);
  interleave(v, t);
  interleave(t, v);
  interleave(v, t);
#if SIDE == 16
  interleave(t, v);
#define TURNED v
#else
#define TURNED t
#endif
#pragma unroll
  for (int i = 0; i < SIDE; i++) {
    if (past)
      PAST_CACHES(TURNED[i], (global vec *)(y + i * yr));
    else
      *(global vec_at *)(y + i * yr) = TURNED[i];
  }
}
#else
static void block(const global T *x, global T *y, const long xc, const long yr, const int past) {
  for (int r = 0; r < SIDE; r++)
    for (int c = 0; c < SIDE; c++) STORE(y, r * yr + c, LOAD(x, c * xc + r));
}
#endif

WIDE_VECTORS kernel void strided_transpose(const global T *x, global T *y, const long nr, const long nc, const long xc, const long yr,
                                           const long n, const int ndim, const long8 extent, const long8 xs, const long8 ys, const long x0,
                                           const long y0, const int high) {
  /* n index tuples of the other dimensions, each a matrix of nr x nc; a share is a run of bands of `high` rows of y */
  const long bands = (nr + high - 1) / high;
  const int large = n * nr * nc * (long)sizeof(T) > 16 << 20;
  const long total = n * bands, share = (total + (long)get_global_size(0) - 1) / (long)get_global_size(0);
  const long begin = (long)get_global_id(0) * share, end = begin + share < total ? begin + share : total;
  for (long band = begin; band < end; band++) {
    index_t rest = (index_t)(band / bands);
    const long first = (band % bands) * high;
    const long last = first + high < nr ? first + high : nr;
    long px = x0, py = y0;
    PEEL_ALL
    const int past = BITS && large && sizeof(T) * SIDE == 64 && ((ulong)(y + py) | (ulong)(yr * sizeof(T))) % 64 == 0;
    for (long c = 0; c < nc; c += SIDE) {
      /* the last columns together with some already done */
      const long k = BITS && c + SIDE > nc ? nc - SIDE : c, stop = c + SIDE < nc ? c + SIDE : nc;
      long r = first;
      if (k + SIDE <= nc)
        for (; r + SIDE <= last; r += SIDE) {
#pragma unroll
          for (int i = 0; i < SIDE; i++) AHEAD_OF_USE(x + px + (k + i) * xc + r + 2 * SIDE);
          const global T *from = x + px + k * xc + r;
          global T *to = y + py + r * yr + k;
          if (past && k == c)
            block(from, to, xc, yr, 1);
          else
            block(from, to, xc, yr, 0);
        }
      for (; r < last; r++)
        SHORT_LOOP for (long j = c; j < stop; j++) STORE(y, py + r * yr + j, LOAD(x, px + j * xc + r));
    }
  }
}

#else

kernel void strided_copy(const global T *x, global T *y, const long n, const int ndim, const long8 extent, const long8 xs, const long8 ys,
                         const long x0, const long y0) {
  FOR_EACH(i, n) {
    index_t rest = (index_t)i;
    long px = x0, py = y0;
    PEEL_ALL
    STORE(y, py, LOAD(x, px));
  }
}

kernel void strided_fill(global T *y, const long n, const int ndim, const long8 extent, const long8 ys, const long y0, const CT value) {
  const long8 xs = 0;
  FOR_EACH(i, n) {
    index_t rest = (index_t)i;
    long px = 0, py = y0;
    PEEL_ALL
    STORE(y, py, value);
  }
}

/* One work-group a tile: reads rows of x into local memory (a padding column against bank conflicts), writes rows of y. */
kernel void strided_transpose(const global T *x, global T *y, const long nr, const long nc, const long xc, const long yr, const long n,
                              const int ndim, const long8 extent, const long8 xs, const long8 ys, const long x0, const long y0) {
  local CT tile[TILE * (TILE + 1)];
  const int lx = (int)get_local_id(0), ly = (int)get_local_id(1);
  const long across = (nc + TILE - 1) / TILE, bands = (nr + TILE - 1) / TILE;
  const long tiles = n * bands * across;
  for (long t = (long)get_group_id(0); t < tiles; t += (long)get_num_groups(0)) {
    const long c0 = (t % across) * TILE, r0 = (t / across % bands) * TILE;
    index_t rest = (index_t)(t / across / bands);
    long px = x0, py = y0;
    PEEL_ALL
    for (int k = ly; k < TILE; k += TILE_ROWS)
      if (c0 + k < nc && r0 + lx < nr) tile[k * (TILE + 1) + lx] = LOAD(x, px + (c0 + k) * xc + r0 + lx);
    barrier(CLK_LOCAL_MEM_FENCE);
    for (int k = ly; k < TILE; k += TILE_ROWS)
      if (r0 + k < nr && c0 + lx < nc) STORE(y, py + (r0 + k) * yr + c0 + lx, tile[lx * (TILE + 1) + k]);
    barrier(CLK_LOCAL_MEM_FENCE);
  }
}

#endif
