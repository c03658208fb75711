"""Running sums: _np_cumsum."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ...differences import differs
from ...graph.contract.kernel_call import In, KernelCall, LowerContext, Out
from ...graph.contract.op import Entry, Gradient, Op
from ...graph.contract.registry import register
from ...graph.contract.spec import PartialShape, TensorSpec, known, same_shape
from ...params import Dtype, Field, Int, Params, Shape
from ..shared.rows import Rows, check_axis, split_axis
from .scan_calls import scan_calls

__all__ = ["CumSum"]


class SumType(Dtype):
    """A type that sums may have, or None."""

    choices = ("float16", "float32", "float64", "int32", "int64", "int8")

    def __init__(self) -> None:
        super().__init__(None, "The type of the sums; by default that of the input.", none=True)
        self.kind = "{" + ", ".join(repr(c) for c in ("None", *self.choices)) + "}"

    def convert(self, value: object) -> str | None:
        return self._allowed(super().convert(value))

    def convert_text(self, text: str) -> str | None:
        return self._allowed(super().convert_text(text))

    def _allowed(self, dtype: str | None) -> str | None:
        if dtype is not None and dtype not in self.choices:
            raise ValueError(f"must be one of {self.choices}")
        return dtype


def _rows(axis: int | None, shape: Sequence[int]) -> Rows:
    return Rows(1, math.prod(shape), 1) if axis is None else split_axis(tuple(shape), check_axis(axis, len(shape)))


@register
class CumSum(Op):
    """The sum of all elements up to each one, along an axis or of the flattened input.

    Parameters
    ----------
    a : Symbol or NDArray
        Of any type.
    axis : int or None, default None
        The axis; None: the input is flattened.
    dtype : str or None, default None
        Type of the sums and the result: float16, float32, float64, int32, int64 or int8; by default that of the input, int64 for bool.

    Raises
    ------
    MXNetError
        There is no such axis.

    Examples
    --------
    >>> import clsym as mx
    >>> mx.nd.cumsum(mx.nd.array([[1, 2], [3, 4]]), axis=0).asnumpy().tolist()
    [[1.0, 2.0], [4.0, 6.0]]

    Source: MXNet 1.9.1, ``np.cumsum``.
    """

    name = "_np_cumsum"
    aliases = ("cumsum",)
    hint = "cumsum"
    inputs = ("a",)
    params: dict[str, Field] = {"axis": Int(None, "The axis; None: the input is flattened.", none=True), "dtype": SumType()}

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        if p.axis is not None:
            found = same_shape(ins, outs)
            if found[0][0] is not None:
                check_axis(p.axis, len(found[0][0]))
            return found
        shape = ins[0]
        if shape is None:
            return ins, [outs[0] or (-1,)]
        return ins, [(math.prod(shape),) if known(shape) else (-1,)]

    def infer_type(self, p: Params, ins: list[str | None], outs: list[str | None]) -> tuple[list[str | None], list[str | None]]:
        if p.dtype is not None:
            return ins, [p.dtype]
        if ins[0] == "bool":
            return ins, ["int64"]
        if ins[0] is None and outs[0] == "int64":
            return ins, outs
        return super().infer_type(p, ins, outs)

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        return [g.apply("_backward_np_cumsum", g.ograd(), axis=g.p.axis, shape=g.ins[0].shape, dtype=g.ins[0].dtype)]

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        return scan_calls(In(0), Out(0), _rows(p.axis, ins[0].shape), (ins[0].dtype, outs[0].dtype), ctx.reqs[0], ctx, 0)


@register
class CumSumBackward(Op):
    """The sums of the head gradient from each element to the end."""

    name = "_backward_np_cumsum"
    hidden = True
    params: dict[str, Field] = {"axis": Int(None, none=True), "shape": Shape(()), "dtype": Dtype("float32")}

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        return ins, [p.shape]

    def infer_type(self, p: Params, ins: list[str | None], outs: list[str | None]) -> tuple[list[str | None], list[str | None]]:
        return ins, [p.dtype]

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        types = (ins[0].dtype, outs[0].dtype)
        return scan_calls(In(0), Out(0), _rows(p.axis, p.shape), types, ctx.reqs[0], ctx, 0, backward=True)


differs(
    "cumsum",
    "a negative axis counts from the last one",
    "print(mx.nd.cumsum(mx.nd.array([[1, 2]]), axis=-1).asnumpy().tolist())",
    ours="[[1.0, 3.0]]",
    mxnet="raises 'index = -1 must be in range [0, 2)'",
    why="MXNet's own check allows negative axes, but what follows it does not.",
)
differs(
    "cumsum",
    "grad_req='add' adds",
    "x = mx.nd.array([1, 2]); g = mx.nd.ones(2); e = mx.sym.cumsum(mx.sym.var('x')).bind(mx.cpu(), {'x': x}, {'x': g}, 'add'); "
    "_ = e.forward(is_train=True); e.backward(mx.nd.ones(2)); print(g.asnumpy().tolist())",
    ours="[3.0, 2.0]",
    mxnet="[2.0, 1.0]",
    why="MXNet's gradient overwrites what is there.",
)
