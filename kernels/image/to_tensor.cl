/* Images between bytes with their channels last and numbers with their channels first.
 *
 *   to_tensor            x (N, pixels, channels) of S -> y (N, channels, pixels) = x / 255; rows = N * channels of `length` pixels
 *   to_tensor_backward   dy (N, channels, pixels) of float -> dx (N, pixels, channels) = dy / 255; rows = N * pixels
 *   normalize_image      y = (x - mean[c]) / std[c], rows = N * channels; integers through float, towards zero
 *
 * Computed in R (double or float). A work-item: stretches of rows (include/items.h).
 */
#include "common.h"
#include "items.h"
#include "convert.h"

#ifndef S
#define S T
#endif
#ifndef R
#define R float
#endif

/* The quotient is rounded to the image's type before it becomes a float, as in MXNet. */
#define QUOTIENT_float(v) ((v) / 255.0f)
#define QUOTIENT_double(v) ((float)((v) / 255))
#define QUOTIENT_uchar(v) QUOTIENT_float((float)(v))
#define QUOTIENT_char(v) QUOTIENT_float((float)(v))
#define QUOTIENT_int(v) QUOTIENT_float((float)(v))
#define QUOTIENT_long(v) QUOTIENT_float((float)(v))
#define QUOTIENT_bool8(v) QUOTIENT_float((float)(v))
#define QUOTIENT_half(v) through_half((v) / 255.0f)

static inline float through_half(const float v) {
  ushort bits;
  vstore_half(v, 0, (half *)&bits);
  return vload_half(0, (const half *)&bits);
}

#define STORED_float(v) (v)
#define STORED_double(v) (v)
#define STORED_half(v) (v)
#define STORED_uchar(v) TO_INT(v)
#define STORED_char(v) TO_INT(v)
#define STORED_int(v) TO_INT(v)
#define STORED_bool8(v) TO_INT(v)
#define STORED_long(v) TO_LONG(v)

__kernel void to_tensor(const __global S *restrict x, __global T *restrict y, const long rows, const long channels, const long length) {
  FOR_STRETCHES(row, lo, hi, rows, length, PIECE) {
    const __global S *image = x + row / channels * channels * length + row % channels;
    for (long i = lo; i < hi; i++) {
      const float value = CAT(QUOTIENT_, S)(LOAD_AS(S, image, i * channels));
      STORE(y, row * length + i, value);
    }
  }
}

__kernel void to_tensor_backward(const __global float *restrict dy, __global T *restrict dx, const long rows, const long channels,
                                 const long length) {
  FOR_STRETCHES(row, lo, hi, rows, channels, PIECE) {
    const __global float *plane = dy + row / length * channels * length + row % length;
    for (long c = lo; c < hi; c++) {
      const float value = plane[c * length] / 255.0f;
      STORE(dx, row * channels + c, value);
    }
  }
}

__kernel void normalize_image(const __global T *x, __global T *y, const long rows, const long channels, const long length, const float4 mean,
                              const float4 std) {
  FOR_STRETCHES(row, lo, hi, rows, length, PIECE) {
    const long c = row % channels;
    const R middle = c == 0 ? mean.x : c == 1 ? mean.y : mean.z, spread = c == 0 ? std.x : c == 1 ? std.y : std.z;
    MAP_LOOP
    for (long i = lo; i < hi; i++) {
      const R value = ((R)LOAD(x, row * length + i) - middle) / spread;
      STORE(y, row * length + i, CAT(STORED_, T)(value));
    }
  }
}
