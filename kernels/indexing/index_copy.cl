/* dst[walk] = src[walk]: strided stretches of two arrays, with conversion; indexing and index assignment of NDArray are made of it.
 *
 * src: S, dst: T, in whole buffers; offsets and strides count elements. Item (c0, .., c7) of the extents, innermost last, lies at
 *   src_start + sum ci * src_strides.si      dst_start + sum ci * dst_strides.si
 * and, with SRC_TABLE (DST_TABLE), coordinate `table_dim` adds src_table[c] (dst_table[c]) instead: advanced indexing.
 * Extents of 1 fill up the front. A work-item takes runs of items of the innermost dimension.
 */
#include "common.h"
#include "elements8.h"
#include "items.h"

#ifndef S
#define S float
#define CS float
#endif
#ifndef SRC_TABLE
#define SRC_TABLE 0
#define DST_TABLE 0
#endif
/* Through long: a float out of the range of a small integer has no defined conversion, one within that of long wraps alike everywhere. */
#ifndef TO_INTEGER
#define TO_INTEGER 0
#endif
#if TO_INTEGER
#define MOVE(d, s) STORE_AS(1, T, dst, d, (long)LOAD_AS(S, src, s))
#else
#define MOVE(d, s) STORE_AS(1, T, dst, d, LOAD_AS(S, src, s))
#endif

kernel void index_copy(const global S *src, global T *dst, const global long *src_table, const global long *dst_table, const long n,
                       const int table_dim, const long8 extents, const long8 src_strides, const long8 dst_strides,
                       const long src_start, const long dst_start) {
  const long e[8] = ELEMENTS8(extents), ss[8] = ELEMENTS8(src_strides), ds[8] = ELEMENTS8(dst_strides);
  FOR_RUNS(i, next, n) {
    long rest = i, s = src_start, d = dst_start, inner = 0;
    for (int k = 7; k >= 0; k--) {
      const long c = e[k] == 1 ? 0 : rest % e[k];
      rest = e[k] == 1 ? rest : rest / e[k];
      if (k == 7) inner = c;
      s += SRC_TABLE && k == table_dim ? src_table[c] : c * ss[k];
      d += DST_TABLE && k == table_dim ? dst_table[c] : c * ds[k];
    }
    const int looked_up = (SRC_TABLE || DST_TABLE) && table_dim == 7;
    next = RUN_END(i, looked_up ? i + 1 : i + e[7] - inner);
    const long run = next - i, sk = ss[7], dk = ds[7];
    if (sk == 1 && dk == 1)
      for (long r = 0; r < run; r++) MOVE(d + r, s + r);
    else
      for (long r = 0; r < run; r++) MOVE(d + r * dk, s + r * sk);
  }
}
