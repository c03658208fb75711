/* Reductions along rows, for the kernels that reduce, normalise or take a softmax. One source for CPU and GPU:
 *
 *   CPU   a work-item owns whole rows; a row is read in vectors with four accumulators.
 *   GPU   `lanes` work-items of a group share a row and meet in local memory; a group holds several rows.
 *
 * Sums are blocked and compensated: blocks of SUM_BLOCK elements are added plainly, the block sums with Kahan's correction, so the error of a
 * sum of n elements does not grow with n. Every order is fixed: two runs give the same bits.
 *
 * ROWS_BEGIN(row, rows) ... ROWS_END     this work-item's rows; the body also runs, with `row_live` false, where a group's last row is none
 * ROW_SUM(out, i, n, E16, E1)            sum of E over i in 0..n, the same value for all lanes; E16: elements i..i+15 (CPU), E1: element i
 * ROW_MAX(out, i, n, E8, E1)             the same for the maximum, of elements i..i+7; NaN wins
 * ROW_EACH(i, n) { ... }                 this lane's elements of the row; the body touches element i of every array alone
 *
 * Of a tensor (outer, n, inner), whose rows of n elements lie `inner` apart (on CPUs these kernels are given those with inner == 1):
 * ROW_START(row)                         the first element of a row
 * IN_ROW(i)                              where element i lies from there
 *
 * A kernel that uses them takes `const int lanes, const int strided` (GPU mapping; 1, 0 on a CPU) and ROWS_LOCAL declares its local memory.
 */
#ifndef REDUCE_H
#define REDUCE_H
#include "items.h"
#include "vec8.h"

#ifndef SUM_BLOCK
#define SUM_BLOCK 512
#endif
#ifndef GROUP
#define GROUP 256 /* work-items a group on a GPU */
#endif
#ifndef LOWEST
#define LOWEST (-INFINITY)
#endif

/* total += v with Kahan's correction; an infinite total keeps no NaN from inf - inf */
#if IS_FLOAT
#define KAHAN_ADD(total, error, v)                 \
  {                                                \
    const CT kahan_v = (v) - (error);              \
    const CT kahan_t = (total) + kahan_v;          \
    const CT kahan_e = (kahan_t - (total)) - kahan_v; \
    error = kahan_e - kahan_e == 0 ? kahan_e : 0;  \
    total = kahan_t;                               \
  }
#else
#define KAHAN_ADD(total, error, v) \
  {                                \
    total += (v);                  \
    (void)(error);                 \
  }
#endif

/* the larger, NaN winning; for scalars and vectors */
#define VMAX(a, b) ((((a) > (b)) | ((a) != (a))) ? (a) : (b))
#define VMIN(a, b) ((((a) < (b)) | ((a) != (a))) ? (a) : (b))
#define SMAX(a, b) (((a) > (b) || (a) != (a)) ? (a) : (b))
#define SMIN(a, b) (((a) < (b) || (a) != (a)) ? (a) : (b))

static inline CT max8(V8 v) {
  const CT a = SMAX(v.s0, v.s4), b = SMAX(v.s1, v.s5), c = SMAX(v.s2, v.s6), d = SMAX(v.s3, v.s7);
  const CT e = SMAX(a, c), f = SMAX(b, d);
  return SMAX(e, f);
}

#if DEVICE_CPU

#define IN_ROW(i) (i)
#define ROW_START(row) ((row) * n)
#define ROWS_LOCAL
#define ROWS_BEGIN(row, rows)                                                                        \
  {                                                                                                  \
    const long row##_share = ((rows) + (long)get_global_size(0) - 1) / (long)get_global_size(0);     \
    const long row##_first = (long)get_global_id(0) * row##_share;                                   \
    const long row##_last = row##_first + row##_share < (rows) ? row##_first + row##_share : (rows); \
    for (long row = row##_first; row < row##_last; row++) {                                          \
      const int row_live = 1, row_lane = 0;                                                          \
      (void)row_live, (void)row_lane, (void)lanes, (void)strided;
#define ROWS_END \
  }              \
  }

#define ROW_SUM(out, i, n, E16, E1)                                       \
  {                                                                      \
    CT rs_total = 0, rs_error = 0;                                       \
    const long rs_n = (n);                                               \
    long i = 0;                                                          \
    while (i < rs_n) {                                                   \
      const long rs_end = i + SUM_BLOCK < rs_n ? i + SUM_BLOCK : rs_n;   \
      V16 rs_0 = (V16)(0), rs_1 = rs_0, rs_2 = rs_0, rs_3 = rs_0;        \
      while (i + 64 <= rs_end) {                                         \
        rs_0 += (E16);                                                   \
        i += 16;                                                         \
        rs_1 += (E16);                                                   \
        i += 16;                                                         \
        rs_2 += (E16);                                                   \
        i += 16;                                                         \
        rs_3 += (E16);                                                   \
        i += 16;                                                         \
      }                                                                  \
      for (; i + 16 <= rs_end; i += 16) rs_0 += (E16);                   \
      rs_0 = (rs_0 + rs_1) + (rs_2 + rs_3);                              \
      CT rs_sum = sum8(rs_0.lo + rs_0.hi);                               \
      SHORT_LOOP                                                         \
      for (; i < rs_end; i++) rs_sum += (E1);                            \
      KAHAN_ADD(rs_total, rs_error, rs_sum)                              \
    }                                                                    \
    out = rs_total;                                                      \
  }

