/* affine_gradient: dgamma[n], dbeta[n] of LayerNorm in parts (splits, n) from g, x and stat, on CPUs (include/normalize.h). inner == 1: an item
 * is (split of the rows, tile of places); otherwise a place, in one split.
 */
#include "common.h"
#include "normalize.h"

WIDE_VECTORS kernel void affine_gradient(const global T *g, const global T *x, const global CT *stat, global CT *dgamma, global CT *dbeta, const long outer,
                            const long n, const long inner, const long splits, const int lanes, const int strided) {
  const long rows = outer * inner;
  if (inner == 1) {
    CT a[TILE], b[TILE];
    const long tiles = (n + TILE - 1) / TILE, part = (outer + splits - 1) / splits;
    FOR_ITEMS(item, splits * tiles) {
      const long column = item % tiles * TILE, split = item / tiles;
      const int w = (int)(n - column < TILE ? n - column : TILE);
      const long end = (split + 1) * part < outer ? (split + 1) * part : outer;
      for (int c = 0; c < w; c++) a[c] = 0, b[c] = 0;
      for (long r = split * part; r < end; r++) {
        const global T *p = x + r * n + column, *o = g + r * n + column;
        const CT mean = stat[r], rstd = stat[rows + r];
        for (int c = 0; c < w; c++) {
          const CT v = LOAD(o, c);
          a[c] += v * (LOAD(p, c) - mean) * rstd;
          b[c] += v;
        }
      }
      for (int c = 0; c < w; c++) dgamma[split * n + column + c] = a[c], dbeta[split * n + column + c] = b[c];
    }
    return;
  }
  FOR_ITEMS(c, n) {
    CT a = 0, b = 0, ea = 0, eb = 0;
    for (long r = 0; r < outer; r++) {
      const global T *p = x + (r * n + c) * inner, *o = g + (r * n + c) * inner;
      const global CT *mean = stat + r * inner, *rstd = mean + rows;
      CT u, v;
      ROW_SUM(u, i, inner, load16(o, i) * (load16(p, i) - loadc16(mean, i)) * loadc16(rstd, i), LOAD(o, i) * (LOAD(p, i) - mean[i]) * rstd[i])
      ROW_SUM(v, i, inner, load16(o, i), LOAD(o, i))
      KAHAN_ADD(a, ea, u)
      KAHAN_ADD(b, eb, v)
    }
    dgamma[c] = a, dbeta[c] = b;
  }
}
