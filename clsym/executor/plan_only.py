"""plan: what an executor of a graph would run and need, without any array or buffer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..base import DeviceNotFoundError, MXNetError
from ..context import Context, current_context
from ..graph.contract.op import Entry
from ..graph.contract.traits import DeviceTraits
from ..graph.memory.amount import parse_bytes
from ..graph.plan import Binding, Plan, compile_plan
from .inputs import graph_inputs, traits_of
from .shapes import infer_inputs, store_modes

__all__ = ["plan"]


def plan(
    heads: Sequence[Entry],
    ctx: Context | DeviceTraits | None = None,
    grad_req: Any = "write",
    type_dict: Mapping[str, Any] | None = None,
    memory_limit: int | str | None = None,
    **shapes: Sequence[int],
) -> Plan:
    """Compile a graph for given shapes; see `Symbol.plan`."""
    where, traits = _target(ctx)
    arg_nodes, aux_nodes = graph_inputs(heads)
    nodes = [*arg_nodes, *aux_nodes]
    unknown = sorted(set(shapes) - {n.name for n in nodes})
    if unknown:
        raise MXNetError(f"plan: {unknown} are no inputs of the graph; the inputs are {[n.name for n in nodes]}")
    reqs = store_modes(grad_req, [n.name for n in arg_nodes])
    specs = infer_inputs(heads, nodes, shapes, type_dict, "plan")
    limit = None if memory_limit is None else parse_bytes(memory_limit)
    binding = Binding(nodes, specs, [where] * len(nodes), [*reqs, *(["null"] * len(aux_nodes))])
    train = any(r != "null" for r in reqs)
    return compile_plan(heads, binding, train=train, default=where, traits=lambda _: traits, memory_limit=limit)


def _target(ctx: Context | DeviceTraits | None) -> tuple[Context, DeviceTraits]:
    """The context that the plan names, and the traits to lower for."""
    if isinstance(ctx, DeviceTraits):
        return current_context(), ctx
    if ctx is None:
        where = current_context()
        try:
            return where, traits_of(where)
        except DeviceNotFoundError:  # planning needs no device
            return where, DeviceTraits()
    if not isinstance(ctx, Context):
        raise TypeError(f"Context type error: {ctx!r} is not a Context; use mx.cpu(), mx.gpu(i), mx.cl('...') or a DeviceTraits")
    return ctx, traits_of(ctx)
