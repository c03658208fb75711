/* Activation functions F_act_<kind> and their derivatives D_act_<kind>, in the compute type CT. Follows math.h.
 *
 * Derivatives take the output y (relu, sigmoid, tanh, softrelu) or the input x. Those with a slope: leaky, elu; selu and gelu ignore it.
 */
#ifndef ACTIVATION_H
#define ACTIVATION_H
#include "math.h"

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

#define SELU_SCALE ((CT)1.0507009873554804934193349852946)
#define SELU_ALPHA ((CT)1.6732632423543772848170429916717)
#define SQRT_HALF ((CT)0.70710678118654752440)
#define INV_SQRT_2PI ((CT)0.39894228040143267794)

#define F_act_leaky(x, slope) ((x) > 0 ? (x) : (slope) * (x))
#define F_act_elu(x, slope) ((x) > 0 ? (x) : (slope) * m_expm1(x))
#define F_act_selu(x, slope) (SELU_SCALE * ((x) > 0 ? (x) : SELU_ALPHA * m_expm1(x)))
#define F_act_gelu(x, slope) ((CT)0.5 * (x) * (1 + m_erf((x) * SQRT_HALF)))

#define D_act_leaky(x, slope) ((x) > 0 ? (CT)1 : (slope))
#define D_act_elu(x, slope) ((x) > 0 ? (CT)1 : (slope) * m_exp(x))
#define D_act_selu(x, slope) (SELU_SCALE * ((x) > 0 ? (CT)1 : SELU_ALPHA * m_exp(x)))
#define D_act_gelu(x, slope) ((CT)0.5 * (1 + m_erf((x) * SQRT_HALF)) + (x) * m_exp((CT)-0.5 * (x) * (x)) * INV_SQRT_2PI)

#endif
