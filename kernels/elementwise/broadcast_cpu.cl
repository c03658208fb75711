/* Element-wise functions with broadcasting: kernels and layout as in include/broadcast.h.
 *
 * A work-item computes a contiguous range, row by row; the coordinates advance like an odometer.
 */
#include "common.h"
#include "elements8.h"

/* one stretch of a row; oa and ob are where it starts */
#define ROW_PART(BODY)                                                                                                       \
  if (sa && (sb || ONE)) {                                                                                                  \
    MAP_LOOP for (long j = 0; j < len; j++) { const CT u = LOAD(a, oa + j), v = ONE ? 0 : LOAD(b, ob + j); BODY; }          \
  } else if (sa) {                                                                                                          \
    const CT v = LOAD(b, ob);                                                                                               \
    MAP_LOOP for (long j = 0; j < len; j++) { const CT u = LOAD(a, oa + j); BODY; }                                         \
  } else {                                                                                                                  \
    const CT u = LOAD(a, oa);                                                                                               \
    MAP_LOOP for (long j = 0; j < len; j++) { const CT v = ONE ? 0 : LOAD(b, ob + j * sb); BODY; }                          \
  }
#define WALK(BODY)                                                                              \
  EACH_RANGE(i, n)                                                                              \
  if (i_lo >= i_hi) return;                                                                     \
  const long ext[8] = ELEMENTS8(dims), pa[8] = ELEMENTS8(steps_a), pb[8] = ELEMENTS8(steps_b);  \
  long at[8];                                                                                   \
  const long sa = pa[nd - 1], sb = pb[nd - 1], row = ext[nd - 1];                               \
  long rest = i_lo, oa = 0, ob = 0;                                                             \
  for (int d = nd - 1; d >= 0; d--) {                                                           \
    at[d] = rest % ext[d];                                                                      \
    rest /= ext[d];                                                                             \
    oa += at[d] * pa[d];                                                                        \
    ob += at[d] * pb[d];                                                                        \
  }                                                                                             \
  for (long i = i_lo; i < i_hi;) {                                                              \
    const long left = row - at[nd - 1], len = i + left < i_hi ? left : i_hi - i;                \
    ROW_PART(BODY)                                                                              \
    i += len;                                                                                   \
    oa -= at[nd - 1] * sa; /* back to the row's start, which only the first can miss */         \
    ob -= at[nd - 1] * sb;                                                                      \
    at[nd - 1] = 0;                                                                             \
    for (int d = nd - 2; d >= 0; d--) {                                                         \
      oa += pa[d];                                                                              \
      ob += pb[d];                                                                              \
      if (++at[d] < ext[d]) break;                                                              \
      oa -= ext[d] * pa[d];                                                                     \
      ob -= ext[d] * pb[d];                                                                     \
      at[d] = 0;                                                                                \
    }                                                                                           \
  }

#include "broadcast.h"
