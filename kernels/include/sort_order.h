/* The order of a sort, BEFORE(a, b): NaN counts as larger than everything. DESCENDING 1 puts the largest first. */
#ifndef SORT_ORDER_H
#define SORT_ORDER_H

#ifndef DESCENDING
#define DESCENDING 0
#endif

#if IS_FLOAT
#define LESS(a, b) ((a) < (b) || ((b) != (b) && (a) == (a)))
#else
#define LESS(a, b) ((a) < (b))
#endif
#if DESCENDING
#define BEFORE(a, b) LESS(b, a)
#else
#define BEFORE(a, b) LESS(a, b)
#endif

#endif
