/* Noting input that an operator must refuse: the first work-item that meets some writes it down, in four words that are 0 at first.
 * Those of several that refuse at once are not told apart by order: any of them may be the one.
 *
 * refuse(words, value, axis, extent): `value` lies outside of 0 .. extent-1 along `axis`. Go on with a value that is none outside. Of a
 *   matrix: what of `value`, its number `axis`, of `extent`.
 * REFUSED: the words as the last parameter, `refused`, of a kernel that has them only with the define CHECKED.
 */
#ifndef REFUSE_H
#define REFUSE_H

#ifndef CHECKED
#define CHECKED 0
#endif
#if CHECKED
#define REFUSED , volatile global int *refused
#else
#define REFUSED
#endif

static inline void refuse(volatile global int *words, const long value, const int axis, const long extent) {
  if (atomic_cmpxchg(words, 0, 1) == 0) {
    words[1] = (int)value;
    words[2] = axis;
    words[3] = (int)extent;
  }
}

#endif
