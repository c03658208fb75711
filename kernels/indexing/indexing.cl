/* Gathers and scatters by computed indices. No float atomics: whatever adds up does so in a fixed order.
 *
 *   take            y[o, k, j] = x[o, index(k), j]                         x: (outer, n, inner), index: count
 *   nd_keys         key[k] = sum over m of index[m, k] * stride[m]         negative indices count from the back, others are cut to the extent
 *   plain_keys      key[k] = index(k)
 *   bucket_count, bucket_totals, bucket_offsets, bucket_place   on CPUs a stable counting sort of the keys: `order`, and `start` of each key's
 *                   stretch in it. A work-item counts, and in the end places, a stretch of the keys; between it adds over a range of values.
 *   bucket_starts   after a sort of the keys, where they are few or on GPUs: start[b] by binary search
 *   scatter_add     y[o, b, j] (req)= sum of g[o, order[s], j] over the stretch of b, in order
 *   scatter_clear, scatter_last, scatter_put   slot[b] = largest k with key b (an integer maximum, so any order gives the same), then
 *                   y[b, j] = slot[b] < 0 ? (base[b, j] or 0) : x[slot[b], j]
 *   one_hot         y[k, d] = d == index(k) ? on : off
 *   pick, pick_backward   y[o, j] = x[o, index(o, j), j]
 *
 * TI, CI: type of the indices, and the type to compute with; MODE 0 cut to the range, 1 wrap around. Indices of floating-point type are truncated.
 */
#include "common.h"
#include "elements8.h"
#include "items.h"
#include "refuse.h"

#ifndef TI
#define TI int
#define CI int
#endif
#ifndef MODE
#define MODE 0
#endif
#ifndef HAS_BASE
#define HAS_BASE 0
#endif
#define TILE 64 /* elements of a row whose sums a CPU work-item keeps */

/* NaN gives 0 */
static inline long index_at(const global TI *index, const long k, const long n) {
  const CI v = LOAD_AS(TI, index, k);
#if MODE == 1
  const long i = (long)v % n;
  return i < 0 ? i + n : i;
#else
  return v >= (CI)n ? n - 1 : v > 0 ? (long)v : 0;
#endif
}

kernel void take(const global T *x, const global TI *index, global T *y, const long outer, const long n, const long inner, const long count REFUSED) {
  FOR_STRETCHES(row, lo, hi, outer * count, inner, PIECE) {
#if CHECKED
    const CI given = LOAD_AS(TI, index, row % count);
    if (!(given >= 0 && given <= (CI)(n - 1))) refuse(refused, (long)given, 0, n);
#endif
    const global T *p = x + (row / count * n + index_at(index, row % count, n)) * inner;
    global T *q = y + row * inner;
    for (long j = lo; j < hi; j++) STORE(q, j, LOAD(p, j));
  }
}

kernel void plain_keys(const global TI *index, global int *keys, const long count, const long n) {
  FOR_EACH(k, count) keys[k] = (int)index_at(index, k, n);
}

kernel void nd_keys(const global TI *index, global int *keys, const long count, const int dims, const long8 extents, const long8 strides REFUSED) {
  const long extent[8] = ELEMENTS8(extents);
  const long stride[8] = ELEMENTS8(strides);
  FOR_EACH(k, count) {
    long key = 0;
    for (int m = 0; m < dims; m++) {
      long i = (long)LOAD_AS(TI, index, m * count + k);
#if CHECKED
      if (i < -extent[m] || i >= extent[m]) refuse(refused, i, m, extent[m]);
#endif
      if (i < 0) i += extent[m];
      key += (i < 0 ? 0 : i >= extent[m] ? extent[m] - 1 : i) * stride[m];
    }
    keys[k] = (int)key;
  }
}

/* counts: (stretches, n); stretch s of the keys */
#define STRETCH_LO(s) (count * (s) / stretches)

kernel void bucket_count(const global int *keys, global int *counts, const long count, const long n, const long stretches) {
  FOR_ITEMS(s, stretches) {
    global int *own = counts + s * n;
    const long hi = STRETCH_LO(s + 1);
    for (long b = 0; b < n; b++) own[b] = 0;
    for (long k = STRETCH_LO(s); k < hi; k++) own[keys[k]]++;
  }
}

/* total[r]: how many keys lie in range r of the keys' values */
#define RANGE_LO(r) (n * (r) / ranges)

kernel void bucket_totals(const global int *counts, global int *total, const long n, const long stretches, const long ranges) {
  FOR_ITEMS(r, ranges) {
    const long hi = RANGE_LO(r + 1);
    int sum = 0;
    for (long s = 0; s < stretches; s++)
      for (long b = RANGE_LO(r); b < hi; b++) sum += counts[s * n + b];
    total[r] = sum;
  }
}

