"""What happens to the sums of a convolution or a product before they are stored, and operators that are asked to take it over."""

from __future__ import annotations

from dataclasses import dataclass

from ...graph.contract.kernel_call import Arg
from ...graph.contract.op import Entry, Node
from ...graph.rewrite.requests import Activate, Add, Affine, Request
from ...graph.rewrite.rewrite import Rewrite
from ...params import Enum

__all__ = ["ACTIVATIONS", "Epilogue", "over_packed_weight", "shifted", "with_epilogue"]


ACTIVATIONS = ("none", "relu", "clip", "leaky")
"""What an epilogue may apply: nothing, max(x, 0) with NaN kept, x limited to [low, high], or x < 0 ? low * x : x."""


@dataclass(frozen=True)
class Epilogue:
    """What happens to a convolution's sums: ``activation(sum + bias[filter] + residual)``.

    Attributes
    ----------
    bias : Arg, optional
        (out_blocks * block,), zeros beyond the last filter.
    residual : Arg, optional
        Of the output's blocked shape; may be the very memory of the output.
    activation : str
        One of `ACTIVATIONS`.
    low, high : float
        Limits of ``clip``; `low` is the slope of ``leaky``.
    """

    bias: Arg | None = None
    residual: Arg | None = None
    activation: str = "none"
    low: float = 0.0
    high: float = 0.0


def with_epilogue(node: Node, request: Request) -> Node | None:
    """A node whose operator has the parameters ``act_type``, ``act_low``, ``act_high`` and ``with_residual``, with one more of them in use.

    The residual is its last input. None where the order ``act(... + residual)`` leaves no place for the request,
    or the operator has no such activation.
    """
    p, op = node.params, node.op
    assert op is not None
    if p.act_type != "none":
        return None
    if isinstance(request, Activate):
        kinds = op.params["act_type"]
        if not isinstance(kinds, Enum) or request.kind not in kinds.choices:
            return None
        more = {"act_type": request.kind, "act_low": request.low, "act_high": request.high}
        return node.become(op, op.parse({**dict(p.items()), **more}), node.inputs)
    if isinstance(request, Add) and not p.with_residual:
        return node.become(op, op.parse({**dict(p.items()), "with_residual": True}), (*node.inputs, request.entry))
    return None


def shifted(r: Rewrite, bias: Entry | None, request: Affine) -> Entry:
    """The bias of a layer whose results are scaled and shifted."""
    if bias is None:
        return request.shift
    return r.apply("elemwise_add", r.apply("elemwise_mul", bias, request.scale), request.shift)


def over_packed_weight(node: Node, request: Request, r: Rewrite) -> Node | None:
    """The same for a convolution (data, packed weight, bias in whole blocks), which takes a scale and a shift into both."""
    if not isinstance(request, Affine):
        return with_epilogue(node, request)
    p, op, pack = node.params, node.op, node.inputs[1].node
    if p.act_type != "none" or p.with_residual:
        return None
    assert op is not None
    assert pack.op is not None
    weight = r.apply("_scale_filters", pack.inputs[0], request.scale)
    packed = r.node_of(pack.op.name, (weight,), dict(pack.params.items())).out(0)
    shift = shifted(r, None if p.no_bias else node.inputs[2].node.inputs[0], request)
    inputs = (node.inputs[0], packed, r.apply("_pad_channels", shift, block=pack.params.block))
    return node.become(op, op.parse({**dict(p.items()), "no_bias": False}), inputs)
