/* Images resized: x (N, h, w, C), y (N, H, W, C). Output I reads around (I + 0.5) * scale - 0.5, where scale = h / H.
 *
 * method  0 nearest: pixel floor(I * scale)
 *         1 linear, 2 cubic (Keys, a = -0.75), 4 Lanczos over 8 pixels; pixels outside repeat the edge
 *         3 area: the mean of all that the output pixel covers, with parts of pixels; `whole`: it covers whole ones
 *         6 linear, where the area method enlarges: between pixels only as far as the output pixel straddles them
 *
 * BYTES: weights of 11 bits, integer sums, as OpenCV has it for bytes. WIDE: double where the device has it.
 * A work-item: a share of the output pixels, all channels.
 */
#include "common.h"
#pragma OPENCL FP_CONTRACT OFF

#ifndef WIDE
#define WIDE float
#endif
#ifndef BYTES
#define BYTES 0
#endif
#define MOST 8

static inline float lanczos(const float t) { /* sin(pi t) sin(pi t / 4) / t^2, but for a sign and a factor that all taps share */
  return sin(t * 0.78539816f) / (t * t);
}

/* The pixels that output I reads along one axis: `count` from *first on, with their weights. `inside`: the edge is taken alone (columns). */
static int taps(const int method, const int I, const int extent, const WIDE scale, const int inside, int *first, float *w) {
  if (method == 0) {
    const int at = (int)floor(I * scale);
    *first = at < extent - 1 ? at : extent - 1;
    w[0] = 1;
    return 1;
  }
  float at;
  int low;
  if (method == 6) {
    low = (int)floor(I * scale);
    at = (float)((I + 1) - (low + 1) * ((WIDE)1 / scale));
    at = at <= 0 ? 0 : at - floor(at);
  } else {
    at = (float)((I + (WIDE)0.5) * scale - (WIDE)0.5);
    low = (int)floor(at);
    at -= low;
  }
  if (method == 1 || method == 6) {
    if (inside && low < 0) low = 0, at = 0;
    if (inside && low >= extent - 1) low = extent - 1, at = 0;
    *first = low;
    w[0] = 1 - at;
    w[1] = at;
    return 2;
  }
  if (method == 2) {
    const float a = -0.75f, u = 1 - at;
    *first = low - 1;
    w[0] = ((a * (at + 1) - 5 * a) * (at + 1) + 8 * a) * (at + 1) - 4 * a;
    w[1] = ((a + 2) * at - (a + 3)) * at * at + 1;
    w[2] = ((a + 2) * u - (a + 3)) * u * u + 1;
    w[3] = 1 - w[0] - w[1] - w[2];
    return 4;
  }
  *first = low - 3;
  if (at < 1.1920929e-7f) {
    for (int k = 0; k < 8; k++) w[k] = k == 3;
    return 8;
  }
  float sum = 0;
  for (int k = 0; k < 8; k++) {
    w[k] = lanczos(at + 3 - k) * (k % 2 ? -1 : 1);
    sum += w[k];
  }
  for (int k = 0; k < 8; k++) w[k] *= 1 / sum;
  return 8;
}

/* The stretch [from, to) that an output covers, cut into a part before pixel *lo, whole pixels to *hi, and a part behind. */
static inline void cover(const int I, const int extent, const WIDE scale, int *lo, int *hi, float *head, float *body, float *tail) {
  const WIDE from = I * scale, to = from + scale, cell = scale < extent - from ? scale : extent - from;
  int end = (int)floor(to), begin = (int)ceil(from);
  end = end < extent - 1 ? end : extent - 1;
  begin = begin < end ? begin : end;
  *lo = begin;
  *hi = end;
  *head = begin - from > (WIDE)1e-3 ? (float)((begin - from) / cell) : 0;
  *body = (float)(1 / cell);
  const WIDE left = to - end < 1 ? to - end : 1;
  *tail = to - end > (WIDE)1e-3 ? (float)((left < cell ? left : cell) / cell) : 0;
}

static inline int cut(const int i, const int extent) { return i < 0 ? 0 : (i < extent ? i : extent - 1); }
static inline int byte_of(const int v) { return v < 0 ? 0 : (v > 255 ? 255 : v); }
static inline int fixed(const float w) { return (int)rint(w * 2048.0f); }

#if BYTES
#define SUM float
#define RESULT_OF(v) byte_of((int)rint(v))
#else
#define SUM CT
#define RESULT_OF(v) (v)
#endif

static CT area_value(const __global T *x, const int Y, const int X, const int h, const int w, const int channels, const WIDE down,
                     const WIDE across, const int whole) {
  if (whole) {
    const int tall = (int)rint(down), wide = (int)rint(across);
    CT sum = 0;
    for (int r = 0; r < tall; r++)
      for (int c = 0; c < wide; c++) sum += LOAD(x, ((long)(Y * tall + r) * w + X * wide + c) * channels);
#if BYTES
    if (tall == 2 && wide == 2) return (sum + 2) >> 2;
    return byte_of((int)rint((float)sum * (1.0f / (tall * wide))));
#else
    return sum * (CT)(1.0f / (tall * wide));
#endif
  }
  int top, bottom, left, right;
  float above, inner, below, before, within, behind;
  cover(Y, h, down, &top, &bottom, &above, &inner, &below);
  cover(X, w, across, &left, &right, &before, &within, &behind);
  SUM sum = 0;
  for (int r = above > 0 ? top - 1 : top; r < bottom + (below > 0); r++) {
    const __global T *line = x + (long)r * w * channels;
    SUM part = before > 0 ? LOAD(line, (long)(left - 1) * channels) * (SUM)before : 0;
    for (int c = left; c < right; c++) part += LOAD(line, (long)c * channels) * (SUM)within;
    if (behind > 0) part += LOAD(line, (long)right * channels) * (SUM)behind;
    sum += part * (r < top ? above : r < bottom ? inner : below);
  }
  return RESULT_OF(sum);
}

__kernel void resize_image(const __global T *restrict x, __global T *restrict y, const long pixels, const int h, const int w, const int H,
                           const int W, const int channels, const WIDE down, const WIDE across, const int method, const int whole) {
  FOR_EACH(i, pixels) {
    const int X = (int)(i % W), Y = (int)(i / W % H);
    const __global T *image = x + i / W / H * h * w * channels;
    float high[MOST], wide[MOST];
    int top = 0, left = 0, rows = 0, columns = 0;
    if (method != 3) {
      rows = taps(method, Y, h, down, 0, &top, high);
      columns = taps(method, X, w, across, 1, &left, wide);
    }
    for (int c = 0; c < channels; c++) {
      CT value;
      if (method == 3) {
        value = area_value(image + c, Y, X, h, w, channels, down, across, whole);
      } else if (method == 0) {
        value = LOAD(image, ((long)top * w + left) * channels + c);
      } else {
        CT sum = 0;
        for (int r = 0; r < rows; r++) {
          const __global T *line = image + (long)cut(top + r, h) * w * channels + c;
          CT part = 0;
          for (int k = 0; k < columns; k++) {
            const CT pixel = LOAD(line, (long)cut(left + k, w) * channels);
#if BYTES
            part += pixel * fixed(wide[k]);
          }
          sum += rows == 2 ? (fixed(high[r]) * (part >> 4)) >> 16 : fixed(high[r]) * part;
        }
        value = byte_of(rows == 2 ? (sum + 2) >> 2 : (sum + (1 << 21)) >> 22);
#else
            part += pixel * (CT)wide[k];
          }
          sum += part * (CT)high[r];
        }
        value = sum;
#endif
      }
      STORE(y, i * channels + c, value);
    }
  }
}
