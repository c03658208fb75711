"""The table of element-wise functions: what `clsym.ops.elementwise.unary` makes operators of."""

from __future__ import annotations

import math
from dataclasses import dataclass

__all__ = ["TABLE", "Row"]


@dataclass(frozen=True)
class Row:
    """One element-wise function.

    Attributes
    ----------
    name : str
        Of the operator.
    formula : str
        For its documentation.
    forward : str
        OpenCL C in ``x``.
    derivative : str, float or None
        OpenCL C in ``x``, or in ``y`` with `of_output`; a constant; None where the derivative is zero or not defined.
    of_output : bool
        Whether the derivative is cheaper from the output.
    integer : str
        The expression for integer types, where it is another than `forward`.
    in_float : bool
        Integer types are computed in float and truncated.
    near : str
        What vectorises for ``|x| < M_NEAR`` (see the kernel).
    example : (input, output)
        For the documentation.
    """

    name: str
    formula: str
    forward: str
    derivative: str | float | None = None
    of_output: bool = False
    integer: str = ""
    in_float: bool = True
    near: str = ""
    example: tuple[list[float] | None, list[float] | None] = (None, None)


_SIGN = "((x) > 0 ? (CT)1 : ((x) < 0 ? (CT)-1 : (CT)0))"

_EXACT = [
    Row("relu", "max(x, 0); NaN stays NaN", "((x) > 0 || (x) != (x) ? (x) : 0)", "((y) > 0 ? (CT)1 : ((y) != (y) ? (y) : 0))", True,
        integer="((x) > 0 ? (x) : 0)", in_float=False, example=([-1, 0, 2], [0.0, 0.0, 2.0])),
    Row("abs", "absolute value", "m_abs(x)", _SIGN, integer="((x) < 0 ? -(x) : (x))", in_float=False, example=([-1.5, 2], [1.5, 2.0])),
    Row("sign", "sign: -1, 0 or 1 (0 for NaN)", _SIGN, None, in_float=False, example=([-3, 0, 3], [-1.0, 0.0, 1.0])),
    Row("negative", "-x", "(-(x))", -1.0, in_float=False, example=([-1, 2], [1.0, -2.0])),
    Row("square", "x^2", "((x) * (x))", "(2 * (x))", in_float=False, example=([-3, 2], [9.0, 4.0])),
    Row("logical_not", "1 where x is 0, else 0", "((x) == 0 ? (CT)1 : (CT)0)", None, in_float=False, example=([0, 2], [1.0, 0.0])),
    Row("round", "round to the nearest integer, halves away from zero", "((x) < 0 ? m_ceil((x) - (CT)0.5) : m_floor((x) + (CT)0.5))",
        integer="(x)", in_float=False, example=([-1.5, 1.5, 2.4], [-2.0, 2.0, 2.0])),
    Row("rint", "round to the nearest integer, halves downwards", "((x) - m_floor(x) <= m_ceil(x) - (x) ? m_floor(x) : m_ceil(x))",
        integer="(x)", in_float=False, example=([-1.5, 1.5, 2.6], [-2.0, 1.0, 3.0])),
    Row("ceil", "the least integer not below x", "m_ceil(x)", integer="(x)", in_float=False, example=([-1.5, 1.5], [-1.0, 2.0])),
    Row("floor", "the greatest integer not above x", "m_floor(x)", integer="(x)", in_float=False, example=([-1.5, 1.5], [-2.0, 1.0])),
    Row("trunc", "x without its fraction", "m_trunc(x)", integer="(x)", in_float=False, example=([-1.5, 1.5], [-1.0, 1.0])),
    Row("fix", "x without its fraction", "m_trunc(x)", integer="(x)", in_float=False, example=([-1.5, 1.5], [-1.0, 1.0])),
]  # fmt: skip

_ROOTS = [
    Row("sqrt", "square root", "m_sqrt(x)", "((CT)0.5 / (y))", True, example=([4, 9], [2.0, 3.0])),
    Row("rsqrt", "1 / sqrt(x)", "((CT)1 / m_sqrt(x))", "((CT)-0.5 / (m_sqrt(x) * (x)))", example=([4, 16], [0.5, 0.25])),
    Row("cbrt", "cube root", "m_cbrt(x)", "((CT)1 / (3 * (y) * (y)))", True, example=([-8, 27], [-2.0, 3.0])),
    Row("rcbrt", "1 / cbrt(x)", "((CT)1 / m_cbrt(x))", "((CT)-1 / (3 * m_cbrt(x) * (x)))", example=([8, -64], [0.5, -0.25])),
    Row("reciprocal", "1 / x", "((CT)1 / (x))", "((CT)-1 / ((x) * (x)))", example=([2, 4], [0.5, 0.25])),
]

