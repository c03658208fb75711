/* Overlaps of boxes, given by corners (x1, y1, x2, y2) and areas. Products and sums are rounded one by one, as MXNet's are: a contracted
 * multiply-add would decide otherwise where an overlap is just the threshold.
 *
 * Of two extents the first counts where either is NaN, so that a NaN never suppresses nor matches unless both areas are numbers.
 */
#ifndef BOXES_H
#define BOXES_H
#pragma OPENCL FP_CONTRACT OFF

#define LARGER(a, b) ((a) < (b) ? (b) : (a))
#define SMALLER(a, b) ((b) < (a) ? (b) : (a))
#define POSITIVE(v) ((v) > 0 ? (v) : 0)

/* the intersection of a and b; `unit` is 1 where coordinates are pixels, the last one included */
#define INTERSECTION(ax1, ay1, ax2, ay2, bx1, by1, bx2, by2, unit)                     \
  (POSITIVE(SMALLER(ax2, bx2) - LARGER(ax1, bx1) + (unit)) * POSITIVE(SMALLER(ay2, by2) - LARGER(ay1, by1) + (unit)))

/* extents below zero make an area of zero */
static inline CT box_area(const CT w, const CT h) { return w < 0 || h < 0 ? 0 : w * h; }

#endif
