/* Non-maximum suppression of n boxes a batch, best first: a box that a kept one before it, of the same id, overlaps by more than `thresh`
 * is dead.
 *
 *   boxes (batch, 5, n)   x1, y1, x2, y2, area;  ids, dead (batch, n): dead boxes at the start are ignored
 *   masks (batch, block / 32, block)   of one block: a bit for each of 32 boxes that would suppress a box
 *   kept (batch, n)       the boxes that stay, in order;  marks (batch, blocks + 1): how many are in it before each block
 *
 * For one block after the other:
 *   suppress_masks   a work-item has 32 boxes against a stretch of their block
 *   suppress_sweep   a work-group a batch decides 32 boxes after the other from their masks
 *   suppress_apply   a work-item has all boxes kept of the block against a stretch of those behind it
 */
#include "common.h"
#include "items.h"
#include "members.h"
#include "boxes.h"

#define COLUMNS 256

kernel void suppress_masks(const global CT *boxes, const global int *ids, const global int *dead, global uint *masks, const long batches,
                           const long n, const long block, const int index, const CT unit, const CT thresh) {
  const long words = block / 32, first = index * block;
  FOR_STRETCHES(row, lo, hi, batches * words, block, COLUMNS) {
    const long batch = row / words, i0 = first + row % words * 32;
    const long begin = first + lo > i0 ? first + lo : i0, end = first + hi < n ? first + hi : n;
    const global CT *x1 = boxes + batch * 5 * n, *y1 = x1 + n, *x2 = y1 + n, *y2 = x2 + n, *area = y2 + n;
    const global int *id = ids + batch * n;
    uint bits[STRETCH(COLUMNS)];
    for (int j = 0; j < STRETCH(COLUMNS); j++) bits[j] = 0;
    for (int r = 0; r < 32 && i0 + r < n; r++) {
      const long i = i0 + r;
      if (dead[batch * n + i]) continue;
      const CT ax1 = x1[i], ay1 = y1[i], ax2 = x2[i], ay2 = y2[i], a = area[i];
      const int own = id[i];
      for (long j = begin; j < end; j++) {
        const CT inter = INTERSECTION(ax1, ay1, ax2, ay2, x1[j], y1[j], x2[j], y2[j], unit);
        const int hit = (inter / (a + area[j] - inter) > thresh) & (id[j] == own);
        bits[j - first - lo] |= (uint)hit << r;
      }
    }
    for (long j = lo; j < hi; j++) masks[row * block + j] = bits[j - lo];
  }
}

kernel void suppress_sweep(const global uint *masks, global int *dead, global int *kept, global int *marks, const long n, const long block,
                           const int index, const int blocks, const int limit) {
  local uint found[1];
  local int total[1];
  const long batch = (long)get_group_id(0), words = block / 32, first = index * block;
  const long end = first + block < n ? first + block : n;
  dead += batch * n;
  kept += batch * n;
  marks += batch * (blocks + 1);
  if (ALONE) {
    if (index == 0) marks[0] = 0;
    total[0] = marks[index];
  }
  for (long i0 = first; i0 < end; i0 += 32) {
    const global uint *mask = masks + (batch * words + (i0 - first) / 32) * block;
    if (ALONE) {
      uint bits = 0;
      int count = total[0];
      for (int r = 0; r < 32 && i0 + r < n; r++) {
        const long j = i0 + r;
        if (dead[j]) continue;
        if ((mask[j - first] & bits) == 0 && count < limit) {
          bits |= 1u << r;
          kept[count++] = (int)j;
        } else
          dead[j] = 1;
      }
      found[0] = bits;
      total[0] = count;
    }
    MEETING
    const uint bits = found[0];
    FOR_MEMBERS(j, i0 + 32, end) dead[j] |= (mask[j - first] & bits) != 0;
    MEETING
  }
  if (ALONE) marks[index + 1] = total[0];
}

kernel void suppress_apply(const global CT *boxes, const global int *ids, global int *dead, const global int *kept, const global int *marks,
                           const long batches, const long n, const long first, const int index, const int blocks, const CT unit,
                           const CT thresh) {
  FOR_STRETCHES(batch, lo, hi, batches, n - first, COLUMNS) {
    const global CT *x1 = boxes + batch * 5 * n, *y1 = x1 + n, *x2 = y1 + n, *y2 = x2 + n, *area = y2 + n;
    const global int *id = ids + batch * n;
    global int *out = dead + batch * n;
    const int from = marks[batch * (blocks + 1) + index], to = marks[batch * (blocks + 1) + index + 1];
    for (int k = from; k < to; k++) {
      const long i = kept[batch * n + k];
      const CT ax1 = x1[i], ay1 = y1[i], ax2 = x2[i], ay2 = y2[i], a = area[i];
      const int own = id[i];
      MAP_LOOP
      for (long j = first + lo; j < first + hi; j++) {
        const CT inter = INTERSECTION(ax1, ay1, ax2, ay2, x1[j], y1[j], x2[j], y2[j], unit);
        out[j] |= (inter / (a + area[j] - inter) > thresh) & (id[j] == own);
      }
    }
  }
}
