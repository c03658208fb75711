/* Sequences of given lengths: data in `steps` steps of `batch` sequences of `inner` values each.
 *
 *   sequence_mask      y = x within its sequence, `value` beyond
 *   sequence_reverse   the first `length` steps in reverse order, those behind as they are; its own gradient
 *   sequence_last      y[n] = x[last step of n]
 *   sequence_spread    the gradient of it: y = g[n] at the last step, 0 elsewhere
 *
 * x, y: T; length: `batch` values of TI, without HAS_LENGTH all are `steps`. Fractions are cut off; a length beyond the steps counts as
 * all of them, and for the last step one below 1 as 1. Step t of sequence n lies at t * step + n * entry: either may be the outer one.
 * A work-item takes stretches of the runs of `inner` values.
 */
#include "common.h"
#include "items.h"

#ifndef TI
#define TI int
#define CI int
#endif
#ifndef HAS_LENGTH
#define HAS_LENGTH 1
#endif
#ifndef BATCH_OUTER
#define BATCH_OUTER 0 /* 1: (batch, steps, inner), 0: (steps, batch, inner) */
#endif

/* NaN gives 0 */
static inline long length_of(const global TI *length, const long n, const long steps) {
#if HAS_LENGTH
  const CI v = LOAD_AS(TI, length, n);
  return v >= (CI)steps ? steps : v > 0 ? (long)v : 0;
#else
  return steps;
#endif
}

#if BATCH_OUTER
#define STEP_OF(row) ((row) % steps)
#define ENTRY_OF(row) ((row) / steps)
#define ROW_AT(t, n) ((n) * steps + (t))
#else
#define STEP_OF(row) ((row) / batch)
#define ENTRY_OF(row) ((row) % batch)
#define ROW_AT(t, n) ((t) * batch + (n))
#endif

kernel void sequence_mask(const global T *x, const global TI *length, global T *y, const long steps, const long batch, const long inner,
                          const CT value, const long x_at, const long y_at) {
  FOR_STRETCHES(row, lo, hi, steps * batch, inner, PIECE) {
    const int inside = STEP_OF(row) < length_of(length, ENTRY_OF(row), steps);
    const global T *p = x + x_at + row * inner;
    global T *q = y + y_at + row * inner;
    if (inside)
      for (long j = lo; j < hi; j++) STORE(q, j, LOAD(p, j));
    else
      for (long j = lo; j < hi; j++) STORE(q, j, value);
  }
}

kernel void sequence_reverse(const global T *restrict x, const global TI *restrict length, global T *restrict y, const long steps,
                             const long batch, const long inner) {
  FOR_STRETCHES(row, lo, hi, steps * batch, inner, PIECE) {
    const long t = STEP_OF(row), n = ENTRY_OF(row), end = length_of(length, n, steps);
    const global T *p = x + ROW_AT(t < end ? end - 1 - t : t, n) * inner;
    global T *q = y + row * inner;
    for (long j = lo; j < hi; j++) STORE(q, j, LOAD(p, j));
  }
}

static inline long last_of(const global TI *length, const long n, const long steps) {
  const long end = length_of(length, n, steps);
  return end > 0 ? end - 1 : 0;
}

kernel void sequence_last(const global T *restrict x, const global TI *restrict length, global T *restrict y, const long steps,
                          const long batch, const long inner) {
  FOR_STRETCHES(n, lo, hi, batch, inner, PIECE) {
    const global T *p = x + ROW_AT(last_of(length, n, steps), n) * inner;
    global T *q = y + n * inner;
    for (long j = lo; j < hi; j++) STORE(q, j, LOAD(p, j));
  }
}

kernel void sequence_spread(const global T *restrict g, const global TI *restrict length, global T *restrict y, const long steps,
                            const long batch, const long inner) {
  FOR_STRETCHES(row, lo, hi, steps * batch, inner, PIECE) {
    const long n = ENTRY_OF(row);
    const int here = STEP_OF(row) == last_of(length, n, steps);
    const global T *p = g + n * inner;
    global T *q = y + row * inner;
    if (here)
      for (long j = lo; j < hi; j++) STORE(q, j, LOAD(p, j));
    else
      for (long j = lo; j < hi; j++) STORE(q, j, (CT)0);
  }
}
