/* Labels of connectionist temporal classification, in the form that sequence/ctc.cl reads; what the arrays hold is told there.
 *
 *   ctc_lengths   an item a sequence: the label's length, up to the first `padding` unless it is told; the steps that count; whether it fits
 *   ctc_states    an item a state: its class, whether it may follow the class before, and the places of the same class
 *
 * label: (batch, most) of TI, CI; lengths: TD, CD of the data's and TN, CN of the labels'. Fractions are rounded.
 */
#include "common.h"

#ifndef TI
#define TI float
#define CI float
#define TD float
#define CD float
#define TN float
#define CN float
#endif

#define NEVER ((CT)(-INFINITY))

/* The nearest whole number, cut to 0 .. most; NaN gives 0.  */
#define CUT_LENGTH(v, most) ((v) >= (most) ? (most) : (v) > 0 ? (long)((float)(v) + 0.5f) : 0)
static inline long class_of(const CI v, const long classes) {
  if (!(v > (CI)-1 && v < (CI)classes)) return -1;
  const long c = (long)((float)v + 1.5f) - 1;
  return c >= 0 && c < classes ? c : -1;
}

kernel void ctc_lengths(const global TI *label, const global TD *data_length, const global TN *label_length, global int *info,
                        const long steps, const long batch, const long classes, const long most, const int has_data_lengths,
                        const int has_label_lengths, const int padding) {
  FOR_EACH(n, batch) {
    long end = steps, len = most, needed = 0, before = -1;
    int state = 0;
    if (has_data_lengths) {
      const CD given = LOAD_AS(TD, data_length, n);
      end = CUT_LENGTH(given, steps);
    }
    if (has_label_lengths) {
      const CN told = LOAD_AS(TN, label_length, n);
      len = CUT_LENGTH(told, most);
    }
    for (long i = 0; i < len; i++) {
      const CI v = LOAD_AS(TI, label, n * most + i);
      if (!has_label_lengths && v == (CI)padding) {
        len = i;
        break;
      }
      const long c = class_of(v, classes);
      if (c < 0) state = 2;
      needed += 1 + (i > 0 && c == before);
      before = c;
    }
    info[4 * n] = (int)len;
    info[4 * n + 1] = (int)end;
    info[4 * n + 2] = state ? state : needed > end;
  }
}

kernel void ctc_states(const global TI *label, const global int *info, global int *class, global CT *skip, global int *link, const long batch,
                       const long classes, const long most, const long blank) {
  const long states = 2 * most + 1;
  FOR_EACH(k, batch * (states + 2)) {
    const long n = k / (states + 2), s = k % (states + 2), i = s / 2, len = info[4 * n];
    const int is_class = s % 2 == 1 && i < len && info[4 * n + 2] != 2;
    const global TI *mine = label + n * most;
    const long c = is_class ? class_of(LOAD_AS(TI, mine, i), classes) : blank;
    const int same = is_class && i > 0 && class_of(LOAD_AS(TI, mine, i - 1), classes) == c;
    skip[k] = is_class && i > 0 && c != blank && !same ? 0 : NEVER;
    if (s < states) class[n * states + s] = (int)c;
    if (is_class) {
      long next = -1, first = 1;
      for (long j = 0; j < i; j++)
        if (class_of(LOAD_AS(TI, mine, j), classes) == c) first = 0;
      for (long j = len - 1; j > i; j--)
        if (class_of(LOAD_AS(TI, mine, j), classes) == c) next = j;
      link[2 * (n * most + i)] = (int)next;
      link[2 * (n * most + i) + 1] = (int)first;
    }
  }
}
