/* Correlation of two images at all displacements of a square, and its gradients.
 *
 *   correlation            y[n, k, i, j] (req)= sum over c, u, v of first[n, c, p + u, q + v] times second[n, c, p + dy + u, q + dx + v],
 *                          divided by C K K, with p = i step + reach, q = j step + reach and displacement k = (dy, dx)
 *   correlation_backward   d[n, c, y, x] (req)= the sum of g[n, k, i, j] over the pairs that hold this pixel, times the other one of the pair
 *
 * MULTIPLY 0: |first - second| instead of the product, whose slope is 1 where they are equal. OF_SECOND: whose gradient it is.
 * first, second: (N, C, H + 2 pad, W + 2 pad), padded; d: (N, C, H, W); y, g: (N, D D, TH, TW), displacements dy, dx = (-(D / 2) .. D / 2) apart.
 * A work-item computes stretches of rows (FOR_STRETCHES). Sums take their terms in one order.
 */
#include "common.h"
#include "items.h"

#ifndef MULTIPLY
#define MULTIPLY 1
#endif
#ifndef OF_SECOND
#define OF_SECOND 0
#endif
#define TILE 64

#if MULTIPLY
#define PAIR(a, b) ((a) * (b))
#else
#define PAIR(a, b) ((a) >= (b) ? (a) - (b) : (b) - (a))
#endif

static inline void add_pairs(CT *sum, const global T *a, const global T *b, const int count, const int step) {
  MAP_LOOP
  for (int j = 0; j < count; j++) sum[j] += PAIR(LOAD(a, (long)j * step), LOAD(b, (long)j * step));
}

kernel void correlation(const global T *first, const global T *second, global T *y, const int N, const int C, const int PH, const int PW,
                        const int TH, const int TW, const int D, const int K, const int reach, const int step, const int apart, const CT share) {
  CT sum[STRETCH(TILE)];
  FOR_STRETCHES(row, lo, hi, (long)N * D * D * TH, (long)TW, TILE) {
    const int i = (int)(row % TH), k = (int)(row / TH % (D * D)), count = (int)(hi - lo);
    const long n = row / TH / (D * D);
    const long away = (long)(k / D - D / 2) * apart * PW + (k % D - D / 2) * apart;
    for (int j = 0; j < count; j++) sum[j] = 0;
    for (int c = 0; c < C; c++)
      for (int u = 0; u < K; u++)
        for (int v = 0; v < K; v++) {
          const long at = ((n * C + c) * PH + (long)i * step + reach + u) * PW + lo * step + reach + v;
          if (step == 1)
            add_pairs(sum, first + at, second + at + away, count, 1);
          else
            add_pairs(sum, first + at, second + at + away, count, step);
        }
    for (int j = 0; j < count; j++) {
      const CT v = sum[j] / share;
      STORE(y, row * TW + lo + j, v);
    }
  }
}

kernel void correlation_backward(const global T *g, const global T *own, const global T *other, global T *d, const int N, const int C,
                                 const int H, const int W, const int pad, const int TH, const int TW, const int D, const int K, const int reach,
                                 const int step, const int apart, const CT share) {
  const int PH = H + 2 * pad, PW = W + 2 * pad;
  CT sum[STRETCH(TILE)];
  FOR_STRETCHES(row, lo, hi, (long)N * C * H, (long)W, TILE) {
    const int y = (int)(row % H), count = (int)(hi - lo);
    const long plane = row / H, n = plane / C;
    const global T *mine = own + (plane * PH + y + pad) * PW + pad + lo, *theirs = other + plane * PH * PW;
    for (int j = 0; j < count; j++) sum[j] = 0;
    for (int k = 0; k < D * D; k++) {
      const int dy = (k / D - D / 2) * apart, dx = (k % D - D / 2) * apart;
      for (int u = 0; u < K; u++) {
        /* the row of the first image of the pair, and the output row that has it */
        const int p = y + pad - (OF_SECOND ? dy : 0), t = p - reach - u;
        if (t < 0 || t % step || t / step >= TH) continue;
        const global T *head = g + ((n * D * D + k) * TH + t / step) * TW;
        const global T *partner = theirs + (long)(p + (OF_SECOND ? 0 : dy)) * PW;
        for (int v = 0; v < K; v++) {
          /* output column j reads pixel j step + from of this row */
          const int from = reach + v - pad + (OF_SECOND ? dx : 0);
          const long before = lo - from, after = hi - from;
          const int j_lo = before > 0 ? (int)((before + step - 1) / step) : 0;
          const int j_hi = after > 0 ? (int)((after + step - 1) / step) : 0, j_end = j_hi < TW ? j_hi : TW;
          const global T *pairs = partner + reach + v + (OF_SECOND ? 0 : dx);
          for (int j = j_lo; j < j_end; j++) {
            const int x = j * step + from - (int)lo;
            const CT that = LOAD(pairs, (long)j * step), h = LOAD(head, j);
#if MULTIPLY
            sum[x] += h * that;
#elif OF_SECOND
            sum[x] += that >= LOAD(mine, x) ? -h : h;
#else
            sum[x] += LOAD(mine, x) >= that ? h : -h;
#endif
          }
        }
      }
    }
    for (int j = 0; j < count; j++) {
      const CT v = sum[j] / share;
      STORE(d, row * W + lo + j, v);
    }
  }
}
