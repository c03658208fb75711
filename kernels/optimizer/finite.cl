/* Of up to eight tensors in one launch (the second dimension of the grid is the tensor, n0 .. n7 elements of T each):
 *
 *   all_finite   y[0] = 0 where some element is infinite or NaN, by work-items that all store the same; launch `finite_begin` first for a 1.
 *   reset        every element becomes 0.
 */
#include "common.h"

#define PICK(v) (k == 0 ? v##0 : k == 1 ? v##1 : k == 2 ? v##2 : k == 3 ? v##3 : k == 4 ? v##4 : k == 5 ? v##5 : k == 6 ? v##6 : v##7)
#define EXTENTS const long n0, const long n1, const long n2, const long n3, const long n4, const long n5, const long n6, const long n7
#define TENSORS(q) q T *x0, q T *x1, q T *x2, q T *x3, q T *x4, q T *x5, q T *x6, q T *x7

kernel void finite_begin(global float *y) {
  if (get_global_id(0) == 0) y[0] = 1;
}

kernel void all_finite(TENSORS(const global), EXTENTS, global float *y) {
  const int k = (int)get_global_id(1);
  const global T *x = PICK(x);
  int bad = 0;
  FOR_EACH(i, PICK(n)) {
    const CT v = LOAD(x, i);
    bad |= !(v - v == 0);
  }
  if (bad) y[0] = 0;
}

kernel void reset(TENSORS(global), EXTENTS) {
  const int k = (int)get_global_id(1);
  global T *x = PICK(x);
  MAP_EACH(i, PICK(n)) { CAT(PUT_, T)(x, i, 0); }
}
