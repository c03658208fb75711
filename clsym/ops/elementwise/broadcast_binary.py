"""Element-wise functions of two tensors that broadcast against one another: `broadcast_add`, `broadcast_maximum`, ..."""

from __future__ import annotations

from collections.abc import Sequence

from ...graph.contract.expression import Expression
from ...graph.contract.facets import Fusible
from ...graph.contract.kernel_call import Arg, In, KernelCall, LowerContext, Out, Scalar, defines_for, grid
from ...graph.contract.op import Entry, Gradient, Op
from ...graph.contract.registry import register
from ...graph.contract.spec import PartialShape, TensorSpec
from ...graph.rewrite.requests import Blocked
from ...graph.rewrite.rewrite import Rewrite, Rewriting
from ...params import Params
from ..shared.launch_sizes import device_file
from .binary_rules import backward_gradient, binary_call, binary_gradient
from .binary_table import BINARY_TABLE, BinaryRow
from .broadcast_geometry import broadcast_shape, collapse, steps_of
from .unary import no_bool

__all__ = ["BroadcastBinary", "walk_args"]

_STEM = "elementwise/broadcast"


def walk_args(full: Sequence[int], shapes: Sequence[Sequence[int]]) -> tuple[Arg, ...]:
    """The arguments of the kernels that describe the walk: nd, dims, the steps of two operands, n."""
    dims, steps = collapse(full, [steps_of(s, full) for s in shapes])
    n = 1
    for d in full:
        n *= d
    return (Scalar("int", len(dims)), Scalar("long8", dims), *(Scalar("long8", s) for s in steps), Scalar("long", n))


class BroadcastBinary(Op, Rewriting, Fusible):
    """An element-wise function of two tensors, each repeated along the axes where its extent is 1."""

    inputs = ("lhs", "rhs")

    def __init__(self, row: BinaryRow) -> None:
        self.name = f"broadcast_{row.stem}"
        self.aliases = row.broadcast_aliases
        self.row = row

    def doc(self) -> str:
        """The documentation."""
        return (
            f"Element-wise {self.row.formula}, with broadcasting.\n\n"
            "The shorter shape is padded with ones in front; an extent of 1 is repeated.\n\n"
            "Parameters\n----------\nlhs, rhs : Symbol or NDArray\n    Of one numeric type; each extent equal, or 1 in one of them.\n\n"
            "Returns\n-------\nSymbol or NDArray\n    Of the broadcast shape.\n\n"
            "Raises\n------\nMXNetError\n    Extents differ and neither is 1, types differ, or the type is bool.\n\n"
            f"Examples\n--------\n>>> y = mx.nd.{self.name}(mx.nd.array([[4], [4]]), mx.nd.array([[2, 2]]))\n"
            ">>> y.asnumpy().astype('float64').round(4).tolist()\n"
            f"[[{self.row.example}, {self.row.example}], [{self.row.example}, {self.row.example}]]\n"
        )

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        result = broadcast_shape(ins[0], ins[1])
        if result is None:
            return ins, outs
        # as in MXNet, an extent that one of them does not know is not known, whatever the other says
        unknown = {k - len(s) for s in ins if s is not None for k, d in enumerate(s) if d < 0}
        return ins, [tuple(-1 if k - len(result) in unknown else d for k, d in enumerate(result))]

    def infer_type(self, p: Params, ins: list[str | None], outs: list[str | None]) -> tuple[list[str | None], list[str | None]]:
        return no_bool(self.name, ins, outs)

    def inplace(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec]) -> Sequence[tuple[int, int]]:
        return tuple((0, i) for i, spec in enumerate(ins) if spec.size == outs[0].size)

    def rewrite(self, r: Rewrite) -> Sequence[Entry | Blocked] | None:
        if r.ins[0].shape != r.ins[1].shape:
            return None
        if self.row.stem == "add" and (found := r.add(0, 1) or r.add(1, 0)):
            return found
        if r.is_blocked(0) and r.is_blocked(1) and (self.row.stem in ("add", "sub", "mul") or r.ins[0].shape[1] % r.block == 0):
            return [Blocked(r.apply(self.name, r.blocked(0), r.blocked(1)))]
        return None

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        return binary_gradient(g, self.row)

    def expression(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec]) -> Expression | None:
        return Expression(self.row.expr, ("a", "b"))

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        if ins[0].size == ins[1].size == outs[0].size:
            return [binary_call(self.row, outs[0], ctx)]
        defines = defines_for(outs[0].dtype, ctx.reqs[0], **{"EXPR(a, b)": self.row.expr})
        args = (In(0), In(1), Out(0), *walk_args(outs[0].shape, [ins[0].shape, ins[1].shape]))
        return [KernelCall(device_file(_STEM, ctx.traits), "broadcast", args, defines, *grid(outs[0].size, ctx.traits))]


class BroadcastBackward(Op, Fusible):
    """Head gradient times the slope of a `BroadcastBinary` in one input, of the broadcast shape."""

    inputs = ("ograd", "lhs", "rhs")
    hidden = True

    def __init__(self, row: BinaryRow, side: int) -> None:
        self.name = f"_backward_broadcast_{row.stem}_{('lhs', 'rhs')[side]}"
        self.slope = row.slopes[side]
        self.row, self.side = row, side

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        found = backward_gradient(g, self.row, self.side)
        return super().gradient(g) if found is None else found

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        return ins, [broadcast_shape(ins[1], ins[2]) or outs[0]]

    def inplace(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec]) -> Sequence[tuple[int, int]]:
        return tuple((0, i) for i, spec in enumerate(ins) if spec.size == outs[0].size)

    def expression(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec]) -> Expression | None:
        return Expression(self.slope, ("g", "a", "b"))

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        global_size, local_size = grid(outs[0].size, ctx.traits)
        defines = defines_for(outs[0].dtype, ctx.reqs[0], **{"SLOPE(g, a, b)": self.slope})
        args = (In(0), In(1), In(2), Out(0), *walk_args(outs[0].shape, [ins[1].shape, ins[2].shape]))
        return [KernelCall(device_file(_STEM, ctx.traits), "broadcast_backward", args, defines, global_size, local_size)]


for _row in BINARY_TABLE:
    register(BroadcastBinary(_row))
    for _side in (0, 1):
        if "(" in _row.slopes[_side]:
            register(BroadcastBackward(_row, _side))
