/* Sums over the repeated axes of a broadcast: what the gradient of a broadcast input is.
 *
 * x, of T, is walked by kept extents (with steps ks) and reduced extents (with steps rs; rd of them, the last innermost): outputs
 * is the product of the kept ones, count of the reduced ones. y[m], of TY, is the sum over every reduced index tuple. With parts > 1
 * y[p * outputs + m] is the sum of the p-th of `parts` ranges of `per_part` index tuples, and sum_parts adds them up: few outputs still
 * occupy the device, and the order of additions does not depend on timing.
 *
 *   CPU  sum_rows     innermost axis reduced: a work-item takes a range of (m, p), 16 partial sums a row
 *        sum_columns  innermost axis kept: a work-item takes blocks of BLOCK neighbouring outputs and adds up rows
 *   GPU  sum_each     a work-item one (m, p): neighbours read neighbours where the innermost axis is kept
 *        sum_group    a work-group one (m, p): where the innermost axis is reduced and long
 */
#include "common.h"
#include "elements8.h"

#ifndef TY
#define TY T
#endif
#ifndef BLOCK
#define BLOCK 256 /* outputs whose sums a work-item keeps: 1 KiB of a row at a time */
#endif
#define WIDTH 16
#ifndef GROUP
#define GROUP 128
#endif

#define SUM_ARGS                                                                                                               \
  const global T *x, global TY *y, const int kd, const long8 kept, const long8 ks, const int rd, const long8 reduced, const long8 rs, \
      const long outputs, const long count, const int parts, const long per_part
#define UNPACK \
  const long ke[8] = ELEMENTS8(kept), kp[8] = ELEMENTS8(ks), re[8] = ELEMENTS8(reduced), rp[8] = ELEMENTS8(rs);

/* Where index m of extents e lies, and its coordinates in at */
static inline long locate(long m, const int nd, const long *e, const long *p, long *at) {
  long offset = 0;
  for (int d = nd - 1; d >= 0; d--) {
    at[d] = m % e[d];
    m /= e[d];
    offset += at[d] * p[d];
  }
  return offset;
}

/* The next row: coordinates before the last advance, the last returns to 0 */
static inline long next_row(long offset, const int nd, const long *e, const long *p, long *at) {
  offset -= at[nd - 1] * p[nd - 1];
  at[nd - 1] = 0;
  for (int d = nd - 2; d >= 0; d--) {
    offset += p[d];
    if (++at[d] < e[d]) break;
    offset -= e[d] * p[d];
    at[d] = 0;
  }
  return offset;
}

#if DEVICE_CPU

static inline CT row_sum(const global T *x, const long len) {
  CT total = 0;
  for (long b = 0; b < len; b += 4096) { /* blocks keep partial sums small beside the total */
    const long e = len - b < 4096 ? len - b : 4096;
    CT acc[WIDTH];
    for (int k = 0; k < WIDTH; k++) acc[k] = 0;
    long j = 0;
    for (; j + WIDTH <= e; j += WIDTH)
      for (int k = 0; k < WIDTH; k++) acc[k] += LOAD(x, b + j + k);
    CT tail = 0;
    for (; j < e; j++) tail += LOAD(x, b + j);
    for (int h = WIDTH / 2; h > 0; h /= 2)
      for (int k = 0; k < h; k++) acc[k] += acc[k + h];
    total += acc[0] + tail;
  }
  return total;
}

kernel void sum_rows(SUM_ARGS) {
  UNPACK
  FOR_EACH(u, outputs * parts) {
    const long m = u / parts, p = u % parts;
    long at[8];
    const long base = locate(m, kd, ke, kp, at);
    const long k0 = p * per_part, k1 = k0 + per_part < count ? k0 + per_part : count;
    CT sum = 0;
    if (k0 < k1) {
      long o = base + locate(k0, rd, re, rp, at);
      for (long k = k0; k < k1;) {
        const long left = re[rd - 1] - at[rd - 1], len = k + left < k1 ? left : k1 - k;
        sum += row_sum(x + o, len);
        k += len;
        o = next_row(o, rd, re, rp, at);
      }
    }
    STORE_AS(REQ, TY, y, p * outputs + m, sum);
  }
}

kernel void sum_columns(SUM_ARGS) {
  UNPACK
  const long width = ke[kd - 1], blocks = (width + BLOCK - 1) / BLOCK, lines = outputs / width;
  CT acc[BLOCK], total[BLOCK];
  const long units = lines * blocks * parts, each = (units + get_global_size(0) - 1) / get_global_size(0);
  const long u0 = get_global_id(0) * each, u1 = u0 + each < units ? u0 + each : units;
  for (long u = u0; u < u1; u++) {
    const long p = u % parts, c0 = u / parts % blocks * BLOCK, line = u / parts / blocks;
    const long wide = width - c0 < BLOCK ? width - c0 : BLOCK;
    long at[8];
    const long base = locate(line * width + c0, kd, ke, kp, at);
    const long k0 = p * per_part, k1 = k0 + per_part < count ? k0 + per_part : count;
    for (int c = 0; c < BLOCK; c++) acc[c] = total[c] = 0;
    if (k0 < k1) {
      long o = base + locate(k0, rd, re, rp, at);
      for (long k = k0; k < k1; k++) {
        MAP_LOOP for (long c = 0; c < wide; c++) acc[c] += LOAD(x, o + c);
        if (((k - k0) & 511) == 511) /* blocks keep the partial sums small beside the total */
          MAP_LOOP for (long c = 0; c < wide; c++) {
            total[c] += acc[c];
            acc[c] = 0;
          }
        if (++at[rd - 1] < re[rd - 1]) {
          o += rp[rd - 1];
        } else {
          at[rd - 1]--;
          o = next_row(o, rd, re, rp, at);
        }
      }
    }
    MAP_LOOP for (long c = 0; c < wide; c++) STORE_AS(REQ, TY, y, p * outputs + line * width + c0 + c, total[c] + acc[c]);
  }
}

#else

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

#endif

kernel void sum_parts(const global CT *partial, global T *y, const long outputs, const int parts) {
  FOR_EACH(m, outputs) {
    CT sum = 0;
    for (int p = 0; p < parts; p++) sum += partial[p * outputs + m];
    STORE(y, m, sum);
  }
}
