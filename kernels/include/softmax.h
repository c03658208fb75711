/* What the kernels of a softmax share. x, dx: (outer, n, inner) of T; y, g: the same of TY; length: (outer, inner) of TL, elements from there
 * on count as absent and give 0.
 *
 * Defines: KIND 0 softmax, 1 log_softmax, 2 softmin; USE_LENGTH; SAME_TYPE (T, TY and CT are one). `scale` is 1 / temperature. A NaN makes its whole row NaN.
 */
#ifndef SOFTMAX_H
#define SOFTMAX_H
#include "math.h"
#include "reduce.h"

#ifndef TY
#define TY T
#endif
#ifndef TL
#define TL int
#endif
#ifndef KIND
#define KIND 0
#endif
#ifndef USE_LENGTH
#define USE_LENGTH 0
#endif
#ifndef SAME_TYPE
#define SAME_TYPE 1
#endif

#if KIND == 2
#define SIGNED(v) (-(v))
#else
#define SIGNED(v) (v)
#endif
#if USE_LENGTH
#define LENGTH_OF(row) clamp((long)LOAD_AS(TL, length, row), 0L, n)
#define LENGTH_ARG const global TL *length,
#else
#define LENGTH_OF(row) (n)
#define LENGTH_ARG
#endif

#endif
