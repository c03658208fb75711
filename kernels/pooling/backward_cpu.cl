/* The gradient of pooling on CPUs, by MODE (include/pooling.h, which has the layout and the defines). x and y are null where MODE does not
 * read them.
 *
 *   pool_backward         dx[plane, d, h, w] = what the windows that cover (d, h, w) give back (gather form); a work-item: rows of dx
 *   pool_scatter          the same in scatter form; a work-item owns planes, so that no atomics are needed (T not half)
 *   pool_global_backward  of one window over all of a plane; a work-item: planes (include/pooling_backward.h: or elements)
 */
#include "common.h"
#include "pooling_backward.h"

#define PUT_SUM(p, i, v) CAT(PUT_, T)(p, i, LOAD(p, i) + (v))

kernel void pool_backward(const global T *g, const global T *x, const global T *y, global T *dx, const long planes, const int4 in, const int4 out,
                          const int4 window, const int4 stride, const int4 pad) {
  const long plane = (long)in.x * in.y * in.z, oplane = (long)out.x * out.y * out.z;
  FOR_EACH(i, planes * in.x * in.y) {
    const int h = (int)(i % in.y), d = (int)(i / in.y % in.x);
    const long p = i / ((long)in.x * in.y);
    for (int w = 0; w < in.z; w++)
      STORE(dx, i * in.z + w, gather(g + p * oplane, x + p * plane, y + p * oplane, d, h, w, in, out, window, stride, pad));
  }
}

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

#if LINEAR
kernel void pool_global_backward(const global T *g, const global T *x, const global T *y, global T *dx, const long planes, const long n) {
  FOR_EACH(p, planes) {
    const CT v = FINISH(LOAD(g, p), n);
    for (long i = p * n; i < (p + 1) * n; i++) STORE(dx, i, v);
  }
}
#endif
