"""Running a symbol once, and comparing its outputs and gradients with what they should be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .. import ndarray as nd
from ..context import Context
from ..symbol import Symbol
from .compare import assert_almost_equal
from .surroundings import default_context
from .tolerance import Tolerance

__all__ = ["check_symbolic_backward", "check_symbolic_forward", "parse_aux_states", "parse_location", "simple_forward"]

Location = Sequence[Any] | Mapping[str, Any]


def _on(ctx: Context, value: Any, dtype: Any) -> nd.NDArray:
    """An NDArray of that type, or, for ``'asnumpy'``, of the value's own; what is an NDArray keeps its type."""
    if isinstance(value, nd.NDArray):
        return value.as_in_context(ctx)
    return nd.array(value, ctx=ctx, dtype=np.asarray(value).dtype if isinstance(dtype, str) and dtype == "asnumpy" else dtype)


def _named(names: Sequence[str], given: Location, what: str, keys: str) -> dict[str, Any]:
    """A list or a dict of values as a dict by name; a list may be shorter."""
    if isinstance(given, Mapping):
        if set(given) != set(names):
            raise ValueError(
                f"Symbol {what} and keys of the given {keys} do not match. symbol {what}: {sorted(names)}, given: {sorted(map(str, given))}"
            )
        return dict(given)
    return dict(zip(names, given, strict=False))


def parse_location(sym: Symbol, location: Location, ctx: Context, dtype: Any = np.float32) -> dict[str, nd.NDArray]:
    """The values of a symbol's arguments as NDArrays by name.

    Raises
    ------
    ValueError
        A dict whose names are not those of the arguments.
    """
    return {k: _on(ctx, v, dtype) for k, v in _named(sym.list_arguments(), location, "args", "location").items()}


def parse_aux_states(sym: Symbol, aux_states: Location | None, ctx: Context, dtype: Any = np.float32) -> dict[str, nd.NDArray]:
    """The values of a symbol's auxiliary states as NDArrays by name; none were given: an empty dict."""
    if aux_states is None:
        return {}
    return {k: _on(ctx, v, dtype) for k, v in _named(sym.list_auxiliary_states(), aux_states, "aux_states", "aux_states").items()}


def simple_forward(sym: Symbol, ctx: Context | None = None, is_train: bool = False, **inputs: Any) -> Any:
    """The outputs of a symbol for numpy inputs by name: one numpy array, or a list.

    >>> import clsym as mx
    >>> simple_forward(mx.sym.Variable('a') + 1, a=np.ones(2)).tolist()
    [2.0, 2.0]
    """
    ctx = ctx or default_context()
    args = {k: nd.array(v, ctx=ctx) for k, v in inputs.items()}
    executor = sym.bind(ctx, args={k: v for k, v in args.items() if k in sym.list_arguments()}, aux_states={
        k: v for k, v in args.items() if k in sym.list_auxiliary_states()
    })  # fmt: skip
    executor.forward(is_train=is_train)
    outputs = [o.asnumpy() for o in executor.outputs]
    return outputs[0] if len(outputs) == 1 else outputs


def check_symbolic_forward(
    sym: Symbol,
    location: Location,
    expected: Sequence[Any] | Mapping[str, Any],
    rtol: Tolerance = None,
    atol: Tolerance = None,
    aux_states: Location | None = None,
    ctx: Context | None = None,
    equal_nan: bool = False,
    dtype: Any = np.float32,
) -> list[nd.NDArray]:
    """Compare the outputs of a symbol with expected values.

    Parameters
    ----------
    sym : Symbol
    location : list or dict
        Values of the arguments, in their order or by name.
    expected : list or dict
        What the outputs should be, in their order or by the outputs' names.
    rtol, atol : number, dict or None
        See `assert_almost_equal`.
    aux_states : list or dict, optional
        Values of the auxiliary states.
    ctx : Context, optional
        Default: the current one.
    equal_nan : bool
        NaN equals NaN.
    dtype : numpy type or 'asnumpy'
        Of the arrays made of values that are no NDArrays; ``'asnumpy'``: the value's own.

    Returns
    -------
    list of NDArray
        The outputs.

    Raises
    ------
    AssertionError
        They differ.
    """
    ctx = ctx or default_context()
    names = sym.list_outputs()
    wanted = [expected[n] for n in names] if isinstance(expected, Mapping) else list(expected)
    executor = sym.bind(ctx, args=parse_location(sym, location, ctx, dtype), aux_states=parse_aux_states(sym, aux_states, ctx, dtype))
    executor.forward(is_train=False)
    for name, want, output in zip(names, wanted, executor.outputs, strict=False):
        assert_almost_equal(want, output.asnumpy(), rtol, atol, (f"EXPECTED_{name}", f"FORWARD_{name}"), equal_nan=equal_nan)
    return executor.outputs


