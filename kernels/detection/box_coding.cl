/* Boxes as seen from anchors, and back.
 *
 * box_encode: samples, matches (batches, n), anchors (batches, n, 4), refs (batches, m, 4), all corners; y (batches, n, 4): the box that an
 * anchor is matched with, less `means` in units of `stds`, where the sample is positive, else 0. box_encode_masks: 1 there, else 0.
 * box_decode: data (batches, n, 4), anchors (n, 4); CENTER: the anchors are (x, y, width, height).
 */
#include "common.h"
#include "items.h"
#include "convert.h"

#ifndef CENTER
#define CENTER 0
#endif

kernel void box_encode(const global T *samples, const global T *matches, const global T *anchors, const global T *refs,
                       const global T *means, const global T *stds, global T *y, const long batches, const long n, const long m) {
  FOR_EACH(e, batches * n) {
    CT v[4] = {0, 0, 0, 0};
    if (LOAD(samples, e) > (CT)0.5 && m > 0) {
      const CT match = LOAD(matches, e);
      const long at = match > 0 ? (match < m ? (long)match : m - 1) : 0, from = (e / n * m + at) * 4;
      for (int d = 0; d < 2; d++) {
        const CT lo = LOAD(anchors, e * 4 + d), hi = LOAD(anchors, e * 4 + d + 2), low = LOAD(refs, from + d), high = LOAD(refs, from + d + 2);
        v[d] = ((low + high) * (CT)0.5 - (lo + hi) * (CT)0.5) / (hi - lo);
        v[d + 2] = m_log((high - low) / (hi - lo));
      }
      for (int c = 0; c < 4; c++) v[c] = (v[c] - LOAD(means, c)) / LOAD(stds, c);
    }
    for (int c = 0; c < 4; c++) STORE(y, e * 4 + c, v[c]);
  }
}

kernel void box_encode_masks(const global T *samples, global T *y, const long count) {
  FOR_EACH(e, count * 4) STORE(y, e, LOAD(samples, e / 4) > (CT)0.5 ? (CT)1 : (CT)0);
}

/* lowest and highest coordinate in one dimension; `at`, `extent`: the anchor's center and extent */
#if CENTER
#define DECODED_ANCHOR(p, d) const CT at = LOAD(p, d), extent = LOAD(p, d + 2);
#else
#define DECODED_ANCHOR(p, d) const CT first = LOAD(p, d), extent = LOAD(p, d + 2) - first, at = first + extent * (CT)0.5;
#endif
#define DECODE(d, std_at, std_extent)                                                                        \
  {                                                                                                          \
    DECODED_ANCHOR(anchors, 4 * j + d)                                                                       \
    const CT center = LOAD(from, 4 * j + d) * std_at * extent + at, grown = LOAD(from, 4 * j + d + 2) * std_extent; \
    const CT half_extent = m_exp(grown > most ? most : grown) * extent * (CT)0.5;                            \
    STORE(to, 4 * j + d, center - half_extent);                                                              \
    STORE(to, 4 * j + d + 2, center + half_extent);                                                          \
  }

kernel void box_decode(const global T *x, const global T *anchors, global T *y, const long batches, const long n, const CT std0,
                       const CT std1, const CT std2, const CT std3, const CT clip) {
  const CT most = clip > 0 ? clip : INFINITY;
  FOR_STRETCHES(batch, lo, hi, batches, n, 1024) {
    const global T *from = x + batch * n * 4;
    global T *to = y + batch * n * 4;
    MAP_LOOP
    for (long j = lo; j < hi; j++) {
      DECODE(0, std0, std2)
      DECODE(1, std1, std3)
    }
  }
}
