/* Connectionist temporal classification: -log of the probability of a label over all its alignments with the steps of a sequence.
 * Graves et al., ICML 2006, in logarithms.
 *
 * x: (steps, batch, classes), before the softmax. A label of `len` classes has 2 len + 1 states, blank ones around each class; `states`, 2 most + 1,
 * are the most that there can be. In workspaces of CT, for each sequence n:
 *
 *   info[n]            len, steps, and what becomes of it: 0 a loss, 1 no alignment fits (loss 0, no gradient), 2 a class that is none (NaN)
 *   classes[n][s]      class of a state
 *   skip[n][s]         0 where a state may follow the one before its blank, else -infinity; two more behind the last
 *   link[n][i]         the next place in the label with the same class, or -1; whether this is the first of them
 *   scale[t][n]        log of the softmax's denominator
 *   alpha[n][t][2 + s] log of the probability of all ways to be in s after t; two of -infinity before. kept_rows of them, steps or 2.
 *   beta[n][2][s]      log of that of all ways on, with step t itself; two of -infinity behind
 *
 * Those of the labels are made by sequence/ctc_labels.cl.
 *
 *   ctc_scale                 rows (include/reduce.h)
 *   ctc_alpha                 a group a sequence (include/together.h): alpha, and the loss
 *   ctc_beta                  the same backwards; alpha becomes the probability of being in s at t
 *   ctc_softmax, ctc_classes  gradient: the softmax, less the probability of each class at t; an item a class that occurs, so that none add
 *                             to the same element
 *   ctc_times                 the gradient times that of the loss
 */
#include "common.h"
#include "math.h"
#include "exp16.h"
#include "reduce.h"
#include "together.h"

#define NEVER ((CT)(-INFINITY))

kernel void ctc_scale(const global T *x, global CT *scale, const long rows, const long classes, const int lanes, const int strided) {
  ROWS_LOCAL
  ROWS_BEGIN(row, rows)
  const global T *p = x + row * classes;
  CT top, sum;
  ROW_MAX(top, i, classes, load8(p, i), LOAD(p, i))
  ROW_SUM(sum, i, classes, CAT(exp16_, CT)(load16(p, i) - top), m_exp(LOAD(p, i) - top))
  if (row_live && row_lane == 0) scale[row] = top + m_log(sum);
  ROWS_END
}

/* log(e^a + e^b + e^c) */
static inline __attribute__((always_inline)) CT log_sum(const CT a, const CT b, const CT c) {
  const CT ab = a > b ? a : b, top = ab > c ? ab : c, base = top > NEVER ? top : 0;
  return base + m_log(m_exp(a - base) + m_exp(b - base) + m_exp(c - base));
}

#define SCORE(t, s) (LOAD(x, ((t) * batch + n) * classes + class[s]) - scale[(t) * batch + n])

kernel void ctc_alpha(const global T *x, const global CT *scale, const global int *all_classes, const global CT *all_skip, const global int *info,
                      global CT *all_alpha, global T *loss, const long batch, const long classes, const long states, const long kept_rows) {
  const long n = (long)get_group_id(0), stride = states + 2;
  const long count = 2 * info[4 * n] + 1, end = info[4 * n + 1];
  const int state = info[4 * n + 2];
  const global int *class = all_classes + n * states;
  const global CT *skip = all_skip + n * stride;
  global CT *alpha = all_alpha + n * kept_rows * stride;
  if (state || end == 0) {
    if (ALONE) STORE(loss, n, state == 2 ? (CT)NAN : (CT)0);
    return;
  }
  for (long t = 0; t < end; t++) {
    global CT *now = alpha + t % kept_rows * stride;
    const global CT *before = alpha + (t + kept_rows - 1) % kept_rows * stride;
    if (ALONE) now[0] = now[1] = NEVER;
    if (t == 0) {
      FOR_TOGETHER(s, 0, count) now[2 + s] = s < 2 ? SCORE(0, s) : NEVER;
    } else {
      FOR_TOGETHER(s, 0, count) now[2 + s] = SCORE(t, s) + log_sum(before[2 + s], before[1 + s], before[s] + skip[s]);
    }
    MEET;
  }
  const global CT *last = alpha + (end - 1) % kept_rows * stride;
  if (ALONE) STORE(loss, n, -log_sum(last[1 + count], last[count], NEVER));
}

