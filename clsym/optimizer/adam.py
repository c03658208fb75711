"""Adam and its kin: AdamW, Adamax, Nadam, FTML."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..ndarray import NDArray
from . import rule as rules
from .base import register
from .fused import Fused, bound, zeros_like
from .rule import Numbers, Rule

__all__ = ["FTML", "Adam", "AdamW", "Adamax", "Nadam"]


class _Moments(Fused):
    """Two states: means of the gradient and of its square."""

    beta1: float
    beta2: float
    epsilon: float

    def create_state(self, index: Any, weight: NDArray) -> Any:
        return zeros_like(weight, 2)

    def _steps(self, indices: Sequence[Any]) -> list[int]:
        """How often each parameter was updated."""
        counts = self._index_update_count
        return [counts[i] for i in indices]


@register
class Adam(_Moments):
    """Adam (Kingma and Ba, 2014).

    mean = beta1 * mean + (1 - beta1) * g, var likewise of g^2 with beta2, where g includes wd * weight;
    weight - lr * sqrt(1 - beta2^t) / (1 - beta1^t) * mean / (sqrt(var) + epsilon).

    Parameters
    ----------
    learning_rate, beta1, beta2, epsilon : float
    lazy_update : bool
        Without effect on dense gradients.
    **kwargs
        See `Optimizer`.

    Examples
    --------
    >>> import clsym as mx
    >>> adam, w = mx.optimizer.Adam(learning_rate=0.5), mx.nd.ones(1)
    >>> adam.update(0, w, mx.nd.ones(1), adam.create_state(0, w))
    >>> round(float(w.asscalar()), 4)
    0.5
    """

    def __init__(
        self, learning_rate: float = 0.001, beta1: float = 0.9, beta2: float = 0.999, epsilon: float = 1e-8, lazy_update: bool = True,
        **kwargs: Any,
    ) -> None:  # fmt: skip
        super().__init__(learning_rate=learning_rate, **kwargs)
        self.beta1 = beta1
        self.beta2 = beta2
        self.epsilon = epsilon
        self.lazy_update = lazy_update

    def rule(self, states: int) -> Rule:
        return Rule(rules.ADAM, 2)

    def numbers(self, indices: Sequence[Any]) -> Numbers:
        factors = {t: math.sqrt(1.0 - self.beta2**t) / (1.0 - self.beta1**t) for t in set(self._steps(indices))}
        lrs = [lr * factors[t] for lr, t in zip(self._get_lrs(indices), self._steps(indices), strict=True)]
        hyper = (self.beta1, self.beta2, self.epsilon)
        return Numbers(lrs, self._get_wds(indices), (), self.rescale_grad, bound(self.clip_gradient), hyper)


@register
class AdamW(_Moments):
    """Adam with decoupled weight decay (Loshchilov and Hutter, 2017), which MXNet 1.9.1 has as an operator only.

    weight - lr * (sqrt(1 - beta2^t) / (1 - beta1^t) * mean / (sqrt(var) + epsilon) + wd * weight).

    Parameters
    ----------
    learning_rate, beta1, beta2, epsilon : float
    correct_bias : bool
        Whether the means are corrected for their bias.
    **kwargs
        See `Optimizer`.
    """

    def __init__(
        self, learning_rate: float = 0.001, beta1: float = 0.9, beta2: float = 0.999, epsilon: float = 1e-6, correct_bias: bool = True,
        **kwargs: Any,
    ) -> None:  # fmt: skip
        super().__init__(learning_rate=learning_rate, **kwargs)
        self.beta1 = beta1
        self.beta2 = beta2
        self.epsilon = epsilon
        self.correct_bias = correct_bias

    def rule(self, states: int) -> Rule:
        return Rule(rules.ADAMW, 2)

    def numbers(self, indices: Sequence[Any]) -> Numbers:
        steps = self._steps(indices)
        factors = [math.sqrt(1.0 - self.beta2**t) / (1.0 - self.beta1**t) if self.correct_bias else 1.0 for t in steps]
        hyper = (self.beta1, self.beta2, self.epsilon)
        own = (self._get_lrs(indices),)
        return Numbers(factors, self._get_wds(indices), own, self.rescale_grad, bound(self.clip_gradient), hyper)


@register
class Adamax(_Moments):
    """Adam by the largest gradient (Kingma and Ba, 2014, section 7).

    mean = beta1 * mean + (1 - beta1) * g, u = max(beta2 * u, abs(g)), where g includes wd * weight; weight - lr / (1 - beta1^t) * mean / u.

    Parameters
    ----------
    learning_rate, beta1, beta2 : float
    **kwargs
        See `Optimizer`.
    """

    def __init__(self, learning_rate: float = 0.002, beta1: float = 0.9, beta2: float = 0.999, **kwargs: Any) -> None:
        super().__init__(learning_rate=learning_rate, **kwargs)
        self.beta1 = beta1
        self.beta2 = beta2

    def rule(self, states: int) -> Rule:
        return Rule(rules.ADAMAX, 2)

    def numbers(self, indices: Sequence[Any]) -> Numbers:
        lrs = [lr / (1.0 - self.beta1**t) for lr, t in zip(self._get_lrs(indices), self._steps(indices), strict=True)]
        clip = -1.0 if self.clip_gradient is None else self.clip_gradient
        return Numbers(lrs, self._get_wds(indices), (), self.rescale_grad, clip, (self.beta1, self.beta2))


@register
class Nadam(_Moments):
    """Adam with Nesterov's momentum (Dozat, 2015).

    Parameters
    ----------
    learning_rate, beta1, beta2, epsilon : float
    schedule_decay : float
        How quickly the momentum reaches beta1.
    **kwargs
        See `Optimizer`.

    Notes
    -----
    As in MXNet the momentum's schedule moves on with the update of each parameter, so that results depend on how many there are.
    """

    def __init__(
        self, learning_rate: float = 0.001, beta1: float = 0.9, beta2: float = 0.999, epsilon: float = 1e-8, schedule_decay: float = 0.004,
        **kwargs: Any,
    ) -> None:  # fmt: skip
        super().__init__(learning_rate=learning_rate, **kwargs)
        self.beta1 = beta1
        self.beta2 = beta2
        self.epsilon = epsilon
        self.schedule_decay = schedule_decay
        self.m_schedule = 1.0

    def rule(self, states: int) -> Rule:
        return Rule(rules.NADAM, 2)

    def numbers(self, indices: Sequence[Any]) -> Numbers:
        own: list[list[float]] = [[], [], []]
        for t in self._steps(indices):
            now, then = (self.beta1 * (1.0 - 0.5 * pow(0.96, s * self.schedule_decay)) for s in (t, t + 1))
            self.m_schedule *= now
            own[0].append((1.0 - now) / (1.0 - self.m_schedule))
            own[1].append(then / (1.0 - self.m_schedule * then))
            own[2].append(1.0 - pow(self.beta2, t))
        clip = -1.0 if self.clip_gradient is None else self.clip_gradient
        hyper = (self.beta1, self.beta2, self.epsilon)
        return Numbers(self._get_lrs(indices), self._get_wds(indices), own, self.rescale_grad, clip, hyper, 1.0 - self.beta2)


@register
class FTML(_Moments):
    """Follow the moving leader (Zheng and Kwok, 2017); see ``ftml_update``.

    Parameters
    ----------
    beta1, beta2, epsilon : float
    **kwargs
        See `Optimizer`.
    """

    def __init__(self, beta1: float = 0.6, beta2: float = 0.999, epsilon: float = 1e-8, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.beta1 = beta1
        self.beta2 = beta2
        self.epsilon = epsilon

    def create_state(self, index: Any, weight: NDArray) -> Any:
        return zeros_like(weight, 3)

    def rule(self, states: int) -> Rule:
        return Rule(rules.FTML, 3)

    def numbers(self, indices: Sequence[Any]) -> Numbers:
        real = np.float32  # MXNet's digits: 1 - beta2^t cancels
        own: dict[int, tuple[float, float]] = {}
        for t in set(self._steps(indices)):
            own[t] = tuple(float(real(1) - real(b) ** real(t)) for b in (self.beta1, self.beta2))  # type: ignore[assignment]
        steps = self._steps(indices)
        lrs = [own[t][0] / float(real(lr)) for lr, t in zip(self._get_lrs(indices), steps, strict=True)]
        hyper = (self.beta1, self.beta2, self.epsilon)
        second = [own[t][1] for t in steps]
        return Numbers(lrs, self._get_wds(indices), (second,), self.rescale_grad, bound(self.clip_gradient), hyper)
