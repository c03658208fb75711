"""The form of `Convolution` for GPUs, in inference, that takes the residual and the activation behind it."""

from __future__ import annotations

from collections.abc import Sequence

from ...graph.contract.kernel_call import In, KernelCall, LowerContext, Out
from ...graph.contract.op import Node
from ...graph.contract.registry import attach, register
from ...graph.contract.spec import PartialShape, TensorSpec
from ...graph.rewrite.requests import Affine, Request
from ...graph.rewrite.rewrite import Absorbing, Rewrite
from ...params import Bool, Enum, Float, Params
from ..shared.epilogue import ACTIVATIONS, Epilogue, with_epilogue
from . import calls
from .convolution import CONVOLUTION_PARAMS, Convolution
from .geometry import Geometry

__all__ = ["FusedConvolution"]


@register
class FusedConvolution(Convolution, Absorbing):
    """``activation(convolution + bias + residual)`` on GPUs, in inference; blocked tensors have an operator of their own."""

    name = "_fused_convolution"
    aliases = ()
    hidden = True
    inputs = ("data", "weight", "bias", "residual")
    params = {
        **CONVOLUTION_PARAMS,
        "act_type": Enum(ACTIVATIONS, "none"),
        "act_low": Float(0.0),
        "act_high": Float(0.0),
        "with_residual": Bool(False),
    }

    def input_names(self, p: Params) -> tuple[str, ...]:
        return ("data", "weight", *(() if p.no_bias else ("bias",)), *(("residual",) if p.with_residual else ()))

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        known, results = super().infer_shape(p, ins[: len(ins) - p.with_residual], outs)
        return [*known, *(results if p.with_residual else ())], results

    def inplace(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec]) -> Sequence[tuple[int, int]]:
        return ((0, len(ins) - 1),) if p.with_residual else ()

    def absorb(self, node: Node, request: Request, r: Rewrite) -> Node | None:
        return None if isinstance(request, Affine) else with_epilogue(node, request)

    def first_calls(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        geometry, n = Geometry.of(p, ins[0].shape, outs[0].shape), len(ins)
        epilogue = Epilogue(None if p.no_bias else In(2), In(n - 1) if p.with_residual else None, p.act_type, p.act_low, p.act_high)
        return calls.forward(geometry, In(0), In(1), Out(0), epilogue, outs[0].dtype, ctx.reqs[0], ctx.traits)


class TakesEpilogue(Absorbing):
    """A `Convolution` with something behind it becomes the fused one."""

    def absorb(self, node: Node, request: Request, r: Rewrite) -> Node | None:
        if r.train or r.traits.is_cpu or isinstance(request, Affine):
            return None
        return with_epilogue(r.alike(node, FusedConvolution.name), request)


attach("Convolution", TakesEpilogue())
