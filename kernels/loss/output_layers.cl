/* Output layers whose backward pass holds a loss: regression and the support vector machine.
 *
 *   output_forward       y = x, or its sigmoid (LOGISTIC)
 *   regression_gradient  d = (y - label) * scale, or with the sign instead of the difference (SIGN)
 *   svm_gradient         d of a hinge loss over rows of k classes, labels (rows,); LINEAR: its first power, else its square
 *
 * x, y, label, d: T, in place: y may be x, d may be y.
 */
#include "common.h"
#include "math.h"

#ifndef LOGISTIC
#define LOGISTIC 0
#endif
#ifndef SIGN
#define SIGN 0
#endif
#ifndef LINEAR
#define LINEAR 0
#endif

kernel void output_forward(const global T *x, global T *y, const long n) {
  FOR_EACH(i, n) {
    const CT v = LOAD(x, i);
    STORE(y, i, LOGISTIC ? m_sigmoid(v) : v);
  }
}

kernel void regression_gradient(const global T *label, const global T *y, global T *d, const long n, const CT scale) {
  FOR_EACH(i, n) {
    const CT v = LOAD(y, i) - LOAD(label, i);
    STORE(d, i, scale * (SIGN ? (CT)((v > 0) - (v < 0)) : v));
  }
}

kernel void svm_gradient(const global T *label, const global T *y, global T *d, const long rows, const int k, const CT margin, const CT weight) {
  FOR_EACH(i, rows * k) {
    const int c = (int)(i % k);
    const CT raw = LOAD(label, i / k), v = LOAD(y, i);
    const bool own = raw > -1 && raw < k && (int)raw == c;
    const CT miss = margin + (own ? -v : v); /* how far inside the margin */
    const CT slope = LINEAR ? weight : 2 * weight * miss;
    STORE(d, i, miss > 0 ? (own ? -slope : slope) : 0);
  }
}
