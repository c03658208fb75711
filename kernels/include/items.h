/* Coarse items of work, and rows cut into stretches: what a work-item takes where single elements would be too little for it.
 *
 * FOR_ITEMS(i, n) { ... }: this work-item's share of n coarse items (rows, tiles), where FOR_EACH would hand out sixteen at a time.
 *
 * FOR_STRETCHES(row, lo, hi, rows, length, most) { ... }: this work-item's share of `rows` rows of `length` elements. The body computes the
 * elements lo .. hi-1 of one row: on a CPU `most` of them at most (PIECE for long rows), in a loop that vectorises; on a GPU a single one, so
 * that neighbours read neighbours. STRETCH(most) is how many there can be, a constant.
 *
 * FOR_RUNS(i, next, n) { next = RUN_END(i, limit); ... }: this work-item's share of 0..n-1 in runs i .. next-1 that end before `limit`, where
 * something changes (the end of a row, say). On a GPU a run is one element.
 *
 * BATCH(cpu, gpu): how many elements a work-item computes together in private arrays, a constant. Loops over such arrays vectorise on a CPU
 * even where the output is the input. FOR_BATCH(j, count, batch) { ... }: the first `count` of a batch; unrolled on a GPU, so that the arrays
 * are registers.
 */
#ifndef ITEMS_H
#define ITEMS_H

#define PIECE 8192

#if DEVICE_CPU
#define FOR_ITEMS(i, n)                                                                                \
  const long i##_share = ((long)(n) + (long)get_global_size(0) - 1) / (long)get_global_size(0);        \
  const long i##_lo = (long)get_global_id(0) * i##_share;                                              \
  const long i##_hi = i##_lo + i##_share < (long)(n) ? i##_lo + i##_share : (long)(n);                 \
  for (long i = i##_lo; i < i##_hi; i++)
#define STRETCH(most) (most)
#define FOR_STRETCHES(row, lo, hi, rows, length, most)                                                                    \
  const long row##_cut = (length) > 0 ? ((length) + (most)-1) / (most) : 1, row##_n = (rows)*row##_cut;                   \
  const long row##_share = (row##_n + (long)get_global_size(0) - 1) / (long)get_global_size(0);                           \
  const long row##_first = (long)get_global_id(0) * row##_share;                                                          \
  const long row##_last = row##_first + row##_share < row##_n ? row##_first + row##_share : row##_n;                      \
  for (long row##_item = row##_first, row = row##_item / row##_cut, lo = row##_item % row##_cut * (most),                 \
            hi = lo + (most) < (length) ? lo + (most) : (length);                                                         \
       row##_item < row##_last;                                                                                           \
       row##_item++, row += hi == (length), lo = hi == (length) ? 0 : hi,                                                 \
            hi = lo + (most) < (length) ? lo + (most) : (length))
#define FOR_RUNS(i, next, n) \
  EACH_RANGE(i, n)           \
  for (long i = i##_lo, next; i < i##_hi; i = next)
#define RUN_END(i, limit) ((limit) < i##_hi ? (limit) : i##_hi)
#define BATCH(cpu, gpu) (cpu)
#define FOR_BATCH(j, count, batch) for (int j = 0; j < (count); j++)
#else
#define FOR_ITEMS(i, n) FOR_EACH(i, n)
#define STRETCH(most) 1
#define FOR_STRETCHES(row, lo, hi, rows, length, most)                                                 \
  FOR_EACH(row##_item, (rows) * (length))                                                              \
    for (long row = row##_item / (length), lo = row##_item % (length), hi = lo + 1, row##_once = 1; row##_once; row##_once = 0)
#define FOR_RUNS(i, next, n)                      \
  const long i##_step = (long)get_global_size(0); \
  for (long i = (long)get_global_id(0), next; i < (long)(n); i += i##_step)
#define RUN_END(i, limit) ((i) + 1)
#define BATCH(cpu, gpu) (gpu)
#define FOR_BATCH(j, count, batch)                        \
  _Pragma("unroll") for (int j = 0; j < (batch); j++)     \
    if (j < (count))
#endif

#endif
