/* out = act(x * scale[c] + shift[c] (+ residual)) over tensors seen as lines: the elements of one channel that lie side by side.
 *
 *   scale_shift_lines   lines of `inner` elements, channel line % channels; CPUs, T being the compute type
 *   scale_shift_rows    inner == 1: rows of `channels` elements, a channel each; CPUs, T being the compute type
 *   scale_shift         element by element: other devices and types
 *
 * x, residual, y: T, y may be the memory of either; scale, shift: CT. In blocked layout (BLOCKED 1) a line is a map of one block of VW
 * channels, `channels` counts blocks, and scale and shift hold whole blocks. A work-item takes a stretch of elements.
 *
 * Defines: ACT none relu clip leaky as act_<name>, with limits (or slope) low and high; RESIDUAL; BLOCKED; VW elements a vector, or 0;
 * PADDING: lanes of the last block from `live` on are stored as zeros (for functions that do not keep zero). INDEX: type of indices that
 * are divided.
 */
#include "common.h"

#ifndef ACT
#define ACT act_none
#endif
#ifndef RESIDUAL
#define RESIDUAL 0
#endif
#ifndef BLOCKED
#define BLOCKED 0
#endif
#ifndef PADDING
#define PADDING 0
#endif
#ifndef VW
#define VW 0
#endif
#ifndef INDEX
#define INDEX long
#endif

/* comparisons that NaN passes; of numbers and of vectors */
#define A_act_none(v) (v)
#define A_act_relu(v) ((v) < 0 ? 0 : (v))
#define A_act_clip(v) ((v) > high ? high : ((v) < low ? low : (v)))
#define A_act_leaky(v) ((v) < 0 ? (v) * low : (v))

#if RESIDUAL
#define ADDED(i) +LOAD(r, i)
#define ADDED_VECTOR(i) +AT(r + (i))
#else
#define ADDED(i)
#define ADDED_VECTOR(i)
#endif

#if VW
typedef CAT(CT, VW) vec;
typedef vec vec_at __attribute__((aligned(sizeof(CT))));
#define AT(p) (*(const global vec_at *)(p))
#if REQ == 2
#define KEEP(p, v) (*(global vec_at *)(p) += (v))
#else
#define KEEP(p, v) (*(global vec_at *)(p) = (v))
#endif
#define V_act_none(v) (v)
#define V_act_relu(v) ((v) < (vec)(0) ? (vec)(0) : (v))
#define V_act_clip(v) ((v) > (vec)(high) ? (vec)(high) : ((v) < (vec)(low) ? (vec)(low) : (v)))
#define V_act_leaky(v) ((v) < (vec)(0) ? (v) * (vec)(low) : (v))

/* `n` elements with the same scale and shift in every vector; a function of its own with vector arguments, for clang takes narrower
 * vectors otherwise */
static __attribute__((noinline)) void run(const vec a, const vec b, const global CT *x, const global CT *r, global CT *y, const long n,
                                          const CT low, const CT high) {
  long i = 0;
  for (; i + 2 * VW <= n; i += 2 * VW) {
    const vec u = AT(x + i) * a + b ADDED_VECTOR(i), v = AT(x + i + VW) * a + b ADDED_VECTOR(i + VW);
    KEEP(y + i, CAT(V_, ACT)(u));
    KEEP(y + i + VW, CAT(V_, ACT)(v));
  }
  if (i + VW <= n) {
    const vec u = AT(x + i) * a + b ADDED_VECTOR(i);
    KEEP(y + i, CAT(V_, ACT)(u));
    i += VW;
  }
#if !BLOCKED
  for (; i < n; i++) {
    const CT u = x[i] * a.s0 + b.s0 ADDED(i);
    STORE(y, i, CAT(A_, ACT)(u));
  }
#endif
}

/* the same where lanes from `live` on hold no channel */
static __attribute__((noinline)) void run_padded(const vec a, const vec b, const global CT *x, const global CT *r, global CT *y,
                                                 const long n, const CT low, const CT high, const int live) {
  CT one[VW];
  for (int l = 0; l < VW; l++) one[l] = l < live ? 1 : 0;
  const vec mask = *(const vec *)one;
  for (long i = 0; i + VW <= n; i += VW) {
    const vec u = AT(x + i) * a + b ADDED_VECTOR(i);
    KEEP(y + i, CAT(V_, ACT)(u) * mask);
  }
}

kernel void scale_shift_lines(const global T *x, const global CT *scale, const global CT *shift, const global T *r, global T *y,
                              const int channels, const long inner, const long n, const CT low, const CT high, const int live) {
  const long chunk = (n / VW + (long)get_global_size(0)) / (long)get_global_size(0) * VW;
  const long lo = (long)get_global_id(0) * chunk, hi = min(lo + chunk, n);
  for (long i = lo; i < hi;) {
    const long line = i / inner, end = min((line + 1) * inner, hi);
    const int c = (int)(line % channels);
#if BLOCKED
    const vec a = AT(scale + c * VW), b = AT(shift + c * VW);
#else
    const vec a = (vec)(scale[c]), b = (vec)(shift[c]);
#endif
#if PADDING
    if (c == channels - 1)
      run_padded(a, b, x + i, r + i, y + i, end - i, low, high, live);
    else
#endif
      run(a, b, x + i, r + i, y + i, end - i, low, high);
    i = end;
  }
}

kernel void scale_shift_rows(const global T *x, const global CT *scale, const global CT *shift, const global T *r, global T *y,
                             const int channels, const long rows, const CT low, const CT high) {
  FOR_EACH(row, rows) {
    const long start = row * channels;
    int c = 0;
    for (; c + VW <= channels; c += VW) {
      const vec u = AT(x + start + c) * AT(scale + c) + AT(shift + c) ADDED_VECTOR(start + c);
      KEEP(y + start + c, CAT(V_, ACT)(u));
    }
    for (; c < channels; c++) {
      const CT u = x[start + c] * scale[c] + shift[c] ADDED(start + c);
      STORE(y, start + c, CAT(A_, ACT)(u));
    }
  }
}
#endif

kernel void scale_shift(const global T *x, const global CT *scale, const global CT *shift, const global T *r, global T *y,
                        const int channels, const long inner, const long n, const CT low, const CT high) {
  FOR_EACH(i, n) {
    const int c = (int)((INDEX)i / (INDEX)inner % (INDEX)channels);
    const CT u = LOAD(x, i) * scale[c] + shift[c] ADDED(i);
    STORE(y, i, CAT(A_, ACT)(u));
  }
}
