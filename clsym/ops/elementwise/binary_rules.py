"""What functions of two tensors share, whether these have one shape or broadcast: the gradient, and the launch for one shape."""

from __future__ import annotations

from ...graph.contract.kernel_call import In, KernelCall, LowerContext, Out, Scalar, defines_for, grid
from ...graph.contract.op import Entry, Gradient
from ...graph.contract.spec import TensorSpec
from .binary_table import BinaryRow
from .sum_to_shape import sum_to

__all__ = ["binary_call", "binary_gradient"]


def binary_gradient(g: Gradient, row: BinaryRow) -> list[Entry | None]:
    """The gradients of both inputs, summed over the axes along which each was repeated."""
    full = g.outs[0].shape
    plain = g.ins[0].shape == g.ins[1].shape
    head = g.ograd
    product, quotient = ("elemwise_mul", "elemwise_div") if plain else ("broadcast_mul", "broadcast_div")
    stem = row.stem if plain else f"broadcast_{row.stem}"
    grads: list[Entry | None] = []
    for i, slope in enumerate(row.slopes):
        if not slope or not g.needed[i]:
            grads.append(None)
            continue
        if slope in ("g", "-g"):
            grad = head()
        elif slope in ("g*rhs", "g*lhs"):
            grad = g.apply(product, head(), g.input(1 - i))
        elif slope == "g/rhs":
            grad = g.apply(quotient, head(), g.input(1))
        else:
            grad = g.apply(f"_backward_{stem}_{('lhs', 'rhs')[i]}", head(), g.input(0), g.input(1))
        grad = sum_to(g, grad, full, g.ins[i].shape)
        grads.append(g.apply("negative", grad) if slope == "-g" else grad)
    return grads


def binary_call(row: BinaryRow, out: TensorSpec, ctx: LowerContext) -> KernelCall:
    """The launch for two tensors of one shape."""
    defines = defines_for(out.dtype, ctx.reqs[0], **{"EXPR(a, b)": row.expr})
    args = (In(0), In(1), Out(0), Scalar("long", out.size))
    return KernelCall("elementwise/binary.cl", "binary", args, defines, *grid(out.size, ctx.traits))
