/* Colours of an image changed by drawn factors: brightness (0), contrast (1), saturation (2), hue (3), those in `kinds` (a bit each), in a
 * random order where they are several. The factor of kind k is low[k] + u (high[k] - low[k]). Between two steps a pixel is what T holds.
 *
 *   gray_sums       sums[k] = the grey of the pixels of chunk k of `chunks`, before the contrast is changed; a work-item: whole chunks
 *   change_colors   y = the image with all steps taken; it may be x
 *
 * x, y: `pixels` of `channels` (1 or 3). Every work-item draws the same numbers.
 */
#include "common.h"
#include "items.h"
#include "philox.h"
#ifndef R
#define R float
#endif
#include "pixel.h"
#pragma OPENCL FP_CONTRACT OFF

#define CONTRAST 1
#define DRAWN const __global uint *rng, const uint stream, const int kinds, const float4 low, const float4 high
#define SIZES const long pixels, const int channels, const long chunks

/* The factors, and which kind comes when; returns how many. */
static inline int draw_steps(DRAWN, float *factor, int *order) {
  const uint4 state = (uint4)(rng[0], rng[1], rng[2], rng[3]);
  const uint4 u = philox_draw(state, stream, 0), v = philox_draw(state, stream, 1);
  factor[0] = low.x + philox_uniform(u.x) * (high.x - low.x);
  factor[1] = low.y + philox_uniform(u.y) * (high.y - low.y);
  factor[2] = low.z + philox_uniform(u.z) * (high.z - low.z);
  factor[3] = low.w + philox_uniform(u.w) * (high.w - low.w);
  const uint words[4] = {v.x, v.y, v.z, v.w};
  int count = 0;
  for (int k = 0; k < 4; k++) {
    if (!(kinds >> k & 1)) continue;
    const int at = (int)(((ulong)words[k] * (uint)(count + 1)) >> 32); /* inserted at a random place */
    for (int j = count; j > at; j--) order[j] = order[j - 1];
    order[at] = k;
    count++;
  }
  return count;
}

/* A turn of the hue by way of hue, lightness and saturation. */
static void turn_hue(R *v, const float turns) {
  const float r = (float)v[0] / 255.0f, g = (float)v[1] / 255.0f, b = (float)v[2] / 255.0f;
  const float most = r > g ? (r > b ? r : b) : (g > b ? g : b), least = r < g ? (r < b ? r : b) : (g < b ? g : b), range = most - least;
  const float light = (most + least) * 0.5f;
  float hue = 0, strength = 0;
  if (range > 1.1920929e-7f) {
    strength = light < 0.5f ? range / (most + least) : range / (2.0f - most - least);
    const float step = 60.0f / range;
    hue = most == r ? (g - b) * step : most == g ? (b - r) * step + 120.0f : (r - g) * step + 240.0f;
    if (hue < 0) hue += 360.0f;
  }
  hue = (hue + turns * 360.0f) * (1.0f / 60.0f);
  float red = light, green = light, blue = light;
  if (strength != 0) {
    const float q = light <= 0.5f ? light * (1 + strength) : light + strength - light * strength, p = 2 * light - q;
    hue = hue - 6.0f * floor(hue / 6.0f);
    const int sector = min((int)hue, 5);
    const float part = hue - sector, falling = p + (q - p) * (1 - part), rising = p + (q - p) * part;
    red = sector == 0 || sector == 5 ? q : sector == 1 ? falling : sector == 4 ? rising : p;
    green = sector == 1 || sector == 2 ? q : sector == 3 ? falling : sector == 0 ? rising : p;
    blue = sector == 3 || sector == 4 ? q : sector == 5 ? falling : sector == 2 ? rising : p;
  }
  v[0] = red * 255.0f;
  v[1] = green * 255.0f;
  v[2] = blue * 255.0f;
}

static void take_step(const int kind, const float factor, const R shift, const int channels, R *v) {
  R added = 0;
  float by = factor;
  if (kind == 3) {
    if (channels == 1) return;
    turn_hue(v, factor);
    by = 1;
  } else if (kind == 2) {
    if (channels == 1) return;
    added = v[2] * 0.114f * (1.0f - factor);
  } else if (kind == CONTRAST) {
    added = shift;
  }
  for (int c = 0; c < channels; c++) {
    const R value = v[c] * by + added;
    v[c] = PIXEL(value);
  }
}

__kernel void gray_sums(const __global T *x, __global R *sums, DRAWN, SIZES) {
  float factor[4];
  int order[4];
  const int count = draw_steps(rng, stream, kinds, low, high, factor, order);
  const long size = (pixels + chunks - 1) / chunks;
  FOR_ITEMS(k, chunks) {
    const long last = (k + 1) * size < pixels ? (k + 1) * size : pixels;
    R sum = 0;
    for (long i = k * size; i < last; i++) {
      R v[3];
      for (int c = 0; c < channels; c++) v[c] = (R)LOAD(x, i * channels + c);
      for (int s = 0; s < count && order[s] != CONTRAST; s++) take_step(order[s], factor[order[s]], 0, channels, v);
      if (channels == 1) {
        sum += v[0];
      } else {
        sum += v[0] * 0.299f;
        sum += v[1] * 0.587f;
        sum += v[2] * 0.114f;
      }
    }
    sums[k] = sum;
  }
}

__kernel void change_colors(const __global T *x, __global T *y, const __global R *sums, DRAWN, SIZES) {
  float factor[4];
  int order[4];
  const int count = draw_steps(rng, stream, kinds, low, high, factor, order);
  R shift = 0;
  if (kinds >> CONTRAST & 1) {
    for (long k = 0; k < chunks; k++) shift += sums[k];
    shift = (1.0f - factor[CONTRAST]) * (shift / (R)pixels);
  }
  FOR_EACH(i, pixels) {
    R v[3];
    for (int c = 0; c < channels; c++) v[c] = (R)LOAD(x, i * channels + c);
    for (int s = 0; s < count; s++) take_step(order[s], factor[order[s]], shift, channels, v);
    for (int c = 0; c < channels; c++) STORE(y, i * channels + c, WHOLE(v[c]));
  }
}
