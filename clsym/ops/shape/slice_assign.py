"""Assignment to a part of a tensor: _slice_assign, _slice_assign_scalar."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ...graph.contract.kernel_call import In, KernelCall, LowerContext, Out, Temp
from ...graph.contract.op import Entry, Gradient, Op
from ...graph.contract.registry import register
from ...graph.contract.spec import PartialShape, TensorSpec, unify_shape
from ...params import Float, Params
from ..shared.strided import Walk, copy, fill, flat_copy, row_major
from .slice import Slice, basic_ranges, range_walk

__all__ = ["SliceAssign", "SliceAssignScalar"]


class _Assign(Op):
    """Base of the assignments: a copy of the first input in which a part is replaced."""

    def inplace(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec]) -> Sequence[tuple[int, int]]:
        return ((0, 0),)

    def _part(self, p: Params, shape: Sequence[int]) -> tuple[tuple[int, ...], Walk]:
        ranges = basic_ranges(p.begin, p.end, p.step, shape)
        return tuple(count for _, _, count in ranges), range_walk(ranges, shape)

    def _assign(self, outs: Sequence[TensorSpec], ctx: LowerContext, part: Callable[[Out | Temp], list[KernelCall]]) -> list[KernelCall]:
        """The first input copied, `part` of it overwritten; through a workspace where the output is added to."""
        out = outs[0]
        if ctx.reqs[0] == "write":
            return [*flat_copy(out.size, out.dtype, ctx, "write"), *part(Out(0))]
        whole = Temp(0, out.nbytes)
        first = flat_copy(out.size, out.dtype, ctx, "write", dst=whole)
        return [*first, *part(whole), *flat_copy(out.size, out.dtype, ctx, ctx.reqs[0], src=whole)]


@register
class SliceAssign(_Assign):
    """`lhs` with the part ``[begin:end:step]`` replaced by `rhs`.

    Parameters
    ----------
    lhs : Symbol or NDArray
        Of any shape.
    rhs : Symbol or NDArray
        Of the shape of the part.
    begin, end, step : tuple of int or None
        As in `slice`.

    Source: MXNet 1.9.1, ``_slice_assign``.
    """

    name = "_slice_assign"
    aliases = ("_crop_assign",)
    inputs = ("lhs", "rhs")
    params = Slice.params

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        lhs = ins[0] if ins[0] is not None else outs[0]
        if lhs is None:
            return ins, outs
        part = tuple(count for _, _, count in basic_ranges(p.begin, p.end, p.step, lhs))
        unify_shape(part, ins[1], "rhs must have the shape of the part that begin, end and step select")
        return [lhs, part], [lhs]

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        extents, walk = self._part(p, outs[0].shape)
        return self._assign(outs, ctx, lambda dst: copy(In(1), dst, extents, row_major(extents), walk, outs[0].dtype, ctx))

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        keys = {"begin": g.p.begin, "end": g.p.end, "step": g.p.step}
        rest = g.apply("_slice_assign_scalar", g.ograd(), scalar=0.0, **keys) if g.needed[0] else None
        return [rest, g.apply("slice", g.ograd(), **keys) if g.needed[1] else None]


@register
class SliceAssignScalar(_Assign):
    """`data` with the part ``[begin:end:step]`` set to a number.

    Parameters
    ----------
    data : Symbol or NDArray
        Of any shape.
    scalar : float
        The number.
    begin, end, step : tuple of int or None
        As in `slice`.

    Source: MXNet 1.9.1, ``_slice_assign_scalar``.
    """

    name = "_slice_assign_scalar"
    aliases = ("_crop_assign_scalar",)
    params = {"scalar": Float(0.0, "The value to assign."), **Slice.params}

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        if ins[0] is not None:
            basic_ranges(p.begin, p.end, p.step, ins[0])
        return super().infer_shape(p, ins, outs)

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        extents, walk = self._part(p, outs[0].shape)
        return self._assign(outs, ctx, lambda dst: fill(dst, extents, walk, p.scalar, outs[0].dtype, ctx))

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        return [g.apply("_slice_assign_scalar", g.ograd(), scalar=0.0, begin=g.p.begin, end=g.p.end, step=g.p.step)]
