/* What a reduction over any set of axes does: elements are mapped, folded, and the result finished.
 *
 *   y[o] (req)= FINISH(fold over r of MAP(x[kept(o) + reduced(r)]))
 *
 * kept, reduced: four extents and four strides, innermost first. `splits` > 1: the reduction is cut into parts and y is (splits, outputs), to be
 * folded by a second launch with MAP 0. `length` elements make a result; the mean divides by `count`; x starts at `offset`.
 *
 * Defines: FOLD 0 sum 1 prod 2 max 3 min · MAP 0 x, 1 |x|, 2 x*x, 3 nan->0, 4 nan->1 · FINISH 0 none, 1 mean, 2 sqrt · TY type of y · FIRST neutral
 *
 * COMBINE(total, error, v) folds v into a total, sums with Kahan's correction.
 */
#ifndef FOLD_H
#define FOLD_H
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
#endif
