/* Conversion of element types.
 *
 *   cast   y[i] (req)= (TY) x[i]
 *
 * x: n elements of TX; y: of T. Floats are cut off to whole numbers; what does not fit a 32-bit (int64: 64-bit) integer, and NaN, becomes
 * its smallest; narrower integers keep the low bits; anything but 0 is true. FROM_FLOAT: TX is a float and T an integer type of
 * compute type CT. A work-item computes its share of MAP_EACH. In place where the sizes are equal.
 */
#include "common.h"
#include "convert.h"

#ifndef TX
#define TX T
#endif
#ifndef FROM_FLOAT
#define FROM_FLOAT 0
#endif

kernel void cast(const global TX *x, global T *y, const long n) {
  MAP_EACH(i, n) {
#if FROM_FLOAT
    STORE(y, i, CAT(TO_INTEGER_, CT)(LOAD_AS(TX, x, i)));
#else
    STORE(y, i, LOAD_AS(TX, x, i));
#endif
  }
}
