/* Rows of a tensor that a mask or an index vector names. x, y: rows of `width` elements of T.
 *
 *   mask_rows     y[k - 1] = x[i] for the rows whose mask is not zero; k = number[i], how many such rows there are up to i
 *   unmask_rows   y[i] = g[k - 1] for those rows, else zero
 *   count_of      count[0] = the last of n numbers
 *   index_array   y[i][a] = the coordinate of element i along axis a: i / steps[a] % extents[a]; `axes` of them, at most eight
 *   last_places   place[i] = 1 + the last k with index[k] = i, or 0; with CHECKED an index that is not in 0 .. n - 1
 *                 is refused (refuse.h). TI: type of the indices. First places are cleared, with `clear`.
 *   put_rows      y[i] = fresh[place[i] - 1] where place[i] is not 0 (zero with ERASE), else x[i]
 *
 * A work-item takes stretches of rows, or elements.
 */
#include "common.h"
#include "elements8.h"
#include "items.h"
#include "refuse.h"

#ifndef M
#define M float
#endif
#ifndef TI
#define TI float
#endif
#ifndef ERASE
#define ERASE 0
#endif

kernel void mask_rows(const global T *x, const global M *mask, const global int *number, global T *y, const long rows, const long width) {
  FOR_STRETCHES(row, lo, hi, rows, width, PIECE) {
    if (LOAD_AS(M, mask, row) != 0) {
      const long to = (number[row] - 1) * width, from = row * width;
      for (long j = lo; j < hi; j++) STORE(y, to + j, LOAD(x, from + j));
    }
  }
}

kernel void unmask_rows(const global T *g, const global M *mask, const global int *number, global T *y, const long rows, const long width) {
  FOR_STRETCHES(row, lo, hi, rows, width, PIECE) {
    const int kept = LOAD_AS(M, mask, row) != 0;
    const long from = (number[row] - 1) * width, to = row * width;
    for (long j = lo; j < hi; j++) {
      CT v = 0;
      if (kept) v = LOAD(g, from + j);
      STORE(y, to + j, v);
    }
  }
}

kernel void count_of(const global int *number, global int *count, const long n) {
  if (get_global_id(0) == 0) count[0] = number[n - 1];
}

kernel void index_array(global long *y, const long n, const int axes, const long8 extents, const long8 steps) {
  const long e[8] = ELEMENTS8(extents), s[8] = ELEMENTS8(steps);
  FOR_EACH(i, n * axes) {
    const long element = i / axes;
    const int a = (int)(i % axes);
    const long v = element / s[a] % e[a];
    STORE_AS(REQ, long, y, i, v);
  }
}

kernel void last_places(const global TI *index, volatile global int *place, const long count, const long n, const int clear REFUSED) {
  if (clear) {
    FOR_EACH(i, n) place[i] = 0;
  } else {
    FOR_EACH(k, count) {
      const long at = (long)LOAD_AS(TI, index, k);
      if (at >= 0 && at < n)
        atomic_max(place + at, (int)k + 1);
#if CHECKED
      else
        refuse(refused, at, 0, n);
#endif
    }
  }
}

kernel void put_rows(const global T *x, const global T *fresh, const global int *place, global T *y, const long rows, const long width) {
  FOR_STRETCHES(row, lo, hi, rows, width, PIECE) {
    const int from = place[row];
    const long to = row * width;
    for (long j = lo; j < hi; j++) {
      CT v;
#if ERASE
      v = from ? (CT)0 : LOAD(x, to + j);
#else
      if (from)
        v = LOAD(fresh, (from - 1) * width + j);
      else
        v = LOAD(x, to + j);
#endif
      STORE(y, to + j, v);
    }
  }
}
