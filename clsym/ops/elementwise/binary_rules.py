"""What functions of two tensors share, whether these have one shape or broadcast: the gradient, and the launch for one shape."""

from __future__ import annotations

from ...graph.contract.kernel_call import In, KernelCall, LowerContext, Out, Scalar, defines_for, grid
from ...graph.contract.op import Entry, Gradient
from ...graph.contract.spec import TensorSpec
from .binary_table import BinaryRow
from .sum_to_shape import sum_to

__all__ = ["backward_gradient", "binary_call", "binary_gradient"]


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


def backward_gradient(g: Gradient, row: BinaryRow, side: int) -> list[Entry | None] | None:
    """The gradient of what `binary_gradient` applies for one input, head gradient times slope; None where it is not written.

    Its inputs are the head gradient, of the shape of the result, and the two operands.
    """
    full, (_, a, b) = g.outs[0].shape, (g.input(i) for i in range(3))
    plain = g.ins[1].shape == g.ins[2].shape
    stem = row.stem if plain else f"broadcast_{row.stem}"
    times, over, power = ("elemwise_mul", "elemwise_div", "_power") if plain else ("broadcast_mul", "broadcast_div", "broadcast_power")
    first = g.apply(f"_backward_{stem}_{('lhs', 'rhs')[side]}", g.ograd(), a, b) if g.needed[0] else None
    if row.stem in ("maximum", "minimum") or (row.stem == "mod" and side == 1):
        return [first, None, None]
    # what the slope's own slopes are multiplied with
    both = g.apply("elemwise_mul", g.ograd(), g.input(0)) if any(g.needed[1:]) else g.ograd()
    if row.stem == "div" and side == 1:  # -a / b^2
        square = g.apply("square", b)
        by_lhs = g.apply("negative", g.apply(over, both, square))
        by_rhs = g.apply("_mul_scalar", g.apply(over, g.apply(times, both, a), g.apply("_power_scalar", b, scalar=3.0)), scalar=2.0)
    elif row.stem == "power":
        log, less = g.apply("log", a), g.apply("_minus_scalar", b, scalar=1.0)
        cross = g.apply("elemwise_mul", g.apply(power, a, less), g.apply("_plus_scalar", g.apply(times, log, b), scalar=1.0))
        crossed = g.apply("elemwise_mul", both, cross)
        if side == 0:  # b a^(b - 1)
            bent = g.apply(times, g.apply(power, a, g.apply("_minus_scalar", b, scalar=2.0)), g.apply("elemwise_mul", b, less))
            by_lhs, by_rhs = g.apply("elemwise_mul", both, bent), crossed
        else:  # log(a) a^b
            bent = g.apply(times, g.apply(power, a, b), g.apply("square", log))
            by_lhs, by_rhs = crossed, g.apply("elemwise_mul", both, bent)
    else:
        return None
    return [first, *(sum_to(g, e, full, g.ins[i].shape) if g.needed[i] else None for i, e in ((1, by_lhs), (2, by_rhs)))]


def binary_call(row: BinaryRow, out: TensorSpec, ctx: LowerContext) -> KernelCall:
    """The launch for two tensors of one shape."""
    defines = defines_for(out.dtype, ctx.reqs[0], **{"EXPR(a, b)": row.expr})
    args = (In(0), In(1), Out(0), Scalar("long", out.size))
    return KernelCall("elementwise/binary.cl", "binary", args, defines, *grid(out.size, ctx.traits))
