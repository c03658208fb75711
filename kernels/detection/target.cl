/* Training targets of prior boxes: anchors (A, 4), labels (batches, L, width) of rows id, x1, y1, x2, y2, ...; the first id of -1 ends them.
 *
 *   target_labels    how many labels there are: (batches)
 *   target_overlaps  intersection over union of each label with each anchor: (batches, L, A); -1 beyond the last label
 *   target_assign    state (batches, A): the label of an anchor, or -1, given the greedy matches (or -1). keys: where negatives are mined, minus
 *                    the probability of the background for what may become one, or -INFINITY
 *   target_count     anchors with a label: (batches)
 *   target_negatives state becomes -2 for the negatives that are wanted, the first of the sorted keys
 *   target_classes, target_masks, target_offsets   the outputs: (batches, A), (batches, A, 4), (batches, A, 4)
 */
#include "common.h"
#include "items.h"
#include "members.h"
#include "math.h"
#include "boxes.h"

#ifndef GROUP
#define GROUP 1
#endif

kernel void target_labels(const global T *labels, global int *valid, const long batches, const long count, const long width) {
  FOR_EACH(b, batches) {
    long i = 0;
    while (i < count && labels[(b * count + i) * width] != -1) i++;
    valid[b] = (int)i;
  }
}

kernel void target_overlaps(const global T *anchors, const global T *labels, const global int *valid, global T *overlaps, const long batches,
                            const long count, const long width, const long number) {
  FOR_STRETCHES(row, lo, hi, batches * count, number, 1024) {
    const global T *label = labels + row * width;
    const int live = row % count < valid[row / count];
    const T x1 = label[1], y1 = label[2], x2 = label[3], y2 = label[4], own = (x2 - x1) * (y2 - y1);
    for (long a = lo; a < hi; a++) {
      const T ax1 = anchors[a * 4], ay1 = anchors[a * 4 + 1], ax2 = anchors[a * 4 + 2], ay2 = anchors[a * 4 + 3];
      const T inter = INTERSECTION(ax1, ay1, ax2, ay2, x1, y1, x2, y2, 0), both = (ax2 - ax1) * (ay2 - ay1) + own - inter;
      overlaps[row * number + a] = live ? (both == 0 ? 0 : inter / both) : -1;
    }
  }
}

kernel void target_assign(const global T *overlaps, const global T *predictions, const global int *valid, const global int *matched,
                          global int *state, global T *keys, const long batches, const long count, const long number, const long classes,
                          const float threshold, const float mining, const int mine) {
  FOR_EACH(e, batches * number) {
    const long b = e / number, a = e % number;
    const int labels = valid[b];
    int label = matched[e], best = -1;
    if (label < 0) {
      T most = -1;
      for (int k = 0; k < labels; k++) {
        const T v = overlaps[(b * count + k) * number + a];
        if (v > most) most = v, best = k;
      }
      if (threshold > 0 && best >= 0 && most > threshold) label = best;
      if (mine) {
        T key = -INFINITY;
        if (label < 0 && most < mining) {
          const global T *p = predictions + b * classes * number + a;
          T top = p[0], total = 0;
          for (long c = 1; c < classes; c++) top = p[c * number] > top ? p[c * number] : top;
          for (long c = 0; c < classes; c++) total += m_exp(p[c * number] - top);
          key = -m_exp(p[0] - top) / total;
          if (key != key) key = -2; /* after all probabilities */
        }
        keys[e] = key;
      }
    } else if (mine)
      keys[e] = -INFINITY;
    state[e] = label;
  }
}

kernel void target_count(const global int *state, global int *positives, const long number) {
  local int slots[GROUP];
  const long batch = (long)get_group_id(0);
  int total = 0;
  FOR_MEMBERS(a, 0, number) total += state[batch * number + a] >= 0;
  slots[MEMBER] = total;
  MEETING
  if (ALONE) {
    for (long i = 1; i < MEMBERS; i++) total += slots[i];
    positives[batch] = total;
  }
}

kernel void target_negatives(const global T *keys, const global int *places, const global int *positives, global int *state,
                             const long batches, const long number, const float ratio) {
  FOR_EACH(e, batches * number) {
    const long b = e / number, have = positives[b];
    const float many = have * ratio;
    const long room = number - have, wanted = many < room ? (long)many : room;
    if (e % number < wanted && keys[e] > -INFINITY) state[b * number + places[e]] = -2;
  }
}

/* the class of an anchor's label and 1, for a negative 0, else `ignored` */
kernel void target_classes(const global T *labels, const global int *valid, const global int *state, global T *y, const long batches,
                           const long count, const long width, const long number, const int mine, const float ignored) {
  FOR_EACH(e, batches * number) {
    const long b = e / number;
    const int label = state[e], negative = valid[b] > 0 && (mine ? label == -2 : label < 0);
    const T v = label >= 0 ? labels[(b * count + label) * width] + 1 : (negative ? 0 : ignored);
    STORE(y, e, v);
  }
}

kernel void target_masks(const global int *state, global T *y, const long count) {
  FOR_EACH(e, count * 4) STORE(y, e, state[e / 4] >= 0 ? (T)1 : (T)0);
}

/* where the label's box lies and how large it is, as seen from the anchor, in units of the variances */
kernel void target_offsets(const global T *anchors, const global T *labels, const global int *state, global T *y, const long batches,
                           const long count, const long width, const long number, const float4 variances) {
  FOR_EACH(e, batches * number) {
    const long b = e / number, a = e % number * 4;
    const int label = state[e];
    T x = 0, z = 0, w = 0, h = 0;
    if (label >= 0) {
      const global T *g = labels + (b * count + label) * width + 1;
      const T aw = anchors[a + 2] - anchors[a], ah = anchors[a + 3] - anchors[a + 1];
      const T ax = (anchors[a] + anchors[a + 2]) * 0.5f, ay = (anchors[a + 1] + anchors[a + 3]) * 0.5f;
      x = ((g[0] + g[2]) * 0.5f - ax) / aw / variances.x;
      z = ((g[1] + g[3]) * 0.5f - ay) / ah / variances.y;
      w = m_log((g[2] - g[0]) / aw) / variances.z;
      h = m_log((g[3] - g[1]) / ah) / variances.w;
    }
    STORE(y, e * 4, x);
    STORE(y, e * 4 + 1, z);
    STORE(y, e * 4 + 2, w);
    STORE(y, e * 4 + 3, h);
  }
}
