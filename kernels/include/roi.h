/* Regions of interest: boxes (image, x1, y1, x2, y2) in a list of images. Whatever the numbers are, what comes of them lies within the images.
 *
 *   image_of(v, n)                the image that a box names, truncated; -1 if there is none
 *   finite_numbers(p, n)          whether n numbers are
 *   rounded(v)                    the nearest whole number, halves away from zero, cut to 10^9
 *   bin_range(i, bin, start, n, &lo, &hi)   pixels of bin i: from floor(i bin) to ceil((i + 1) bin), from `start` on, cut to 0..n
 *   real_range(i, bin, start, n, &lo, &hi)  the same, of bins that start at a real number
 */
#ifndef ROI_H
#define ROI_H

#define FARTHEST 1000000000

static inline int image_of(const CT v, const int n) { return n > 0 && v > (CT)-1 && v < (CT)n ? (int)v : -1; }

static inline int finite_numbers(const global T *p, const int n) {
  CT rest = 0;
  for (int i = 0; i < n; i++) rest += LOAD(p, i) - LOAD(p, i);
  return rest == 0;
}

static inline CT cut(const CT v) { return v > (CT)FARTHEST ? (CT)FARTHEST : v < (CT)-FARTHEST ? (CT)-FARTHEST : v; }

static inline int rounded(const CT v) {
  const int whole = (int)cut(v);
  const CT rest = cut(v) - (CT)whole;
  return whole + (rest >= (CT)0.5) - (rest <= (CT)-0.5);
}

static inline long floor_of(const CT v) {
  const long whole = (long)v;
  return (CT)whole > v ? whole - 1 : whole;
}

static inline long ceil_of(const CT v) {
  const long whole = (long)v;
  return (CT)whole < v ? whole + 1 : whole;
}

static inline int within(const long v, const int n) { return (int)(v < 0 ? 0 : v > n ? n : v); }

static inline void bin_range(const int i, const CT bin, const int start, const int n, int *lo, int *hi) {
  *lo = within(floor_of((CT)i * bin) + start, n);
  *hi = within(ceil_of((CT)(i + 1) * bin) + start, n);
}

static inline void real_range(const int i, const CT bin, const CT start, const int n, int *lo, int *hi) {
#pragma OPENCL FP_CONTRACT OFF
  const CT before = (CT)i * bin, after = (CT)(i + 1) * bin;
  *lo = within(floor_of(cut(before + start)), n);
  *hi = within(ceil_of(cut(after + start)), n);
}
#endif
