/* The gradient of pooling on GPUs, by MODE (include/pooling.h, which has the layout and the defines). x and y are null where MODE does not
 * read them.
 *
 *   pool_backward         dx[plane, d, h, w] = what the windows that cover (d, h, w) give back (gather form: no atomics)
 *   pool_global_backward  of one window over all of a plane
 *
 * A work-item computes elements of dx, a grid apart (include/pooling_backward.h: planes, to find the first maximum).
 */
#include "common.h"
#include "pooling_backward.h"

kernel void pool_backward(const global T *g, const global T *x, const global T *y, global T *dx, const long planes, const int4 in, const int4 out,
                          const int4 window, const int4 stride, const int4 pad) {
  const long plane = (long)in.x * in.y * in.z, oplane = (long)out.x * out.y * out.z;
  FOR_EACH(i, planes * plane) {
    const int w = (int)(i % in.z), h = (int)(i / in.z % in.y), d = (int)(i / ((long)in.z * in.y) % in.x);
    const long p = i / plane;
    STORE(dx, i, gather(g + p * oplane, x + p * plane, y + p * oplane, d, h, w, in, out, window, stride, pad));
  }
}

#if LINEAR
kernel void pool_global_backward(const global T *g, const global T *x, const global T *y, global T *dx, const long planes, const long n) {
  FOR_EACH(i, planes * n) STORE(dx, i, FINISH(LOAD(g, i / n), n));
}
#endif
