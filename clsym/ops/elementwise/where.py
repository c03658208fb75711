"""Selection between two tensors by a condition."""

from __future__ import annotations

from collections.abc import Sequence

from ...graph.contract.expression import Expression
from ...graph.contract.facets import Fusible
from ...graph.contract.kernel_call import In, KernelCall, LowerContext, Out, Scalar, ctype, defines_for, grid
from ...graph.contract.op import Entry, Gradient, Op
from ...graph.contract.registry import register
from ...graph.contract.spec import PartialShape, ShapeError, TensorSpec, same_shape, show_shape, unify_shape
from ...params import Bool, Params

__all__ = ["Where"]


def _run(condition: TensorSpec, data: TensorSpec) -> int:
    """How many neighbouring elements share a value of the condition."""
    return data.size // condition.size if condition.shape != data.shape else 1


@register
class Where(Op, Fusible):
    """Elements of `x` where the condition is other than 0, else of `y`.

    Parameters
    ----------
    condition : Symbol or NDArray
        Of the shape of `x`, or one-dimensional: then it chooses between whole rows ``x[i]`` and ``y[i]``. Of any type; NaN is true.
    x, y : Symbol or NDArray
        Of one shape and type.

    Returns
    -------
    Symbol or NDArray
        Of the shape and type of `x`. The condition gets no gradient.

    Raises
    ------
    MXNetError
        Shapes or types of `x` and `y` differ, or the condition fits neither way.

    Examples
    --------
    >>> mx.nd.where(mx.nd.array([0, 1]), mx.nd.array([[1, 2], [3, 4]]), mx.nd.array([[5, 6], [7, 8]])).asnumpy().tolist()
    [[5.0, 6.0], [3.0, 4.0]]
    """

    name = "where"
    inputs = ("condition", "x", "y")

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        condition = ins[0]
        if condition is None:  # nothing follows from the values alone
            same_shape(ins[1:], outs)
            return ins, outs
        (x, y), (out,) = same_shape(ins[1:], outs)
        if out is not None and not (len(condition) == 1 and unifies(condition[:1], out[:1])):
            condition = out = x = y = unify_shape(
                condition,
                out,
                f"condition of shape {show_shape(condition)} must be shaped like x, {show_shape(out)}, or have its first extent alone",
            )
        return [condition, x, y], [out]

    def infer_type(self, p: Params, ins: list[str | None], outs: list[str | None]) -> tuple[list[str | None], list[str | None]]:
        found = ins[1] or ins[2] or outs[0]
        return [ins[0], found, found], [outs[0] or found]

    def inplace(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec]) -> Sequence[tuple[int, int]]:
        return ((0, 1), (0, 2))

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        sides = [
            g.apply("_backward_where", g.input(0), g.ograd(), keep=keep) if g.needed[1 + i] else None
            for i, keep in enumerate((True, False))
        ]
        return [None, *sides]

    def expression(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec]) -> Expression | None:
        return Expression("((c) != 0 ? (x) : (y))", ("c", "x", "y")) if ins[0].size == outs[0].size else None

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        n = outs[0].size
        global_size, local_size = grid(n, ctx.traits)
        defines = defines_for(outs[0].dtype, ctx.reqs[0], TC=ctype(ins[0].dtype))
        args = (In(0), In(1), In(2), Out(0), Scalar("long", _run(ins[0], ins[1])), Scalar("long", n))
        return [KernelCall("elementwise/where.cl", "where", args, defines, global_size, local_size)]


def unifies(a: PartialShape, b: PartialShape) -> bool:
    """Whether two partial shapes can be one."""
    try:
        unify_shape(a, b)
    except ShapeError:
        return False
    return True


@register
class WhereBackward(Op, Fusible):
    """The head gradient where the condition is (`keep`) or is not other than 0, else 0."""

    name = "_backward_where"
    hidden = True
    inputs = ("condition", "ograd")
    params = {"keep": Bool()}

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        return [None, g.apply(self.name, g.input(0), g.ograd(), keep=g.p.keep)]

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        return ins, [ins[1]]

    def infer_type(self, p: Params, ins: list[str | None], outs: list[str | None]) -> tuple[list[str | None], list[str | None]]:
        return ins, [ins[1]]

    def inplace(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec]) -> Sequence[tuple[int, int]]:
        return ((0, 1),)

    def expression(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec]) -> Expression | None:
        sign = "!=" if p.keep else "=="
        return Expression(f"((c) {sign} 0 ? (g) : (CT)0)", ("c", "g")) if ins[0].size == outs[0].size else None

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        n = outs[0].size
        global_size, local_size = grid(n, ctx.traits)
        defines = defines_for(outs[0].dtype, ctx.reqs[0], TC=ctype(ins[0].dtype), KEEP=int(p.keep))
        args = (In(0), In(1), Out(0), Scalar("long", _run(ins[0], ins[1])), Scalar("long", n))
        return [KernelCall("elementwise/where.cl", "where_mask", args, defines, global_size, local_size)]
