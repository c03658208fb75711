"""Sums over the axes that a broadcast repeated: the gradient of a broadcast input."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ...graph.contract.kernel_call import In, KernelCall, LowerContext, Out, Scalar, Temp, compute_type, defines_for, grid
from ...graph.contract.op import Entry, Gradient, Op
from ...graph.contract.registry import register
from ...graph.contract.spec import PartialShape, ShapeError, TensorSpec, known, show_shape
from ...graph.contract.traits import DeviceTraits
from ...params import Params, Shape
from ..shared.launch_sizes import device_file
from ..shared.strided import flat_copy
from .broadcast_geometry import MAX_DIMS, steps_of

__all__ = ["SumToShape", "sum_to"]

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
        sums = _sums(data, out)
        entry, parts, size, local = (_on_cpu if ctx.traits.is_cpu else _on_gpu)(sums, ctx.traits)
        source = device_file("elementwise/sum_to_shape", ctx.traits)
        kind = compute_type(out.dtype)
        wide = {"float": "float32", "double": "float64", "int": "int32", "long": "int64"}[kind]
        args = (*sums.walk(), Scalar("int", parts), Scalar("long", -(-sums.count // parts)))
        if parts == 1:
            return [KernelCall(source, entry, (In(0), Out(0), *args), defines_for(out.dtype, ctx.reqs[0]), size, local)]
        partial = Temp(0, sums.outputs * parts * TensorSpec((), wide).nbytes)
        last = (partial, Out(0), Scalar("long", sums.outputs), Scalar("int", parts))
        return [
            KernelCall(source, entry, (In(0), partial, *args), defines_for(out.dtype, TY=kind), size, local),
            KernelCall(source, "sum_parts", last, defines_for(out.dtype, ctx.reqs[0]), *grid(sums.outputs, ctx.traits)),
        ]


@dataclass(frozen=True)
class _Sums:
    """What is summed: (extent, step) of the kept and of the reduced axes, whether the innermost axis is reduced, the input's elements."""

    kept: list[tuple[int, int]]
    reduced: list[tuple[int, int]]
    rows: bool
    elements: int

    @property
    def outputs(self) -> int:
        return math.prod(e for e, _ in self.kept)

    @property
    def count(self) -> int:
        return math.prod(e for e, _ in self.reduced)

    def walk(self) -> tuple[Scalar, ...]:
        """The arguments of every kernel but for the parts."""
        vectors = [
            v
            for axes in (self.kept, self.reduced)
            for v in (Scalar("int", len(axes)), Scalar("long8", [e for e, _ in axes]), Scalar("long8", [s for _, s in axes]))
        ]
        return (*vectors, Scalar("long", self.outputs), Scalar("long", self.count))

    def parts(self, units: int, wanted: int) -> int:
        """Into how many ranges each sum is cut, so that there are as many units as wanted, but none shorter than pays."""
        return max(1, min(-(-wanted // units), self.count // (16384 if self.rows else 64), 256))


def _sums(data: TensorSpec, out: TensorSpec) -> _Sums:
    kept, reduced, rows = _axes(data.shape, out.shape) if data.size else ([(out.size, 1)], [(0, 0)], False)
    if max(len(kept), len(reduced)) > MAX_DIMS:
        raise ShapeError(
            f"more than {MAX_DIMS} separate axes in the sum of {show_shape(data.shape)} to {show_shape(out.shape)}; reshape first"
        )
    return _Sums(kept, reduced, rows, data.size)


_Launch = tuple[str, int, tuple[int, ...], tuple[int, ...]]
"""Entry, number of parts, global and local size."""


def _on_cpu(sums: _Sums, traits: DeviceTraits) -> _Launch:
    width = sums.kept[-1][0]
    units = sums.outputs if sums.rows else max(1, sums.outputs // width) * -(-width // _BLOCK)
    parts = sums.parts(units, 4 * traits.compute_units)
    size, local = grid(units * parts * max(1, sums.elements // (units * parts)), traits)
    return "sum_rows" if sums.rows else "sum_columns", parts, (min(size[0], units * parts),), local


def _on_gpu(sums: _Sums, traits: DeviceTraits) -> _Launch:
    parts = sums.parts(sums.outputs, 4096 * traits.compute_units // (_GROUP if sums.rows else 1))
    if sums.rows and sums.count >= 4 * _GROUP and traits.max_work_group_size >= _GROUP:
        return "sum_group", parts, (min(sums.outputs * parts, 65536) * _GROUP,), (_GROUP,)
    return "sum_each", parts, *grid(sums.outputs * parts, traits)
