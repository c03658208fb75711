/* Vectors over the channels of a block. A blocked tensor is [N][ceil(C / BLOCK)][H][W][BLOCK] floats; lanes beyond C hold zeros.
 *
 *   blocked        BLOCK floats in a register
 *   AT(p)          those at p, wherever it points; vload is a real call on some devices
 *   KEEP(p, v)     stores v at p in the mode REQ
 *   ACTIVATE(v)    what ends an operator, by ACT: 0 nothing, 1 max(v, 0), 2 v limited to [low, high], 3 v < 0 ? low * v : v; NaN is kept
 *   CHUNK(i, n)    [i_lo, i_hi), this work-item's share of n units
 *   APART          a function of its own, so that its loop has all vector registers; give it a blocked argument, for without one clang
 *                  compiles it for narrower vectors
 */
#ifndef BLOCKED_H
#define BLOCKED_H

#ifndef BLOCK
#define BLOCK 16 /* 16 with AVX-512, 8 with AVX2, 4 otherwise */
#endif
#ifndef ACT
#define ACT 0
#endif

typedef CAT(float, BLOCK) blocked;
typedef blocked blocked_at __attribute__((aligned(4)));
typedef CAT(int, BLOCK) blocked_mask;

#define APART static __attribute__((noinline))
#define BLOCKED_INLINE static inline __attribute__((always_inline))
#define AT(p) (*(const global blocked_at *)(p))
#if REQ == 2
#define KEEP(p, v) (*(global blocked_at *)(p) += (v))
#else
#define KEEP(p, v) (*(global blocked_at *)(p) = (v))
#endif

#if ACT == 1
#define ACTIVATE(v) ((blocked)(0.0f) > (v) ? (blocked)(0.0f) : (v))
#elif ACT == 2
#define ACTIVATE(v) ((blocked)(low) > (v) ? (blocked)(low) : (blocked)(high) < (v) ? (blocked)(high) : (v))
#elif ACT == 3
#define ACTIVATE(v) ((v) < (blocked)(0.0f) ? (blocked)(low) * (v) : (v))
#else
#define ACTIVATE(v) (v)
#endif

#define CHUNK(i, n)                                                                  \
  const long i##_lo = (long)(n) * (long)get_global_id(0) / (long)get_global_size(0); \
  const long i##_hi = (long)(n) * ((long)get_global_id(0) + 1) / (long)get_global_size(0);
#endif
