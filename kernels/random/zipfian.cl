/* Different integers from a log-uniform distribution, P(k) = log((k + 2) / (k + 1)) / log(range + 1), and how many draws that took.
 *
 * A work-item has rows of n numbers: it draws until it has n that differ. Draw t of a row depends on the random state, the node's stream,
 * the row and t only. `table`, `slots` (a power of two above n) a row, is the set of those that it has, by hashing; 0 is empty.
 */
#include "common.h"
#include "items.h"
#include "philox.h"

#if defined(DOUBLE) && DOUBLE
typedef double R;
static inline R unit_of(const uint4 w) { return (double)(((ulong)w.x << 32 | w.y) >> 11) * 1.1102230246251565e-16; }
#else
typedef float R;
static inline R unit_of(const uint4 w) { return philox_uniform(w.x); }
#endif

kernel void unique_zipfian(global long *y, global long *tries, global long *table, const global uint *rng, const uint stream, const long rows,
                           const long n, const long range, const long slots) {
  const uint4 state = (uint4)(rng[0], rng[1], rng[2], rng[3]);
  const R scale = log((R)range + 1);
  const long most = 256 * range + 1024; /* after so many draws any number will do, so that rows that need all of them come to an end */
  FOR_ITEMS(row, rows) {
    global long *set = table + row * slots;
    for (long i = 0; i < slots; i++) set[i] = 0;
    long found = 0, draw = 0;
    while (found < n) {
      const R u = unit_of(philox_draw(state, stream, (ulong)row << 32 | (ulong)draw));
      draw++;
      long k = (long)exp(u * scale) - 1;
      k = k < 0 ? 0 : k >= range ? range - 1 : k;
      if (draw > most) k = (k + draw) % range;
      ulong at = ((ulong)k * 0x9E3779B97F4A7C15u >> 20) & (ulong)(slots - 1);
      while (set[at] != 0 && set[at] != k + 1) at = (at + 1) & (ulong)(slots - 1);
      if (set[at] == 0) {
        set[at] = k + 1;
        y[row * n + found] = k;
        found++;
      }
    }
    tries[row] = draw;
  }
}
