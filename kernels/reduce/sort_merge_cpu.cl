/* Merges neighbouring sorted stretches of `width` elements of rows of n, as pairs (key: CT, place: int), from one workspace to another.
 *
 * A work-item merges pairs of stretches.
 */
#include "common.h"
#include "items.h"
#include "sort_order.h"

kernel void sort_merge(const global CT *keys, const global int *places, global CT *to_keys, global int *to_places, const long rows, const long n,
                       const long width) {
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
}
