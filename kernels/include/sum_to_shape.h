/* Sums over the repeated axes of a broadcast: what the gradient of a broadcast input is.
 *
 * x, of T, is walked by kept extents (with steps ks) and reduced extents (with steps rs; rd of them, the last innermost): outputs
 * is the product of the kept ones, count of the reduced ones. y[m], of TY, is the sum over every reduced index tuple. With parts > 1
 * y[p * outputs + m] is the sum of the p-th of `parts` ranges of `per_part` index tuples, and sum_parts adds them up: few outputs still
 * occupy the device, and the order of additions does not depend on timing.
 */
#ifndef SUM_TO_SHAPE_H
#define SUM_TO_SHAPE_H
#include "elements8.h"

#ifndef TY
#define TY T
#endif

#define SUM_ARGS                                                                                                               \
  const global T *x, global TY *y, const int kd, const long8 kept, const long8 ks, const int rd, const long8 reduced, const long8 rs, \
      const long outputs, const long count, const int parts, const long per_part
#define UNPACK \
  const long ke[8] = ELEMENTS8(kept), kp[8] = ELEMENTS8(ks), re[8] = ELEMENTS8(reduced), rp[8] = ELEMENTS8(rs);

/* Where index m of extents e lies, and its coordinates in at */
static inline long locate(long m, const int nd, const long *e, const long *p, long *at) {
  long offset = 0;
  for (int d = nd - 1; d >= 0; d--) {
    at[d] = m % e[d];
    m /= e[d];
    offset += at[d] * p[d];
  }
  return offset;
}

kernel void sum_parts(const global CT *partial, global T *y, const long outputs, const int parts) {
  FOR_EACH(m, outputs) {
    CT sum = 0;
    for (int p = 0; p < parts; p++) sum += partial[p * outputs + m];
    STORE(y, m, sum);
  }
}
#endif
