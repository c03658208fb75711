"""A network whose losses give gradients multiplied by a number that is an input."""

from __future__ import annotations

from typing import Any

from ..graph.contract.ir import topological
from ..graph.contract.op import Entry, Node
from ..graph.contract.registry import find_op
from ..symbol import Symbol
from ..symbol.creation import var

__all__ = ["SCALE", "scaled_losses"]

SCALE = "amp_loss_scale"
"""The input: an array of shape (1, 1)."""

_LOSSES = frozenset((
    "SoftmaxOutput", "LinearRegressionOutput", "LogisticRegressionOutput", "MAERegressionOutput", "SVMOutput", "MakeLoss", "make_loss",
))  # fmt: skip
"""Where gradients begin, whatever comes from above."""


def scaled_losses(sym: Symbol) -> Symbol:
    """The same network, with the gradients that its losses give multiplied by the input `SCALE`; outputs are the same to the bit.

    The data ``x`` of a loss become ``x + s * (x - x)``, where the first and the last ``x`` give no gradient.
    """
    scale: Entry | None = None
    made: dict[Entry, Entry] = {}
    for node in topological(sym._entries):
        inputs = [made[e] for e in node.inputs]
        if node.op is not None and node.op.name in _LOSSES:
            if scale is None:
                scale = var(SCALE, shape=(1, 1))._entries[0]
            inputs[0] = _scaled(inputs[0], scale, node.name)
        copy = node
        if any(a != b for a, b in zip(inputs, node.inputs, strict=True)):
            copy = Node(node.op, node.name, node.params, node.attrs, inputs)
            copy.versions = None
        made.update({node.out(k): copy.out(k) for k in range(node.num_outputs)})
    return type(sym)(*(made[h] for h in sym._entries))


def _applied(op_name: str, name: str, inputs: list[Entry], **params: Any) -> Entry:
    op = find_op(op_name)
    attrs = {k: str(v) for k, v in params.items()}
    return Node(op, name, op.parse(attrs, name), attrs, inputs).out()


def _scaled(x: Entry, scale: Entry, name: str) -> Entry:
    fixed = _applied("BlockGrad", f"{name}_amp_fixed", [x])
    nothing = _applied("elemwise_sub", f"{name}_amp_nothing", [x, fixed])
    row = _applied("Reshape", f"{name}_amp_row", [nothing], shape=(1, -1))
    product = _applied("broadcast_mul", f"{name}_amp_product", [row, scale])
    shaped = _applied("reshape_like", f"{name}_amp_shaped", [product, nothing])
    return _applied("elemwise_add", f"{name}_amp_scaled", [fixed, shaped])
