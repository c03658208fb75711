"""What a reader works with: a node of an ONNX graph, its inputs as symbols or constants; and the table of readers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from ....base import MXNetError
from ....graph.contract.spec import Shape, known, show_shape
from ....symbol import Symbol
from ....symbol.register import operator

if TYPE_CHECKING:
    from .graph import Graph, Value

__all__ = ["FLOATS", "READERS", "ConstantNeeded", "Node", "reads"]

FLOATS = ("float16", "float32", "float64")

Result = Symbol | np.ndarray | Sequence[Symbol | np.ndarray | None]
Reader = Callable[["Node"], Result]
READERS: dict[str, Reader] = {}


class ConstantNeeded(MXNetError):
    """A tensor must be known when the model is imported, since the shape of the graph depends on it.

    Attributes
    ----------
    tensor : str
        Its name in the file.
    """

    def __init__(self, message: str, tensor: str) -> None:
        super().__init__(message)
        self.tensor = tensor


def reads(*names: str) -> Callable[[Reader], Reader]:
    """Decorator: the function reads the ONNX operators of these names."""

    def put(reader: Reader) -> Reader:
        READERS.update(dict.fromkeys(names, reader))
        return reader

    return put


class Node:
    """A node of the file, on its way into a symbol.

    Attributes
    ----------
    kind : str
        The ONNX operator.
    opset : int
        The version of ONNX's operators that the file is written in.
    attrs : dict
        Attributes as Python values and numpy arrays.
    """

    def __init__(self, graph: Graph, kind: str, name: str, inputs: Sequence[str], outputs: Sequence[str], attrs: dict[str, Any]) -> None:
        self.graph = graph
        self.kind = kind
        self.opset = graph.opset
        self.attrs = attrs
        self.input_names = list(inputs)
        self.outputs = list(outputs)
        self.name = name or next((o for o in outputs if o), kind)
        self._made = 0

    # ---------------------------------------------------------------------------------------------------------------- inputs

    def has(self, i: int) -> bool:
        """Whether the input is given."""
        return i < len(self.input_names) and bool(self.input_names[i])

    def value(self, i: int) -> Value:
        """The input, which must be given."""
        if not self.has(i):
            self.fail(f"input {i} is missing")
        return self.graph.value(self.input_names[i], self)

    def __getitem__(self, i: int) -> Symbol:
        return self.graph.symbol(self.value(i))

    @property
    def x(self) -> Symbol:
        """The first input."""
        return self[0]

    @property
    def all(self) -> list[Symbol]:
        """All inputs."""
        return [self[i] for i in range(len(self.input_names))]

    def shape(self, i: int = 0) -> Shape:
        """The shape of an input, all of which must be known."""
        shape = self.open_shape(i)
        if not known(shape):
            raise ConstantNeeded(
                self.text(f"input {self.input_names[i]!r} has shape {show_shape(shape)}; give the open extents with shapes={{...}}"),
                self.input_names[i],
            )
        return shape

    def open_shape(self, i: int = 0) -> Shape:
        """The shape of an input with -1 for unknown extents."""
        shape = self.value(i).shape
        if shape is None:
            self.fail(f"the number of dimensions of input {self.input_names[i]!r} is not known; give its shape with shapes={{...}}")
        return shape

    def rank(self, i: int = 0) -> int:
        """The number of dimensions of an input."""
        value = self.value(i)
        return 0 if value.scalar else len(self.open_shape(i))

    def dtype(self, i: int = 0) -> str:
        """The element type of an input."""
        return self.value(i).dtype

    def constant(self, i: int) -> np.ndarray:
        """An input that must be known now."""
        value = self.value(i)
        if value.constant is None:
            raise ConstantNeeded(
                self.text(f"input {self.input_names[i]!r} must be a constant, since shapes depend on it; give it with constants={{...}}"),
                self.input_names[i],
            )
        return value.constant

    def is_constant(self, i: int) -> bool:
        """Whether an input is given and known now."""
        return self.has(i) and self.value(i).constant is not None

    # -------------------------------------------------------------------------------------------------------------- attributes

    def attr(self, name: str, default: Any = None) -> Any:
        """An attribute, or its default."""
        return self.attrs.get(name, default)

    def ints(self, name: str, i: int, default: Any = None) -> Any:
        """Integers that are an attribute in older versions and a constant input in newer ones, as a tuple."""
        if name in self.attrs:
            return tuple(int(v) for v in self.attrs[name])
        return tuple(int(v) for v in self.constant(i).ravel()) if self.has(i) else default

    def scalar(self, name: str, i: int, default: Any = None) -> Any:
        """A number that is an attribute in older versions and a constant input in newer ones."""
        if name in self.attrs:
            return self.attrs[name]
        return self.constant(i).ravel()[0].item() if self.has(i) else default

    # ------------------------------------------------------------------------------------------------------------------ making

    def op(self, name: str, *inputs: Symbol, **params: Any) -> Symbol:
        """An operator of clsym on the way to the result."""
        self._made += 1
        return operator(name)(*inputs, name=f"{self.name}_{self._made}", **params)

    def out(self, name: str, *inputs: Symbol, **params: Any) -> Symbol:
        """The operator of clsym whose outputs are the node's; it has the node's name."""
        return operator(name)(*inputs, name=self.name, **params)

    def spec(self, symbol: Symbol) -> tuple[Shape, str]:
        """Shape and element type of a symbol that was made here."""
        return self.graph.spec(symbol)

    def const(self, values: Any, dtype: str | None = None) -> Symbol:
        """A constant of the reader's own."""
        return self.graph.new_constant(np.asarray(values, dtype=dtype), f"{self.name}_constant")

    def cast(self, symbol: Symbol, dtype: str) -> Symbol:
        """The symbol in another element type, itself where it has that."""
        return symbol if self.spec(symbol)[1] == dtype else self.op("Cast", symbol, dtype=dtype)

    def half_even(self, x: Symbol) -> Symbol:
        """The nearest whole numbers, halves to the even one, as ONNX rounds; `rint` takes halves down."""
        low = self.op("floor", x)
        rest = self.op("elemwise_sub", x, low)
        up = self.op("_greater_scalar", rest, scalar=0.5)
        tie = self.op("elemwise_mul", self.op("_equal_scalar", rest, scalar=0.5), self.op("_mod_scalar", low, scalar=2.0))
        return self.op("elemwise_add", low, self.op("elemwise_add", up, tie))

    def reshape(self, symbol: Symbol, shape: Sequence[int]) -> Symbol:
        """The symbol in another shape, a known one."""
        return (
            self.op("Reshape", symbol, shape=tuple(int(d) for d in shape)) if tuple(shape) != () else self.op("Reshape", symbol, shape=(1,))
        )

    # ------------------------------------------------------------------------------------------------------------------ errors

    def text(self, problem: str) -> str:
        """What is wrong, with where."""
        return f"ONNX node {self.name!r} ({self.kind}, opset {self.opset}): {problem}"

    def fail(self, problem: str, remedy: str = "change the model or register an operator for it") -> NoReturn:
        """Raise MXNetError that names the node."""
        raise MXNetError(f"{self.text(problem)}; {remedy}")

    def require(self, condition: bool, problem: str) -> None:
        """Raise MXNetError that names the node unless the condition holds."""
        if not condition:
            self.fail(problem)
