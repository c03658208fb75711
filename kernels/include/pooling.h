/* What pooling's kernels share: the reduction of a window by MODE, and where a window lies. Tensors are NC(D)(H)W; missing dimensions have
 * extent 1, window 1, stride 1, padding 0. planes = batch * channels; in, out: extents (d, h, w, -) of a plane of x and of y, as int4.
 *
 * Defines: MODE 0 max, 1 sum, 2 average, 3 lp; P_VALUE 1 2 3 (lp); COUNT what an average divides by: 0 the elements inside the tensor,
 * 1 those inside the padded tensor, 2 the window; ALL_TIES 1: every element equal to the maximum gets the gradient, else the first;
 * PAD_ZERO 1: the padding takes part in a maximum, as zeros; SW: the stride along w if it is 1 or 2, else 0;
 * K: the window's height and width if it is 2 x 2 or 3 x 3 and the kernel unrolls it, else 0.
 */
#ifndef POOLING_H
#define POOLING_H
#include "math.h"
#include "vec8.h"
#include "window.h"

#ifndef MODE
#define MODE 0
#define P_VALUE 2
#define ALL_TIES 0
#define PAD_ZERO 0
#define SW 1
#define K 0
#endif

#if MODE == 0
#define INIT LOWEST
#define TAKE(acc, v) (((v) > (acc)) || ((v) != (v)) ? (v) : (acc))
#else
#define INIT ((CT)0)
#if MODE == 3 && P_VALUE == 2
#define TAKE(acc, v) ((acc) + (v) * (v))
#elif MODE == 3 && P_VALUE == 3
#define TAKE(acc, v) ((acc) + (v) * (v) * (v))
#else
#define TAKE(acc, v) ((acc) + (v))
#endif
#endif

/* the lowest finite number of T: what a window without any element gives, as in MXNet */
#define LOWEST_float (-3.402823466e38f)
#define LOWEST_half (-65504.0f)
#define LOWEST_double (-1.7976931348623157e308)
#define LOWEST CAT(LOWEST_, T)

#if MODE == 3 && P_VALUE == 2
#define FINISH(acc, count) m_sqrt(acc)
#elif MODE == 3 && P_VALUE == 3
#define FINISH(acc, count) m_cbrt(acc)
#elif MODE == 2
#define FINISH(acc, count) ((acc) / (count))
#else
#define FINISH(acc, count) (acc)
#endif

/* integers of as many lanes and bits as a V16 has */
#define INTEGER_float int16
#define INTEGER_double long16

#if SW
#define STRIDE_W SW
#else
#define STRIDE_W stride.z
#endif

typedef struct {
  int d0, d1, h0, h1, count; /* clipped range of planes and rows, elements that count along d and h */
  bool cut;                  /* whether the window reaches into the padding */
} Rows;

static inline Rows clip_rows(int od, int oh, int4 in, int4 window, int4 stride, int4 pad) {
  Rows r;
  const int d = od * stride.x - pad.x, h = oh * stride.y - pad.y;
  r.d0 = max(d, 0);
  r.d1 = min(d + window.x, in.x);
  r.h0 = max(h, 0);
  r.h1 = min(h + window.y, in.y);
  r.cut = r.d0 > d || r.h0 > h || (pad.x > 0 && r.d1 < d + window.x) || (pad.y > 0 && r.h1 < h + window.y);
  r.count = extent(d, window.x, in.x, pad.x) * extent(h, window.y, in.y, pad.y);
  return r;
}

/* an output, by the element */
static inline CT pool_one(const global T *x, Rows r, int ow, int4 in, int4 window, int4 stride, int4 pad) {
  const int w = ow * STRIDE_W - pad.z, w0 = max(w, 0), w1 = min(w + window.z, in.z);
  CT acc = INIT;
#if PAD_ZERO
  if (r.cut || w0 > w || (pad.z > 0 && w1 < w + window.z)) acc = 0;
#endif
  for (int d = r.d0; d < r.d1; d++)
    for (int h = r.h0; h < r.h1; h++) {
      const long row = ((long)d * in.y + h) * in.z;
      for (int i = w0; i < w1; i++) {
        const CT v = LOAD(x, row + i);
        acc = TAKE(acc, v);
      }
    }
  return FINISH(acc, r.count *extent(w, window.z, in.z, pad.z));
}

#endif
