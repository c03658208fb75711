/* Random draws. Element i depends on the random state, the node's stream and i only: the same on every device and grid.
 *
 *   draw_fixed    y[i] ~ DIST with parameters a, b for all elements, DIST one of UNIFORM NORMAL EXPONENTIAL RANDINT.
 *                 Block of PER_BLOCK elements (4 of up to 32 bits, 2 of 64) from one Philox draw.
 *   draw_element  y[i] ~ DIST with parameters A(i), B(i): scalars, or arrays pa, pb with one entry for every `inner` elements
 *                 (ARRAYS 1, of type P). Any DIST; an element takes as many words as it needs from draws of its own.
 *
 * rng: key low, key high, counter low, counter high. n elements of T; the computation is in R (double for double, else float).
 * UNIFORM [a, b); NORMAL mean a, deviation b; EXPONENTIAL rate a; GAMMA shape a, scale b; POISSON mean a; NEGATIVE_BINOMIAL a failures of
 * probability b; GENERALIZED_NEGATIVE_BINOMIAL mean a, dispersion b. RANDINT: low and the number of values as integers.
 */
#include "common.h"
#include "items.h"
#include "math.h"
#include "philox.h"

#define UNIFORM 0
#define NORMAL 1
#define EXPONENTIAL 2
#define RANDINT 3
#define GAMMA 4
#define POISSON 5
#define NEGATIVE_BINOMIAL 6
#define GENERALIZED_NEGATIVE_BINOMIAL 7
#ifndef DIST
#define DIST UNIFORM
#endif
#ifndef R
#define R float
#endif
#ifndef DOUBLE /* R is double */
#define DOUBLE 0
#endif
#ifndef ARRAYS
#define ARRAYS 0
#endif
#ifndef P
#define P T
#endif

/* Uniform numbers: [0, 1) with 24 bits, and (0, 1) with full relative precision near 0, for logarithms. */
static inline float open_float(const uint w) { return ((float)(w >> 1) + 0.5f) * 4.656612873077393e-10f; }
#if DOUBLE
static inline double unit_double(const uint a, const uint b) { return (double)(((ulong)a << 32 | b) >> 11) * 1.1102230246251565e-16; }
static inline double open_double(const uint a, const uint b) { return ((double)(((ulong)a << 32 | b) >> 12) + 0.5) * 2.220446049250313e-16; }
#define R_LOG(x) log(x)
#else
#define R_LOG(x) m_log_float(x)
#endif

/* Box and Muller: two words a, b to two normal numbers. The angle is 2 pi b / 2^32; its octant is split off exactly in integers. */
static inline void normal_pair(const uint a, const uint b, float *first, float *second) {
  const float radius = m_sqrt_float(-2.0f * m_log_float(open_float(a)));
  const int quadrant = (int)((b + 0x20000000u) >> 30);
  const float t = (float)(int)(b - ((uint)quadrant << 30)) * 1.4629180792671596e-9f; /* pi / 2^31; |t| <= pi / 4 */
  const float s = t * t;
  const float sine = t + t * s * (-0.16666654611f + s * (8.3321608736e-3f - 1.9515295891e-4f * s));
  const float cosine = 1.0f - 0.5f * s + s * s * (4.166664568298827e-2f + s * (-1.388731625493765e-3f + s * 2.443315711809948e-5f));
  const float x = quadrant & 1 ? sine : cosine, y = quadrant & 1 ? cosine : sine;
  *first = radius * (((quadrant + 1) & 2) ? -x : x);
  *second = radius * ((quadrant & 2) ? -y : y);
}

#if DOUBLE
static inline void normal_pair_double(const uint4 w, double *first, double *second) {
  const double radius = sqrt(-2.0 * log(open_double(w.x, w.y)));
  const double angle = 6.283185307179586 * unit_double(w.z, w.w);
  *first = radius * cos(angle);
  *second = radius * sin(angle);
}
#endif

/* ------------------------------------------------------------------------------------------------------------ fixed parameters */

#if DOUBLE || (DIST == RANDINT && defined(WIDE_RANGE))
#define PER_BLOCK 2
#else
#define PER_BLOCK 4
#endif
#define SPAN BATCH(64, PER_BLOCK) /* elements that a work-item draws before it stores them */

#if DIST == RANDINT
#define V long
#else
#define V R
#endif

