/* Optimizer steps of up to eight tensors in one launch: the second dimension of the grid is the tensor, the first shares out its elements.
 *
 * For each tensor k: w, grad, OUT: n elements; states s, t, u as include/optimizer_step.h has them (only those that the rule has are arguments);
 * lr, wd and `own` of the tensor. With PRELOADED lr and wd are elements first + k of arrays. With SCALED the gradient's factor is an array of
 * one element, and nothing changes where that is 0 or not finite.
 */
#include "common.h"
#include "optimizer_step.h"

#ifndef PRELOADED
#define PRELOADED 0
#endif
#ifndef SCALED
#define SCALED 0
#endif

#define FOR_TENSORS(DO) DO(0) DO(1) DO(2) DO(3) DO(4) DO(5) DO(6) DO(7)
#define PICK(v) (k == 0 ? v##0 : k == 1 ? v##1 : k == 2 ? v##2 : k == 3 ? v##3 : k == 4 ? v##4 : k == 5 ? v##5 : k == 6 ? v##6 : v##7)

#if STATES > 2
#define STATES_OF(k) global S *s##k, global S *t##k, global S *u##k,
#elif STATES > 1
#define STATES_OF(k) global S *s##k, global S *t##k,
#elif STATES > 0
#define STATES_OF(k) global S *s##k,
#else
#define STATES_OF(k)
#endif
#define TENSOR(k) const global T *w##k, const global T *g##k, STATES_OF(k) global OUT *o##k, const long n##k, const CT lr##k, const CT wd##k, const CT own##k,

kernel void update_many(FOR_TENSORS(TENSOR)
#if PRELOADED
                        const global float *lrs, const global float *wds, const int first,
#endif
#if SCALED
                        const global float *scale,
#else
                        const CT scale,
#endif
                        const CT clip, const CT h0, const CT h1, const CT h2) {
  const int k = (int)get_global_id(1);
  const global T *w = PICK(w), *g = PICK(g);
  global OUT *out = PICK(o);
  const long n = PICK(n);
#if STATES > 0
  global S *s = PICK(s);
#else
  global S *s = 0;
#endif
#if STATES > 1
  global S *t = PICK(t);
#else
  global S *t = 0;
#endif
#if STATES > 2
  global S *u = PICK(u);
#else
  global S *u = 0;
#endif
#if PRELOADED
  const CT lr = lrs[first + k], wd = wds[first + k];
#else
  const CT lr = PICK(lr), wd = PICK(wd);
#endif
#if SCALED
  const CT rescale = scale[0];
  if (!(rescale - rescale == 0) || rescale == 0) {
    FOR_EACH(i, n) {
      const CT same = LOAD(w, i);
      STORE(out, i, same);
    }
    return;
  }
#else
  const CT rescale = scale;
#endif
  const Hyper p = {lr, wd, rescale, clip, h0, h1, h2, -1, PICK(own)};
  step_tensor(w, g, s, t, u, out, n, p);
}
