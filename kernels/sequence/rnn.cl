/* Recurrent layers, a step at a time: what surrounds the matrix products. T is the type that is computed in.
 *
 *   rnn_step             gates from the input's part (`gates`, steps x batch x rows; biases not in it) and the state's part (`sums`,
 *                        batch x rows), new states h and c
 *   rnn_step_backward    gradients of both parts (dx, dh_part; one buffer but for GRU) and of c and, where h' does not only enter the
 *                        product, of h', from those of h and c
 *   rnn_carry            h = h' for sequences that are over
 *   rnn_bias_gradient    sums over all rows, for the bias of the input and that of the state
 *   rnn_dropout          y = x * mask; rnn_dropout_state notes the random state for the backward pass
 *
 * h, c and their kin: row n of the batch at pointer + n * stride. A work-item takes stretches of the units of one sequence, or of the
 * columns. Offsets count elements.
 */
#include "common.h"
#include "items.h"
#include "math.h"
#include "rnn_cell.h"
#include "philox.h"

#define S(k, j) s[(k)*units + (j)]

kernel void rnn_step(global T *gates, const global T *sums, const global T *params, const global T *cell_before, global T *cell,
                     const global T *state_before, global T *state, global T *parts, const global TL *length, const long batch,
                     const long units, const long t, const long gates_at, const long bias_at, const long cell_before_at, const long cell_at,
                     const long before_at, const long before_stride, const long state_at, const long state_stride, const long part_at,
                     const CT low, const CT high) {
  const global T *bx = params + bias_at, *bh = bx + GATES * units;
  FOR_STRETCHES(n, lo, hi, batch, units, 1024) {
    global T *a = gates + gates_at + n * GATES * units;
    const global T *s = sums + n * GATES * units;
    const global T *hp = state_before + before_at + n * before_stride;
    global T *h = state + state_at + n * state_stride;
    const global T *cp = cell_before + cell_before_at + n * units;
    global T *c = cell + cell_at + n * units;
    global T *part = parts + part_at + n * units;
    if (RUNS(n, t)) {
      CELLS(lo, hi)
    } else {
      CARRY(lo, hi)
    }
  }
}

#ifndef HAS_TOP
#define HAS_TOP 1 /* whether there is a gradient of the output */
#endif
#ifndef DIRECT
#define DIRECT 0 /* whether h' does not only enter the product; always so for GRU */
#endif

kernel void rnn_step_backward(const global T *restrict gates, const global T *restrict cell_before, const global T *restrict cell,
                              const global T *restrict state_before, const global T *restrict state, const global T *restrict parts,
                              const global T *restrict top, global T *restrict dstate, global T *restrict dcell, global T *restrict dx,
                              global T *restrict dpart, const global TL *restrict length, const long batch, const long units,
                              const long t, const int has_state, const int has_cell, const long gates_at, const long cell_before_at,
                              const long cell_at, const long before_at, const long before_stride, const long state_at,
                              const long state_stride, const long part_at, const long top_at, const long top_stride, const long dx_at,
                              const CT low, const CT high) {
  FOR_STRETCHES(n, lo, hi, batch, units, 1024) {
    const global T *a = gates + gates_at + n * GATES * units;
    const global T *hp = state_before + before_at + n * before_stride, *h = state + state_at + n * state_stride;
    const global T *cp = cell_before + cell_before_at + n * units, *c = cell + cell_at + n * units;
    const global T *part = parts + part_at + n * units, *g = top + top_at + n * top_stride;
    global T *dh = dstate + n * units, *dc = dcell + n * units;
    global T *d = dx + dx_at + n * GATES * units, *p = dpart + dx_at + n * GATES * units;
    const int runs = RUNS(n, t);
    if (!runs) {
      for (long j = lo; j < hi; j++) {
        for (int k = 0; k < GATES; k++) {
          d[k * units + j] = 0;
          if (MODE == 3) p[k * units + j] = 0;
        }
        dh[j] = has_state ? dh[j] : 0;
        if (MODE == 2) dc[j] = has_cell ? dc[j] : 0;
      }
      continue;
    }
    MAP_LOOP for (long j = lo; j < hi; j++) {
      const CT top_g = HAS_TOP ? g[j] : 0, dhj = top_g + (has_state ? dh[j] : 0);
#if MODE == 2
      const CT gi = a[j], gf = a[units + j], gg = a[2 * units + j], go = a[3 * units + j], cj = c[j], tc = m_tanh(cj);
      CT dcj = (has_cell ? dc[j] : 0) + dhj * go * (1 - tc * tc);
#if CLIP
      dcj = cj > low && cj < high ? dcj : 0;
#endif
      d[j] = dcj * gg * gi * (1 - gi);
      d[units + j] = dcj * cp[j] * gf * (1 - gf);
      d[2 * units + j] = dcj * gi * (1 - gg * gg);
      d[3 * units + j] = dhj * tc * go * (1 - go);
      dc[j] = dcj * gf;
      if (DIRECT) dh[j] = 0;
#elif MODE == 3
      const CT gr = a[j], gz = a[units + j], gn = a[2 * units + j];
      const CT dn = dhj * (1 - gz) * (1 - gn * gn);
      const CT dr = dn * part[j] * gr * (1 - gr), dz = dhj * (hp[j] - gn) * gz * (1 - gz);
      d[j] = dr;
      d[units + j] = dz;
      d[2 * units + j] = dn;
      p[j] = dr;
      p[units + j] = dz;
      p[2 * units + j] = dn * gr;
      dh[j] = dhj * gz;
#elif MODE == 1
      d[j] = dhj * (1 - h[j] * h[j]);
      if (DIRECT) dh[j] = 0;
#else
      d[j] = h[j] > 0 ? dhj : 0;
      if (DIRECT) dh[j] = 0;
#endif
    }
  }
}

