"""An ONNX graph as plain data, while it is being built."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...graph.contract.spec import Shape

__all__ = ["OPSET", "TYPES", "Model", "Tensor", "Write"]

OPSET = 17
"""Of the operators written: the first with LayerNormalization; axes of mean, max and min are still attributes."""

TYPES = {"float32": 1, "uint8": 2, "int8": 3, "int32": 6, "int64": 7, "bool": 9, "float16": 10, "float64": 11}
"""ONNX's numbers of the element types."""


@dataclass
class Write:
    """One node of the file: an operator of ONNX, the names it reads and writes, its attributes."""

    op: str
    inputs: list[str]
    outputs: list[str]
    attrs: Mapping[str, Any]


@dataclass(frozen=True)
class Tensor:
    """An input or output of the file. An extent of -1 is open; `labels` names open ones."""

    name: str
    shape: Shape
    dtype: str
    labels: tuple[str | None, ...] = ()


@dataclass
class Model:
    """The file's content.

    Attributes
    ----------
    values : dict of str to ndarray
        Constants and parameters; only those that some node reads are written.
    nodes : list of Write
    inputs, outputs : list of Tensor
    used : set of str
        Every name given to a tensor so far.
    """

    values: dict[str, np.ndarray] = field(default_factory=dict)
    nodes: list[Write] = field(default_factory=list)
    inputs: list[Tensor] = field(default_factory=list)
    outputs: list[Tensor] = field(default_factory=list)
    used: set[str] = field(default_factory=set)
    _constants: dict[tuple[str, Shape, bytes], str] = field(default_factory=dict)
    _next: dict[str, int] = field(default_factory=dict)

    def unique(self, stem: str) -> str:
        """A name that no tensor has yet: the stem itself, or with a number behind it."""
        name = stem
        while name in self.used:
            self._next[stem] = self._next.get(stem, 0) + 1
            name = f"{stem}_{self._next[stem]}"
        self.used.add(name)
        return name

    def constant(self, array: np.ndarray, stem: str = "constant") -> str:
        """The name of a constant; equal ones share it."""
        array = np.asarray(array, order="C")  # a scalar stays one
        key = (str(array.dtype), array.shape, array.tobytes())
        if key not in self._constants:
            self._constants[key] = self.unique(stem)
            self.values[self._constants[key]] = array
        return self._constants[key]

    def emit(self, op: str, inputs: Sequence[str], stem: str, outputs: int = 1, **attrs: Any) -> list[str]:
        """Append a node; the names of its outputs."""
        names = [self.unique(stem) for _ in range(outputs)]
        self.nodes.append(Write(op, list(inputs), names, attrs))
        return names

    def read_values(self) -> dict[str, np.ndarray]:
        """The constants that some node reads."""
        read = {name for node in self.nodes for name in node.inputs}
        return {name: array for name, array in self.values.items() if name in read}

    def finish(self, heads: Sequence[tuple[str, Tensor]]) -> None:
        """Declare the outputs: tensors under the names that the file promises.

        An output that is an input or a constant, or that stands twice, gets a node of its own.
        """
        made = {name for node in self.nodes for name in node.outputs}
        renamed: dict[str, str] = {}
        for name, tensor in heads:
            if name in made and name not in renamed:
                renamed[name] = tensor.name
            else:
                self.nodes.append(Write("Identity", [name], [tensor.name], {}))
            self.outputs.append(tensor)
        for node in self.nodes:
            node.inputs = [renamed.get(n, n) for n in node.inputs]
            node.outputs = [renamed.get(n, n) for n in node.outputs]
