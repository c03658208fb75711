/* Rows of a softmax, sixteen elements at a time, on CPUs: left to itself the compiler takes vectors of eight.
 *
 *   max_run(sign, x, n)                      the largest sign * x[i], sign being 1 or -1; -inf for n == 0. NaN is passed over: the sum meets it
 *   exp_run(top, scale, x, y, n, keep, next) y[i] = exp((x[i] - top) * scale) for i < n, and their sum; with `keep` 0, the sum alone. What lies
 *                                            `next` elements behind x is fetched meanwhile
 *   scale_run(y, n, factor)                  y[i] *= factor
 *
 * x of T, y of CT; y may be x. Exponentials below the smallest normal number may be 0. Sums are of all lanes in a fixed order. A last vector
 * that is not full is moved back over elements that were done: read before the first store, so that it finds what they were. For GPUs there
 * is nothing here: their sums and maxima of rows take elements one by one.
 */
#ifndef EXP16_H
#define EXP16_H
#include "math.h"
#include "reduce.h"

#if DEVICE_CPU
M_FN float16 exp16_float(const float16 x) {
  const float16 low = x < (float16)(-88.0f) ? (float16)(-88.0f) : x, c = low > (float16)(89.0f) ? (float16)(89.0f) : low;
  const float16 t = c * 1.44269504f + M_MAGIC, k = t - M_MAGIC;
  const float16 r = (c - k * 0.693359375f) - k * -2.12194440e-4f;
  float16 p = 1.394322724e-03f;
  p = p * r + 8.368860930e-03f;
  p = p * r + 4.166637361e-02f;
  p = p * r + 1.666651964e-01f;
  p = p * r + 0.5f;
  const float16 y = (p * (r * r) + r) + 1.0f;
  return y * as_float16((as_int16(t) << 23) + 0x3f800000); /* 2^k; 0 for k = -127 */
}

/* a call an element in any case */
M_FN V16 exp16_calls(const V16 x) {
  CT lane[16];
  *(V16U *)lane = x;
  for (int i = 0; i < 16; i++) lane[i] = m_exp(lane[i]);
  return *(const V16U *)lane;
}
#define exp16_double(x) exp16_calls(x)

M_FN V16 lanes_from(const V16 v, const long first) {
  const V16 lane = (V16)(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  return lane >= (V16)((CT)first) ? v : (V16)(0);
}
M_FN V16 larger16(const V16 a, const V16 b) { return a > b ? a : b; } /* b, where a is NaN */

/* functions of their own with vector arguments: clang takes narrower vectors otherwise; n >= 16 */
static __attribute__((noinline)) V16 max_vectors(const V16 sign, const global T *x, const long n) {
  V16 a = larger16(load16(x, 0) * sign, (V16)(-INFINITY)), b = larger16(load16(x, n - 16) * sign, (V16)(-INFINITY)), c = a, d = a;
  long i = 16;
  for (; i + 64 <= n; i += 64) {
    a = larger16(load16(x, i) * sign, a);
    b = larger16(load16(x, i + 16) * sign, b);
    c = larger16(load16(x, i + 32) * sign, c);
    d = larger16(load16(x, i + 48) * sign, d);
  }
  for (; i + 16 <= n; i += 16) a = larger16(load16(x, i) * sign, a);
  return larger16(larger16(a, b), larger16(c, d));
}

static __attribute__((noinline)) V16 exp_vectors(const V16 top, const V16 scale, const global T *x, global CT *y, const long n, const int keep,
                                                 const long next) {
  V16 a = (V16)(0);
  const V16 tail = load16(x, n - 16);
  const long whole = n / 16 * 16;
  if (keep)
    for (long i = 0; i < whole; i += 16) {
      PREFETCH(x + i + next);
      const V16 v = CAT(exp16_, CT)((load16(x, i) - top) * scale);
      *(global V16U *)(y + i) = v;
      a += v;
    }
  else
    for (long i = 0; i < whole; i += 16) {
      PREFETCH(x + i + next);
      a += CAT(exp16_, CT)((load16(x, i) - top) * scale);
    }
  if (whole < n) {
    const V16 v = CAT(exp16_, CT)((tail - top) * scale);
    if (keep) *(global V16U *)(y + n - 16) = v;
    a += lanes_from(v, 16 - (n - whole));
  }
  return a;
}

static __attribute__((noinline)) void scale_vectors(const V16 factor, global CT *y, const long n) {
  const V16 tail = *(global V16U *)(y + n - 16);
  const long whole = n / 16 * 16;
  for (long i = 0; i < whole; i += 16) *(global V16U *)(y + i) *= factor;
  if (whole < n) *(global V16U *)(y + n - 16) = tail * factor;
}

static inline CT max_run(const CT sign, const global T *x, const long n) {
  CT top = -INFINITY;
  if (n >= 16) {
    const V16 a = max_vectors((V16)(sign), x, n);
    return max8(a.lo > a.hi ? a.lo : a.hi);
  }
  SHORT_LOOP for (long i = 0; i < n; i++) {
    const CT v = sign * LOAD(x, i);
    top = v > top ? v : top;
  }
  return top;
}

static inline CT exp_run(const CT top, const CT scale, const global T *x, global CT *y, const long n, const int keep, const long next) {
  CT sum = 0;
  if (n >= 16) {
    const V16 a = exp_vectors((V16)(top), (V16)(scale), x, y, n, keep, next);
    return sum8(a.lo + a.hi);
  }
  SHORT_LOOP for (long i = 0; i < n; i++) {
    const CT v = m_exp((LOAD(x, i) - top) * scale);
    if (keep) y[i] = v;
    sum += v;
  }
  return sum;
}

static inline void scale_run(global CT *y, const long n, const CT factor) {
  if (n >= 16)
    scale_vectors((V16)(factor), y, n);
  else
    SHORT_LOOP for (long i = 0; i < n; i++) y[i] *= factor;
}
#endif
#endif
