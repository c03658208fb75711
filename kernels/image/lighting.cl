/* y = x + the shift of its channel: factors times three colours, the same for all pixels; with DRAWN the factors are normal, `factors` their
 * deviations. An image of one channel stays as it is. n elements of `channels`; a work-item: a share of them.
 */
#include "common.h"
#include "math.h"
#include "philox.h"
#ifndef R
#define R float
#endif
#include "pixel.h"
#ifndef DRAWN
#define DRAWN 0
#endif
#pragma OPENCL FP_CONTRACT OFF
#if DRAWN
#define SOURCE const __global uint *rng, const uint stream,
#else
#define SOURCE
#endif

__kernel void lighting(const __global T *x, __global T *y, SOURCE const long n, const int channels, const float4 factors, const float4 first,
                       const float4 second, const float4 third) {
  float a = factors.x, b = factors.y, c = factors.z;
#if DRAWN
  const uint4 radius = philox_draw((uint4)(rng[0], rng[1], rng[2], rng[3]), stream, 0);
  const uint4 angle = philox_draw((uint4)(rng[0], rng[1], rng[2], rng[3]), stream, 1);
#define NORMAL(k) (sqrt(-2.0f * log(((float)(radius.k >> 8) + 0.5f) * 5.9604644775390625e-8f)) * cos(6.2831853f * philox_uniform(angle.k)))
  a *= NORMAL(x);
  b *= NORMAL(y);
  c *= NORMAL(z);
#endif
  const float red = first.x * a + second.x * b + third.x * c, green = first.y * a + second.y * b + third.y * c,
              blue = first.z * a + second.z * b + third.z * c;
  FOR_EACH(i, n) {
    const int k = (int)(i % channels);
    const float shift = channels == 1 ? 0 : k == 0 ? red : k == 1 ? green : blue;
    const R value = (R)LOAD(x, i) + shift;
    STORE(y, i, WHOLE(PIXEL(value)));
  }
}
