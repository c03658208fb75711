"""Names of a module's inputs against those of its symbol and of what it is fed."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

from ..io import DataDesc

__all__: list[str] = []

_LEARNED = ("_weight", "_bias", "_gamma", "_beta")


def _as_list(obj: Any) -> list[Any]:
    """A list or tuple as it is, anything else as a list of one."""
    return obj if isinstance(obj, (list, tuple)) else [obj]  # type: ignore[return-value]


def _check_input_names(symbol: Any, names: Sequence[str], typename: str, throw: bool) -> None:
    """Every name must be an argument of the symbol.

    Raises
    ------
    ValueError
        One is not, and `throw`; else a warning.
    """
    args = symbol.list_arguments()
    for name in names:
        if name in args:
            continue
        candidates = "\n\t".join(a for a in args if not a.endswith(_LEARNED))
        msg = (
            f"\033[91mYou created Module with Module(..., {typename}_names={names}) but input with name '{name}' is not found in "
            f"symbol.list_arguments(). Did you mean one of:\n\t{candidates}\033[0m"
        )
        if throw:
            raise ValueError(msg)
        warnings.warn(msg, stacklevel=3)


def _check_names_match(data_names: Sequence[str], data_shapes: Sequence[DataDesc], name: str, throw: bool) -> None:
    """The names of descriptions must be those that the module has, in any order."""
    if sorted(data_names) == sorted(d.name for d in data_shapes):
        return
    msg = f"Data provided by {name}_shapes don't match names specified by {name}_names ({data_shapes} vs. {data_names})"
    if throw:
        raise ValueError(msg)
    warnings.warn(msg, stacklevel=3)


def _described(shapes: Sequence[Any]) -> list[DataDesc]:
    return [s if isinstance(s, DataDesc) else DataDesc(*s) for s in shapes]


def _parse_data_desc(
    data_names: Sequence[str], label_names: Sequence[str], data_shapes: Sequence[Any], label_shapes: Sequence[Any] | None
) -> tuple[list[DataDesc], list[DataDesc] | None]:
    """Shapes of data and labels, given as (name, shape) or `DataDesc`, as `DataDesc`; None for labels stays None.

    Raises
    ------
    ValueError
        The names of the data are not the module's; labels make a warning.
    """
    data = _described(data_shapes)
    _check_names_match(data_names, data, "data", True)
    if label_shapes is None:
        _check_names_match(label_names, [], "label", False)
        return data, None
    labels = _described(label_shapes)
    _check_names_match(label_names, labels, "label", False)
    return data, labels
