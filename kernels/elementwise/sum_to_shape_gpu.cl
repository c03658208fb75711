/* Sums over the repeated axes of a broadcast: arguments as in include/sum_to_shape.h.
 *
 *   sum_each     a work-item one (m, p): neighbours read neighbours where the innermost axis is kept
 *   sum_group    a work-group one (m, p): where the innermost axis is reduced and long
 */
#include "common.h"
#include "sum_to_shape.h"

#ifndef GROUP
#define GROUP 128
#endif

kernel void sum_each(SUM_ARGS) {
  UNPACK
  FOR_EACH(u, outputs * parts) {
    const long m = u % outputs, p = u / outputs;
    long at[8];
    const long base = locate(m, kd, ke, kp, at);
    const long k0 = p * per_part, k1 = k0 + per_part < count ? k0 + per_part : count;
    CT sum = 0;
    for (long k = k0; k < k1; k++) sum += LOAD(x, base + locate(k, rd, re, rp, at));
    STORE_AS(REQ, TY, y, p * outputs + m, sum);
  }
}

kernel __attribute__((reqd_work_group_size(GROUP, 1, 1))) void sum_group(SUM_ARGS) {
  local CT part[GROUP];
  UNPACK
  const int lid = get_local_id(0);
  for (long u = get_group_id(0); u < outputs * parts; u += get_num_groups(0)) {
    const long m = u % outputs, p = u / outputs;
    long at[8];
    const long base = locate(m, kd, ke, kp, at);
    const long k0 = p * per_part, k1 = k0 + per_part < count ? k0 + per_part : count;
    CT sum = 0;
    for (long k = k0 + lid; k < k1; k += GROUP) sum += LOAD(x, base + locate(k, rd, re, rp, at));
    part[lid] = sum;
    barrier(CLK_LOCAL_MEM_FENCE);
    for (int h = GROUP / 2; h > 0; h /= 2) {
      if (lid < h) part[lid] += part[lid + h];
      barrier(CLK_LOCAL_MEM_FENCE);
    }
    if (lid == 0) STORE_AS(REQ, TY, y, p * outputs + m, part[0]);
    barrier(CLK_LOCAL_MEM_FENCE);
  }
}
