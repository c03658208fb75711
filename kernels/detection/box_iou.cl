/* y (lhs, rhs): intersection over union of each box of lhs (lhs, 4) with each of rhs (rhs, 4); 0 where both are empty.
 * CENTER: boxes are (x, y, width, height).
 */
#include "common.h"
#include "items.h"
#include "boxes.h"

#ifndef CENTER
#define CENTER 0
#endif

typedef struct {
  CT x1, y1, x2, y2, area;
} box;

static inline box load_box(const global T *p, const long i) {
  const CT a = LOAD(p, 4 * i), b = LOAD(p, 4 * i + 1), c = LOAD(p, 4 * i + 2), d = LOAD(p, 4 * i + 3);
  box r;
#if CENTER
  r.x1 = a - c / 2, r.y1 = b - d / 2, r.x2 = a + c / 2, r.y2 = b + d / 2, r.area = box_area(c, d);
#else
  r.x1 = a, r.y1 = b, r.x2 = c, r.y2 = d, r.area = box_area(c - a, d - b);
#endif
  return r;
}

kernel void box_iou(const global T *lhs, const global T *rhs, global T *y, const long rows, const long columns) {
  FOR_STRETCHES(row, lo, hi, rows, columns, 1024) {
    const box a = load_box(lhs, row);
    for (long j = lo; j < hi; j++) {
      const box b = load_box(rhs, j);
      const CT inter = INTERSECTION(a.x1, a.y1, a.x2, a.y2, b.x1, b.y1, b.x2, b.y2, 0), both = a.area + b.area - inter;
      const CT v = both > 0 ? inter / both : 0;
      STORE(y, row * columns + j, v);
    }
  }
}
