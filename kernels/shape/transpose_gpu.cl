/* A copy between strided stretches of memory where two dimensions swap places, in tiles.
 *
 *   strided_transpose   y[y0 + r yr + c + batch] (req)= x[x0 + c xc + r + batch],  r < nr, c < nc, for n index tuples of the other dimensions
 *
 * Extents, steps (of the other dimensions) and types are those of include/strided.h.
 * A work-group of TILE x TILE_ROWS work-items takes tiles of TILE x TILE elements: it reads rows of x into local memory (a padding column against
 * bank conflicts), and writes rows of y.
 */
#include "common.h"
#include "strided.h"

#ifndef TILE
#define TILE 16
#endif
#ifndef TILE_ROWS
#define TILE_ROWS 8
#endif

kernel void strided_transpose(const global T *x, global T *y, const long nr, const long nc, const long xc, const long yr, const long n,
                              const int ndim, const long8 extent, const long8 xs, const long8 ys, const long x0, const long y0) {
  local CT tile[TILE * (TILE + 1)];
  const int lx = (int)get_local_id(0), ly = (int)get_local_id(1);
  const long across = (nc + TILE - 1) / TILE, bands = (nr + TILE - 1) / TILE;
  const long tiles = n * bands * across;
  for (long t = (long)get_group_id(0); t < tiles; t += (long)get_num_groups(0)) {
    const long c0 = (t % across) * TILE, r0 = (t / across % bands) * TILE;
    index_t rest = (index_t)(t / across / bands);
    long px = x0, py = y0;
    PEEL_ALL
    for (int k = ly; k < TILE; k += TILE_ROWS)
      if (c0 + k < nc && r0 + lx < nr) tile[k * (TILE + 1) + lx] = LOAD(x, px + (c0 + k) * xc + r0 + lx);
    barrier(CLK_LOCAL_MEM_FENCE);
    for (int k = ly; k < TILE; k += TILE_ROWS)
      if (r0 + k < nr && c0 + lx < nc) STORE(y, py + (r0 + k) * yr + c0 + lx, tile[lx * (TILE + 1) + k]);
    barrier(CLK_LOCAL_MEM_FENCE);
  }
}
