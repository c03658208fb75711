"""The table of element-wise functions of two tensors, which `elemwise_binary` and `broadcast_binary` make operators of."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["BINARY_TABLE", "BinaryRow"]


@dataclass(frozen=True)
class BinaryRow:
    """One function of two tensors.

    Attributes
    ----------
    stem : str
        ``add``: the operators are ``elemwise_add`` or ``_maximum`` and so on (`same`), and ``broadcast_add``.
    same : str
        Name of the operator of equal shapes.
    aliases, broadcast_aliases : tuple of str
        Other names of the two operators.
    formula : str
        For the documentation.
    expr : str
        OpenCL C in ``a`` and ``b``.
    slopes : (lhs, rhs)
        What the gradients are: ``'g'`` the head gradient, ``'-g'`` its negative, ``'g*rhs'``, ``'g*lhs'``, ``'g/rhs'`` products
        with the other input, or OpenCL C in ``g``, ``a``, ``b``. Empty: no gradient.
    example : float or None
        The value at 4 and 2, for the documentation.
    """

    stem: str
    same: str
    aliases: tuple[str, ...]
    formula: str
    expr: str
    slopes: tuple[str, str] = ("", "")
    broadcast_aliases: tuple[str, ...] = ()
    example: float = 0.0


def _compare(stem: str, sign: str, alias: str, example: float) -> BinaryRow:
    return BinaryRow(stem, f"_{stem}", (alias,), f"1 where lhs {sign} rhs, else 0", f"((a) {sign} (b))", example=example)


def _logic(stem: str, alias: str, formula: str, expr: str, example: float) -> BinaryRow:
    return BinaryRow(f"logical_{stem}", f"_logical_{stem}", (alias,), formula, expr, example=example)


BINARY_TABLE = [
    BinaryRow("add", "elemwise_add", ("_add", "_plus", "_Plus"), "lhs + rhs", "((a) + (b))", ("g", "g"), ("broadcast_plus",), 6.0),
    BinaryRow("sub", "elemwise_sub", ("_sub", "_minus", "_Minus"), "lhs - rhs", "((a) - (b))", ("g", "-g"), ("broadcast_minus",), 2.0),
    BinaryRow("mul", "elemwise_mul", ("_mul", "_Mul"), "lhs * rhs", "((a) * (b))", ("g*rhs", "g*lhs"), example=8.0),
    BinaryRow("div", "elemwise_div", ("_div", "_Div"), "lhs / rhs (integers: cut off; 0 where rhs is 0)", "quotient(a, b)",
              ("g/rhs", "((g) * quotient(-(a), (b) * (b)))"), example=2.0),
    BinaryRow("mod", "_mod", ("_Mod",), "lhs mod rhs, of the sign of rhs; 0 where rhs is 0", "modulo(a, b)",
              ("g", "((g) * -floored(quotient(a, b)))"), example=0.0),
    BinaryRow("power", "_power", ("_Power",), "lhs to the power of rhs", "power(a, b)",
              ("((g) * (power(a, (b) - 1) * (b)))", "((g) * (logarithm(a) * power(a, b)))"), example=16.0),
    BinaryRow("maximum", "_maximum", ("_Maximum",), "the greater of lhs and rhs; NaN of either stays NaN", "MAX_(a, b)",
              ("((a) >= (b) ? (g) : 0)", "((a) < (b) ? (g) : 0)"), example=4.0),
    BinaryRow("minimum", "_minimum", ("_Minimum",), "the lesser of lhs and rhs; NaN of either stays NaN", "MIN_(a, b)",
              ("((a) <= (b) ? (g) : 0)", "((a) > (b) ? (g) : 0)"), example=2.0),
    BinaryRow("hypot", "_hypot", ("_Hypot",), "sqrt(lhs^2 + rhs^2)", "hypotenuse(a, b)",
              ("((g) * quotient(a, hypotenuse(a, b)))", "((g) * quotient(b, hypotenuse(a, b)))"), example=4.4721),
    _compare("equal", "==", "_Equal", 0.0),
    _compare("not_equal", "!=", "_Not_Equal", 1.0),
    _compare("greater", ">", "_Greater", 1.0),
    _compare("greater_equal", ">=", "_Greater_Equal", 1.0),
    _compare("lesser", "<", "_Lesser", 0.0),
    _compare("lesser_equal", "<=", "_Lesser_Equal", 0.0),
    _logic("and", "_Logical_And", "1 where both are other than 0, else 0", "((a) != 0 && (b) != 0)", 1.0),
    _logic("or", "_Logical_Or", "1 where one is other than 0, else 0", "((a) != 0 || (b) != 0)", 1.0),
    _logic("xor", "_Logical_Xor", "1 where exactly one is other than 0, else 0", "(((a) != 0) != ((b) != 0))", 0.0),
]  # fmt: skip
