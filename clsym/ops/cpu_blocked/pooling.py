"""Pooling over blocked tensors, and its gradient."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ...graph.contract.facets import Estimated
from ...graph.contract.kernel_call import Arg, In, KernelCall, LowerContext, Out, Scalar, defines_for
from ...graph.contract.op import Entry, Gradient
from ...graph.contract.registry import attach, register
from ...graph.contract.spec import PartialShape, ShapeError, TensorSpec, unify_shape
from ...graph.rewrite.requests import Blocked
from ...graph.rewrite.rewrite import Rewrite, Rewriting
from ...params import Params, Shape
from ..pooling.pooling import POOLING_PARAMS
from ..pooling.window import Window, is_global, sees_padding_alone, window_of
from ..shared.channels_last import is_last
from .reorder import BlockedOp, blocked_dims, items_for

__all__ = ["BlockedPooling"]

_SOURCE = "cpu_blocked/pooling.cl"
_MODES = {"max": 0, "sum": 1, "avg": 2}
_BAND = 1 << 14
"""Elements, at least, of the stretch of a map that a work-item computes the gradient of."""


def _defines(p: Params, block: int, req: str, **more: int) -> tuple[tuple[str, str | int], ...]:
    count = 0 if p.pool_type == "avg" and p.count_include_pad is False else 1
    return defines_for("float32", req, BLOCK=block, MODE=_MODES[p.pool_type], COUNT=count, **more)


def _tile(window: Window, block: int, width: int) -> dict[str, int]:
    """Pixels of a tile of rows of `width`, whose columns should fit the registers; windows with which too few do are not unrolled."""
    registers = 24 if block == 16 else 12
    kw, sw = window.kernel[1], window.stride[1]
    most = min(8, (registers - kw) // sw + 1)
    if most < 4 or sw > kw:
        return {"TILE": 8, "KW": 0, "SW": 0}
    return {"TILE": min((most, most - 1), key=lambda t: -(-width // t) * (t + 1)), "KW": kw, "SW": sw}


def _pairs(extents: Sequence[int], window: Window) -> tuple[Scalar, ...]:
    return tuple(Scalar("int2", tuple(v)) for v in (extents, window.out, window.kernel, window.stride, window.pad))


def _shapes(p: Params, data: PartialShape, out: PartialShape) -> tuple[PartialShape, PartialShape]:
    """Of data and output, as far as they follow."""
    if p.pool_type not in _MODES:
        raise ShapeError(f"pool_type={p.pool_type!r} is not supported in blocked layout; use Pooling")
    if p.layout not in (None, "NCHW"):
        raise ShapeError(f"layout {p.layout} is not supported in blocked layout, only NCHW")
    dims = blocked_dims(data, "data")
    if dims is None:
        return None, out
    window = window_of(p, dims[2:4])
    for x, o, k, s, q in zip(dims[2:4], window.out, window.kernel, window.stride, window.pad, strict=True):
        # such a window gives the lowest number there is, also in the lanes beyond the last channel
        if p.pool_type == "max" and x >= 0 and ((o - 1) * s - q >= x or k <= q):
            raise ShapeError(f"kernel {p.kernel}, stride {p.stride}, pad {p.pad}: a window lies in the padding; use Pooling")
    return dims, unify_shape((dims[0], dims[1], *window.out, dims[4]), out, "output")


@register
class BlockedPooling(BlockedOp, Estimated):
    """`Pooling` of (N, blocks, H, W, b), with the same parameters, for maximum, sum and average.

    A maximum that meets NaN is NaN; its gradient goes to the first of equal pixels. Sums are formed column by column. A window of a maximum
    must hold at least one pixel: beyond the last channel its result would not be zero.
    """

    name = "_blocked_pooling"
    params = POOLING_PARAMS

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        data, out = _shapes(p, ins[0], outs[0])
        return [data], [out]

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        reads = [g.input(0), g.output()] if g.p.pool_type == "max" else []
        return [g.apply("_backward_blocked_pooling", g.ograd(), *reads, **dict(g.p.items()), data_shape=g.ins[0].shape)]

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        images, blocks, height, width, block = ins[0].shape
        maps, window = images * blocks, window_of(p, (height, width))
        if is_global(window, (height, width)):
            size = items_for(maps, 4 * block * height * width, ctx.traits)
            plane: tuple[Arg, ...] = (In(0), Out(0), Scalar("long", maps), Scalar("long", height * width))
            return [KernelCall(_SOURCE, "pool_global", plane, _defines(p, block, ctx.reqs[0], KW=0, SW=0), *size)]
        rows = maps * window.out[0]
        size = items_for(rows, 4 * block * window.out[1] * (1 + math.prod(window.kernel)), ctx.traits)
        args: tuple[Arg, ...] = (In(0), Out(0), Scalar("long", rows), *_pairs((height, width), window))
        return [KernelCall(_SOURCE, "pool_forward", args, _defines(p, block, ctx.reqs[0], **_tile(window, block, window.out[1])), *size)]

    def cost(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec]) -> tuple[int, int]:
        return outs[0].size * math.prod(window_of(p, ins[0].shape[2:4]).kernel), ins[0].nbytes + outs[0].nbytes


@register
class BlockedPoolingBackward(BlockedOp):
    """Gradient of `_blocked_pooling`; a maximum is found again from the input and the output."""

    name = "_backward_blocked_pooling"
    params = {**POOLING_PARAMS, "data_shape": Shape(())}

    def input_names(self, p: Params) -> tuple[str, ...]:
        return ("ograd", "data", "out") if p.pool_type == "max" else ("ograd",)

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        data, out = _shapes(p, p.data_shape, None)
        return ([out] if len(ins) == 1 else [out, data, out]), [data]

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        images, blocks, height, width, block = outs[0].shape
        maps, window = images * blocks, window_of(p, (height, width))
        if is_global(window, (height, width)) and p.pool_type != "max":
            size = items_for(maps, 4 * block * height * width, ctx.traits)
            plane: tuple[Arg, ...] = (In(0), Out(0), Scalar("long", maps), Scalar("long", height * width))
            return [KernelCall(_SOURCE, "pool_global_backward", plane, _defines(p, block, ctx.reqs[0], KW=0, SW=0), *size)]
        # bands only where maps are too few for the cores: their borders are computed twice
        wanted = -(-4 * ctx.traits.compute_units // maps)
        bands = max(1, min(wanted, height * width * block // _BAND, height // window.kernel[0]))
        size = items_for(maps * bands, 12 * block * height * width // bands, ctx.traits)
        data: tuple[Arg, Arg] = (In(1), In(2)) if len(ins) == 3 else (In(0), In(0))
        args: tuple[Arg, ...] = (In(0), *data, Out(0), Scalar("long", maps * bands), Scalar("int", bands), *_pairs((height, width), window))
        return [KernelCall(_SOURCE, "pool_backward", args, _defines(p, block, ctx.reqs[0], **_tile(window, block, window.out[1])), *size)]


class BlockedForm(Rewriting):
    """The form of `Pooling` on a tensor that is blocked already."""

    def rewrite(self, r: Rewrite) -> Sequence[Entry | Blocked] | None:
        p, data = r.p, r.ins[0]
        if data.ndim != 4 or is_last(p) or not r.is_blocked(0) or p.pool_type == "lp":
            return None
        if p.pool_type == "max" and sees_padding_alone(window_of(p, data.shape[2:]), data.shape[2:]):
            return None
        return [Blocked(r.apply(BlockedPooling.name, r.blocked(0), **dict(p.items())))]


attach("Pooling", BlockedForm())
