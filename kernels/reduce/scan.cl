/* Sums of all elements up to each one along an axis, in three launches where the axis is long: it is cut into chunks.
 *
 * x: S, (outer, n, inner); y: T, the same; the sums are of CT. partial: CT, (outer, chunks, inner). With BACKWARD from the end to each
 * element. COUNT: whether an element is different from zero is counted instead.
 *
 *   scan_chunks    partial = the sum of each chunk
 *   scan_partial   partial = the sum of the chunks before each, in place
 *   scan_within    y = the sums, each chunk beginning with its entry of partial (with CHUNKED)
 *
 * A work-item takes stretches of `inner` of an (outer, chunk).
 */
#include "common.h"
#include "items.h"

#ifndef S
#define S T
#endif
#ifndef BACKWARD
#define BACKWARD 0
#endif
#ifndef COUNT
#define COUNT 0
#endif
#ifndef CHUNKED
#define CHUNKED 0
#endif
#define WIDTH 64

#if COUNT
#define VALUE(i) (LOAD_AS(S, x, i) != 0)
#else
#define VALUE(i) ((CT)LOAD_AS(S, x, i))
#endif
/* The k-th element of n in the order of summation. */
#if BACKWARD
#define PLACE(k, n) ((n)-1 - (k))
#else
#define PLACE(k, n) (k)
#endif

kernel void scan_chunks(const global S *x, global CT *partial, const long outer, const long n, const long inner, const long chunk) {
  const long chunks = (n + chunk - 1) / chunk;
  FOR_STRETCHES(row, lo, hi, outer * chunks, inner, WIDTH) {
    const long o = row / chunks, from = row % chunks * chunk, to = from + chunk < n ? from + chunk : n;
    CT sum[STRETCH(WIDTH)];
    for (long j = lo; j < hi; j++) sum[j - lo] = 0;
    for (long k = from; k < to; k++) {
      const long at = (o * n + PLACE(k, n)) * inner;
      for (long j = lo; j < hi; j++) sum[j - lo] += VALUE(at + j);
    }
    for (long j = lo; j < hi; j++) partial[row * inner + j] = sum[j - lo];
  }
}

kernel void scan_partial(global CT *partial, const long outer, const long chunks, const long inner) {
  FOR_STRETCHES(o, lo, hi, outer, inner, WIDTH) {
    CT sum[STRETCH(WIDTH)];
    for (long j = lo; j < hi; j++) sum[j - lo] = 0;
    for (long c = 0; c < chunks; c++) {
      global CT *row = partial + (o * chunks + c) * inner;
      for (long j = lo; j < hi; j++) {
        const CT own = row[j];
        row[j] = sum[j - lo];
        sum[j - lo] += own;
      }
    }
  }
}

kernel void scan_within(const global S *x, const global CT *partial, global T *y, const long outer, const long n, const long inner,
                        const long chunk) {
  const long chunks = (n + chunk - 1) / chunk;
  FOR_STRETCHES(row, lo, hi, outer * chunks, inner, WIDTH) {
    const long o = row / chunks, from = row % chunks * chunk, to = from + chunk < n ? from + chunk : n;
    CT sum[STRETCH(WIDTH)];
    for (long j = lo; j < hi; j++) {
#if CHUNKED
      sum[j - lo] = partial[row * inner + j];
#else
      sum[j - lo] = 0;
#endif
    }
    for (long k = from; k < to; k++) {
      const long at = (o * n + PLACE(k, n)) * inner;
      for (long j = lo; j < hi; j++) {
        sum[j - lo] += VALUE(at + j);
        const CT v = sum[j - lo];
        STORE(y, at + j, v);
      }
    }
  }
}
