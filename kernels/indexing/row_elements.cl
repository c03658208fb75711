/* One element of each row by its number; rows of `length` floats. Numbers out of range, and NaN, are none.
 *
 *   encode   y[k, d] = d == index[k] ? 1 : 0
 *   put      y[k, d] = d == index[k] ? value[k] : x[k, d]; y may be x
 */
#include "common.h"
#include "items.h"

static inline long hot(const float v, const long length) { return v > -1 && v < (float)length ? (long)v : -1; }

kernel void encode(const global float *index, global float *y, const long rows, const long length) {
  FOR_STRETCHES(k, lo, hi, rows, length, PIECE) {
    const long at = hot(index[k], length);
    for (long d = lo; d < hi; d++) STORE(y, k * length + d, d == at ? 1.0f : 0.0f);
  }
}

kernel void put(const global float *x, const global float *value, const global float *index, global float *y, const long rows,
                const long length) {
  FOR_STRETCHES(k, lo, hi, rows, length, PIECE) {
    const long at = hot(index[k], length);
    for (long d = lo; d < hi; d++) {
      const float v = d == at ? value[k] : x[k * length + d];
      STORE(y, k * length + d, v);
    }
  }
}
