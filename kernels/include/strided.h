/* Walks through strided stretches of memory, for the kernels that copy and fill them.
 *
 * Component 0 of extent, xs, ys is the innermost dimension; ndim (at most 8) of them count. A step may be negative or 0 (repeats x).
 * T: what overwrites takes an integer type of the element's size (BITS 1, the value to fill with given as bits);
 * what adds, the element's own type. WIDE 1 where the number of index tuples does not fit in 31 bits.
 */
#ifndef STRIDED_H
#define STRIDED_H

#define LOAD_short(p, i) ((p)[i])
#define PUT_short(p, i, v) ((p)[i] = (short)(v))

#ifndef BITS /* T is an integer type of the element's size, REQ is 1 */
#define BITS 0
#endif
#ifndef WIDE
#define WIDE 1
#endif
#if WIDE
typedef ulong index_t;
#else
typedef uint index_t;
#endif

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
#endif
