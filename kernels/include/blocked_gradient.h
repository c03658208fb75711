/* What the gradients of convolution over blocked tensors share: vectors, transposition, the store of a weight gradient.
 *
 * A blocked tensor is (images, blocks, height, width, VW): VW channels of a pixel are one vector. The sums of a weight gradient are kept as
 * rows of VW filters, one row an element (channel, tap) of the weight: `rows` x VW, the transpose of what the user gets.
 */
#ifndef BLOCKED_GRADIENT_H
#define BLOCKED_GRADIENT_H

#ifndef VW
#define VW 16 /* channels a block, and elements a vector: 16 with AVX-512, 8 with AVX2, 4 */
#endif

typedef CAT(float, VW) vec;
typedef vec uvec __attribute__((aligned(4)));

#define BLOCKED_INLINE static inline __attribute__((always_inline))
/* A function of its own, which gets the registers to itself. It takes a vector (a zero), for without one clang compiles it for narrower
 * vectors than there are. */
#define BLOCKED_APART static __attribute__((noinline))

/* a0 b0 a1 b1 ...: of the lower halves, and of the upper halves */
#if VW == 16
#define ZIP_LOW(a, b)                                                                                                    \
  (vec)(a.s0, b.s0, a.s1, b.s1, a.s2, b.s2, a.s3, b.s3, a.s4, b.s4, a.s5, b.s5, a.s6, b.s6, a.s7, b.s7)
#define ZIP_HIGH(a, b)                                                                                                   \
  (vec)(a.s8, b.s8, a.s9, b.s9, a.sa, b.sa, a.sb, b.sb, a.sc, b.sc, a.sd, b.sd, a.se, b.se, a.sf, b.sf)
#elif VW == 8
#define ZIP_LOW(a, b) (vec)(a.s0, b.s0, a.s1, b.s1, a.s2, b.s2, a.s3, b.s3)
#define ZIP_HIGH(a, b) (vec)(a.s4, b.s4, a.s5, b.s5, a.s6, b.s6, a.s7, b.s7)
#else
#define ZIP_LOW(a, b) (vec)(a.s0, b.s0, a.s1, b.s1)
#define ZIP_HIGH(a, b) (vec)(a.s2, b.s2, a.s3, b.s3)
#endif

/* Transposes VW vectors in registers. A step zips each row with the one half a matrix below, which rotates the bits of an element's
 * (row, column) by one place; after log2(VW) steps rows and columns have changed places. */
BLOCKED_INLINE void turn_step(vec *v) {
  vec w[VW];
#pragma unroll
  for (int i = 0; i < VW / 2; i++) {
    w[2 * i] = ZIP_LOW(v[i], v[i + VW / 2]);
    w[2 * i + 1] = ZIP_HIGH(v[i], v[i + VW / 2]);
  }
#pragma unroll
  for (int i = 0; i < VW; i++) v[i] = w[i];
}
BLOCKED_INLINE void turn(vec *v) {
  turn_step(v);
  turn_step(v);
#if VW > 4
  turn_step(v);
#endif
#if VW > 8
  turn_step(v);
#endif
}

#if REQ == 2
#define STORE_VEC(p, v) (*(__global uvec *)(p) += (v))
#else
#define STORE_VEC(p, v) (*(__global uvec *)(p) = (v))
#endif

/* out[lane * step + row] = sum over parts of from[part * part_step + row * VW + lane], for `lanes` of the VW lanes. The parts are added
 * in order, so that two runs agree bit for bit. */
#define STORE_TURNED(name, SPACE)                                                                                        \
  BLOCKED_APART void name(const vec zero, const SPACE float *from, const int parts, const size_t part_step, const int rows, \
                          const int lanes, __global float *out, const size_t step) {                                    \
    int row = 0;                                                                                                         \
    for (; row + VW <= rows; row += VW) {                                                                                \
      vec v[VW];                                                                                                         \
      _Pragma("unroll") for (int i = 0; i < VW; i++) v[i] = *(const SPACE uvec *)(from + (size_t)(row + i) * VW);        \
      for (int p = 1; p < parts; p++)                                                                                    \
        _Pragma("unroll") for (int i = 0; i < VW; i++)                                                                   \
          v[i] += *(const SPACE uvec *)(from + p * part_step + (size_t)(row + i) * VW);                                  \
      turn(v);                                                                                                           \
      if (lanes == VW) {                                                                                                 \
        _Pragma("unroll") for (int i = 0; i < VW; i++) STORE_VEC(out + i * step + row, v[i]);                            \
      } else                                                                                                             \
        _Pragma("unroll") for (int i = 0; i < VW; i++) if (i < lanes) STORE_VEC(out + i * step + row, v[i]);             \
    }                                                                                                                    \
    for (; row < rows; row++)                                                                                            \
      SHORT_LOOP for (int i = 0; i < lanes; i++) {                                                                       \
        float sum = from[(size_t)row * VW + i];                                                                          \
        for (int p = 1; p < parts; p++) sum += from[p * part_step + (size_t)row * VW + i];                               \
        STORE(out, i * step + row, sum);                                                                                 \
      }                                                                                                                  \
  }

/* `count` vectors of zeros, and a copy of vectors */
BLOCKED_APART void fill_local(const vec zero, __local float *to, const size_t count) {
  for (size_t i = 0; i < count; i++) *(__local uvec *)(to + i * VW) = zero;
}
BLOCKED_APART vec copy_to_local(const vec zero, __local float *to, const __global float *from, const size_t count) {
  for (size_t i = 0; i < count; i++) *(__local uvec *)(to + i * VW) = *(const __global uvec *)(from + i * VW);
  return zero;
}
BLOCKED_APART vec copy_to_global(const vec zero, __global float *to, const __local float *from, const size_t count) {
  for (size_t i = 0; i < count; i++) *(__global uvec *)(to + i * VW) = *(const __local uvec *)(from + i * VW);
  return zero;
}

/* Quotients rounded down and up; the divisor is positive. */
BLOCKED_INLINE int divide_down(const int a, const int b) { return a >= 0 ? a / b : -((b - 1 - a) / b); }
BLOCKED_INLINE int divide_up(const int a, const int b) { return -divide_down(-a, b); }
#endif
