/* Noting input that an operator must refuse: the first work-item that meets some writes it down, in four words that are 0 at first.
 *
 * refuse(words, value, axis, extent): `value` lies outside of 0 .. extent-1 along `axis`. Go on with a value that is none outside.
 */
#ifndef REFUSE_H
#define REFUSE_H

static inline void refuse(volatile global int *words, const long value, const int axis, const long extent) {
  if (atomic_cmpxchg(words, 0, 1) == 0) {
    words[1] = (int)value;
    words[2] = axis;
    words[3] = (int)extent;
  }
}

#endif
