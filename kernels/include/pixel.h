/* Values of pixels between the steps of an augmentation, as they would be stored: cut to 0 .. 255 for bytes, towards zero for integers.
 *
 * PIXEL(v): v (R, which is float or double) as T holds it, still in R.
 */
#ifndef PIXEL_H
#define PIXEL_H
#include "convert.h"

#define PIXEL_float(v) (v)
#define PIXEL_double(v) (v)
#define PIXEL_half(v) (v)
#define PIXEL_uchar(v) ((R)(int)((v) > 0 ? ((v) < 255 ? (v) : 255) : 0))
#define PIXEL_char(v) ((R)(char)TO_INT(v))
#define PIXEL_int(v) ((R)TO_INT(v))
#define PIXEL_bool8(v) ((R)((v) != 0))
#define PIXEL_long(v) ((R)TO_LONG(v))
#define PIXEL(v) CAT(PIXEL_, T)(v)

/* A value made by PIXEL, ready for STORE. */
#define WHOLE_float(v) (v)
#define WHOLE_double(v) (v)
#define WHOLE_half(v) (v)
#define WHOLE_uchar(v) ((int)(v))
#define WHOLE_char(v) ((int)(v))
#define WHOLE_int(v) TO_INT(v)
#define WHOLE_bool8(v) ((int)(v))
#define WHOLE_long(v) TO_LONG(v)
#define WHOLE(v) CAT(WHOLE_, T)(v)
#endif
