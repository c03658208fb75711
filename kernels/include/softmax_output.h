/* What the gradient of SoftmaxOutput has on every device: the middle dimension of (outer, k, inner) is the softmax's. y, d, labels, ograd: T.
 * In place: d may be y. The target of class c is 1 - alpha for the label and alpha / (k - 1) for the others; a label out of range matches
 * no class.
 *
 * Defines: OGRAD whether ograd takes part; VALID whether scale is divided by max(count, 1); IGNORE whether ignored labels get no gradient.
 */
#ifndef SOFTMAX_OUTPUT_H
#define SOFTMAX_OUTPUT_H

#ifndef OGRAD
#define OGRAD 0
#endif
#ifndef VALID
#define VALID 0
#endif
#ifndef IGNORE
#define IGNORE 0
#endif

#if OGRAD
#define TIMES_OGRAD(i) *LOAD(ograd, i)
#else
#define TIMES_OGRAD(i)
#endif

static inline CT scale_by(CT scale, const global int *count) {
#if VALID
  return scale / (CT)max(count[0], 1);
#else
  return scale;
#endif
}

#endif
