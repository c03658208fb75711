"""Gradients against finite differences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .. import ndarray as nd
from .. import symbol
from ..context import Context
from ..symbol import Symbol
from .compare import assert_almost_equal
from .surroundings import default_context
from .symbolic import Location, parse_aux_states, parse_location
from .tolerance import Tolerance, default_numeric_eps

__all__ = ["check_numeric_gradient", "numeric_grad"]

_PROJECTION = "__random_proj"


def numeric_grad(
    executor: Any,
    location: Mapping[str, np.ndarray],
    aux_states: Mapping[str, Any] | None = None,
    eps: float = 1e-4,
    use_forward_train: bool = True,
    dtype: Any = np.float32,
) -> dict[str, np.ndarray]:
    """Central differences of the sum of an executor's first output, for every element of every argument of floating-point type.

    Parameters
    ----------
    executor : Executor
    location : dict
        Values of arguments (numpy) by name.
    aux_states : dict, optional
        Values of auxiliary states, set before each forward.
    eps : float
        The distance of the two points.
    use_forward_train : bool
        Whether to run the forward of training.
    dtype : numpy type
        Of the result.

    Returns
    -------
    dict
        The differences (numpy) by name; 0 for arguments of other types.
    """

    def run() -> float:
        for name, value in (aux_states or {}).items():
            executor.aux_dict[name][:] = value
        executor.forward(is_train=use_forward_train)
        return float(np.sum(executor.outputs[0].asnumpy(), dtype=np.float64))

    result = {}
    for name, value in location.items():
        executor.arg_dict[name][:] = value
    for name, value in location.items():
        result[name] = np.zeros(value.shape, dtype=dtype)
        if value.dtype.kind != "f":
            continue
        moved = np.array(value)
        flat, slopes = moved.reshape(-1), result[name].reshape(-1)
        for i, centre in enumerate(flat.tolist()):
            ends = []
            for step in (eps / 2, -eps / 2):
                flat[i] = centre + step
                executor.arg_dict[name][:] = moved
                ends.append(run())
            flat[i] = centre
            slopes[i] = (ends[0] - ends[1]) / eps
        executor.arg_dict[name][:] = value
    return result


def _requests(sym: Symbol, grad_nodes: Any) -> dict[str, str]:
    if grad_nodes is None:
        return dict.fromkeys(sym.list_arguments(), "write")
    if isinstance(grad_nodes, Mapping):
        return dict(grad_nodes)
    if isinstance(grad_nodes, (list, tuple, set)):
        return dict.fromkeys(grad_nodes, "write")
    raise ValueError(f"grad_nodes must be a list of names or a dict of name to 'write', 'add' or 'null', not {grad_nodes!r}")


def check_numeric_gradient(
    sym: Symbol,
    location: Location,
    aux_states: Location | None = None,
    numeric_eps: float | None = None,
    rtol: Tolerance = None,
    atol: Tolerance = None,
    grad_nodes: Sequence[str] | Mapping[str, str] | None = None,
    use_forward_train: bool = True,
    ctx: Context | None = None,
    grad_stype_dict: Mapping[str, str] | None = None,
    dtype: Any = np.float32,
) -> None:
    """Compare the gradients of a symbol of one output with finite differences of a random projection of it.

    Parameters
    ----------
    sym : Symbol
        With one output.
    location : list or dict
        Values of the arguments, in their order or by name.
    aux_states : list or dict, optional
        Values of the auxiliary states; they are the same in each forward.
    numeric_eps : float, optional
        The distance of the two points; default: by the type (`default_numeric_eps`).
    rtol, atol : number, dict or None
        See `assert_almost_equal`.
    grad_nodes : list or dict, optional
        Arguments whose gradients to compare, by name; a dict says how they are stored: ``'write'``, ``'add'`` or ``'null'``.
    use_forward_train : bool
        Whether the differences are those of the forward of training.
    ctx : Context, optional
        Default: the current one.
    grad_stype_dict : dict, optional
        Storage types; only ``'default'`` is there.
    dtype : numpy type
        float16, float32 or float64: of the arguments that have no type themselves.

    Raises
    ------
    AssertionError
        A gradient differs from the differences; the message names the argument and the element.
    ValueError
        Arguments or states that do not fit the symbol.

    Examples
    --------
    >>> import clsym as mx
    >>> a = mx.sym.Variable('a')
    >>> check_numeric_gradient(a * a, {'a': np.array([1.0, 2.0])})
    """
    if np.dtype(dtype).kind != "f":
        raise AssertionError(f"check_numeric_gradient takes dtype float16, float32 or float64, not {np.dtype(dtype).name}")
    if any(s not in (None, "default") for s in (grad_stype_dict or {}).values()):
        raise ValueError("grad_stype_dict: clsym has dense arrays only; use 'default'")
    ctx = ctx or default_context()
    args = parse_location(sym, location, ctx, dtype)
    states = parse_aux_states(sym, aux_states, ctx, dtype)
    values = {k: v.asnumpy() for k, v in args.items()}
    requests = _requests(sym, grad_nodes)
    shape = sym.infer_shape(**{k: v.shape for k, v in args.items()})[1][0]
    scalar = symbol.make_loss(sym * symbol.Variable(_PROJECTION))
    weights = np.random.rand(*shape) + 0.1
    args = {**args, _PROJECTION: nd.array(weights, ctx=ctx, dtype=dtype)}
    grads = {k: nd.array(np.random.normal(0, 0.01, values[k].shape), ctx=ctx, dtype=values[k].dtype) for k in requests}
    before = {k: g.asnumpy() for k, g in grads.items()}
    executor = scalar.bind(ctx, args, grads, requests, states)
    start = {k: v.asnumpy() for k, v in states.items()}
    executor.forward(is_train=True)
    executor.backward()
    computed = {k: g.asnumpy() for k, g in grads.items()}
    eps = default_numeric_eps()[np.dtype(dtype)] if numeric_eps is None else numeric_eps
    slopes = numeric_grad(executor, values, start, eps, use_forward_train, dtype)
    for name, request in requests.items():
        labels = f"NUMERICAL_{name}", f"BACKWARD_{name}"
        if request == "write":
            assert_almost_equal(slopes[name], computed[name], rtol, atol, labels)
        elif request == "add":
            assert_almost_equal(slopes[name], computed[name] - before[name], rtol, atol, labels)
        elif request == "null":
            assert_almost_equal(before[name], computed[name], rtol, atol, labels)
        else:
            raise ValueError(f"Invalid grad_req {request} for argument {name}")
