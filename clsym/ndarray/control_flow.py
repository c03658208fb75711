"""Loops and branches over arrays: ``mx.nd.contrib.foreach``, ``while_loop`` and ``cond``. They run at once, as plain Python does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .ndarray import NDArray
from .register import operator

__all__ = ["cond", "foreach", "while_loop"]

Format = Any
"""How arrays are nested: 0 for one, a list for a list."""


def _flatten(value: Any, what: str) -> tuple[list[NDArray], Format]:
    if isinstance(value, NDArray):
        return [value], 0
    if not isinstance(value, (list, tuple)):
        raise AssertionError(f"{what} must be (nested) list of NDArray, but got {value} of type {type(value)}")
    parts = [_flatten(v, what) for v in value]
    return [a for flat, _ in parts for a in flat], [fmt for _, fmt in parts]


def _regroup(arrays: list[NDArray], fmt: Format) -> Any:
    """The arrays, taken from the front of the list, nested as they were."""
    return arrays.pop(0) if fmt == 0 else [_regroup(arrays, f) for f in fmt]


def _truth(value: Any) -> bool:
    return bool(value.asscalar() if isinstance(value, NDArray) else value)


def foreach(body: Callable[..., Any], data: Any, init_states: Any) -> tuple[Any, Any]:
    """A loop over axis 0 of some arrays.

    ``out[t], states[t + 1] = body(data[t], states[t])``

    Parameters
    ----------
    body : callable
        ``body(data, states) -> (outputs, states)``, called for each row.
    data : NDArray or nested list of NDArray
        What the loop goes through. The rows of a vector have the shape (1,).
    init_states : NDArray or nested list of NDArray
        The first states.

    Returns
    -------
    outputs, states
        The outputs, stacked along a new axis 0 and nested as the body returned them, and the states in the end.

    Raises
    ------
    AssertionError
        The data or an output are no arrays.

    Examples
    --------
    >>> import clsym as mx
    >>> outs, last = mx.nd.contrib.foreach(lambda x, s: (x + s, x + s), mx.nd.array([[1], [2], [3]]), mx.nd.array([10]))
    >>> outs.asnumpy().tolist(), last.asnumpy().tolist()
    ([[11.0], [13.0], [16.0]], [16.0])
    """
    rows, row_format = _flatten(data, "foreach input")
    _flatten(init_states, "foreach states")
    states, turns = init_states, []
    out_format: Format = []
    for t in range(rows[0].shape[0] if rows else 0):
        outputs, states = body(_regroup([a[t] for a in rows], row_format), states)
        flat, out_format = _flatten(outputs, "foreach output")
        turns.append(flat)
    stacked = [operator("stack")(*values) for values in zip(*turns, strict=True)]
    return _regroup(stacked, out_format), states


def while_loop(cond: Callable[..., Any], func: Callable[..., Any], loop_vars: Any, max_iterations: Any = None) -> tuple[Any, Any]:
    """A loop that goes on as long as a condition of its variables holds.

    Parameters
    ----------
    cond : callable
        ``cond(*loop_vars)``, one number.
    func : callable
        ``func(*loop_vars) -> (outputs, new_loop_vars)``.
    loop_vars : NDArray or list of NDArray
        The first values.
    max_iterations : int
        The most turns.

    Returns
    -------
    outputs, states
        The outputs, stacked along a new axis 0 of `max_iterations` rows, zero where there was no turn (an empty list if there was none at
        all), and the variables in the end.

    Raises
    ------
    ValueError
        `max_iterations` is missing or no number, there are no variables, or the numbers of variables or outputs change.

    Examples
    --------
    >>> import clsym as mx
    >>> outs, last = mx.nd.contrib.while_loop(lambda i: i < 3, lambda i: (i * 2, i + 1), mx.nd.array([1]), max_iterations=3)
    >>> outs.asnumpy().tolist(), last.asnumpy().tolist()
    ([[2.0], [4.0], [0.0]], [3.0])
    """
    if max_iterations is None:
        raise ValueError("max_iterations should be specified")
    try:
        most = int(max_iterations.asscalar() if isinstance(max_iterations, NDArray) else max_iterations)
    except (TypeError, ValueError) as exc:
        raise ValueError("Cannot convert max_iteration to python int") from exc
    alone = isinstance(loop_vars, NDArray)
    if not alone and len(loop_vars) == 0:
        raise ValueError("loop_vars should contain at least one element")
    variables, variable_format = _flatten(loop_vars, "while loop_vars")
    now = loop_vars
    out_format: Format = []
    turns: list[list[NDArray]] = []
    while len(turns) < most and _truth(cond(*([now] if alone else now))):
        outputs, fresh = func(*([now] if alone else now))
        flat, out_format = _flatten([] if outputs is None else outputs, "while output")
        news, _ = _flatten([] if fresh is None else fresh, "while loop_vars")
        if len(news) != len(variables):
            raise ValueError("The length of loop_vars should be consistent during the loop")
        if turns and len(flat) != len(turns[0]):
            raise ValueError("Number of elements in step_output should be the same in each step")
        turns.append(flat)
        now = _regroup(news, variable_format)
    if not turns:
        return [], loop_vars
    stacked = [_padded(operator("stack")(*values), most) for values in zip(*turns, strict=True)]
    return _regroup(stacked, out_format), now


def _padded(rows: NDArray, count: int) -> NDArray:
    """The rows, and zeros behind them."""
    missing = count - rows.shape[0]
    if not missing:
        return rows
    zeros = operator("_zeros")(shape=(missing, *rows.shape[1:]), dtype=rows._dtype, ctx=rows.context)
    result: NDArray = operator("Concat")(rows, zeros, dim=0)
    return result


def cond(pred: Any, then_func: Callable[[], Any], else_func: Callable[[], Any]) -> Any:
    """What `then_func` returns where `pred`, one number, is not zero, else what `else_func` does.

    Raises
    ------
    ValueError
        `pred` has several elements.

    Examples
    --------
    >>> import clsym as mx
    >>> mx.nd.contrib.cond(mx.nd.array([0]), lambda: 1, lambda: 2)
    2
    """
    return then_func() if _truth(pred) else else_func()
