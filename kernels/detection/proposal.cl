/* Region proposals: boxes (batches, 4, number) of H x W cells with `anchors` boxes each, cell after cell, and their scores.
 *
 *   proposal_boxes   anchors first .. first + count - 1 of every cell, whose corners at the first cell are in `base`: moved by what the
 *                    network says (offsets (batches, 4 * anchors, H, W)), cut to the image, grown where they are too small. Scores of those, and of
 *                    cells beyond the image, become -1; keys: the scores, NaN last
 *   proposal_sorted  the first `top` in order, as suppression.cl wants them
 *   proposal_rows    y (batches, rows, 5): the batch and corners of the boxes that stay, again from the first where there are not enough
 *   proposal_scores  y (batches, rows, 1): their scores
 */
#include "common.h"
#include "items.h"
#include "convert.h"
#include "boxes.h"

#ifndef IOU_LOSS
#define IOU_LOSS 0
#endif
#define WITHIN(v, most) LARGER(SMALLER(v, most), 0)

kernel void proposal_boxes(const global T *scores, const global T *offsets, const global T *info, global T *boxes, global T *keys,
                           const long batches, const int height, const int width, const int anchors, const int first, const int count,
                           const float16 base, const int stride, const float smallest) {
  float corners[16];
  vstore16(base, 0, corners);
  const long plane = (long)height * width, number = plane * anchors;
  FOR_EACH(e, batches * count * plane) {
    const long b = e / plane / count, cell = e % plane, to = b * 4 * number + cell * anchors + first + e / plane % count;
    const int k = (int)(e / plane % count), a = first + k, h = (int)(cell / width), w = (int)(cell % width);
    const global T *p = offsets + (b * 4 * anchors + 4 * a) * plane + cell;
    const T tall = info[b * 3], wide = info[b * 3 + 1], least = smallest * info[b * 3 + 2];
    T x1 = corners[k * 4] + w * stride, y1 = corners[k * 4 + 1] + h * stride;
    T x2 = corners[k * 4 + 2] + w * stride, y2 = corners[k * 4 + 3] + h * stride;
    const T d0 = p[0], d1 = p[plane], d2 = p[2 * plane], d3 = p[3 * plane];
#if IOU_LOSS
    x1 += d0, y1 += d1, x2 += d2, y2 += d3;
#else
    const T w1 = x2 - x1 + 1, h1 = y2 - y1 + 1;
    const T x = d0 * w1 + (x1 + 0.5f * (w1 - 1)), y = d1 * h1 + (y1 + 0.5f * (h1 - 1));
    const T half_w = 0.5f * (m_exp(d2) * w1 - 1), half_h = 0.5f * (m_exp(d3) * h1 - 1);
    x1 = x - half_w, y1 = y - half_h, x2 = x + half_w, y2 = y + half_h;
#endif
    x1 = WITHIN(x1, wide - 1), y1 = WITHIN(y1, tall - 1), x2 = WITHIN(x2, wide - 1), y2 = WITHIN(y2, tall - 1);
    T score = scores[(b * 2 * anchors + anchors + a) * plane + cell];
    if (h >= TO_INT(tall / stride) || w >= TO_INT(wide / stride)) score = -1;
    if (x2 - x1 + 1 < least || y2 - y1 + 1 < least) {
      x1 -= least / 2, y1 -= least / 2, x2 += least / 2, y2 += least / 2;
      score = -1;
    }
    boxes[to] = x1, boxes[to + number] = y1, boxes[to + 2 * number] = x2, boxes[to + 3 * number] = y2;
    keys[b * number + cell * anchors + a] = score == score ? score : -INFINITY;
  }
}

kernel void proposal_sorted(const global T *found, const global int *places, global T *boxes, global int *ids, global int *dead,
                            const long batches, const long number, const long top) {
  FOR_EACH(e, batches * top) {
    const long batch = e / top, r = e % top;
    const global T *p = found + batch * 4 * number + places[batch * number + r];
    global T *to = boxes + batch * 5 * top + r;
    const T x1 = p[0], y1 = p[number], x2 = p[2 * number], y2 = p[3 * number];
    to[0] = x1, to[top] = y1, to[2 * top] = x2, to[3 * top] = y2;
    to[4 * top] = (x2 - x1 + 1) * (y2 - y1 + 1);
    ids[e] = dead[e] = 0;
  }
}

kernel void proposal_rows(const global T *boxes, const global int *kept, const global int *marks, global T *y, const long batches,
                          const long rows, const long top, const int blocks) {
  FOR_EACH(e, batches * rows * 5) {
    const long batch = e / 5 / rows, r = e / 5 % rows;
    const int c = (int)(e % 5), count = marks[batch * (blocks + 1) + blocks];
    const T v = c == 0 ? (T)batch : count == 0 ? 0 : boxes[(batch * 5 + c - 1) * top + kept[batch * top + r % count]];
    STORE(y, e, v);
  }
}

kernel void proposal_scores(const global T *keys, const global int *kept, const global int *marks, global T *y, const long batches,
                            const long rows, const long number, const long top, const int blocks) {
  FOR_EACH(e, batches * rows) {
    const long batch = e / rows, r = e % rows;
    const int count = marks[batch * (blocks + 1) + blocks];
    const T v = count == 0 ? 0 : keys[batch * number + kept[batch * top + r % count]];
    STORE(y, e, v);
  }
}
