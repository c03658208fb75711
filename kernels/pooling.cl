/* Pooling over one to three spatial dimensions, NC(D)(H)W; missing dimensions have extent 1, window 1, stride 1, padding 0.
 *
 *   pool                 y[plane, od, oh, ow] = reduction of x over the window that starts at o*stride - pad, clipped to the tensor
 *   pool_backward        dx[plane, d, h, w]   = what the windows that cover (d, h, w) give back (gather form: no atomics)
 *   pool_scatter         the same in scatter form: a work-item owns planes, so no atomics either (CPU, T not half)
 *   pool_global          y[plane]             = reduction of all of the plane
 *   pool_global_backward
 *
 * planes = batch * channels. in/out: extents (d, h, w, -) of a plane of x and of y, as int4. A work-item computes whole rows on a CPU,
 * single elements elsewhere; a work-group a plane in pool_global there.
 *
 * Defines: MODE 0 max, 1 sum, 2 average, 3 lp; P_VALUE 1 2 3 (lp); COUNT what an average divides by: 0 the elements inside the tensor,
 * 1 those inside the padded tensor, 2 the window; ALL_TIES 1: every element equal to the maximum gets the gradient, else the first;
 * PAD_ZERO 1: the padding takes part in a maximum, as zeros; SW: the stride along w if it is 1 or 2, else 0; LOCAL.
 */
#include "common.h"
#include "vec8.h"

#ifndef MODE
#define MODE 0
#define P_VALUE 2
#define COUNT 1
#define ALL_TIES 0
#define PAD_ZERO 0
#define SW 1
#define LOCAL 64
#endif

#if MODE == 0
#define INIT LOWEST
#define TAKE(acc, v) (((v) > (acc)) || ((v) != (v)) ? (v) : (acc))
#define TAKE8(acc, v) ((((v) > (acc)) | ((v) != (v))) ? (v) : (acc))
#else
#define INIT ((CT)0)
#if MODE == 3 && P_VALUE == 2
#define TAKE(acc, v) ((acc) + (v) * (v))
#elif MODE == 3 && P_VALUE == 3
#define TAKE(acc, v) ((acc) + (v) * (v) * (v))
#else
#define TAKE(acc, v) ((acc) + (v))
#endif
#define TAKE8(acc, v) TAKE(acc, v)
#endif

/* the lowest finite number of T: what a window without any element gives, as in MXNet */
#define LOWEST_float (-3.402823466e38f)
#define LOWEST_half (-65504.0f)
#define LOWEST_double (-1.7976931348623157e308)
#define LOWEST CAT(LOWEST_, T)

#if MODE == 3 && P_VALUE == 2
#define FINISH(acc, count) sqrt(acc)
#elif MODE == 3 && P_VALUE == 3
#define FINISH(acc, count) cbrt(acc)
#elif MODE == 2
#define FINISH(acc, count) ((acc) / (CT)(count))
#else
#define FINISH(acc, count) (acc)
#endif

#if SW
#define STRIDE_W SW
#else
#define STRIDE_W stride.z
#endif

#define PUT_SUM(p, i, v) CAT(PUT_, T)(p, i, LOAD(p, i) + (v))

/* how many elements of a window count along one dimension; 1 for an empty window, whose sum is 0 */
static inline int extent(int start, int window, int n, int pad) {
#if COUNT == 2
  return window;
#elif COUNT == 1
  return max(min(start + window, n + pad) - start, 1);
#else
  return max(min(start + window, n) - max(start, 0), 1);
#endif
}

typedef struct {
  int d0, d1, h0, h1, count; /* clipped range of planes and rows, elements that count along d and h */
  bool cut;                  /* whether the window reaches into the padding */
} Rows;

static inline Rows clip_rows(int od, int oh, int4 in, int4 window, int4 stride, int4 pad) {
  Rows r;
  const int d = od * stride.x - pad.x, h = oh * stride.y - pad.y;
  r.d0 = max(d, 0);
  r.d1 = min(d + window.x, in.x);
  r.h0 = max(h, 0);
  r.h1 = min(h + window.y, in.y);
  r.cut = r.d0 > d || r.h0 > h || (pad.x > 0 && r.d1 < d + window.x) || (pad.y > 0 && r.h1 < h + window.y);
  r.count = extent(d, window.x, in.x, pad.x) * extent(h, window.y, in.y, pad.y);
  return r;
}

static inline CT pool_one(const global T *x, Rows r, int ow, int4 in, int4 window, int4 stride, int4 pad) {
  const int w = ow * STRIDE_W - pad.z, w0 = max(w, 0), w1 = min(w + window.z, in.z);
  CT acc = INIT;
#if PAD_ZERO
  if (r.cut || w0 > w || (pad.z > 0 && w1 < w + window.z)) acc = 0;
#endif
  for (int d = r.d0; d < r.d1; d++)
    for (int h = r.h0; h < r.h1; h++) {
      const long row = ((long)d * in.y + h) * in.z;
      for (int i = w0; i < w1; i++) {
        const CT v = LOAD(x, row + i);
        acc = TAKE(acc, v);
      }
    }
  return FINISH(acc, r.count *extent(w, window.z, in.z, pad.z));
}

