/* Pooling on CPUs, by MODE (include/pooling.h, which has the layout and the defines).
 *
 *   pool         y[plane, od, oh, ow] = reduction of x over the window that starts at o*stride - pad, clipped to the tensor
 *   pool_global  y[plane]             = reduction of all n elements of a plane
 *
 * A work-item computes whole rows of y, several at a time; whole planes in pool_global.
 */
#include "common.h"
#include "pooling.h"

/* A row of outputs in two steps, each of 16 lanes and without a test an element: every column that the row's windows cover is reduced over
 * their rows, into a line of private memory that has the padding too, and the line over the columns of each window. */
#define LINE 1024 /* columns, at most, that are done together */
#define BATCH 8   /* rows, so that a line is not read at once: loads that straddle recent stores wait for them */
#define AHEAD 1024 /* elements from those that the next row of outputs will read to those that are fetched */
typedef CT Line[LINE + 64];

#define PRIVATE16(p) (*(const V16U *)(p))
#if MODE == 0
/* The larger one, or NaN if either is: a comparison gives the second operand where one is NaN, and NaN | anything is NaN. */
#define BITS16(v) CAT(as_, CAT(INTEGER_, CT))(v)
#define FROM_BITS16(v) CAT(CAT(as_, CT), 16)(v)
#define TAKE16(acc, v) FROM_BITS16(BITS16((acc) > (v) ? (acc) : (v)) | BITS16((v) > (acc) ? (v) : (acc)))
#define JOIN16(a, b) TAKE16(a, b)
#else
#define TAKE16(acc, v) TAKE(acc, v)
#define JOIN16(a, b) ((a) + (b))
#endif

/* line[j] = column first + j, j < m, over the rows r of the window; x: a plane, `room` elements before the end of the tensor */
static inline __attribute__((always_inline)) void reduce_rows(const global T *x, const long room, const Rows r, const int first, const int m,
                                                              const int4 in, const int4 window, const int4 stride, const int4 pad, CT *line) {
  const int lo = min(max(-first, 0), m), hi = max(min(in.z - first, m), lo);
  const CT init = PAD_ZERO && r.cut ? (CT)0 : INIT;
  const long last = ((long)(r.d1 - 1) * in.y + r.h1 - 1) * in.z + first;
  SHORT_LOOP for (int j = 0; j < lo; j++) line[j] = PAD_ZERO ? (CT)0 : INIT;
  int j = lo;
#if K
  const int whole = r.d1 - r.d0 == 1 && r.h1 - r.h0 == K;
#else
  const int whole = 0;
#endif
  for (; j < hi && last + j + 16 <= room; j += 16) { /* beyond hi too, where the line is written again */
    V16 acc = (V16)(init);
    if (whole) {
#pragma unroll
      for (int h = 1 - K; h <= 0; h++) {
        const V16 v = load16(x, last + h * (long)in.z + j);
        acc = TAKE16(acc, v);
      }
    } else {
      for (int d = r.d0; d < r.d1; d++)
        for (int h = r.h0; h < r.h1; h++) {
          const V16 v = load16(x, ((long)d * in.y + h) * in.z + first + j);
          acc = TAKE16(acc, v);
        }
    }
    *(V16U *)(line + j) = acc;
    for (int k = 0; k < stride.y; k++) PREFETCH(x + last + j + (long)(k + 1) * in.z + AHEAD);
  }
  SHORT_LOOP for (; j < hi; j++) {
    CT acc = init;
    for (int d = r.d0; d < r.d1; d++)
      for (int h = r.h0; h < r.h1; h++) {
        const CT v = LOAD(x, ((long)d * in.y + h) * in.z + first + j);
        acc = TAKE(acc, v);
      }
    line[j] = acc;
  }
  SHORT_LOOP for (j = hi; j < m; j++) line[j] = PAD_ZERO && pad.z > 0 ? (CT)0 : init;
}

/* column i of windows t..t+15 */
static inline __attribute__((always_inline)) V16 pick(const CT *line, const int t, const int i, const int n, const int stride) {
#if SW == 1
  return PRIVATE16(line + t + i);
#elif SW == 2
  const V16 low = PRIVATE16(line + 2 * t + i), high = PRIVATE16(line + 2 * t + i + 16);
  return (V16)(low.even, high.even);
#else
  CT lane[16];
  for (int k = 0; k < 16; k++) lane[k] = line[min(t + k, n - 1) * stride + i];
  return PRIVATE16(lane);
#endif
}

