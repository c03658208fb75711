"""Padding at the border: Pad, with a constant, the edge's values or a reflection."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ...differences import differs
from ...graph.contract.kernel_call import In, KernelCall, LowerContext, Out, Scalar, defines_for, grid
from ...graph.contract.op import Entry, Gradient, Op
from ...graph.contract.registry import register
from ...graph.contract.spec import PartialShape, ShapeError, TensorSpec, show_shape
from ...params import Enum, Float, Params, Shape
from ..shared.float_types import one_float_type
from ..shared.strided import Walk, copy, fill, row_major

__all__ = ["Pad"]


def _widths(p: Params, shape: Sequence[int]) -> list[tuple[int, int]]:
    """What is put before and after along each axis; checked."""
    if len(shape) not in (4, 5):
        raise ShapeError(f"data must have 4 or 5 dimensions, got {show_shape(tuple(shape))}")
    if len(p.pad_width) != 2 * len(shape):
        raise ShapeError(f"pad_width={p.pad_width} must have {2 * len(shape)} items, two a dimension of data {show_shape(tuple(shape))}")
    if any(p.pad_width[:4]):
        raise ShapeError(f"pad_width={p.pad_width}: padding of the first two axes must be 0")
    if any(w < 0 for w in p.pad_width):
        raise ShapeError(f"pad_width={p.pad_width} must not be negative")
    pairs = list(zip(p.pad_width[::2], p.pad_width[1::2], strict=True))
    for extent, pair in zip(shape, pairs, strict=True):
        if p.mode == "reflect" and 0 <= extent <= max(pair):
            raise ShapeError(f"reflection padding of {max(pair)} needs more than {extent} elements along the axis")
        if p.mode == "edge" and extent == 0 and max(pair):
            raise ShapeError("edge padding needs at least one element along the axis")
    return pairs


def _geometry(shape: Sequence[int], out: Sequence[int], pairs: Sequence[tuple[int, int]]) -> tuple[Scalar, Scalar, Scalar]:
    """Extents of the last three dimensions of input and output, and what stands before."""
    first = len(shape) - 3
    return (
        Scalar("int4", tuple(shape[first:])),
        Scalar("int4", tuple(out[first:])),
        Scalar("int4", tuple(before for before, _ in pairs[first:])),
    )


@register
class Pad(Op):
    """Puts values around the last two (of 4) or three (of 5) dimensions.

    Parameters
    ----------
    data : Symbol or NDArray
        (N, C, H, W) or (N, C, D, H, W), floating-point.
    mode : {'constant', 'edge', 'reflect'}
        What is put there: `constant_value`, the value at the edge, or the values mirrored at the edge (which is not repeated).
    pad_width : tuple of int
        ``(0, 0, 0, 0, before_H, after_H, before_W, after_W)`` and the like.
    constant_value : float
        For mode 'constant'.

    Raises
    ------
    MXNetError
        If the first two axes are padded, a width is negative, or a reflection is wider than the axis allows.

    Examples
    --------
    >>> import clsym as mx
    >>> mx.nd.pad(mx.nd.ones((1, 1, 2, 2)), mode='constant', pad_width=(0, 0, 0, 0, 1, 0, 0, 1)).shape
    (1, 1, 3, 3)

    Source: MXNet 1.9.1, ``Pad``.
    """

    name = "Pad"
    aliases = ("pad",)
    params = {
        "mode": Enum(("constant", "edge", "reflect"), doc="What is put around."),
        "pad_width": Shape(doc="Widths before and after, for each axis."),
        "constant_value": Float(0.0, "The value for mode 'constant'."),
    }

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        if ins[0] is None:
            return ins, outs
        pairs = _widths(p, ins[0])
        return ins, [tuple(e + a + b if e >= 0 else -1 for e, (a, b) in zip(ins[0], pairs, strict=True))]

    def infer_type(self, p: Params, ins: list[str | None], outs: list[str | None]) -> tuple[list[str | None], list[str | None]]:
        return one_float_type("Pad", ins, outs)

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        shape, out, dtype, req = ins[0].shape, outs[0].shape, outs[0].dtype, ctx.reqs[0]
        pairs = _widths(p, shape)
        if p.mode == "constant":
            return _constant(shape, out, pairs, p.constant_value, dtype, ctx)
        global_size, local_size = grid(outs[0].size, ctx.traits)
        args = (In(0), Out(0), Scalar("long", outs[0].size), *_geometry(shape, out, pairs))
        return [KernelCall("shape/pad.cl", "pad", args, defines_for(dtype, req, MODE=p.mode.upper()), global_size, local_size)]

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        pairs = _widths(g.p, g.ins[0].shape)
        if g.p.mode == "constant":
            begin = tuple(before for before, _ in pairs)
            end = tuple(before + extent for (before, _), extent in zip(pairs, g.ins[0].shape, strict=True))
            return [g.apply("slice", g.ograd(), begin=begin, end=end)]
        return [g.apply("_backward_Pad", g.ograd(), mode=g.p.mode, pad_width=g.p.pad_width)]


def _constant(
    shape: Sequence[int], out: Sequence[int], pairs: Sequence[tuple[int, int]], value: float, dtype: str, ctx: LowerContext
) -> list[KernelCall]:
    """The border slab by slab, each element once (a store that adds must not add twice), then the inside."""
    steps = row_major(out).steps
    req = ctx.reqs[0]
    calls: list[KernelCall] = []
    done = list(out)
    offset = 0
    for axis, (before, after) in enumerate(pairs):
        for begin, width in ((0, before), (out[axis] - after, after)):
            if width and (req == "write" or value != 0):
                slab = (*done[:axis], width, *done[axis + 1 :])
                calls += fill(Out(0), slab, Walk(offset + begin * steps[axis], steps), value, dtype, ctx, req)
        done[axis] = shape[axis]
        offset += before * steps[axis]
    if math.prod(shape):
        calls += copy(In(0), Out(0), shape, row_major(shape), Walk(offset, steps), dtype, ctx, req)
    return calls


@register
class BackwardPad(Op):
    """Gradient of padding with the tensor's own values: what every element was read for, summed."""

    name = "_backward_Pad"
    hidden = True
    params = {"mode": Enum(("edge", "reflect")), "pad_width": Shape()}

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        if ins[0] is None:
            return ins, outs
        pairs = zip(p.pad_width[::2], p.pad_width[1::2], strict=True)
        return ins, [tuple(e - a - b for e, (a, b) in zip(ins[0], pairs, strict=True))]

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        pairs = _widths(p, outs[0].shape)
        global_size, local_size = grid(outs[0].size, ctx.traits)
        args = (In(0), Out(0), Scalar("long", outs[0].size), *_geometry(outs[0].shape, ins[0].shape, pairs))
        defines = defines_for(outs[0].dtype, ctx.reqs[0], MODE=p.mode.upper())
        return [KernelCall("shape/pad.cl", "pad_backward", args, defines, global_size, local_size)]


differs(
    "Pad",
    "an unknown extent stays unknown",
    "print(mx.sym.Pad(mx.sym.var('x'), mode='edge', pad_width=(0, 0, 0, 0, 1, 1, 1, 1)).infer_shape_partial(x=(1, 2, 4, 0))[1])",
    ours="[(1, 2, 6, 0)]",
    mxnet="[(1, 2, 6, 1)]",
    why="0 stands for an unknown extent; MXNet adds the padding to it.",
)
