/* Detections of single-shot detectors around the sort and the suppression: n prior boxes, classes scores each.
 *
 *   detection_find    found (batches, 5, n): score and corners; ids (batches, n): the class less one, or -1 if the box is no detection.
 *                     keys: the score, -INFINITY for none
 *   detection_flags   1 for detections, -INFINITY for none: keys that keep their order
 *   detection_boxes   the first `top` in order, as suppression.cl wants them
 *   detection_store   y (batches, n, 6): class or -1, score, corners. With LIMITED what lies beyond the first `top` comes in the order of the
 *                     prior boxes (`plain`), without class; without SUPPRESS nothing is suppressed
 */
#include "common.h"
#include "items.h"
#include "convert.h"
#include "boxes.h"

#ifndef SUPPRESS
#define SUPPRESS 1
#endif
#ifndef LIMITED
#define LIMITED 0
#endif
#define PRIORS 256

kernel void detection_find(const global T *scores, const global T *offsets, const global T *anchors, global T *found, global int *ids,
                           global T *keys, const long batches, const long n, const long classes, const float threshold,
                           const float4 variances, const int clip) {
  FOR_STRETCHES(batch, lo, hi, batches, n, PRIORS) {
    T best[STRETCH(PRIORS)];
    int id[STRETCH(PRIORS)];
    const int count = (int)(hi - lo);
    for (int j = 0; j < count; j++) best[j] = -1, id[j] = 0;
    for (long c = 1; c < classes; c++) {
      const global T *s = scores + (batch * classes + c) * n + lo;
      for (int j = 0; j < count; j++) {
        const T v = s[j];
        id[j] = v > best[j] ? (int)c : id[j];
        best[j] = v > best[j] ? v : best[j];
      }
    }
    global T *to = found + batch * 5 * n;
    for (long a = lo; a < hi; a++) {
      const T score = best[a - lo];
      const int none = id[a - lo] == 0 || score < threshold;
      const global T *p = offsets + (batch * n + a) * 4;
      const T x1 = anchors[a * 4], y1 = anchors[a * 4 + 1], x2 = anchors[a * 4 + 2], y2 = anchors[a * 4 + 3];
      const T w = x2 - x1, h = y2 - y1;
      const T x = p[0] * variances.x * w + (x1 + x2) / 2, y = p[1] * variances.y * h + (y1 + y2) / 2;
      const T ow = m_exp(p[2] * variances.z) * w / 2, oh = m_exp(p[3] * variances.w) * h / 2;
      to[a] = score;
      to[n + a] = clip ? hard(x - ow) : x - ow;
      to[2 * n + a] = clip ? hard(y - oh) : y - oh;
      to[3 * n + a] = clip ? hard(x + ow) : x + ow;
      to[4 * n + a] = clip ? hard(y + oh) : y + oh;
      ids[batch * n + a] = none ? -1 : id[a - lo] - 1;
      keys[batch * n + a] = none ? -INFINITY : score;
    }
  }
}

kernel void detection_flags(const global int *ids, global T *keys, const long count) {
  FOR_EACH(i, count) keys[i] = ids[i] < 0 ? -INFINITY : 1;
}

kernel void detection_boxes(const global T *found, const global int *ids, const global int *places, global T *boxes, global int *groups,
                            global int *dead, const long batches, const long n, const long top, const int forced) {
  FOR_EACH(e, batches * top) {
    const long batch = e / top, r = e % top, from = places[batch * n + r];
    const global T *p = found + batch * 5 * n + from;
    global T *to = boxes + batch * 5 * top + r;
    const T x1 = p[n], y1 = p[2 * n], x2 = p[3 * n], y2 = p[4 * n];
    to[0] = x1;
    to[top] = y1;
    to[2 * top] = x2;
    to[3 * top] = y2;
    to[4 * top] = (x2 - x1) * (y2 - y1);
    const int id = ids[batch * n + from];
    groups[e] = forced ? 0 : id;
    dead[e] = id < 0;
  }
}

kernel void detection_store(const global T *found, const global int *ids, const global int *places, const global int *plain,
                            const global int *dead, global T *y, const long batches, const long n, const long top) {
  FOR_EACH(e, batches * n) {
    const long batch = e / n, r = e % n;
    const int behind = LIMITED && r >= top;
    const int none = ids[batch * n + places[e]] < 0;
    const long from = behind ? plain[e] : places[e];
    const global T *p = found + batch * 5 * n + from;
    int gone = none | behind;
#if SUPPRESS
    if (!behind) gone |= dead[batch * top + r];
#endif
    STORE(y, e * 6, gone ? (T)-1 : (T)ids[batch * n + from]);
    STORE(y, e * 6 + 1, none ? (T)-1 : p[0]);
    STORE(y, e * 6 + 2, none ? (T)-1 : p[n]);
    STORE(y, e * 6 + 3, none ? (T)-1 : p[2 * n]);
    STORE(y, e * 6 + 4, none ? (T)-1 : p[3 * n]);
    STORE(y, e * 6 + 5, none ? (T)-1 : p[4 * n]);
  }
}
