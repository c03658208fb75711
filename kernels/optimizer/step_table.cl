/* A step of an optimizer for as many tensors as a launch has buffers for: a table says where each lies.
 *
 * table: a row of COLUMNS longs for each tensor: its n elements, then for weight, gradient, the states s, t, u and the weight in full precision
 * m which of the buffers it lies in and at which element, then the first of its chunks and how many they are.
 * numbers: HEAD of CT for all: rescale, clip, h0, h1, h2, clip_weights, r0, r1; then a row of ROW for each tensor: lr, wd, own, own1, own2.
 * chunks: for each piece of at most CHUNK elements the tensor's row and which piece of it that is.
 * T, S: as include/optimizer_step.h has them. A chunk is a work-item's on a CPU, a group's on a GPU.
 *
 *   step_table   chunks first .. first+count-1, by the rows of the table from `rows` on. MODE: STEP, with SCALED lr times norms[tensor] (which are then the ratios);
 *                MEASURE: norms[2 c], norms[2 c + 1] = the sums of the squares of weight and gradient over chunk c;
 *                DIRECTION, for LAMB: s and t change, and the same sums of weight and direction; APPLY: the weight, by what DIRECTION left (norms being the ratios).
 *   ratios       ratio[tensor] = what to multiply a tensor's lr with, by its chunks' sums, FORM saying how.
 */
#include "common.h"
#include "optimizer_step.h"
#include "group.h"

#ifndef CHUNK
#define CHUNK 16384
#endif
#ifndef MODE
#define MODE 0
#define SCALED 0
#define FORM 0
#endif
#define STEP 0
#define MEASURE 1
#define DIRECTION 2
#define APPLY 3

#define COLUMNS 16
#define HEAD 8
#define ROW 8

#define TEN(DO, t) DO(t##0) DO(t##1) DO(t##2) DO(t##3) DO(t##4) DO(t##5) DO(t##6) DO(t##7) DO(t##8) DO(t##9)
#define FOR_SLOTS(DO) /* 122 of them: with the rest, 1020 of the 1024 bytes of arguments that every device takes */ \
  TEN(DO, ) TEN(DO, 1) TEN(DO, 2) TEN(DO, 3) TEN(DO, 4) TEN(DO, 5) TEN(DO, 6) TEN(DO, 7) TEN(DO, 8) TEN(DO, 9) TEN(DO, 10) TEN(DO, 11) \
  DO(120) DO(121)
#define PARAMETER(k) , global uchar *p##k
#define NAME(k) , p##k
#define CASE(k) \
  case k: return p##k;

static inline global uchar *pick(const int slot FOR_SLOTS(PARAMETER)) {
  switch (slot) { FOR_SLOTS(CASE) }
  return p0;
}
#define PLACE(type, column) ((global type *)pick((int)row[column] FOR_SLOTS(NAME)) + row[(column) + 1])

static inline Hyper hyper_of(const global CT *numbers, const int tensor) {
  const global CT *own = numbers + HEAD + (long)tensor * ROW;
  const Hyper p = {own[0], own[1], numbers[0], numbers[1], numbers[2], numbers[3], numbers[4], numbers[5], own[2], own[3], own[4]};
  return p;
}

