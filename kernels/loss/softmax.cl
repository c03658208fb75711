/* Softmax along one axis, and its kin.
 *
 *   softmax_rows            y = softmax(x), over rows of n elements that lie `inner` apart (CPU: inner == 1)
 *   softmax_columns         the same on a CPU where inner > 1: a work-item takes TILE neighbouring rows at once
 *   softmax_rows_backward, softmax_columns_backward     dx from g and y alone
 *   cross_entropy           loss[row] = log(sum exp x) - x[label], rows of n; cross_entropy_backward: (softmax(x) - onehot) * head
 *
 * x, dx: (outer, n, inner) of T; y, g: the same of TY; length: (outer, inner) of TL, elements from there on count as absent and give 0.
 * Defines: KIND 0 softmax, 1 log_softmax, 2 softmin · USE_LENGTH. `scale` is 1 / temperature. A NaN makes its whole row NaN.
 */
#include "common.h"
#include "math.h"
#include "reduce.h"
#if DEVICE_CPU
#include "exp16.h"
#endif

#ifndef TY
#define TY T
#endif
#ifndef TL
#define TL int
#endif
#ifndef KIND
#define KIND 0
#endif
#ifndef USE_LENGTH
#define USE_LENGTH 0
#endif
#ifndef SAME_TYPE
#define SAME_TYPE 1 /* TY is CT, so that y can hold the exponentials until the sum is known */
#endif
#define KEEPS (KIND != 1 && SAME_TYPE && REQ == 1)
#if KEEPS
#define KEPT(q) (q)
#else
#define KEPT(q) ((global CT *)0)
#endif
#define TILE 256 /* neighbouring rows that softmax_columns takes at most; `tile` says how many, so that they stay in the cache */
#define NEAR_TILE (131072 / (int)sizeof(CT)) /* elements of a tile held together: rows 2^k apart evict each other from caches */
#define NEAR_ROW 8192 /* rows up to that length stay in the first cache while the next one is fetched */
#define CHUNK 4096 /* elements of longer rows taken at a time, so that memory is read once for the maximum and the exponentials */
#define CHUNKS 64 /* at most: the longest rows have longer ones */
#define BLOCK 512 /* exponentials summed plainly, before the sums of blocks are added with a correction */

#if KIND == 2
#define SIGNED(v) (-(v))
#else
#define SIGNED(v) (v)
#endif
#if USE_LENGTH
#define LENGTH_OF(row) clamp((long)LOAD_AS(TL, length, row), 0L, n)
#define LENGTH_ARG const global TL *length,
#else
#define LENGTH_OF(row) (n)
#define LENGTH_ARG
#endif

#if DEVICE_CPU
#define INNER 1
#define START(row) ((row) * n)
#else
#define INNER inner
#define START(row) ((row) / inner * n * inner + (row) % inner)
#endif

kernel void softmax_rows(const global T *x, LENGTH_ARG global TY *y, const long rows, const long n, const long inner, const CT scale,
                         const int lanes, const int strided) {
  ROWS_LOCAL
  ROWS_BEGIN(row, rows)
  const global T *p = x + START(row);
  global TY *q = y + START(row);
  const long m = LENGTH_OF(row);
  CT top, sum;
#if DEVICE_CPU
  /* in each chunk exponentials are taken relative to the largest element so far, the sum then shrinks as larger ones turn up */
  const long least = (n + CHUNKS - 1) / CHUNKS, chunk = n <= NEAR_ROW ? n : least < CHUNK ? CHUNK : least;
  const long next = chunk <= NEAR_ROW ? chunk : 0; /* what to fetch meanwhile: the next chunk, or the next row */
  CT tops[CHUNKS], error = 0;
  top = -INFINITY, sum = 0;
  for (long lo = 0; lo < m; lo += chunk) {
    const long end = lo + chunk < m ? lo + chunk : m;
    const CT most = max_run(SIGNED(1), p + lo, end - lo);
    if (most > top) {
      const CT shrink = m_exp((top - most) * scale);
      sum *= shrink, error *= shrink;
      top = most;
    }
    const CT base = top == -INFINITY ? 0 : top; /* nothing but -inf so far: exponentials of 0, where -inf - -inf would be NaN */
    tops[lo / chunk] = top;
    for (long i = lo; i < end; i += BLOCK) {
      const CT block = exp_run(SIGNED(base), SIGNED(scale), p + i, KEPT(q + i), end - i < BLOCK ? end - i : BLOCK, KEEPS, next);
      KAHAN_ADD(sum, error, block)
    }
  }
#else
  ROW_MAX(top, i, m, 0, SIGNED(LOAD(p, i * INNER)))
  ROW_SUM(sum, i, m, 0, m_exp((SIGNED(LOAD(p, i * INNER)) - top) * scale))
#endif
#if KIND == 1
  const CT shift = m_log(sum);
  ROW_EACH(i, m) STORE_AS(REQ, TY, q, i * INNER, (LOAD(p, i * INNER) - top) * scale - shift);
#else
  const CT inverse = 1 / sum;
#if DEVICE_CPU && KEEPS
  for (long lo = 0; lo < m; lo += chunk)
    scale_run(q + lo, lo + chunk < m ? chunk : m - lo, m_exp((tops[lo / chunk] - top) * scale) * inverse);
#else
  ROW_EACH(i, m) STORE_AS(REQ, TY, q, i * INNER, m_exp((SIGNED(LOAD(p, i * INNER)) - top) * scale) * inverse);
#endif
#endif
#if USE_LENGTH
  ROW_EACH(i, n - m) STORE_AS(REQ, TY, q, (m + i) * INNER, (CT)0);
#endif
  ROWS_END
}

