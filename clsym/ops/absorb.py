"""What operators with an epilogue do when they are asked to take over the one behind them."""

from __future__ import annotations

from ..graph.ir import Entry, Node
from ..graph.rewrite import Activate, Add, Affine, Request, Rewrite
from ..params import Enum

__all__ = ["shifted", "with_epilogue"]


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
        return Node(op, node.name, op.parse({**dict(p.items()), **more}), node.attrs, node.inputs)
    if isinstance(request, Add) and not p.with_residual:
        return Node(op, node.name, op.parse({**dict(p.items()), "with_residual": True}), node.attrs, (*node.inputs, request.entry))
    return None


def shifted(r: Rewrite, bias: Entry | None, request: Affine) -> Entry:
    """The bias of a layer whose results are scaled and shifted."""
    if bias is None:
        return request.shift
    return r.apply("elemwise_add", r.apply("elemwise_mul", bias, request.scale), request.shift)
