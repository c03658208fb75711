"""Gradient descent and its kin: SGD, NAG, Signum, DCASGD, SGLD."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..ndarray import NDArray
from ..ndarray.register import operator
from . import rule as rules
from .base import register
from .fused import Fused, arrays_of, bound, zeros_like
from .prepared import packed
from .rule import Numbers, Rule
from .surroundings import aggregation

__all__ = ["DCASGD", "NAG", "SGD", "SGLD", "Momentum", "Signum", "Test", "ccSGD"]


class Momentum(Fused):
    """What optimizers with one optional momentum share: their states, in mixed precision (momentum, weight in float32)."""

    momentum: float
    _own_name = "SGD optimizer"

    def create_state(self, index: Any, weight: NDArray) -> Any:
        return zeros_like(weight, 1) if self.momentum != 0.0 else None

    def create_state_multi_precision(self, index: Any, weight: NDArray) -> Any:
        if self.multi_precision and weight.dtype == np.float16:
            master = weight.astype(np.float32)
            return packed((self.create_state(index, master), master))
        self._warn_of_float16(weight, self._own_name)
        return self.create_state(index, weight)

    def parts(self, state: Any, mixed: bool) -> tuple[tuple[NDArray, ...], NDArray | None]:
        return (arrays_of(state[0]), state[1]) if mixed else (arrays_of(state), None)


@register
class SGD(Momentum):
    """Stochastic gradient descent: mom = momentum * mom - lr * (g + wd * weight); weight + mom.

    Parameters
    ----------
    momentum : float
    lazy_update : bool
        Without effect on dense gradients.
    **kwargs
        See `Optimizer`.

    Examples
    --------
    >>> import clsym as mx
    >>> sgd, w = mx.optimizer.SGD(learning_rate=0.25), mx.nd.ones(1)
    >>> sgd.update(0, w, mx.nd.ones(1), sgd.create_state(0, w))
    >>> w.asscalar()
    np.float32(0.75)
    """

    def __init__(self, momentum: float = 0.0, lazy_update: bool = True, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.momentum = momentum
        self.lazy_update = lazy_update
        self.aggregate_num = aggregation(4)

    def rule(self, states: int) -> Rule:
        return Rule(rules.SGD_MOM, 1) if states else Rule(rules.SGD, 0)

    def numbers(self, indices: Sequence[Any]) -> Numbers:
        return Numbers(self._get_lrs(indices), self._get_wds(indices), (), self.rescale_grad, bound(self.clip_gradient), (self.momentum,))


@register
class ccSGD(SGD):
    """Another name of `SGD`, for old scripts."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)


