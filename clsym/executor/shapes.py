"""Shapes and types of a graph's inputs and values, from what `simple_bind`, `plan` and `bind` are given, and what contradicts them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..base import MXNetError, WrongValueError, dtype_name
from ..graph.contract.ir import topological
from ..graph.contract.op import Entry, Node
from ..graph.contract.spec import TensorSpec, known, show_shape
from ..graph.infer import InferenceError, infer_shapes, infer_types
from ..ndarray import NDArray
from ..util import partial_shape
from .inputs import apply_declared_shapes, declared_type

__all__ = ["check_gradients", "infer_inputs", "specs_of_arrays", "store_modes"]

_REQS = ("null", "write", "add")


def infer_inputs(
    heads: Sequence[Entry], nodes: Sequence[Node], shapes: Mapping[str, Sequence[int]], type_dict: Mapping[str, Any] | None, caller: str
) -> list[TensorSpec]:
    """The shape and element type of every input of a graph.

    Parameters
    ----------
    heads : list of Entry
    nodes : list of Node
        The inputs, in any order.
    shapes : dict of str to tuple of int
        By name; 0 is an unknown extent, or -1, see `clsym.util`.
    type_dict : dict of str to dtype, optional
        By name; float32 where nothing says otherwise.
    caller : str
        The function to name in errors.

    Raises
    ------
    MXNetError
        The shapes contradict one another or leave something open.
    """
    found: dict[tuple[int, int], Any] = {}
    types: dict[tuple[int, int], str | None] = {}
    shapes = {name: _extents(name, shape, caller) for name, shape in shapes.items()}
    given = "".join(f"\n{n}: {s}" for n, s in shapes.items())
    for node in nodes:
        if node.name in shapes:
            found[(node.serial, 0)] = partial_shape(shapes[node.name])
        if type_dict and node.name in type_dict:
            types[(node.serial, 0)] = dtype_name(type_dict[node.name])
        elif node.attrs.get("__dtype__"):
            types[(node.serial, 0)] = declared_type(node)
    order = topological(heads)
    try:
        apply_declared_shapes(nodes, found)
        infer_shapes(order, found)
        infer_types(order, types)
    except MXNetError as exc:
        raise type(exc)(f"{caller} error. Arguments:{given}\n{exc}") from exc
    missing = [n for n in nodes if not known(found.get((n.serial, 0)))]
    if missing:
        listing = ", ".join(f"{n.name}: {show_shape(found.get((n.serial, 0)))}" for n in missing)
        raise MXNetError(
            f"{caller} error. Arguments:{given}\nInferShape pass cannot decide shapes for the following arguments "
            f"(? means unknown dimensions). Please consider providing them as inputs:\n{listing}"
        )
    return [TensorSpec(found[(n.serial, 0)], types.get((n.serial, 0)) or "float32") for n in nodes]


def _extents(name: str, shape: Any, caller: str) -> tuple[int, ...]:
    try:
        return tuple(int(d) for d in shape)
    except (TypeError, ValueError) as exc:
        raise WrongValueError(f"{caller} error: {name}={shape!r} is no shape; pass a tuple of integers") from exc


class GradReqError(MXNetError, ValueError):
    """No such way of storing a gradient; MXNet raises either kind."""


def store_modes(grad_req: Any, names: Sequence[str]) -> list[str]:
    """``grad_req`` by string, list or dict, as a list."""
    if isinstance(grad_req, str):
        reqs = [grad_req] * len(names)
    elif isinstance(grad_req, (list, tuple)):
        reqs = list(grad_req)
        if len(reqs) != len(names):
            raise GradReqError(f"grad_req has {len(reqs)} items, there are {len(names)} arguments: {list(names)}")
    elif isinstance(grad_req, Mapping):
        reqs = [grad_req.get(n, "null") for n in names]
    else:
        raise TypeError(f"grad_req must be a string, a list or a dict, not {type(grad_req).__name__}")
    for r in reqs:
        if r not in _REQS:
            raise GradReqError(f"grad_req must be in {{'null', 'write', 'add'}}, not {r!r}")
    return reqs


def specs_of_arrays(
    heads: Sequence[Entry], nodes: Sequence[Node], arrays: Sequence[NDArray]
) -> tuple[dict[tuple[int, int], TensorSpec] | None, list[TensorSpec]]:
    """The specs of every entry of a graph over given arrays, and of its outputs.

    The former is None where something that no output needs does not follow.

    Raises
    ------
    InferenceError
        The arrays contradict one another, or an output does not follow from them.
    """
    shapes: dict[tuple[int, int], Any] = {(n.serial, 0): tuple(a.shape) for n, a in zip(nodes, arrays, strict=True)}
    types: dict[tuple[int, int], str | None] = {(n.serial, 0): dtype_name(a.dtype) for n, a in zip(nodes, arrays, strict=True)}
    order = topological(heads)
    infer_shapes(order, shapes)
    infer_types(order, types)
    everything = {k: TensorSpec(found, types.get(k) or "float32") for k, found in shapes.items() if found is not None and known(found)}
    outs = []
    for h in heads:
        spec = everything.get((h.node.serial, h.index))
        if spec is None:
            shape = shapes.get((h.node.serial, h.index))
            raise InferenceError(f"the shape of output {h.name!r} does not follow from the arguments: {show_shape(shape)}")
        outs.append(spec)
    return everything if len(everything) == len(shapes) else None, outs


def check_gradients(names: Sequence[str], args: Sequence[NDArray], grads: Sequence[NDArray | None], reqs: Sequence[str]) -> None:
    """Refuse arrays of wanted gradients that are no place for them: they have their argument's shape, and its type or both floating-point.

    Raises
    ------
    MXNetError
    """
    for name, array, grad, req in zip(names, args, grads, reqs, strict=True):
        if grad is None or req == "null":
            continue
        types = (dtype_name(grad.dtype), dtype_name(array.dtype))
        if tuple(grad.shape) != tuple(array.shape) or (types[0] != types[1] and not all(t.startswith("float") for t in types)):
            raise MXNetError(
                f"args_grad of {name!r} has shape {tuple(grad.shape)} and type {types[0]}, "
                f"the argument {tuple(array.shape)} and {types[1]}; the shapes must agree, and the types unless both are "
                "floating-point types"
            )