static inline void draw_block(const uint4 w, V *v, const V a, const V b) {
#if DIST == RANDINT
#ifdef WIDE_RANGE
  v[0] = (long)((ulong)a + ((ulong)w.x << 32 | w.y) % (ulong)b);
  v[1] = (long)((ulong)a + ((ulong)w.z << 32 | w.w) % (ulong)b);
#else
  v[0] = a + (long)((ulong)w.x * (ulong)b >> 32);
  v[1] = a + (long)((ulong)w.y * (ulong)b >> 32);
  v[2] = a + (long)((ulong)w.z * (ulong)b >> 32);
  v[3] = a + (long)((ulong)w.w * (ulong)b >> 32);
#endif
#elif DIST == UNIFORM && DOUBLE
  v[0] = a + unit_double(w.x, w.y) * (b - a);
  v[1] = a + unit_double(w.z, w.w) * (b - a);
#elif DIST == UNIFORM
  v[0] = a + philox_uniform(w.x) * (b - a);
  v[1] = a + philox_uniform(w.y) * (b - a);
  v[2] = a + philox_uniform(w.z) * (b - a);
  v[3] = a + philox_uniform(w.w) * (b - a);
#elif DIST == NORMAL && DOUBLE
  double first, second;
  normal_pair_double(w, &first, &second);
  v[0] = a + first * b;
  v[1] = a + second * b;
#elif DIST == EXPONENTIAL && DOUBLE
  v[0] = -log(open_double(w.x, w.y)) / a;
  v[1] = -log(open_double(w.z, w.w)) / a;
#endif
}

#if DIST <= RANDINT
kernel void draw_fixed(global T *y, const global uint *rng, const uint stream, const long n, const V a, const V b) {
  const uint4 state = (uint4)(rng[0], rng[1], rng[2], rng[3]);
  FOR_EACH(span, (n + SPAN - 1) / SPAN) {
    V v[SPAN];
#if (DIST == NORMAL || DIST == EXPONENTIAL) && !DOUBLE
    /* words first, each of a pair in an array of its own: separate loops over private arrays vectorise */
    uint even[SPAN / 2], odd[SPAN / 2];
    for (int j = 0; j < SPAN / 4; j++) {
      const uint4 w = philox_draw(state, stream, (ulong)(span * (SPAN / 4) + j));
      even[2 * j] = w.x;
      odd[2 * j] = w.y;
      even[2 * j + 1] = w.z;
      odd[2 * j + 1] = w.w;
    }
    float p[SPAN / 2], q[SPAN / 2];
    for (int j = 0; j < SPAN / 2; j++) {
#if DIST == NORMAL
      float first, second;
      normal_pair(even[j], odd[j], &first, &second);
      p[j] = a + first * b;
      q[j] = a + second * b;
#else
      p[j] = -m_log_float(open_float(even[j])) / a;
      q[j] = -m_log_float(open_float(odd[j])) / a;
#endif
    }
    for (int j = 0; j < SPAN / 2; j++) {
      v[2 * j] = p[j];
      v[2 * j + 1] = q[j];
    }
#else
    for (int j = 0; j < SPAN / PER_BLOCK; j++) draw_block(philox_draw(state, stream, (ulong)(span * (SPAN / PER_BLOCK) + j)), v + j * PER_BLOCK, a, b);
#endif
    const long first = span * SPAN;
    const long left = n - first;
    const int count = left < SPAN ? (int)left : SPAN;
    FOR_BATCH(j, count, SPAN) STORE(y, first + j, v[j]);
  }
}
#endif

/* ----------------------------------------------------------------------------------------------------- an element by itself */

/* Words for one element, four at a time; the draws of an element differ in the high word of the key. */
typedef struct {
  uint4 state;
  uint stream, used, round;
  ulong index;
  uint4 words;
} source;

static uint next_word(source *s) {
  if (s->used == 4) {
    const uint4 mixed = (uint4)(s->state.x, s->state.y + 0x85EBCA6Bu * ++s->round, s->state.z, s->state.w);
    s->words = philox_draw(mixed, s->stream, s->index);
    s->used = 0;
  }
  const uint w = s->used == 0 ? s->words.x : s->used == 1 ? s->words.y : s->used == 2 ? s->words.z : s->words.w;
  s->used++;
  return w;
}

