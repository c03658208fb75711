/* Gradients of reductions: dx[i] (req)= DERIV(g[o(i)], x[i], y[o(i)]).
 *
 * x, dx: the walk of kept and reduced dimensions in memory order, given as up to eight extents (innermost first) and, for each, the step it
 * makes in the output (0: reduced). `length` elements made a result. Unused g, x, y are any buffer. TY: type of g and y, TD: type of dx.
 * A work-item takes stretches of rows of the innermost dimension.
 */
#include "common.h"
#include "items.h"

#ifndef TY
#define TY T
#endif
#ifndef DERIV
#define DERIV(g, x, y) (g)
#define NEEDS_X 0
#define NEEDS_Y 0
#endif
#ifndef TD
#define TD T
#endif
#ifndef INNER_REDUCED
#define INNER_REDUCED 1
#endif

kernel void reduce_backward(const global TY *g, const global T *x, const global TY *y, global TD *dx, const long size, const long8 extents,
                            const long8 steps, const long length) {
  const long run = extents.s0;
  FOR_STRETCHES(row, lo, hi, size / run, run, PIECE) {
    long rest = row, o = 0;
    const long off = row * run;
    o += rest % extents.s1 * steps.s1, rest /= extents.s1;
    o += rest % extents.s2 * steps.s2, rest /= extents.s2;
    if (rest) {
      o += rest % extents.s3 * steps.s3, rest /= extents.s3;
      o += rest % extents.s4 * steps.s4, rest /= extents.s4;
      o += rest % extents.s5 * steps.s5, rest /= extents.s5;
      o += rest % extents.s6 * steps.s6, rest /= extents.s6;
      o += rest * steps.s7;
    }
#if INNER_REDUCED
    const CT gv = LOAD_AS(TY, g, o);
#if NEEDS_Y
    const CT yv = LOAD_AS(TY, y, o);
#endif
#endif
    for (long j = lo; j < hi; j++) {
#if !INNER_REDUCED
      const CT gv = LOAD_AS(TY, g, o + j);
#if NEEDS_Y
      const CT yv = LOAD_AS(TY, y, o + j);
#endif
#endif
#if NEEDS_X
      const CT xv = LOAD(x, off + j);
#endif
      STORE_AS(REQ, TD, dx, off + j, DERIV(gv, xv, yv));
    }
  }
}
