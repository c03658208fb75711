"""Inference graphs from training graphs: losses at the outputs become what they compute in the forward."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..base import MXNetError
from ..graph.contract.op import Entry, Node
from ..graph.contract.registry import find_op
from ..params import Params

__all__ = ["strip_training_head"]


def _apply(name: str, node_name: str, inputs: Sequence[Entry], **given: Any) -> Entry:
    op = find_op(name)
    return Node(op, node_name, op.parse(given, node_name), {k: str(v) for k, v in given.items()}, inputs).out(0)


def _softmax(name: str, p: Params, data: Entry) -> Entry:
    if p.preserve_shape:
        return _apply("softmax", name, [data], axis=-1)
    if p.multi_output:
        return _apply("softmax", name, [data], axis=1)
    flat = _apply("Flatten", f"{name}_flatten", [data])  # over everything but the first axis, however many axes there are
    return _apply("reshape_like", name, [_apply("softmax", f"{name}_softmax", [flat], axis=-1), data])


def _same(name: str, p: Params, data: Entry) -> Entry:
    return _apply("_copy", name, [data])


# What the output of a layer with a loss is in the forward, from its name, its parameters and its data.
_FORWARD: dict[str, Callable[[str, Params, Entry], Entry]] = {
    "SoftmaxOutput": _softmax,
    "LinearRegressionOutput": _same,
    "MAERegressionOutput": _same,
    "LogisticRegressionOutput": lambda name, p, data: _apply("sigmoid", name, [data]),
    "SVMOutput": _same,
    "IdentityAttachKLSparseReg": _same,
}
# Outputs that are only there for their gradient: left out where there are others.
_LOSSES = {"MakeLoss", "make_loss", "CTCLoss", "softmax_cross_entropy"}


def _stripped(entry: Entry) -> Entry:
    node = entry.node
    if node.op is None or node.op.name not in _FORWARD:
        return entry
    head = _FORWARD[node.op.name](node.name, node.params, node.inputs[0])
    head.node.attrs.update({k: v for k, v in node.attrs.items() if k.startswith("__")})
    return head


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
