"""Parts of a tensor: slice, slice_axis, slice_like, the old Crop; and their gradient."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ...differences import differs
from ...graph.contract.facets import Estimated
from ...graph.contract.kernel_call import In, KernelCall, LowerContext, Out
from ...graph.contract.op import Entry, Gradient, Op
from ...graph.contract.registry import register
from ...graph.contract.spec import PartialShape, ShapeError, TensorSpec, show_shape
from ...params import Bool, Int, Params, Shape
from ..shared.strided import Walk, copy, fill, row_major
from .reshape import axis_index

__all__ = ["Part"]

Ranges = list[tuple[int, int, int]]
"""Begin, step and number of elements along each axis; the number is -1 where the extent is unknown."""


def basic_ranges(begin: Sequence[int | None], end: Sequence[int | None], step: Sequence[int | None], shape: Sequence[int]) -> Ranges:
    """What ``begin``, ``end``, ``step`` select of `shape`, as Python's slices do; axes beyond them are taken whole.

    >>> basic_ranges((1, None), (None, None), (1, -1), (3, 4, 5))
    [(1, 1, 2), (3, -1, 4), (0, 1, 5)]
    """
    if len(begin) != len(end) or (step and len(step) != len(begin)):
        raise ShapeError(f"begin={tuple(begin)}, end={tuple(end)} and step={tuple(step)} must have the same length")
    if len(begin) > len(shape):
        raise ShapeError(f"begin={tuple(begin)} names {len(begin)} axes, data has {len(shape)}")
    ranges: Ranges = []
    for axis, extent in enumerate(shape):
        if axis >= len(begin):
            ranges.append((0, 1, extent))
            continue
        stride = step[axis] if step and step[axis] is not None else 1
        assert stride is not None
        if stride == 0:
            raise ShapeError(f"step[{axis}] cannot be 0")
        if extent < 0:
            ranges.append((0, stride, -1))
            continue
        chosen = range(*slice(begin[axis], end[axis], stride).indices(extent))
        ranges.append((chosen.start, stride, len(chosen)))
    return ranges


def range_walk(ranges: Ranges, shape: Sequence[int]) -> Walk:
    """The walk through a tensor of `shape` along ranges of its axes."""
    steps = row_major(shape).steps
    offset = sum(b * s for (b, _, _), s in zip(ranges, steps, strict=True))
    return Walk(offset, tuple(st * s for (_, st, _), s in zip(ranges, steps, strict=True)))


def is_stretch(extents: Sequence[int], walk: Walk) -> bool:
    """Whether a walk covers consecutive elements in order."""
    whole = row_major(extents).steps
    return all(e == 1 or a == b for e, a, b in zip(extents, walk.steps, whole, strict=True))


class Part(Op, Estimated):
    """Base of the operators that take a rectangular part of their first input."""

    def ranges(self, p: Params, ins: Sequence[PartialShape]) -> Ranges:
        """The ranges taken of the first input, whose rank is known; raises ShapeError."""
        raise NotImplementedError

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        if any(s is None for s in ins):
            return ins, outs
        return ins, [tuple(count for _, _, count in self.ranges(p, ins))]

    def _walk(self, p: Params, ins: Sequence[TensorSpec]) -> Walk:
        return range_walk(self.ranges(p, [s.shape for s in ins]), ins[0].shape)

    def view(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec]) -> Mapping[int, tuple[int, int]]:
        walk = self._walk(p, ins)
        return {0: (0, walk.offset * ins[0].itemsize)} if is_stretch(outs[0].shape, walk) else {}

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        extents = outs[0].shape
        return copy(In(0), Out(0), extents, self._walk(p, ins), row_major(extents), outs[0].dtype, ctx, ctx.reqs[0])

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        walk = self._walk(g.p, g.ins)
        back = g.apply("_backward_slice", g.ograd(), shape=g.ins[0].shape, offset=walk.offset, steps=walk.steps)
        return [back, *([None] * (len(g.ins) - 1))]

    def cost(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec]) -> tuple[int, int]:
        return 0, 2 * outs[0].nbytes


@register
class BackwardSlice(Op):
    """Zeros of `shape` with the input laid along ``offset + sum(index * step)``: the gradient of taking a part."""

    name = "_backward_slice"
    hidden = True
    params = {"shape": Shape(), "offset": Int(), "steps": Shape()}

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        return ins, [p.shape]

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        return [g.apply("_strided_part", g.ograd(), shape=g.ins[0].shape, offset=g.p.offset, steps=g.p.steps)]

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        out, req = outs[0], ctx.reqs[0]
        calls: list[KernelCall] = []
        if req == "write" and ins[0].size < out.size:
            calls = fill(Out(0), (out.size,), row_major((out.size,)), 0.0, out.dtype, ctx)
        return calls + copy(In(0), Out(0), ins[0].shape, row_major(ins[0].shape), Walk(p.offset, p.steps), out.dtype, ctx, req)


@register
class StridedPart(Op):
    """What `BackwardSlice` laid into zeros, taken out again: its gradient."""

    name = "_strided_part"
    hidden = True
    params = {"shape": Shape(), "offset": Int(), "steps": Shape()}

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        return ins, [p.shape]

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        return [g.apply("_backward_slice", g.ograd(), shape=g.ins[0].shape, offset=g.p.offset, steps=g.p.steps)]

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        extents = outs[0].shape
        return copy(In(0), Out(0), extents, Walk(p.offset, p.steps), row_major(extents), outs[0].dtype, ctx, ctx.reqs[0])


@register
class Slice(Part):
    """A rectangular part, with steps: ``data[begin:end:step]`` along every axis named.

    Parameters
    ----------
    data : Symbol or NDArray
        Of any shape.
    begin, end, step : tuple of int or None
        As in Python's slices, one item an axis; axes beyond them are taken whole. Negative steps walk backwards.

    Raises
    ------
    MXNetError
        If the lengths differ, exceed the axes of `data`, or a step is 0.

    Examples
    --------
    >>> import clsym as mx
    >>> mx.nd.slice(mx.nd.array([[1, 2, 3], [4, 5, 6]]), begin=(0, 1), end=(2, 3)).asnumpy().tolist()
    [[2.0, 3.0], [5.0, 6.0]]

    Source: MXNet 1.9.1, ``slice``.
    """

    name = "slice"
    aliases = ("crop",)
    params = {
        "begin": Shape(doc="Where each axis starts.", none_items=True),
        "end": Shape(doc="Where each axis ends (exclusive).", none_items=True),
        "step": Shape((), "The step along each axis.", none_items=True),
    }

    def ranges(self, p: Params, ins: Sequence[PartialShape]) -> Ranges:
        return basic_ranges(p.begin, p.end, p.step, ins[0] or ())


@register
class SliceAxis(Part):
    """A range along one axis.

    Parameters
    ----------
    data : Symbol or NDArray
        Of any shape.
    axis : int
        Negative ones count from the end.
    begin : int
        First index; negative ones count from the end.
    end : int or None
        One past the last; negative ones count from the end, None: to the end.

    Raises
    ------
    MXNetError
        If the range is empty or leaves the axis.

    Examples
    --------
    >>> import clsym as mx
    >>> mx.nd.slice_axis(mx.nd.array([1, 2, 3, 4]), axis=0, begin=1, end=-1).asnumpy().tolist()
    [2.0, 3.0]

    Source: MXNet 1.9.1, ``slice_axis``.
    """

    name = "slice_axis"
    params = {"axis": Int(doc="The axis."), "begin": Int(doc="First index."), "end": Int(doc="One past the last; None: all.", none=True)}

    def ranges(self, p: Params, ins: Sequence[PartialShape]) -> Ranges:
        shape = ins[0] or ()
        axis = axis_index(p.axis, len(shape))
        ranges: Ranges = [(0, 1, e) for e in shape]
        extent = shape[axis]
        if extent < 0:
            known_count = p.end is not None and 0 <= p.begin < p.end
            ranges[axis] = (max(p.begin, 0), 1, p.end - p.begin if known_count else -1)
            return ranges
        begin = p.begin + extent if p.begin < 0 else p.begin
        end = extent if p.end is None else p.end + extent if p.end < 0 else p.end
        if not 0 <= begin < end <= extent:
            raise ShapeError(f"begin={p.begin}, end={p.end} select nothing of, or leave, axis {axis} of extent {extent}")
        ranges[axis] = (begin, 1, end - begin)
        return ranges


@register
class SliceLike(Part):
    """The first part of `data` that is as large as `shape_like` along `axes`.

    Parameters
    ----------
    data : Symbol or NDArray
        Of any shape.
    shape_like : Symbol or NDArray
        Only its shape matters; its gradient is zero.
    axes : tuple of int
        Axes to cut; all by default.

    Raises
    ------
    MXNetError
        If `shape_like` is longer than `data` along one of them.

    Examples
    --------
    >>> import clsym as mx
    >>> mx.nd.slice_like(mx.nd.zeros((3, 4)), mx.nd.zeros((2, 3)), axes=(-1,)).shape
    (3, 3)

    Source: MXNet 1.9.1, ``slice_like``.
    """

    name = "slice_like"
    inputs = ("data", "shape_like")
    params = {"axes": Shape((), "Axes to cut; empty: all.")}

    def ranges(self, p: Params, ins: Sequence[PartialShape]) -> Ranges:
        shape, like = ins[0] or (), ins[1] or ()
        if not p.axes and len(shape) != len(like):
            raise ShapeError(f"data has {len(shape)} dimensions and shape_like {len(like)}; give axes")
        axes = [axis_index(a, len(shape), "axes item") for a in p.axes] if p.axes else list(range(len(shape)))
        ranges: Ranges = [(0, 1, e) for e in shape]
        for asked, axis in zip(p.axes or axes, axes, strict=True):
            extent = like[axis_index(asked, len(like), "axes item (of shape_like)")]
            if extent > shape[axis] >= 0:
                raise ShapeError(f"shape_like has extent {extent} along axis {axis}, more than the {shape[axis]} of data")
            ranges[axis] = (0, 1, extent)
        return ranges

    def infer_type(self, p: Params, ins: list[str | None], outs: list[str | None]) -> tuple[list[str | None], list[str | None]]:
        return ins, [ins[0] if ins[1] else None]  # nothing follows before both are known


@register
class Crop(Part):
    """(Deprecated) The part of an image from `offset`, as large as `h_w` or as a second input; of (N, C, H, W).

    Parameters
    ----------
    data : Symbol or NDArray
        (N, C, H, W); a second input, if any, gives the height and width.
    num_args : int
        1 or 2.
    offset : tuple of int
        (y, x) of the upper left corner.
    h_w : tuple of int
        Height and width, with one input.
    center_crop : bool
        Take the middle instead of `offset`.

    Raises
    ------
    MXNetError
        If the part leaves the image.

    Examples
    --------
    >>> import clsym as mx
    >>> mx.nd.Crop(mx.nd.zeros((1, 1, 5, 5)), h_w=(3, 2), num_args=1).shape
    (1, 1, 3, 2)

    Source: MXNet 1.9.1, ``Crop``.
    """

    name = "Crop"
    variadic = "num_args"
    params = {
        "num_args": Int(doc="Number of inputs, 1 or 2.", low=1, high=2),
        "offset": Shape((0, 0), "Upper left corner (y, x).", length=2),
        "h_w": Shape((0, 0), "Height and width of the part.", length=2),
        "center_crop": Bool(False, "Whether to take the middle."),
    }

    def ranges(self, p: Params, ins: Sequence[PartialShape]) -> Ranges:
        shape = ins[0] or ()
        like = ins[1] if len(ins) > 1 else None
        if len(shape) != 4 or (like is not None and len(like) != 4):
            raise ShapeError(f"inputs must have 4 dimensions (N, C, H, W), got {show_shape(shape)}")
        size = like[2:] if like is not None else p.h_w
        ranges: Ranges = [(0, 1, e) for e in shape]
        for k, what in ((0, "height"), (1, "width")):
            extent, whole = size[k], shape[2 + k]
            if extent < 0 or whole < 0:
                ranges[2 + k] = (0, 1, extent)
                continue
            begin = (whole - extent) // 2 if p.center_crop else p.offset[k]
            if extent < 1 or begin < 0 or begin + extent > whole:
                raise ShapeError(f"{what} {extent} from {begin} leaves the image of {what} {whole}; change offset or h_w")
            ranges[2 + k] = (begin, 1, extent)
        return ranges


differs(
    "Crop",
    "grad_req='add' adds",
    "x = mx.nd.array([[[[1, 2]]]]); g = mx.nd.ones(x.shape); "
    "e = mx.sym.Crop(mx.sym.var('x'), h_w=(1, 1), num_args=1).bind(mx.cpu(), {'x': x}, {'x': g}, 'add'); "
    "_ = e.forward(is_train=True); e.backward(mx.nd.array([[[[10]]]])); "
    "print(g.asnumpy().astype('float64').round(3).tolist())",
    ours="[[[[11.0, 1.0]]]]",
    mxnet="[[[[10.0, 0.0]]]]",
    why="With grad_req='add' MXNet's gradient overwrites what is there instead of adding to it.",
)
