/* Tensors without inputs, but for plain fills (shape/strided_copy_*.cl).
 *
 *   progression  y[i] (req)= start + (i / repeat) * step, in the compute type W, rounded after each operation as MXNet does
 *   extents      y[i] (req)= component i of `values`, i < n <= 8
 *
 * A work-item computes its share of FOR_EACH.
 */
#include "common.h"
#include "elements8.h"

#pragma OPENCL FP_CONTRACT OFF

#ifndef W
#define W CT
#endif

kernel void progression(global T *y, const long n, const long repeat, const W start, const W step) {
  if (repeat == 1) {
    FOR_EACH(i, n) {
      const W rise = (W)i * step;
      STORE(y, i, start + rise);
    }
  } else {
    FOR_EACH(i, n) {
      const W rise = (W)(i / repeat) * step;
      STORE(y, i, start + rise);
    }
  }
}

kernel void extents(global T *y, const int n, const long8 values) {
  const long v[8] = ELEMENTS8(values);
  if (get_global_id(0) == 0)
    for (int i = 0; i < n; i++) STORE(y, i, v[i]);
}
