/* y = softmax(x) along rows of n contiguous elements, on CPUs (include/softmax.h, which has the layout and the defines). A work-item: whole
 * rows, in chunks of which each is read from memory once for the maximum and the exponentials.
 */
#include "common.h"
#include "exp16.h"
#include "softmax.h"

#define KEEPS (KIND != 1 && SAME_TYPE && REQ == 1) /* y holds the exponentials until the sum is known */
#if KEEPS
#define KEPT(q) (q)
#else
#define KEPT(q) ((global CT *)0)
#endif
#define NEAR_ROW 8192 /* rows up to that length stay in the first cache while the next one is fetched */
#define CHUNK 4096 /* elements of longer rows taken at a time, so that memory is read once for the maximum and the exponentials */
#define CHUNKS 64 /* at most: the longest rows have longer ones */
#define BLOCK 512 /* exponentials summed plainly, before the sums of blocks are added with a correction */

kernel void softmax_rows(const global T *x, LENGTH_ARG global TY *y, const long rows, const long n, const long inner, const CT scale,
                         const int lanes, const int strided) {
  ROWS_LOCAL
  ROWS_BEGIN(row, rows)
  const global T *p = x + ROW_START(row);
  global TY *q = y + ROW_START(row);
  const long m = LENGTH_OF(row);
  CT top, sum;
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
#if KIND == 1
  const CT shift = m_log(sum);
  ROW_EACH(i, m) STORE_AS(REQ, TY, q, IN_ROW(i), (LOAD(p, IN_ROW(i)) - top) * scale - shift);
#else
  const CT inverse = 1 / sum;
#if KEEPS
  for (long lo = 0; lo < m; lo += chunk)
    scale_run(q + lo, lo + chunk < m ? chunk : m - lo, m_exp((tops[lo / chunk] - top) * scale) * inverse);
#else
  ROW_EACH(i, m) STORE_AS(REQ, TY, q, IN_ROW(i), m_exp((SIGNED(LOAD(p, IN_ROW(i))) - top) * scale) * inverse);
#endif
#endif
#if USE_LENGTH
  ROW_EACH(i, n - m) STORE_AS(REQ, TY, q, IN_ROW(m + i), (CT)0);
#endif
  ROWS_END
}
