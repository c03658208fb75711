/* An image mirrored along one axis, or not, by one coin for all of it.
 *
 * x, y: rows of `inner` elements, `extent` rows a group; row e of a group becomes row extent - 1 - e, or stays. A work-item: stretches of
 * rows (include/items.h).
 */
#include "common.h"
#include "items.h"
#include "philox.h"

__kernel void random_flip(const __global T *restrict x, __global T *restrict y, const __global uint *rng, const uint stream, const long rows,
                          const long extent, const long inner) {
  const uint4 draw = philox_draw((uint4)(rng[0], rng[1], rng[2], rng[3]), stream, 0);
  const int flipped = draw.x >> 31;
  FOR_STRETCHES(row, lo, hi, rows, inner, PIECE) {
    const long e = row % extent, from = flipped ? row - e + (extent - 1 - e) : row;
    for (long i = lo; i < hi; i++) STORE(y, row * inner + i, LOAD(x, from * inner + i));
  }
}
