"""Repetition: tile, repeat."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ...graph.contract.kernel_call import In, KernelCall, LowerContext, Out
from ...graph.contract.op import Entry, Gradient, Op
from ...graph.contract.registry import register
from ...graph.contract.spec import PartialShape, ShapeError, TensorSpec, known
from ...params import Int, Params, Shape
from ..shared.strided import Walk, copy, row_major
from .reshape import axis_index

__all__ = ["Repeat", "Tile"]


def _summed(g: Gradient, cut: Sequence[int], axes: Sequence[int]) -> Entry:
    """The head gradient under shape `cut`, summed over `axes`, under the input's shape."""
    keep = [d for d, e in enumerate(cut) if e != 1]
    over = tuple(i for i, d in enumerate(keep) if d in axes)
    grad = g.ograd()
    if over:
        grad = g.apply("_backward_reshape", grad, shape=tuple(cut[d] for d in keep))
        grad = g.apply("sum", grad, axis=over)
    return g.apply("_backward_reshape", grad, shape=g.ins[0].shape)


@register
class Tile(Op):
    """The input laid side by side `reps` times along each axis.

    Parameters
    ----------
    data : Symbol or NDArray
        Of any shape.
    reps : tuple of int
        Repetitions along the last axes; the shorter of `reps` and the shape is filled up with ones in front.

    Examples
    --------
    >>> import clsym as mx
    >>> mx.nd.tile(mx.nd.array([1, 2]), reps=(2, 2)).asnumpy().tolist()
    [[1.0, 2.0, 1.0, 2.0], [1.0, 2.0, 1.0, 2.0]]

    Source: MXNet 1.9.1, ``tile``.
    """

    name = "tile"
    params = {"reps": Shape(doc="Repetitions along each axis.")}

    def _aligned(self, p: Params, shape: Sequence[int]) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Repetitions and extents, filled up to one length."""
        if any(r < 0 for r in p.reps):
            raise ShapeError(f"reps={p.reps} must not be negative")
        n = max(len(p.reps), len(shape))
        return (1,) * (n - len(p.reps)) + p.reps, (1,) * (n - len(shape)) + tuple(shape)

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        if ins[0] is None:
            return ins, outs
        reps, shape = self._aligned(p, ins[0])
        return ins, [tuple(e * r for r, e in zip(reps, shape, strict=True))] if known(ins[0]) else outs

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        reps, shape = self._aligned(p, ins[0].shape)
        extents = [n for pair in zip(reps, shape, strict=True) for n in pair]
        steps = [n for s in row_major(shape).steps for n in (0, s)]
        return copy(In(0), Out(0), extents, Walk(0, tuple(steps)), row_major(extents), outs[0].dtype, ctx, ctx.reqs[0])

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        reps, shape = self._aligned(g.p, g.ins[0].shape)
        cut = [n for pair in zip(reps, shape, strict=True) for n in pair]
        return [_summed(g, cut, range(0, len(cut), 2))]


@register
class Repeat(Op):
    """Every element (or slice along `axis`) `repeats` times in a row.

    Parameters
    ----------
    data : Symbol or NDArray
        Of any shape.
    repeats : int
        How many times.
    axis : int, optional
        The axis; by default the input is flattened first.

    Examples
    --------
    >>> import clsym as mx
    >>> mx.nd.repeat(mx.nd.array([[1, 2], [3, 4]]), repeats=2, axis=1).asnumpy().tolist()
    [[1.0, 1.0, 2.0, 2.0], [3.0, 3.0, 4.0, 4.0]]

    Source: MXNet 1.9.1, ``repeat``.
    """

    name = "repeat"
    params = {"repeats": Int(doc="How many times.", low=0), "axis": Int(None, "The axis; None: the flattened input.")}

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        shape = ins[0]
        if shape is None:
            return ins, outs
        if p.axis is None:
            return ins, [(math.prod(shape) * p.repeats if known(shape) else -1,)]
        axis = axis_index(p.axis, len(shape))
        return ins, [(*shape[:axis], shape[axis] * p.repeats if shape[axis] >= 0 else -1, *shape[axis + 1 :])]

    def _cut(self, p: Params, shape: Sequence[int]) -> tuple[int, int, int]:
        """(slices, repetitions, elements a slice)."""
        inner = 1 if p.axis is None else math.prod(shape[axis_index(p.axis, len(shape)) + 1 :])
        return (math.prod(shape) // inner if inner else 0, p.repeats, inner)

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        extents = self._cut(p, ins[0].shape)
        return copy(In(0), Out(0), extents, Walk(0, (extents[2], 0, 1)), row_major(extents), outs[0].dtype, ctx, ctx.reqs[0])

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        return [_summed(g, self._cut(g.p, g.ins[0].shape), (1,))]
