/* The register tile of the blocked matrix products on CPUs: MR rows x NV vectors of VW columns, held in MR * NV vector registers and
 * stored from there.
 *
 * A tile multiplies MR rows of A by one packed panel of B ([kc][NR], NR = NV * VW). A is read by element and spread over a vector, so
 * it needs no order of its own: with A_ROWS row i is contiguous at a + i * ars (a block of A in place, or copied), otherwise
 * it lies as [kc][MR]. T is the compute type: vectors are loaded and stored as they lie in memory.
 *
 *   tile_run        the product; whole vectors of C go to memory from the registers, otherwise MR x NR values to `spill`
 *   fold            sums of neighbouring lanes
 *   turn            transposes MR (or VW) vectors in registers
 *   pack_a, pack_b  copy what the tile reads; rows and columns past the end repeat the last one, their sums are never stored
 */
#ifndef GEMM_TILE_H
#define GEMM_TILE_H
#include "math.h"
#include "prefetch.h"

#ifndef VW
#define VW 8 /* elements a vector: 8 floats with AVX2, 16 with AVX-512 */
#endif
#ifndef NV
#define NV 3 /* vectors a row of the tile, at most 3 */
#endif
#ifndef MR
#define MR 4 /* rows of the tile, 4 or 8; MR * NV accumulators plus NV + 1 operands must fit the register file */
#endif
#define NR (NV * VW)
#ifndef A_ROWS
#define A_ROWS 1
#endif
#ifndef B_ROWS
#define B_ROWS 1 /* 1: the rows of B are contiguous, 0: its columns are */
#endif
#ifndef GROUP
#define GROUP 1 /* VW / GROUP columns: a vector holds so many steps of k of each, side by side (needs A_ROWS, NV 1) */
#endif
#ifndef B_PACKED
#define B_PACKED 0 /* 1: B lies as panels [K][NR] already */
#endif

#ifndef ACT
#define ACT 0 /* applied to the result: 1 relu, 2 sigmoid, 3 tanh, 4 limits low and high */
#endif

typedef CAT(CT, VW) tile_aligned;
typedef tile_aligned tile_vec __attribute__((aligned(sizeof(CT))));
typedef CAT(CT, MR) tile_column __attribute__((aligned(sizeof(CT))));

#define TILE_INLINE static inline __attribute__((always_inline))
/* A function of its own: the loop of a tile needs nearly all vector registers, and inlined it would share them with what surrounds it.
 * It takes a vector (a zero), for without one clang compiles it for narrower vectors. */
#define TILE_APART static __attribute__((noinline))

#if ACT
TILE_INLINE CT activated(const CT x, const CT low, const CT high) {
  return ACT == 1 ? (x < 0 ? 0 : x) : ACT == 2 ? m_sigmoid(x) : ACT == 3 ? m_tanh(x) : x < low ? low : x > high ? high : x;
}
#endif

/* One round of a transposition: halves of the vectors interleaved, which rotates the bits of an element's place by one. */
TILE_INLINE void turn_round(const tile_vec *from, tile_vec *to, const int n) {
#pragma unroll
  for (int i = 0; i < n / 2; i++) {
    tile_aligned lo, hi;
    lo.even = from[i].lo;
    lo.odd = from[i + n / 2].lo;
    hi.even = from[i].hi;
    hi.odd = from[i + n / 2].hi;
    to[2 * i] = lo;
    to[2 * i + 1] = hi;
  }
}

/* v, n vectors as the rows of a matrix, becomes the memory image of its transpose; n a power of two, at most 16. */
TILE_INLINE void turn(tile_vec *v, const int n) {
  tile_vec w[16];
#pragma unroll
  for (int r = n; r > 1; r /= 4) {
    turn_round(v, w, n);
    if (r > 2)
      turn_round(w, v, n);
    else
      for (int i = 0; i < n; i++) v[i] = w[i];
  }
}

/* Sums of neighbouring lanes: of a below, of b above. */
TILE_INLINE tile_aligned fold(const tile_aligned a, const tile_aligned b) {
  tile_aligned sum;
  sum.lo = a.even + a.odd;
  sum.hi = b.even + b.odd;
  return sum;
}

