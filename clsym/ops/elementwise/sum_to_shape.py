"""Sums over the axes that a broadcast repeated: the gradient of a broadcast input."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from ...graph.contract.kernel_call import In, KernelCall, LowerContext, Out, Scalar, Temp, compute_type, defines_for, grid
from ...graph.contract.op import Entry, Gradient, Op
from ...graph.contract.registry import register
from ...graph.contract.spec import PartialShape, ShapeError, TensorSpec, known, show_shape
from ...params import Params, Shape
from ..shared.strided import flat_copy
from .broadcast_geometry import MAX_DIMS, steps_of

__all__ = ["SumToShape", "sum_to"]

_SOURCE = "elementwise/sum_to_shape.cl"
_GROUP = 128  # work-items of a group that adds up one output
_BLOCK = 256  # outputs whose sums a work-item of sum_columns keeps


def sum_to(g: Gradient, grad: Entry, full: Sequence[int], shape: Sequence[int]) -> Entry:
    """The gradient of a tensor of `shape`, from that of its broadcast to `full`: nothing to do where the shapes agree."""
    if tuple(full) == tuple(shape):
        return grad
    return g.apply("_sum_to_shape", grad, shape=tuple(shape))


def _axes(full: Sequence[int], shape: Sequence[int]) -> tuple[list[tuple[int, int]], list[tuple[int, int]], bool]:
    """(extent, step) of the kept and of the reduced axes, neighbours of a kind merged; and whether the innermost axis is reduced."""
    steps = steps_of(full, full)
    padded = (1,) * (len(full) - len(shape)) + tuple(shape)
    merged: list[tuple[bool, int, int]] = []
    for extent, target, step in zip(full, padded, steps, strict=True):
        if extent == 1:
            continue
        reduced = target == 1
        if merged and merged[-1][0] == reduced:
            merged[-1] = (reduced, merged[-1][1] * extent, step)
        else:
            merged.append((reduced, extent, step))
    kept = [(e, s) for r, e, s in merged if not r] or [(1, 0)]
    gone = [(e, s) for r, e, s in merged if r] or [(1, 0)]
    return kept, gone, not merged or merged[-1][0]


@register
class SumToShape(Op):
    """Sum over the axes along which `shape`, padded with ones in front, has extent 1: the reverse of broadcasting.

    Parameters
    ----------
    data : Symbol or NDArray
        Of any shape and numeric type.
    shape : tuple of int
        Of the result; it must broadcast to the shape of `data`.
    """

    name = "_sum_to_shape"
    hidden = True
    params = {"shape": Shape()}

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        data = ins[0]
        if data is not None and known(data):
            padded = (1,) * (len(data) - len(p.shape)) + p.shape
            if len(p.shape) > len(data) or any(s not in (1, d) for s, d in zip(padded, data, strict=True)):
                raise ShapeError(f"data of shape {show_shape(data)} is no broadcast of shape={p.shape}")
        return ins, [p.shape]

    def view(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec]) -> Mapping[int, tuple[int, int]]:
        return {0: (0, 0)} if ins[0].size == outs[0].size else {}

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        full = g.ins[0].shape
        padded = (1,) * (len(full) - len(g.p.shape)) + g.p.shape
        return [g.apply("broadcast_to", g.apply("_backward_reshape", g.ograd(), shape=padded), shape=full)]

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        data, out = ins[0], outs[0]
        if data.size == out.size:
            return flat_copy(out.size, out.dtype, ctx, ctx.reqs[0])
        kept, gone, rows = _axes(data.shape, out.shape) if data.size else ([(out.size, 1)], [(0, 0)], False)
        outputs, count = out.size, math.prod(e for e, _ in gone)
        if max(len(kept), len(gone)) > MAX_DIMS:
            raise ShapeError(
                f"more than {MAX_DIMS} separate axes in the sum of {show_shape(data.shape)} to {show_shape(out.shape)}; reshape first"
            )
        cpu = ctx.traits.is_cpu
        # enough ranges that every core (or, elsewhere, some thousand work-items) has work, none shorter than pays
        units = outputs if rows or not cpu else max(1, outputs // kept[-1][0]) * -(-kept[-1][0] // _BLOCK)
        wanted = 4 * ctx.traits.compute_units if cpu else 4096 * ctx.traits.compute_units // (_GROUP if rows else 1)
        shortest = 16384 if rows else 64
        parts = max(1, min(-(-wanted // units), count // shortest, 256))
        per_part = -(-count // parts) if count else 0
        direct = parts == 1
        kind = compute_type(out.dtype)
        first_req = ctx.reqs[0] if direct else "write"
        defines = defines_for(out.dtype, first_req, **({} if direct else {"TY": kind}))

        def vectors(axes: list[tuple[int, int]]) -> tuple[Scalar, Scalar, Scalar]:
            return Scalar("int", len(axes)), Scalar("long8", [e for e, _ in axes]), Scalar("long8", [s for _, s in axes])

        target = (
            Out(0)
            if direct
            else Temp(
                0, outputs * parts * TensorSpec((), {"float": "float32", "double": "float64", "int": "int32", "long": "int64"}[kind]).nbytes
            )
        )
        args = (
            In(0),
            target,
            *vectors(kept),
            *vectors(gone),
            Scalar("long", outputs),
            Scalar("long", count),
            Scalar("int", parts),
            Scalar("long", per_part),
        )
        if cpu:
            entry = "sum_rows" if rows else "sum_columns"
            size, local = grid(units * parts * max(1, data.size // (units * parts)), ctx.traits)
            size = (min(size[0], units * parts),)
        elif rows and count >= 4 * _GROUP and ctx.traits.max_work_group_size >= _GROUP:
            entry, size, local = "sum_group", (min(outputs * parts, 65536) * _GROUP,), (_GROUP,)
        else:
            entry, (size, local) = "sum_each", grid(outputs * parts, ctx.traits)
        calls = [KernelCall(_SOURCE, entry, args, defines, size, local)]
        if not direct:
            size, local = grid(outputs, ctx.traits)
            last = (target, Out(0), Scalar("long", outputs), Scalar("int", parts))
            calls.append(KernelCall(_SOURCE, "sum_parts", last, defines_for(out.dtype, ctx.reqs[0]), size, local))
        return calls
