"""What a converter works with, and the table of converters."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

import numpy as np

from ...base import MXNetError
from ...graph.contract.op import Node
from ...graph.contract.registry import facet
from ...graph.contract.spec import PartialShape, Shape, TensorSpec, known, show_shape
from ...graph.rewrite.channels_first import ChannelsLast, LastForm
from ...params import Params
from .model import TYPES, Model

__all__ = ["Layer", "convert", "converter"]

FLOATS = ("float16", "float32", "float64")


class Layer:
    """A node of the symbol, on its way into the file.

    Attributes
    ----------
    node : Node
    ins : list of str
        Names of the input tensors in the file.
    in_shapes, out_shapes : list of tuple of int
        -1 is an extent that is open until the model runs.
    in_dtypes, out_dtypes : list of str
    """

    def __init__(
        self,
        model: Model,
        node: Node,
        ins: list[str],
        in_specs: Sequence[tuple[PartialShape, str]],
        out_specs: Sequence[tuple[PartialShape, str]],
    ) -> None:
        self.model = model
        self.node = node
        self.ins = ins
        self.in_shapes: list[Shape] = [self._ranked(s) for s, _ in in_specs]
        self.in_dtypes = [t for _, t in in_specs]
        self.out_shapes: list[Shape] = [self._ranked(s) for s, _ in out_specs]
        self.out_dtypes = [t for _, t in out_specs]

    def _ranked(self, shape: PartialShape) -> Shape:
        if shape is None:
            self.fail("the number of dimensions is not known", "give shapes of more inputs in in_shapes")
        return shape

    @property
    def p(self) -> Params:
        """The node's typed parameters."""
        return self.node.params

    @property
    def op(self) -> Any:
        """The node's operator."""
        return self.node.op

    @property
    def x(self) -> str:
        """The first input."""
        return self.ins[0]

    @property
    def rank(self) -> int:
        """Number of dimensions of the first input."""
        return len(self.in_shapes[0])

    @property
    def dtype(self) -> str:
        """Element type of the first input."""
        return self.in_dtypes[0]

    def axis(self, axis: int) -> int:
        """An axis of the first input, counted from the front."""
        return axis % self.rank

    def fail(self, what: str, remedy: str) -> NoReturn:
        """Raise MXNetError that names the node."""
        assert self.node.op is not None
        raise MXNetError(f"ONNX export of node {self.node.name!r} ({self.node.op.name}): {what}; {remedy}")

    def extent(self, i: int, axis: int) -> int:
        """An extent of an input, which must not be open."""
        found = self.in_shapes[i][axis]
        if found < 0:
            self.fail(
                f"needs the extent of axis {axis} of its input {show_shape(self.in_shapes[i])}, which is open",
                "fix it in dynamic_input_shapes, or export with dynamic=False",
            )
        return found

    def shape(self, shape: Shape) -> Shape:
        """`shape`, which must be known."""
        if not known(shape):
            self.fail(
                f"needs the shape {show_shape(shape)} in full", "fix open extents in dynamic_input_shapes, or export with dynamic=False"
            )
        return shape

    # ------------------------------------------------------------------------------------------------------------------ writing

    def emit(self, op: str, *inputs: str, **attrs: Any) -> str:
        """The output of a new node of the file."""
        return self.model.emit(op, inputs, self.node.name, **attrs)[0]

    def emits(self, op: str, outputs: int, *inputs: str, **attrs: Any) -> list[str]:
        """The outputs of a new node with several."""
        return self.model.emit(op, inputs, self.node.name, outputs, **attrs)

    def const(self, value: Any, dtype: str | None = None) -> str:
        """A constant, by default of the first input's type."""
        return self.model.constant(np.asarray(value, dtype or self.dtype), f"{self.node.name}_constant")

    def ints(self, *values: int) -> str:
        """A list of axes, extents or positions."""
        return self.const(values, "int64")

    def cast(self, x: str, have: str, want: str) -> str:
        """`x` as another element type."""
        return x if have == want else self.emit("Cast", x, to=TYPES[want])

    def indices(self, i: int) -> str:
        """An input as int64, fractions dropped."""
        return self.cast(self.ins[i], self.in_dtypes[i], "int64")

    def reshape(self, x: str, shape: Sequence[int]) -> str:
        """`x` under a shape of which one extent may be open."""
        if sum(d < 0 for d in shape) > 1:
            self.shape(tuple(shape))
        return self.emit("Reshape", x, self.ints(*shape))

    def squeeze(self, x: str, *axes: int) -> str:
        """`x` without axes of extent 1."""
        return self.emit("Squeeze", x, self.ints(*axes))

    def unsqueeze(self, x: str, *axes: int) -> str:
        """`x` with more axes of extent 1."""
        return self.emit("Unsqueeze", x, self.ints(*axes))

    def transpose(self, x: str, order: Sequence[int]) -> str:
        """`x` with its axes in another order."""
        return x if list(order) == sorted(order) else self.emit("Transpose", x, perm=list(order))

    def swap_last(self, x: str, rank: int) -> str:
        """`x` with its last two axes exchanged."""
        return self.transpose(x, [*range(rank - 2), rank - 1, rank - 2])


