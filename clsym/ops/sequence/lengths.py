"""Sequences of given lengths: SequenceMask, SequenceLast, SequenceReverse."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from ...differences import differs
from ...graph.contract.kernel_call import Arg, In, KernelCall, LowerContext, Out, Scalar, compute_type, ctype, defines_for
from ...graph.contract.op import Entry, Gradient, Op
from ...graph.contract.registry import register
from ...graph.contract.spec import PartialShape, ShapeError, TensorSpec, UnsupportedType, unify_shape
from ...params import Bool, Field, Float, Int, Params
from ...params import Shape as ShapeField
from ..shared.launch_sizes import stretch_grid
from ..shared.strided import flat_copy, value_scalar

__all__ = ["SequenceLast", "SequenceMask", "SequenceReverse", "sequence_call"]

_USE: dict[str, Field] = {"use_sequence_length": Bool(False, "Whether the sequences have lengths of their own, in `sequence_length`.")}
_AXIS: dict[str, Field] = {"axis": Int(0, "The axis of the steps: 0 or 1; the other one of them is the batch.")}
_VALUE: dict[str, Field] = {"value": Float(0.0, "What stands beyond the end of a sequence.")}
_NUMBERS = ("float16", "float32", "float64", "int32", "int64", "int8", "uint8")


def sequence_call(
    entry: str,
    x: Arg,
    length: Arg | None,
    y: Arg,
    extents: tuple[int, int, int],
    types: tuple[str, str],
    req: str,
    ctx: LowerContext,
    *,
    batch_outer: bool = False,
    value: float | None = None,
    at: tuple[int, int] = (0, 0),
) -> KernelCall:
    """The launch of a kernel of ``kernels/sequence/lengths.cl``.

    Parameters
    ----------
    extents : (int, int, int)
        Steps, sequences, values a step.
    types : (str, str)
        Of the data and of the lengths.
    batch_outer : bool
        Whether the data are (batch, steps, ...) rather than (steps, batch, ...).
    at : (int, int)
        Where `x` and `y` begin in their buffers; for masks.
    """
    dtype, length_type = types
    steps, batch, inner = extents
    rows = batch if entry == "sequence_last" else steps * batch
    defines = defines_for(
        dtype, req, TI=ctype(length_type), CI=compute_type(length_type), HAS_LENGTH=int(length is not None), BATCH_OUTER=int(batch_outer)
    )
    args: list[Arg] = [x, length if length is not None else x, y, *(Scalar("long", v) for v in (steps, batch, inner))]
    if value is not None:
        args += [value_scalar(value, dtype), *(Scalar("long", v) for v in at)]
    return KernelCall("sequence/lengths.cl", entry, tuple(args), defines, *stretch_grid(rows, inner, ctx.traits))


class _ByLength(Op):
    """What the three share: data (T, N, ...) or (N, T, ...), and the lengths (N,) if they are used."""

    axes: tuple[int, ...] = (0, 1)
    inputs = ("data", "sequence_length")

    def input_names(self, p: Params) -> tuple[str, ...]:
        return self.inputs if p.use_sequence_length else self.inputs[:1]

    def check(self, p: Params, data: PartialShape) -> None:
        """Raise where the axis or the number of dimensions is wrong."""
        if p.axis not in self.axes:
            raise ShapeError(f"axis={p.axis}: the steps must lie along axis {' or '.join(map(str, self.axes))}; transpose the data first")
        if data is not None and len(data) < 2:
            raise ShapeError(f"data must have at least 2 dimensions, (steps, batch, ...) or (batch, steps, ...), got {data}")

    def lengths(self, p: Params, data: PartialShape, given: Sequence[PartialShape]) -> list[PartialShape]:
        """The shape of the second input, if there is one."""
        if not p.use_sequence_length:
            return []
        return [given[1] if data is None else (data[1 - p.axis],)]

    def from_lengths(self, p: Params, data: PartialShape, given: Sequence[PartialShape]) -> PartialShape:
        """The data's shape with the batch that the lengths tell."""
        if not p.use_sequence_length or data is None or given[1] is None:
            return data
        if len(given[1]) != 1:
            raise ShapeError(f"sequence_length must be (batch,), one length for each sequence, got {given[1]}")
        batch = (-1, *given[1]) if p.axis == 0 else (*given[1], -1)
        return unify_shape(data, (*batch, *(-1,) * (len(data) - 2)), "sequence_length must hold one length for each sequence of the batch")

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        data = self.from_lengths(p, unify_shape(ins[0], outs[0]), ins)
        self.check(p, data)
        return [data, *self.lengths(p, data, ins)], [data]

    def infer_type(self, p: Params, ins: list[str | None], outs: list[str | None]) -> tuple[list[str | None], list[str | None]]:
        data = ins[0] or outs[0]
        if data is not None and data not in _NUMBERS:
            raise UnsupportedType(data, f"{self.name} works on numbers, not on {data}; cast the data first (mx.sym.cast)")
        return [data, *([ins[1] or data] if p.use_sequence_length else [])], [data]

    def call(
        self, entry: str, p: Params, shape: Sequence[int], ins: Sequence[TensorSpec], ctx: LowerContext, value: float | None = None
    ) -> KernelCall:
        """The launch over data of that shape."""
        steps, batch = shape[p.axis], shape[1 - p.axis]
        length = In(1) if p.use_sequence_length else None
        types = (ins[0].dtype, ins[1].dtype if p.use_sequence_length else "int32")
        extents = (steps, batch, math.prod(shape[2:]))
        return sequence_call(entry, In(0), length, Out(0), extents, types, ctx.reqs[0], ctx, batch_outer=p.axis == 1, value=value)