#define ROW_MAX(out, i, n, E8, E1)                    \
  {                                                   \
    CT rm_max = LOWEST;                               \
    const long rm_n = (n);                            \
    long i = 0;                                       \
    if (rm_n >= 8) {                                  \
      V8 rm_0 = (E8), rm_1 = rm_0, rm_2 = rm_0, rm_3 = rm_0; \
      for (i = 8; i + 32 <= rm_n;) {                  \
        const V8 rm_a = (E8);                         \
        rm_0 = VMAX(rm_a, rm_0);                      \
        i += 8;                                       \
        const V8 rm_b = (E8);                         \
        rm_1 = VMAX(rm_b, rm_1);                      \
        i += 8;                                       \
        const V8 rm_c = (E8);                         \
        rm_2 = VMAX(rm_c, rm_2);                      \
        i += 8;                                       \
        const V8 rm_d = (E8);                         \
        rm_3 = VMAX(rm_d, rm_3);                      \
        i += 8;                                       \
      }                                               \
      for (; i + 8 <= rm_n; i += 8) {                 \
        const V8 rm_a = (E8);                         \
        rm_0 = VMAX(rm_a, rm_0);                      \
      }                                               \
      rm_0 = VMAX(rm_0, rm_1);                        \
      rm_2 = VMAX(rm_2, rm_3);                        \
      rm_0 = VMAX(rm_0, rm_2);                        \
      rm_max = max8(rm_0);                            \
    }                                                 \
    for (; i < rm_n; i++) {                           \
      const CT rm_v = (E1);                           \
      rm_max = SMAX(rm_v, rm_max);                    \
    }                                                 \
    out = rm_max;                                     \
  }

#define ROW_EACH(i, n) MAP_LOOP for (long i = 0; i < (n); i++)

#else /* DEVICE_GPU */

#define IN_ROW(i) ((i) * inner)
#define ROW_START(row) ((row) / inner * n * inner + (row) % inner)

/* tree over the `lanes` work-items of a row; every lane gets the result */
#define ROWS_LOCAL local CT row_local[GROUP];
#define ROW_TREE(out, v, F)                                             \
  {                                                                     \
    row_local[row_slot] = (v);                                          \
    barrier(CLK_LOCAL_MEM_FENCE);                                       \
    for (int rt_s = lanes / 2; rt_s > 0; rt_s /= 2) {                   \
      if (row_lane < rt_s) {                                            \
        const CT rt_a = row_local[row_slot], rt_b = row_local[row_slot + rt_s]; \
        row_local[row_slot] = F(rt_a, rt_b);                            \
      }                                                                 \
      barrier(CLK_LOCAL_MEM_FENCE);                                     \
    }                                                                   \
    out = row_local[row_slot - row_lane];                               \
    barrier(CLK_LOCAL_MEM_FENCE);                                       \
  }
#define ROW_ADD(a, b) ((a) + (b))

/* `strided` rows lie side by side in memory: neighbours in a group read neighbouring rows */
#define ROWS_BEGIN(row, rows)                                                                   \
  {                                                                                             \
    const int row_width = (int)get_local_size(0) / lanes, row_id = (int)get_local_id(0);        \
    const int row_lane = strided ? row_id / row_width : row_id % lanes;                         \
    const int row_member = strided ? row_id % row_width : row_id / lanes;                       \
    const int row_slot = row_member * lanes + row_lane;                                         \
    for (long row_base = (long)get_group_id(0) * row_width; row_base < (rows); row_base += (long)get_num_groups(0) * row_width) { \
      const int row_live = row_base + row_member < (rows);                                      \
      const long row = row_live ? row_base + row_member : (rows) - 1;                           \
      (void)row_slot;
#define ROWS_END \
  }              \
  }

#define ROW_SUM(out, i, n, E16, E1)                                   \
  {                                                                  \
    CT rs_total = 0, rs_error = 0;                                   \
    for (long i = row_lane; i < (n); i += lanes) {                   \
      const CT rs_v = (E1);                                          \
      KAHAN_ADD(rs_total, rs_error, rs_v)                            \
    }                                                                \
    ROW_TREE(out, rs_total, ROW_ADD)                                 \
  }
#define ROW_MAX(out, i, n, E8, E1)                                   \
  {                                                                  \
    CT rm_max = LOWEST;                                              \
    for (long i = row_lane; i < (n); i += lanes) {                   \
      const CT rm_v = (E1);                                          \
      rm_max = SMAX(rm_v, rm_max);                                   \
    }                                                                \
    ROW_TREE(out, rm_max, SMAX)                                      \
  }
#define ROW_EACH(i, n) \
  if (row_live)        \
    for (long i = row_lane; i < (n); i += lanes)
#endif

#endif
