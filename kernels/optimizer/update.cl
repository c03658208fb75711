/* Optimizer steps: w_out = the weight after one step, the states changed in place; w_out may be w.
 *
 * w, grad, w_out: n elements of T. States s, t, u: n elements of T; with MASTER of CT, the last one being the weight itself in full precision.
 * The rules and what their hyperparameters mean are in include/optimizer_step.h.
 */
#include "common.h"
#include "optimizer_step.h"

kernel void update(const global T *w, const global T *grad, global S *s, global S *t, global S *u, global T *w_out, const long n, const CT lr,
                   const CT wd, const CT rescale, const CT clip, const CT h0, const CT h1, const CT h2, const CT clip_weights) {
  const Hyper p = {lr, wd, rescale, clip, h0, h1, h2, clip_weights, 0};
  step_tensor(w, grad, s, t, u, w_out, n, p);
}
