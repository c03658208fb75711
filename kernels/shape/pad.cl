/* Padding of the last three dimensions by copies of the tensor's own values.
 *
 *   pad           y[n, o0, o1, o2] (req)= x[n, s(o0), s(o1), s(o2)]; s clamps to the tensor (MODE EDGE) or mirrors at its border (REFLECT)
 *   pad_backward  d[n, i0, i1, i2] (req)= sum of g over the positions that read it, in ascending order
 *
 * x, d: count elements of extents in; y, g: of extents out; before: what was put in front. Components 0, 1, 2 are the padded dimensions,
 * outermost first. A work-item computes its share of FOR_EACH.
 */
#include "common.h"

#define EDGE 0
#define REFLECT 1
#ifndef MODE
#define MODE EDGE
#endif

static inline int source(int o, const int before, const int n) {
  o -= before;
#if MODE == EDGE
  return o < 0 ? 0 : o >= n ? n - 1 : o;
#else
  o = o < 0 ? -o : o;
  return o >= n ? 2 * (n - 1) - o : o;
#endif
}

kernel void pad(const global T *x, global T *y, const long n, const int4 in, const int4 out, const int4 before) {
  FOR_EACH(i, n) {
    const int c = (int)(i % out.z), b = (int)(i / out.z % out.y), a = (int)(i / out.z / out.y % out.x);
    const long outer = i / out.z / out.y / out.x;
    const long row = (outer * in.x + source(a, before.x, in.x)) * in.y + source(b, before.y, in.y);
    STORE(y, i, LOAD(x, row * in.z + source(c, before.z, in.z)));
  }
}

/* The positions along one dimension that read index i: with EDGE one stretch, with REFLECT up to three points. */
static inline int readers(const int i, const int before, const int n, const int out, int *at, int *length) {
#if MODE == EDGE
  at[0] = i == 0 ? 0 : i + before;
  length[0] = (i == n - 1 ? out : i + before + 1) - at[0];
  return 1;
#else
  int k = 0;
  if (i > 0 && i <= before) at[k++] = before - i;
  at[k++] = before + i;
  const int mirrored = before + 2 * (n - 1) - i;
  if (i < n - 1 && mirrored < out) at[k++] = mirrored;
  for (int j = 0; j < k; j++) length[j] = 1;
  return k;
#endif
}

kernel void pad_backward(const global T *g, global T *d, const long n, const int4 in, const int4 out, const int4 before) {
  FOR_EACH(i, n) {
    const int c = (int)(i % in.z), b = (int)(i / in.z % in.y), a = (int)(i / in.z / in.y % in.x);
    const long outer = i / in.z / in.y / in.x;
    int ats[3][3], lengths[3][3];
    const int na = readers(a, before.x, in.x, out.x, ats[0], lengths[0]);
    const int nb = readers(b, before.y, in.y, out.y, ats[1], lengths[1]);
    const int nc = readers(c, before.z, in.z, out.z, ats[2], lengths[2]);
    CT sum = 0;
    for (int p = 0; p < na; p++)
      for (int u = 0; u < lengths[0][p]; u++)
        for (int q = 0; q < nb; q++)
          for (int v = 0; v < lengths[1][q]; v++) {
            const long row = ((outer * out.x + ats[0][p] + u) * out.y + ats[1][q] + v) * out.z;
            for (int r = 0; r < nc; r++)
              for (int w = 0; w < lengths[2][r]; w++) sum += LOAD(g, row + ats[2][r] + w);
          }
    STORE(d, i, sum);
  }
}
