/* The second half of a step of LAMB, of up to eight tensors in one launch: w_out = w - lr * (r1 / r2) * direction.
 *
 * For each tensor k (the second dimension of the grid): w of T; direction g of TG; with MASTER the weight in full precision m of CT, which is read
 * instead of w and overwritten; w_out of T; n elements each. r1[k] and r2[r2_first + k], of R: the norms of weight and direction, or with SQUARED
 * their squares. r1 is kept within lower .. upper (negative: no such bound); where a norm is 0 the ratio is 1.
 */
#include "common.h"
#include "math.h"

#ifndef TG
#define TG T
#define R T
#define MASTER 0
#define SQUARED 0
#endif

#define FOR_TENSORS(DO) DO(0) DO(1) DO(2) DO(3) DO(4) DO(5) DO(6) DO(7)
#define PICK(v) (k == 0 ? v##0 : k == 1 ? v##1 : k == 2 ? v##2 : k == 3 ? v##3 : k == 4 ? v##4 : k == 5 ? v##5 : k == 6 ? v##6 : v##7)
#define TENSOR(k) const global T *w##k, const global TG *g##k, global CT *m##k, global T *o##k, const long n##k, const CT lr##k,

kernel void lamb_apply(FOR_TENSORS(TENSOR) const global R *r1, const global R *r2, const int first, const int r2_first, const CT lower,
                       const CT upper) {
  const int k = (int)get_global_id(1);
  const global T *w = PICK(w);
  const global TG *g = PICK(g);
  global CT *m = PICK(m);
  global T *out = PICK(o);
  CT weight_norm = LOAD_AS(R, r1, first + k), norm = LOAD_AS(R, r2, r2_first + k);
#if SQUARED
  weight_norm = m_sqrt(weight_norm);
  norm = m_sqrt(norm);
#endif
  if (lower >= 0 && weight_norm < lower) weight_norm = lower;
  if (upper >= 0 && weight_norm > upper) weight_norm = upper;
  const CT rate = PICK(lr) * (weight_norm == 0 || norm == 0 ? 1 : weight_norm / norm);
  MAP_EACH(i, PICK(n)) {
#if MASTER
    const CT next = m[i] - rate * LOAD_AS(TG, g, i);
    m[i] = next;
#else
    const CT next = LOAD(w, i) - rate * LOAD_AS(TG, g, i);
#endif
    STORE(out, i, next);
  }
}
