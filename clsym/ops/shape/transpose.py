"""Permutations of a tensor's elements: transpose, SwapAxis, reverse, depth_to_space, space_to_depth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ...differences import differs
from ...graph.contract.kernel_call import In, KernelCall, LowerContext, Out
from ...graph.contract.op import Entry, Gradient, Op
from ...graph.contract.registry import register
from ...graph.contract.spec import PartialShape, ShapeError, TensorSpec, show_shape
from ...params import Int, Params, Shape
from ..shared.strided import Walk, copy, flat_copy, row_major
from .reshape import axis_index

__all__ = ["Permutation"]


def permuted(shape: Sequence[int], axes: Sequence[int]) -> tuple[tuple[int, ...], Walk]:
    """The extents of a transpose, and its walk through the untransposed memory."""
    steps = row_major(shape).steps
    return tuple(shape[a] for a in axes), Walk(0, tuple(steps[a] for a in axes))


class Permutation(Op):
    """Base of the operators that permute axes; `order` gives the input's axis for each axis of the output."""

    def order(self, p: Params, ndim: int) -> tuple[int, ...]:
        """The input's axis for each of the output's."""
        raise NotImplementedError

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        some = ins[0] if ins[0] is not None else outs[0]
        if some is None:
            return ins, outs
        axes = self.order(p, len(some))
        dims = list(ins[0]) if ins[0] is not None else [-1] * len(some)
        if outs[0] is not None and len(outs[0]) == len(dims):
            for axis, extent in zip(axes, outs[0], strict=True):
                dims[axis] = extent if dims[axis] < 0 else dims[axis]
        return [tuple(dims)], [tuple(dims[a] for a in axes)]

    def view(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec]) -> Mapping[int, tuple[int, int]]:
        # moving axes of extent 1 moves nothing in memory
        moved = [a for a in self.order(p, ins[0].ndim) if ins[0].shape[a] != 1]
        return {0: (0, 0)} if moved == sorted(moved) else {}

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        if self.view(p, ins, outs):
            return flat_copy(outs[0].size, outs[0].dtype, ctx, ctx.reqs[0])
        extents, walk = permuted(ins[0].shape, self.order(p, ins[0].ndim))
        return copy(In(0), Out(0), extents, walk, row_major(extents), outs[0].dtype, ctx, ctx.reqs[0])

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        axes = self.order(g.p, g.ins[0].ndim)
        inverse = tuple(axes.index(d) for d in range(len(axes)))
        return [g.apply("transpose", g.ograd(), axes=inverse)]


@register
class Transpose(Permutation):
    """Permutes the axes.

    Parameters
    ----------
    data : Symbol or NDArray
        Of any shape.
    axes : tuple of int
        ``axes[i]`` is the input's axis that becomes axis i; empty: reversed order.

    Raises
    ------
    MXNetError
        If `axes` is no permutation of the input's axes.

    Examples
    --------
    >>> import clsym as mx
    >>> mx.nd.transpose(mx.nd.zeros((2, 3, 4)), axes=(1, 0, 2)).shape
    (3, 2, 4)

    Source: MXNet 1.9.1, ``transpose``.
    """

    name = "transpose"
    params = {"axes": Shape((), "Target axis order; empty: reversed.")}

    def order(self, p: Params, ndim: int) -> tuple[int, ...]:
        if not p.axes:
            return tuple(range(ndim))[::-1]
        axes = tuple(axis_index(a, ndim, "axes item") for a in p.axes)
        if sorted(axes) != list(range(ndim)):
            raise ShapeError(f"axes={p.axes} is no permutation of the {ndim} axes of the input")
        return axes


@register
class SwapAxis(Permutation):
    """Interchanges two axes.

    Parameters
    ----------
    data : Symbol or NDArray
        Of any shape.
    dim1, dim2 : int
        The axes; negative ones count from the end.

    Examples
    --------
    >>> import clsym as mx
    >>> mx.nd.swapaxes(mx.nd.zeros((2, 3, 4)), dim1=0, dim2=2).shape
    (4, 3, 2)

    Source: MXNet 1.9.1, ``SwapAxis``.
    """

    name = "SwapAxis"
    aliases = ("swapaxes",)
    params = {"dim1": Int(0, "The first axis."), "dim2": Int(0, "The second axis.")}

    def order(self, p: Params, ndim: int) -> tuple[int, ...]:
        first, second = axis_index(p.dim1, ndim, "dim1"), axis_index(p.dim2, ndim, "dim2")
        axes = list(range(ndim))
        axes[first], axes[second] = axes[second], axes[first]
        return tuple(axes)


@register
class Reverse(Op):
    """Reverses the order of the elements along axes.

    Parameters
    ----------
    data : Symbol or NDArray
        Of any shape.
    axis : int or tuple of int
        The axes to reverse; one named twice is as it was.

    Examples
    --------
    >>> import clsym as mx
    >>> mx.nd.reverse(mx.nd.array([[1, 2], [3, 4]]), axis=1).asnumpy().tolist()
    [[2.0, 1.0], [4.0, 3.0]]

    Source: MXNet 1.9.1, ``reverse``.
    """

    name = "reverse"
    aliases = ("flip",)
    params = {"axis": Shape(doc="The axes to reverse.")}

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        if ins[0] is not None:
            for a in p.axis:
                axis_index(a, len(ins[0]))
        return super().infer_shape(p, ins, outs)

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        shape = outs[0].shape
        steps = list(row_major(shape).steps)
        offset = 0
        for a in p.axis:
            axis = axis_index(a, len(shape))
            offset += steps[axis] * (shape[axis] - 1)
            steps[axis] = -steps[axis]
        return copy(In(0), Out(0), shape, Walk(offset, tuple(steps)), row_major(shape), outs[0].dtype, ctx, ctx.reqs[0])

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        return [g.apply("reverse", g.ograd(), axis=g.p.axis)]


