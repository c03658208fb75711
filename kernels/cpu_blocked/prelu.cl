/* y = x > 0 ? x : slope[c] * x over blocked tensors: `planes` = N * blocks stretches of `pixels` vectors.
 * Work-items take shares of all pixels. Defines: BLOCK, REQ. */
#include "common.h"
#include "blocked.h"

kernel void blocked_prelu(global const float *x, global const float *slope, global float *y, const long planes, const int blocks,
                          const long pixels) {
  CHUNK(u, planes * pixels)
  long i = u_lo;
  while (i < u_hi) {
    const long plane = i / pixels, end = (plane + 1) * pixels < u_hi ? (plane + 1) * pixels : u_hi;
    const blocked a = AT(slope + plane % blocks * BLOCK);
    for (; i < end; i++) {
      const blocked v = AT(x + i * BLOCK);
      KEEP(y + i * BLOCK, v > (blocked)(0.0f) ? v : a * v);
    }
  }
}
