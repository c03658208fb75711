/* TURN(row, side, v): the square of `side` vectors v[i] of `side` elements, of type `row`, is transposed in registers; side is 4, 8 or 16.
 *
 * Interleaving rows i and i + side / 2 into rows 2 i and 2 i + 1 rotates the bits of the position by one; after as many times as a row number
 * has bits, rows and columns have changed places.
 */
#ifndef SQUARE_H
#define SQUARE_H

#define INTERLEAVE(side, from, to)                        \
  _Pragma("unroll") for (int i = 0; i < side / 2; i++) {  \
    to[2 * i].even = from[i].lo;                          \
    to[2 * i].odd = from[i + side / 2].lo;                \
    to[2 * i + 1].even = from[i].hi;                      \
    to[2 * i + 1].odd = from[i + side / 2].hi;            \
  }
#define TURN(row, side, v)                                              \
  {                                                                     \
    row square_t[side];                                                 \
    INTERLEAVE(side, v, square_t)                                       \
    INTERLEAVE(side, square_t, v)                                       \
    if (side > 4) {                                                     \
      INTERLEAVE(side, v, square_t)                                     \
      if (side > 8) {                                                   \
        INTERLEAVE(side, square_t, v)                                   \
      } else                                                            \
        _Pragma("unroll") for (int i = 0; i < side; i++) v[i] = square_t[i]; \
    }                                                                   \
  }
#endif