@register
class NAG(Momentum):
    """Nesterov's accelerated gradient.

    Parameters
    ----------
    momentum : float
    **kwargs
        See `Optimizer`.
    """

    _own_name = "NAG optimizer"

    def __init__(self, momentum: float = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.momentum = momentum

    def rule(self, states: int) -> Rule:
        return Rule(rules.NAG, 1) if states else Rule(rules.SGD, 0)

    def numbers(self, indices: Sequence[Any]) -> Numbers:
        return Numbers(self._get_lrs(indices), self._get_wds(indices), (), self.rescale_grad, bound(self.clip_gradient), (self.momentum,))


@register
class Signum(Fused):
    """The sign of the momentum, or of the gradient where there is none.

    mom = momentum * mom - (1 - momentum) * (g + wd * weight); (1 - lr * wd_lh) * weight + lr * sign(mom).

    Parameters
    ----------
    learning_rate, momentum : float
    wd_lh : float
        Weight decay outside of the momentum.
    **kwargs
        See `Optimizer`.
    """

    def __init__(self, learning_rate: float = 0.01, momentum: float = 0.9, wd_lh: float = 0.0, **kwargs: Any) -> None:
        super().__init__(learning_rate=learning_rate, **kwargs)
        self.momentum = momentum
        self.wd_lh = wd_lh

    def create_state(self, index: Any, weight: NDArray) -> Any:
        return zeros_like(weight, 1) if self.momentum != 0.0 else None

    def rule(self, states: int) -> Rule:
        return Rule(rules.SIGNUM, 1) if states else Rule(rules.SIGNSGD, 0)

    def numbers(self, indices: Sequence[Any]) -> Numbers:
        hyper = (self.momentum, self.wd_lh)
        return Numbers(self._get_lrs(indices), self._get_wds(indices), (), self.rescale_grad, bound(self.clip_gradient), hyper)


@register
class DCASGD(Fused):
    """Descent with compensation of delayed gradients (Zheng et al., 2016).

    mom = momentum * mom - lr * (g + wd * weight + lamda * g^2 * (weight - weight before)); weight + mom.

    Parameters
    ----------
    momentum, lamda : float
    **kwargs
        See `Optimizer`.
    """

    def __init__(self, momentum: float = 0.0, lamda: float = 0.04, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.momentum = momentum
        self.weight_previous: dict[Any, Any] = {}
        self.lamda = lamda

    def create_state(self, index: Any, weight: NDArray) -> Any:
        return (zeros_like(weight, 1) if self.momentum != 0.0 else None), weight.copy()

    def parts(self, state: Any, mixed: bool) -> tuple[tuple[NDArray, ...], NDArray | None]:
        master, inner = state if mixed else (None, state)
        return arrays_of(inner)[::-1], master

    def rule(self, states: int) -> Rule:
        return Rule(rules.DCASGD, states)

    def numbers(self, indices: Sequence[Any]) -> Numbers:
        clip = -1.0 if self.clip_gradient is None else self.clip_gradient
        return Numbers(self._get_lrs(indices), self._get_wds(indices), (), self.rescale_grad, clip, (self.momentum, self.lamda))


@register
class SGLD(Fused):
    """Stochastic gradient Langevin dynamics: weight - lr / 2 * (g + wd * weight) + a draw of deviation sqrt(lr).

    Parameters
    ----------
    **kwargs
        See `Optimizer`.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)

    def create_state(self, index: Any, weight: NDArray) -> None:
        return None

    def rule(self, states: int) -> Rule:
        return Rule(rules.SGLD, 1)

    def numbers(self, indices: Sequence[Any]) -> Numbers:
        clip = -1.0 if self.clip_gradient is None else self.clip_gradient
        lrs = self._get_lrs(indices)
        return Numbers(lrs, self._get_wds(indices), ([math.sqrt(lr) for lr in lrs],), self.rescale_grad, clip)

    def step(self, index: Any, weight: Any, grad: Any, state: Any, mixed: bool) -> None:
        """Draw for all parameters at once, then take the step."""
        if isinstance(index, (list, tuple)):
            self._update_count(index)
            weights, masters = list(weight), [s[0] if mixed and w.dtype == np.float16 else None for w, s in zip(weight, state, strict=True)]
            draws = self._draw([w if m is None else m for w, m in zip(weights, masters, strict=True)])
            states = [d if m is None else (m, d) for m, d in zip(masters, draws, strict=True)]
            self.launch(index, weights, grad, states, mixed, self.numbers(index))
        else:
            self.step([index], [weight], [grad], [state], mixed)

    def _draw(self, weights: Sequence[NDArray]) -> list[NDArray]:
        """Noise for each weight, all of one type from one draw, in arrays that are kept for the next time."""
        kept = self.__dict__.setdefault("_noise", {})
        key = tuple((w._ctx, w._dtype, w._shape) for w in weights)
        if key not in kept:
            kept.clear()
            kept[key] = _noise_for(weights)
        whole, parts = kept[key]
        for array in whole:
            operator("_random_normal")(loc=0, scale=1, shape=array.shape, dtype=array._dtype, ctx=array.context, out=array)
        return list(parts)

    def __getstate__(self) -> dict[str, Any]:
        return {k: v for k, v in super().__getstate__().items() if k != "_noise"}


def _noise_for(weights: Sequence[NDArray]) -> tuple[list[NDArray], list[NDArray]]:
    apart: dict[Any, list[int]] = {}
    for k, w in enumerate(weights):
        apart.setdefault((w._ctx, w._dtype), []).append(k)
    whole, parts = [], {}
    for (ctx, dtype), those in apart.items():
        array = NDArray._empty((max(1, sum(weights[k].size for k in those)),), dtype, ctx)
        whole.append(array)
        start = 0
        for k in those:
            parts[k] = array._view(start, weights[k]._shape)
            start += weights[k].nbytes
    return whole, [parts[k] for k in range(len(weights))]


@register
class Test(Fused):
    """Adds the rescaled gradient and keeps the result as its state: for tests of other code.

    Parameters
    ----------
    **kwargs
        See `Optimizer`.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)

    def create_state(self, index: Any, weight: NDArray) -> Any:
        return zeros_like(weight, 1)

    def rule(self, states: int) -> Rule:
        return Rule(rules.TEST, 1)

    def numbers(self, indices: Sequence[Any]) -> Numbers:
        none = [0.0] * len(indices)
        return Numbers(none, none, (), self.rescale_grad)

    def _update_count(self, index: Any) -> None:
        """This one counts nothing."""
