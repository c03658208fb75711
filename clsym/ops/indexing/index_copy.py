"""Rows replaced by index, and the indices of elements: _contrib_index_copy, _contrib_index_array."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ...graph.contract.kernel_call import In, KernelCall, LowerContext, Out, Refusal, Scalar, Temp, ctype, defines_for, grid
from ...graph.contract.op import Entry, Gradient, Op
from ...graph.contract.registry import register
from ...graph.contract.spec import PartialShape, ShapeError, TensorSpec, show_shape, unify_shape
from ...params import Params, Shape
from ..shared.launch_sizes import stretch_grid
from ..shared.rows import check_axis
from ..shared.strided import row_major

__all__ = ["IndexArray", "IndexCopy"]

_SOURCE = "indexing/rows.cl"
_PLACE = 0  # a workspace
_OUT_OF_RANGE = Refusal("IndexError", "index_copy: index {value} of index_vector is not in 0..{extent}-1")


def _places(index: In, count: int, rows: int, index_type: str, ctx: LowerContext, checked: bool = False) -> list[KernelCall]:
    """Launches that find for each row the last of the indices that name it."""
    defines = defines_for("float32", TI=ctype(index_type), CHECKED=int(checked))
    args = (index, Temp(_PLACE, 4 * rows), Scalar("long", count), Scalar("long", rows))
    return [
        KernelCall(_SOURCE, "last_places", (*args, Scalar("int", int(clear)), *[_OUT_OF_RANGE] * checked), defines, *grid(work, ctx.traits))
        for clear, work in ((True, max(rows, 1)), (False, max(count, 1)))
    ]


def _put(x: In, fresh: In, spec: TensorSpec, erase: bool, ctx: LowerContext) -> KernelCall:
    rows, width = spec.shape[0], math.prod(spec.shape[1:])
    args = (x, fresh, Temp(_PLACE, 4 * rows), Out(0), Scalar("long", rows), Scalar("long", width))
    defines = defines_for(spec.dtype, ctx.reqs[0], ERASE=int(erase))
    return KernelCall(_SOURCE, "put_rows", args, defines, *stretch_grid(rows, width, ctx.traits))


@register
class IndexCopy(Op):
    """`old_tensor` with rows replaced by those of `new_tensor`: row `index_vector[k]` by row k, the last of several.

    Parameters
    ----------
    old_tensor : Symbol or NDArray
        (n, ...), of any type.
    index_vector : Symbol or NDArray
        (m,): indices 0 .. n - 1.
    new_tensor : Symbol or NDArray
        (m, ...), of the type of `old_tensor`.

    Raises
    ------
    MXNetError
        The shapes do not fit, or an index is out of range: whoever waits for the result next is told.

    Examples
    --------
    >>> import clsym as mx
    >>> mx.nd.contrib.index_copy(mx.nd.zeros((3, 1)), mx.nd.array([2, 0]), mx.nd.array([[5], [6]])).asnumpy().tolist()
    [[6.0], [0.0], [5.0]]

    Source: MXNet 1.9.1, ``contrib.index_copy``.
    """

    name = "_contrib_index_copy"
    inputs = ("old_tensor", "index_vector", "new_tensor")

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        old, index, new = unify_shape(ins[0], outs[0]), ins[1], ins[2]
        if index is not None and len(index) != 1:
            raise ShapeError(f"index_vector must have one dimension, got {show_shape(index)}")
        for shape in (old, new):
            if shape is not None and not shape:
                raise ShapeError("old_tensor and new_tensor need at least one dimension")
        if old is not None and new is not None:
            rest = unify_shape(
                old[1:], new[1:], f"old_tensor {show_shape(old)} and new_tensor {show_shape(new)} may differ in their rows only"
            )
            assert rest is not None
            old, new = (old[0], *rest), (new[0], *rest)
        elif old is not None:
            new = (-1, *old[1:])
        elif new is not None:
            old = (-1, *new[1:])
        if index is not None and new is not None:
            index = unify_shape(index, new[:1], f"index_vector must hold one index for each row of new_tensor {show_shape(new)}")
            assert index is not None
            new = (*index, *new[1:])
        elif new is not None:
            index = new[:1]
        return [old, index, new], [old]

    def infer_type(self, p: Params, ins: list[str | None], outs: list[str | None]) -> tuple[list[str | None], list[str | None]]:
        found = ins[0] or ins[2] or outs[0]
        return [found, ins[1], found], [found]

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        found: list[Entry | None] = [None, None, None]
        if g.needed[0]:
            found[0] = g.apply("_backward_index_copy", g.ograd(), g.input(1))
        if g.needed[2]:
            found[2] = g.apply("take", g.ograd(), g.input(1))
        return found

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        calls = _places(In(1), ins[1].size, ins[0].shape[0], ins[1].dtype, ctx, checked=True)
        return [*calls, _put(In(0), In(2), ins[0], False, ctx)]


@register
class IndexCopyBackward(Op):
    """The head gradient, zero in the rows that were replaced."""

    name = "_backward_index_copy"
    hidden = True
    inputs = ("ograd", "index_vector")

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        return ins, [ins[0]]

    def infer_type(self, p: Params, ins: list[str | None], outs: list[str | None]) -> tuple[list[str | None], list[str | None]]:
        return ins, [ins[0]]

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        calls = _places(In(1), ins[1].size, ins[0].shape[0], ins[1].dtype, ctx)
        return [*calls, _put(In(0), In(0), ins[0], True, ctx)]


@register
class IndexArray(Op):
    """The index of every element of an array.

    Parameters
    ----------
    data : Symbol or NDArray
        Of any type and at most eight dimensions; only its shape is read.
    axes : tuple of int or None, default None
        Which coordinates, in which order; by default all.

    Returns
    -------
    Symbol or NDArray
        int64, the shape of `data` and a last dimension for the coordinates.

    Raises
    ------
    MXNetError
        There is no such axis.

    Examples
    --------
    >>> import clsym as mx
    >>> mx.nd.contrib.index_array(mx.nd.ones((2, 2)), axes=(1, 0)).asnumpy().tolist()
    [[[0, 0], [1, 0]], [[0, 1], [1, 1]]]

    Source: MXNet 1.9.1, ``contrib.index_array``.
    """

    name = "_contrib_index_array"
    params = {"axes": Shape(None, "Which coordinates; by default all.", none=True)}

    def _axes(self, p: Params, ndim: int) -> tuple[int, ...]:
        found = tuple(range(ndim)) if p.axes is None else tuple(check_axis(a, ndim) for a in p.axes)
        if len(found) > 8:
            raise ShapeError(f"at most eight coordinates can be told, not {len(found)}; give axes")
        return found

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        data = ins[0]
        if outs[0]:
            data = unify_shape(data, outs[0][:-1])
        if data is None:
            return ins, outs
        return [data], [(*data, len(self._axes(p, len(data))))]

    def infer_type(self, p: Params, ins: list[str | None], outs: list[str | None]) -> tuple[list[str | None], list[str | None]]:
        return ins, ["int64"]

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        return [None]

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        shape = ins[0].shape
        axes, steps = self._axes(p, len(shape)), row_major(shape).steps
        pad = (1,) * (8 - len(axes))
        extents, strides = (Scalar("long8", (*(of[a] for a in axes), *pad)) for of in (shape, steps))
        args = (Out(0), Scalar("long", ins[0].size), Scalar("int", len(axes)), extents, strides)
        return [KernelCall(_SOURCE, "index_array", args, defines_for("int64", ctx.reqs[0]), *grid(outs[0].size, ctx.traits))]
