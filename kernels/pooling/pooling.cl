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
 * PAD_ZERO 1: the padding takes part in a maximum, as zeros; SW: the stride along w if it is 1 or 2, else 0;
 * K: the window's height and width if it is 2 x 2 or 3 x 3, else 0; LOCAL.
 */
#include "common.h"
#include "math.h"
#include "vec8.h"

#ifndef MODE
#define MODE 0
#define P_VALUE 2
#define COUNT 1
#define ALL_TIES 0
#define PAD_ZERO 0
#define SW 1
#define K 0
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
#define FINISH(acc, count) m_sqrt(acc)
#elif MODE == 3 && P_VALUE == 3
#define FINISH(acc, count) m_cbrt(acc)
#elif MODE == 2
#define FINISH(acc, count) ((acc) / (count))
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

#if DEVICE_CPU
/* A row of outputs in two steps, each of 16 lanes and without a test an element: every column that the row's windows cover is reduced over
 * their rows, into a line of private memory that has the padding too, and the line over the columns of each window. */
#define LINE 1024 /* columns, at most, that are done together */
#define BATCH 8   /* rows, so that a line is not read at once: loads that straddle recent stores wait for them */
#define AHEAD 1024 /* elements from those that the next row of outputs will read to those that are fetched */
typedef CT Line[LINE + 64];

#define PRIVATE16(p) (*(const V16U *)(p))
#if MODE == 0
/* The larger one, or NaN if either is: a comparison gives the second operand where one is NaN, and NaN | anything is NaN. */
#define INTEGER_float int16
#define INTEGER_double long16
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
    for (int k = 0; k < stride.y; k++) AHEAD_OF_USE(x + last + j + (long)(k + 1) * in.z + AHEAD);
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
#endif

WIDE_VECTORS kernel void pool(const global T *x, global T *y, const long planes, const int4 in, const int4 out, const int4 window,
                              const int4 stride, const int4 pad) {
  const long plane = (long)in.x * in.y * in.z;
#if DEVICE_CPU
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

#if SW && K && MODE == 0 && !ALL_TIES
#define TILED 1
#define CARRY ((K - 1) / SW) /* windows whose last columns are the first of the next tile */

/* v moved up by n lanes, those below from the end of `before` */
#define MOVED_1(before, v) (V16)((before).sf, (v).s01234567, (v).s89ab, (v).scde)
#define MOVED_2(before, v) (V16)((before).sef, (v).s01234567, (v).s89ab, (v).scd)

/* What `n` windows, at most 16, give back, of which the first starts at row h and column w; `late`: what the tile before gives, and then
 * this one, to columns of the next. The plane's rows lie side by side, and zero is added beyond them. */
static inline __attribute__((always_inline)) void scatter_tile(const global T *g, const global T *x, const global T *y, global T *dx,
                                                               const int h, const int w, const int n, const int4 in, V16 (*late)[K]) {
  typedef CAT(INTEGER_, CT) Mask;
  const Mask lane = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  const V16 zero = (V16)(0), m = load16(y, 0);
  V16 head = lane < n ? load16(g, 0) : zero;
#pragma unroll
  for (int k = 0; k < K; k++) {
    if (h + k < 0 || h + k >= in.y) continue;
    const long at = (long)(h + k) * in.z + w;
    V16 give[K];
#if SW == 2
    const V16 low = load16(x, at), high = load16(x, at + 16), even = (V16)(low.even, high.even), odd = (V16)(low.odd, high.odd);
#endif
#pragma unroll
    for (int i = 0; i < K; i++) {
#if SW == 2
      const V16 v = i == 0 ? even : i == 1 ? odd : (V16)(even.s12345678, even.s9abc, even.sdef, LOAD(x, at + 32));
#else
      const V16 v = load16(x, at + i);
#endif
      const Mask column = lane * SW + (w + i);
      /* a NaN among the window's pixels has made the maximum NaN */
      const Mask here = ((v == m) | (v != v)) & (column >= 0) & (column < in.z);
      give[i] = here ? head : zero;
      head = here ? zero : head;
    }
#if SW == 2
#if K == 3
    give[0] += MOVED_1(late[k][0], give[2]);
    late[k][0] = give[2];
#endif
    V16 a = load16(dx, at), b = load16(dx, at + 16);
    a += (V16)(give[0].lo, give[1].lo).s08192a3b4c5d6e7f;
    b += (V16)(give[0].hi, give[1].hi).s08192a3b4c5d6e7f;
    *(global V16U *)(dx + at) = a;
    *(global V16U *)(dx + at + 16) = b;
#else
    V16 a = load16(dx, at) + give[0] + MOVED_1(late[k][0], give[1]);
    late[k][0] = give[1];
#if K == 3
    a += MOVED_2(late[k][1], give[2]);
    late[k][1] = give[2];
#endif
    *(global V16U *)(dx + at) = a;
#endif
  }
}
#else
#define TILED 0
#endif

WIDE_VECTORS kernel void pool_scatter(const global T *g, const global T *x, const global T *y, global T *dx, const long planes,
                                      const int4 in, const int4 out, const int4 window, const int4 stride, const int4 pad) {
  const long plane = (long)in.x * in.y * in.z, oplane = (long)out.x * out.y * out.z;
  const long p_lo = planes * (long)get_global_id(0) / (long)get_global_size(0);
  const long p_hi = planes * ((long)get_global_id(0) + 1) / (long)get_global_size(0);
  for (long p = p_lo; p < p_hi; p++) {
    const global T *from = x + p * plane;
    global T *to = dx + p * plane;
    long clear = 0; /* dx is zero up to here, or has been added to */
    for (int od = 0; od < out.x; od++)
      for (int oh = 0; oh < out.y; oh++) {
        const long o = ((p * out.x + od) * out.y + oh) * out.z;
        const Rows r = clip_rows(od, oh, in, window, stride, pad);
        int ow = 0;
#if REQ == 1
        for (const long last = ((long)(r.d1 - 1) * in.y + r.h1) * in.z; clear < last; clear++) STORE(to, clear, 0);
#endif
#if TILED
        /* where a tile would reach beyond this work-item's planes, the row is done window by window */
        const int tiles = (out.z + CARRY + 15) / 16, h = oh * stride.y - pad.y;
        const long first = (p - p_lo) * plane + (long)r.h0 * in.z - pad.z, last = (long)r.h1 * in.z - pad.z + tiles * 16 * SW + K;
        if (in.x == 1 && window.x == 1 && first >= 0 && last <= (p_hi - p) * plane && o + tiles * 16 <= p_hi * oplane) {
          V16 late[K][K];
#pragma unroll
          for (int i = 0; i < K * K; i++) late[i / K][i % K] = (V16)(0);
          for (; ow < out.z + CARRY; ow += 16)
            scatter_tile(g + o + ow, from, y + o + ow, to, h, ow * SW - pad.z, out.z - ow, in, late);
        }
#endif
        for (; ow < out.z; ow++) scatter_one(LOAD(g, o + ow), LOAD(y, o + ow), from, to, r, ow, in, window, stride, pad);
      }
#if REQ == 1
    for (; clear < plane; clear++) STORE(to, clear, 0);
#endif
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
