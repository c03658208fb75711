/* Element-wise functions with broadcasting: kernels and layout as in include/broadcast.h.
 *
 * A work-item computes single elements, and takes the number of each apart.
 */
#include "common.h"
#include "elements8.h"

#define WALK(BODY)                                                                              \
  const long ext[8] = ELEMENTS8(dims), pa[8] = ELEMENTS8(steps_a), pb[8] = ELEMENTS8(steps_b);  \
  FOR_EACH(i, n) {                                                                              \
    long rest = i, oa = 0, ob = 0;                                                              \
    for (int d = nd - 1; d >= 0; d--) {                                                         \
      const long at = rest % ext[d];                                                            \
      rest /= ext[d];                                                                           \
      oa += at * pa[d];                                                                         \
      ob += at * pb[d];                                                                         \
    }                                                                                           \
    const int j = 0;                                                                            \
    const CT u = LOAD(a, oa), v = ONE ? 0 : LOAD(b, ob);                                        \
    BODY;                                                                                       \
  }

#include "broadcast.h"
