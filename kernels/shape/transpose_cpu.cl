/* A copy between strided stretches of memory where two dimensions swap places, in tiles.
 *
 *   strided_transpose   y[y0 + r yr + c + batch] (req)= x[x0 + c xc + r + batch],  r < nr, c < nc, for n index tuples of the other dimensions
 *
 * Extents, steps (of the other dimensions) and types are those of include/strided.h.
 * A work-item takes a run of bands of `high` rows of y, in blocks of SIDE x SIDE elements; nr and nc are no smaller.
 */
#include "common.h"
#include "square.h"
#include "strided.h"

#ifndef SIDE
#define SIDE 16
#endif

/* A block of SIDE x SIDE elements: row loads, a transposition in registers, row stores. */
#if BITS
typedef CAT(T, SIDE) vec;
typedef vec vec_at __attribute__((aligned(1)));

/* Stores of whole cache lines that need not be read first; for what the caches would not keep anyway. */
#define PAST_CACHES(v, p) (*(p) = (v))
#ifdef __clang__
#if __has_builtin(__builtin_nontemporal_store)
#undef PAST_CACHES
#define PAST_CACHES(v, p) __builtin_nontemporal_store(v, p)
#endif
#endif

static inline __attribute__((always_inline)) void block(const global T *x, global T *y, const long xc, const long yr, const int past) {
  vec v[SIDE];
#pragma unroll
  for (int i = 0; i < SIDE; i++) v[i] = *(const global vec_at *)(x + i * xc);
  TURN(vec, SIDE, v)
#pragma unroll
  for (int i = 0; i < SIDE; i++) {
    if (past)
      PAST_CACHES(v[i], (global vec *)(y + i * yr));
    else
      *(global vec_at *)(y + i * yr) = v[i];
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
          for (int i = 0; i < SIDE; i++) PREFETCH(x + px + (k + i) * xc + r + 2 * SIDE);
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
