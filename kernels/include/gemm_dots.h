/* Dot products of few rows x with few lines w, both contiguous along the sum: ROWS x LINES sums, each a vector of partial sums until the
 * end. Follows gemm_tile.h.
 */
#ifndef GEMM_DOTS_H
#define GEMM_DOTS_H

#ifndef ROWS
#define ROWS 4 /* rows of x a tile; those past the end repeat the last one and are not stored */
#endif
#ifndef LINES
#define LINES 4 /* lines of w a tile; ROWS * LINES is a power of two, at most VW */
#endif

/* sum[r * LINES + j] = x[r] . w[j] over kc elements. */
TILE_APART void dots(const tile_aligned zero, const __global T *x, const size_t xrs, const int rows, const __global T *w,
                     const size_t wls, const int lines, const size_t ahead, const int kc, CT *sum) {
  const __global T *xr[ROWS], *wl[LINES];
#pragma unroll
  for (int r = 0; r < ROWS; r++) xr[r] = x + (r < rows ? r : rows - 1) * xrs;
#pragma unroll
  for (int j = 0; j < LINES; j++) wl[j] = w + (j < lines ? j : lines - 1) * wls;
  tile_vec acc[ROWS * LINES];
#pragma unroll
  for (int i = 0; i < ROWS * LINES; i++) acc[i] = zero;
  int k = 0;
  for (; k + VW <= kc; k += VW) {
    tile_vec wv[LINES];
#pragma unroll
    for (int j = 0; j < LINES; j++) {
      wv[j] = *(const __global tile_vec *)(wl[j] + k);
      PREFETCH_L2(wl[j] + ahead + k);
    }
#pragma unroll
    for (int r = 0; r < ROWS; r++) {
      const tile_vec xv = *(const __global tile_vec *)(xr[r] + k);
#pragma unroll
      for (int j = 0; j < LINES; j++) acc[r * LINES + j] = acc[r * LINES + j] + xv * wv[j];
    }
  }
#define FOLD(n) \
  if (ROWS * LINES >= 2 * n) _Pragma("unroll") for (int i = 0; i < n; i++) acc[i] = fold(acc[2 * i], acc[2 * i + 1]);
  FOLD(8) FOLD(4) FOLD(2) FOLD(1)
#pragma unroll
  for (int n = VW / (ROWS * LINES); n > 1; n /= 2) acc[0] = fold(acc[0], acc[0]);
  *(tile_vec *)sum = acc[0];
  SHORT_LOOP for (; k < kc; k++)
#pragma unroll
    for (int r = 0; r < ROWS; r++)
#pragma unroll
      for (int j = 0; j < LINES; j++) sum[r * LINES + j] += xr[r][k] * wl[j][k];
}
#endif
