/* Leaky rectifiers, element-wise.
 *
 *   leaky            y = f(x); KIND leaky elu selu gelu, as act_<kind>
 *   leaky_backward   d = g * f'(x)
 *   prelu            y = x > 0 ? x : gamma[c] * x
 *   prelu_backward   d = x > 0 ? g : gamma[c] * g
 *   rrelu            y = x > 0 ? x : s * x, mask = s; s drawn from [lower, upper) in training (RANDOM 1), else their mean
 *   rrelu_backward   d = x > 0 ? g : mask * g
 *
 * n elements of T. Slope of element i, its "channel": i / inner % channels, for slopes along neighbouring axes (channels == 1: a single slope).
 */
#include "common.h"
#include "math.h"
#include "activation.h"
#include "items.h"
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
  FOR_STRETCHES(line, lo, hi, lines, inner, PIECE) {
    const CT slope = LOAD(gamma, line % channels);
    for (long i = line * inner + lo; i < line * inner + hi; i++) {
      const CT v = LOAD(x, i);
      STORE(y, i, v > 0 ? v : slope * v);
    }
  }
}

kernel void prelu_backward(const global T *g, const global T *x, const global T *gamma, global T *d, const long lines, const long inner,
                           const int channels) {
  FOR_STRETCHES(line, lo, hi, lines, inner, PIECE) {
    const CT slope = LOAD(gamma, line % channels);
    for (long i = line * inner + lo; i < line * inner + hi; i++) {
      const CT h = LOAD(g, i);
      STORE(d, i, LOAD(x, i) > 0 ? h : slope * h);
    }
  }
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