kernel void ctc_beta(const global T *x, const global CT *scale, const global int *all_classes, const global CT *all_skip, const global int *info,
                     global CT *all_alpha, global CT *all_beta, const long steps, const long batch, const long classes,
                     const long states) {
  const long n = (long)get_group_id(0), stride = states + 2;
  const long count = 2 * info[4 * n] + 1, end = info[4 * n + 1];
  const global int *class = all_classes + n * states;
  const global CT *skip = all_skip + n * stride;
  global CT *alpha = all_alpha + n * steps * stride, *beta = all_beta + n * 2 * stride;
  if (info[4 * n + 2] || end == 0) return;
  const global CT *last = alpha + (end - 1) * stride;
  const CT total = log_sum(last[1 + count], last[count], NEVER);
  MEET;
  for (long t = end - 1; t >= 0; t--) {
    global CT *now = beta + t % 2 * stride, *a = alpha + t * stride + 2;
    const global CT *after = beta + (t + 1) % 2 * stride;
    if (ALONE) now[count] = now[count + 1] = NEVER;
    FOR_TOGETHER(s, 0, count) {
      const CT on = t == end - 1 ? (s + 2 >= count ? 0 : NEVER) : log_sum(after[s], after[s + 1], after[s + 2] + (s + 2 < count ? skip[s + 2] : 0));
      now[s] = on + SCORE(t, s);
      a[s] = m_exp(a[s] + on - total);
    }
    MEET;
  }
}

kernel void ctc_softmax(const global T *x, const global CT *scale, const global int *info, global T *dx, const long steps, const long batch,
                        const long classes) {
  FOR_STRETCHES(row, lo, hi, steps * batch, classes, PIECE) {
    const long n = row % batch, t = row / batch;
    const global T *p = x + row * classes;
    global T *q = dx + row * classes;
    const CT shift = scale[row];
    if (info[4 * n + 2] || t >= info[4 * n + 1]) {
      const CT v = info[4 * n + 2] == 2 ? (CT)NAN : (CT)0;
      for (long j = lo; j < hi; j++) STORE(q, j, v);
    } else {
      for (long j = lo; j < hi; j++) STORE(q, j, m_exp(LOAD(p, j) - shift));
    }
  }
}

kernel void ctc_classes(const global CT *all_alpha, const global int *all_classes, const global int *link, const global int *info, global T *dx,
                        const long steps, const long batch, const long classes, const long most, const long blank) {
  const long states = 2 * most + 1, stride = states + 2;
  FOR_EACH(k, steps * batch * (most + 1)) {
    const long row = k / (most + 1), i = k % (most + 1) - 1, t = row / batch, n = row % batch, len = info[4 * n];
    const global CT *at = all_alpha + (n * steps + t) * stride + 2;
    const global int *class = all_classes + n * states;
    if (info[4 * n + 2] || t >= info[4 * n + 1] || i >= len) continue;
    CT sum = 0;
    long c = blank;
    if (i < 0) {
      for (long s = 0; s <= 2 * len; s++) sum += class[s] == blank ? at[s] : 0;
    } else {
      c = class[2 * i + 1];
      if (c == blank || !link[2 * (n * most + i) + 1]) continue;
      for (long j = i; j >= 0; j = link[2 * (n * most + j)]) sum += at[2 * j + 1];
    }
    const long place = row * classes + c;
    STORE_AS(1, T, dx, place, LOAD(dx, place) - sum);
  }
}

kernel void ctc_times(const global T *g, const global T *x, global T *dx, const long steps, const long batch, const long classes) {
  FOR_STRETCHES(row, lo, hi, steps * batch, classes, PIECE) {
    const CT factor = LOAD(g, row % batch);
    const global T *p = x + row * classes;
    global T *q = dx + row * classes;
    for (long j = lo; j < hi; j++) {
      const CT v = factor * LOAD(p, j);
      STORE(q, j, v);
    }
  }
}
