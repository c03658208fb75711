"""The matrix product as a node: the gradients of dot, batch_dot and FullyConnected are such products."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ...graph.contract.facets import Accumulating, Estimated, Recomputable
from ...graph.contract.kernel_call import In, KernelCall, LowerContext, Out, Scalar, defines_for
from ...graph.contract.op import Entry, Gradient, Node, Op
from ...graph.contract.registry import register
from ...graph.contract.spec import PartialShape, ShapeError, TensorSpec
from ...params import Bool, Int, Params, Shape
from .gemm import Matrix, product

__all__ = ["ColumnSums", "MatrixProduct", "matrix"]


def matrix(arg: In | Out, rows: int, cols: int, *, transposed: bool = False, batched: bool = False) -> Matrix:
    """A contiguous (rows, cols) operand, or the transposition of a contiguous (cols, rows) one."""
    batch = rows * cols if batched else 0
    return Matrix(arg, 1, rows, batch) if transposed else Matrix(arg, cols, 1, batch)


_PARAMS = {
    "shape": Shape(), "m": Int(), "n": Int(), "k": Int(), "batch": Int(1), "transpose_a": Bool(False), "transpose_b": Bool(False),
    "with_total": Bool(False, "The result is added to a third input."),
}  # fmt: skip


class MatrixProduct(Op, Recomputable, Accumulating, Estimated):
    """``op(lhs) op(rhs) (+ total)`` for each of `batch` entries, m x k times k x n, in a tensor of the given shape."""

    name = "_matrix_product"
    recompute = "heavy"
    hidden = True
    inputs = ("lhs", "rhs", "total")
    params = _PARAMS

    def input_names(self, p: Params) -> tuple[str, ...]:
        return self.inputs if p.with_total else self.inputs[:2]

    def inplace(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec]) -> Sequence[tuple[int, int]]:
        return ((0, 2),) if p.with_total else ()

    def added(self, node: Node, total: Entry) -> tuple[str, Sequence[Entry], Mapping[str, Any]] | None:
        if node.params.with_total:
            return None
        return self.name, (*node.inputs, total), {**dict(node.params.items()), "with_total": True}

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        return [*ins[:2], *([p.shape] if p.with_total else [])], [p.shape]

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        p, head = g.p, g.ograd()

        def term(i: int, left: tuple[Entry, bool], right: tuple[Entry, bool], m: int, n: int, k: int) -> Entry | None:
            if not g.needed[i]:
                return None
            return g.apply(
                self.name, left[0], right[0], shape=g.ins[i].shape, m=m, n=n, k=k, batch=p.batch, transpose_a=left[1], transpose_b=right[1]
            )  # fmt: skip

        lhs, rhs = g.input(0), g.input(1)
        grads = [
            term(0, (rhs, p.transpose_b), (head, True), p.k, p.m, p.n) if p.transpose_a
            else term(0, (head, False), (rhs, not p.transpose_b), p.m, p.k, p.n),
            term(1, (head, True), (lhs, p.transpose_a), p.n, p.k, p.m) if p.transpose_b
            else term(1, (lhs, not p.transpose_a), (head, False), p.k, p.n, p.m),
        ]  # fmt: skip
        return [*grads, head] if p.with_total else grads

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        return product(
            p.m, p.n, p.k,
            matrix(In(0), p.m, p.k, transposed=p.transpose_a, batched=True),
            matrix(In(1), p.k, p.n, transposed=p.transpose_b, batched=True),
            matrix(Out(0), p.m, p.n, batched=True),
            outs[0].dtype, ctx.reqs[0], ctx.traits, entries=p.batch,
            total=(In(2), outs[0].size) if p.with_total else None,
        )  # fmt: skip

    def cost(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec]) -> tuple[int, int]:
        return 2 * p.batch * p.m * p.n * p.k, sum(t.nbytes for t in (*ins, *outs))


class ColumnSums(Op):
    """The sum over all axes but the last: the gradient of a bias that was added to every row."""

    name = "_column_sums"
    hidden = True

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        if ins[0] is None:
            return ins, outs
        if not ins[0]:
            raise ShapeError("data must have at least one dimension")
        return ins, [ins[0][-1:]]

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        shape = g.ins[0].shape
        return [g.apply("broadcast_to", g.apply("_backward_reshape", g.ograd(), shape=(1,) * (len(shape) - 1) + shape[-1:]), shape=shape)]

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        n = outs[0].size
        strips = -(-n // 16)
        if ctx.traits.is_cpu:
            size, local = max(1, min(strips, 8 * ctx.traits.compute_units)), 1
        else:
            local = min(64, ctx.traits.max_work_group_size)
            size = -(-strips // local) * local
        args = (In(0), Out(0), Scalar("int", ins[0].size // n), Scalar("int", n))
        return [KernelCall("matrix/column_sums.cl", "gemm_column_sums", args, defines_for(outs[0].dtype, ctx.reqs[0]), (size,), (local,))]


register(MatrixProduct)
register(ColumnSums)
