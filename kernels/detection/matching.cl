/* Greedy matching: of all pairs (slot, partner) of a batch, best score first, those whose slot and partner are both free.
 *
 * scores: of a pair at slot * strides.x + partner * strides.y, batches `slots * partners` apart; equal scores go by
 * slot * strides.z + partner * strides.w, lowest first. SIGN: 1, or -1 where small scores are good. NaN never matches.
 *
 * match_best    the best partner of each slot: a group a slot
 * match_greedy  a group a batch. A slot's best partner, once taken, still bounds what the slot can get; so the best bound is either a match,
 *               or only that slot looks for another partner.
 *
 * best (batch, slots): its score; choice (batch, slots): that partner, or -1. In the end to_slot (batch, partners), to_partner
 * (batch, slots) hold the matches, or -1.
 */
#include "common.h"
#include "members.h"

#ifndef SIGN
#define SIGN 1
#endif

kernel void match_best(const global T *scores, global CT *best, global int *choice, const long slots, const long partners,
                       const long4 strides, const CT least) {
  local CT values[GROUP];
  local long places[GROUP];
  const long item = (long)get_group_id(0), batch = item / slots;
  const global T *own = scores + batch * slots * partners + item % slots * strides.x;
  CT v = least;
  long at = FARTHEST;
  FOR_MEMBERS(q, 0, partners) {
    const CT score = SIGN * LOAD(own, q * strides.y);
    if (score > v) v = score, at = q;
  }
  MEET_BEST(v, at)
  if (ALONE) {
    best[item] = v;
    choice[item] = at == FARTHEST ? -1 : (int)at;
  }
}

kernel void match_greedy(const global T *scores, global CT *best, global int *choice, global int *to_slot, global int *to_partner,
                         const long slots, const long partners, const long4 strides, const CT least, const long limit) {
  local CT values[GROUP];
  local long places[GROUP];
  const long batch = (long)get_group_id(0);
  scores += batch * slots * partners;
  best += batch * slots;
  choice += batch * slots;
  to_partner += batch * slots;
  to_slot += batch * partners;
  FOR_MEMBERS(s, 0, slots) to_partner[s] = -1;
  FOR_MEMBERS(q, 0, partners) to_slot[q] = -1;
  MEETING
  for (long count = 0; count < limit;) {
    CT v = 0;
    long at = FARTHEST;
    FOR_MEMBERS(s, 0, slots) {
      if (choice[s] < 0) continue;
      const long order = s * strides.z + choice[s] * strides.w;
      if (COMES_FIRST(best[s], order, v, at)) v = best[s], at = order;
    }
    MEET_BEST(v, at)
    if (at == FARTHEST) break;
    const long slot = at / strides.z % slots, partner = at / strides.w % partners;
    if (to_slot[partner] < 0) {
      MEETING
      if (ALONE) {
        to_slot[partner] = (int)slot;
        to_partner[slot] = (int)partner;
        choice[slot] = -1;
      }
      count++;
    } else {
      const global T *own = scores + slot * strides.x;
      CT w = least;
      long to = FARTHEST;
      FOR_MEMBERS(q, 0, partners) {
        const CT score = SIGN * LOAD(own, q * strides.y);
        if (score > w && to_slot[q] < 0) w = score, to = q;
      }
      MEET_BEST(w, to)
      if (ALONE) {
        best[slot] = w;
        choice[slot] = to == FARTHEST ? -1 : (int)to;
      }
    }
    MEETING
  }
}

kernel void match_store(const global int *found, global T *y, const long count) {
  FOR_EACH(i, count) STORE(y, i, (CT)found[i]);
}
