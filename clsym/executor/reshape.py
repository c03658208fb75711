"""The arrays of a reshaped executor: those of the old one, or a part of their memory."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from typing import Any

import numpy as np

from ..base import MXNetError, WrongValueError, dtype_name
from ..graph.contract.ir import topological
from ..graph.contract.op import Entry, Node
from ..graph.contract.spec import known
from ..graph.infer import infer_shapes
from ..ndarray import NDArray
from .arrays import first_part, new_array
from .inputs import apply_declared_shapes

__all__ = ["new_shapes", "renew"]


def new_shapes(heads: Sequence[Entry], nodes: Sequence[Node], given: Mapping[str, Sequence[int]]) -> dict[tuple[int, int], Any]:
    """The shapes of a graph's inputs and values that follow from those of some inputs, by name."""
    shapes: dict[tuple[int, int], Any] = {}
    for node in nodes:
        if node.name in given:
            try:
                shapes[(node.serial, 0)] = tuple(int(d) for d in given[node.name])
            except (TypeError, ValueError) as exc:
                raise WrongValueError(f"reshape: {node.name}={given[node.name]!r} is no shape; pass a tuple of integers") from exc
    apply_declared_shapes(nodes, shapes)
    infer_shapes(topological(heads), shapes)
    return shapes


def renew(
    name: str,
    array: NDArray,
    grad: NDArray | None,
    shape: tuple[int, ...] | None,
    given: Container[str],
    partial_shaping: bool,
    allow_up_sizing: bool,
) -> tuple[NDArray, NDArray | None]:
    """An input and its gradient for a new shape: the same arrays, the first part of them, or new ones if they grow.

    Raises
    ------
    MXNetError
        What is not allowed would be needed.
    """
    if shape is None or not known(shape) or tuple(shape) == tuple(array.shape):
        return array, grad
    if name not in given and not partial_shaping:
        raise MXNetError(
            f"Shape of unspecified arg: {name} changed from {tuple(array.shape)} to {tuple(shape)}. "
            "This can cause the new executor to not share parameters with the old one. "
            "If this is intended, set partial_shaping=True."
        )
    if int(np.prod(shape)) <= array.size:
        return first_part(array, shape), first_part(grad, shape) if grad is not None else None
    if not allow_up_sizing:
        raise MXNetError(
            f"New shape of arg: {name} {tuple(shape)} is larger than original {tuple(array.shape)}. "
            "First making a big executor and then down sizing it is more efficient than the reverse. "
            "Set allow_up_sizing=True to allocate new arrays."
        )

    def larger(old: NDArray) -> NDArray:
        return new_array(shape, old.context, dtype_name(old.dtype), f"the array {name!r}")

    return larger(array), larger(grad) if grad is not None else None
