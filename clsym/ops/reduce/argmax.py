"""The place of the largest or smallest element along an axis: argmax, argmin, argmax_channel."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ...graph.contract.kernel_call import In, KernelCall, LowerContext, Out, Scalar, defines_for
from ...graph.contract.op import Entry, Gradient, Op
from ...graph.contract.registry import register
from ...graph.contract.spec import PartialShape, ShapeError, TensorSpec, UnsupportedType, known
from ...params import Bool, Field, Int, Params
from ..shared.launch_sizes import device_file
from ..shared.rows import Rows, check_axis, column_grid, reduced_shape, row_grid, split_axis

__all__ = ["ArgExtremum", "ArgmaxChannel"]

_TILE = 2048  # of kernels/reduce/argmax_cpu.cl


class ArgExtremum(Op):
    """argmax or argmin."""

    params: dict[str, Field] = {
        "axis": Int(None, "The axis to search along; None searches the flattened data.", none=True),
        "keepdims": Bool(False, "Keep the axis with extent 1."),
    }

    def __init__(self, name: str, word: str) -> None:
        self.name, self.word = name, word

    def doc(self) -> str:
        """The documentation."""
        return (
            f"Indices of the {self.word} elements along an axis, in the data's own element type.\n\n"
            "The first of equal elements wins; a NaN wins over everything. There is no gradient (it is zero).\n\n"
            "Parameters\n----------\ndata : Symbol or NDArray\n    Of any shape; float16 holds indices up to 2048 exactly.\n"
            "axis : int, optional\n    None searches the flattened data.\nkeepdims : bool\n    Keep the axis with extent 1.\n\n"
            "Raises\n------\nMXNetError\n    The axis does not exist."
        )

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        shape = ins[0]
        if shape is None:
            return ins, outs
        axes = tuple(range(len(shape))) if p.axis is None else (check_axis(p.axis, len(shape)),)
        if any(shape[a] == 0 for a in axes):
            raise ShapeError(f"{self.name} of an empty axis: data of shape {shape}")
        return ins, [reduced_shape(shape, axes, p.keepdims)] if known(shape) else outs

    def infer_type(self, p: Params, ins: list[str | None], outs: list[str | None]) -> tuple[list[str | None], list[str | None]]:
        ins, outs = super().infer_type(p, ins, outs)
        if ins[0] == "bool":
            raise UnsupportedType("bool", f"{self.name} does not take data of type bool; cast it first")
        return ins, outs

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        return [None]

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        shape = ins[0].shape
        rows = Rows(1, math.prod(shape), 1) if p.axis is None else split_axis(shape, check_axis(p.axis, len(shape)))
        return argmax_calls(rows, ins[0].dtype, self.name == "argmin", ctx)


def argmax_calls(rows: Rows, dtype: str, minimum: bool, ctx: LowerContext) -> list[KernelCall]:
    """The launch that searches the rows of input 0."""
    defines = defines_for(dtype, ctx.reqs[0], LOWEST="0", MINIMUM=int(minimum))
    if ctx.traits.is_cpu and rows.inner > 1:
        extents = (Scalar("long", rows.outer), Scalar("long", rows.n), Scalar("long", rows.inner))
        sizes = column_grid(rows.outer * -(-rows.inner // _TILE), rows.count * rows.n, ctx.traits)
        return [KernelCall("reduce/argmax_cpu.cl", "argmax_columns", (In(0), Out(0), *extents), defines, *sizes)]
    size, local, mapping = row_grid(rows.count, rows.n, ctx.traits, rows.inner > 1)
    args = (In(0), Out(0), Scalar("long", rows.count), Scalar("long", rows.n), Scalar("long", rows.inner), *mapping)
    return [KernelCall(device_file("reduce/argmax", ctx.traits), "argmax_rows", args, defines, size, local)]


register(ArgExtremum("argmax", "largest"))
register(ArgExtremum("argmin", "smallest"))


@register
class ArgmaxChannel(Op):
    """Indices of the largest elements along axis 1; ``argmax(data, axis=1)``.

    Parameters
    ----------
    data : Symbol or NDArray
        Shape (N, C, ...), at least two dimensions.

    Returns
    -------
    Symbol or NDArray
        Shape (N, ...).

    Raises
    ------
    MXNetError
        There is no axis 1, or it is empty.
    """

    name = "argmax_channel"

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        shape = ins[0]
        if shape is None:
            return ins, outs
        if not known(shape):
            return ins, outs
        axis = check_axis(1, len(shape))
        if shape[axis] == 0:
            raise ShapeError(f"{self.name} of an empty axis: data of shape {shape}")
        return ins, [reduced_shape(shape, (axis,), False)]

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        return [None]

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        return argmax_calls(split_axis(ins[0].shape, 1), ins[0].dtype, False, ctx)
