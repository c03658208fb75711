"""One element of each row of a matrix, of MXNet's first days: _onehot_encode and fill_element_0index."""

from __future__ import annotations

from collections.abc import Sequence

from ...graph.contract.kernel_call import In, KernelCall, LowerContext, Out, Scalar, defines_for
from ...graph.contract.op import Entry, Gradient, Op
from ...graph.contract.registry import register
from ...graph.contract.spec import PartialShape, ShapeError, TensorSpec, unify_shape
from ...params import Params
from ..shared.launch_sizes import stretch_grid

__all__ = ["FillElement", "OnehotEncode"]


class _OfRows(Op):
    """Base: vectors with an element a row, and a matrix; all of float32."""

    vectors: tuple[int, ...] = ()
    matrix = 0
    entry = ""

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        matrix = unify_shape(ins[self.matrix], outs[0])
        if matrix is not None and len(matrix) != 2:
            raise ShapeError(f"{self.inputs[self.matrix]} must be a matrix")
        rows: PartialShape = None if matrix is None else matrix[:1]
        for i in self.vectors:
            if ins[i] is not None and len(ins[i] or ()) != 1:
                raise ShapeError(f"{self.inputs[i]} must have one dimension")
            rows = unify_shape(rows, ins[i])
        if matrix is None:
            matrix = None if rows is None else (rows[0], -1)
        elif rows is not None:
            matrix = (rows[0], matrix[1])
        return [rows if i in self.vectors else matrix for i in range(len(ins))], [matrix]

    def infer_type(self, p: Params, ins: list[str | None], outs: list[str | None]) -> tuple[list[str | None], list[str | None]]:
        return ["float32"] * len(ins), ["float32"]

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        return [None] * len(g.ins)

    def inplace(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec]) -> Sequence[tuple[int, int]]:
        return ((0, self.matrix),)

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        rows, length = outs[0].shape
        read = (In(0),) if self.entry == "encode" else (In(0), In(1), In(2))
        args = (*read, Out(0), Scalar("long", rows), Scalar("long", length))
        defines = defines_for("float32", ctx.reqs[0])
        return [KernelCall("indexing/row_elements.cl", self.entry, args, defines, *stretch_grid(rows, length, ctx.traits))]


@register
class OnehotEncode(_OfRows):
    """Numbers as indicator vectors: y[k, d] = 1 where d is lhs[k], else 0; a number out of range gives zeros.

    Parameters
    ----------
    lhs : Symbol or NDArray
        The numbers, of shape (n,) and type float32.
    rhs : Symbol or NDArray
        Of the result's shape (n, depth); its values are not read.

    Examples
    --------
    >>> import clsym as mx
    >>> mx.nd._internal._onehot_encode(mx.nd.array([1, 5]), mx.nd.zeros((2, 3))).asnumpy().tolist()
    [[0.0, 1.0, 0.0], [0.0, 0.0, 0.0]]
    """

    name = "_onehot_encode"
    inputs = ("lhs", "rhs")
    vectors, matrix, entry = (0,), 1, "encode"


@register
class FillElement(_OfRows):
    """A matrix with one element of each row replaced: y[k, d] = mhs[k] where d is rhs[k], else lhs[k, d].

    Parameters
    ----------
    lhs : Symbol or NDArray
        The matrix, of type float32.
    mhs : Symbol or NDArray
        The new values, one a row.
    rhs : Symbol or NDArray
        Their columns; where one is out of range, the row stays.

    Examples
    --------
    >>> import clsym as mx
    >>> mx.nd.fill_element_0index(mx.nd.zeros((2, 2)), mx.nd.array([5, 6]), mx.nd.array([1, 0])).asnumpy().tolist()
    [[0.0, 5.0], [6.0, 0.0]]
    """

    name = "fill_element_0index"
    inputs = ("lhs", "mhs", "rhs")
    vectors, matrix, entry = (1, 2), 0, "put"
