/* Reductions over any set of axes, as include/fold.h has them.
 *
 *   reduce_inner   the contiguous axis is reduced: the work-items of a result are neighbours
 *   reduce_outer   the contiguous axis is kept: neighbours belong to neighbouring results
 *
 * `lanes` work-items a result, which meet in local memory; a work-group holds several results.
 */
#include "common.h"
#include "fold.h"

static inline void reduce_group(const global T *x, global TY *y, const long outputs, const long splits, const long8 kept, const long8 reduced,
                                const long length, const long count, const int lanes, const int strided, local CT *slots) {
  const int width = (int)get_local_size(0) / lanes, id = (int)get_local_id(0);
  const int lane = strided ? id / width : id % lanes, member = strided ? id % width : id / lanes, slot = member * lanes + lane;
  const long part = (length + splits - 1) / splits, items = outputs * splits;
  for (long first = (long)get_group_id(0) * width; first < items; first += (long)get_num_groups(0) * width) {
    const long item = first + member;
    CT total = FIRST, error = 0;
    if (item < items) {
      const global T *p = x + offset_of(item % outputs, kept);
      const long lo = item / outputs * part, end = lo + part < length ? lo + part : length;
      for (long r = lo + lane; r < end; r += lanes) {
        const CT v = map1(LOAD(p, offset_of(r, reduced)));
        COMBINE(total, error, v)
      }
    }
    slots[slot] = total;
    barrier(CLK_LOCAL_MEM_FENCE);
    for (int s = lanes / 2; s > 0; s /= 2) {
      if (lane < s) {
        const CT a = slots[slot], b = slots[slot + s];
        slots[slot] = FOLD1(a, b);
      }
      barrier(CLK_LOCAL_MEM_FENCE);
    }
    if (lane == 0 && item < items) STORE_AS(REQ, TY, y, item, finish(slots[slot], count));
    barrier(CLK_LOCAL_MEM_FENCE);
  }
}

kernel void reduce_inner(const global T *x, global TY *y, const long outputs, const long splits, const long8 kept, const long8 reduced,
                         const long length, const long count, const long offset, const int lanes) {
  x += offset;
  local CT slots[GROUP];
  reduce_group(x, y, outputs, splits, kept, reduced, length, count, lanes, 0, slots);
}
kernel void reduce_outer(const global T *x, global TY *y, const long outputs, const long splits, const long8 kept, const long8 reduced,
                         const long length, const long count, const long offset, const int lanes) {
  x += offset;
  local CT slots[GROUP];
  reduce_group(x, y, outputs, splits, kept, reduced, length, count, lanes, 1, slots);
}
