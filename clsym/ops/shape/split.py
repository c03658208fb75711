"""Cutting a tensor along an axis: SliceChannel (split) and _split_v2."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

from ...differences import differs
from ...graph.contract.facets import Estimated
from ...graph.contract.kernel_call import In, KernelCall, LowerContext, Out
from ...graph.contract.op import Entry, Gradient, Op
from ...graph.contract.registry import register
from ...graph.contract.spec import PartialShape, ShapeError, TensorSpec, known, show_shape
from ...params import Bool, Int, Params, Shape
from ..shared.strided import Walk, copy, row_major
from .reshape import axis_index
from .slice import is_stretch

__all__ = ["Splitting"]


class Splitting(Op, Estimated):
    """Base of the operators that cut along ``p.axis``; `bounds` gives begin and end of every part."""

    def count(self, p: Params) -> int:
        """How many parts."""
        raise NotImplementedError

    def bounds(self, p: Params, extent: int) -> list[tuple[int, int]]:
        """Begin and end of every part of an axis of known extent; raises ShapeError."""
        raise NotImplementedError

    def output_names(self, p: Params) -> tuple[str, ...]:
        return tuple(f"output{i}" for i in range(self.count(p)))

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        shape = ins[0]
        if shape is None:
            return ins, outs
        axis = axis_index(p.axis, len(shape))
        dims = list(shape)
        rank = len(shape) - int(p.squeeze_axis)
        for out in outs:  # the other extents follow from any output
            if out is not None and len(out) == rank:
                rest = list(out) if p.squeeze_axis else [*out[:axis], *out[axis + 1 :]]
                places = [d for d in range(len(dims)) if d != axis]
                for d, extent in zip(places, rest, strict=True):
                    dims[d] = extent if dims[d] < 0 else dims[d]
        if dims[axis] < 0 and p.squeeze_axis:
            dims[axis] = self.count(p)
        lengths = [-1] * self.count(p) if dims[axis] < 0 else [e - b for b, e in self.bounds(p, dims[axis])]
        if p.squeeze_axis and any(n != 1 for n in lengths):
            raise ShapeError(
                f"squeeze_axis needs parts of extent 1, but axis {axis} of {show_shape(shape)} is cut into parts of {lengths}; "
                "the number of parts must equal the extent"
            )
        middle = [() if p.squeeze_axis else (n,) for n in lengths]
        return [tuple(dims)], [(*dims[:axis], *m, *dims[axis + 1 :]) for m in middle]

    def _parts(self, p: Params, ins: Sequence[TensorSpec]) -> list[tuple[tuple[int, ...], Walk]]:
        shape = ins[0].shape
        axis = axis_index(p.axis, len(shape))
        steps = row_major(shape).steps
        return [
            ((*shape[:axis], end - begin, *shape[axis + 1 :]), Walk(begin * steps[axis], steps))
            for begin, end in self.bounds(p, shape[axis])
        ]

    def view(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec]) -> Mapping[int, tuple[int, int]]:
        parts = enumerate(self._parts(p, ins))
        return {i: (0, walk.offset * ins[0].itemsize) for i, (extents, walk) in parts if is_stretch(extents, walk)}

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        calls: list[KernelCall] = []
        for i, (extents, walk) in enumerate(self._parts(p, ins)):
            if ctx.reqs[i] != "null":
                calls += copy(In(0), Out(i), extents, walk, row_major(extents), outs[i].dtype, ctx, ctx.reqs[i])
        return calls

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        grads = [g.ograd(i) for i in range(len(g.outs))]
        axis = axis_index(g.p.axis, g.ins[0].ndim)
        if g.p.squeeze_axis:
            return [g.apply("stack", *grads, axis=axis, num_args=len(grads))]
        return [g.apply("Concat", *grads, dim=axis, num_args=len(grads))]

    def cost(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec]) -> tuple[int, int]:
        return 0, 2 * sum(o.nbytes for o in outs)


@register
class SliceChannel(Splitting):
    """Cuts a tensor into equal parts along an axis.

    Parameters
    ----------
    data : Symbol or NDArray
        Of any shape.
    num_outputs : int
        Number of parts; must divide the extent of the axis.
    axis : int
        The axis to cut, 1 by default.
    squeeze_axis : bool
        Whether to drop the axis from the outputs; then `num_outputs` must equal its extent.

    Raises
    ------
    MXNetError
        If the extent is not divisible.

    Examples
    --------
    >>> import clsym as mx
    >>> [part.shape for part in mx.nd.split(mx.nd.zeros((2, 4)), num_outputs=2)]
    [(2, 2), (2, 2)]

    Source: MXNet 1.9.1, ``SliceChannel``.
    """

    name = "SliceChannel"
    aliases = ("split",)
    params = {
        "num_outputs": Int(doc="Number of parts.", low=1, high=1 << 20),
        "axis": Int(1, "The axis to cut."),
        "squeeze_axis": Bool(False, "Whether the axis of extent 1 is dropped."),
    }

    def count(self, p: Params) -> int:
        return int(p.num_outputs)

    def bounds(self, p: Params, extent: int) -> list[tuple[int, int]]:
        if extent % p.num_outputs:
            raise ShapeError(f"cannot split axis {p.axis} of extent {extent} into num_outputs={p.num_outputs} equal parts")
        n = extent // p.num_outputs
        return [(i * n, (i + 1) * n) for i in range(p.num_outputs)]

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        shape, first = ins[0], next((o for o in outs if o is not None and known(o)), None)
        if shape is not None and first is not None and not p.squeeze_axis and len(first) == len(shape):
            axis = axis_index(p.axis, len(shape))
            if shape[axis] < 0:
                ins = [(*shape[:axis], first[axis] * p.num_outputs, *shape[axis + 1 :])]
        return super().infer_shape(p, ins, outs)


@register
class SplitV2(Splitting):
    """Cuts a tensor along an axis, into `sections` parts or at `indices`.

    Parameters
    ----------
    data : Symbol or NDArray
        Of any shape.
    indices : tuple of int
        Where each part begins (the first is 0).
    axis : int
        The axis to cut, 1 by default.
    squeeze_axis : bool
        Whether to drop the axis from the outputs.
    sections : int
        Number of parts, the first ones longer by 1 where the extent is not divisible; 0: cut at `indices`.

    Raises
    ------
    MXNetError
        If the indices are not ascending within the axis.

    Source: MXNet 1.9.1, ``split_v2``.
    """

    name = "_split_v2"
    params = {
        "indices": Shape(doc="Where each part begins."),
        "axis": Int(1, "The axis to cut."),
        "squeeze_axis": Bool(False, "Whether the axis of extent 1 is dropped."),
        "sections": Int(0, "Number of parts; 0: cut at indices.", low=0, high=1 << 20),
    }

    def output_names(self, p: Params) -> tuple[str, ...]:
        return ("output",) if self.count(p) == 1 else super().output_names(p)

    def count(self, p: Params) -> int:
        return int(p.sections) or len(p.indices)

    def bounds(self, p: Params, extent: int) -> list[tuple[int, int]]:
        if p.sections:
            n, longer = divmod(extent, p.sections)
            return [(i * n + min(i, longer), (i + 1) * n + min(i + 1, longer)) for i in range(p.sections)]
        cuts = [*p.indices, extent]
        if any(not 0 <= b <= e <= extent for b, e in pairwise(cuts)):
            raise ShapeError(f"indices={p.indices} must ascend within axis {p.axis} of extent {extent}")
        return list(pairwise(cuts))


differs(
    "_split_v2",
    "grad_req='add' adds",
    "x = mx.nd.array([[1, 2]]); g = mx.nd.ones(x.shape); "
    "e = mx.sym._internal._split_v2(mx.sym.var('x'), indices=(0, 1), axis=1).bind(mx.cpu(), {'x': x}, {'x': g}, 'add'); "
    "_ = e.forward(is_train=True); e.backward([mx.nd.array([[10]]), mx.nd.array([[20]])]); "
    "print(g.asnumpy().astype('float64').round(3).tolist())",
    ours="[[11.0, 21.0]]",
    mxnet="[[10.0, 20.0]]",
    why="With grad_req='add' MXNet's gradient overwrites what is there instead of adding to it.",
)
