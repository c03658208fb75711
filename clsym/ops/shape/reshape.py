"""Other shapes of the same memory: Reshape, Flatten. No kernel runs where the planner can alias."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from ...graph.contract.facets import Estimated
from ...graph.contract.kernel_call import KernelCall, LowerContext
from ...graph.contract.op import Entry, Gradient, Op
from ...graph.contract.registry import register
from ...graph.contract.spec import PartialShape, ShapeError, TensorSpec, known, show_shape
from ...params import Bool, Params, Shape
from ..shared.strided import flat_copy

__all__ = ["Reshaping", "axis_index"]


def axis_index(axis: int, ndim: int, what: str = "axis") -> int:
    """The axis counted from the front.

    Raises
    ------
    ShapeError
        It lies outside of the tensor.
    """
    if not -ndim <= axis < ndim:
        raise ShapeError(f"{what} {axis} is out of bounds for an array of {ndim} dimensions; use {-ndim} to {ndim - 1}")
    return axis % ndim


class Reshaping(Op, Estimated):
    """Base of the operators whose output is their input's memory under another shape."""

    def inplace(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec]) -> Sequence[tuple[int, int]]:
        return ((0, 0),)

    def view(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec]) -> Mapping[int, tuple[int, int]]:
        return {0: (0, 0)}

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        return flat_copy(outs[0].size, outs[0].dtype, ctx, ctx.reqs[0])

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        rest: list[Entry | None] = [None] * (len(g.ins) - 1)
        return [g.apply("_backward_reshape", g.ograd(), shape=g.ins[0].shape), *rest]

    def cost(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec]) -> tuple[int, int]:
        return 0, 2 * outs[0].nbytes


@register
class BackwardReshape(Reshaping):
    """The input's memory under exactly the shape given (no codes)."""

    name = "_backward_reshape"
    hidden = True
    params = {"shape": Shape()}

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        return ins, [p.shape]


# ---------------------------------------------------------------------------------------------------------------------- Reshape


def _expand_codes(codes: Sequence[int], dims: Sequence[int]) -> tuple[list[int], int | None]:
    """The target with every code but -1 resolved (-1 in it: unknown), and where the -1 code stands."""
    out: list[int] = []
    infer: int | None = None
    src = 0

    def take(code: int) -> int:
        nonlocal src
        if src >= len(dims):
            raise ShapeError(f"code {code} of shape={tuple(codes)} refers to dimension {src} of an input of {len(dims)} dimensions")
        src += 1
        return dims[src - 1]

    i = 0
    while i < len(codes):
        code = codes[i]
        if code == 0:
            out.append(take(code))
        elif code == -1:
            if infer is not None:
                raise ShapeError(f"shape={tuple(codes)} has more than one -1; only one dimension can be inferred")
            infer = len(out)
            out.append(-1)
            src += 1
        elif code == -2:
            out.extend(dims[src:])
            src = len(dims)
        elif code == -3:
            first, second = take(code), take(code)
            out.append(first * second if first >= 0 and second >= 0 else -1)
        elif code == -4:
            if i + 2 >= len(codes):
                raise ShapeError(f"code -4 of shape={tuple(codes)} must be followed by two extents")
            out.extend(_split(take(code), codes[i + 1], codes[i + 2]))
            i += 2
        elif code > 0:
            out.append(code)
            src += 1
        else:
            raise ShapeError(f"{code} is no code of Reshape's shape={tuple(codes)}; codes are 0, -1, -2, -3, -4")
        i += 1
    return out, infer


def _split(whole: int, first: int, second: int) -> list[int]:
    if first == -1 and second == -1:
        raise ShapeError("code -4 of Reshape can infer only one of its two extents")
    if first == -1 and whole >= 0 and second > 0:
        first = whole // second
    if second == -1 and whole >= 0 and first > 0:
        second = whole // first
    if min(first, second) < -1 or (whole >= 0 and first * second != whole):
        raise ShapeError(f"code -4 of Reshape: extents {first}, {second} do not multiply to {whole}")
    return [first, second]


