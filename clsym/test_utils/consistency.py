"""One symbol on several devices and in several types, and how long it takes."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .. import ndarray as nd
from ..context import Context
from ..symbol import Symbol
from .compare import assert_almost_equal
from .surroundings import default_context
from .tolerance import Tolerance, default_atols, default_rtols

__all__ = ["check_consistency", "check_speed"]


def _by_type(tolerance: Tolerance, defaults: Mapping[Any, float]) -> dict[np.dtype[Any], float]:
    if tolerance is None:
        return dict(defaults)
    if isinstance(tolerance, Mapping):
        return {**defaults, **{np.dtype(k): v for k, v in tolerance.items()}}
    return dict.fromkeys(defaults, tolerance)


def _fill(executors: Sequence[Any], scale: float, use_uniform: bool, rand_type: Any, arg_params: Any, aux_params: Any) -> None:
    """The same values in all executors, each in its own types."""
    first = executors[0]
    args, states = dict(arg_params or {}), dict(aux_params or {})
    for name, array in first.arg_dict.items():
        if name not in args:
            draw = np.random.uniform(-0.92 * scale, 0.92 * scale, array.shape) if use_uniform else np.random.normal(0, scale, array.shape)
            args[name] = np.asarray(draw, dtype=rand_type)
    for name in first.aux_dict:
        states.setdefault(name, 0)
    for executor in executors:
        for name, array in executor.arg_dict.items():
            array[:] = args[name]
        for name, array in executor.aux_dict.items():
            array[:] = states[name]
        for array in executor.grad_dict.values():
            if array is not None:
                array[:] = 0


def _values(executor: Any, names: Sequence[str], backward: bool) -> dict[str, Any]:
    found = dict(zip(names, executor.outputs, strict=True))
    if backward:
        found.update(executor.grad_dict)
    return {k: None if v is None else v.copy() for k, v in found.items()}


def check_consistency(
    sym: Symbol | Sequence[Symbol],
    ctx_list: Sequence[Mapping[str, Any]],
    scale: float = 1.0,
    grad_req: Any = "write",
    arg_params: Mapping[str, Any] | None = None,
    aux_params: Mapping[str, Any] | None = None,
    rtol: Tolerance = None,
    atol: Tolerance = None,
    raise_on_err: bool = True,
    ground_truth: Mapping[str, Any] | None = None,
    equal_nan: bool = False,
    use_uniform: bool = False,
    rand_type: Any = np.float64,
) -> dict[str, Any]:
    """Compare outputs and gradients of one symbol on several devices and in several types with those of the most exact type.

    Parameters
    ----------
    sym : Symbol or list of Symbol
        One for all, or one an element of `ctx_list`, with the same arguments and outputs.
    ctx_list : list of dict
        At least two: keywords of `Symbol.simple_bind`: ``ctx``, shapes by argument, ``type_dict``.
    scale : float
        Standard deviation of the random arguments.
    grad_req : str, list or dict
        How gradients are stored; ``'null'``: the forward alone, without training.
    arg_params, aux_params : dict, optional
        Values of arguments and auxiliary states; others are drawn, states are 0.
    rtol, atol : number, dict or None
        By type; default: `default_rtols`, `default_atols`. The less exact of both types counts.
    raise_on_err : bool
        False: print differences rather than raise.
    ground_truth : dict, optional
        What to compare with, by the names of outputs and arguments.
    equal_nan : bool
        NaN equals NaN.
    use_uniform : bool
        Draw from a uniform distribution.
    rand_type : numpy type
        Draws are rounded to it first, so that all types get the same.

    Returns
    -------
    dict
        What was compared with: outputs and gradients (NDArray) by name.

    Raises
    ------
    AssertionError
        Something differs; or `ctx_list` is too short.
    """
    assert len(ctx_list) > 1, "check_consistency compares at least two elements of ctx_list"
    symbols = [sym] * len(ctx_list) if isinstance(sym, Symbol) else list(sym)
    assert len(symbols) == len(ctx_list), f"{len(symbols)} symbols for {len(ctx_list)} elements of ctx_list"
    names = symbols[0].list_outputs()
    for s in symbols[1:]:
        assert s.list_arguments() == symbols[0].list_arguments(), "the symbols have different arguments"
        assert s.list_outputs() == names, "the symbols have different outputs"
    executors = [s.simple_bind(grad_req=grad_req, **c) for s, c in zip(symbols, ctx_list, strict=True)]
    _fill(executors, scale, use_uniform, rand_type, arg_params, aux_params)
    types = [np.dtype(e.outputs[0].dtype) for e in executors]
    truth_at = max(range(len(executors)), key=lambda i: (types[i].kind == "f", types[i].itemsize, -i))
    relative, absolute = _by_type(rtol, default_rtols()), _by_type(atol, default_atols())
    trains = grad_req != "null"

    def compare(found: list[dict[str, Any]], truth: Mapping[str, Any], phase: str) -> None:
        for i, values in enumerate(found):
            if i == truth_at and ground_truth is None:
                continue
            for name, value in values.items():
                if value is None or truth.get(name) is None:
                    continue
                kinds = [np.dtype(value.dtype), np.dtype(truth[name].dtype)]
                try:
                    assert_almost_equal(
                        value.asnumpy(),
                        np.asarray(truth[name].asnumpy() if isinstance(truth[name], nd.NDArray) else truth[name]),
                        rtol=max(relative[k] for k in kinds),
                        atol=max(absolute[k] for k in kinds),
                        names=(f"{phase}_{name}_{ctx_list[i]['ctx']}", f"{phase}_{name}_truth"),
                        equal_nan=equal_nan,
                    )
                except AssertionError as problem:
                    print(f"{phase.capitalize()} error: ctx_list[{i}] against ctx_list[{truth_at}], {name}\n{problem}")
                    if raise_on_err:
                        raise

    for executor in executors:
        executor.forward(is_train=trains)
    found = [_values(e, names, False) for e in executors]
    truth = ground_truth if ground_truth is not None else found[truth_at]
    compare(found, truth, "predict" if not trains else "train")
    if trains:
        heads = found[truth_at]
        for executor in executors:
            executor.backward([heads[n].astype(o.dtype).as_in_context(o.context) for n, o in zip(names, executor.outputs, strict=True)])
        found = [_values(e, names, True) for e in executors]
        truth = ground_truth if ground_truth is not None else found[truth_at]
        compare(found, truth, "train")
    return dict(truth)


def check_speed(
    sym: Symbol,
    location: Mapping[str, Any] | None = None,
    ctx: Context | None = None,
    N: int = 20,
    grad_req: str | None = None,
    typ: str = "whole",
    **kwargs: Any,
) -> float:
    """Seconds of one forward and backward, or of one forward.

    Parameters
    ----------
    sym : Symbol
    location : dict, optional
        Values of the arguments by name; default: drawn, with shapes from `kwargs`.
    ctx : Context, optional
        Default: the current one.
    N : int
        How many runs to take the mean of; one runs before.
    grad_req : str, optional
        Default: ``'write'``.
    typ : {'whole', 'forward'}
        Whether the backward runs as well.
    kwargs
        Shapes by argument, as for `Symbol.simple_bind`.

    Returns
    -------
    float
    """
    if typ not in ("whole", "forward"):
        raise ValueError('typ can only be "whole" or "forward".')
    ctx = ctx or default_context()
    shapes = {k: v.shape for k, v in location.items()} if location is not None else kwargs
    executor = sym.simple_bind(grad_req=grad_req or ("write" if typ == "whole" else "null"), ctx=ctx, **shapes)
    for name, array in executor.arg_dict.items():
        array[:] = np.random.normal(size=array.shape) if location is None else location[name]

    def run() -> None:
        executor.forward(is_train=typ == "whole")
        if typ == "whole":
            executor.backward(executor.outputs)

    run()
    nd.waitall()
    start = time.perf_counter()
    for _ in range(N):
        run()
    nd.waitall()
    return (time.perf_counter() - start) / N