WIDE_VECTORS kernel void softmax_rows_backward(const global TY *g, const global TY *y, LENGTH_ARG global T *dx, const long rows, const long n,
                                  const long inner, const CT scale, const int lanes, const int strided) {
  ROWS_LOCAL
  ROWS_BEGIN(row, rows)
  const global TY *gp = g + START(row), *yp = y + START(row);
  global T *q = dx + START(row);
  const long m = LENGTH_OF(row);
  const CT factor = SIGNED(scale);
  CT sum;
#if SAME_TYPE /* load16 reads T, which is then TY as well */
#define G16 load16((const global T *)gp, i)
#define Y16 load16((const global T *)yp, i)
#else
#define EIGHT(F, i) F(i), F(i + 1), F(i + 2), F(i + 3), F(i + 4), F(i + 5), F(i + 6), F(i + 7)
#define G16 (V16)(EIGHT(G1, i), EIGHT(G1, i + 8))
#define Y16 (V16)(EIGHT(Y1, i), EIGHT(Y1, i + 8))
#endif
#define G1(i) LOAD_AS(TY, gp, (i) * INNER)
#define Y1(i) LOAD_AS(TY, yp, (i) * INNER)
#if KIND == 1
  ROW_SUM(sum, i, m, G16, G1(i))
  ROW_EACH(i, m) STORE(q, i * INNER, (G1(i) - m_exp(Y1(i)) * sum) * factor);
#else
  ROW_SUM(sum, i, m, G16 *Y16, G1(i) * Y1(i))
  ROW_EACH(i, m) STORE(q, i * INNER, Y1(i) * (G1(i) - sum) * factor);
#endif
#if USE_LENGTH
  ROW_EACH(i, n - m) STORE(q, (m + i) * INNER, (CT)0);
#endif
  ROWS_END
}

