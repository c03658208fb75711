/* The place of the largest or smallest element of rows of n elements that lie `inner` apart; y[row] = its index, as T.
 *
 * argmax_rows: `lanes` work-items a row, each with every `lanes`-th element; they meet in local memory. A work-group holds several rows.
 */
#include "common.h"
#include "extremum.h"

kernel void argmax_rows(const global T *x, global T *y, const long rows, const long n, const long inner, const int lanes, const int strided) {
  local CT values[GROUP];
  local long places[GROUP];
  ROWS_BEGIN(row, rows)
  const global T *p = x + row / inner * n * inner + row % inner;
  long place = row_lane < n ? row_lane : 0;
  CT best = LOAD(p, place * inner);
  for (long i = row_lane + lanes; i < n; i += lanes) {
    const CT v = LOAD(p, i * inner);
    if (BETTER(v, best)) best = v, place = i;
  }
  values[row_slot] = best;
  places[row_slot] = place;
  barrier(CLK_LOCAL_MEM_FENCE);
  for (int s = lanes / 2; s > 0; s /= 2) {
    if (row_lane < s) {
      const CT v = values[row_slot + s], b = values[row_slot];
      const long i = places[row_slot + s], j = places[row_slot];
      if (BETTER(v, b) || (!BETTER(b, v) && i < j)) values[row_slot] = v, places[row_slot] = i;
    }
    barrier(CLK_LOCAL_MEM_FENCE);
  }
  if (row_live && row_lane == 0) STORE(y, row, (CT)places[row_slot]);
  barrier(CLK_LOCAL_MEM_FENCE);
  ROWS_END
}
