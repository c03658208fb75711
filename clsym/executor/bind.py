"""bind and simple_bind: from a graph and what the caller gives to an `Executor`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..base import MXNetError, WrongTypeError, dtype_name
from ..context import Context
from ..graph.contract.op import Entry, Node
from ..graph.memory.amount import parse_bytes
from ..graph.order.place import group_context
from ..ndarray import NDArray
from .arrays import new_array
from .executor import Executor
from .inputs import graph_inputs
from .shapes import infer_inputs, store_modes

__all__ = ["bind", "simple_bind"]


def _by_argument(given: Any, names: Sequence[str], what: str, allow_missing: bool, length_error: str) -> list[Any]:
    """A list or dict of arrays in the order of `names`."""
    if given is None and allow_missing:
        given = {}
    if isinstance(given, Mapping):
        missing = [n for n in names if n not in given]
        if missing and not allow_missing:
            raise ValueError(f"key `{missing[0]}` is missing in `{what}`; it must have all of {list(names)}")
        result = [given.get(n) for n in names]
    elif isinstance(given, (list, tuple)):
        if len(given) != len(names):
            raise ValueError(
                f"Length of {length_error} does not match the number of arguments: got {len(given)}, expected {len(names)} ({list(names)})"
            )
        result = list(given)
    else:
        raise TypeError(f"{what} must be a list or a dict of NDArray, not {type(given).__name__}")
    for name, value in zip(names, result, strict=True):
        if value is not None and not isinstance(value, NDArray):
            raise TypeError(f"{what}[{name!r}] must be an NDArray, not {type(value).__name__}; wrap it with mx.nd.array()")
        if value is None and not allow_missing:
            raise ValueError(f"{what}[{name!r}] is None; an NDArray is needed")
    return result


def _limit(memory_limit: int | str | None) -> int | None:
    return None if memory_limit is None else parse_bytes(memory_limit)


def bind(
    heads: Sequence[Entry],
    ctx: Context,
    args: Any,
    args_grad: Any = None,
    grad_req: Any = "write",
    aux_states: Any = None,
    group2ctx: Mapping[str, Context] | None = None,
    shared_exec: Executor | None = None,
    donate: Sequence[str] = (),
    memory_limit: int | str | None = None,
) -> Executor:
    """Bind a graph to arrays; see `Symbol.bind`."""
    if not isinstance(ctx, Context):
        raise TypeError(f"Context type error: {ctx!r} is not a Context; use mx.cpu(), mx.gpu(i) or mx.cl('...')")
    arg_nodes, aux_nodes = graph_inputs(heads)
    names, aux_names = [n.name for n in arg_nodes], [n.name for n in aux_nodes]
    arrays = _by_argument(args, names, "args", False, "args")
    grads = _by_argument(args_grad, names, "args_grad", True, "args_grad")
    states = _by_argument(aux_states if aux_states is not None else [], aux_names, "aux_states", False, "aux_states")
    reqs = store_modes(grad_req, names)
    return Executor(heads, ctx, arrays, grads, reqs, states, group2ctx, shared_exec, donate, _limit(memory_limit))


def simple_bind(
    heads: Sequence[Entry],
    ctx: Context,
    grad_req: Any = "write",
    type_dict: Mapping[str, Any] | None = None,
    stype_dict: Mapping[str, str] | None = None,
    group2ctx: Mapping[str, Context] | None = None,
    shared_arg_names: Sequence[str] | None = None,
    shared_exec: Executor | None = None,
    shared_buffer: dict[str, NDArray] | None = None,
    memory_limit: int | str | None = None,
    **shapes: Sequence[int],
) -> Executor:
    """Infer all shapes and allocate all arrays; see `Symbol.simple_bind`."""
    if not isinstance(ctx, Context):
        raise WrongTypeError(f"Context type error: {ctx!r} is not a Context; use mx.cpu(), mx.gpu(i) or mx.cl('...')")
    if any(s not in ("default", None) for s in (stype_dict or {}).values()):
        raise MXNetError("simple_bind: sparse storage types are not supported; leave stype_dict out")
    if shared_arg_names is not None and not isinstance(shared_arg_names, (list, tuple, set, frozenset)):
        raise ValueError(f"shared_arg_names in simple_bind must be a list or None, not {shared_arg_names!r}")
    if shared_buffer is not None and not isinstance(shared_buffer, dict):
        raise ValueError(f"shared_buffer in simple_bind must be dict or None, not {shared_buffer!r}")
    arg_nodes, aux_nodes = graph_inputs(heads)
    nodes = [*arg_nodes, *aux_nodes]
    specs = dict(zip((n.serial for n in nodes), infer_inputs(heads, nodes, shapes, type_dict, "simple_bind"), strict=True))
    reqs = store_modes("null" if grad_req is None else grad_req, [n.name for n in arg_nodes])
    limit = _limit(memory_limit)
    groups = dict((group2ctx or {}).items())
    shared_args = shared_exec.arg_dict if shared_exec is not None else {}
    shared_grads = shared_exec.grad_dict if shared_exec is not None else {}
    shared_aux = shared_exec.aux_dict if shared_exec is not None else {}

    def make(node: Node, pool: Mapping[str, NDArray | None], may_share: bool, buffered: str = "") -> NDArray:
        shape, dtype = specs[node.serial].shape, specs[node.serial].dtype
        where = group_context(node, ctx, groups)
        have = pool.get(node.name)
        if (
            may_share
            and have is not None
            and tuple(have.shape) == tuple(shape)
            and dtype_name(have.dtype) == dtype
            and have.context == where
        ):
            return have
        if shared_buffer is not None and buffered:
            size, stored = int(np.prod(shape)), shared_buffer.get(buffered)
            if stored is not None and dtype_name(stored.dtype) == dtype and stored.size >= size and stored.context == where:
                return stored.reshape((-1,))[:size].reshape(shape)
            fresh = new_array(shape, where, dtype, f"the array {node.name!r}")
            shared_buffer[buffered] = fresh
            return fresh
        return new_array(shape, where, dtype, f"the array {node.name!r}")

    names = set(shared_arg_names) if shared_arg_names is not None else {n.name for n in arg_nodes} if shared_exec is not None else set()
    share_all = shared_buffer is not None
    args = [make(n, shared_args, share_all or n.name in names, n.name) for n in arg_nodes]
    grads = [
        make(n, shared_grads, n.name in names, f"grad of {n.name}") if r != "null" else None for n, r in zip(arg_nodes, reqs, strict=True)
    ]
    aux = [make(n, shared_aux, shared_exec is not None) for n in aux_nodes]
    return Executor(heads, ctx, args, grads, reqs, aux, groups, shared_exec, memory_limit=limit)
