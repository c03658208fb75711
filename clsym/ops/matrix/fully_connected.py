"""FullyConnected: a matrix product of the data's rows with the weight's."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ...differences import differs
from ...graph.contract.facets import Estimated, Recomputable
from ...graph.contract.kernel_call import In, KernelCall, LowerContext, Out
from ...graph.contract.op import Entry, Gradient, Op
from ...graph.contract.registry import register
from ...graph.contract.spec import PartialShape, ShapeError, TensorSpec, unify_shape
from ...params import Bool, Int, Params
from .fully_connected_extents import matrix_extents, output_shape
from .gemm import product
from .product import matrix

__all__ = ["FullyConnected"]


_PARAMS = {
    "num_hidden": Int(doc="Number of hidden nodes of the output.", low=1),
    "no_bias": Bool(False, "Whether to disable the bias."),
    "flatten": Bool(True, "Whether to collapse all but the first axis of the data."),
}


@register
class FullyConnected(Op, Recomputable, Estimated):
    """Affine map of every row: ``out = data weight^T + bias``.

    With ``flatten=True`` the data (N, d1, d2, ...) is read as (N, d1 * d2 * ...) and the output is (N, num_hidden);
    with ``flatten=False`` the map applies to the last axis, (..., D) to (..., num_hidden).

    Parameters
    ----------
    data : Symbol or NDArray
        The input.
    weight : Symbol or NDArray
        (num_hidden, D).
    bias : Symbol or NDArray
        (num_hidden,); absent with `no_bias`.
    num_hidden : int
        Length of the output's last axis.
    no_bias : bool, default False
    flatten : bool, default True

    Raises
    ------
    MXNetError
        The weight's or bias's shape does not fit the data's.

    Examples
    --------
    >>> import clsym as mx
    >>> x, w, b = mx.nd.array([[1, 2]]), mx.nd.array([[1, 1], [0, 3]]), mx.nd.array([0.5, 0])
    >>> mx.nd.FullyConnected(x, w, b, num_hidden=2).asnumpy().tolist()
    [[3.5, 6.0]]

    Source: MXNet, FullyConnected.
    """

    name = "FullyConnected"
    recompute = "heavy"
    multiply_adds = True
    inputs = ("data", "weight", "bias")
    params = _PARAMS

    def input_names(self, p: Params) -> tuple[str, ...]:
        return self.inputs[:2] if p.no_bias else self.inputs

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        data, hidden = ins[0], p.num_hidden
        if data is None:
            return ins, outs  # as in MXNet: without the data nothing is said of the weight
        biases: list[PartialShape] = [] if p.no_bias else [(hidden,)]
        if len(data) == 0:
            raise ShapeError("data must have at least one dimension")
        kept = data[1:] if p.flatten else data[-1:]
        columns = -1 if any(d < 0 for d in kept) else math.prod(kept)
        weight = unify_shape(
            ins[1], (hidden, columns), f"weight must be (num_hidden, {'product of data.shape[1:]' if p.flatten else 'data.shape[-1]'})"
        )
        out = unify_shape(output_shape(data, hidden, p.flatten), outs[0])
        assert weight is not None
        assert out is not None
        front = out[:1] if p.flatten else out[:-1]
        last = data[1:] if p.flatten else (weight[1],)
        if p.flatten and len(data) == 2:
            last = (weight[1],)
        return [(*front, *last), weight, *biases], [out]

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        p, shape = g.p, g.ins[0].shape
        rows, columns = matrix_extents(shape, p.flatten)
        head, h = g.ograd(), p.num_hidden
        found: list[Entry | None] = [None] * len(g.ins)
        if g.needed[0]:
            found[0] = g.apply("_matrix_product", head, g.input(1), shape=shape, m=rows, n=columns, k=h)
        if g.needed[1]:
            found[1] = g.apply("_matrix_product", head, g.input(0), shape=(h, columns), m=h, n=columns, k=rows, transpose_a=True)
        if not p.no_bias and g.needed[2]:
            found[2] = g.apply("_column_sums", head)
        return found

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        rows, columns = matrix_extents(ins[0].shape, p.flatten)
        h = p.num_hidden
        return product(
            rows, h, columns, matrix(In(0), rows, columns), matrix(In(1), columns, h, transposed=True), matrix(Out(0), rows, h),
            outs[0].dtype, ctx.reqs[0], ctx.traits, bias=None if p.no_bias else In(2),
        )  # fmt: skip

    def cost(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec]) -> tuple[int, int]:
        rows, columns = matrix_extents(ins[0].shape, p.flatten)
        return 2 * rows * columns * p.num_hidden, sum(t.nbytes for t in (*ins, *outs))


differs(
    "FullyConnected",
    "the bias has its gradient where the weight's is not wanted",
    "d, g = mx.nd.ones((2, 3)), mx.nd.zeros(2); "
    "e = mx.sym.FullyConnected(mx.sym.var('x'), num_hidden=2, name='f').bind(mx.cpu(), {'x': d, 'f_weight': mx.nd.ones((2, "
    "3)), 'f_bias': mx.nd.ones(2)}, {'f_bias': g}, {'x': 'null', 'f_weight': 'null', 'f_bias': 'write'}); "
    "_ = e.forward(is_train=True); e.backward(mx.nd.ones((2, 2))); print(g.asnumpy().tolist())",
    ours="[2.0, 2.0]",
    mxnet="[0.0, 0.0]",
    why="The kernel that computes both is left out with the weight's gradient.",
    build="oneDNN",
)
