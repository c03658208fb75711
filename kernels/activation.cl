/* Activation functions, element-wise.
 *
 *   activation           y = f(x)
 *   activation_backward  d = g * f'(x), from the output y (relu, sigmoid, tanh, softrelu) or the input x (softsign)
 *
 * n elements of T. ACT names f: act_relu, act_sigmoid ... (the plain names may be macros of the device's builtins). CPU: blocks in private memory, whose loops vectorise also in place.
 */
#include "common.h"
#include "math.h"

#ifndef ACT
#define ACT act_relu
#endif

#define BLOCK 64

#define F_act_relu(x) ((x) > 0 || (x) != (x) ? (x) : 0)
#define F_act_sigmoid(x) m_sigmoid(x)
#define F_act_tanh(x) m_tanh(x)
#define F_act_softrelu(x) m_softplus(x)
#define F_act_softsign(x) ((x) / (1 + m_abs(x)))

#define D_act_relu(y) ((y) > 0 ? (CT)1 : (CT)0)
#define D_act_sigmoid(y) ((y) * (1 - (y)))
#define D_act_tanh(y) (1 - (y) * (y))
#define D_act_softrelu(y) (-m_expm1(-(y)))
#define D_act_softsign(x) (1 / ((1 + m_abs(x)) * (1 + m_abs(x))))

#if DEVICE_CPU
kernel void activation(const global T *x, global T *y, const long n) {
  FOR_EACH(block, (n + BLOCK - 1) / BLOCK) {
    CT v[BLOCK];
    const long i = block * BLOCK;
    if (i + BLOCK <= n) {
      for (int j = 0; j < BLOCK; j++) v[j] = LOAD(x, i + j);
      for (int j = 0; j < BLOCK; j++) v[j] = CAT(F_, ACT)(v[j]);
      for (int j = 0; j < BLOCK; j++) STORE(y, i + j, v[j]);
    } else {
      for (long k = i; k < n; k++) {
        const CT u = LOAD(x, k);
        STORE(y, k, CAT(F_, ACT)(u));
      }
    }
  }
}

kernel void activation_backward(const global T *g, const global T *saved, global T *d, const long n) {
  FOR_EACH(block, (n + BLOCK - 1) / BLOCK) {
    CT v[BLOCK], h[BLOCK];
    const long i = block * BLOCK;
    if (i + BLOCK <= n) {
      for (int j = 0; j < BLOCK; j++) v[j] = LOAD(saved, i + j);
      for (int j = 0; j < BLOCK; j++) h[j] = LOAD(g, i + j);
      for (int j = 0; j < BLOCK; j++) v[j] = h[j] * CAT(D_, ACT)(v[j]);
      for (int j = 0; j < BLOCK; j++) STORE(d, i + j, v[j]);
    } else {
      for (long k = i; k < n; k++) {
        const CT u = LOAD(saved, k);
        STORE(d, k, LOAD(g, k) * CAT(D_, ACT)(u));
      }
    }
  }
}
#else
kernel void activation(const global T *x, global T *y, const long n) {
  FOR_EACH(i, n) {
    const CT u = LOAD(x, i);
    STORE(y, i, CAT(F_, ACT)(u));
  }
}

kernel void activation_backward(const global T *g, const global T *saved, global T *d, const long n) {
  FOR_EACH(i, n) {
    const CT u = LOAD(saved, i);
    STORE(d, i, LOAD(g, i) * CAT(D_, ACT)(u));
  }
}
#endif
