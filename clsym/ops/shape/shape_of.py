"""Tensors that depend on another's shape only: shape_array, size_array, _contrib_arange_like."""

from __future__ import annotations

from collections.abc import Sequence

from ...graph.contract.kernel_call import KernelCall, LowerContext, Out, Scalar, defines_for
from ...graph.contract.op import Entry, Gradient, Op
from ...graph.contract.registry import register
from ...graph.contract.spec import PartialShape, ShapeError, TensorSpec
from ...params import Float, Int, Params, Str
from .creation import progression
from .reshape import axis_index

__all__ = ["ArangeLike", "ShapeArray", "SizeArray"]


class _ShapeOf(Op):
    """Base of the two: int64 numbers known when the graph is compiled."""

    def infer_type(self, p: Params, ins: list[str | None], outs: list[str | None]) -> tuple[list[str | None], list[str | None]]:
        return ins, ["int64"]

    def numbers(self, spec: TensorSpec) -> tuple[int, ...]:
        """The numbers, for an input of that shape."""
        raise NotImplementedError

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        values = self.numbers(ins[0])
        if len(values) > 8:
            raise ShapeError(f"data has {len(values)} dimensions; at most 8 are supported")
        args = (Out(0), Scalar("int", len(values)), Scalar("long8", values))
        return [KernelCall("shape/creation.cl", "extents", args, defines_for("int64", ctx.reqs[0]), (1,), (1,))]

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        return [None]


@register
class ShapeArray(_ShapeOf):
    """The shape of `data`, as int64 numbers.

    Examples
    --------
    >>> import clsym as mx
    >>> mx.nd.shape_array(mx.nd.zeros((2, 3))).asnumpy().tolist()
    [2, 3]

    Source: MXNet 1.9.1, ``shape_array``.
    """

    name = "shape_array"

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        return ins, [(-1 if ins[0] is None else len(ins[0]),)]

    def numbers(self, spec: TensorSpec) -> tuple[int, ...]:
        return spec.shape


@register
class SizeArray(_ShapeOf):
    """The number of elements of `data`, as one int64 number.

    Examples
    --------
    >>> import clsym as mx
    >>> mx.nd.size_array(mx.nd.zeros((2, 3))).asnumpy().tolist()
    [6]

    Source: MXNet 1.9.1, ``size_array``.
    """

    name = "size_array"

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        return ins, [(1,)]

    def numbers(self, spec: TensorSpec) -> tuple[int, ...]:
        return (spec.size,)


@register
class ArangeLike(Op):
    """Values ``start, start + step, ...``: one an element of `data`, in its shape, or one an index along `axis`.

    Parameters
    ----------
    data : Symbol or NDArray
        Only its shape and type matter.
    start, step : float
        The progression.
    repeat : int
        How many times each value; the number of values stays.
    ctx : str
        Ignored: the output lies where `data` does.
    axis : int, optional
        The axis to count along; all elements by default.

    Examples
    --------
    >>> import clsym as mx
    >>> mx.nd.contrib.arange_like(mx.nd.zeros((2, 3)), axis=1).asnumpy().tolist()
    [0.0, 1.0, 2.0]

    Source: MXNet 1.9.1, ``contrib.arange_like``.
    """

    name = "_contrib_arange_like"
    params = {
        "start": Float(0.0, "First value."),
        "step": Float(1.0, "Spacing."),
        "repeat": Int(1, "How many times each value.", low=1),
        "ctx": Str("", "Ignored."),
        "axis": Int(None, "The axis to count along."),
    }

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        if ins[0] is None:
            return ins, outs
        return ins, [ins[0] if p.axis is None else (ins[0][axis_index(p.axis, len(ins[0]))],)]

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        return progression(outs[0].size, p.repeat, p.start, p.step, outs[0].dtype, ctx)

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        return [None]
