/* A penalty that keeps the mean activation of each unit near a target, by its gradient.
 *
 *   kl_average    average[c] = momentum * average[c] + (1 - momentum) * mean of x over all but axis 1, a sum in the order of the rows
 *   kl_gradient   dx = g + penalty * (-target / average[c] + (1 - target) / (1 - average[c]))
 *
 * x, g, dx: (batch, units, inner) of T, average: `units` of T. A work-item takes stretches of the units, or of the rows.
 */
#include "common.h"
#include "items.h"

#define UNITS 64 /* whose sums a CPU work-item keeps */

kernel void kl_average(const global T *restrict x, global T *restrict average, const long batch, const long units, const long inner,
                       const CT momentum) {
  CT sum[STRETCH(UNITS)];
  FOR_STRETCHES(all, lo, hi, 1, units, UNITS) {
    const int w = (int)(hi - lo);
    for (int j = 0; j < w; j++) sum[j] = 0;
    for (long n = 0; n < batch; n++)
      for (int j = 0; j < w; j++)
        for (long i = 0; i < inner; i++) sum[j] += LOAD(x, ((n * units + lo + j) * inner + i));
    for (int j = 0; j < w; j++) {
      const CT v = momentum * LOAD(average, lo + j) + (1 - momentum) * (sum[j] / (CT)(batch * inner));
      STORE_AS(1, T, average, lo + j, v);
    }
  }
}

kernel void kl_gradient(const global T *g, const global T *average, global T *dx, const long batch, const long units, const long inner,
                        const CT target, const CT penalty) {
  FOR_STRETCHES(row, lo, hi, batch * units, inner, PIECE) {
    const CT mean = LOAD(average, row % units);
    const CT more = penalty * (-target / mean + (1 - target) / (1 - mean));
    const global T *p = g + row * inner;
    global T *q = dx + row * inner;
    for (long j = lo; j < hi; j++) {
      const CT v = LOAD(p, j) + more;
      STORE(q, j, v);
    }
  }
}
