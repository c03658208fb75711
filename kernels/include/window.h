/* How many elements of a pooling's window count, in any layout. COUNT, what an average divides by: 0 the elements inside the tensor, 1 those
 * inside the padded tensor, 2 the window.
 */
#ifndef WINDOW_H
#define WINDOW_H

#ifndef COUNT
#define COUNT 1
#endif

/* along one dimension; 1 for an empty window, whose sum is 0 */
static inline int extent(const int start, const int window, const int n, const int pad) {
#if COUNT == 2
  return window;
#elif COUNT == 1
  return max(min(start + window, n + pad) - start, 1);
#else
  return max(min(start + window, n) - max(start, 0), 1);
#endif
}

#endif
