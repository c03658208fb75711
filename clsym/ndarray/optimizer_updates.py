"""Steps of optimizers as ``mx.nd.contrib`` has them: lists of arrays, and a factor of the gradient that may be a number."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .creation import full
from .ndarray import NDArray
from .register import operator

__all__ = [
    "adamw_update", "mp_adamw_update", "multi_adamw_update", "multi_lamb_update", "multi_mp_adamw_update", "multi_mp_lamb_update",
]  # fmt: skip


def _factor(rescale_grad: float | NDArray, weight: NDArray) -> NDArray:
    """The factor as an array where the weight is."""
    if isinstance(rescale_grad, NDArray):
        return rescale_grad.as_in_context(weight.ctx)
    return full((1,), rescale_grad, ctx=weight.ctx)


def _in_turn(*lists: Sequence[NDArray]) -> list[NDArray]:
    """The first of each list, the second of each, ..."""
    return [array for tensors in zip(*lists, strict=False) for array in tensors]


def adamw_update(
    weight: NDArray, grad: NDArray, mean: NDArray, var: NDArray, rescale_grad: float | NDArray, lr: float, eta: float, beta1: float = 0.9,
    beta2: float = 0.999, epsilon: float = 1e-8, wd: float = 0, clip_gradient: float = -1, out: Any = None, name: str | None = None,
    **kwargs: Any,
) -> Any:  # fmt: skip
    """A step of AdamW (``_adamw_update``); nothing changes where ``rescale_grad`` is 0 or not finite.

    Parameters
    ----------
    weight, grad, mean, var : NDArray
        `mean` and `var` are overwritten.
    rescale_grad : float or NDArray
        Factor of the gradient.

    Examples
    --------
    >>> import clsym as mx
    >>> w, g, m, v = mx.nd.array([1]), mx.nd.array([2]), mx.nd.zeros(1), mx.nd.zeros(1)
    >>> w = mx.nd.contrib.adamw_update(w, g, m, v, 1.0, lr=0.1, eta=1, wd=0.5)
    >>> round(float(w.asscalar()), 3)
    0.184
    """
    kwargs |= {"lr": lr, "eta": eta, "beta1": beta1, "beta2": beta2, "epsilon": epsilon, "wd": wd, "clip_gradient": clip_gradient}
    return operator("_adamw_update")(weight, grad, mean, var, _factor(rescale_grad, weight), out=out, name=name, **kwargs)


def mp_adamw_update(
    weight: NDArray, grad: NDArray, mean: NDArray, var: NDArray, weight32: NDArray, rescale_grad: float | NDArray, lr: float, eta: float,
    beta1: float = 0.9, beta2: float = 0.999, epsilon: float = 1e-8, wd: float = 0, clip_gradient: float = -1, out: Any = None,
    name: str | None = None, **kwargs: Any,
) -> Any:  # fmt: skip
    """A step of AdamW with the weight in full precision (``_mp_adamw_update``)."""
    kwargs |= {"lr": lr, "eta": eta, "beta1": beta1, "beta2": beta2, "epsilon": epsilon, "wd": wd, "clip_gradient": clip_gradient}
    factor = _factor(rescale_grad, weight)
    return operator("_mp_adamw_update")(weight, grad, mean, var, weight32, factor, out=out, name=name, **kwargs)


def multi_adamw_update(
    weights: Sequence[NDArray], grads: Sequence[NDArray], mean: Sequence[NDArray], var: Sequence[NDArray], rescale_grad: float | NDArray,
    lrs: Sequence[float], wds: Sequence[float], etas: Sequence[float], out: Any = None, name: str | None = None, size: int = 0,
    **kwargs: Any,
) -> Any:  # fmt: skip
    """Steps of AdamW of several weights (``_multi_adamw_update``)."""
    given = [*_in_turn(weights, grads, mean, var), _factor(rescale_grad, weights[0])]
    kwargs |= {"num_weights": size or len(weights), "lrs": lrs, "wds": wds, "etas": etas}
    return operator("_multi_adamw_update")(*given, out=out, name=name, **kwargs)


def multi_mp_adamw_update(
    weights: Sequence[NDArray], grads: Sequence[NDArray], mean: Sequence[NDArray], var: Sequence[NDArray], weights32: Sequence[NDArray],
    rescale_grad: float | NDArray, lrs: Sequence[float], wds: Sequence[float], etas: Sequence[float], out: Any = None,
    name: str | None = None, size: int = 0, **kwargs: Any,
) -> Any:  # fmt: skip
    """Steps of AdamW of several weights with copies in full precision (``_multi_mp_adamw_update``)."""
    given = [*_in_turn(weights, grads, mean, var, weights32), _factor(rescale_grad, weights[0])]
    kwargs |= {"num_weights": size or len(weights), "lrs": lrs, "wds": wds, "etas": etas}
    return operator("_multi_mp_adamw_update")(*given, out=out, name=name, **kwargs)


def multi_lamb_update(
    weights: Sequence[NDArray], grads: Sequence[NDArray], mean: Sequence[NDArray], var: Sequence[NDArray], step_count: Sequence[int],
    lrs: Sequence[float], wds: Sequence[float], out: Any = None, num_tensors: int = 0, **kwargs: Any,
) -> Any:  # fmt: skip
    """Steps of LAMB of several weights (``_multi_lamb_update``)."""
    kwargs |= {"num_tensors": num_tensors or len(weights), "step_count": step_count, "learning_rates": lrs, "wds": wds}
    return operator("_multi_lamb_update")(*_in_turn(weights, grads, mean, var), out=out, **kwargs)


def multi_mp_lamb_update(
    weights: Sequence[NDArray], grads: Sequence[NDArray], mean: Sequence[NDArray], var: Sequence[NDArray], weights32: Sequence[NDArray],
    step_count: Sequence[int], lrs: Sequence[float], wds: Sequence[float], out: Any = None, num_tensors: int = 0, **kwargs: Any,
) -> Any:  # fmt: skip
    """Steps of LAMB of several weights with copies in full precision (``_multi_mp_lamb_update``)."""
    kwargs |= {"num_tensors": num_tensors or len(weights), "step_count": step_count, "learning_rates": lrs, "wds": wds}
    return operator("_multi_mp_lamb_update")(*_in_turn(weights, grads, mean, var, weights32), out=out, **kwargs)
