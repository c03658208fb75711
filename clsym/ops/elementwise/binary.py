"""Element-wise functions of two tensors of one shape (`elemwise_add`, `_maximum`, ...), and add_n."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from ...differences import differs
from ...graph.contract.expression import Expression
from ...graph.contract.facets import Fusible, Pointwise
from ...graph.contract.kernel_call import In, KernelCall, LowerContext, Out, Scalar, defines_for, grid
from ...graph.contract.op import Entry, Gradient, Op
from ...graph.contract.registry import register
from ...graph.contract.spec import TensorSpec
from ...graph.rewrite.requests import Blocked
from ...graph.rewrite.rewrite import Rewrite, Rewriting
from ...params import Int, Params
from .binary_rules import backward_gradient, binary_call, binary_gradient
from .binary_table import BINARY_TABLE, BinaryRow
from .unary import no_bool

__all__ = ["Binary"]

_SOURCE = "elementwise/binary.cl"


class Elementwise(Op, Pointwise):
    """Base: all tensors of one shape and one type, the output in the place of any input."""

    def infer_type(self, p: Params, ins: list[str | None], outs: list[str | None]) -> tuple[list[str | None], list[str | None]]:
        return no_bool(self.name, ins, outs)

    def pointwise(self, p: Params) -> Literal["", "any", "zero"]:
        return "any"

    def inplace(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec]) -> Sequence[tuple[int, int]]:
        return tuple((0, i) for i in range(len(ins)))


class Binary(Elementwise, Pointwise, Rewriting, Fusible):
    """An element-wise function of two tensors of one shape."""

    inputs = ("lhs", "rhs")

    def __init__(self, row: BinaryRow) -> None:
        self.name = row.same
        self.aliases = row.aliases
        self.row = row

    def doc(self) -> str:
        """The documentation."""
        return (
            f"Element-wise {self.row.formula}, for tensors of one shape.\n\n"
            "Parameters\n----------\nlhs, rhs : Symbol or NDArray\n"
            "    Of one shape and one numeric type.\n\nReturns\n-------\nSymbol or NDArray\n    Of that shape and type.\n\n"
            f"Raises\n------\nMXNetError\n    Shapes or types differ (see broadcast_{self.row.stem}), or the type is bool.\n\n"
            "Examples\n--------\n"
            f">>> y = mx.nd.{'_internal.' if self.name.startswith('_') else ''}{self.name}(mx.nd.array([4]), mx.nd.array([2]))\n"
            f">>> y.asnumpy().astype('float64').round(4).tolist()\n[{self.row.example}]\n"
        )

    def pointwise(self, p: Params) -> Literal["", "any", "zero"]:
        return "zero" if self.row.stem in ("add", "sub", "mul", "maximum", "minimum", "hypot") else "any"

    def rewrite(self, r: Rewrite) -> Sequence[Entry | Blocked] | None:
        return r.add(0, 1) or r.add(1, 0) if self.row.stem == "add" else None

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        return binary_gradient(g, self.row)

    def expression(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec]) -> Expression | None:
        return Expression(self.row.expr, ("a", "b"))

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        return [binary_call(self.row, outs[0], ctx)]


class BinaryBackward(Elementwise, Fusible):
    """Gradient of one input of a `Binary`."""

    inputs = ("ograd", "lhs", "rhs")
    hidden = True

    def __init__(self, row: BinaryRow, side: int) -> None:
        self.name = f"_backward_{row.stem}_{('lhs', 'rhs')[side]}"
        self.slope = row.slopes[side]
        self.row, self.side = row, side

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        found = backward_gradient(g, self.row, self.side)
        return super().gradient(g) if found is None else found

    def expression(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec]) -> Expression | None:
        return Expression(self.slope, ("g", "a", "b"))

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        n = outs[0].size
        global_size, local_size = grid(n, ctx.traits)
        defines = defines_for(outs[0].dtype, ctx.reqs[0], **{"SLOPE(g, a, b)": self.slope})
        args = (In(0), In(1), In(2), Out(0), Scalar("long", n))
        return [KernelCall(_SOURCE, "binary_backward", args, defines, global_size, local_size)]


for _row in BINARY_TABLE:
    register(Binary(_row))
    for _side in (0, 1):
        if "(" in _row.slopes[_side]:
            register(BinaryBackward(_row, _side))


@register
class GradAdd(Binary):
    """Sum of two gradients: what differentiation puts where a value is used twice."""

    def __init__(self) -> None:
        super().__init__(BINARY_TABLE[0])
        self.name, self.aliases = "_grad_add", ()


@register
class ScatterDiv(Binary):
    """Quotients, which MXNet computes of the stored elements of sparse arrays alone; of dense ones these are all."""

    def __init__(self) -> None:
        super().__init__(next(row for row in BINARY_TABLE if row.stem == "div"))
        self.name, self.aliases = "_scatter_elemwise_div", ()


@register
class AddN(Elementwise, Fusible):
    """Sum of any number of tensors of one shape.

    Parameters
    ----------
    *args : Symbol or NDArray
        Of one shape and one numeric type; at least one.

    Returns
    -------
    Symbol or NDArray
        Of that shape and type.

    Raises
    ------
    MXNetError
        Shapes or types differ, or the type is bool.

    Examples
    --------
    >>> mx.nd.add_n(mx.nd.array([1, 2]), mx.nd.array([3, 4]), mx.nd.array([5, 6])).asnumpy().tolist()
    [9.0, 12.0]
    """

    name = "add_n"
    aliases = ("ElementWiseSum",)
    params = {"num_args": Int(doc="Number of tensors.", low=1)}
    variadic = "num_args"

    def inplace(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec]) -> Sequence[tuple[int, int]]:
        return super().inplace(p, ins, outs) if len(ins) <= 4 else ()  # the second launch reads inputs after the first has written

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        head = g.ograd()
        return [head] * len(g.ins)

    def expression(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec]) -> Expression | None:
        names = tuple(f"x{i}" for i in range(len(ins)))
        total = names[0]
        for name in names[1:]:
            total = f"({total} + {name})"  # in the order of the kernel
        return Expression(total, names) if 2 <= len(ins) <= 4 else None

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        n = outs[0].size
        global_size, local_size = grid(n, ctx.traits)
        calls = []
        for first in range(0, len(ins), 4):
            some = range(first, min(first + 4, len(ins)))
            args = [In(i) for i in some]
            args += [args[0]] * (4 - len(args))
            defines = defines_for(outs[0].dtype, "add" if first else ctx.reqs[0], COUNT=len(some))
            calls.append(KernelCall(_SOURCE, "sum_of", (*args, Out(0), Scalar("long", n)), defines, global_size, local_size))
        return calls


differs(
    "elemwise_add",
    "grad_req='add' of both operands",
    "x = mx.nd.array([3]); g = mx.nd.ones(1); h = mx.nd.ones(1); "
    "e = (mx.sym.var('x') + mx.sym.var('y')).bind(mx.cpu(), {'x': x, 'y': x}, {'x': g, 'y': h}, 'add'); "
    "_ = e.forward(is_train=True); e.backward(mx.nd.array([10])); print(g.asnumpy().tolist(), h.asnumpy().tolist())",
    ours="[11.0] [11.0]",
    mxnet="[11.0] [12.0]",
    why="The gradient that was there is counted twice for the second operand.",
)
