/* Leaky rectifiers, element-wise.
 *
 *   leaky            y = f(x); KIND leaky elu selu gelu, as act_<kind>
 *   leaky_backward   d = g * f'(x)
 *   prelu            y = x > 0 ? x : gamma[c] * x
 *   prelu_backward   d = x > 0 ? g : gamma[c] * g
 *   prelu_gamma      dgamma[c] = sum over the elements of channel c with x <= 0 of g * x
 *   rrelu            y = x > 0 ? x : s * x, mask = s; s drawn from [lower, upper) in training (RANDOM 1), else their mean
 *   rrelu_backward   d = x > 0 ? g : mask * g
 *
 * n elements of T. Slope of element i, its "channel": i / inner % channels, for slopes along neighbouring axes (channels == 1: a single slope).
 */
#include "common.h"
#include "math.h"
#include "activation.h"
#include "philox.h"

#ifndef KIND
#define KIND act_leaky
#endif
#ifndef RANDOM
#define RANDOM 0
#endif
#ifndef REQ1
#define REQ1 1
#endif
#ifndef LOCAL
#define LOCAL 64
#endif

kernel void leaky(const global T *x, global T *y, const long n, const CT slope) {
  MAP_EACH(i, n) {
    const CT u = LOAD(x, i);
    const CT r = CAT(F_, KIND)(u, slope);
    STORE(y, i, r);
  }
}

kernel void leaky_backward(const global T *g, const global T *x, global T *d, const long n, const CT slope) {
  MAP_EACH(i, n) {
    const CT u = LOAD(x, i);
    const CT r = LOAD(g, i) * CAT(D_, KIND)(u, slope);
    STORE(d, i, r);
  }
}

/* A line is the `inner` elements of one channel of one outer position; `lines` of them. */
kernel void prelu(const global T *x, const global T *gamma, global T *y, const long lines, const long inner, const int channels) {
#if DEVICE_CPU
  FOR_EACH(line, lines) {
    const CT slope = LOAD(gamma, line % channels);
    for (long i = line * inner; i < (line + 1) * inner; i++) {
      const CT v = LOAD(x, i);
      STORE(y, i, v > 0 ? v : slope * v);
    }
  }
#else
  FOR_EACH(i, lines * inner) {
    const CT v = LOAD(x, i);
    STORE(y, i, v > 0 ? v : LOAD(gamma, i / inner % channels) * v);
  }
#endif
}

kernel void prelu_backward(const global T *g, const global T *x, const global T *gamma, global T *d, const long lines, const long inner,
                           const int channels) {
#if DEVICE_CPU
  FOR_EACH(line, lines) {
    const CT slope = LOAD(gamma, line % channels);
    for (long i = line * inner; i < (line + 1) * inner; i++) {
      const CT h = LOAD(g, i);
      STORE(d, i, LOAD(x, i) > 0 ? h : slope * h);
    }
  }
#else
  FOR_EACH(i, lines * inner) {
    const CT h = LOAD(g, i);
    STORE(d, i, LOAD(x, i) > 0 ? h : LOAD(gamma, i / inner % channels) * h);
  }
#endif
}

/* A work-item (CPU) or work-group (elsewhere) a channel. */
kernel void prelu_gamma(const global T *g, const global T *x, global T *dgamma, const long lines, const long inner, const int channels) {
  const long outer = lines / channels;
#if DEVICE_CPU
  const int c = (int)get_global_id(0);
  CT total = 0;
  for (long o = 0; o < outer; o++) {
    const long base = (o * channels + c) * inner;
    CT lane[8] = {0, 0, 0, 0, 0, 0, 0, 0};
    long i = 0;
    for (; i + 8 <= inner; i += 8)
      for (int j = 0; j < 8; j++) {
        const CT v = LOAD(x, base + i + j);
        lane[j] += v > 0 ? 0 : v * LOAD(g, base + i + j);
      }
    CT sum = ((lane[0] + lane[4]) + (lane[2] + lane[6])) + ((lane[1] + lane[5]) + (lane[3] + lane[7]));
    for (; i < inner; i++) {
      const CT v = LOAD(x, base + i);
      sum += v > 0 ? 0 : v * LOAD(g, base + i);
    }
    total += sum;
  }
  STORE_AS(REQ1, T, dgamma, c, total);
#else
  local CT scratch[LOCAL];
  const int c = (int)get_group_id(0), l = (int)get_local_id(0);
  CT total = 0;
  for (long e = l; e < outer * inner; e += LOCAL) {
    const long i = (e / inner * channels + c) * inner + e % inner;
    const CT v = LOAD(x, i);
    total += v > 0 ? 0 : v * LOAD(g, i);
  }
  scratch[l] = total;
  for (int step = LOCAL / 2; step > 0; step /= 2) {
    barrier(CLK_LOCAL_MEM_FENCE);
    if (l < step) scratch[l] += scratch[l + step];
  }
  if (l == 0) STORE_AS(REQ1, T, dgamma, c, scratch[0]);
#endif
}

/* The slope of element i is the mask; rng is read only with RANDOM. */
kernel void rrelu(const global T *x, const global uint *rng, global T *y, global T *mask, const long n, const uint stream, const CT lower,
                  const CT upper) {
#if RANDOM
  const uint4 words = (uint4)(rng[0], rng[1], rng[2], rng[3]);
#endif
  FOR_EACH(i, n) {
#if RANDOM
    const CT s = lower + (upper - lower) * (CT)philox_uniform(philox_draw(words, stream, (ulong)i).x);
#else
    const CT s = (lower + upper) / 2;
#endif
    const CT v = LOAD(x, i);
    STORE(y, i, v > 0 ? v : s * v);
    STORE_AS(REQ1, T, mask, i, s);
  }
}

kernel void rrelu_backward(const global T *g, const global T *x, const global T *mask, global T *d, const long n) {
  FOR_EACH(i, n) {
    const CT h = LOAD(g, i);
    STORE(d, i, LOAD(x, i) > 0 ? h : LOAD(mask, i) * h);
  }
}