/* start: n + 1; counts become the places where each stretch puts its next key */
kernel void bucket_offsets(global int *counts, const global int *total, global int *start, const long n, const long stretches,
                           const long ranges) {
  FOR_ITEMS(r, ranges) {
    const long hi = RANGE_LO(r + 1);
    int at = 0;
    for (long before = 0; before < r; before++) at += total[before];
    for (long b = RANGE_LO(r); b < hi; b++) {
      start[b] = at;
      for (long s = 0; s < stretches; s++) {
        const int here = counts[s * n + b];
        counts[s * n + b] = at;
        at += here;
      }
    }
    if (r == ranges - 1) start[n] = at;
  }
}

kernel void bucket_place(const global int *keys, global int *counts, global int *order, const long count, const long n,
                         const long stretches) {
  FOR_ITEMS(s, stretches) {
    global int *next = counts + s * n;
    const long hi = STRETCH_LO(s + 1);
    for (long k = STRETCH_LO(s); k < hi; k++) order[next[keys[k]]++] = (int)k;
  }
}

kernel void bucket_starts(const global int *sorted, global int *start, const long count, const long n) {
  FOR_RUNS(b, next, n + 1) {
    next = RUN_END(b, n + 1);
    long lo = 0, hi = count;
    while (lo < hi) {
      const long mid = (lo + hi) / 2;
      if (sorted[mid] < b)
        lo = mid + 1;
      else
        hi = mid;
    }
    for (long c = b; c < next; c++) {
      while (lo < count && sorted[lo] < c) lo++;
      start[c] = (int)lo;
    }
  }
}

/* rows that are added lie anywhere: those AHEAD in the order are fetched meanwhile */
#define AHEAD 8
#define FETCH(s)              \
  if ((s) + AHEAD < count)    \
    for (int j = 0; j < w; j += 16) PREFETCH(own + order[(s) + AHEAD] * inner + j);

kernel void scatter_add(const global T *g, const global int *order, const global int *start, global T *y, const long outer, const long n,
                        const long inner, const long count) {
  FOR_STRETCHES(row, lo, hi, outer * n, inner, TILE) {
    CT sum[STRETCH(TILE)];
    const long b = row % n, end = start[b + 1];
    const int w = (int)(hi - lo);
    const global T *own = g + row / n * count * inner + lo;
    if (w == TILE) {
      for (int j = 0; j < STRETCH(TILE); j++) sum[j] = 0;
      for (long s = start[b]; s < end; s++) {
        const global T *p = own + order[s] * inner;
        FETCH(s)
        for (int j = 0; j < STRETCH(TILE); j++) sum[j] += LOAD(p, j);
      }
    } else {
      for (int j = 0; j < w; j++) sum[j] = 0;
      for (long s = start[b]; s < end; s++) {
        const global T *p = own + order[s] * inner;
        FETCH(s)
        for (int j = 0; j < w; j++) sum[j] += LOAD(p, j);
      }
    }
    global T *q = y + row * inner + lo;
    for (int j = 0; j < w; j++) STORE(q, j, sum[j]);
  }
}

kernel void scatter_clear(global int *slot, const long n) {
  FOR_EACH(b, n) slot[b] = -1;
}

kernel void scatter_last(const global int *keys, global int *slot, const long count) {
  FOR_EACH(k, count) atomic_max(slot + keys[k], (int)k);
}

kernel void scatter_put(const global T *base, const global T *x, const global int *slot, global T *y, const long n, const long inner) {
  FOR_STRETCHES(b, lo, hi, n, inner, PIECE) {
    const long k = slot[b];
    for (long j = lo; j < hi; j++)
#if HAS_BASE
      STORE(y, b * inner + j, k < 0 ? LOAD(base, b * inner + j) : LOAD(x, k * inner + j));
#else
      STORE(y, b * inner + j, k < 0 ? (CT)0 : LOAD(x, k * inner + j));
#endif
  }
}

kernel void one_hot(const global TI *index, global T *y, const long count, const long depth, const CT on, const CT off) {
  FOR_STRETCHES(k, lo, hi, count, depth, PIECE) {
    const CI v = LOAD_AS(TI, index, k);
    const long hot = v > (CI)-1 && v < (CI)depth ? (long)v : -1;
    global T *q = y + k * depth;
    for (long d = lo; d < hi; d++) STORE(q, d, d == hot ? on : off);
  }
}

kernel void pick(const global T *x, const global TI *index, global T *y, const long outer, const long n, const long inner) {
  FOR_EACH(i, outer * inner) STORE(y, i, LOAD(x, (i / inner * n + index_at(index, i, n)) * inner + i % inner));
}

kernel void pick_backward(const global T *restrict g, const global TI *restrict index, global T *restrict dx, const long outer,
                          const long n, const long inner) {
  FOR_STRETCHES(row, lo, hi, outer * n, inner, PIECE) {
    const long o = row / n * inner + lo, i = row % n, w = hi - lo;
    global T *q = dx + row * inner + lo;
    for (long j = 0; j < w; j++) STORE(q, j, index_at(index, o + j, n) == i ? LOAD(g, o + j) : (CT)0);
  }
}
