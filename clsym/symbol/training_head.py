"""Inference graphs from training graphs: losses at the outputs become what they compute in the forward."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..base import MXNetError
from ..graph.contract.op import Entry, Node
from ..graph.contract.registry import find_op
from ..params import Params

__all__ = ["strip_training_head"]


def _softmax(p: Params) -> tuple[str, dict[str, Any]]:
    if p.preserve_shape:
        return "softmax", {"axis": -1}
    return "SoftmaxActivation", {"mode": "channel" if p.multi_output else "instance"}


# What the output of a layer with a loss is in the forward: an operator of its first input.
_FORWARD: dict[str, Callable[[Params], tuple[str, dict[str, Any]]]] = {
    "SoftmaxOutput": _softmax,
    "LinearRegressionOutput": lambda p: ("identity", {}),
    "MAERegressionOutput": lambda p: ("identity", {}),
    "LogisticRegressionOutput": lambda p: ("sigmoid", {}),
    "SVMOutput": lambda p: ("identity", {}),
    "IdentityAttachKLSparseReg": lambda p: ("identity", {}),
}
# Outputs that are only there for their gradient: left out where there are others.
_LOSSES = {"MakeLoss", "make_loss", "CTCLoss", "softmax_cross_entropy"}


def _stripped(entry: Entry) -> Entry:
    node = entry.node
    if node.op is None or node.op.name not in _FORWARD:
        return entry
    name, given = _FORWARD[node.op.name](node.params)
    op = find_op(name)
    attrs = {k: v for k, v in node.attrs.items() if k.startswith("__")}
    return Node(op, node.name, op.parse(given, node.name), {**attrs, **{k: str(v) for k, v in given.items()}}, node.inputs[:1]).out(0)


def strip_training_head(heads: tuple[Entry, ...]) -> tuple[Entry, ...]:
    """See `Symbol.strip_training_head`."""

    def is_loss(e: Entry) -> bool:
        return e.node.op is not None and e.node.op.name in _LOSSES

    kept = [e for e in heads if not is_loss(e)]
    if not kept:
        raise MXNetError(
            f"all outputs are losses ({', '.join(e.node.name for e in heads)}): choose the prediction with get_internals()['name_output']"
        )
    result = []
    for e in kept:
        if e.node.op is not None and e.node.op.name == "BlockGrad":  # a prediction beside a loss
            e = e.node.inputs[0]
        result.append(_stripped(e))
    return tuple(result)
