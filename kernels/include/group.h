/* One problem (a matrix of a batch) a work-group: its items share the loops, and meet at barriers. On CPUs the group is one work-item.
 *
 * FOR_GROUPS(b, n) { ... }       this group's share of n problems.
 * GROUP_FOR(i, lo, hi) { ... }   this item's share of lo .. hi-1.
 * GROUP_GRID(i, lo, hi, j, width) { ... }   this item's share of rows lo .. hi-1 times columns 0 .. width-1.
 * GROUP_ARRAY                    memory that the group shares, declared at the start of the kernel.
 * GROUP_SYNC                     all items have come here, and see what the others wrote.
 * GROUP_SUM(value, scratch)      the sum over the items, known to all; scratch: GROUP_ARRAY of GROUP_MOST elements. Syncs.
 * GROUP_MOST                     the most items that a group may have.
 */
#ifndef GROUP_H
#define GROUP_H

#define GROUP_MOST 64

#if DEVICE_CPU
#define FOR_GROUPS(b, n)                                                                                 \
  const long b##_share = ((long)(n) + (long)get_global_size(0) - 1) / (long)get_global_size(0);          \
  const long b##_lo = (long)get_global_id(0) * b##_share;                                                \
  const long b##_hi = b##_lo + b##_share < (long)(n) ? b##_lo + b##_share : (long)(n);                   \
  for (long b = b##_lo; b < b##_hi; b++)
#define GROUP_FOR(i, lo, hi) for (long i = (lo); i < (hi); i++)
#define GROUP_GRID(i, lo, hi, j, width) \
  for (long i = (lo); i < (hi); i++)    \
    for (long j = 0; j < (width); j++)
#define GROUP_ARRAY
#define GROUP_SYNC
#define GROUP_SUM(value, scratch) (value)
#define GROUP_ITEM 0
#define GROUP_ITEMS 1
#else
#define FOR_GROUPS(b, n) for (long b = (long)get_group_id(0); b < (long)(n); b += (long)get_num_groups(0))
#define GROUP_FOR(i, lo, hi) for (long i = (lo) + (long)get_local_id(0); i < (hi); i += (long)get_local_size(0))
#define GROUP_GRID(i, lo, hi, j, width)                                                                                \
  for (long i##_at = (long)get_local_id(0); i##_at < ((hi) - (lo)) * (width); i##_at += (long)get_local_size(0))       \
    for (long i = (lo) + i##_at / (width), j = i##_at % (width), i##_once = 1; i##_once; i##_once = 0)
#define GROUP_ARRAY __local
#define GROUP_SYNC barrier(CLK_LOCAL_MEM_FENCE | CLK_GLOBAL_MEM_FENCE)
#define GROUP_ITEM ((int)get_local_id(0))
#define GROUP_ITEMS ((int)get_local_size(0))
#define GROUP_SUM(value, scratch) group_sum(value, scratch)
static inline CT group_sum(const CT value, __local CT *scratch) {
  GROUP_SYNC;
  scratch[GROUP_ITEM] = value;
  GROUP_SYNC;
  CT sum = 0;
  for (int i = 0; i < GROUP_ITEMS; i++) sum += scratch[i];
  return sum;
}
#endif

#endif
