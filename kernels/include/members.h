/* The work-items of a group that work on one thing together, with barriers between the steps.
 *
 * FOR_MEMBERS(i, lo, hi) { ... }: this member's share of lo .. hi-1. A group has one member on a CPU (so that the loop vectorises); elsewhere
 * neighbours take neighbours. ALONE is whether this is the member that does what only one may do.
 *
 * MEET_BEST(v, at): the best (largest v, then smallest place `at`) of all members, to all of them; `at` is FARTHEST where a member has none.
 * It meets in local arrays `values` and `places`; the members are a power of two.
 */
#ifndef MEMBERS_H
#define MEMBERS_H

#if DEVICE_CPU
#define MEMBER 0
#define MEMBERS 1
#define MEETING /* nobody to wait for */
#define MEET_BEST(v, at)
#else
#define MEMBER ((long)get_local_id(0))
#define MEMBERS ((long)get_local_size(0))
#define MEETING barrier(CLK_LOCAL_MEM_FENCE | CLK_GLOBAL_MEM_FENCE);
#define MEET_BEST(v, at)                                                                              \
  values[MEMBER] = v;                                                                                 \
  places[MEMBER] = at;                                                                                \
  MEETING                                                                                             \
  for (long s = MEMBERS / 2; s > 0; s /= 2) {                                                         \
    if (MEMBER < s && COMES_FIRST(values[MEMBER + s], places[MEMBER + s], values[MEMBER], places[MEMBER])) { \
      values[MEMBER] = values[MEMBER + s];                                                            \
      places[MEMBER] = places[MEMBER + s];                                                            \
    }                                                                                                 \
    MEETING                                                                                           \
  }                                                                                                   \
  v = values[0];                                                                                      \
  at = places[0];                                                                                     \
  MEETING
#endif
#define ALONE (MEMBER == 0)
#define FARTHEST 0x7fffffffffffffffL
#define COMES_FIRST(v, at, w, other) ((other) == FARTHEST ? (at) != FARTHEST : (at) != FARTHEST && ((v) > (w) || ((v) == (w) && (at) < (other))))
#define FOR_MEMBERS(i, lo, hi) for (long i = (lo) + MEMBER; i < (hi); i += MEMBERS)

#endif
