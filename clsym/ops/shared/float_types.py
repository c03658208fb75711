"""The type rules that the layers of this package share."""

from __future__ import annotations

from collections.abc import Sequence

from ...graph.contract.spec import ShapeError, UnsupportedType

__all__ = ["one_float_type", "statistics_type"]

_FLOATS = ("float16", "float32", "float64")


def one_float_type(
    what: str, ins: Sequence[str | None], outs: Sequence[str | None], answered: bool = True
) -> tuple[list[str | None], list[str | None]]:
    """All tensors of one floating-point type.

    Raises
    ------
    UnsupportedType or ShapeError
        The type is none; whether questions about it are `answered` all the same, or refused. The message says `what` has it.
    """
    found = next((t for t in (*ins, *outs) if t is not None), None)
    if found is not None and found not in _FLOATS:
        text = f"{what}: this operation only supports floating-point types, not {found}; cast the data first (mx.sym.cast)"
        raise UnsupportedType(found, text) if answered else ShapeError(text)
    return [found] * len(ins), [found] * len(outs)


def statistics_type(dtype: str | None) -> str | None:
    """The type that parameters and statistics of data of that type have: float32 for float16, else the same."""
    return "float32" if dtype == "float16" else dtype
