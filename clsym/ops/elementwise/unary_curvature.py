"""Second derivatives of element-wise functions, of the operators themselves, so that they can be differentiated any number of times.

A row gives how the derivative of a `Row` of `unary_table` changes with what it reads: the input, or with `of_output` the output.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from ...differences import differs
from ...graph.contract.op import Entry, Gradient

__all__ = ["CURVATURE", "Term"]


class Term:
    """An entry of the backward part that can be reckoned with."""

    def __init__(self, g: Gradient, entry: Entry) -> None:
        self.g, self.entry = g, entry

    def __call__(self, op: str) -> Term:
        """An operator of this."""
        return Term(self.g, self.g.apply(op, self.entry))

    def _number(self, op: str, number: float) -> Term:
        return Term(self.g, self.g.apply(op, self.entry, scalar=float(number)))

    def __mul__(self, other: Term | float) -> Term:
        if isinstance(other, Term):
            return Term(self.g, self.g.apply("elemwise_mul", self.entry, other.entry))
        return self._number("_mul_scalar", other)

    def __add__(self, number: float) -> Term:
        return self._number("_plus_scalar", number)

    def __pow__(self, number: float) -> Term:
        return self._number("_power_scalar", number)

    def __neg__(self) -> Term:
        return self("negative")


Curve = float | Callable[[Term], Any]


def _one_plus_square(v: Term) -> Term:
    return v("square") + 1.0


def _one_minus_square(v: Term) -> Term:
    return -v("square") + 1.0


CURVATURE: dict[str, Curve] = {
    "relu": 0.0,
    "abs": 0.0,
    "square": 2.0,
    "sqrt": lambda y: y("square")("reciprocal") * -0.5,
    "rsqrt": lambda x: x**-2.5 * 0.75,
    "cbrt": lambda y: y**-3.0 * (-2.0 / 3.0),
    "rcbrt": lambda x: x("rcbrt") * x("square")("reciprocal") * (4.0 / 9.0),
    "reciprocal": lambda x: x**-3.0 * 2.0,
    "exp": 1.0,
    "expm1": 1.0,
    "log": lambda x: x("square")("reciprocal") * -1.0,
    "log10": lambda x: x("square")("reciprocal") * (-1.0 / math.log(10)),
    "log2": lambda x: x("square")("reciprocal") * (-1.0 / math.log(2)),
    "log1p": lambda x: (x + 1.0)("square")("reciprocal") * -1.0,
    "sigmoid": lambda y: y * -2.0 + 1.0,
    "softsign": lambda x: x("sign") * (x("abs") + 1.0) ** -3.0 * -2.0,
    "sinh": lambda x: x("sinh"),
    "cosh": lambda x: x("cosh"),
    "tanh": lambda y: y * -2.0,
    "arcsinh": lambda x: x * _one_plus_square(x) ** -1.5 * -1.0,
    "arccosh": lambda x: x * (x("square") + -1.0) ** -1.5 * -1.0,
    "arctanh": lambda x: x * _one_minus_square(x) ** -2.0 * 2.0,
    "sin": lambda x: -x("sin"),
    "cos": lambda x: -x("cos"),
    "tan": lambda y: y * 2.0,
    "arcsin": lambda x: x * _one_minus_square(x) ** -1.5,
    "arccos": lambda x: x * _one_minus_square(x) ** -1.5 * -1.0,
    "arctan": lambda x: x * _one_plus_square(x) ** -2.0 * -2.0,
    "erf": lambda x: x * (-x("square"))("exp") * (-4.0 / math.sqrt(math.pi)),
    "erfinv": lambda y: y * y("square")("exp") * math.sqrt(math.pi),
}
"""A number, or a function of what the derivative reads."""


for _name, _at, _ours, _theirs in (("arcsinh", 1, -0.354, 0.354), ("arccosh", 2, -0.385, 0.385)):
    differs(
        _name,
        "the second derivative has its sign",
        f"x = mx.nd.array([{_at}]); x.attach_grad(); _ = mx.autograd.set_recording(True); "
        f"g = mx.autograd.grad(mx.nd.{_name}(x), x, create_graph=True)[0]; _ = mx.autograd.set_recording(False); g.backward(); "
        "print(x.grad.asnumpy().astype('float64').round(3).tolist())",
        ours=f"[{_ours}]",
        mxnet=f"[{_theirs}]",
        why="The slope falls as the input grows.",
    )
