/* One step of an optimizer on one tensor, for the kernels that take one tensor, several or a table of them.
 *
 * RULE: the numbers below; STATES: how many states a kernel is given; MASTER: the last of them is the weight in full precision, states are of
 * CT, else of T. OUT: the type of what comes out. h0, h1, h2: a rule's own hyperparameters; own, own1, own2: others that differ from tensor to
 * tensor. A negative clip or clip_weights is none. An argument that a rule does not use may be anything.
 *
 * step_block: elements i .. i+count-1, BLOCK of them at most, the weight in full precision being m. w_out may be w or grad.
 * step_tensor: this work-item's share of n elements, the weight in full precision being the last state.
 */
#ifndef OPTIMIZER_STEP_H
#define OPTIMIZER_STEP_H
#include "items.h"
#include "math.h"

#ifndef RULE
#define RULE 0
#define MASTER 0
#define STATES 0
#endif
#ifndef OUT
#define OUT T
#endif

#define BLOCK BATCH(64, 1)

#define SGD 0
#define SGD_MOM 1
#define NAG 2
#define ADAM 3
#define RMSPROP 4
#define RMSPROP_ALEX 5
#define SIGNSGD 6
#define SIGNUM 7
#define FTRL 8
#define ADAMW 9
#define LAMB 10
#define FTML 11
#define ADAGRAD 12
#define ADADELTA 13
#define ADAMAX 14
#define NADAM 15
#define DCASGD 16
#define SGLD 17
#define TEST 18

#define RULE_STATES (STATES - MASTER) /* without the weight in full precision */

#if MASTER
#define S CT
#define LOAD_S(p, i) ((p)[i])
#define PUT_S(p, i, v) ((p)[i] = (v))
#else
#define S T
#define LOAD_S(p, i) LOAD(p, i)
#define PUT_S(p, i, v) CAT(PUT_, T)(p, i, v)
#endif

static inline CT clip_to(CT v, CT bound) { return bound >= 0 ? (v > bound ? bound : v < -bound ? -bound : v) : v; }
static inline CT sign_of(CT v) { return (CT)((v > 0) - (v < 0)); }

typedef struct {
  CT lr, wd, rescale, clip, h0, h1, h2, clip_weights, own, own1, own2;
} Hyper;

#if RULE == LAMB /* lr and own are the corrections of the two means */
static inline CT direction(const CT weight, const CT s, const CT t, const Hyper p) {
  return s / p.lr / (m_sqrt(t / p.own) + p.h2) + p.wd * weight;
}
#endif