#if MODE == 3 && P_VALUE > 1 /* lane by lane: the builtin root of sixteen floats stops PoCL's compiler for CPUs without AVX-512 */
static inline __attribute__((always_inline)) V16 roots(const V16 acc) {
  CT lane[16];
  *(V16U *)lane = acc;
  for (int k = 0; k < 16; k++) lane[k] = FINISH(lane[k], 1);
  return PRIVATE16(lane);
}
#define FINISH16(acc, count) roots(acc)
#else
#define FINISH16(acc, count) FINISH(acc, count)
#endif

/* y[to + t] = the reduction of line[t * stride ..] for t < n; may write up to `end`, where rows follow that are yet to be written */
static inline __attribute__((always_inline)) void reduce_columns(const CT *line, const CT *wide, const int count, const int n, const int window,
                                                                 const int stride, global T *y, const long to, const long end) {
  for (int t = 0; t < n; t += 16) {
    V16 acc = pick(line, t, 0, n, stride);
#if K
#pragma unroll
    for (int i = 1; i < K; i++) {
#else
    for (int i = 1; i < window; i++) {
#endif
      const V16 v = pick(line, t, i, n, stride);
      acc = JOIN16(acc, v);
    }
    acc = FINISH16(acc, (CT)count * PRIVATE16(wide + t));
#if REQ == 1
    if (to + t + 16 <= end) {
      store8(y, to + t, acc.lo);
      store8(y, to + t + 8, acc.hi);
      continue;
    }
#endif
    CT lane[16];
    *(V16U *)lane = acc;
    SHORT_LOOP for (int k = 0; k < min(16, n - t); k++) STORE(y, to + t + k, lane[k]);
  }
}

WIDE_VECTORS kernel void pool(const global T *x, global T *y, const long planes, const int4 in, const int4 out, const int4 window,
                              const int4 stride, const int4 pad) {
  const long plane = (long)in.x * in.y * in.z;
  EACH_RANGE(i, planes * out.x * out.y)
  if (i_lo >= i_hi) return;
  int oh = (int)(i_lo % out.y), od = (int)(i_lo / out.y % out.x);
  long p = i_lo / ((long)out.x * out.y);
  /* outputs of a row that are done together, and rows: where one writes beyond its end, the next must be yet to come */
  const int strip = window.z <= LINE ? min(out.z, (LINE - window.z) / STRIDE_W + 1) : 0, batch = strip < out.z ? 1 : BATCH;
  Line line[BATCH], wide;
  long of[BATCH];
  Rows r[BATCH];
  for (long i = i_lo; i < i_hi; i += batch) {
    const int rows = (int)min((long)batch, i_hi - i);
    for (int b = 0; b < rows; b++) {
      r[b] = clip_rows(od, oh, in, window, stride, pad);
      of[b] = p * plane;
      if (++oh == out.y) {
        oh = 0;
        if (++od == out.x) {
          od = 0;
          p++;
        }
      }
    }
    for (int ow = 0; ow < out.z; ow += strip) {
      if (strip == 0) { /* a window longer than the line */
        for (; ow < out.z; ow++) STORE(y, i * out.z + ow, pool_one(x + of[0], r[0], ow, in, window, stride, pad));
        break;
      }
      const int n = min(strip, out.z - ow), first = ow * STRIDE_W - pad.z, m = (n - 1) * STRIDE_W + window.z;
      if (MODE == 2 && (i == i_lo || strip < out.z))
        for (int t = 0; t < n; t++) wide[t] = (CT)extent(first + t * STRIDE_W, window.z, in.z, pad.z);
      for (int b = 0; b < rows; b++) reduce_rows(x + of[b], planes * plane - of[b], r[b], first, m, in, window, stride, pad, line[b]);
      for (int b = 0; b < rows; b++)
        reduce_columns(line[b], wide, r[b].count, n, window.z, STRIDE_W, y, (i + b) * out.z + ow, i_hi * out.z);
    }
  }
}

#if MODE == 0
#define TAKE8(acc, v) ((((v) > (acc)) | ((v) != (v))) ? (v) : (acc))
#else
#define TAKE8(acc, v) TAKE(acc, v)
#endif

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