#if DEVICE_CPU
/* an item is (outer, tile of TILE columns); row i of it is x[(outer * n + i) * inner + column] */
#define COLUMNS_BEGIN                                                                    \
  const long tiles = (inner + tile - 1) / tile;                                          \
  FOR_ITEMS(item, outer * tiles) {                                                       \
    const long column = item % tiles * tile, start = item / tiles * n * inner + column;  \
    const int w = (int)(inner - column < tile ? inner - column : tile);                  \
    const long after = column + w < inner ? start + w : item / tiles * n * inner + n * inner; /* where the next item starts */
#define COLUMNS_END }
/* the run of a row at p: runs lie far apart, and the hardware does not foresee it. A cache line has 16 floats. */
#define FETCH(p) SHORT_LOOP for (int c = 0; c < w; c += 16) AHEAD_OF_USE((p) + c);
#if USE_LENGTH
#define LIVE(i, c) ((i) < stop[c])
#define LENGTHS_BEGIN \
  long stop[TILE];    \
  for (int c = 0; c < w; c++) stop[c] = LENGTH_OF(item / tiles * inner + column + c);
#else
#define LIVE(i, c) 1
#define LENGTHS_BEGIN
#endif

WIDE_VECTORS kernel void softmax_columns(const global T *x, LENGTH_ARG global TY *y, const long outer, const long n, const long inner,
                                         const CT scale, const int tile) {
  CT top[TILE], most[TILE], sum[TILE], near[NEAR_TILE] __attribute__((aligned(64)));
  const long rows = NEAR_TILE / tile; /* that fit in `near`; where n is more, the sum shrinks as in softmax_rows */
  COLUMNS_BEGIN
  LENGTHS_BEGIN
  for (int c = 0; c < w; c++) top[c] = -INFINITY, sum[c] = 0;
  for (long lo = 0; lo < n; lo += rows) {
    const long end = lo + rows < n ? lo + rows : n;
    const global T *ahead = end < n ? x + start + rows * inner : x + after - lo * inner;
    for (int c = 0; c < w; c++) most[c] = top[c];
    for (long i = lo; i < end; i++) {
      const global T *p = x + start + i * inner;
      CT *e = near + (i - lo) * tile;
      MAP_LOOP
      for (int c = 0; c < w; c++) {
        const CT v = SIGNED(LOAD(p, c)), t = most[c];
        e[c] = v;
        most[c] = LIVE(i, c) && v > t ? v : t;
      }
    }
    MAP_LOOP
    for (int c = 0; c < w; c++) {
      const CT shrink = m_exp((top[c] - most[c]) * scale);
      sum[c] *= most[c] > top[c] ? shrink : 1;
      top[c] = most[c];
      most[c] = top[c] == -INFINITY ? 0 : top[c]; /* exponentials of 0, where -inf - -inf would be NaN */
    }
    for (long i = lo; i < end; i++) {
      CT *e = near + (i - lo) * tile;
      FETCH(ahead + i * inner)
      if (n <= rows) FETCH(y + start + i * inner)
      MAP_LOOP
      for (int c = 0; c < w; c++) {
        const CT v = m_exp((e[c] - most[c]) * scale);
        sum[c] += LIVE(i, c) ? v : 0;
#if KIND != 1
        e[c] = v;
#endif
      }
    }
  }
  for (int c = 0; c < w; c++) sum[c] = KIND == 1 ? m_log(sum[c]) : 1 / sum[c];
  for (long i = 0; i < n; i++) {
    const global T *p = x + start + i * inner;
    global TY *q = y + start + i * inner;
    const CT *e = near + i * tile;
    if (n <= rows) {
      MAP_LOOP
      for (int c = 0; c < w; c++) STORE_AS(REQ, TY, q, c, LIVE(i, c) ? (KIND == 1 ? (e[c] - top[c]) * scale - sum[c] : e[c] * sum[c]) : 0);
    } else {
      MAP_LOOP
      for (int c = 0; c < w; c++) {
        const CT v = (SIGNED(LOAD(p, c)) - top[c]) * scale;
        STORE_AS(REQ, TY, q, c, LIVE(i, c) ? (KIND == 1 ? v - sum[c] : m_exp(v) * sum[c]) : 0);
      }
    }
  }
  COLUMNS_END
}

kernel void softmax_columns_backward(const global TY *g, const global TY *y, LENGTH_ARG global T *dx, const long outer, const long n,
                                     const long inner, const CT scale, const int tile) {
  CT sum[TILE];
  COLUMNS_BEGIN
  LENGTHS_BEGIN
  for (int c = 0; c < w; c++) sum[c] = 0;
  for (long i = 0; i < n; i++) {
    const global TY *gp = g + start + i * inner, *yp = y + start + i * inner;
    MAP_LOOP
    for (int c = 0; c < w; c++) {
      const CT v = KIND == 1 ? LOAD_AS(TY, gp, c) : LOAD_AS(TY, gp, c) * LOAD_AS(TY, yp, c);
      sum[c] += LIVE(i, c) ? v : 0;
    }
  }
  for (long i = 0; i < n; i++) {
    const global TY *gp = g + start + i * inner, *yp = y + start + i * inner;
    global T *q = dx + start + i * inner;
    FETCH(g + after + i * inner)
    FETCH(y + after + i * inner)
    MAP_LOOP
    for (int c = 0; c < w; c++) {
      const CT gv = LOAD_AS(TY, gp, c), yv = LOAD_AS(TY, yp, c);
      const CT v = (KIND == 1 ? gv - m_exp(yv) * sum[c] : yv * (gv - sum[c])) * SIGNED(scale);
      STORE(q, c, LIVE(i, c) ? v : 0);
    }
  }
  COLUMNS_END
}
#endif

/* ------------------------------------------------------------------------------------------------------------ cross entropy */

#if !USE_LENGTH && KIND == 0
#undef INNER
#define INNER 1
static inline long label_of(const global TL *label, const long row, const long n) {
  const long v = (long)LOAD_AS(TL, label, row);
  return v < 0 ? 0 : v >= n ? n - 1 : v;
}

WIDE_VECTORS kernel void cross_entropy(const global T *x, const global TL *label, global CT *loss, const long rows, const long n, const int lanes,
                          const int strided) {
  ROWS_LOCAL
  ROWS_BEGIN(row, rows)
  const global T *p = x + row * n;
  CT top, sum;
  ROW_MAX(top, i, n, load8(p, i), LOAD(p, i))
#define E1(k) m_exp(LOAD(p, k) - top)
#define E16 CAT(exp16_, CT)(load16(p, i) - top)
  ROW_SUM(sum, i, n, E16, E1(i))
  if (row_live && row_lane == 0) {
    const CT v = m_log(sum) + top - LOAD(p, label_of(label, row, n));
    const CT most = (CT)18.420680743952367; /* -log(1e-8): MXNet bounds the probability from below */
    loss[row] = v > most ? most : v;
  }
  ROWS_END
}

WIDE_VECTORS kernel void cross_entropy_backward(const global T *head, const global T *x, const global TL *label, global T *dx, const long rows, const long n,
                                   const int lanes, const int strided) {
  ROWS_LOCAL
  const CT h = LOAD(head, 0);
  ROWS_BEGIN(row, rows)
  const global T *p = x + row * n;
  CT top, sum;
  ROW_MAX(top, i, n, load8(p, i), LOAD(p, i))
  ROW_SUM(sum, i, n, E16, E1(i))
  const CT inverse = 1 / sum;
  const long target = label_of(label, row, n);
  ROW_EACH(i, n) STORE(dx, row * n + i, (E1(i) * inverse - (i == target ? 1 : 0)) * h);
  ROWS_END
}
#endif
