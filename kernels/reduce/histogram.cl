/* Histograms: how many elements of x lie in each of `bins` bins, bin b between edges[b] and edges[b + 1]; the last holds its upper edge.
 *
 * Every work-item counts into one of `copies` sets of counters (on CPUs one of its own), which are added up at the end. Whole numbers, so
 * that the order does not matter. NaN and what lies outside of the edges is not counted.
 *
 *   histogram_edges  edges[b] = low + b * (high - low) / bins
 *   histogram_clear  all counters zero
 *   histogram_count  adds the elements first .. last - 1; EQUAL: the bins are equally wide, else the edges are searched
 *   histogram_total  y[b] = the sum of the counters, or added to it unless `fresh`
 */
#include "common.h"

#ifndef EQUAL
#define EQUAL 1
#endif

#ifndef E
#define E float
#endif

kernel void histogram_edges(global T *edges, const int bins, const E low, const E high) {
  FOR_EACH(b, bins + 1) STORE_AS(1, T, edges, b, (CT)(b == bins ? high : low + b * ((high - low) / bins)));
}

kernel void histogram_clear(global int *counts, const long n) { FOR_EACH(i, n) counts[i] = 0; }

kernel void histogram_count(const global T *x, const global T *edges, volatile global int *counts, const long first, const long last,
                            const int bins, const int copies) {
  volatile global int *mine = counts + (long)get_global_id(0) % copies * bins;
  const CT low = LOAD(edges, 0), high = LOAD(edges, bins);
  FOR_EACH(i, last - first) {
    const CT v = LOAD(x, first + i);
    if (v >= low && v <= high) {
      int b = 0;
#if EQUAL
      b = high > low ? (int)((v - low) * bins / (high - low)) : bins - 1;
      b = b < bins ? b : bins - 1;
      b -= v < LOAD(edges, b);
      b += b < bins - 1 && v >= LOAD(edges, b + 1);
#else
      int end = bins;
      while (end - b > 1) {
        const int middle = (b + end) / 2;
        if (v >= LOAD(edges, middle))
          b = middle;
        else
          end = middle;
      }
#endif
      atomic_inc(mine + b);
    }
  }
}

kernel void histogram_total(const global int *counts, global long *y, const int bins, const int copies, const int fresh) {
  FOR_EACH(b, bins) {
    long sum = 0;
    for (int c = 0; c < copies; c++) sum += counts[(long)c * bins + b];
    if (fresh)
      STORE_AS(REQ, long, y, b, sum);
    else
      y[b] += sum;
  }
}