/* Before a projection's product: the gradient of what was projected, and what goes around a sequence that is over (`dh`). */
kernel void rnn_projected_backward(const global T *restrict top, global T *restrict dstate, global T *restrict total,
                                   const global TL *restrict length, const long batch, const long units, const long t, const int has_state,
                                   const long top_at, const long top_stride, const long total_at) {
  FOR_STRETCHES(n, lo, hi, batch, units, 1024) {
    const global T *g = top + top_at + n * top_stride;
    global T *dh = dstate + n * units, *to = total + total_at + n * units;
    const int runs = RUNS(n, t);
    for (long j = lo; j < hi; j++) {
      const CT before = has_state ? dh[j] : 0;
      to[j] = runs ? (HAS_TOP ? g[j] : 0) + before : 0;
      dh[j] = runs ? 0 : before;
    }
  }
}

kernel void rnn_carry(const global T *state_before, global T *state, const global TL *length, const long batch, const long units,
                      const long t, const long before_at, const long before_stride, const long state_at, const long state_stride) {
  FOR_STRETCHES(n, lo, hi, batch, units, 1024) {
    const global T *hp = state_before + before_at + n * before_stride;
    global T *h = state + state_at + n * state_stride;
    if (!(RUNS(n, t)))
      for (long j = lo; j < hi; j++) h[j] = hp[j];
  }
}

#define COLUMNS 64 /* whose sums a CPU work-item keeps */

kernel void rnn_bias_gradient(const global T *restrict dx, const global T *restrict dpart, global T *restrict dparams, const long rows,
                              const long columns, const long bias_at) {
  CT sum[STRETCH(COLUMNS)];
  FOR_STRETCHES(which, lo, hi, 2, columns, COLUMNS) {
    const global T *from = which ? dpart : dx;
    const int w = (int)(hi - lo);
    for (int j = 0; j < w; j++) sum[j] = 0;
    for (long r = 0; r < rows; r++)
      for (int j = 0; j < w; j++) sum[j] += from[r * columns + lo + j];
    for (int j = 0; j < w; j++) STORE(dparams, bias_at + which * columns + lo + j, sum[j]);
  }
}

#define BLOCK BATCH(64, 4)

/* `first` is the number of the first draw, of four words each. */
kernel void rnn_dropout(const global T *x, const global uint *rng, global T *y, const long n, const long x_at, const long y_at,
                        const long first, const uint own_stream, const int saved, const uint keep, const CT scale) {
  const uint4 words = (uint4)(rng[0], rng[1], rng[2], rng[3]);
  const uint stream = saved ? rng[4] : own_stream;
  FOR_EACH(block, (n + BLOCK - 1) / BLOCK) {
    uint word[BLOCK];
    CT v[BLOCK];
    for (int j = 0; j < BLOCK / 4; j++) {
      const uint4 w = philox_draw(words, stream, (ulong)(first + block * (BLOCK / 4) + j));
      word[4 * j] = w.x;
      word[4 * j + 1] = w.y;
      word[4 * j + 2] = w.z;
      word[4 * j + 3] = w.w;
    }
    const long i = block * BLOCK;
    const int count = (int)min((long)BLOCK, n - i);
    FOR_BATCH(j, count, BLOCK) v[j] = x[x_at + i + j];
    for (int j = 0; j < BLOCK; j++) v[j] *= (word[j] >> 8) < keep ? scale : 0;
    FOR_BATCH(j, count, BLOCK) y[y_at + i + j] = v[j];
  }
}

kernel void rnn_dropout_state(const global uint *rng, global int *state, const uint stream) {
  if (get_global_id(0) == 0) {
    for (int k = 0; k < 4; k++) state[k] = (int)rng[k];
    state[4] = (int)stream;
  }
}