def _requests(names: Sequence[str], grad_req: Any) -> dict[str, str]:
    if isinstance(grad_req, str):
        return dict.fromkeys(names, grad_req)
    return dict(grad_req) if isinstance(grad_req, Mapping) else dict(zip(names, grad_req, strict=True))


def check_symbolic_backward(
    sym: Symbol,
    location: Location,
    out_grads: Any,
    expected: Location,
    rtol: Tolerance = None,
    atol: Tolerance = None,
    aux_states: Location | None = None,
    grad_req: Any = "write",
    ctx: Context | None = None,
    grad_stypes: Mapping[str, str] | None = None,
    equal_nan: bool = False,
    dtype: Any = np.float32,
) -> dict[str, nd.NDArray]:
    """Compare the gradients of a symbol with expected values.

    Parameters
    ----------
    sym, location, rtol, atol, aux_states, ctx, equal_nan, dtype
        As in `check_symbolic_forward`.
    out_grads : list, dict or None
        Gradients of the outputs, in their order or by the outputs' names; None: the outputs are losses.
    expected : list or dict
        What the gradients of the arguments should be, in their order or by name; arguments that are not named are not compared.
    grad_req : str, list or dict
        ``'write'``, ``'add'`` (the gradient arrays begin with random values, to which `expected` adds) or ``'null'`` (they must stay
        as they were).
    grad_stypes : dict, optional
        Storage types; only ``'default'`` is there.

    Returns
    -------
    dict
        The gradients by name.

    Raises
    ------
    AssertionError
        They differ.
    """
    ctx = ctx or default_context()
    names = sym.list_arguments()
    args = parse_location(sym, location, ctx, dtype)
    wanted = dict(expected) if isinstance(expected, Mapping) else dict(zip(names, expected, strict=False))
    requests = _requests(names, grad_req)
    for name, stype in (grad_stypes or {}).items():
        if stype not in (None, "default"):
            raise ValueError(f"grad_stypes[{name!r}] is {stype!r}: clsym has dense arrays only; use 'default'")
    grads = {n: nd.array(np.random.normal(size=np.shape(v)), ctx=ctx, dtype=args[n].dtype) for n, v in wanted.items()}
    before = {n: g.asnumpy() for n, g in grads.items()}
    executor = sym.bind(ctx, args, grads, {n: r for n, r in requests.items() if n in names}, parse_aux_states(sym, aux_states, ctx, dtype))
    executor.forward(is_train=True)
    if isinstance(out_grads, Mapping):
        out_grads = [out_grads[n] for n in sym.list_outputs()]
    heads = None if out_grads is None else [None if g is None else _on(ctx, g, dtype) for g in out_grads]
    executor.backward(heads)
    for name, want in wanted.items():
        got = executor.grad_dict[name].asnumpy() if requests[name] != "null" else grads[name].asnumpy()
        labels = f"EXPECTED_{name}", f"BACKWARD_{name}"
        if requests[name] == "write":
            assert_almost_equal(want, got, rtol, atol, labels, equal_nan=equal_nan)
        elif requests[name] == "add":
            assert_almost_equal(want, got - before[name], rtol, atol, labels, equal_nan=equal_nan)
        else:
            assert_almost_equal(before[name], got, rtol, atol, labels, equal_nan=equal_nan)
    return grads
