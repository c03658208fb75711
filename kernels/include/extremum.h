/* What comes first in a search for the place of the largest (MINIMUM 1: smallest) element: the first of equal elements, and a NaN over
 * everything else, as in numpy. */
#ifndef EXTREMUM_H
#define EXTREMUM_H
#include "reduce.h"

#ifndef MINIMUM
#define MINIMUM 0
#endif
/* whether a comes before b; a later element must be strictly better */
#if MINIMUM
#define BETTER(a, b) (((a) < (b)) | (((a) != (a)) & ((b) == (b))))
#define EXTREME(a, b) SMIN(a, b)
#define EXTREME8(a, b) VMIN(a, b)
#else
#define BETTER(a, b) (((a) > (b)) | (((a) != (a)) & ((b) == (b))))
#define EXTREME(a, b) SMAX(a, b)
#define EXTREME8(a, b) VMAX(a, b)
#endif
#endif
