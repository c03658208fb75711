"""Overlaps of boxes: box_iou."""

from __future__ import annotations

from collections.abc import Sequence

from ...graph.contract.kernel_call import In, KernelCall, LowerContext, Out, Scalar, defines_for
from ...graph.contract.op import Entry, Gradient, Op
from ...graph.contract.registry import register
from ...graph.contract.spec import PartialShape, ShapeError, TensorSpec
from ...params import Enum, Field, Params
from ..shared.float_types import one_float_type
from ..shared.launch_sizes import stretch_grid

__all__ = ["BoxIou"]


@register
class BoxIou(Op):
    """Intersection over union of every box of `lhs` with every box of `rhs`; 0 where both are empty.

    Parameters
    ----------
    lhs : Symbol or NDArray
        Boxes, shape (..., 4).
    rhs : Symbol or NDArray
        Boxes, shape (..., 4), of the same floating-point type.
    format : {'center', 'corner'}
        Boxes are (x1, y1, x2, y2), or (x, y, width, height) with the center's x and y.

    Returns
    -------
    Symbol or NDArray
        The dimensions of `lhs` but the last, then those of `rhs` but the last. It has no gradient (it is zero).

    Raises
    ------
    MXNetError
        There are fewer than two dimensions, the last is not 4, or types are not the same floating-point type.

    Examples
    --------
    >>> import clsym as mx
    >>> mx.nd.contrib.box_iou(mx.nd.array([[0, 0, 1, 1]]), mx.nd.array([[0, 0, 1, 2], [2, 2, 3, 3]])).asnumpy().tolist()
    [[0.5, 0.0]]
    """

    name = "_contrib_box_iou"
    inputs = ("lhs", "rhs")
    params: dict[str, Field] = {"format": Enum(("center", "corner"), "corner", "The format of the coordinates.")}

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        for name, shape in zip(self.inputs, ins, strict=True):
            if shape is not None and (len(shape) < 2 or shape[-1] not in (4, -1)):
                raise ShapeError(f"{name} must hold boxes, (..., 4) in at least 2 dimensions, got {shape}")
        lhs, rhs = (None if shape is None else (*shape[:-1], 4) for shape in ins)
        return [lhs, rhs], [None if lhs is None or rhs is None else (*lhs[:-1], *rhs[:-1])]

    def infer_type(self, p: Params, ins: list[str | None], outs: list[str | None]) -> tuple[list[str | None], list[str | None]]:
        return one_float_type(self.name, ins, outs)

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        return [None, None]

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        rows, columns = (t.size // 4 for t in ins)
        defines = defines_for(ins[0].dtype, ctx.reqs[0], CENTER=int(p.format == "center"))
        args = (In(0), In(1), Out(0), Scalar("long", rows), Scalar("long", columns))
        return [KernelCall("detection/box_iou.cl", "box_iou", args, defines, *stretch_grid(rows, columns, ctx.traits, 1024))]
