"""The tensors of a graph that is being imported: symbols and constants, with shapes and types as far as they are known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NoReturn, Protocol

import numpy as np

from ....base import MXNetError
from ....graph.contract.spec import PartialShape, Shape
from ....graph.infer import infer_shapes, infer_types
from ....symbol import Symbol, var

__all__ = ["Graph", "Value"]


class Place(Protocol):
    """What reads a tensor, and names itself where that fails."""

    def fail(self, problem: str, remedy: str = ...) -> NoReturn:
        """Raise MXNetError."""


@dataclass
class Value:
    """A tensor of the file: a constant, or an output of a symbol, or a constant that became a variable.

    Attributes
    ----------
    name : str
    shape : tuple of int or None
        -1 for open extents; a scalar is (1,), since MXNet's arrays have at least one axis.
    dtype : str
    scalar : bool
        Whether it has no axes in the file.
    """

    name: str
    shape: PartialShape
    dtype: str
    scalar: bool = False
    constant: np.ndarray | None = None
    symbol: Symbol | None = None


class Graph:
    """Tensors by name, and the parameters that the symbol needs."""

    def __init__(self, opset: int, opsets: Sequence[Any]) -> None:
        self.opset = opset
        self.opsets = list(opsets)
        self.values: dict[str, Value] = {}
        self.params: dict[str, np.ndarray] = {}
        self._shapes: dict[tuple[int, int], PartialShape] = {}
        self._types: dict[tuple[int, int], str | None] = {}

    def value(self, name: str, node: Place) -> Value:
        """A tensor that a node reads."""
        found = self.values.get(name)
        if found is None:
            node.fail(f"reads {name!r}, which no earlier node and no input is", "the file is damaged or its nodes are not in order")
        return found

    def add_constant(self, name: str, array: np.ndarray) -> None:
        """A tensor that is known."""
        self.values[name] = Value(name, tuple(array.shape) or (1,), array.dtype.name, array.ndim == 0, constant=array)

    def add_input(self, name: str, shape: PartialShape, dtype: str) -> None:
        """A tensor that the user will give."""
        scalar = shape == ()
        shape = shape or (None if shape is None else (1,))
        symbol = var(name)
        self._declare(symbol, shape, dtype)
        self.values[name] = Value(name, shape, dtype, scalar, symbol=symbol)

    def add_result(self, name: str, symbol: Symbol, scalar: bool = False) -> None:
        """What a node computed."""
        shape, dtype = self._infer(symbol)
        self.values[name] = Value(name, shape, dtype, scalar, symbol=symbol)

    def _declare(self, symbol: Symbol, shape: PartialShape, dtype: str) -> None:
        entry = symbol.entries[0]
        self._shapes[(entry.node.serial, 0)] = shape
        self._types[(entry.node.serial, 0)] = dtype

    def symbol(self, value: Value) -> Symbol:
        """A tensor as a symbol; a constant becomes a variable, whose values are among the parameters."""
        if value.symbol is None:
            assert value.constant is not None
            value.symbol = self.new_constant(value.constant, value.name)
        return value.symbol

    def new_constant(self, array: np.ndarray, name: str) -> Symbol:
        """A variable with known values."""
        unique, number = name, 0
        while unique in self.params or (unique in self.values and self.values[unique].constant is None):
            number += 1
            unique = f"{name}_{number}"
        self.params[unique] = array.reshape(array.shape or (1,))
        symbol = var(unique)
        self._declare(symbol, self.params[unique].shape, array.dtype.name)
        return symbol

    def known(self, symbol: Symbol) -> np.ndarray | None:
        """The values of a constant that became a variable."""
        return self.params.get(symbol.entries[0].node.name) if symbol.entries[0].node.is_variable else None

    def _infer(self, symbol: Symbol) -> tuple[PartialShape, str]:
        """Shape and type of a symbol, from those of what is known already."""
        entry = symbol.entries[0]
        key = (entry.node.serial, entry.index)
        if key not in self._shapes or self._types.get(key) is None:
            fresh = self._fresh(symbol)
            infer_shapes(fresh, self._shapes)
            infer_types(fresh, self._types)
        return self._shapes.get(key), self._types.get(key) or "float32"

    def _fresh(self, symbol: Symbol) -> list[Any]:
        """The nodes of a symbol that were not looked at yet, inputs first."""
        found: dict[int, Any] = {}
        stack = [e.node for e in symbol.entries]
        while stack:
            node = stack.pop()
            if node.serial in found or (node.serial, 0) in self._shapes:
                continue
            found[node.serial] = node
            stack.extend(e.node for e in node.inputs)
        return [found[serial] for serial in sorted(found)]  # a node is made after its inputs

    def spec(self, symbol: Symbol) -> tuple[Shape, str]:
        """Shape and type of a symbol that a reader made."""
        shape, dtype = self._infer(symbol)
        if shape is None:
            raise MXNetError(
                f"the number of dimensions of {symbol.list_outputs()[0]!r} is not known; give shapes of the inputs with shapes={{...}}"
            )
        return shape, dtype
