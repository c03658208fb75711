/* What metrics count of scores T, for labels of TL.
 *
 *   hits        scores (outer, n, inner), rows = outer * inner labels: counts[group] = how many of the group's rows have fewer than k classes
 *               before the label's. A class is before another if its score is higher, or equal and its number lower (k = 1, as argmax) or
 *               higher (k > 1, as the end of a stable sort); NaN is the highest score. A group of several work-items shares a row's classes.
 *   pick_label  scores (rows, n): out[row] = scores[row, label], a negative label counted from the end; others are refused.
 */
#include "common.h"
#include "group.h"
#include "items.h"
#include "refuse.h"

#ifndef TL
#define TL int
#endif

kernel void hits(const global TL *label, const global T *scores, global int *counts, const long rows, const long n, const long inner,
                 const int k) {
  GROUP_ARRAY CT scratch[GROUP_MOST];
  int found = 0;
  FOR_GROUPS(row, rows) {
    const long wanted = (long)LOAD_AS(TL, label, row);
    const global T *p = scores + row / inner * n * inner + row % inner;
    const int live = wanted >= 0 && wanted < n;
    const long l = live ? wanted : 0;
    const CT own = LOAD(p, l * inner);
    int before = 0;
    if (own == own) {
      GROUP_FOR(j, 0, l) {
        const CT v = LOAD(p, j * inner);
        before += k == 1 ? !(v < own) : !(v <= own);
      }
      GROUP_FOR(j, l + 1, n) {
        const CT v = LOAD(p, j * inner);
        before += k == 1 ? !(v <= own) : !(v < own);
      }
    } else {
      GROUP_FOR(j, 0, n) {
        const CT v = LOAD(p, j * inner);
        before += v != v && (k == 1 ? j < l : j > l);
      }
    }
    found += live && (int)GROUP_SUM((CT)before, scratch) < k;
  }
  if (GROUP_ITEM == 0) STORE_AS(REQ, int, counts, (long)get_group_id(0), found);
}

kernel void pick_label(const global TL *label, const global T *scores, global T *out, const long rows, const long n,
                       volatile global int *refused) {
  FOR_EACH(row, rows) {
    long l = (long)LOAD_AS(TL, label, row);
    if (l < -n || l >= n) {
      refuse(refused, l, 1, n);
      l = 0;
    }
    STORE(out, row, LOAD(scores, row * n + (l < 0 ? l + n : l)));
  }
}
