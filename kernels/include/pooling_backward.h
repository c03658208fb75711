/* The gradient of pooling that all devices share: what the windows over a pixel give back to it, and the gradient of a global pooling of
 * which an element's share depends on its value (maximum, lp).
 */
#ifndef POOLING_BACKWARD_H
#define POOLING_BACKWARD_H
#include "pooling.h"

/* Whether element (d, h, w) of the plane, of value v, is the one that the window's maximum m was taken from. */
static inline bool is_argmax(const global T *x, CT v, CT m, int d, int h, int w, int d0, int h0, int w0, int4 in, int4 window) {
  if (!(v == m || (v != v && m != m))) return false;
#if !ALL_TIES
  for (int a = max(d0, 0); a <= d; a++)
    for (int b = max(h0, 0); b <= (a < d ? min(h0 + window.y, in.y) - 1 : h); b++) {
      const int end = a < d || b < h ? min(w0 + window.z, in.z) : w;
      for (int c = max(w0, 0); c < end; c++) {
        const CT u = LOAD(x, ((long)a * in.y + b) * in.z + c);
        if (u == m || (u != u && m != m)) return false;
      }
    }
#endif
  return true;
}

/* first and last output position whose window covers i */
static inline int first_over(int i, int window, int stride, int pad) {
  const int t = i + pad - window;
  return t < 0 ? 0 : t / stride + 1;
}

static inline CT gather(const global T *g, const global T *x, const global T *y, int d, int h, int w, int4 in, int4 out, int4 window, int4 stride,
                        int4 pad) {
  CT sum = 0;
#if MODE == 0 || MODE == 3
  const CT v = LOAD(x, ((long)d * in.y + h) * in.z + w);
#endif
  const int d1 = min((d + pad.x) / stride.x, out.x - 1), h1 = min((h + pad.y) / stride.y, out.y - 1), w1 = min((w + pad.z) / STRIDE_W, out.z - 1);
  const int w0 = first_over(w, window.z, STRIDE_W, pad.z);
  for (int od = first_over(d, window.x, stride.x, pad.x); od <= d1; od++)
    for (int oh = first_over(h, window.y, stride.y, pad.y); oh <= h1; oh++) {
      const int ds = od * stride.x - pad.x, hs = oh * stride.y - pad.y;
#if MODE == 2
      const int count = extent(ds, window.x, in.x, pad.x) * extent(hs, window.y, in.y, pad.y);
#endif
      for (int ow = w0; ow <= w1; ow++) {
        const long o = ((long)od * out.y + oh) * out.z + ow;
        const int ws = ow * STRIDE_W - pad.z;
#if MODE == 0
        if (is_argmax(x, v, LOAD(y, o), d, h, w, ds, hs, ws, in, window)) sum += LOAD(g, o);
#elif MODE == 1 || P_VALUE == 1
        sum += LOAD(g, o);
#elif MODE == 2
        sum += LOAD(g, o) / (CT)(count * extent(ws, window.z, in.z, pad.z));
#else
        const CT r = LOAD(y, o);
        const CT q = r == 0 ? 0 : v / r;
        sum += LOAD(g, o) * (P_VALUE == 2 ? q : q * q);
#endif
      }
    }
  return sum;
}

#define LINEAR (MODE == 1 || MODE == 2 || P_VALUE == 1) /* every element of a window gets the same */

#if !LINEAR
/* A work-item takes planes for the first maximum of each, which must be found; else elements. */
kernel void pool_global_backward(const global T *g, const global T *x, const global T *y, global T *dx, const long planes, const long n) {
#if MODE == 0 && !ALL_TIES
  FOR_EACH(p, planes) {
    const CT m = LOAD(y, p), head = LOAD(g, p);
    bool found = false;
    for (long i = 0; i < n; i++) {
      const CT v = LOAD(x, p * n + i);
      const bool hit = !found && (v == m || (v != v && m != m));
      STORE(dx, p * n + i, hit ? head : 0);
      found |= hit;
    }
  }
#else
  FOR_EACH(i, planes * n) {
    const CT v = LOAD(x, i), r = LOAD(y, i / n), head = LOAD(g, i / n);
#if MODE == 0
    STORE(dx, i, v == r || (v != v && r != r) ? head : 0);
#else
    const CT q = r == 0 ? 0 : v / r;
    STORE(dx, i, head * (P_VALUE == 2 ? q : q * q));
#endif
  }
#endif
}
#endif

#endif
