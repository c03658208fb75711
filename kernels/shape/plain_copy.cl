/* plain_copy   y[i] (req)= x[i], i < n; returns at once where y is x. A work-item computes its share of FOR_EACH. */
#include "common.h"
#include "strided.h"

kernel void plain_copy(const global T *x, global T *y, const long n) {
#if REQ == 1
  if (x == y) return;
#endif
  FOR_EACH(i, n) { STORE(y, i, LOAD(x, i)); }
}
