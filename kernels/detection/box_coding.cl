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

kernel void box_decode(const global T *x, const global T *anchors, global T *y, const long count, const long n, const CT std0, const CT std1,
                       const CT std2, const CT std3, const CT clip) {
  FOR_EACH(e, count) {
    const long a = e % n * 4;
    for (int d = 0; d < 2; d++) {
#if CENTER
      const CT at = LOAD(anchors, a + d), extent = LOAD(anchors, a + d + 2);
#else
      const CT first = LOAD(anchors, a + d), extent = LOAD(anchors, a + d + 2) - first, at = first + extent * (CT)0.5;
#endif
      const CT center = LOAD(x, e * 4 + d) * (d ? std1 : std0) * extent + at, grown = LOAD(x, e * 4 + d + 2) * (d ? std3 : std2);
      const CT half_extent = m_exp(clip > 0 && grown > clip ? clip : grown) * extent * (CT)0.5;
      STORE(y, e * 4 + d, center - half_extent);
      STORE(y, e * 4 + d + 2, center + half_extent);
    }
  }
}