#if DOUBLE
static double unit(source *s) {
  const uint a = next_word(s), b = next_word(s);
  return open_double(a, b);
}
static double normal(source *s) {
  const uint a = next_word(s), b = next_word(s), c = next_word(s), d = next_word(s);
  double first, second;
  normal_pair_double((uint4)(a, b, c, d), &first, &second);
  return first;
}
#else
static float unit(source *s) { return open_float(next_word(s)); }
static float normal(source *s) {
  const uint a = next_word(s), b = next_word(s);
  float first, second;
  normal_pair(a, b, &first, &second);
  return first;
}
#endif

/* Marsaglia, Tsang: A simple method for generating gamma variables (TOMS 2000). */
static R draw_gamma(source *s, const R shape, const R scale) {
  const R raised = shape < 1 ? shape + 1 : shape;
  const R d = raised - (R)1 / 3, c = 1 / sqrt(9 * d);
  R v = 1;
  for (int tries = 0; tries < 1000; tries++) {
    const R x = normal(s);
    v = 1 + c * x;
    if (v <= 0) continue;
    v = v * v * v;
    if (R_LOG(unit(s)) < x * x / 2 + d - d * v + d * R_LOG(v)) break;
  }
  const R boost = shape < 1 ? pow(unit(s), 1 / shape) : 1;
  return d * v * boost * scale;
}

/* Knuth's product for small means; Hoermann's transformed rejection (PTRS, 1993) from 12 on. */
static R draw_poisson(source *s, const R mean) {
  if (!(mean > 0)) return 0;
  if (mean < 12) {
    const R bound = exp(-mean);
    R product = unit(s);
    int k = 0;
    while (product > bound && k < 1000) {
      product *= unit(s);
      k++;
    }
    return k;
  }
  const R b = (R)0.931 + (R)2.53 * sqrt(mean), a = (R)-0.059 + (R)0.02483 * b;
  const R inverse = (R)1.1239 + (R)1.1328 / (b - (R)3.4), limit = (R)0.9277 - (R)3.6224 / (b - 2);
  for (int tries = 0; tries < 1000; tries++) {
    const R u = unit(s) - (R)0.5, v = unit(s);
    const R us = (R)0.5 - fabs(u);
    const R k = floor((2 * a / us + b) * u + mean + (R)0.43);
    if (us >= (R)0.07 && v <= limit) return k;
    if (k < 0 || (us < (R)0.013 && v > us)) continue;
    if (R_LOG(v) + R_LOG(inverse) - R_LOG(a / (us * us) + b) <= -mean + k * R_LOG(mean) - lgamma(k + 1)) return k;
  }
  return floor(mean);
}

static R draw_one(source *s, const R a, const R b) {
#if DIST == UNIFORM && DOUBLE
  const uint high = next_word(s), low = next_word(s);
  return a + unit_double(high, low) * (b - a);
#elif DIST == UNIFORM
  return a + philox_uniform(next_word(s)) * (b - a);
#elif DIST == NORMAL
  return a + normal(s) * b;
#elif DIST == EXPONENTIAL
  return -R_LOG(unit(s)) / a;
#elif DIST == GAMMA
  return draw_gamma(s, a, b);
#elif DIST == POISSON
  return draw_poisson(s, a);
#elif DIST == NEGATIVE_BINOMIAL
  return b >= 1 ? 0 : draw_poisson(s, draw_gamma(s, a, (1 - b) / b));
#elif DIST == GENERALIZED_NEGATIVE_BINOMIAL
  return draw_poisson(s, b == 0 ? a : draw_gamma(s, 1 / b, a * b));
#else
  return 0;
#endif
}

#if ARRAYS
#define PARAMETERS const global P *pa, const global P *pb, const long inner
#define A(i) ((R)LOAD_AS(P, pa, (i) / inner))
#define B(i) ((R)LOAD_AS(P, pb, (i) / inner))
#else
#define PARAMETERS const R a, const R b
#define A(i) a
#define B(i) b
#endif

#if DIST != RANDINT
kernel void draw_element(global T *y, const global uint *rng, const uint stream, const long n, PARAMETERS) {
  FOR_EACH(i, n) {
    source s;
    s.state = (uint4)(rng[0], rng[1], rng[2], rng[3]);
    s.stream = stream;
    s.used = 4;
    s.round = 0;
    s.index = (ulong)i;
    STORE(y, i, draw_one(&s, A(i), B(i)));
  }
}
#endif
