/* Stable sorting of rows of n elements that lie `inner` apart: blocks by insertion, then merges of doubling width, from one workspace to another.
 *
 *   sort_blocks   reads a tensor, writes sorted blocks of BLOCK elements as pairs (key: CT, place: int), rows one after another
 *   sort_merge    merges neighbouring stretches of `width` elements. CPU: a work-item merges a pair. GPU: each element finds its own place by
 *                 binary search in the other stretch, so that one long row keeps the whole device busy
 *   sort_values, sort_places   the first k of each row, back in the tensor's layout: (outer, k, inner)
 *   sort_mask     1 for the first k of each row, 0 for the others: (outer, n, inner); cleared by sort_clear
 *   topk_backward   dx[o, place, j] = g[o, i, j] for the first k, 0 elsewhere (cleared before)
 *
 * Equal elements keep their order; NaN counts as larger than everything. DESCENDING 1 puts the largest first. TY, CY: type of an output.
 */
#include "common.h"
#include "reduce.h"

#ifndef DESCENDING
#define DESCENDING 0
#endif
#ifndef TY
#define TY T
#define CY CT
#endif
#ifndef BLOCK
#define BLOCK 32
#endif

#if IS_FLOAT
#define LESS(a, b) ((a) < (b) || ((b) != (b) && (a) == (a)))
#else
#define LESS(a, b) ((a) < (b))
#endif
#if DESCENDING
#define BEFORE(a, b) LESS(b, a)
#else
#define BEFORE(a, b) LESS(a, b)
#endif
#define AT(row, i) (((row) / inner * n + (i)) * inner + (row) % inner)

kernel void sort_blocks(const global T *x, global CT *keys, global int *places, const long rows, const long n, const long inner) {
  const long blocks = (n + BLOCK - 1) / BLOCK;
  FOR_ITEMS(item, rows * blocks) {
    const long row = item / blocks, lo = item % blocks * BLOCK;
    const int w = (int)(n - lo < BLOCK ? n - lo : BLOCK);
    CT key[BLOCK];
    int place[BLOCK];
    for (int i = 0; i < w; i++) {
      const CT v = LOAD(x, AT(row, lo + i));
      int j = i;
      for (; j > 0 && BEFORE(v, key[j - 1]); j--) key[j] = key[j - 1], place[j] = place[j - 1];
      key[j] = v;
      place[j] = (int)(lo + i);
    }
    for (int i = 0; i < w; i++) keys[row * n + lo + i] = key[i], places[row * n + lo + i] = place[i];
  }
}

kernel void sort_merge(const global CT *keys, const global int *places, global CT *to_keys, global int *to_places, const long rows, const long n,
                       const long width) {
#if DEVICE_CPU
  const long pairs = (n + 2 * width - 1) / (2 * width);
  FOR_ITEMS(item, rows * pairs) {
    const long base = item / pairs * n, lo = item % pairs * 2 * width;
    const long mid = lo + width < n ? lo + width : n, hi = lo + 2 * width < n ? lo + 2 * width : n;
    long i = lo, j = mid;
    for (long k = lo; k < hi; k++) {
      const int second = j < hi && (i >= mid || BEFORE(keys[base + j], keys[base + i]));
      const long from = base + (second ? j : i);
      to_keys[base + k] = keys[from];
      to_places[base + k] = places[from];
      j += second;
      i += !second;
    }
  }
#else
  FOR_EACH(e, rows * n) {
    const long base = e / n * n, i = e - base, lo = i / (2 * width) * (2 * width);
    const long mid = lo + width < n ? lo + width : n, hi = lo + 2 * width < n ? lo + 2 * width : n;
    const CT v = keys[e];
    const int second = i >= mid;
    long a = second ? lo : mid, b = second ? mid : hi;
    const long first = a;
    while (a < b) { /* how many of the other stretch come before v: of the first stretch those that equal it do */
      const long m = (a + b) / 2;
      const CT u = keys[base + m];
      if (second ? !BEFORE(v, u) : BEFORE(u, v))
        a = m + 1;
      else
        b = m;
    }
    const long to = base + (second ? i - mid + lo : i) + (a - first);
    to_keys[to] = v;
    to_places[to] = places[e];
  }
#endif
}

#define EACH_RESULT FOR_EACH(e, rows *k)
#define ROW (e / inner / k * inner + e % inner)
#define RANK (e / inner % k)

kernel void sort_values(const global CT *keys, global TY *y, const long rows, const long n, const long inner, const long k) {
  EACH_RESULT STORE_AS(REQ, TY, y, e, keys[ROW * n + RANK]);
}

kernel void sort_places(const global int *places, global TY *y, const long rows, const long n, const long inner, const long k) {
  EACH_RESULT STORE_AS(REQ, TY, y, e, (CY)places[ROW * n + RANK]);
}

kernel void sort_flags(const global int *places, global uchar *flags, const long rows, const long n, const long inner, const long k) {
  EACH_RESULT {
    const long row = ROW;
    flags[AT(row, places[row * n + RANK])] = 1;
  }
}

kernel void sort_clear(global uchar *flags, const long count) {
  FOR_EACH(i, count) flags[i] = 0;
}

kernel void sort_mask(const global uchar *flags, global TY *y, const long count) {
  FOR_EACH(i, count) STORE_AS(REQ, TY, y, i, (CY)flags[i]);
}

kernel void topk_clear(global int *ranks, const long count) {
  FOR_EACH(i, count) ranks[i] = -1;
}

/* rank[o, place, j] = i for the first k of each row; places come as a tensor of TY */
kernel void topk_ranks(const global TY *places, global int *ranks, const long rows, const long n, const long inner, const long k) {
  EACH_RESULT {
    const long row = ROW, p = (long)LOAD_AS(TY, places, e);
    if (p >= 0 && p < n) ranks[AT(row, p)] = (int)RANK;
  }
}

kernel void topk_backward(const global T *g, const global int *ranks, global T *dx, const long rows, const long n, const long inner, const long k) {
  FOR_EACH(e, rows * n) {
    const long rank = ranks[e];
    STORE(dx, e, rank < 0 ? (CT)0 : LOAD(g, (e / inner / n * k + rank) * inner + e % inner));
  }
}
