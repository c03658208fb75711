/* Reductions over any set of axes, as include/fold.h has them.
 *
 *   reduce_inner   the contiguous axis is reduced: a work-item takes results (of a part), and streams their runs
 *   reduce_outer   the contiguous axis is kept: a work-item takes tiles of TILE columns, whose results stay in the cache
 */
#include "common.h"
#include "fold.h"

#define TILE 2048 /* columns of reduce_outer on a CPU: with less the prefetcher starves (1024: two thirds of the rate, 256: half) */
#define NEAR_RUN 8192 /* runs up to that length stay in the first cache while the next one is fetched */
#define LEAD 1024     /* elements that a longer run is fetched ahead: left to the hardware, max is a tenth slower */
#define FETCH(p)         \
  PREFETCH(p);       \
  PREFETCH((p) + 16); \
  PREFETCH((p) + 32); \
  PREFETCH((p) + 48);
#define FLUSH 32 /* rows added plainly before the compensated addition */

/* fold of n contiguous elements; what lies `ahead` of them is fetched meanwhile */
static inline __attribute__((always_inline)) CT fold_run(const global T *x, const long n, const long ahead) {
  CT total = FIRST, error = 0;
  long i = 0;
  while (i < n) {
    const long end = i + SUM_BLOCK < n ? i + SUM_BLOCK : n;
    V16 a = (V16)(FIRST), b = a, c = a, d = a;
    for (; i + 64 <= end; i += 64) {
      FETCH(x + i + ahead)
      const V16 p = map16(load16(x, i)), q = map16(load16(x, i + 16)), r = map16(load16(x, i + 32)), s = map16(load16(x, i + 48));
      a = FOLDV(a, p);
      b = FOLDV(b, q);
      c = FOLDV(c, r);
      d = FOLDV(d, s);
    }
    for (; i + 16 <= end; i += 16) {
      PREFETCH(x + i + ahead);
      const V16 p = map16(load16(x, i));
      a = FOLDV(a, p);
    }
    a = FOLDV(a, b);
    c = FOLDV(c, d);
    a = FOLDV(a, c);
    const V8 e = FOLDV(a.lo, a.hi);
    const CT f = FOLD1(e.s0, e.s4), g = FOLD1(e.s1, e.s5), h = FOLD1(e.s2, e.s6), k = FOLD1(e.s3, e.s7);
    const CT l = FOLD1(f, h), m = FOLD1(g, k);
    CT block = FOLD1(l, m);
    SHORT_LOOP for (; i < end; i++) {
      const CT p = map1(LOAD(x, i));
      block = FOLD1(block, p);
    }
    COMBINE(total, error, block)
  }
  return total;
}

WIDE_VECTORS kernel void reduce_inner(const global T *x, global TY *y, const long outputs, const long splits, const long8 kept, const long8 reduced,
                         const long length, const long count, const long offset, const int lanes) {
  x += offset;
  const long run = reduced.s0;
  const long part = (length + splits - 1) / splits;
  FOR_ITEMS(item, outputs * splits) {
    const long split = splits == 1 ? 0 : item / outputs, o = item - split * outputs;
    const long base = offset_of(o, kept), next = offset_of(o + 1, kept);
    long r = split * part, in_run = split == 0 ? 0 : r % run, at = base + offset_of(r, reduced);
    const long end = r + part < length ? r + part : length;
    CT total = FIRST, error = 0;
    while (r < end) {
      const long stop = end - r < run - in_run ? end - r : run - in_run;
      r += stop;
      const long after = r < end ? base + offset_of(r, reduced) : next;
      const CT v = fold_run(x + at, stop, stop <= NEAR_RUN ? after - at : LEAD);
      COMBINE(total, error, v)
      at = after, in_run = 0;
    }
    STORE_AS(REQ, TY, y, item, finish(total, count));
  }
}

/* CPU: outputs are (rows of `kept.s0` contiguous ones); an item is (split, tile of columns) */
WIDE_VECTORS kernel void reduce_outer(const global T *x, global TY *y, const long outputs, const long splits, const long8 kept, const long8 reduced,
                         const long length, const long count, const long offset, const int lanes) {
  x += offset;
  const long width = kept.s0, tiles = (width + TILE - 1) / TILE;
  const long part = (length + splits - 1) / splits;
  const long per_split = outputs / width * tiles;
  CT block[TILE], total[TILE], error[TILE];
  FOR_ITEMS(item, per_split * splits) {
    const long split = item / per_split, o = item % per_split / tiles * width + item % tiles * TILE;
    const long column = o % width;
    const int n = (int)(width - column < TILE ? width - column : TILE);
    const long base = offset_of(o, kept);
    const long lo = split * part, end = lo + part < length ? lo + part : length;
    const long ahead = 4 * reduced.s4; /* the next four rows, but at the end of a run */
    MAP_LOOP for (int c = 0; c < n; c++) total[c] = FIRST, error[c] = 0;
    for (long r = lo; r < end;) {
      const long stop = r + FLUSH < end ? r + FLUSH : end;
      MAP_LOOP for (int c = 0; c < n; c++) block[c] = FIRST;
      /* four rows at once: their streams overlap, and `block` is read and written a quarter as often */
      for (; r + 4 <= stop; r += 4) {
        const global T *p = x + base + offset_of(r, reduced), *q = x + base + offset_of(r + 1, reduced);
        const global T *s = x + base + offset_of(r + 2, reduced), *t = x + base + offset_of(r + 3, reduced);
        int c = 0;
        for (; c + 16 <= n; c += 16) {
          V16U *b = (V16U *)(block + c);
          PREFETCH(p + c + ahead);
          PREFETCH(q + c + ahead);
          PREFETCH(s + c + ahead);
          PREFETCH(t + c + ahead);
          const V16 u = map16(load16(p, c)), v = map16(load16(q, c)), w = map16(load16(s, c)), z = map16(load16(t, c)), old = *b;
          const V16 uv = FOLDV(u, v), wz = FOLDV(w, z), all = FOLDV(uv, wz);
          *b = FOLDV(old, all);
        }
        SHORT_LOOP for (; c < n; c++) {
          const CT u = map1(LOAD(p, c)), v = map1(LOAD(q, c)), w = map1(LOAD(s, c)), z = map1(LOAD(t, c));
          const CT uv = FOLD1(u, v), wz = FOLD1(w, z), all = FOLD1(uv, wz);
          block[c] = FOLD1(block[c], all);
        }
      }
      for (; r < stop; r++) {
        const global T *p = x + base + offset_of(r, reduced);
        int c = 0;
        for (; c + 16 <= n; c += 16) {
          V16U *b = (V16U *)(block + c);
          const V16 v = map16(load16(p, c)), u = *b;
          *b = FOLDV(u, v);
        }
        SHORT_LOOP for (; c < n; c++) {
          const CT v = map1(LOAD(p, c));
          block[c] = FOLD1(block[c], v);
        }
      }
      MAP_LOOP for (int c = 0; c < n; c++) COMBINE(total[c], error[c], block[c])
    }
    for (int c = 0; c < n; c++) STORE_AS(REQ, TY, y, split * outputs + o + c, finish(total[c], count));
  }
}
