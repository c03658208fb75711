/* Pooling on GPUs, by MODE (include/pooling.h, which has the layout and the defines).
 *
 *   pool         y[plane, od, oh, ow] = reduction of x over the window that starts at o*stride - pad, clipped to the tensor
 *   pool_global  y[plane]             = reduction of all n elements of a plane
 *
 * A work-item computes elements of y, a grid apart; in pool_global a work-group of LOCAL work-items a plane.
 */
#include "common.h"
#include "pooling.h"

#ifndef LOCAL
#define LOCAL 64
#endif

WIDE_VECTORS kernel void pool(const global T *x, global T *y, const long planes, const int4 in, const int4 out, const int4 window,
                              const int4 stride, const int4 pad) {
  const long plane = (long)in.x * in.y * in.z;
  FOR_EACH(i, planes * out.x * out.y * out.z) {
    const int ow = (int)(i % out.z), oh = (int)(i / out.z % out.y), od = (int)(i / ((long)out.z * out.y) % out.x);
    const global T *p = x + i / ((long)out.x * out.y * out.z) * plane;
    STORE(y, i, pool_one(p, clip_rows(od, oh, in, window, stride, pad), ow, in, window, stride, pad));
  }
}

kernel void pool_global(const global T *x, global T *y, const long planes, const long n) {
  local CT part[LOCAL];
  const int l = (int)get_local_id(0);
  const global T *row = x + (long)get_group_id(0) * n;
  CT acc = INIT;
  for (long i = l; i < n; i += LOCAL) {
    const CT v = LOAD(row, i);
    acc = TAKE(acc, v);
  }
  part[l] = acc;
  barrier(CLK_LOCAL_MEM_FENCE);
  for (int step = LOCAL / 2; step > 0; step /= 2) {
    if (l < step) {
#if MODE == 0
      part[l] = TAKE(part[l], part[l + step]);
#else
      part[l] += part[l + step];
#endif
    }
    barrier(CLK_LOCAL_MEM_FENCE);
  }
  if (l == 0) STORE(y, get_group_id(0), FINISH(part[0], n));
}
