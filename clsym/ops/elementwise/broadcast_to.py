"""Repeating a tensor along axes of extent 1: broadcast_to, broadcast_axis, broadcast_like."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ...differences import differs
from ...graph.contract.expression import Expression
from ...graph.contract.facets import Fusible
from ...graph.contract.kernel_call import In, KernelCall, LowerContext, Out, defines_for, grid
from ...graph.contract.op import Entry, Gradient, Op
from ...graph.contract.registry import register
from ...graph.contract.spec import PartialShape, ShapeError, TensorSpec, known, show_shape, unify_shape
from ...params import Params, Shape
from ..shared.launch_sizes import device_file
from ..shared.strided import flat_copy
from .broadcast_binary import walk_args
from .sum_to_shape import sum_to

__all__ = ["Repeat"]


class Repeat(Op, Fusible):
    """Base: the output is the first input, repeated along axes."""

    def view(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec]) -> Mapping[int, tuple[int, int]]:
        return {0: (0, 0)} if ins[0].size == outs[0].size else {}

    def infer_type(self, p: Params, ins: list[str | None], outs: list[str | None]) -> tuple[list[str | None], list[str | None]]:
        found = ins[0] or outs[0]
        return [found, *ins[1:]], [outs[0] or found]

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        rest: list[Entry | None] = [None] * (len(g.ins) - 1)
        return [sum_to(g, g.ograd(), g.outs[0].shape, g.ins[0].shape), *rest]

    def expression(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec]) -> Expression | None:
        return Expression("x", ("x",)) if len(ins) == 1 and ins[0].size != outs[0].size else None

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        out = outs[0]
        if ins[0].size == out.size:
            return flat_copy(out.size, out.dtype, ctx, ctx.reqs[0])
        global_size, local_size = grid(out.size, ctx.traits)
        args = (In(0), In(0), Out(0), *walk_args(out.shape, [ins[0].shape, (1,)]))
        source, defines = device_file("elementwise/broadcast", ctx.traits), defines_for(out.dtype, ctx.reqs[0], ONE=1)
        return [KernelCall(source, "broadcast", args, defines, global_size, local_size)]


def _check(what: str, source: int, target: int, axis: int) -> None:
    if source >= 0 and target >= 0 and source not in (1, target):
        raise ShapeError(f"{what}: axis {axis} of the input has extent {source}, which cannot be broadcast to {target}; it must be 1")


@register
class BroadcastTo(Repeat):
    """The input repeated to a shape.

    Parameters
    ----------
    data : Symbol or NDArray
        Of as many dimensions as `shape` has items.
    shape : tuple of int
        Of the result; 0 keeps the input's extent. Other extents of the input must be equal or 1.

    Returns
    -------
    Symbol or NDArray
        Of that shape and the type of `data`.

    Raises
    ------
    MXNetError
        The numbers of dimensions differ, or an extent is neither 1 nor equal.

    Examples
    --------
    >>> mx.nd.broadcast_to(mx.nd.array([[1, 2]]), shape=(2, 0)).asnumpy().tolist()
    [[1.0, 2.0], [1.0, 2.0]]
    """

    name = "broadcast_to"
    params = {"shape": Shape((), "The shape of the result; 0 keeps an extent.")}

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        data = ins[0]
        if any(d < 0 for d in p.shape):
            raise ShapeError(f"shape={p.shape} has a negative extent; 0 keeps the input's")
        if data is None:
            return ins, list(outs)
        if len(data) != len(p.shape):
            raise ShapeError(
                f"operand of shape {show_shape(data)} cannot be broadcast to shape={p.shape}: the numbers of dimensions must be equal"
            )
        for axis, (have, want) in enumerate(zip(data, p.shape, strict=True)):
            _check("broadcast_to", have, want or -1, axis)
        return ins, [tuple(want or have for have, want in zip(data, p.shape, strict=True))]


@register
class BroadcastAxis(Repeat):
    """The input repeated along some axes of extent 1.

    Parameters
    ----------
    data : Symbol or NDArray
        Of any shape and type.
    axis : int or tuple of int
        The axes, counted from the front; they have extent 1.
    size : int or tuple of int
        Their extents in the result.

    Returns
    -------
    Symbol or NDArray
        Of the type of `data`.

    Raises
    ------
    MXNetError
        `axis` and `size` differ in length, an axis is out of bounds, or its extent is not 1.

    Examples
    --------
    >>> mx.nd.broadcast_axis(mx.nd.array([[1], [2]]), axis=1, size=2).asnumpy().tolist()
    [[1.0, 1.0], [2.0, 2.0]]
    """

    name = "broadcast_axis"
    aliases = ("broadcast_axes",)
    params = {"axis": Shape((), "The axes to repeat along."), "size": Shape((), "Their extents in the result.")}

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        if len(p.axis) != len(p.size):
            raise ShapeError(f"axis={p.axis} and size={p.size} must have the same number of items")
        data = ins[0]
        if data is None:
            return ins, list(outs)
        out = list(data)
        for axis, size in zip(p.axis, p.size, strict=True):
            if not 0 <= axis < len(data):
                raise ShapeError(f"axis {axis} is out of bounds for an input of shape {show_shape(data)}; use 0 to {len(data) - 1}")
            if size < 0 or data[axis] not in (1, -1):
                raise ShapeError(
                    f"axis {axis} of shape {show_shape(data)} cannot be broadcast to {size}: it must be 1, the size not negative"
                )
            out[axis] = size
        return ins, [tuple(out)] if known(data) else list(outs)


@register
class BroadcastLike(Repeat):
    """The first tensor repeated to the shape of the second, or along chosen axes to chosen extents of it.

    Parameters
    ----------
    lhs : Symbol or NDArray
        To repeat.
    rhs : Symbol or NDArray
        Whose shape is wanted; its values are not read and get no gradient.
    lhs_axes, rhs_axes : tuple of int, optional
        Axis ``lhs_axes[i]`` gets the extent of ``rhs_axes[i]``; negative ones count from the end. Without both, every axis its own.

    Returns
    -------
    Symbol or NDArray
        Of the type of `lhs`.

    Raises
    ------
    MXNetError
        An axis is out of bounds, or an extent is neither 1 nor equal.

    Examples
    --------
    >>> mx.nd.broadcast_like(mx.nd.array([[1, 2]]), mx.nd.array([[0, 0], [0, 0]])).asnumpy().tolist()
    [[1.0, 2.0], [1.0, 2.0]]
    """

    name = "broadcast_like"
    inputs = ("lhs", "rhs")
    params = {"lhs_axes": Shape(None, "Axes of lhs to repeat along."), "rhs_axes": Shape(None, "Axes of rhs that give their extents.")}

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        lhs, rhs = ins
        if lhs is None or rhs is None:
            return ins, list(outs)
        if p.lhs_axes is None or p.rhs_axes is None:
            if len(lhs) != len(rhs):
                raise ShapeError(
                    f"operand of shape {show_shape(lhs)} cannot be broadcast like {show_shape(rhs)}: numbers of dimensions must be equal"
                )
            pairs = [(i, i) for i in range(len(lhs))]
        else:
            if len(p.lhs_axes) != len(p.rhs_axes) or not p.lhs_axes:
                raise ShapeError(f"lhs_axes={p.lhs_axes} and rhs_axes={p.rhs_axes} must have the same number of items, at least one")
            pairs = []
            for i, j in zip(p.lhs_axes, p.rhs_axes, strict=True):
                if not (-len(lhs) <= i < len(lhs) and -len(rhs) <= j < len(rhs)):
                    raise ShapeError(
                        f"lhs_axes={p.lhs_axes}, rhs_axes={p.rhs_axes} are out of bounds for shapes {show_shape(lhs)} and {show_shape(rhs)}"
                    )
                pairs.append((i % len(lhs), j % len(rhs)))
        out = list(lhs)
        for i, j in pairs:
            _check("broadcast_like", lhs[i], rhs[j], i)
            out[i] = rhs[j] if lhs[i] == 1 else lhs[i] if lhs[i] >= 0 else (rhs[j] if rhs[j] == 1 else -1)
        return ins, [unify_shape(tuple(out), outs[0])]

    def infer_type(self, p: Params, ins: list[str | None], outs: list[str | None]) -> tuple[list[str | None], list[str | None]]:
        return ins, [ins[0] if ins[1] else None]  # nothing follows before both are known


differs(
    "broadcast_like",
    "an unknown extent stays unknown",
    "print(mx.sym.broadcast_like(mx.sym.var('a'), mx.sym.var('b')).infer_shape_partial(a=(1, 3), b=(0, 3))[1])",
    ours="[(0, 3)]",
    mxnet="[(1, 3)]",
)
