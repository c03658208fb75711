/* Sums over the repeated axes of a broadcast: arguments as in include/sum_to_shape.h.
 *
 *   sum_rows     innermost axis reduced: a work-item takes a range of (m, p), 16 partial sums a row
 *   sum_columns  innermost axis kept: a work-item takes blocks of BLOCK neighbouring outputs and adds up rows
 */
#include "common.h"
#include "sum_to_shape.h"

#ifndef BLOCK
#define BLOCK 256 /* outputs whose sums a work-item keeps: 1 KiB of a row at a time */
#endif
#define WIDTH 16

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