#if DEVICE_CPU && SW
/* outputs ow..ow+7, whose windows lie inside the row */
static inline V8 pool_eight(const global T *x, Rows r, int ow, int4 in, int4 window, int4 pad) {
  V8 acc = (V8)(INIT);
#if PAD_ZERO
  if (r.cut) acc = (V8)(0);
#endif
  const int w = ow * SW - pad.z;
  for (int d = r.d0; d < r.d1; d++)
    for (int h = r.h0; h < r.h1; h++) {
      const long row = ((long)d * in.y + h) * in.z + w;
      for (int i = 0; i < window.z; i++) {
#if SW == 1
        const V8 v = load8(x, row + i);
#else
        /* elements 0 2 .. 14: the second load starts at 7, so that none lies behind the last that is needed */
        const V8 low = load8(x, row + i), high = load8(x, row + i + 7);
        const V8 v = (V8)(low.even, high.odd);
#endif
        acc = TAKE8(acc, v);
      }
    }
  return FINISH(acc, (CT)(r.count * window.z));
}
#endif

kernel void pool(const global T *x, global T *y, const long planes, const int4 in, const int4 out, const int4 window, const int4 stride,
                 const int4 pad) {
  const long plane = (long)in.x * in.y * in.z;
#if DEVICE_CPU
  FOR_EACH(i, planes * out.x * out.y) {
    const int oh = (int)(i % out.y), od = (int)(i / out.y % out.x);
    const global T *p = x + i / ((long)out.x * out.y) * plane;
    const long to = i * out.z;
    const Rows r = clip_rows(od, oh, in, window, stride, pad);
    int ow = 0;
#if SW
    /* windows of first..last-1 lie inside the row */
    const int first = (pad.z + SW - 1) / SW, room = in.z + pad.z - window.z;
    const int last = room < 0 ? 0 : min(out.z, room / SW + 1);
    for (; ow < min(first, out.z); ow++) STORE(y, to + ow, pool_one(p, r, ow, in, window, stride, pad));
    for (; ow + 8 <= last; ow += 8) store8(y, to + ow, pool_eight(p, r, ow, in, window, pad));
#if REQ == 1
    if (ow < last && last - 8 >= first) { /* the rest of them together with some already done */
      store8(y, to + last - 8, pool_eight(p, r, last - 8, in, window, pad));
      ow = last;
    }
#endif
#endif
    for (; ow < out.z; ow++) STORE(y, to + ow, pool_one(p, r, ow, in, window, stride, pad));
  }
#else
  FOR_EACH(i, planes * out.x * out.y * out.z) {
    const int ow = (int)(i % out.z), oh = (int)(i / out.z % out.y), od = (int)(i / ((long)out.z * out.y) % out.x);
    const global T *p = x + i / ((long)out.x * out.y * out.z) * plane;
    STORE(y, i, pool_one(p, clip_rows(od, oh, in, window, stride, pad), ow, in, window, stride, pad));
  }
#endif
}

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

/* x and y are null where MODE does not read them */
kernel void pool_backward(const global T *g, const global T *x, const global T *y, global T *dx, const long planes, const int4 in, const int4 out,
                          const int4 window, const int4 stride, const int4 pad) {
  const long plane = (long)in.x * in.y * in.z, oplane = (long)out.x * out.y * out.z;
#if DEVICE_CPU
  FOR_EACH(i, planes * in.x * in.y) {
    const int h = (int)(i % in.y), d = (int)(i / in.y % in.x);
    const long p = i / ((long)in.x * in.y);
    for (int w = 0; w < in.z; w++)
      STORE(dx, i * in.z + w, gather(g + p * oplane, x + p * plane, y + p * oplane, d, h, w, in, out, window, stride, pad));
  }
#else
  FOR_EACH(i, planes * plane) {
    const int w = (int)(i % in.z), h = (int)(i / in.z % in.y), d = (int)(i / ((long)in.z * in.y) % in.x);
    const long p = i / plane;
    STORE(dx, i, gather(g + p * oplane, x + p * plane, y + p * oplane, d, h, w, in, out, window, stride, pad));
  }
#endif
}

#if DEVICE_CPU
/* What output (od, oh, ow) gives back to its window. */
static inline void scatter_one(CT head, CT m, const global T *x, global T *dx, Rows r, int ow, int4 in, int4 window, int4 stride, int4 pad) {
  const int w = ow * STRIDE_W - pad.z, w0 = max(w, 0), w1 = min(w + window.z, in.z);
#if MODE == 2
  head /= (CT)(r.count * extent(w, window.z, in.z, pad.z));
#endif
  for (int d = r.d0; d < r.d1; d++)
    for (int h = r.h0; h < r.h1; h++)
      for (int i = w0; i < w1; i++) {
        const long at = ((long)d * in.y + h) * in.z + i;
#if MODE == 0
        const CT v = LOAD(x, at);
        if (v == m || (v != v && m != m)) {
          PUT_SUM(dx, at, head);
          if (!ALL_TIES) return;
        }
#elif MODE == 3 && P_VALUE > 1
        const CT q = m == 0 ? 0 : LOAD(x, at) / m;
        PUT_SUM(dx, at, head * (P_VALUE == 2 ? q : q * q));
#else
        PUT_SUM(dx, at, head);
#endif
      }
}

