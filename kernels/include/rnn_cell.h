/* One step of recurrent cells, for the units lo .. hi-1 of one sequence. Follows math.h and items.h.
 *
 * MODE 0 relu, 1 tanh, 2 lstm, 3 gru; GATES, rows of a weight for each unit. With
 *   A(k, j) = gates[k * units + j] + S(k, j) + both biases, S being the part that comes from the state before:
 *   relu, tanh   h = relu or tanh A(0)
 *   lstm         c = sigmoid A(1) * c' + sigmoid A(0) * tanh A(2),  h = sigmoid A(3) * tanh c
 *   gru          r, z = sigmoid A(0), sigmoid A(1);  n = tanh(input part of A(2) + r * (state's part of A(2)));  h = (1 - z) n + z h'
 * CLIP: c is limited to [low, high]; CLIP 2: NaN becomes low, too. SAVE: the gates are kept for the gradient, over their input part, and for
 * GRU the state's part of A(2) in `part`. Where a sequence is over, h and c stay what they are (CARRY).
 */
#ifndef RNN_CELL_H
#define RNN_CELL_H

#ifndef MODE
#define MODE 2
#endif
#ifndef CLIP
#define CLIP 0
#endif
#ifndef SAVE
#define SAVE 0
#endif
#ifndef HAS_LENGTH
#define HAS_LENGTH 0
#endif
#ifndef TL
#define TL int
#define CL int
#endif

#define GATES (MODE == 2 ? 4 : MODE == 3 ? 3 : 1)

#if CLIP == 2
#define CLIPPED(v) ((v) > high ? high : (v) >= low ? (v) : low)
#elif CLIP == 1
#define CLIPPED(v) ((v) > high ? high : (v) < low ? low : (v))
#else
#define CLIPPED(v) (v)
#endif

/* Whether sequence n still runs at step t; NaN and whatever is below 1 have no steps. */
#if HAS_LENGTH
#define RUNS(n, t) (LOAD_AS(TL, length, n) >= (CL)((t) + 1))
#else
#define RUNS(n, t) 1
#endif

#define A_(k, j) (a[(k) * units + (j)] + S(k, j) + bx[(k) * units + (j)] + bh[(k) * units + (j)])

#if SAVE
#define KEEP(k, j, v) a[(k) * units + (j)] = (v)
#else
#define KEEP(k, j, v)
#endif

#if MODE == 2
#define CELLS(lo, hi)                                              \
  MAP_LOOP for (long j = lo; j < hi; j++) {                        \
    const CT gi = m_sigmoid(A_(0, j)), gf = m_sigmoid(A_(1, j));   \
    const CT gg = m_tanh(A_(2, j)), go = m_sigmoid(A_(3, j));      \
    const CT v = gf * cp[j] + gi * gg, w = CLIPPED(v);             \
    c[j] = w;                                                      \
    h[j] = go * m_tanh(w);                                         \
    KEEP(0, j, gi);                                                \
    KEEP(1, j, gf);                                                \
    KEEP(2, j, gg);                                                \
    KEEP(3, j, go);                                                \
  }
#define CARRY(lo, hi) for (long j = lo; j < hi; j++) c[j] = cp[j], h[j] = hp[j];
#elif MODE == 3
#define CELLS(lo, hi)                                                                 \
  MAP_LOOP for (long j = lo; j < hi; j++) {                                           \
    const CT gr = m_sigmoid(A_(0, j)), gz = m_sigmoid(A_(1, j));                      \
    const CT q = S(2, j) + bh[2 * units + j];                                         \
    const CT gn = m_tanh(a[2 * units + j] + bx[2 * units + j] + gr * q);              \
    h[j] = (1 - gz) * gn + gz * hp[j];                                                \
    KEEP(0, j, gr);                                                                   \
    KEEP(1, j, gz);                                                                   \
    KEEP(2, j, gn);                                                                   \
    if (SAVE) part[j] = q;                                                            \
  }
#define CARRY(lo, hi) for (long j = lo; j < hi; j++) h[j] = hp[j];
#elif MODE == 1
#define CELLS(lo, hi)                            \
  MAP_LOOP for (long j = lo; j < hi; j++) {      \
    const CT v = A_(0, j);                       \
    h[j] = m_tanh(v);                            \
  }
#define CARRY(lo, hi) for (long j = lo; j < hi; j++) h[j] = hp[j];
#else
#define CELLS(lo, hi)                            \
  MAP_LOOP for (long j = lo; j < hi; j++) {      \
    const CT v = A_(0, j);                       \
    h[j] = v > 0 || v != v ? v : 0;              \
  }
#define CARRY(lo, hi) for (long j = lo; j < hi; j++) h[j] = hp[j];
#endif

#endif
