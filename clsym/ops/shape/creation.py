"""Tensors without inputs: zeros, ones, constants, progressions, the identity matrix."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ...graph.contract.kernel_call import KernelCall, LowerContext, Out, Scalar, compute_type, defines_for, grid
from ...graph.contract.op import Entry, Gradient, Op
from ...graph.contract.registry import register
from ...graph.contract.spec import PartialShape, ShapeError, TensorSpec
from ...params import REQUIRED, Bool, Dtype, Float, Int, Params, Shape, Str
from ..shared.strided import Walk, fill, row_major, value_scalar

__all__ = ["Creation", "legacy_shape", "progression"]

_CTX = Str("", "Device, as 'cpu(0)'; used by imperative calls only.")


class _NumberType(Dtype):
    """An element type but bool."""

    def parse(self, value: Any) -> Any:
        found = super().parse(value)
        if found == "bool":
            raise ValueError("valid values are the types of numbers")
        return found


def legacy_shape(shape: tuple[int, ...] | None, known: PartialShape) -> PartialShape:
    """A shape parameter as MXNet reads it: 0 is an extent that consumers tell, an empty shape one they tell wholly.

    Raises
    ------
    ShapeError
        An extent is negative.
    """
    if not shape:
        return known
    if any(d < 0 for d in shape):
        raise ShapeError(f"shape={shape} has a negative extent")
    return tuple(d or -1 for d in shape)


class Creation(Op):
    """Base of the operators without inputs that have parameters `shape` and `dtype`."""

    inputs = ()

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        return [], [legacy_shape(p.shape, outs[0])]

    def infer_type(self, p: Params, ins: list[str | None], outs: list[str | None]) -> tuple[list[str | None], list[str | None]]:
        return [], [p.dtype or outs[0]]

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        return []


class _Constant(Creation):
    """Base of the operators that fill with one value."""

    def value(self, p: Params) -> float:
        """The value."""
        raise NotImplementedError

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        n = outs[0].size
        return fill(Out(0), (n,), row_major((n,)), self.value(p), outs[0].dtype, ctx, ctx.reqs[0])


@register
class SetValue(_Constant):
    """A number in every element of the result, whose shape and type are those of ``out=`` or follow from the consumers.

    Examples
    --------
    >>> import clsym as mx
    >>> mx.nd._internal._set_value(3, out=mx.nd.zeros(2)).asnumpy().tolist()
    [3.0, 3.0]
    """

    name = "_set_value"
    params = {"src": Float(doc="The number.")}

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        return [], [outs[0]]

    def infer_type(self, p: Params, ins: list[str | None], outs: list[str | None]) -> tuple[list[str | None], list[str | None]]:
        return [], [outs[0]]

    def value(self, p: Params) -> float:
        return float(p.src)


@register
class Zeros(_Constant):
    """A tensor of zeros.

    Parameters
    ----------
    shape : tuple of int
        In a graph, 0 is an extent that follows from the consumers.
    ctx : str
        The device, for imperative calls.
    dtype : str
        The element type, float32 by default.

    Examples
    --------
    >>> import clsym as mx
    >>> mx.nd.zeros((2, 2)).asnumpy().tolist()
    [[0.0, 0.0], [0.0, 0.0]]

    Source: MXNet 1.9.1, ``zeros``.
    """

    name = "_zeros"
    params = {"shape": Shape((), "The shape."), "ctx": _CTX, "dtype": Dtype("float32", "The element type.")}

    def value(self, p: Params) -> float:
        return 0.0


@register
class ZerosWithoutDtype(Zeros):
    """A tensor of zeros whose element type follows from the consumers where `dtype` is -1.

    Source: MXNet 1.9.1, ``_zeros_without_dtype``.
    """

    name = "_zeros_without_dtype"
    params = {"shape": Shape(None, "The shape."), "ctx": _CTX, "dtype": Dtype(None, "The element type; -1: as the consumers need.")}


@register
class Ones(_Constant):
    """A tensor of ones; parameters as those of ``_zeros``.

    Examples
    --------
    >>> import clsym as mx
    >>> mx.nd.ones((2,)).asnumpy().tolist()
    [1.0, 1.0]

    Source: MXNet 1.9.1, ``ones``.
    """

    name = "_ones"
    params = Zeros.params

    def value(self, p: Params) -> float:
        return 1.0


@register
class Full(_Constant):
    """A tensor filled with `value`; other parameters as those of ``_zeros``. Integers are truncated.

    Examples
    --------
    >>> import clsym as mx
    >>> mx.nd.full((2,), 2.5).asnumpy().tolist()
    [2.5, 2.5]

    Source: MXNet 1.9.1, ``full``.
    """

    name = "_full"
    params = {
        "shape": Shape(None, "The shape."),
        "ctx": _CTX,
        "dtype": Dtype("float32", "The element type."),
        "value": Float(doc="The value."),
    }

    def value(self, p: Params) -> float:
        return float(p.value)


# ----------------------------------------------------------------------------------------------------------------- progressions


def progression(n: int, repeat: int, start: float, step: float, dtype: str, ctx: LowerContext, wide: str = "") -> list[KernelCall]:
    """The launch that writes ``start + (i // repeat) * step``; `wide` is the type it computes in, by default that of `dtype`."""
    kind = wide or compute_type(dtype)
    if kind in ("float", "double"):
        ends = (Scalar(kind, float(start)), Scalar(kind, float(step)))
    else:
        ends = (value_scalar(start, dtype), value_scalar(step, dtype))
    global_size, local_size = grid(n, ctx.traits)
    defines = defines_for(dtype, ctx.reqs[0], W=kind)
    args = (Out(0), Scalar("long", n), Scalar("long", repeat), *ends)
    return [KernelCall("shape/creation.cl", "progression", args, defines, global_size, local_size)]


@register
class Arange(Op):
    """Evenly spaced values ``start, start + step, ...`` below `stop`, each `repeat` times.

    Parameters
    ----------
    start : float
        The first value; with no `stop`, the values run from 0 to `start`.
    stop : float, optional
        Bound, exclusive.
    step : float
        Spacing, 1 by default.
    repeat : int
        How many times each value.
    infer_range : bool
        With no `stop`: start at `start`, and let the consumers tell how many.
    ctx, dtype
        As those of ``_zeros``.

    Raises
    ------
    MXNetError
        If `step` is 0, or the range is empty.

    Examples
    --------
    >>> import clsym as mx
    >>> mx.nd.arange(0, 3, repeat=2).asnumpy().tolist()
    [0.0, 0.0, 1.0, 1.0, 2.0, 2.0]

    Source: MXNet 1.9.1, ``arange``.
    """

    name = "_arange"
    inputs = ()
    params = {
        "start": Float(doc="First value."),
        "stop": Float(None, "Bound, exclusive."),
        "step": Float(1.0, "Spacing."),
        "repeat": Int(1, "How many times each value.", low=1),
        "infer_range": Bool(False, "Whether the number of values follows from the consumers."),
        "ctx": _CTX,
        "dtype": _NumberType("float32", "The element type."),
    }

    def _start(self, p: Params) -> float:
        return 0.0 if p.stop is None and not p.infer_range else float(p.start)

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        if p.step == 0 or not math.isfinite(p.step) or not math.isfinite(p.start):
            raise ShapeError(f"start={p.start}, step={p.step}: the step must not be 0, and both must be finite")
        if p.stop is None and p.infer_range:
            return [], [outs[0] if outs[0] is not None else (-1,)]
        first, last = self._start(p), float(p.start if p.stop is None else p.stop)
        count = (last - first) / p.step
        if not 0 < count < 1 << 40:
            raise ShapeError(f"Invalid range (start, stop, step) = ({first}, {last}, {p.step}): it holds no value, or too many")
        return [], [(math.ceil(count) * p.repeat,)]

    def infer_type(self, p: Params, ins: list[str | None], outs: list[str | None]) -> tuple[list[str | None], list[str | None]]:
        return [], [p.dtype]

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        return progression(outs[0].size, p.repeat, self._start(p), p.step, outs[0].dtype, ctx)

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        return []


@register
class Linspace(Op):
    """`num` values evenly spaced from `start` to `stop`.

    Parameters
    ----------
    start, stop : float
        First and last value.
    num : int
        How many.
    endpoint : bool
        Whether `stop` is the last value; else it is left out.
    ctx, dtype
        As those of ``_zeros``.

    Examples
    --------
    >>> import clsym as mx
    >>> mx.nd.linspace(0, 1, 5).asnumpy().tolist()
    [0.0, 0.25, 0.5, 0.75, 1.0]

    Source: MXNet 1.9.1, ``linspace``.
    """

    name = "_linspace"
    inputs = ()
    params = {
        "start": Float(REQUIRED, "First value."),
        "stop": Float(REQUIRED, "Last value."),
        "num": Int(REQUIRED, "How many values.", low=0, high=1 << 40),
        "endpoint": Bool(True, "Whether stop is one of them."),
        "ctx": _CTX,
        "dtype": _NumberType("float32", "The element type."),
    }

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        return [], [(p.num,)]

    def infer_type(self, p: Params, ins: list[str | None], outs: list[str | None]) -> tuple[list[str | None], list[str | None]]:
        return [], [p.dtype]

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        parts = p.num - 1 if p.endpoint else p.num
        step = (p.stop - p.start) / parts if parts > 0 else 0.0
        wide = "double" if ctx.traits.fp64 else "float"
        return progression(p.num, 1, p.start, step, outs[0].dtype, ctx, wide)

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        return []


@register
class Eye(Op):
    """A matrix with ones on a diagonal.

    Parameters
    ----------
    N : int
        Rows.
    M : int
        Columns; 0: as many as rows.
    k : int
        The diagonal: 0 the main one, positive above, negative below.
    ctx, dtype
        As those of ``_zeros``.

    Examples
    --------
    >>> import clsym as mx
    >>> mx.nd.eye(2, k=1).asnumpy().tolist()
    [[0.0, 1.0], [0.0, 0.0]]

    Source: MXNet 1.9.1, ``eye``.
    """

    name = "_eye"
    inputs = ()
    params = {
        "N": Int(doc="Rows.", low=0),
        "M": Int(0, "Columns; 0: as many as rows.", low=0),
        "k": Int(0, "Which diagonal."),
        "ctx": _CTX,
        "dtype": _NumberType("float32", "The element type."),
    }

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        return [], [(p.N, p.M or p.N)]

    def infer_type(self, p: Params, ins: list[str | None], outs: list[str | None]) -> tuple[list[str | None], list[str | None]]:
        return [], [p.dtype]

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        rows, columns = outs[0].shape
        dtype, req = outs[0].dtype, ctx.reqs[0]
        row, column = max(0, -p.k), max(0, p.k)
        length = max(0, min(rows - row, columns - column))
        calls = fill(Out(0), (rows * columns,), row_major((rows * columns,)), 0.0, dtype, ctx) if req == "write" else []
        return calls + fill(Out(0), (length,), Walk(row * columns + column, (columns + 1,)), 1.0, dtype, ctx, req)

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        return []
