"""The rows that a mask keeps: _contrib_boolean_mask."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from ...graph.contract.host import Measured
from ...graph.contract.kernel_call import Arg, In, KernelCall, LowerContext, Out, Scalar, Temp, ctype, defines_for
from ...graph.contract.op import Entry, Gradient, Op
from ...graph.contract.registry import register
from ...graph.contract.spec import PartialShape, ShapeError, TensorSpec, show_shape, unify_shape
from ...params import Int, Params, Shape
from ..reduce.scan_calls import scan_calls
from ..shared.launch_sizes import stretch_grid
from ..shared.rows import Rows
from ..shared.strided import fill, row_major

__all__ = ["BooleanMask"]

_SOURCE = "indexing/rows.cl"


def _numbers(mask: In, number: Temp, rows: int, dtype: str, ctx: LowerContext) -> list[KernelCall]:
    """Launches that count how many rows are kept up to each one."""
    return scan_calls(mask, number, Rows(1, rows, 1), (dtype, "int32"), "write", ctx, 1, count=True)


def _move(entry: str, args: Sequence[Arg], rows: int, width: int, dtype: str, mask: str, req: str, ctx: LowerContext) -> KernelCall:
    longs = (Scalar("long", rows), Scalar("long", width))
    return KernelCall(_SOURCE, entry, (*args, *longs), defines_for(dtype, req, M=ctype(mask)), *stretch_grid(rows, width, ctx.traits))


@register
class BooleanMask(Op, Measured):
    """The rows of `data` whose entry of `index` is not zero.

    How many there are is known only after they were computed: the result can be an output of a graph, not the input of another operator,
    and until then has the shape of `data`.

    Parameters
    ----------
    data : Symbol or NDArray
        (n, ...), of any type.
    index : Symbol or NDArray
        (n,): the mask.
    axis : int, default 0
        Must be 0.

    Raises
    ------
    MXNetError
        `axis` is not 0, or the mask is not as long as the data.

    Examples
    --------
    >>> import clsym as mx
    >>> mx.nd.contrib.boolean_mask(mx.nd.array([[1, 2], [3, 4], [5, 6]]), mx.nd.array([0, 1, 1])).asnumpy().tolist()
    [[3.0, 4.0], [5.0, 6.0]]

    Source: MXNet 1.9.1, ``contrib.boolean_mask``.
    """

    name = "_contrib_boolean_mask"
    inputs = ("data", "index")
    outputs = ("output", "count")
    params = {"axis": Int(0, "The axis of the mask; must be 0.")}

    def num_visible(self, p: Params) -> int:
        return 1

    def json_outputs(self, p: Params) -> int:
        return 1

    def measures(self, p: Params) -> Mapping[int, int]:
        return {0: 1}

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        if p.axis != 0:
            raise ShapeError(f"axis={p.axis} is not supported, only 0; transpose the data")
        data, index = unify_shape(ins[0], outs[0]), ins[1]
        if data is not None and not data:
            raise ShapeError("data has no dimension")
        if index is not None and len(index) != 1:
            raise ShapeError(f"index must have one dimension, got {show_shape(index)}")
        if data is not None:
            text = f"index must hold one number for each row of data {show_shape(data)}"
            index = unify_shape(index, data[:1], text)
            assert index is not None
            data = (*index, *data[1:])
        return [data, index], [data, (1,)]

    def infer_type(self, p: Params, ins: list[str | None], outs: list[str | None]) -> tuple[list[str | None], list[str | None]]:
        data = ins[0] or outs[0]
        return [data, ins[1]], [data, "int32"]

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        return [g.apply("_backward_boolean_mask", g.ograd(), g.input(1), shape=g.ins[0].shape), None]

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        rows, width, dtype, mask = ins[0].shape[0], math.prod(ins[0].shape[1:]), ins[0].dtype, ins[1].dtype
        wanted = ctx.reqs[1] == "write"
        if not rows:
            return fill(Out(1), (1,), row_major((1,)), 0, "int32", ctx) if wanted else []
        number = Temp(0, 4 * rows)
        calls = _numbers(In(1), number, rows, mask, ctx)
        if wanted:
            calls.append(KernelCall(_SOURCE, "count_of", (number, Out(1), Scalar("long", rows)), defines_for("int32"), (1,), (1,)))
        if outs[0].size and ctx.reqs[0] != "null":
            calls.append(_move("mask_rows", (In(0), In(1), number, Out(0)), rows, width, dtype, mask, ctx.reqs[0], ctx))
        return calls


@register
class BooleanMaskBackward(Op):
    """The rows of the head gradient where the mask took them from, zero elsewhere."""

    name = "_backward_boolean_mask"
    hidden = True
    inputs = ("ograd", "index")
    params = {"shape": Shape(())}

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        return ins, [p.shape]

    def infer_type(self, p: Params, ins: list[str | None], outs: list[str | None]) -> tuple[list[str | None], list[str | None]]:
        return ins, [ins[0]]

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        rows, width = p.shape[0], math.prod(p.shape[1:])
        number = Temp(0, 4 * rows)
        args = (In(0), In(1), number, Out(0))
        move = _move("unmask_rows", args, rows, width, outs[0].dtype, ins[1].dtype, ctx.reqs[0], ctx)
        return [*_numbers(In(1), number, rows, ins[1].dtype, ctx), move]
