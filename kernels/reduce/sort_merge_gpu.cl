/* Merges neighbouring sorted stretches of `width` elements of rows of n, as pairs (key: CT, place: int), from one workspace to another.
 *
 * A work-item takes single elements: each finds its own place by binary search in
 * the other stretch, so that one long row keeps the whole device busy.
 */
#include "common.h"
#include "items.h"
#include "sort_order.h"

kernel void sort_merge(const global CT *keys, const global int *places, global CT *to_keys, global int *to_places, const long rows, const long n,
                       const long width) {
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
}