kernel void step_table(const global long *table, const global CT *numbers, const global int *chunks, global CT *norms, const int rows,
                       const int first, const int count FOR_SLOTS(PARAMETER)) {
#if MODE == MEASURE || MODE == DIRECTION
  GROUP_ARRAY CT scratch[GROUP_MOST];
#endif
  FOR_GROUPS(c, count) {
    const int tensor = chunks[2 * (first + c)];
    const global long *row = table + (long)(rows + tensor) * COLUMNS;
    const long lo = (long)chunks[2 * (first + c) + 1] * CHUNK, n = row[0], hi = lo + CHUNK < n ? lo + CHUNK : n;
    Hyper p = hyper_of(numbers, tensor);
#if !(MASTER && (MODE == MEASURE || MODE == DIRECTION))
    global T *w = PLACE(T, 1);
#endif
    global S *s = 0, *t = 0, *u = 0, *m = 0;
#if MODE != APPLY
    const global T *grad = PLACE(T, 3);
#endif
#if RULE_STATES > 0
    s = PLACE(S, 5);
#endif
#if RULE_STATES > 1
    t = PLACE(S, 7);
#endif
#if RULE_STATES > 2
    u = PLACE(S, 9);
#endif
#if MASTER
    m = PLACE(S, 11);
#endif
#if MODE == STEP
#if SCALED
    p.lr *= norms[tensor];
#endif
    GROUP_FOR(block, lo / BLOCK, (hi + BLOCK - 1) / BLOCK) {
      const long i = block * BLOCK;
      step_block(w, grad, s, t, u, m, w, i, (int)min((long)BLOCK, hi - i), p);
    }
#else
#if MODE == APPLY
    const CT rate = p.own1 * norms[tensor];
#else
    CT weights[BLOCK], others[BLOCK];
    FOR_BATCH(j, BLOCK, BLOCK) weights[j] = others[j] = 0;
#endif
    GROUP_FOR(block, lo / BLOCK, (hi + BLOCK - 1) / BLOCK) {
      const long i = block * BLOCK;
      const int live = (int)min((long)BLOCK, hi - i);
      CT weight[BLOCK], g[BLOCK], a[BLOCK], b[BLOCK];
#if MASTER
      FOR_BATCH(j, live, BLOCK) weight[j] = m[i + j];
#else
      FOR_BATCH(j, live, BLOCK) weight[j] = LOAD(w, i + j);
#endif
#if MODE != APPLY
      FOR_BATCH(j, live, BLOCK) g[j] = LOAD(grad, i + j);
#endif
#if MODE != MEASURE
      FOR_BATCH(j, live, BLOCK) a[j] = LOAD_S(s, i + j);
      FOR_BATCH(j, live, BLOCK) b[j] = LOAD_S(t, i + j);
#endif
#if MODE == DIRECTION
      FOR_BATCH(j, live, BLOCK) g[j] = step(weight[j], g[j], a + j, b + j, b + j, p);
      FOR_BATCH(j, live, BLOCK) PUT_S(s, i + j, a[j]);
      FOR_BATCH(j, live, BLOCK) PUT_S(t, i + j, b[j]);
#endif
#if MODE == APPLY
      FOR_BATCH(j, live, BLOCK) weight[j] -= rate * direction(weight[j], a[j], b[j], p);
#if MASTER
      FOR_BATCH(j, live, BLOCK) m[i + j] = weight[j];
#endif
      FOR_BATCH(j, live, BLOCK) STORE(w, i + j, weight[j]);
#else
      FOR_BATCH(j, live, BLOCK) weights[j] += weight[j] * weight[j];
      FOR_BATCH(j, live, BLOCK) others[j] += g[j] * g[j];
#endif
    }
#if MODE != APPLY
    CT weight_sum = 0, other_sum = 0;
    FOR_BATCH(j, BLOCK, BLOCK) {
      weight_sum += weights[j];
      other_sum += others[j];
    }
    const CT weight_total = GROUP_SUM(weight_sum, scratch), other_total = GROUP_SUM(other_sum, scratch);
    if (GROUP_ITEM == 0) {
      norms[2 * (first + c)] = weight_total;
      norms[2 * (first + c) + 1] = other_total;
    }
#endif
#endif
  }
}

#define LARS 0 /* own: whether the layer has a rate of its own; r0, r1: eta and epsilon */
#define ROOT 1 /* r0: factor of the square of the gradient's norm */
#define TRUST 2 /* r0, r1: bounds of the weight's norm, negative: none */

kernel void ratios(const global long *table, const global CT *numbers, global CT *norms, global CT *ratio, const int tensors) {
  FOR_EACH(k, tensors) {
    const global CT *parts = norms + 2 * table[k * COLUMNS + 13];
    const long count = table[k * COLUMNS + 14];
    CT weight = 0, other = 0;
    for (long c = 0; c < count; c++) {
      weight += parts[2 * c];
      other += parts[2 * c + 1];
    }
    const CT r0 = numbers[6], r1 = numbers[7];
    const Hyper p = hyper_of(numbers, (int)k);
#if FORM == LARS
    const CT w = m_sqrt(weight), g = p.rescale * m_sqrt(other);
    ratio[k] = p.own > 0 && w > 0 && g > 0 ? r0 * w / (g + p.wd * w + r1) : 1;
#elif FORM == ROOT
    const CT r = m_sqrt(weight / (other * r0 + p.wd * weight + (CT)1e-18));
    ratio[k] = r < (CT)0.01 ? (CT)0.01 : r > 100 ? (CT)100 : r;
#else
    CT w = m_sqrt(weight);
    const CT d = m_sqrt(other);
    if (r0 >= 0 && w < r0) w = r0;
    if (r1 >= 0 && w > r1) w = r1;
    ratio[k] = w == 0 || d == 0 ? 1 : w / d;
#endif
  }
}
