/* conv_bias: the gradient of a convolution's bias, db[o] = sum of dy [N][O][pixels] over images and pixels. A work-group a channel.
 *
 * Tunable: BIAS_ITEMS, work-items a channel.
 */
#include "common.h"

#ifndef BIAS_ITEMS
#define BIAS_ITEMS 1
#endif
__kernel __attribute__((reqd_work_group_size(BIAS_ITEMS, 1, 1))) void conv_bias(
    const __global T *restrict dy, __global T *restrict db, const int images, const int filters, const int pixels) {
  const size_t o = get_group_id(0), me = get_local_id(0);
  CT part[16]; /* sixteen independent sums: vectorised, and more exact than one */
  for (int i = 0; i < 16; i++) part[i] = (CT)0;
  for (int img = 0; img < images; img++) {
    const __global T *from = dy + ((size_t)img * filters + o) * pixels;
    int p = me * 16;
    for (; p + 16 <= pixels; p += 16 * BIAS_ITEMS)
      for (int i = 0; i < 16; i++) part[i] += LOAD(from, p + i);
    for (int i = 0; p + i < pixels && i < 16; i++) part[i] += LOAD(from, p + i);
  }
  CT sum = (CT)0;
  for (int i = 0; i < 16; i++) sum += part[i];
#if BIAS_ITEMS > 1
  __local CT sums[BIAS_ITEMS];
  sums[me] = sum;
  barrier(CLK_LOCAL_MEM_FENCE);
  if (me == 0) {
    for (int i = 1; i < BIAS_ITEMS; i++) sum += sums[i];
    STORE(db, o, sum);
  }
#else
  STORE(db, o, sum);
#endif
}
