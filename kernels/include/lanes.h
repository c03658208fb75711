/* Lanes of a vector by mask: lanes_below(n) has all bits set in lanes 0 .. n - 1, masked(v, m) keeps those lanes of v and makes the others
 * zero, even where they are NaN. For vectors of VW floats or doubles (CT). */
#ifndef LANES_H
#define LANES_H

#define INTEGER_float int
#define INTEGER_double long
#define INTEGER CAT(INTEGER_, CT)
typedef CAT(CT, VW) lane_vec;
typedef CAT(INTEGER, VW) lane_mask;
#define AS_MASK CAT(CAT(as_, INTEGER), VW)
#define AS_VEC CAT(CAT(as_, CT), VW)

static inline __attribute__((always_inline)) lane_mask lanes_below(const int n) {
  INTEGER lane[VW];
  for (int i = 0; i < VW; i++) lane[i] = i;
  return *(const lane_mask *)lane < (lane_mask)(n);
}

static inline __attribute__((always_inline)) lane_vec masked(const lane_vec v, const lane_mask mask) { return AS_VEC(AS_MASK(v) & mask); }
#endif
