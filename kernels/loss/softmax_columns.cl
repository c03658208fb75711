/* Softmax along rows of which neighbours lie side by side (inner > 1), and its gradient from g and y alone, on CPUs: a work-item takes `tile`
 * neighbouring rows at once. See include/softmax.h for the layout and the defines.
 */
#include "common.h"
#include "softmax.h"

#define TILE 256 /* neighbouring rows that are taken at most; `tile` says how many, so that they stay in the cache */
#define NEAR_TILE (131072 / (int)sizeof(CT)) /* elements of a tile held together: rows 2^k apart evict each other from caches */

/* an item is (outer, tile of TILE columns); row i of it is x[(outer * n + i) * inner + column] */
#define COLUMNS_BEGIN                                                                    \
  const long tiles = (inner + tile - 1) / tile;                                          \
  FOR_ITEMS(item, outer * tiles) {                                                       \
    const long column = item % tiles * tile, start = item / tiles * n * inner + column;  \
    const int w = (int)(inner - column < tile ? inner - column : tile);                  \
    const long after = column + w < inner ? start + w : item / tiles * n * inner + n * inner; /* where the next item starts */
#define COLUMNS_END }
/* the run of a row at p: runs lie far apart, and the hardware does not foresee it. A cache line has 16 floats. */
#define FETCH(p) SHORT_LOOP for (int c = 0; c < w; c += 16) PREFETCH((p) + c);
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