Converter = Callable[[Layer], "str | list[str]"]
_CONVERTERS: dict[str, Converter] = {}


def converter(*names: str) -> Callable[[Converter], Converter]:
    """Register the converter of the operators of these (canonical) names: it returns the tensor, or those of all outputs."""

    def add(function: Converter) -> Converter:
        for name in names:
            if name in _CONVERTERS:
                raise ValueError(f"two converters for {name}")
            _CONVERTERS[name] = function
        return function

    return add


def convert(layer: Layer) -> list[str]:
    """Write a layer; the names of its outputs, at least the first.

    Raises
    ------
    MXNetError
        There is no converter for its operator, or this one cannot be expressed.
    """
    name = layer.op.name
    function = _CONVERTERS.get(name)
    if function is None:
        close = difflib.get_close_matches(name, _CONVERTERS, 3)
        like = f" (there are converters for {', '.join(close)})" if close else ""
        layer.fail(
            f"this operator has no converter{like}",
            f"replace the node, or register one: @clsym.contrib.onnx.layer.converter({name!r})",
        )
    for what, dtypes in (("input", layer.in_dtypes), ("output", layer.out_dtypes)):
        for dtype in dtypes:
            if dtype not in TYPES:
                layer.fail(f"an {what} has element type {dtype}", "cast it to float32")
    rule = facet(layer.op, ChannelsLast)
    form = (
        None if rule is None else rule.last_form(layer.p, [TensorSpec(s, t) for s, t in zip(layer.in_shapes, layer.in_dtypes, strict=True)])
    )
    if form is not None and not form.only_after:
        made = function(_channels_first(layer, form))
        first, *others = [made] if isinstance(made, str) else made
        return [layer.transpose(first, (0, *range(2, layer.rank), 1)), *others]
    made = function(layer)
    return [made] if isinstance(made, str) else made


def _channels_first(layer: Layer, form: LastForm) -> Layer:
    """The layer with its channels behind the images, as ONNX has them; its inputs are transposed."""

    def moved(shape: Shape) -> Shape:
        return (shape[0], shape[-1], *shape[1:-1])

    node = layer.node
    assert node.op is not None
    fresh = node.become(node.op, node.op.parse({**dict(node.params.items()), **form.params}), node.inputs)
    ins, specs = [], []
    for i, (name, shape, dtype) in enumerate(zip(layer.ins, layer.in_shapes, layer.in_dtypes, strict=True)):
        here = i in form.moved
        ins.append(layer.transpose(name, (0, len(shape) - 1, *range(1, len(shape) - 1))) if here else name)
        specs.append((moved(shape) if here else shape, dtype))
    outs = list(zip((moved(layer.out_shapes[0]), *layer.out_shapes[1:]), layer.out_dtypes, strict=True))
    return Layer(layer.model, fresh, ins, specs, outs)
