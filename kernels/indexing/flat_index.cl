/* Flat indices and tuples of indices, row-major.
 *
 *   ravel     y[k] = sum over m of x[m, k] * stride[m]
 *   unravel   y[m, k] = x[k] / stride[m] (modulo the extent, but for m == 0)
 *
 * x, y: n indices, or dims rows of n, of T. Eight extents and strides at most.
 */
#include "common.h"
#include "elements8.h"

kernel void ravel(const global T *x, global T *y, const long n, const int dims, const long8 extents, const long8 strides) {
  const long stride[8] = ELEMENTS8(strides);
  FOR_EACH(k, n) {
    long flat = 0;
    for (int m = 0; m < dims; m++) flat += (long)LOAD(x, m * n + k) * stride[m];
    STORE(y, k, (CT)flat);
  }
}

kernel void unravel(const global T *x, global T *y, const long n, const int dims, const long8 extents, const long8 strides) {
  const long stride[8] = ELEMENTS8(strides);
  const long extent[8] = ELEMENTS8(extents);
  FOR_EACH(k, n) {
    const long flat = (long)LOAD(x, k);
    for (int m = 0; m < dims; m++) {
      const long q = flat / stride[m];
      STORE(y, m * n + k, (CT)(m == 0 ? q : q % extent[m]));
    }
  }
}
