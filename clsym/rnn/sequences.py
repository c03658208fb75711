"""A sequence as one symbol with an axis of time, or as a list with a symbol a step; from each to the other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .. import symbol

__all__ = ["Inputs", "steps_or_whole"]

Symbol = symbol.Symbol
Inputs = symbol.Symbol | Sequence[symbol.Symbol]


def steps_or_whole(length: int | None, inputs: Inputs | None, layout: str, merge: bool | None) -> tuple[Any, int]:
    """The sequence in the form that is asked for, and its axis of time.

    Parameters
    ----------
    length
        Number of steps.
    inputs
        One symbol, or one a step.
    layout
        Where time is: 'NTC' or 'TNC'.
    merge
        True for one symbol, False for a list, None for what it is.

    Raises
    ------
    AssertionError
        No inputs, another number of them, or a group of symbols that is to be cut.
    """
    if inputs is None:
        raise AssertionError("unroll(inputs=None) has been deprecated. Please create input variables outside unroll.")
    axis = layout.find("T")
    if isinstance(inputs, Symbol):
        if merge is False:
            if len(inputs.list_outputs()) != 1:
                raise AssertionError(
                    "unroll doesn't allow grouped symbol as input. "
                    "Please convert to list with list(inputs) first or let unroll handle splitting."
                )
            inputs = list(symbol.split(inputs, axis=axis, num_outputs=length, squeeze_axis=1))
    else:
        if length is not None and len(inputs) != length:
            raise AssertionError(f"unroll over {length} steps was given {len(inputs)} inputs")
        if merge is True:
            inputs = symbol.Concat(*[symbol.expand_dims(i, axis=axis) for i in inputs], dim=axis)
    return inputs, axis