/* the new weight; the states are changed */
static inline CT step(CT weight, CT grad, CT *s, CT *t, CT *u, Hyper p) {
  const CT scaled = p.rescale * grad;
#if RULE == SGD
  return (1 - p.lr * p.wd) * weight - p.lr * clip_to(scaled, p.clip);
#elif RULE == SGD_MOM
  *s = p.h0 * *s - p.lr * p.wd * weight - p.lr * clip_to(scaled, p.clip);
  return weight + *s;
#elif RULE == NAG
  const CT g = clip_to(scaled, p.clip), m = p.h0 * *s;
  const CT next = weight - m + (p.h0 + 1) * (m - p.lr * (g + p.wd * weight));
  *s = m - p.lr * (g + p.wd * next); /* MXNet reads the weight again here, after its update in place */
  return next;
#elif RULE == ADAM
  const CT g = clip_to(scaled + p.wd * weight, p.clip);
  *s = p.h0 * *s + (1 - p.h0) * g;
  *t = p.h1 * *t + (1 - p.h1) * g * g;
  return weight - p.lr * *s / (m_sqrt(*t) + p.h2);
#elif RULE == RMSPROP
  const CT g = clip_to(scaled + p.wd * weight, p.clip);
  *s = p.h0 * *s + (1 - p.h0) * g * g;
  return clip_to(weight - p.lr * g / m_sqrt(*s + p.h2), p.clip_weights);
#elif RULE == RMSPROP_ALEX
  const CT g = clip_to(scaled + p.wd * weight, p.clip);
  *s = p.h0 * *s + (1 - p.h0) * g * g;
  *t = p.h0 * *t + (1 - p.h0) * g;
  *u = p.h1 * *u - p.lr * g / m_sqrt(*s - *t * *t + p.h2);
  return clip_to(weight + *u, p.clip_weights);
#elif RULE == SIGNSGD
  return (1 - p.lr * p.wd) * weight - p.lr * sign_of(scaled);
#elif RULE == SIGNUM
  *s = p.h0 * *s - (1 - p.h0) * (p.wd * weight + clip_to(scaled, p.clip));
  return (1 - p.lr * p.h1) * weight + p.lr * sign_of(*s);
#elif RULE == ADAMW
  const CT g = clip_to(scaled, p.clip);
  *s = p.h0 * *s + (1 - p.h0) * g;
  *t = p.h1 * *t + (1 - p.h1) * g * g;
  return weight - p.own * (p.lr * *s / (m_sqrt(*t) + p.h2) + p.wd * weight);
#elif RULE == LAMB /* the direction */
  const CT g = clip_to(scaled, p.clip);
  *s = p.h0 * *s + (1 - p.h0) * g;
  *t = p.h1 * *t + (1 - p.h1) * g * g;
  return direction(weight, *s, *t, p);
#elif RULE == FTML /* lr is (1 - beta1^t) / lr, own is 1 - beta2^t */
  const CT g = clip_to(scaled + p.wd * weight, p.clip);
  *t = p.h1 * *t + (1 - p.h1) * g * g;
  const CT next = p.lr * (m_sqrt(*t / p.own) + p.h2);
  *u = p.h0 * *u + (1 - p.h0) * g - (next - p.h0 * *s) * weight;
  *s = next;
  return -*u / next;
#elif RULE == ADAGRAD
  const CT g = clip_to(scaled, p.clip);
  *s += g * g;
  return weight - p.lr * (g / m_sqrt(*s + p.h0) + p.wd * weight);
#elif RULE == ADADELTA /* s and t: means of the squares of gradients and steps */
  const CT g = clip_to(scaled, p.clip);
  *s = p.h0 * *s + (1 - p.h0) * g * g;
  const CT delta = m_sqrt(*t + p.h1) / m_sqrt(*s + p.h1) * g;
  *t = p.h0 * *t + (1 - p.h0) * delta * delta;
  return weight - (delta + p.wd * weight);
#elif RULE == ADAMAX
  const CT g = clip_to(scaled + p.wd * weight, p.clip), decayed = p.h1 * *t;
  *s = p.h0 * *s + (1 - p.h0) * g;
  *t = MAX_(decayed, m_abs(g));
  return weight - p.lr * *s / *t;
#elif RULE == NADAM /* own and own1: factors of gradient and mean; own2: 1 - beta2^t; clip_weights: 1 - beta2, to more digits than from h1 */
  const CT g = clip_to(scaled + p.wd * weight, p.clip);
  *s = p.h0 * *s + (1 - p.h0) * g;
  *t = p.h1 * *t + p.clip_weights * g * g;
  return weight - p.lr * (p.own * g + p.own1 * *s) / (m_sqrt(*t / p.own2) + p.h2);
#elif RULE == DCASGD /* s: the weight before; t: the momentum, where h0 is not 0 */
  const CT g = clip_to(scaled, p.clip);
  const CT move = -p.lr * (g + p.wd * weight + p.h1 * g * g * (weight - *s));
  *s = weight;
#if RULE_STATES > 1
  *t = p.h0 * *t + move;
  return weight + *t;
#else
  return weight + move;
#endif
#elif RULE == SGLD /* s: a draw of the normal distribution; own: its deviation */
  return weight - p.lr / 2 * (clip_to(scaled, p.clip) + p.wd * weight) + p.own * *s;
#elif RULE == TEST
  const CT next = weight + scaled;
  *s = next;
  return next;
#else /* FTRL */
  const CT g = clip_to(scaled, p.clip), next = *t + g * g;
  *s += g - (m_sqrt(next) - m_sqrt(*t)) * weight / p.lr;
  *t = next;
  return m_abs(*s) > p.h0 ? (sign_of(*s) * p.h0 - *s) / ((p.h1 + m_sqrt(next)) / p.lr + p.wd) : 0;
#endif
}

static inline void step_block(const global T *w, const global T *grad, global S *s, global S *t, global S *u, global S *m, global OUT *w_out,
                              const long i, const int count, const Hyper p) {
  CT weight[BLOCK], g[BLOCK], a[BLOCK], b[BLOCK], c[BLOCK];
  FOR_BATCH(j, count, BLOCK) g[j] = LOAD(grad, i + j);
#if RULE_STATES > 0
  FOR_BATCH(j, count, BLOCK) a[j] = LOAD_S(s, i + j);
#endif
#if RULE_STATES > 1
  FOR_BATCH(j, count, BLOCK) b[j] = LOAD_S(t, i + j);
#endif
#if RULE_STATES > 2
  FOR_BATCH(j, count, BLOCK) c[j] = LOAD_S(u, i + j);
#endif
#if MASTER
  FOR_BATCH(j, count, BLOCK) weight[j] = m[i + j];
#else
  FOR_BATCH(j, count, BLOCK) weight[j] = LOAD(w, i + j);
#endif
  FOR_BATCH(j, count, BLOCK) weight[j] = step(weight[j], g[j], a + j, b + j, c + j, p);
#if MASTER && RULE != LAMB
  FOR_BATCH(j, count, BLOCK) m[i + j] = weight[j];
#endif
#if RULE_STATES > 0
  FOR_BATCH(j, count, BLOCK) PUT_S(s, i + j, a[j]);
#endif
#if RULE_STATES > 1
  FOR_BATCH(j, count, BLOCK) PUT_S(t, i + j, b[j]);
#endif
#if RULE_STATES > 2
  FOR_BATCH(j, count, BLOCK) PUT_S(u, i + j, c[j]);
#endif
  FOR_BATCH(j, count, BLOCK) STORE_AS(REQ, OUT, w_out, i + j, weight[j]);
}

static inline void step_tensor(const global T *w, const global T *grad, global S *s, global S *t, global S *u, global OUT *w_out, const long n,
                               const Hyper p) {
  global S *m = STATES == 1 ? s : STATES == 2 ? t : u;
  FOR_EACH(block, (n + BLOCK - 1) / BLOCK) {
    const long i = block * BLOCK;
    step_block(w, grad, s, t, u, m, w_out, i, (int)min((long)BLOCK, n - i), p);
  }
}

#endif