_EXPONENTIAL = [
    Row("exp", "e^x", "m_exp(x)", "(y)", True, example=([0, 1], [1.0, 2.7183])),
    Row("expm1", "e^x - 1, exact near 0", "m_expm1(x)", "((y) + 1)", True, example=([0, 1], [0.0, 1.7183])),
    Row("log", "natural logarithm", "m_log(x)", "((CT)1 / (x))", example=([1, 10], [0.0, 2.3026])),
    Row("log10", "logarithm to base 10", "m_log10(x)", "((CT)0.43429448190325182765 / (x))", example=([1, 10], [0.0, 1.0])),
    Row("log2", "logarithm to base 2", "m_log2(x)", "((CT)1.44269504088896340736 / (x))", example=([1, 8], [0.0, 3.0])),
    Row("log1p", "log(1 + x), exact near 0", "m_log1p(x)", "((CT)1 / ((x) + 1))", example=([0, 1], [0.0, 0.6931])),
    Row("sigmoid", "1 / (1 + e^-x)", "m_sigmoid(x)", "((y) * (1 - (y)))", True, example=([0, 2], [0.5, 0.8808])),
    Row(
        "softsign",
        "x / (1 + abs(x))",
        "((x) / (1 + m_abs(x)))",
        "((CT)1 / ((1 + m_abs(x)) * (1 + m_abs(x))))",
        example=([-1, 3], [-0.5, 0.75]),
    ),
    Row("sinh", "hyperbolic sine", "m_sinh(x)", "m_cosh(x)", example=([0, 1], [0.0, 1.1752])),
    Row("cosh", "hyperbolic cosine", "m_cosh(x)", "m_sinh(x)", example=([0, 1], [1.0, 1.5431])),
    Row("tanh", "hyperbolic tangent", "m_tanh(x)", "(1 - (y) * (y))", True, example=([0, 1], [0.0, 0.7616])),
    Row("arcsinh", "inverse hyperbolic sine", "m_asinh(x)", "((CT)1 / m_sqrt((x) * (x) + 1))", example=([0, 1], [0.0, 0.8814])),
    Row("arccosh", "inverse hyperbolic cosine", "m_acosh(x)", "((CT)1 / m_sqrt((x) * (x) - 1))", example=([1, 2], [0.0, 1.317])),
    Row("arctanh", "inverse hyperbolic tangent", "m_atanh(x)", "((CT)1 / (1 - (x) * (x)))", example=([0, 0.5], [0.0, 0.5493])),
]

_TRIGONOMETRIC = [
    Row("sin", "sine (radians)", "m_sin(x)", "m_cos(x)", near="m_near_sin(x)", example=([0, 1], [0.0, 0.8415])),
    Row("cos", "cosine (radians)", "m_cos(x)", "(-m_sin(x))", near="m_near_cos(x)", example=([0, 1], [1.0, 0.5403])),
    Row("tan", "tangent (radians)", "m_tan(x)", "((y) * (y) + 1)", True, near="m_near_tan(x)", example=([0, 1], [0.0, 1.5574])),
    Row("arcsin", "inverse sine, in radians", "m_asin(x)", "((CT)1 / m_sqrt(1 - (x) * (x)))", example=([0, 1], [0.0, 1.5708])),
    Row("arccos", "inverse cosine, in radians", "m_acos(x)", "((CT)-1 / m_sqrt(1 - (x) * (x)))", example=([1, 0], [0.0, 1.5708])),
    Row("arctan", "inverse tangent, in radians", "m_atan(x)", "((CT)1 / ((x) * (x) + 1))", example=([0, 1], [0.0, 0.7854])),
    Row("degrees", "radians to degrees", "((x) * (CT)57.29577951308232087680)", 180 / math.pi, example=([0, 1], [0.0, 57.2958])),
    Row("radians", "degrees to radians", "((x) * (CT)0.01745329251994329577)", math.pi / 180, example=([0, 180], [0.0, 3.1416])),
]

_SPECIAL = [
    Row("gamma", "the gamma function", "m_gamma(x)", "(m_gamma(x) * m_digamma(x))", example=([1, 5], [1.0, 24.0])),
    Row("gammaln", "log of the absolute value of the gamma function", "m_gammaln(x)", "m_digamma(x)", example=([1, 5], [0.0, 3.1781])),
    Row("erf", "the error function", "m_erf(x)", "((CT)1.12837916709551257390 * m_exp(-(x) * (x)))", example=([0, 1], [0.0, 0.8427])),
    Row("erfinv", "the inverse of the error function", "m_erfinv(x)", "((CT)0.88622692545275801365 * m_exp((y) * (y)))", True,
        example=([0, 0.5], [0.0, 0.4769])),
]  # fmt: skip

TABLE = [*_EXACT, *_ROOTS, *_EXPONENTIAL, *_TRIGONOMETRIC, *_SPECIAL]
