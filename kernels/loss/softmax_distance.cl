/* The gradient of SoftmaxOutput where the labels are probabilities of the data's shape: d = (y - label) * scale [* ograd], element by element.
 * y, label, ograd, d: T; d may be y. OGRAD: whether ograd takes part.
 */
#include "common.h"
#include "softmax_output.h"

kernel void softmax_distance(const global T *label, const global T *y, const global T *ograd, global T *d, const long n, const CT scale) {
  FOR_EACH(i, n) STORE(d, i, (LOAD(y, i) - LOAD(label, i)) * scale TIMES_OGRAD(i));
}