class DepthSpace(Op):
    """Base of depth_to_space and space_to_depth."""

    params = {"block_size": Int(doc="Blocks of block_size x block_size pixels are moved.")}

    def block(self, p: Params, shape: PartialShape) -> tuple[int, int, int, int, int]:
        """Block size and the extents N, C, H, W; checked."""
        if p.block_size <= 0:
            raise ShapeError(f"block_size={p.block_size} must be positive")
        if shape is None or len(shape) != 4:
            raise ShapeError(f"data must have 4 dimensions (N, C, H, W), got {show_shape(shape)}")
        n, c, h, w = shape
        return p.block_size, n, c, h, w

    def place(self, p: Params, shape: Sequence[int]) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
        """The output's shape, the input's shape cut into blocks, and the order its axes take in the output."""
        raise NotImplementedError

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        if ins[0] is None:
            return ins, outs
        return ins, [self.place(p, ins[0])[0]]

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        _, cut, axes = self.place(p, ins[0].shape)
        extents, walk = permuted(cut, axes)
        return copy(In(0), Out(0), extents, walk, row_major(extents), outs[0].dtype, ctx, ctx.reqs[0])


def _divided(extent: int, by: int, what: str) -> int:
    if extent >= 0 and extent % by:
        raise ShapeError(f"{what} of extent {extent} must be a multiple of {by}")
    return extent // by if extent >= 0 else -1


def _times(extent: int, by: int) -> int:
    return extent * by if extent >= 0 else -1


@register
class DepthToSpace(DepthSpace):
    """Moves channels into blocks of pixels: (N, C, H, W) becomes (N, C / b^2, H b, W b).

    Parameters
    ----------
    data : Symbol or NDArray
        (N, C, H, W), C a multiple of ``block_size ** 2``.
    block_size : int
        b, the side of a block.

    Examples
    --------
    >>> import clsym as mx
    >>> mx.nd.depth_to_space(mx.nd.zeros((1, 8, 2, 3)), 2).shape
    (1, 2, 4, 6)

    Source: MXNet 1.9.1, ``depth_to_space``.
    """

    name = "depth_to_space"

    def place(self, p: Params, shape: Sequence[int]) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
        b, n, c, h, w = self.block(p, tuple(shape))
        deep = _divided(c, b * b, "the depth dimension (1)")
        return (n, deep, _times(h, b), _times(w, b)), (n, b, b, deep, h, w), (0, 3, 4, 1, 5, 2)

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        return [g.apply("space_to_depth", g.ograd(), block_size=g.p.block_size)]


@register
class SpaceToDepth(DepthSpace):
    """Moves blocks of pixels into channels: (N, C, H, W) becomes (N, C b^2, H / b, W / b).

    Parameters
    ----------
    data : Symbol or NDArray
        (N, C, H, W), H and W multiples of `block_size`.
    block_size : int
        b, the side of a block.

    Examples
    --------
    >>> import clsym as mx
    >>> mx.nd.space_to_depth(mx.nd.zeros((1, 2, 4, 6)), 2).shape
    (1, 8, 2, 3)

    Source: MXNet 1.9.1, ``space_to_depth``.
    """

    name = "space_to_depth"

    def place(self, p: Params, shape: Sequence[int]) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
        b, n, c, h, w = self.block(p, tuple(shape))
        high, wide = _divided(h, b, "the height (dimension 2)"), _divided(w, b, "the width (dimension 3)")
        return (n, _times(c, b * b), high, wide), (n, c, high, b, wide, b), (0, 3, 5, 1, 2, 4)

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        return [g.apply("depth_to_space", g.ograd(), block_size=g.p.block_size)]


differs(
    "reverse",
    "grad_req='add' adds",
    "x = mx.nd.array([1, 2]); g = mx.nd.ones(x.shape); "
    "e = mx.sym.reverse(mx.sym.var('x'), axis=0).bind(mx.cpu(), {'x': x}, {'x': g}, 'add'); _ = e.forward(is_train=True); "
    "e.backward(mx.nd.array([10, 20])); print(g.asnumpy().astype('float64').round(3).tolist())",
    ours="[21.0, 11.0]",
    mxnet="[20.0, 10.0]",
    why="With grad_req='add' MXNet's gradient overwrites what is there instead of adding to it.",
)
differs(
    "transpose",
    "the shape of the input follows from that of the output",
    "print((mx.sym.transpose(mx.sym.var('x')) + mx.sym.var('y')).infer_shape(y=(2, 3))[0])",
    ours="[(3, 2), (2, 3)]",
    mxnet="an error: i >= 0 && i < ndim(): index = -2 must be in range [0, 2)",
)