def reshaped(codes: Sequence[int], dims: Sequence[int], reverse: bool = False) -> tuple[int, ...]:
    """The shape that Reshape's `codes` make of `dims`, -1 for what cannot be known yet.

    >>> reshaped((0, -1), (2, 3, 4)), reshaped((-1, 0), (10, 5, 4), reverse=True), reshaped((-4, -1, 2, -2), (4, 3))
    ((2, 12), (50, 4), (2, 2, 3))
    """
    if reverse:
        codes, dims = codes[::-1], dims[::-1]
    out, infer = _expand_codes(codes, dims)
    unknown_in = sum(d < 0 for d in dims)
    unknown_out = sum(d < 0 for i, d in enumerate(out) if i != infer)
    # unknown extents that codes 0 and -2 carried over stand on both sides and cancel
    carried = unknown_in == unknown_out and -3 not in codes and -4 not in codes
    if infer is not None and (unknown_in == 0 or carried):
        total = math.prod(d for d in dims if d >= 0)
        rest = math.prod(d for i, d in enumerate(out) if d >= 0 and i != infer)
        if rest and total % rest:
            raise ShapeError(
                f"cannot reshape {show_shape(tuple(dims))} by shape={tuple(codes)}: {total} elements are not a multiple of {rest}"
            )
        out[infer] = total // rest if rest else 0
    return tuple(out[::-1] if reverse else out)


def solve_extent(shape: PartialShape, size: int) -> PartialShape:
    """The shape with its only unknown extent found from the number of elements; unchanged where that does not follow."""
    if shape is None or sum(d < 0 for d in shape) != 1:
        return shape
    rest = math.prod(d for d in shape if d >= 0)
    if rest == 0 or size % rest:
        return shape
    return tuple(size // rest if d < 0 else d for d in shape)


def check_sizes(before: PartialShape, after: PartialShape) -> None:
    """Raise ShapeError where both shapes are known and hold different numbers of elements."""
    if before is None or after is None or not known(before) or not known(after):
        return
    if math.prod(before) != math.prod(after):
        raise ShapeError(
            f"cannot reshape {show_shape(before)} ({math.prod(before)} elements) to {show_shape(after)} ({math.prod(after)} elements); "
            "make the numbers of elements equal, or put -1 for one extent"
        )


@register
class Reshape(Reshaping):
    """The input under another shape.

    Codes in `shape`: a positive number is the extent; 0 copies the input's; -1 is inferred from the number of elements (once);
    -2 copies all that are left; -3 merges two; -4 splits one into the two numbers that follow, one of which may be -1.

    Parameters
    ----------
    data : Symbol or NDArray
        Of any shape.
    shape : tuple of int
        The target, with codes.
    reverse : bool
        Read shape and codes from the right.
    target_shape, keep_highest
        The old spelling: 0 in `target_shape` is inferred; `keep_highest` copies the first extent.

    Raises
    ------
    MXNetError
        If the numbers of elements differ, or a code cannot be applied.

    Examples
    --------
    >>> import clsym as mx
    >>> mx.nd.reshape(mx.nd.zeros((2, 3, 4)), shape=(-3, 0)).shape
    (6, 4)

    Source: MXNet 1.9.1, ``reshape``.
    """

    name = "Reshape"
    aliases = ("reshape",)
    params = {
        "shape": Shape((), "The target shape, with codes."),
        "reverse": Bool(False, "Whether codes are read from the right."),
        "target_shape": Shape((), "(Deprecated) The target; 0 is inferred."),
        "keep_highest": Bool(False, "(Deprecated) Whether target_shape leaves the first dimension as it is."),
    }

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        dims, out = ins[0], outs[0]
        if dims is not None and p.shape:
            out = reshaped(p.shape, dims, p.reverse)
        elif dims is not None and p.target_shape:
            target = [d if d > 0 else -1 for d in p.target_shape]
            if p.keep_highest:
                target[0] = dims[0]
            out = tuple(target)
            if known(dims):
                out = solve_extent(out, math.prod(dims))
        for candidate in (out, outs[0]):
            if candidate is not None and known(candidate):
                dims = solve_extent(dims, math.prod(candidate))
        check_sizes(dims, out)
        return [dims], [out]


@register
class Flatten(Reshaping):
    """Collapses all dimensions but the first: (N, d1, d2, ...) becomes (N, d1 d2 ...).

    Parameters
    ----------
    data : Symbol or NDArray
        Of at least one dimension.

    Examples
    --------
    >>> import clsym as mx
    >>> mx.nd.flatten(mx.nd.zeros((2, 3, 4))).shape
    (2, 12)

    Source: MXNet 1.9.1, ``Flatten``.
    """

    name = "Flatten"
    aliases = ("flatten",)

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        dims, out = ins[0], outs[0]
        if dims is None:
            return ins, outs
        if not dims:
            raise ShapeError("data has no dimension; Flatten needs at least one")
        if out is None and not known(dims):
            return ins, outs
        rest = dims[1:]
        width = math.prod(rest) if known(rest) else -1
        batch = dims[0]
        if out is not None and len(out) == 2:
            batch = out[0] if batch < 0 else batch
            if out[1] >= 0:
                rest = solve_extent(rest, out[1]) or ()
        return [(batch, *rest)], [(batch, width)]