@register
class SequenceMask(_ByLength):
    """Everything beyond the end of its sequence becomes `value`: ``out[t, n] = data[t, n] if t < sequence_length[n] else value``.

    Parameters
    ----------
    data : Symbol or NDArray
        (T, N, ...), or (N, T, ...) with ``axis=1``; of any numeric type.
    sequence_length : Symbol or NDArray
        (N,), of any numeric type; fractions are cut off. Only with `use_sequence_length`; without it, nothing is masked.
    value : float, default 0
    axis : {0, 1}

    Returns
    -------
    Symbol or NDArray
        Of the data's shape. Only the data get a gradient.

    Raises
    ------
    MXNetError
        The data have fewer than two dimensions, the axis is another one, or there are not N lengths.

    Examples
    --------
    >>> import clsym as mx
    >>> x = mx.nd.array([[1, 2], [3, 4], [5, 6]])
    >>> mx.nd.SequenceMask(x, mx.nd.array([1, 2]), use_sequence_length=True, value=-1).asnumpy().tolist()
    [[1.0, 2.0], [-1.0, 4.0], [-1.0, -1.0]]

    Source: MXNet, SequenceMask.
    """

    name = "SequenceMask"
    params = {**_USE, **_VALUE, **_AXIS}

    def inplace(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec]) -> Sequence[tuple[int, int]]:
        return ((0, 0),)

    def view(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec]) -> Mapping[int, tuple[int, int]]:
        return {} if p.use_sequence_length else {0: (0, 0)}

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        if not g.p.use_sequence_length:
            return [g.ograd()]
        return [g.apply("SequenceMask", g.ograd(), g.input(1), use_sequence_length=True, axis=g.p.axis), None]

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        if not p.use_sequence_length:
            return flat_copy(outs[0].size, outs[0].dtype, ctx, ctx.reqs[0])
        return [self.call("sequence_mask", p, ins[0].shape, ins, ctx, value=p.value)]


@register
class SequenceReverse(_ByLength):
    """Each sequence in reverse order: ``out[t, n] = data[L - 1 - t, n] if t < L else data[t, n]`` with ``L = sequence_length[n]``.

    Parameters
    ----------
    data : Symbol or NDArray
        (T, N, ...), of any numeric type.
    sequence_length : Symbol or NDArray
        (N,), of any numeric type; a length beyond T counts as T. Only with `use_sequence_length`; without it, all are T.
    axis : {0}

    Returns
    -------
    Symbol or NDArray
        Of the data's shape. Only the data get a gradient.

    Raises
    ------
    MXNetError
        The data have fewer than two dimensions, the axis is another one, or there are not N lengths.

    Examples
    --------
    >>> import clsym as mx
    >>> x = mx.nd.array([[1, 2], [3, 4], [5, 6]])
    >>> mx.nd.SequenceReverse(x, mx.nd.array([2, 3]), use_sequence_length=True).asnumpy().tolist()
    [[3.0, 6.0], [1.0, 4.0], [5.0, 2.0]]

    Source: MXNet, SequenceReverse.
    """

    name = "SequenceReverse"
    axes = (0,)
    params = {**_USE, **_AXIS}

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        lengths = [g.input(1)] if g.p.use_sequence_length else []
        back = g.apply("SequenceReverse", g.ograd(), *lengths, use_sequence_length=g.p.use_sequence_length)
        return [back, *(None for _ in lengths)]

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        return [self.call("sequence_reverse", p, ins[0].shape, ins, ctx)]


