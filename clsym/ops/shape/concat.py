"""Joining tensors: Concat, stack."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ...differences import differs
from ...graph.contract.facets import Assembled, Estimated
from ...graph.contract.kernel_call import In, KernelCall, LowerContext, Out
from ...graph.contract.op import Entry, Gradient, Op
from ...graph.contract.registry import register
from ...graph.contract.spec import PartialShape, ShapeError, TensorSpec, known, show_shape, unify_shape
from ...graph.rewrite.channels_first import ChannelsLast, LastForm
from ...params import Int, Params
from ..shared.strided import Walk, copy, row_major
from .reshape import axis_index

__all__ = ["Concat", "Stack"]


def _without(shape: Sequence[int], axis: int) -> tuple[int, ...]:
    return (*shape[:axis], -1, *shape[axis + 1 :])


def _same(shapes: Sequence[PartialShape], what: str) -> PartialShape:
    """The shape that all inputs share, -1 for what may differ or is unknown."""
    common: PartialShape = None
    for i, shape in enumerate(shapes):
        common = unify_shape(common, shape, f"input {i} does not fit the others {what}")
    return common


def consecutive(ins: Sequence[TensorSpec], out: TensorSpec, axis: int) -> dict[int, tuple[int, int]]:
    """Inputs as stretches of the output, one after the other: so where every axis before `axis` has extent 1; else nothing."""
    if any(d != 1 for d in out.shape[:axis]):
        return {}
    found: dict[int, tuple[int, int]] = {}
    position = 0
    for i, t in enumerate(ins):
        found[i] = (0, position)
        position += t.nbytes
    return found


@register
class Concat(Op, Assembled, ChannelsLast, Estimated):
    """Joins tensors along an axis that exists.

    Parameters
    ----------
    *data : Symbols or NDArrays
        Of one shape but for the extent along `dim`.
    dim : int
        The axis, 1 by default; negative ones count from the end.

    Raises
    ------
    MXNetError
        If the other extents differ.

    Examples
    --------
    >>> import clsym as mx
    >>> mx.nd.concat(mx.nd.zeros((2, 3)), mx.nd.zeros((2, 1)), dim=1).shape
    (2, 4)

    Source: MXNet 1.9.1, ``Concat``.
    """

    name = "Concat"
    aliases: tuple[str, ...] = ("concat",)
    variadic = "num_args"
    params = {"num_args": Int(doc="Number of inputs.", low=1, high=1 << 20), "dim": Int(1, "The axis to join along.")}
    inferred = 1  # how many inputs of unknown extent the output tells; several are of one extent

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        some = next((s for s in (*ins, outs[0]) if s is not None), None)
        if some is None:
            return ins, outs
        axis = axis_index(p.dim, len(some), "dim")
        for i, s in enumerate(ins):
            if s is not None and len(s) != len(some):
                raise ShapeError(f"input {i} has {len(s)} dimensions, {show_shape(s)}, the others {len(some)}")
        common = _same([_without(s, axis) for s in (*ins, outs[0]) if s is not None and len(s) == len(some)], f"outside of dim={p.dim}")
        assert common is not None
        extents = [-1 if s is None else s[axis] for s in ins]
        total = sum(extents) if all(e >= 0 for e in extents) else -1
        unknown = extents.count(-1)
        if outs[0] is not None and len(outs[0]) == len(some) and outs[0][axis] >= 0 and 0 < unknown <= self.inferred:
            total = outs[0][axis]
            missing = total - sum(e for e in extents if e >= 0)
            if missing < 0:
                raise ShapeError(f"the inputs are longer along dim={p.dim} than the output of extent {total}")
            if missing % unknown:
                raise ShapeError(
                    f"{unknown} inputs of one extent cannot fill the {missing} elements along dim={p.dim} that the others leave"
                )
            extents = [missing // unknown if e < 0 else e for e in extents]
        return [(*common[:axis], e, *common[axis + 1 :]) for e in extents], [(*common[:axis], total, *common[axis + 1 :])]

    def last_form(self, p: Params, ins: Sequence[TensorSpec]) -> LastForm | None:
        ndim = ins[0].ndim
        last = ndim > 2 and axis_index(p.dim, ndim, "dim") == ndim - 1
        return LastForm({"dim": 1}, tuple(range(len(ins))), only_after=True) if last else None

    def parts(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec]) -> Mapping[int, tuple[int, int]]:
        return consecutive(ins, outs[0], axis_index(p.dim, outs[0].ndim, "dim"))

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        axis = axis_index(p.dim, outs[0].ndim, "dim")
        steps = row_major(outs[0].shape).steps
        calls: list[KernelCall] = []
        position = 0
        for i, t in enumerate(ins):
            calls += copy(In(i), Out(0), t.shape, row_major(t.shape), Walk(position * steps[axis], steps), t.dtype, ctx, ctx.reqs[0])
            position += t.shape[axis]
        return calls

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        axis = axis_index(g.p.dim, g.outs[0].ndim, "dim")
        grads: list[Entry | None] = []
        position = 0
        for spec, needed in zip(g.ins, g.needed, strict=True):
            end = position + spec.shape[axis]
            wanted = needed and end > position
            grads.append(g.apply("slice_axis", g.ograd(), axis=axis, begin=position, end=end) if wanted else None)
            position = end
        return grads

    def cost(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec]) -> tuple[int, int]:
        return 0, 2 * outs[0].nbytes


@register
class RnnParamConcat(Concat):
    """Concat of the parameters of a recurrent layer, whose number of weights the layer tells.

    Inputs whose extent is not known otherwise share equally what the others leave: those of both directions of a first layer,
    which read the same data.

    Source: MXNet 1.9.1, ``_rnn_param_concat``.
    """

    name = "_rnn_param_concat"
    aliases: tuple[str, ...] = ()
    inferred = 2


@register
class Stack(Op, Assembled):
    """Joins tensors of one shape along a new axis.

    Parameters
    ----------
    *data : Symbols or NDArrays
        All of one shape.
    axis : int
        Where the new axis stands in the output, 0 by default; negative ones count from the end.

    Raises
    ------
    MXNetError
        If the shapes differ.

    Examples
    --------
    >>> import clsym as mx
    >>> mx.nd.stack(mx.nd.zeros((2, 3)), mx.nd.zeros((2, 3)), axis=1).shape
    (2, 2, 3)

    Source: MXNet 1.9.1, ``stack``.
    """

    name = "stack"
    variadic = "num_args"
    params = {"axis": Int(0, "Position of the new axis."), "num_args": Int(doc="Number of inputs.", low=1, high=1 << 20)}

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        common = _same(ins, "(stack needs one shape)")
        if common is None or not known(common):
            return ins, outs
        axis = axis_index(p.axis, len(common) + 1)
        return ins, [(*common[:axis], len(ins), *common[axis:])]

    def parts(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec]) -> Mapping[int, tuple[int, int]]:
        return consecutive(ins, outs[0], axis_index(p.axis, outs[0].ndim, "axis"))

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        axis = axis_index(p.axis, outs[0].ndim)
        steps = row_major(outs[0].shape).steps
        along = (*steps[:axis], *steps[axis + 1 :])
        calls: list[KernelCall] = []
        for i, t in enumerate(ins):
            calls += copy(In(i), Out(0), t.shape, row_major(t.shape), Walk(i * steps[axis], along), t.dtype, ctx, ctx.reqs[0])
        return calls

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        axis = axis_index(g.p.axis, g.outs[0].ndim)
        grads: list[Entry | None] = []
        for i, (spec, needed) in enumerate(zip(g.ins, g.needed, strict=True)):
            if not needed:
                grads.append(None)
                continue
            part = g.apply("slice_axis", g.ograd(), axis=axis, begin=i, end=i + 1)
            grads.append(g.apply("_backward_reshape", part, shape=spec.shape))
        return grads


differs(
    "Concat",
    "an unknown extent makes the sum unknown",
    "print(mx.sym.concat(mx.sym.var('a'), mx.sym.var('b'), dim=1).infer_shape_partial(a=(2, 3))[1])",
    ours="[(2, 0)]",
    mxnet="[(2, 3)]",
    why="0 stands for an unknown extent; MXNet adds it up.",
)
