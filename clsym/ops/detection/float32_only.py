"""The type rule of the operators that MXNet has for float32 alone."""

from __future__ import annotations

from collections.abc import Sequence

from ...graph.contract.spec import ShapeError

__all__ = ["float32_only"]


def float32_only(name: str, ins: Sequence[str | None], outs: Sequence[str | None]) -> tuple[list[str | None], list[str | None]]:
    """All tensors are float32.

    Raises
    ------
    ShapeError
        One is of another type.
    """
    other = next((t for t in (*ins, *outs) if t not in (None, "float32")), None)
    if other is not None:
        raise ShapeError(f"{name} takes float32 only, not {other}; cast the data first (mx.sym.cast)")
    return ["float32"] * len(ins), ["float32"] * len(outs)
