/* y[i] (req)= a * x[i]^2 + b * x[i] + c, element-wise; x, y: n elements of T; a, b, c of F. Integers go through float. y may be x. */
#include "common.h"
#include "convert.h"

#if IS_FLOAT
#define F CT
#else
#define F float
#endif

kernel void quadratic(const global T *x, global T *y, const long n, const F a, const F b, const F c) {
  MAP_EACH(i, n) {
    const F v = (F)LOAD(x, i);
    const F r = (a * v + b) * v + c;
    STORE(y, i, RESULT(r));
  }
}
