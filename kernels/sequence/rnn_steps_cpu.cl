/* Steps of a recurrent layer on CPUs: the product with the state's weight and the gates in one kernel, over all directions, in as many launches
 * as must wait for one another.
 *
 * gates: (directions, steps, batch, rows), the input's part without biases, in time order; y: (steps, batch, directions * units), which is
 * where the states are kept; c: (directions, steps, batch, units) with SAVE, else (directions, batch, units). Direction d begins
 * d * weight_step further in the weights, and so on.
 *
 * A work-item owns `row_share` sequences and `unit_share` units of a direction and goes through the steps first .. first + count - 1:
 * one at a time if others compute units that the next one needs, all at once where it has all the units.
 * For VW units at a time it takes the products for all gates of up to CHUNK sequences, then the gates, whose loop vectorises along the units.
 *
 * PACKED 0   dot products, ROWS x LINES at once, with the weight in place: a row of it is contiguous along the sum. For few sequences.
 * PACKED 1   the weight packed as [VW units][sum][gate][unit]: ROWS sequences x GATES vectors of sums, without folding any.
 *
 * Tunables: VW, ROWS, LINES, PACKED.
 */
#include "common.h"
#include "gemm_tile.h"
#include "gemm_dots.h"
#include "rnn_cell.h"

#ifndef PACKED
#define PACKED 0
#endif
#define CHUNK 32
#define S(k, j) s[(k)*VW + (j)-u]

#if PACKED
/* sums[i][k][unit] of `rows` sequences over `depth` values; `next` is what will be read next. */
TILE_APART void gate_sums(const tile_aligned zero, const global T *x, const size_t stride, const int rows, const global T *w, const int depth,
                          const global T *next, CT *sums) {
  const global T *xr[ROWS];
#pragma unroll
  for (int i = 0; i < ROWS; i++) xr[i] = x + (i < rows ? i : rows - 1) * stride;
  tile_vec acc[ROWS][GATES];
#pragma unroll
  for (int i = 0; i < ROWS; i++)
#pragma unroll
    for (int k = 0; k < GATES; k++) acc[i][k] = zero;
  for (int j = 0; j < depth; j++) {
    tile_vec wv[GATES];
    PREFETCH_L2(next + j * VW);
#pragma unroll
    for (int k = 0; k < GATES; k++) wv[k] = *(const global tile_vec *)(w + k * VW);
    w += GATES * VW;
#pragma unroll
    for (int i = 0; i < ROWS; i++) {
      const tile_vec xv = (tile_vec)(xr[i][j]);
#pragma unroll
      for (int k = 0; k < GATES; k++) acc[i][k] = acc[i][k] + xv * wv[k];
    }
  }
#pragma unroll
  for (int i = 0; i < ROWS; i++)
    if (i < rows)
#pragma unroll
      for (int k = 0; k < GATES; k++) *(tile_vec *)(sums + (i * GATES + k) * VW) = acc[i][k];
}
#endif

WIDE_VECTORS
kernel void rnn_steps(global T *gates, const global T *params, const global T *weights, const global T *h0, global T *y, const global T *c0, global T *cells,
                      global T *parts, const global TL *length, const long steps, const long batch, const long units, const long directions,
                      const long first, const long count, const long row_share, const long unit_share, const long weight_at,
                      const long weight_step, const long bias_at, const long h0_at, const long c0_at, const long gates_at, const long y_at,
                      const long cells_at, const long parts_at, const CT low, const CT high) {
  const long row_blocks = (batch + row_share - 1) / row_share, unit_blocks = (units + unit_share - 1) / unit_share;
  const long item = (long)get_global_id(0);
  const long d = item / (row_blocks * unit_blocks);
  if (d >= directions) return;
  const long r0 = item / unit_blocks % row_blocks * row_share, r1 = r0 + row_share < batch ? r0 + row_share : batch;
  const long u0 = item % unit_blocks * unit_share, u1 = u0 + unit_share < units ? u0 + unit_share : units;
  const long width = directions * units, row = GATES * units;
  const global T *weight = weights + weight_at + d * weight_step, *bx = params + bias_at + d * 2 * row, *bh = bx + row;
  const global T *start = h0 + h0_at + d * batch * units, *cell_start = c0 + c0_at + d * batch * units;
  const tile_aligned zero = (tile_aligned)((CT)0);
  CT sums[CHUNK * GATES * VW];
  for (long step = first; step < first + count; step++) {
    const long t = d ? steps - 1 - step : step;
    const global T *before = step ? y + y_at + (d ? t + 1 : t - 1) * batch * width + d * units : start;
    const long stride = step ? width : units;
    for (long chunk = r0; chunk < r1; chunk += CHUNK) {
      const int rows = (int)(r1 - chunk < CHUNK ? r1 - chunk : CHUNK);
      for (long u = u0; u < u1; u += VW) {
        const int some = (int)(u1 - u < VW ? u1 - u : VW);
#if PACKED
        for (int r = 0; r < rows; r += ROWS) {
          const int nr = rows - r < ROWS ? rows - r : ROWS;
          const global T *panel = weight + u * GATES * units, *next = panel + GATES * VW * units + r / ROWS * VW * units;
          gate_sums(zero, before + (chunk + r) * stride, stride, nr, panel, (int)units, next, sums + r * GATES * VW);
        }
#else
        for (int k = 0; k < GATES; k++)
          for (int l = 0; l < some; l += LINES) {
            const global T *lines = weight + (k * units + u + l) * units;
            for (int r = 0; r < rows; r += ROWS) {
              CT sum[VW];
              const int nr = rows - r < ROWS ? rows - r : ROWS, nl = some - l < LINES ? some - l : LINES;
              dots(zero, before + (chunk + r) * stride, stride, nr, lines, units, nl, LINES * units, (int)units, sum);
              SHORT_LOOP for (int i = 0; i < nr; i++)
                SHORT_LOOP for (int j = 0; j < nl; j++) sums[((r + i) * GATES + k) * VW + l + j] = sum[i * LINES + j];
            }
          }
#endif
        for (int r = 0; r < rows; r++) {
          const long n = chunk + r;
          const CT *s = sums + r * GATES * VW;
          global T *a = gates + gates_at + ((d * steps + t) * batch + n) * row;
          const global T *hp = before + n * stride;
          global T *h = y + y_at + (t * batch + n) * width + d * units;
          const long at = SAVE ? ((d * steps + t) * batch + n) * units : (d * batch + n) * units;
          const long back = ((d * steps + (d ? t + 1 : t - 1)) * batch + n) * units;
          const global T *cp = step == 0 ? cell_start + n * units : cells + cells_at + (SAVE ? back : at);
          global T *c = cells + cells_at + at;
          global T *part = parts + parts_at + at;
          if (RUNS(n, t)) {
            CELLS(u, u + some)
          } else {
            CARRY(u, u + some)
          }
        }
      }
    }
  }
}
