/* gemm_scale: out = beta * c over n elements, before a product is added to it. A work-item: elements. */
#include "common.h"

__kernel void gemm_scale(const __global T *c, __global T *out, const long n, const CT beta) {
  FOR_EACH(i, n) STORE(out, i, LOAD(c, i) * beta);
}
