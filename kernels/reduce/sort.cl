/* Stable sorting of rows of n elements that lie `inner` apart: blocks by insertion here, then merges of
 * doubling width (sort_merge_*.cl), from one workspace to another; and what is made of sorted rows.
 *
 *   sort_blocks   reads a tensor, writes sorted blocks of BLOCK elements as pairs (key: CT, place: int), rows one after another
 *   sort_values, sort_places   the first k of each row, back in the tensor's layout: (outer, k, inner)
 *   sort_mask     1 for the first k of each row, 0 for the others: (outer, n, inner); cleared by sort_clear
 *   topk_backward   dx[o, place, j] = g[o, i, j] for the first k, 0 elsewhere (cleared before)
 *
 * Equal elements keep their order. TY, CY: type of an output.
 */
#include "common.h"
#include "items.h"
#include "sort_order.h"

#ifndef TY
#define TY T
#define CY CT
#endif
#ifndef BLOCK
#define BLOCK 32
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

#define EACH_RESULT FOR_EACH(e, rows *k)
#define ROW (e / inner / k * inner + e % inner)
#define RANK (e / inner % k)

kernel void sort_values(const global CT *keys, global TY *y, const long rows, const long n, const long inner, const long k) {
  EACH_RESULT STORE_AS(REQ, TY, y, e, keys[ROW * n + RANK]);
}

kernel void sort_places(const global int *places, global TY *y, const long rows, const long n, const long inner, const long k) {
  EACH_RESULT STORE_AS(REQ, TY, y, e, (CY)places[ROW * n + RANK]);
}

/* the sorted rows of places are `length` long */
kernel void sort_flags(const global int *places, global uchar *flags, const long rows, const long n, const long inner, const long k,
                       const long length) {
  EACH_RESULT {
    const long row = ROW;
    flags[AT(row, places[row * length + RANK])] = 1;
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
