"""Axes of extent 1 put in and taken out, and dimensions borrowed from another tensor: expand_dims, squeeze, reshape_like."""

from __future__ import annotations

import math

from ...graph.contract.registry import register
from ...graph.contract.spec import PartialShape, ShapeError, known, show_shape, unify_shape
from ...params import Int, Params, Shape
from .reshape import Reshaping, axis_index, check_sizes, solve_extent

__all__ = ["ExpandDims", "ReshapeLike", "Squeeze"]


@register
class ExpandDims(Reshaping):
    """Inserts an axis of extent 1.

    Parameters
    ----------
    data : Symbol or NDArray
        Of any shape.
    axis : int
        Where the new axis stands in the output, from ``-ndim - 1`` to ``ndim``.

    Examples
    --------
    >>> import clsym as mx
    >>> mx.nd.expand_dims(mx.nd.zeros((2, 3)), axis=1).shape
    (2, 1, 3)

    Source: MXNet 1.9.1, ``expand_dims``.
    """

    name = "expand_dims"
    params = {"axis": Int(doc="Position of the new axis in the output.")}

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        dims, out = ins[0], outs[0]
        if dims is None and out is None:
            return ins, outs
        axis = axis_index(p.axis, len(dims) + 1 if dims is not None else len(out or ()))
        if out is not None and (dims is None or len(out) == len(dims) + 1):
            dims = unify_shape(dims, (*out[:axis], *out[axis + 1 :]))
        assert dims is not None
        return [dims], [(*dims[:axis], 1, *dims[axis:])]


@register
class Squeeze(Reshaping):
    """Removes axes of extent 1.

    Parameters
    ----------
    data : Symbol or NDArray
        Of any shape.
    axis : int or tuple of int, optional
        The axes to remove; all of extent 1 by default. At least one axis stays.

    Raises
    ------
    MXNetError
        If an axis named is longer than 1, out of range or named twice.

    Examples
    --------
    >>> import clsym as mx
    >>> mx.nd.squeeze(mx.nd.zeros((1, 2, 1)), axis=0).shape
    (2, 1)

    Source: MXNet 1.9.1, ``squeeze``.
    """

    name = "squeeze"
    params = {"axis": Shape(None, "Axes to remove; None: all of extent 1.")}

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        dims = ins[0]
        if dims is None:
            return ins, outs
        if p.axis is None:
            if not known(dims):
                return ins, outs
            gone = {d for d, e in enumerate(dims) if e == 1}
        else:
            axes = [axis_index(a, len(dims)) for a in p.axis]
            gone = set(axes)
            if len(gone) != len(axes):
                raise ShapeError(f"axis={p.axis} names an axis twice")
            for a in axes:
                if dims[a] > 1 or dims[a] == 0:
                    raise ShapeError(f"cannot squeeze axis {a} of {show_shape(dims)}: its extent is {dims[a]}, not 1")
        out: PartialShape = tuple(e for d, e in enumerate(dims) if d not in gone)
        if not out and dims:
            return ins, [(1,)]
        before = outs[0]
        if before is not None and out is not None and len(before) == len(out):  # consumers may know what the producer does not
            kept = [d for d in range(len(dims)) if d not in gone]
            filled = list(dims)
            for d, extent in zip(kept, before, strict=True):
                filled[d] = extent if filled[d] < 0 else filled[d]
            dims = tuple(filled)
            out = tuple(dims[d] for d in kept)
        return [dims], [out]


@register
class ReshapeLike(Reshaping):
    """`lhs` under the shape of `rhs`, or with some of its dimensions replaced by some of `rhs`.

    Parameters
    ----------
    lhs, rhs : Symbol or NDArray
        With as many elements in the dimensions concerned.
    lhs_begin, lhs_end, rhs_begin, rhs_end : int, optional
        Dimensions ``lhs_begin ... lhs_end - 1`` become ``rhs_begin ... rhs_end - 1``; negative numbers count from the end. All by default.

    Examples
    --------
    >>> import clsym as mx
    >>> mx.nd.reshape_like(mx.nd.zeros((2, 6)), mx.nd.zeros((3, 4))).shape
    (3, 4)

    Source: MXNet 1.9.1, ``reshape_like``.
    """

    name = "reshape_like"
    inputs = ("lhs", "rhs")
    params = {
        "lhs_begin": Int(None, "First dimension of lhs to replace."),
        "lhs_end": Int(None, "The one after the last."),
        "rhs_begin": Int(None, "First dimension of rhs to take."),
        "rhs_end": Int(None, "The one after the last."),
    }

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        lhs, rhs = ins
        if lhs is None or rhs is None:
            return ins, outs
        first, last = _stretch(p.lhs_begin, p.lhs_end, len(lhs), "lhs")
        start, stop = _stretch(p.rhs_begin, p.rhs_end, len(rhs), "rhs")
        out: PartialShape = (*lhs[:first], *rhs[start:stop], *lhs[last:])
        if out is not None and known(out):
            lhs = solve_extent(lhs, math.prod(out))
        check_sizes(lhs, out)
        return [lhs, rhs], [out]

    def infer_type(self, p: Params, ins: list[str | None], outs: list[str | None]) -> tuple[list[str | None], list[str | None]]:
        return ins, [ins[0] if ins[1] else None]  # nothing follows before both are known


def _stretch(begin: int | None, end: int | None, ndim: int, what: str) -> tuple[int, int]:
    first = 0 if begin is None else begin + ndim if begin < 0 else begin
    last = ndim if end is None else end + ndim if end < 0 else end
    if not 0 <= first < last <= ndim:
        raise ShapeError(f"{what}_begin={begin}, {what}_end={end} select no dimension of the {ndim} of {what}")
    return first, last