kernel void pool_scatter(const global T *g, const global T *x, const global T *y, global T *dx, const long planes, const int4 in, const int4 out,
                         const int4 window, const int4 stride, const int4 pad) {
  const long plane = (long)in.x * in.y * in.z;
  for (long p = get_global_id(0); p < planes; p += (long)get_global_size(0)) {
    const global T *from = x + p * plane;
    global T *to = dx + p * plane;
#if REQ == 1
    for (long i = 0; i < plane; i++) STORE(to, i, 0);
#endif
    for (int od = 0; od < out.x; od++)
      for (int oh = 0; oh < out.y; oh++) {
        const long o = ((p * out.x + od) * out.y + oh) * out.z;
        const Rows r = clip_rows(od, oh, in, window, stride, pad);
        int ow = 0;
#if SW && MODE == 0 && !ALL_TIES
        /* eight windows inside the row: where each has its first maximum, as a number of the compute type, which is exact for small planes */
        const int first = (pad.z + SW - 1) / SW, room = in.z + pad.z - window.z;
        const int last = room < 0 || plane >= (1 << 24) ? 0 : min(out.z, room / SW + 1);
        for (; ow < min(first, out.z); ow++) scatter_one(LOAD(g, o + ow), LOAD(y, o + ow), from, to, r, ow, in, window, stride, pad);
        for (; ow + 8 <= last; ow += 8) {
          const V8 m = load8(y, o + ow);
          V8 found = (V8)(-1);
          for (int d = r.d1 - 1; d >= r.d0; d--)
            for (int h = r.h1 - 1; h >= r.h0; h--)
              for (int i = window.z - 1; i >= 0; i--) {
                const long at = ((long)d * in.y + h) * in.z + ow * SW - pad.z + i;
#if SW == 1
                const V8 v = load8(from, at);
#else
                const V8 low = load8(from, at), high = load8(from, at + 7);
                const V8 v = (V8)(low.even, high.odd);
#endif
                found = ((v == m) | ((v != v) & (m != m))) ? (V8)((CT)at) : found;
              }
          CT position[8], head[8];
          *(V8U *)position = found;
          *(V8U *)head = load8(g, o + ow);
          for (int j = 0; j < 8; j++)
            if (position[j] >= 0) PUT_SUM(to, (long)position[j] + j * SW, head[j]);
        }
#endif
        for (; ow < out.z; ow++) scatter_one(LOAD(g, o + ow), LOAD(y, o + ow), from, to, r, ow, in, window, stride, pad);
      }
  }
}

kernel void pool_global(const global T *x, global T *y, const long planes, const long n) {
  FOR_EACH(p, planes) {
    const global T *row = x + p * n;
    V8 a = (V8)(INIT), b = a, c = a, e = a;
    long i = 0;
    for (; i + 32 <= n; i += 32) {
      const V8 s = load8(row, i), t = load8(row, i + 8), u = load8(row, i + 16), v = load8(row, i + 24);
      a = TAKE8(a, s);
      b = TAKE8(b, t);
      c = TAKE8(c, u);
      e = TAKE8(e, v);
    }
#if MODE == 0
    a = TAKE8(a, b);
    c = TAKE8(c, e);
    a = TAKE8(a, c);
    CT acc = a.s0;
    acc = TAKE(acc, a.s1);
    acc = TAKE(acc, a.s2);
    acc = TAKE(acc, a.s3);
    acc = TAKE(acc, a.s4);
    acc = TAKE(acc, a.s5);
    acc = TAKE(acc, a.s6);
    acc = TAKE(acc, a.s7);
#else
    CT acc = sum8((a + b) + (c + e));
#endif
    for (; i < n; i++) {
      const CT v = LOAD(row, i);
      acc = TAKE(acc, v);
    }
    STORE(y, p, FINISH(acc, n));
  }
}
#else
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
#endif

/* A work-item (CPU) or one item of a grid (elsewhere) a plane for the maximum, whose first occurrence must be found; else an element. */
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
#elif MODE == 1 || MODE == 2 || P_VALUE == 1
#if DEVICE_CPU
  FOR_EACH(p, planes) {
    const CT v = FINISH(LOAD(g, p), n);
    for (long i = p * n; i < (p + 1) * n; i++) STORE(dx, i, v);
  }
#else
  FOR_EACH(i, planes * n) STORE(dx, i, FINISH(LOAD(g, i / n), n));
#endif
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
