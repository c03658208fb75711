/* Between NCHW and blocked layout: x [N][C][pixels] and y [N][ceil(C / BLOCK)][pixels][BLOCK], floats.
 *
 *   to_blocked     y from x; lanes beyond C become zero
 *   from_blocked   x from y; lanes beyond C are dropped
 *
 * A unit of work is `chunk` pixels of a block of channels, and is done in tiles of BLOCK pixels, which are transposed in registers. A
 * work-item takes consecutive units.
 */
#include "common.h"
#include "blocked.h"
#include "square.h"

/* Whole tiles of `pixels` pixels, from `rows` rows `pitch` apart to rows of BLOCK, or the other way round. */
BLOCKED_INLINE void tiles_to(const blocked zero, const global float *x, global float *y, const long pitch, const int pixels,
                             const int rows) {
  for (int p = 0; p + BLOCK <= pixels; p += BLOCK) {
    blocked v[BLOCK];
#pragma unroll
    for (int i = 0; i < BLOCK; i++) v[i] = i < rows ? AT(x + i * pitch + p) : zero;
    TURN(blocked, BLOCK, v)
#pragma unroll
    for (int i = 0; i < BLOCK; i++) KEEP(y + ((long)p + i) * BLOCK, v[i]);
  }
}

BLOCKED_INLINE void tiles_from(const global float *y, global float *x, const long pitch, const int pixels, const int rows) {
  for (int p = 0; p + BLOCK <= pixels; p += BLOCK) {
    blocked v[BLOCK];
#pragma unroll
    for (int i = 0; i < BLOCK; i++) v[i] = AT(y + ((long)p + i) * BLOCK);
    TURN(blocked, BLOCK, v)
#pragma unroll
    for (int i = 0; i < BLOCK; i++)
      if (i < rows) KEEP(x + i * pitch + p, v[i]);
  }
}

/* the same for a whole block, where no row is tested, and for the last block */
APART void whole_to(const blocked zero, const global float *x, global float *y, const long pitch, const int pixels, const int rows) {
  tiles_to(zero, x, y, pitch, pixels, BLOCK);
}
APART void part_to(const blocked zero, const global float *x, global float *y, const long pitch, const int pixels, const int rows) {
  tiles_to(zero, x, y, pitch, pixels, rows);
}
APART void whole_from(const blocked zero, const global float *y, global float *x, const long pitch, const int pixels, const int rows) {
  tiles_from(y, x, pitch, pixels, BLOCK);
}
APART void part_from(const blocked zero, const global float *y, global float *x, const long pitch, const int pixels, const int rows) {
  tiles_from(y, x, pitch, pixels, rows);
}
#define TILES(way, from, to, count)                                    \
  if (rows == BLOCK)                                                   \
    whole_##way((blocked)(0.0f), from, to, pixels, count, rows);       \
  else                                                                 \
    part_##way((blocked)(0.0f), from, to, pixels, count, rows);

/* unit -> its image and block, first pixel and number of pixels, channels that exist */
#define UNIT                                                                       \
  const long panel = unit / chunks, p0 = unit % chunks * chunk;                    \
  const int here = (int)min((long)chunk, pixels - p0), blocks = (channels + BLOCK - 1) / BLOCK; \
  const int c0 = (int)(panel % blocks) * BLOCK, rows = min(BLOCK, channels - c0);  \
  const long image = panel / blocks * channels + c0; /* as a number of rows of NCHW */

kernel void to_blocked(const global float *restrict x, global float *restrict y, const long units, const int chunks, const int chunk,
                       const int channels, const long pixels) {
  CHUNK(unit, units)
  for (long unit = unit_lo; unit < unit_hi; unit++) {
    UNIT
    const global float *from = x + image * pixels + p0;
    global float *to = y + (panel * pixels + p0) * BLOCK;
    TILES(to, from, to, here)
    int done = here / BLOCK * BLOCK;
#if REQ == 1
    if (done < here && done) { /* the rest together with some already done */
      TILES(to, from + here - BLOCK, to + (long)(here - BLOCK) * BLOCK, BLOCK)
      done = here;
    }
#endif
    for (int p = done; p < here; p++)
      SHORT_LOOP for (int i = 0; i < BLOCK; i++) STORE(to, (long)p * BLOCK + i, i < rows ? from[i * pixels + p] : 0.0f);
  }
}

kernel void from_blocked(const global float *restrict y, global float *restrict x, const long units, const int chunks, const int chunk,
                         const int channels, const long pixels) {
  CHUNK(unit, units)
  for (long unit = unit_lo; unit < unit_hi; unit++) {
    UNIT
    const global float *from = y + (panel * pixels + p0) * BLOCK;
    global float *to = x + image * pixels + p0;
    TILES(from, from, to, here)
    int done = here / BLOCK * BLOCK;
#if REQ == 1
    if (done < here && done) { /* the rest together with some already done */
      TILES(from, from + (long)(here - BLOCK) * BLOCK, to + here - BLOCK, BLOCK)
      done = here;
    }
#endif
    for (int i = 0; i < rows; i++)
      SHORT_LOOP for (int p = done; p < here; p++) STORE(to, i * pixels + p, from[(long)p * BLOCK + i]);
  }
}
