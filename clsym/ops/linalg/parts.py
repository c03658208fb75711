"""Parts of square matrices as nodes: the gradients of this family are written with them."""

from __future__ import annotations

from collections.abc import Sequence

from ...graph.contract.kernel_call import In, KernelCall, LowerContext, Out, Scalar, Temp, compute_type, defines_for
from ...graph.contract.op import Entry, Gradient, Op
from ...graph.contract.registry import register
from ...graph.contract.spec import PartialShape, TensorSpec
from ...params import Enum, Float, Params
from ..shared.launch_sizes import stretch_grid
from .batch import batch_of, floating, same_square, side

__all__ = ["MatrixPart", "part_call"]

PARTS = ("lower", "upper", "mirrored", "sum")


def part_call(
    part: str, source: In | Temp, out: Out | Temp, spec: TensorSpec, scale: float, ctx: LowerContext, req: str = "write"
) -> KernelCall:
    """The launch for a part of each matrix."""
    n, batch = side(spec), batch_of(spec)
    args = (source, out, Scalar("long", batch), Scalar("int", n), Scalar(compute_type(spec.dtype), scale))
    defines = defines_for(spec.dtype, req, PART=PARTS.index(part))
    return KernelCall("linalg/parts.cl", "matrix_part", args, defines, *stretch_grid(batch * n, n, ctx.traits))


@register
class MatrixPart(Op):
    """``scale`` times a part of each matrix: a triangle, its lower triangle mirrored, or its sum with its transposition."""

    name = "_linalg_part"
    hidden = True
    params = {"part": Enum(PARTS, "lower"), "scale": Float(1.0)}

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        return same_square(ins, outs)

    def infer_type(self, p: Params, ins: list[str | None], outs: list[str | None]) -> tuple[list[str | None], list[str | None]]:
        return floating(ins, outs)

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        if g.p.part == "mirrored":
            both = g.apply("_linalg_part", g.ograd(), part="sum", scale=g.p.scale)
            diagonal = g.apply("_linalg_extractdiag", g.ograd())
            return [
                g.apply(
                    "elemwise_sub",
                    g.apply("_linalg_part", both, part="lower"),
                    g.apply("_mul_scalar", g.apply("_linalg_makediag", diagonal), scalar=g.p.scale),
                )
            ]
        return [g.apply("_linalg_part", g.ograd(), part=g.p.part, scale=g.p.scale)]

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        return [part_call(p.part, In(0), Out(0), outs[0], p.scale, ctx, ctx.reqs[0])]
