"""Diagonals and triangles of matrices as vectors, and back: linalg.extractdiag, makediag, extracttrian, maketrian, sumlogdiag."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ...graph.contract.kernel_call import In, KernelCall, LowerContext, Out, Scalar, defines_for
from ...graph.contract.op import Entry, Gradient, Op
from ...graph.contract.registry import register
from ...graph.contract.spec import PartialShape, ShapeError, TensorSpec, show_shape
from ...params import Bool, Field, Int, Params
from ..shared.launch_sizes import stretch_grid
from ..shared.strided import Walk, copy, fill, row_major
from .batch import batch_of, floating, matrices, matrix_call, side, square

__all__ = ["ExtractDiag", "ExtractTrian", "MakeDiag", "MakeTrian", "SumLogDiag"]

_OFFSET: dict[str, Field] = {"offset": Int(0, "Which diagonal: 0 the main one, positive above it, negative below.")}
_TRIANGLE: dict[str, Field] = {**_OFFSET, "lower": Bool(True, "With offset 0, whether the lower triangle is meant.")}


class _Part(Op):
    inputs: tuple[str, ...] = ("A",)

    def infer_type(self, p: Params, ins: list[str | None], outs: list[str | None]) -> tuple[list[str | None], list[str | None]]:
        return floating(ins, outs)

    def length(self, m: int) -> int:
        """Elements of the part of a matrix whose first diagonal has `m`."""
        return m


class _Extract(_Part):
    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        a = square(ins[0])
        if a is None:
            return ins, outs
        if a[-1] < 0:
            return [a], [(*a[:-2], -1)]
        m = a[-1] - abs(p.offset)
        if m <= 0 and a[-1]:
            raise ShapeError(
                f"offset={p.offset} lies outside of matrices with {a[-1]} rows: it must be between {1 - a[-1]} and {a[-1] - 1}"
            )
        return [a], [(*a[:-2], self.length(max(m, 0)))]


class _Make(_Part):
    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        a = ins[0]
        if a is None:
            return ins, outs
        if not a:
            raise ShapeError("A must have at least one dimension")
        if a[-1] < 0:
            return ins, [(*a[:-1], -1, -1)]
        m = self.rows(a)
        n = m + abs(p.offset)
        return ins, [(*a[:-1], n, n)]

    def rows(self, shape: Sequence[int]) -> int:
        """The extent of the first diagonal, from the shape of the vectors."""
        return shape[-1]


def _diagonal(n: int, offset: int) -> Walk:
    return Walk(offset if offset >= 0 else -offset * n, (n * n, n + 1))


@register
class ExtractDiag(_Extract):
    """A diagonal of every matrix.

    Parameters
    ----------
    A : Symbol or NDArray
        (..., n, n), float32 or float64.
    offset : int, default 0
        Which: 0 the main diagonal, positive above it, negative below.

    Returns
    -------
    Symbol or NDArray
        (..., n - abs(offset)).

    Raises
    ------
    MXNetError
        The matrices are not square, or have no such diagonal.

    Examples
    --------
    >>> import clsym as mx
    >>> mx.nd.linalg.extractdiag(mx.nd.array([[1, 2], [3, 4]])).asnumpy().tolist()
    [1.0, 4.0]

    Source: MXNet 1.9.1, ``linalg.extractdiag``.
    """

    name = "_linalg_extractdiag"
    aliases = ("linalg_extractdiag",)
    params = _OFFSET

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        return [g.apply("_linalg_makediag", g.ograd(), offset=g.p.offset)]

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        extents = (batch_of(ins[0]), outs[0].shape[-1])
        return copy(In(0), Out(0), extents, _diagonal(side(ins[0]), p.offset), row_major(extents), ins[0].dtype, ctx, ctx.reqs[0])


@register
class MakeDiag(_Make):
    """Matrices with the given vectors as a diagonal, zero elsewhere.

    Parameters
    ----------
    A : Symbol or NDArray
        (..., m), float32 or float64.
    offset : int, default 0
        Which diagonal: 0 the main one, positive above it, negative below.

    Returns
    -------
    Symbol or NDArray
        (..., n, n) with n = m + abs(offset).

    Examples
    --------
    >>> import clsym as mx
    >>> mx.nd.linalg.makediag(mx.nd.array([5]), offset=1).asnumpy().tolist()
    [[0.0, 5.0], [0.0, 0.0]]

    Source: MXNet 1.9.1, ``linalg.makediag``.
    """

    name = "_linalg_makediag"
    aliases = ("linalg_makediag",)
    params = _OFFSET

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        return [g.apply("_linalg_extractdiag", g.ograd(), offset=g.p.offset)]

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        spec, req = outs[0], ctx.reqs[0]
        calls = fill(Out(0), (spec.size,), row_major((spec.size,)), 0.0, spec.dtype, ctx) if req == "write" else []
        extents = (batch_of(spec), ins[0].shape[-1])
        return calls + copy(In(0), Out(0), extents, row_major(extents), _diagonal(side(spec), p.offset), spec.dtype, ctx, req)


def _triangle_call(entry: str, p: Params, matrix: TensorSpec, rows: int, ctx: LowerContext) -> KernelCall:
    n, batch, offset = side(matrix), batch_of(matrix), abs(p.offset)
    upper = int(p.offset > 0 or (p.offset == 0 and not p.lower))
    args = (In(0), Out(0), Scalar("long", batch), Scalar("int", n), Scalar("int", offset), Scalar("int", upper))
    return KernelCall("linalg/parts.cl", entry, args, defines_for(matrix.dtype, ctx.reqs[0]), *stretch_grid(batch * rows, rows, ctx.traits))


@register
class ExtractTrian(_Extract):
    """A triangle of every matrix as a vector: the lower one row after row, the upper one column after column.

    Parameters
    ----------
    A : Symbol or NDArray
        (..., n, n), float32 or float64.
    offset : int, default 0
        The diagonal where the triangle begins; positive: the upper triangle, negative: the lower one.
    lower : bool, default True
        Which triangle where `offset` is 0.

    Returns
    -------
    Symbol or NDArray
        (..., m (m + 1) / 2) with m = n - abs(offset).

    Raises
    ------
    MXNetError
        The matrices are not square, or have no such diagonal.

    Examples
    --------
    >>> import clsym as mx
    >>> mx.nd.linalg.extracttrian(mx.nd.array([[1, 2], [3, 4]])).asnumpy().tolist()
    [1.0, 3.0, 4.0]

    Source: MXNet 1.9.1, ``linalg.extracttrian``.
    """

    name = "_linalg_extracttrian"
    aliases = ("linalg_extracttrian",)
    params = _TRIANGLE

    def length(self, m: int) -> int:
        return m * (m + 1) // 2

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        return [g.apply("_linalg_maketrian", g.ograd(), offset=g.p.offset, lower=g.p.lower)]

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        return [_triangle_call("triangle_pack", p, ins[0], side(ins[0]) - abs(p.offset), ctx)]


@register
class MakeTrian(_Make):
    """Matrices with the given vectors as a triangle, zero elsewhere; the inverse of `linalg.extracttrian`.

    Parameters
    ----------
    A : Symbol or NDArray
        (..., m (m + 1) / 2), float32 or float64.
    offset : int, default 0
        The diagonal where the triangle begins; positive: the upper triangle, negative: the lower one.
    lower : bool, default True
        Which triangle where `offset` is 0.

    Returns
    -------
    Symbol or NDArray
        (..., n, n) with n = m + abs(offset).

    Raises
    ------
    MXNetError
        The vectors are not as long as a triangle.

    Examples
    --------
    >>> import clsym as mx
    >>> mx.nd.linalg.maketrian(mx.nd.array([1, 2, 3])).asnumpy().tolist()
    [[1.0, 0.0], [2.0, 3.0]]

    Source: MXNet 1.9.1, ``linalg.maketrian``.
    """

    name = "_linalg_maketrian"
    aliases = ("linalg_maketrian",)
    params = _TRIANGLE

    def rows(self, shape: Sequence[int]) -> int:
        m = (math.isqrt(8 * shape[-1] + 1) - 1) // 2
        if m * (m + 1) // 2 != shape[-1]:
            raise ShapeError(f"the last dimension of A {show_shape(tuple(shape))} must be m (m + 1) / 2 for some m: 1, 3, 6, 10 ...")
        return m

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        return [g.apply("_linalg_extracttrian", g.ograd(), offset=g.p.offset, lower=g.p.lower)]

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        return [_triangle_call("triangle_unpack", p, outs[0], side(outs[0]), ctx)]


@register
class SumLogDiag(_Part):
    """The sum of the logarithms of the diagonal of every matrix; NaN where an element is negative.

    Parameters
    ----------
    A : Symbol or NDArray
        (..., n, n), float32 or float64.

    Returns
    -------
    Symbol or NDArray
        (...); (1,) for a single matrix.

    Raises
    ------
    MXNetError
        The matrices are not square.

    Examples
    --------
    >>> import clsym as mx
    >>> mx.nd.linalg.sumlogdiag(mx.nd.array([[1, 7], [7, 1]])).asnumpy().tolist()
    [0.0]

    Source: MXNet 1.9.1, ``linalg.sumlogdiag``.
    """

    name = "_linalg_sumlogdiag"
    aliases = ("linalg_sumlogdiag",)

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        a = square(ins[0])
        return [a], [None if a is None else a[:-2] or (1,)]

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        return [g.apply("_backward_linalg_sumlogdiag", g.ograd(), g.input(0))]

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        batch = batch_of(ins[0])
        return [
            matrix_call("linalg/parts.cl", "sum_log_diagonal", (In(0), Out(0), batch, side(ins[0])), batch, ins[0].dtype, ctx, ctx.reqs[0])
        ]


@register
class SumLogDiagBackward(_Part):
    """Diagonal matrices of the head gradient over the diagonal."""

    name = "_backward_linalg_sumlogdiag"
    hidden = True
    inputs = ("ograd", "A")

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        matrices(ins[1])
        return ins, [ins[1]]

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        n, batch = side(ins[1]), batch_of(ins[1])
        args = (In(0), In(1), Out(0), Scalar("long", batch), Scalar("int", n))
        defines = defines_for(ins[1].dtype, ctx.reqs[0])
        return [KernelCall("linalg/parts.cl", "over_diagonal", args, defines, *stretch_grid(batch * n, n, ctx.traits))]
