/* box_nms around the sort and the suppression: data (batches, n, width), of which each row is a box with its score and perhaps an id.
 *
 *   nms_keys      the scores of valid boxes, -INFINITY for others: (batches, n)
 *   nms_boxes     the first `top` boxes in order, as suppression.cl wants them; IN_CENTER: they come as (x, y, width, height)
 *   nms_rows      y: the rows that stay, first; -1 in the others. CONVERT 1: corners to centers, 2: centers to corners
 *   nms_record    y (of TY): where in all of the data each row came from, or -1
 *   nms_copy, nms_all   without a suppression: all rows, and every row's index
 *   nms_ranks, nms_backward   dx: the rows of g where their boxes came from, 0 elsewhere
 */
#include "common.h"
#include "items.h"
#include "convert.h"
#include "boxes.h"

#ifndef TY
#define TY T
#define CY CT
#endif
#ifndef IN_CENTER
#define IN_CENTER 0
#endif
#ifndef CONVERT
#define CONVERT 0
#endif

kernel void nms_keys(const global T *x, global CT *keys, const long count, const int width, const int score, const int id, const CT background,
                     const CT thresh) {
  FOR_EACH(i, count) {
    const CT v = LOAD(x, i * width + score);
    const int other = id < 0 || LOAD(x, i * width + (id < 0 ? 0 : id)) != background;
    keys[i] = v > thresh && other ? v : -INFINITY;
  }
}

kernel void nms_boxes(const global T *x, const global CT *keys, const global int *places, global CT *boxes, global int *ids, global int *dead,
                      const long batches, const long n, const long top, const int width, const int coord, const int id) {
  FOR_EACH(e, batches * top) {
    const long batch = e / top, r = e % top, from = (batch * n + places[batch * n + r]) * width;
    const CT a = LOAD(x, from + coord), b = LOAD(x, from + coord + 1), c = LOAD(x, from + coord + 2), d = LOAD(x, from + coord + 3);
    global CT *to = boxes + batch * 5 * top + r;
#if IN_CENTER
    to[0] = a - c / 2;
    to[top] = b - d / 2;
    to[2 * top] = a + c / 2;
    to[3 * top] = b + d / 2;
    to[4 * top] = box_area(c, d);
#else
    to[0] = a;
    to[top] = b;
    to[2 * top] = c;
    to[3 * top] = d;
    to[4 * top] = box_area(c - a, d - b);
#endif
    const CT which = id < 0 ? 0 : LOAD(x, from + (id < 0 ? 0 : id));
    ids[e] = TO_INT(which);
    dead[e] = keys[batch * n + r] == -INFINITY;
  }
}

kernel void nms_rows(const global T *x, const global int *places, const global int *kept, const global int *marks, global T *y,
                     const long batches, const long n, const long top, const int blocks, const int width, const int coord) {
  FOR_EACH(e, batches * n * width) {
    const long row = e / width, batch = row / n, r = row % n;
    const int c = (int)(e % width), at = c - coord, side = at & 1;
    CT v = -1;
    if (r < marks[batch * (blocks + 1) + blocks]) {
      const long from = (batch * n + places[batch * n + kept[batch * top + r]]) * width;
      v = LOAD(x, from + c);
#if CONVERT
      if (at >= 0 && at < 4) {
        const CT a = LOAD(x, from + coord + side), b = LOAD(x, from + coord + side + 2);
#if CONVERT == 1
        v = at < 2 ? (a + b) / 2 : b - a;
#else
        v = at < 2 ? a - b / 2 : a + b / 2;
#endif
      }
#endif
    }
    STORE(y, e, v);
  }
}

kernel void nms_record(const global int *places, const global int *kept, const global int *marks, global TY *y, const long batches,
                       const long n, const long top, const int blocks) {
  FOR_EACH(e, batches * n) {
    const long batch = e / n, r = e % n;
    const int live = r < marks[batch * (blocks + 1) + blocks];
    STORE_AS(REQ, TY, y, e, live ? (CY)(batch * n + places[batch * n + kept[batch * top + (live ? r : 0)]]) : (CY)-1);
  }
}

kernel void nms_copy(const global T *x, global T *y, const long count) {
  FOR_EACH(e, count) STORE(y, e, LOAD(x, e));
}

kernel void nms_all(global TY *y, const long count) {
  FOR_EACH(e, count) STORE_AS(REQ, TY, y, e, (CY)e);
}

kernel void nms_clear(global int *ranks, const long count) {
  FOR_EACH(i, count) ranks[i] = -1;
}

kernel void nms_ranks(const global TY *record, global int *ranks, const long count) {
  FOR_EACH(e, count) {
    const long from = (long)LOAD_AS(TY, record, e);
    if (from >= 0 && from < count) ranks[from] = (int)e;
  }
}

kernel void nms_backward(const global T *g, const global int *ranks, global T *dx, const long count, const int width) {
  FOR_EACH(e, count * width) {
    const long rank = ranks[e / width];
    STORE(dx, e, rank < 0 ? (CT)0 : LOAD(g, rank * width + e % width));
  }
}
