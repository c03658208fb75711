/* The place of the largest or smallest element of rows of n elements that lie `inner` apart; y[row] = its index, as T.
 *
 *   argmax_rows      inner == 1: a work-item takes whole rows. It finds the extremum of a block of BLOCK elements first, and looks for its place
 *                    only where it beats what was found before
 *   argmax_columns   x: (outer, n, inner). A work-item takes tiles of TILE rows that lie side by side
 */
#include "common.h"
#include "extremum.h"

#define TILE 2048
#define BLOCK 1024

kernel void argmax_rows(const global T *x, global T *y, const long rows, const long n, const long inner, const int lanes, const int strided) {
  ROWS_BEGIN(row, rows)
  const global T *p = x + row * n;
  CT best = LOAD(p, 0);
  long place = 0;
  for (long lo = 0; lo < n; lo += BLOCK) {
    const long end = lo + BLOCK < n ? lo + BLOCK : n;
    CT top = LOAD(p, lo);
    long i = lo;
    V8 a = (V8)(top), b = a, c = a, d = a;
    for (; i + 32 <= end; i += 32) {
      const V8 p0 = load8(p, i), p1 = load8(p, i + 8), p2 = load8(p, i + 16), p3 = load8(p, i + 24);
      a = EXTREME8(p0, a);
      b = EXTREME8(p1, b);
      c = EXTREME8(p2, c);
      d = EXTREME8(p3, d);
    }
    a = EXTREME8(a, b);
    c = EXTREME8(c, d);
    a = EXTREME8(a, c);
    for (; i + 8 <= end; i += 8) {
      const V8 v = load8(p, i);
      a = EXTREME8(v, a);
    }
    const CT u0 = EXTREME(a.s0, a.s4), u1 = EXTREME(a.s1, a.s5), u2 = EXTREME(a.s2, a.s6), u3 = EXTREME(a.s3, a.s7);
    const CT w0 = EXTREME(u0, u1), w1 = EXTREME(u2, u3);
    top = EXTREME(w0, w1);
    for (; i < end; i++) {
      const CT v = LOAD(p, i);
      top = EXTREME(v, top);
    }
    if (BETTER(top, best)) {
      best = top;
      for (i = lo; i < end - 1; i++) {
        const CT v = LOAD(p, i);
        if (v == top || (v != v && top != top)) break;
      }
      place = i;
    }
  }
  STORE(y, row, (CT)place);
  ROWS_END
}

kernel void argmax_columns(const global T *x, global T *y, const long outer, const long n, const long inner) {
  const long tiles = (inner + TILE - 1) / TILE;
  CT best[TILE];
  int place[TILE];
  FOR_ITEMS(item, outer * tiles) {
    const long column = item % tiles * TILE, row = item / tiles * inner + column;
    const global T *p = x + item / tiles * n * inner + column;
    const int w = (int)(inner - column < TILE ? inner - column : TILE);
    for (int c = 0; c < w; c++) best[c] = LOAD(p, c), place[c] = 0;
    for (int i = 1; i < n; i++) {
      p += inner;
      MAP_LOOP
      for (int c = 0; c < w; c++) {
        const CT v = LOAD(p, c), b = best[c];
        const int better = BETTER(v, b);
        best[c] = better ? v : b;
        place[c] = better ? i : place[c];
      }
    }
    for (int c = 0; c < w; c++) STORE(y, row + c, (CT)place[c]);
  }
}