#if GROUP > 1
typedef CAT(CT, GROUP) tile_group __attribute__((aligned(sizeof(CT))));
/* GROUP elements, repeated: one broadcast. */
TILE_INLINE tile_vec spread(const __global CT *p) {
  const tile_group g = *(const __global tile_group *)p;
#if GROUP == VW
  return g;
#elif GROUP * 2 == VW
  return (tile_vec)(g, g);
#elif GROUP * 4 == VW
  return (tile_vec)(g, g, g, g);
#else
  return (tile_vec)(g, g, g, g, g, g, g, g);
#endif
}
#endif

/* Asks for a share of what comes next while this is computed, which the hardware does not: it follows too few rows, and no jumps. */
TILE_INLINE void ask_ahead(const __global CT *next, const size_t ars, const int step) {
#if A_ROWS && (MR & (MR - 1)) == 0
  const int lines = MR * GROUP * (int)sizeof(CT) > 64 ? MR * GROUP * (int)sizeof(CT) / 64 : 1, turns = MR / lines;
#pragma unroll
  for (int i = 0; i < lines; i++) PREFETCH_L2(next + (step % turns * lines + i) * ars + step / turns * turns * GROUP);
#elif !A_ROWS
  PREFETCH_L2(next + step * MR);
#endif
}

TILE_INLINE void tile_rows(const tile_aligned zero, const int nv, const int ahead, const __global CT *a, const size_t ars,
                           const __global CT *b, const size_t bstep, const int kc, __global CT *c, const __global CT *old,
                           const size_t ldc, const int rows,
                           const int mode, const CT alpha, const __global CT *bias, const int bias_rows, CT *spill,
                           const __global CT *next, const size_t nstep, const int nwidth) {
  tile_vec acc[MR][NV];
#pragma unroll
  for (int i = 0; i < MR; i++)
#pragma unroll
    for (int j = 0; j < NV; j++) acc[i][j] = zero;
#if A_ROWS
  const __global CT *row[MR];
#pragma unroll
  for (int i = 0; i < MR; i++) row[i] = a + (i < rows ? i : rows - 1) * ars;
#endif
  if (!spill && mode != 3 && kc >= 64) /* C is wanted only at the end */
#pragma unroll
    for (int i = 0; i < MR; i++)
#pragma unroll
      for (int j = 0; j < NV; j++)
        if (j < nv) PREFETCH(old + (i < rows ? i : 0) * ldc + j * VW);
#if GROUP > 1
  int k = 0;
  for (; k + GROUP <= kc; k += GROUP) {
    ask_ahead(a + MR * ars, ars, k / GROUP);
    const tile_vec bv = *(const __global tile_vec *)b;
#pragma unroll
    for (int i = 0; i < MR; i++) acc[i][0] = acc[i][0] + spread(row[i] + k) * bv;
    b += VW;
  }
  if (k < kc)
#pragma unroll
    for (int i = 0; i < MR; i++) {
      CT lane[VW];
      SHORT_LOOP for (int l = 0; l < VW; l++) lane[l] = k + l % GROUP < kc ? row[i][k + l % GROUP] : (CT)0;
      acc[i][0] = acc[i][0] + *(const tile_vec *)lane * *(const __global tile_vec *)b;
    }
#pragma unroll
  for (int i = 0; i < MR; i++)
#pragma unroll
    for (int n = 1; n < GROUP; n *= 2) acc[i][0] = fold(acc[i][0], acc[i][0]);
#else
  const __global CT *below = a + (A_ROWS ? MR * ars : (size_t)MR * kc);
  for (int k = 0; k < kc; k++) {
    if (ahead) {
#pragma unroll
      for (int v = 0; v < NV; v++) PREFETCH_L2(next + k * nstep + v * nwidth);
    } else
      ask_ahead(below, ars, k);
    tile_vec bv[NV];
#pragma unroll
    for (int j = 0; j < NV; j++)
      if (j < nv) bv[j] = *(const __global tile_vec *)(b + j * VW);
#pragma unroll
    for (int i = 0; i < MR; i++) {
#if A_ROWS
      const tile_vec ai = (tile_vec)(row[i][k]);
#else
      const tile_vec ai = (tile_vec)(a[i]);
#endif
#pragma unroll
      for (int j = 0; j < NV; j++)
        if (j < nv) acc[i][j] = acc[i][j] + ai * bv[j];
    }
#if !A_ROWS
    a += MR;
#endif
    b += bstep;
  }
#endif
  if (spill) {
#pragma unroll
    for (int i = 0; i < MR; i++)
#pragma unroll
      for (int j = 0; j < NV; j++)
        if (j < nv) *(tile_vec *)(spill + i * NR + j * VW) = acc[i][j];
    return;
  }
#pragma unroll
  for (int i = 0; i < MR; i++)
#pragma unroll
    for (int j = 0; j < NV; j++)
      if (j < nv) acc[i][j] = acc[i][j] * (tile_vec)(alpha);
  if (bias && !bias_rows) {
#pragma unroll
    for (int j = 0; j < NV; j++)
      if (j < nv) {
        const tile_vec v = *(const __global tile_vec *)(bias + j * VW);
#pragma unroll
        for (int i = 0; i < MR; i++) acc[i][j] += v;
      }
  }
  if (bias && bias_rows) {
#pragma unroll
    for (int i = 0; i < MR; i++) {
      const tile_vec v = (tile_vec)(bias[i < rows ? i : 0]);
#pragma unroll
      for (int j = 0; j < NV; j++)
        if (j < nv) acc[i][j] += v;
    }
  }
#define TILE_STORE(statement)                                                                       \
  {                                                                                                  \
    _Pragma("unroll") for (int i = 0; i < MR; i++) if (i < rows) {                                   \
      _Pragma("unroll") for (int j = 0; j < NV; j++) if (j < nv) {                                   \
        __global CT *p = c + i * ldc + j * VW;                                                       \
        statement;                                                                                   \
      }                                                                                              \
    }                                                                                                \
  }
  if (mode == 2)
    TILE_STORE(*(__global tile_vec *)p = *(const __global tile_vec *)(old + i * ldc + j * VW) + acc[i][j])
#if defined(__clang__) && IS_FLOAT
  else if (mode == 3)
    TILE_STORE(__builtin_nontemporal_store((tile_aligned)acc[i][j], (__global tile_aligned *)p))
#endif
  else
    TILE_STORE(*(__global tile_vec *)p = acc[i][j])
}

