/* The first k of the sorted rows of n elements that lie `inner` apart, without sorting the rows, as pairs (key: CT, place: int).
 *
 * select_best: a work-item a stretch of a row. It keeps the best k of what it has seen as a heap, the last of them on top, passes over
 * everything that does not come before that, and sorts the heap in the end: runs (rows, stretches, k). With `groups`, several times k, it
 * first finds the best of each group (every groups-th element): nothing behind the k-th of these can be among the best k.
 * select_merge: a work-item merges two runs to the first k of both: (rows, 2 * runs, k) to (rows, runs, k).
 */
#include "common.h"
#include "items.h"
#include "sort_order.h"

#define AT(row, i) (((row) / inner * n + (i)) * inner + (row) % inner)
#define AHEAD 32 /* elements that are compared at once */

/* whether (a, i) comes after (b, j): equal elements keep their order */
static inline int comes_after(const CT a, const int i, const CT b, const int j) {
  const int before = BEFORE(a, b), after = BEFORE(b, a);
  return after || (!before && i > j);
}

/* puts (v, at) into a heap of `count` whose top is free */
static inline void sift(global CT *keys, global int *places, const long count, const CT v, const int at) {
  long hole = 0;
  for (;;) {
    long child = 2 * hole + 1;
    if (child >= count) break;
    if (child + 1 < count && comes_after(keys[child + 1], places[child + 1], keys[child], places[child])) child++;
    if (!comes_after(keys[child], places[child], v, at)) break;
    keys[hole] = keys[child];
    places[hole] = places[child];
    hole = child;
  }
  keys[hole] = v;
  places[hole] = at;
}

/* adds (v, at) to a heap of `count` */
static inline void climb(global CT *keys, global int *places, const long count, const CT v, const int at) {
  long hole = count;
  while (hole > 0) {
    const long parent = (hole - 1) / 2;
    if (!comes_after(v, at, keys[parent], places[parent])) break;
    keys[hole] = keys[parent];
    places[hole] = places[parent];
    hole = parent;
  }
  keys[hole] = v;
  places[hole] = at;
}

/* adds (v, at) to a heap of `count`, of at most k; the new count */
static inline long keep(global CT *keys, global int *places, const long count, const long k, const CT v, const int at) {
  if (count < k) {
    climb(keys, places, count, v, at);
    return count + 1;
  }
  if (BEFORE(v, keys[0])) sift(keys, places, k, v, at);
  return k;
}

kernel void select_best(const global T *x, global CT *keys, global int *places, global CT *peaks, const long rows, const long n,
                        const long inner, const long k, const int stretches, const long groups) {
  FOR_ITEMS(item, rows * stretches) {
    const long row = item / stretches, s = item % stretches, lo = n * s / stretches, hi = n * (s + 1) / stretches;
    const global T *p = x + row * n;
    global CT *own = keys + item * k, *peak = peaks + item * groups;
    global int *at = places + item * k;
    CT last = 0;
    if (groups) {
      for (long j = 0; j < groups; j++) peak[j] = LOAD(p, lo + j);
      for (long i = lo + groups; i + groups <= hi; i += groups) {
        MAP_LOOP
        for (long j = 0; j < groups; j++) {
          const CT v = LOAD(p, i + j), best = peak[j];
          peak[j] = BEFORE(v, best) ? v : best;
        }
      }
      long count = 0;
      for (long j = 0; j < groups; j++) count = keep(own, at, count, k, peak[j], (int)j);
      last = own[0];
    }
    long count = 0;
    for (long i = lo; i < hi; i += AHEAD) {
      const long end = i + AHEAD < hi ? i + AHEAD : hi;
      int any = (!groups && (inner > 1 || count < k)) || end < i + AHEAD;
      if (!any)
        for (int j = 0; j < AHEAD; j++) {
          const CT v = LOAD(p, i + j);
          any |= !BEFORE(last, v);
        }
      if (!any) continue;
      for (long j = i; j < end; j++) {
        const CT v = LOAD(x, AT(row, j));
        if (groups && BEFORE(last, v)) continue;
        count = keep(own, at, count, k, v, (int)j);
        if (count == k) last = own[0];
      }
    }
    for (count = k - 1; count > 0; count--) {
      const CT v = own[count];
      const int place = at[count];
      own[count] = own[0];
      at[count] = at[0];
      sift(own, at, count, v, place);
    }
  }
}

kernel void select_merge(const global CT *keys, const global int *places, global CT *to, global int *to_places, const long runs, const long k) {
  FOR_ITEMS(run, runs) {
    const long a = 2 * run * k, b = a + k;
    long i = 0, j = 0;
    for (long e = 0; e < k; e++) {
      const int second = BEFORE(keys[b + j], keys[a + i]);
      const long from = second ? b + j : a + i;
      to[run * k + e] = keys[from];
      to_places[run * k + e] = places[from];
      j += second;
      i += !second;
    }
  }
}