@register
class SequenceLast(_ByLength):
    """The last step of each sequence: ``out[n] = data[sequence_length[n] - 1, n]``.

    Parameters
    ----------
    data : Symbol or NDArray
        (T, N, ...), or (N, T, ...) with ``axis=1``; of any numeric type.
    sequence_length : Symbol or NDArray
        (N,), of any numeric type; cut to 1..T. Only with `use_sequence_length`; without it, all are T.
    axis : {0, 1}

    Returns
    -------
    Symbol or NDArray
        (N, ...): the data's shape without the axis. Only the data get a gradient.

    Raises
    ------
    MXNetError
        The data have fewer than two dimensions, the axis is another one, or there are not N lengths.

    Examples
    --------
    >>> import clsym as mx
    >>> x = mx.nd.array([[1, 2], [3, 4], [5, 6]])
    >>> mx.nd.SequenceLast(x, mx.nd.array([1, 2]), use_sequence_length=True).asnumpy().tolist()
    [1.0, 4.0]

    Source: MXNet, SequenceLast.
    """

    name = "SequenceLast"
    params = {**_USE, **_AXIS}

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        data, out = ins[0], outs[0]
        self.check(p, data)
        if out is not None:
            if not out:
                raise ShapeError("the output has at least one dimension, the batch")
            data = unify_shape(data, (-1, *out) if p.axis == 0 else (out[0], -1, *out[1:]))
        data = self.from_lengths(p, data, ins)
        if data is not None:
            out = (*data[: p.axis], *data[p.axis + 1 :])
        return [data, *self.lengths(p, data, ins)], [out]

    def view(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec]) -> Mapping[int, tuple[int, int]]:
        steps, batch = ins[0].shape[p.axis], ins[0].shape[1 - p.axis]
        if p.use_sequence_length or steps == 0 or (p.axis == 1 and batch != 1):
            return {}
        return {0: (0, ins[0].nbytes - outs[0].nbytes)}

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        lengths = [g.input(1)] if g.p.use_sequence_length else []
        back = g.apply("_backward_SequenceLast", g.ograd(), *lengths, shape=g.ins[0].shape, **dict(g.p.items()))
        return [back, *(None for _ in lengths)]

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        if ins[0].shape[p.axis] == 0:
            raise ShapeError(f"SequenceLast needs data of at least one step, got {ins[0].shape}")
        return [self.call("sequence_last", p, ins[0].shape, ins, ctx)]


@register
class SequenceLastBackward(_ByLength):
    """Gradient of SequenceLast: the head gradient at the last step of each sequence, 0 elsewhere."""

    name = "_backward_SequenceLast"
    hidden = True
    inputs = ("ograd", "sequence_length")
    params = {**_USE, **_AXIS, "shape": ShapeField(())}

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        return ins, [p.shape]

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        return [self.call("sequence_spread", p, p.shape, ins, ctx)]


differs(
    "SequenceLast",
    "lengths are cut to 1..T",
    "x = mx.nd.array([[1, 2], [3, 4]]); print(mx.nd.SequenceLast(x, mx.nd.array([0, 1]), use_sequence_length=True).asnumpy().tolist())",
    ours="[1.0, 2.0]",
    mxnet="memory before or behind the data",
    why="It reads the step at length - 1 wherever that lies.",
)
differs(
    "SequenceReverse",
    "a length beyond the sequence counts as its whole length",
    "x = mx.nd.array([[1, 2], [3, 4]]); print(mx.nd.SequenceReverse(x, mx.nd.array([3, 1]), use_sequence_length=True).asnumpy().tolist())",
    ours="[[3.0, 2.0], [1.0, 4.0]]",
    mxnet="memory behind the data",
    why="It reads the step at length - 1 - t wherever that lies.",
)