#define TILE_PARAMETERS                                                                                                                  \
  const tile_aligned zero, const __global CT *a, const size_t ars, const __global CT *b, const size_t bstep, const int kc, __global CT *c, \
      const __global CT *old, const size_t ldc, const int rows, const int mode, const CT alpha, const __global CT *bias,                  \
      const int bias_rows, CT *spill, const __global CT *next, const size_t nstep, const int nwidth
#define TILE_ARGUMENTS a, ars, b, bstep, kc, c, old, ldc, rows, mode, alpha, bias, bias_rows, spill, next, nstep, nwidth
TILE_APART void tile_1(TILE_PARAMETERS) { tile_rows(zero, 1, 0, TILE_ARGUMENTS); }
#if NV > 1
TILE_APART void tile_2(TILE_PARAMETERS) { tile_rows(zero, 2, 0, TILE_ARGUMENTS); }
#endif
#if NV > 2
TILE_APART void tile_3(TILE_PARAMETERS) { tile_rows(zero, 3, 0, TILE_ARGUMENTS); }
#if B_ROWS || B_PACKED
#define TILE_AHEAD
TILE_APART void tile_3_ahead(TILE_PARAMETERS) { tile_rows(zero, 3, 1, TILE_ARGUMENTS); }
#endif
#endif

