/* y[0] = whether a and b are equal within a tolerance, element by element: |a - b| <= atol + rtol * |b|.
 *
 * a, b: n elements of T; y: one byte. Launch `allclose_begin`, which sets it, then `allclose`: every work-item that meets a difference stores
 * the same 0. Infinities follow the formula, so that -inf is close to inf; two NaNs are equal if `equal_nan` is not 0.
 */
#include "common.h"

#if IS_FLOAT
#define F CT
#else
#define F float
#endif

kernel void allclose_begin(global uchar *y) {
  if (get_global_id(0) == 0) y[0] = 1;
}

kernel void allclose(const global T *a, const global T *b, global uchar *y, const long n, const F rtol, const F atol, const int equal_nan) {
  int differ = 0;
  FOR_EACH(i, n) {
    const CT u = LOAD(a, i), v = LOAD(b, i);
    const F distance = (F)(u > v ? u - v : v - u), size = (F)(v < 0 ? -v : v);
#if IS_FLOAT
    differ |= !(u == v || distance <= atol + rtol * size || (equal_nan && u != u && v != v));
#else
    differ |= !(u == v || distance <= atol + rtol * size);
#endif
  }
  if (differ) y[0] = 0;
}
