/* Prior boxes: y (height, width, number, 4), the corners of `number` boxes around the center of each cell.
 *
 * A launch computes boxes first .. first + count - 1 of every cell; their half widths and half heights are the pairs of `extents`.
 */
#include "common.h"
#include "items.h"
#include "convert.h"
#pragma OPENCL FP_CONTRACT OFF

kernel void multibox_prior(global T *y, const long cells, const int width, const int number, const int first, const int count,
                           const float16 extents, const float4 place, const int clip) {
  float half_extents[16];
  vstore16(extents, 0, half_extents);
  FOR_EACH(e, cells * count) {
    const long cell = e / count, box = (cell * number + first + e % count) * 4;
    const float x = ((float)(cell % width) + place.y) * place.w, h = half_extents[e % count * 2 + 1];
    const float y0 = ((float)(cell / width) + place.x) * place.z, w = half_extents[e % count * 2];
    const float4 corners = (float4)(x - w, y0 - h, x + w, y0 + h);
    STORE(y, box, clip ? hard(corners.x) : corners.x);
    STORE(y, box + 1, clip ? hard(corners.y) : corners.y);
    STORE(y, box + 2, clip ? hard(corners.z) : corners.z);
    STORE(y, box + 3, clip ? hard(corners.w) : corners.w);
  }
}