/* A tile and its store: C = alpha * A B, added to `old`, which may be C, in mode 2, past the caches in mode 3. Element (i, j) of C lies at
 * c[i * crs + j * ccs]; rows and columns past `rows` and `cols` are left alone. A bias, if there is one, has a value a column, or a row.
 * If there is a `next`, vectors of B's next panel are asked for there, in rows `nstep` and `nwidth` apart. */
TILE_INLINE void tile_run(const __global CT *a, const size_t ars, const __global CT *b, const size_t bstep, const int kc, __global CT *c,
                          const __global CT *old, const size_t crs, const size_t ccs, const int rows, const int cols, const int mode,
                          const CT alpha, const __global CT *bias, const int bias_rows, const __global CT *next, const size_t nstep,
                          const int nwidth) {
  CT spill[MR * NR];
  const int whole = GROUP == 1 && ccs == 1 && cols % VW == 0;
  const tile_aligned zero = (tile_aligned)((CT)0);
#ifdef TILE_AHEAD
  if (cols > 2 * VW && next)
    tile_3_ahead(zero, a, ars, b, bstep, kc, c, old, crs, rows, mode, alpha, bias, bias_rows, whole ? 0 : spill, next, nstep, nwidth);
  else
#endif
#if NV > 2
  if (cols > 2 * VW)
    tile_3(zero, a, ars, b, bstep, kc, c, old, crs, rows, mode, alpha, bias, bias_rows, whole ? 0 : spill, next, nstep, nwidth);
  else
#endif
#if NV > 1
  if (cols > VW)
    tile_2(zero, a, ars, b, bstep, kc, c, old, crs, rows, mode, alpha, bias, bias_rows, whole ? 0 : spill, next, nstep, nwidth);
  else
#endif
    tile_1(zero, a, ars, b, bstep, kc, c, old, crs, rows, mode, alpha, bias, bias_rows, whole ? 0 : spill, next, nstep, nwidth);
  if (whole) return;
  if (crs == 1 && rows == MR) { /* C transposed: the rows lie together */
    for (int v = 0; v * VW < cols; v++) {
      tile_vec t[MR];
#pragma unroll
      for (int i = 0; i < MR; i++) t[i] = *(const tile_vec *)(spill + i * NR + v * VW) * (tile_vec)(alpha);
      if (bias && bias_rows)
#pragma unroll
        for (int i = 0; i < MR; i++) t[i] += (tile_vec)(bias[i]);
      turn(t, MR);
      const int lanes = cols - v * VW < VW ? cols - v * VW : VW;
      SHORT_LOOP for (int l = 0; l < lanes; l++) {
        __global tile_column *to = (__global tile_column *)(c + (v * VW + l) * ccs);
        tile_column sum = *(const tile_column *)((const CT *)t + l * MR);
        if (bias && !bias_rows) sum += (tile_column)(bias[v * VW + l]);
        if (mode == 2) sum += *(const __global tile_column *)(old + (v * VW + l) * ccs);
        *to = sum;
      }
    }
    return;
  }
  for (int i = 0; i < rows; i++)
    SHORT_LOOP for (int l = 0; l < cols; l++) {
      CT sum = spill[i * NR + l] * alpha;
      if (bias) sum += bias[bias_rows ? i : l];
      __global CT *to = c + i * crs + l * ccs;
      *to = mode == 2 ? old[i * crs + l * ccs] + sum : sum;
    }
}

/* Copies n elements. */
TILE_INLINE void copy_run(const __global CT *from, __global CT *to, const int n) {
  int k = 0;
  for (; k + VW <= n; k += VW) *(__global tile_vec *)(to + k) = *(const __global tile_vec *)(from + k);
  SHORT_LOOP for (; k < n; k++) to[k] = from[k];
}

/* Packs `rows` rows and kc columns of A into tiles, [MR][kc] with A_ROWS and [kc][MR] without; `stride` leads to the next row, or
 * column. */
