"""Casts put in while networks and arrays are computed with, instead of into a finished network: ``amp.init``."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from ...graph.contract.op import Node, Op
from ...name import NameManager
from ...ndarray.invoke import change_inputs
from ...ndarray.invoke import invoke as run
from ...params import Params
from ...symbol.compose import change_new_nodes
from .operator_lists import Condition, check_target, chosen, list_widest_type_cast
from .precision_pass import Rules, applied

__all__ = ["init"]


def init(
    target_dtype: str = "float16", target_precision_ops: list[str] | None = None, conditional_fp32_ops: list[Condition] | None = None,
    fp32_ops: list[str] | None = None,
) -> None:  # fmt: skip
    """Cast the inputs of every operator of symbols and arrays from now on, as its list says; a second call does nothing.

    A network that is there is converted by `convert_symbol`; it has fewer casts, because it is seen as a whole.

    Parameters
    ----------
    target_dtype : {'float16'}
    target_precision_ops, fp32_ops : list of str, optional
        Operators computed in float16 and in float32, instead of `list_lp16_ops` and `list_fp32_ops`.
    conditional_fp32_ops : list of (str, str, list of str), optional
        Operators computed in float32 where a parameter has one of some values, instead of `list_conditional_fp32_ops`.
    """
    check_target(target_dtype, "AMP currently supports only float16 or bfloat16 as a target_dtype")
    if _Insertion.present is not None:
        return
    logging.info("Using AMP")
    narrow, wide, conditional = chosen("float16", target_precision_ops, fp32_ops, conditional_fp32_ops)
    conditions: dict[str, dict[str, set[str]]] = {}
    for op, parameter, values in conditional:
        conditions.setdefault(op, {}).setdefault(parameter, set()).update(values)
    _Insertion(Rules("float16", set(narrow), set(wide), set(list_widest_type_cast("float16")), conditions)).begin()


class _Insertion:
    """The rules that are in force."""

    present: _Insertion | None = None

    def __init__(self, rules: Rules) -> None:
        self.rules = rules

    def begin(self) -> None:
        """Put casts in from now on."""
        _Insertion.present = self
        change_new_nodes(self.cast_node)
        change_inputs(self.cast_arrays)

    @staticmethod
    def end() -> None:
        """Put none in any more."""
        _Insertion.present = None
        change_new_nodes(None)
        change_inputs(None)

    def cast_node(self, node: Node) -> Node:
        """A node that reads casts of its inputs, or itself."""
        assert node.op is not None
        dtype = self.rules.type_of(node.op, node.params)
        aux = set(node.aux_positions())
        inputs = list(node.inputs)
        manager: Any = NameManager
        if dtype is not None:
            for i, entry in enumerate(inputs):
                if i not in aux:
                    inputs[i] = applied("amp_cast", manager.current.get(None, "amp_cast"), [entry], dtype=dtype).out()
        elif node.op.name in self.rules.widest and inputs:
            each = applied("amp_multicast", manager.current.get(None, "amp_multicast"), inputs, num_outputs=len(inputs))
            inputs = [each.out(k) for k in range(len(inputs))]
        else:
            return node
        return Node(node.op, node.name, node.params, node.attrs, inputs)

    def cast_arrays(self, op: Op, params: Params, inputs: Sequence[Any]) -> Sequence[Any]:
        """What an operator gets instead of some arrays."""
        dtype = self.rules.type_of(op, params)
        aux = len(inputs) - len(op.aux)
        if dtype is not None:
            return [a if k >= aux or a._dtype == dtype else run("amp_cast", [a], {"dtype": dtype}) for k, a in enumerate(inputs)]
        if op.name in self.rules.widest and len({a._dtype for a in inputs}) > 1:
            cast: list[Any] = run("amp_multicast", inputs, {"num_outputs": len(inputs)})
            return cast
        return inputs
