/* The samples of a box that is aligned to no pixels: `grid` points a bin and direction, in the middle of equal parts of the bin.
 *
 *   aligned_box(...)   the image and, along y and x, where the box begins, the extent of a bin and how many samples it has; -1 without samples
 *   sample_range(at, step, grid, n, &lo, &hi)   those samples at + (k + 1/2) step that may lie in [-1, n]
 *   sample_at(at, k, bin, grid)                 one of them
 */
#ifndef ROI_ALIGN_H
#define ROI_ALIGN_H

typedef struct {
  CT start, bin;
  long grid;
} extent_t;

static inline CT sample_at(const CT at, const long k, const CT bin, const long grid) {
#pragma OPENCL FP_CONTRACT OFF
  const CT along = ((CT)k + (CT)0.5) * bin;
  return at + along / (CT)grid;
}

static inline CT bin_at(const CT start, const int i, const CT bin) {
#pragma OPENCL FP_CONTRACT OFF
  const CT along = (CT)i * bin;
  return start + along;
}

/* one sample more at either end, for the rounding */
static inline void sample_range(const CT at, const extent_t e, const int n, long *lo, long *hi) {
  const CT step = e.bin / (CT)e.grid;
  const CT first = ((CT)-1 - at) / step - 2, last = ((CT)n - at) / step + 2;
  *lo = first > 0 ? (first < (CT)e.grid ? (long)first : e.grid) : 0;
  *hi = last < (CT)e.grid ? (last > 0 ? (long)last : 0) : e.grid;
}

static inline int one_extent(const CT low, const CT high, const CT scale, const CT shift, const int aligned, const int bins, const int ratio,
                             extent_t *e) {
#pragma OPENCL FP_CONTRACT OFF
  const CT scaled_low = low * scale, scaled_high = high * scale;
  e->start = scaled_low - shift;
  const CT end = scaled_high - shift;
  CT size = end - e->start;
  if (!aligned && !(size >= 1)) size = 1;
  e->bin = size / (CT)bins;
  const CT parts = ceil(e->bin);
  e->grid = ratio > 0 ? ratio : !(parts > 0) ? 0 : parts < (CT)FARTHEST ? (long)parts : FARTHEST;
  return e->bin > 0 && size < (CT)INFINITY && e->start > (CT)-INFINITY && e->start < (CT)INFINITY;
}

static inline int aligned_box(const global T *roi, const CT scale, const int aligned, const int ratio, const int N, const int PH, const int PW,
                              extent_t *y, extent_t *x) {
  const CT shift = aligned ? (CT)0.5 : (CT)0;
  const int n = finite_numbers(roi, 5) ? image_of(LOAD(roi, 0), N) : -1;
  const int in_x = one_extent(LOAD(roi, 1), LOAD(roi, 3), scale, shift, aligned, PW, ratio, x);
  const int in_y = one_extent(LOAD(roi, 2), LOAD(roi, 4), scale, shift, aligned, PH, ratio, y);
  return in_x && in_y ? n : -1;
}
#endif