TILE_APART void pack_a(const tile_aligned zero, const __global CT *a, const size_t stride, const int rows, const int kc, __global CT *to) {
#if A_ROWS
  for (int i = 0; i < rows; i++) copy_run(a + i * stride, to + (size_t)i * kc, kc);
#else
  for (int k0 = 0; k0 < kc; k0 += 8) { /* few rows at a time: reads and writes stay in streams of whole cache lines */
    const int k1 = k0 + 8 < kc ? k0 + 8 : kc;
    int m = 0;
    for (; m + MR <= rows; m += MR)
      for (int k = k0; k < k1; k++) {
        const __global CT *from = a + k * stride + m;
        __global CT *at = to + (size_t)m * kc + k * MR;
        *(__global tile_column *)at = *(const __global tile_column *)from;
      }
    if (m < rows)
      for (int k = k0; k < k1; k++)
        SHORT_LOOP for (int i = 0; i < MR; i++)
          to[(size_t)m * kc + k * MR + i] = a[k * stride + (m + i < rows ? m + i : rows - 1)];
  }
#endif
}

/* Packs kc rows and `cols` columns of B into panels [kc][NR]; `stride` leads to the next row, or, if columns are contiguous, column. */
TILE_APART void pack_b(const tile_aligned zero, const __global CT *b, const size_t stride, const int kc, const int cols, __global CT *to) {
#if GROUP > 1
  int k = 0;
#if !B_ROWS
  const __global CT *from[VW / GROUP];
#pragma unroll
  for (int n = 0; n < VW / GROUP; n++) from[n] = b + (n < cols ? n : cols - 1) * stride;
  for (; k + GROUP <= kc; k += GROUP, to += VW)
#pragma unroll
    for (int n = 0; n < VW / GROUP; n++) *(__global tile_group *)(to + n * GROUP) = *(const __global tile_group *)(from[n] + k);
#endif
  for (; k < kc; k += GROUP, to += VW)
    SHORT_LOOP for (int l = 0; l < VW; l++) {
      const int n = l / GROUP < cols ? l / GROUP : cols - 1, i = k + l % GROUP;
      to[l] = i < kc ? b[B_ROWS ? i * stride + n : n * stride + i] : (CT)0;
    }
#elif B_ROWS
  for (int k0 = 0; k0 < kc; k0 += 8) { /* as in pack_a */
    const int k1 = k0 + 8 < kc ? k0 + 8 : kc;
    for (int n = 0; n < cols; n += NR)
      for (int k = k0; k < k1; k++) {
        const __global CT *from = b + k * stride + n;
        __global CT *at = to + (size_t)n * kc + k * NR;
        int l = 0;
        if (n + NR <= cols) {
#pragma unroll
          for (int v = 0; v < NV; v++) {
            *(__global tile_vec *)(at + v * VW) = *(const __global tile_vec *)(from + v * VW);
            PREFETCH_L2(from + 8 * stride + v * VW);
          }
          continue;
        }
        for (; n + l + VW <= cols; l += VW) *(__global tile_vec *)(at + l) = *(const __global tile_vec *)(from + l);
        if (n + l < cols)
          SHORT_LOOP for (int e = 0; e < VW; e++) at[l + e] = from[n + l + e < cols ? l + e : cols - 1 - n];
      }
  }
#else
  for (int n = 0; n < cols; n += VW) {
    __global CT *at = to + (size_t)(n / NR) * NR * kc + n % NR;
    const __global CT *from[VW];
#pragma unroll
    for (int i = 0; i < VW; i++) from[i] = b + (size_t)(n + i < cols ? n + i : cols - 1) * stride;
    int k = 0;
    for (; k + VW <= kc; k += VW) {
      tile_vec t[VW];
#pragma unroll
      for (int i = 0; i < VW; i++) {
        t[i] = *(const __global tile_vec *)(from[i] + k);
        PREFETCH_L2(from[i] + cols * stride + k);
      }
      turn(t, VW);
#pragma unroll
      for (int i = 0; i < VW; i++) *(__global tile_vec *)(at + (size_t)(k + i) * NR) = t[i];
    }
    for (; k < kc; k++)
#pragma unroll
      for (int i = 0; i < VW; i++) at[(size_t)k * NR + i] = from[i][k];
  }
#endif
}
#endif
