"""What making a node from names and text has in common, whether a user's call or a graph file asks for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..base import MXNetError
from ..params import Params
from .contract.op import Entry, Node, Op

__all__ = ["HIDDEN_KEYS", "fill_inputs", "hide_keys", "input_names", "is_hidden"]

HIDDEN_KEYS = ("ctx_group", "lr_mult", "wd_mult", "force_mirroring", "mirror_stage")
"""Attributes that users write without the underscores, and that are kept with them."""

MOST_INPUTS = 1 << 16
"""A node with more inputs or outputs is taken for an attack: names are made for each one."""

_COUNTS = ("num_args", "num_outputs", "num_inputs", "num_weights", "num_tensors", "num_arrays", "sections")


def is_hidden(name: str) -> bool:
    """Whether an attribute is no parameter of an operator: ``__lr_mult__``, ``__anything__``."""
    return len(name) > 4 and name.startswith("__") and name.endswith("__")


def hide_keys(attrs: Mapping[str, str]) -> dict[str, str]:
    """The attributes, with those of `HIDDEN_KEYS` that came without underscores in their kept form.

    >>> hide_keys({'lr_mult': '2', 'mood': 'good'})
    {'__lr_mult__': '2', 'mood': 'good'}
    """
    return {f"__{k}__" if k in HIDDEN_KEYS else k: v for k, v in attrs.items()}


def input_names(op: Op, params: Params, where: str) -> tuple[str, ...]:
    """`Op.input_names`, after a look at the parameters that count inputs or outputs.

    Raises
    ------
    MXNetError
        One of them is absurd; no list of that length is made.
    """
    counts = {*_COUNTS, op.variadic}
    for name, value in params.items():
        if name in counts and isinstance(value, int) and value > MOST_INPUTS:
            raise MXNetError(f"{where}: {name}={value} of operator {op.name} is more than {MOST_INPUTS}; correct the parameter")
    return op.input_names(params)


def fill_inputs(op: Op, names: Sequence[str], node_name: str, attrs: Mapping[str, str], given: Sequence[Entry | None]) -> list[Entry]:
    """The inputs of a new node, with a variable made for each that is not given.

    The variable of input ``weight`` of node ``fc1`` is ``fc1_weight`` and inherits all attributes of the node, as in MXNet.

    Raises
    ------
    MXNetError
        More inputs than the operator has, or an auxiliary state that isn't a variable.
    """
    if len(given) > len(names):
        raise MXNetError(
            f"node {node_name!r} ({op.name}) is given {len(given)} inputs, but takes {len(names)} with its parameters: {', '.join(names)}"
        )
    inputs: list[Entry] = []
    for position, name in enumerate(names):
        entry = given[position] if position < len(given) else None
        if entry is None:
            entry = Node(None, f"{node_name}_{name}", attrs=dict(attrs)).out()
        for key, value in op.variable_attrs.get(name, {}).items():
            if entry.node.is_variable:
                entry.node.attrs.setdefault(key, value)
        inputs.append(entry)
    return inputs


def check_aux(node: Node) -> None:
    """Raise MXNetError where an auxiliary state of a node is computed: kernels write it, so it must be a variable."""
    for i in node.aux_positions():
        if not node.inputs[i].node.is_variable:
            assert node.op is not None
            name = node.op.input_names(node.params)[i]
            raise MXNetError(
                f"input {name!r} of node {node.name!r} ({node.op.name}) is an auxiliary state and must be a Variable, "
                f"not the output {node.inputs[i].name!r} of an operator"
            )
