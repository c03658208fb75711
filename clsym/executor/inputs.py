"""The inputs of a graph and what their variables declare."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..base import MXNetError
from ..context import Context
from ..graph.contract.ir import aux_variables, topological
from ..graph.contract.op import Entry, Node
from ..graph.contract.traits import DeviceTraits
from ..params import Dtype, Shape
from ..runtime.device import resolve
from ..util import partial_shape

__all__ = ["apply_declared_shapes", "declared_type", "graph_inputs", "traits_of"]


def traits_of(ctx: Context) -> DeviceTraits:
    """The traits of the device that a context means."""
    return resolve(ctx).traits


def graph_inputs(heads: Sequence[Entry]) -> tuple[list[Node], list[Node]]:
    """The variables of a graph: arguments, and auxiliary states, each in the order that MXNet lists them."""
    order = topological(heads)
    aux = aux_variables(order)
    return [n for n in order if n.is_variable and n.serial not in aux], [n for n in order if n.is_variable and n.serial in aux]


def apply_declared_shapes(nodes: Sequence[Node], shapes: dict[tuple[int, int], Any]) -> None:
    """Shapes that variables declare (``__shape__``; 0 is an unknown extent, or -1, see `clsym.util`), where none is given."""
    for node in nodes:
        text = node.attrs.get("__shape__")
        if text and (node.serial, 0) not in shapes:
            try:
                declared = Shape().parse(text)
            except ValueError as exc:
                raise MXNetError(f"variable {node.name!r}: __shape__ {text!r} is not a shape: {exc}") from exc
            shapes[(node.serial, 0)] = partial_shape(declared)


def declared_type(node: Node) -> str | None:
    """The element type that a variable declares (``__dtype__``)."""
    try:
        found: str | None = Dtype(None).parse(node.attrs["__dtype__"])
    except ValueError as exc:
        raise MXNetError(f"variable {node.name!r}: __dtype__ {node.attrs['__dtype__']!r} is not an element type: {exc}") from exc
    return found
