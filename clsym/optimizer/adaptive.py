"""Rates that follow the squares of the gradients: AdaGrad, AdaDelta, RMSProp, Ftrl."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..ndarray import NDArray
from . import rule as rules
from .base import register
from .fused import Fused, bound, zeros_like
from .rule import Numbers, Rule

__all__ = ["AdaDelta", "AdaGrad", "Ftrl", "RMSProp"]


@register
class AdaGrad(Fused):
    """AdaGrad (Duchi et al., 2011): history += g^2; weight - lr * (g / sqrt(history + eps) + wd * weight).

    Parameters
    ----------
    eps : float
    **kwargs
        See `Optimizer`.

    Examples
    --------
    >>> import clsym as mx
    >>> adagrad, w = mx.optimizer.AdaGrad(learning_rate=0.5), mx.nd.ones(1)
    >>> adagrad.update(0, w, mx.nd.ones(1), adagrad.create_state(0, w))
    >>> round(float(w.asscalar()), 4)
    0.5
    """

    def __init__(self, eps: float = 1e-7, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.float_stable_eps = eps

    def create_state(self, index: Any, weight: NDArray) -> Any:
        return zeros_like(weight, 1)

    def rule(self, states: int) -> Rule:
        return Rule(rules.ADAGRAD, 1)

    def numbers(self, indices: Sequence[Any]) -> Numbers:
        clip = -1.0 if self.clip_gradient is None else self.clip_gradient
        return Numbers(self._get_lrs(indices), self._get_wds(indices), (), self.rescale_grad, clip, (self.float_stable_eps,))


@register
class AdaDelta(Fused):
    """AdaDelta (Zeiler, 2012): the step is g * sqrt(mean of steps^2 + epsilon) / sqrt(mean of g^2 + epsilon); it has no learning rate.

    Parameters
    ----------
    rho : float
        Decay of the means.
    epsilon : float
    **kwargs
        See `Optimizer`.
    """

    def __init__(self, rho: float = 0.90, epsilon: float = 1e-5, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.rho = rho
        self.epsilon = epsilon

    def create_state(self, index: Any, weight: NDArray) -> Any:
        return zeros_like(weight, 2)

    def rule(self, states: int) -> Rule:
        return Rule(rules.ADADELTA, 2)

    def numbers(self, indices: Sequence[Any]) -> Numbers:
        clip = -1.0 if self.clip_gradient is None else self.clip_gradient
        return Numbers([0.0] * len(indices), self._get_wds(indices), (), self.rescale_grad, clip, (self.rho, self.epsilon))


@register
class RMSProp(Fused):
    """RMSProp: Tieleman and Hinton's, or with `centered` Graves' (2013).

    n = gamma1 * n + (1 - gamma1) * g^2; weight - lr * g / sqrt(n + epsilon); see ``rmspropalex_update`` for the other.

    Parameters
    ----------
    learning_rate : float
    gamma1 : float
        Decay of the means.
    gamma2 : float
        Momentum, with `centered`.
    epsilon : float
    centered : bool
    clip_weights : float, optional
        Bound of the weights.
    **kwargs
        See `Optimizer`.
    """

    def __init__(
        self, learning_rate: float = 0.001, gamma1: float = 0.9, gamma2: float = 0.9, epsilon: float = 1e-8, centered: bool = False,
        clip_weights: float | None = None, **kwargs: Any,
    ) -> None:  # fmt: skip
        super().__init__(learning_rate=learning_rate, **kwargs)
        self.gamma1 = gamma1
        self.gamma2 = gamma2
        self.centered = centered
        self.epsilon = epsilon
        self.clip_weights = clip_weights

    def create_state(self, index: Any, weight: NDArray) -> Any:
        return zeros_like(weight, 3) if self.centered else (zeros_like(weight, 1),)

    def rule(self, states: int) -> Rule:
        return Rule(rules.RMSPROP_ALEX, 3) if self.centered else Rule(rules.RMSPROP, 1)

    def numbers(self, indices: Sequence[Any]) -> Numbers:
        return Numbers(
            self._get_lrs(indices), self._get_wds(indices), (), self.rescale_grad, bound(self.clip_gradient),
            (self.gamma1, self.gamma2, self.epsilon), bound(self.clip_weights),
        )  # fmt: skip


@register
class Ftrl(Fused):
    """Follow the regularized leader (McMahan et al., 2013); see ``ftrl_update``.

    Parameters
    ----------
    lamda1 : float
        Weight of the L1 norm.
    learning_rate, beta : float
    **kwargs
        See `Optimizer`.
    """

    def __init__(self, lamda1: float = 0.01, learning_rate: float = 0.1, beta: float = 1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.lamda1 = lamda1
        self.beta = beta
        self.lr = learning_rate

    def create_state(self, index: Any, weight: NDArray) -> Any:
        return zeros_like(weight, 2)

    def rule(self, states: int) -> Rule:
        return Rule(rules.FTRL, 2)

    def numbers(self, indices: Sequence[Any]) -> Numbers:
        return Numbers(
            self._get_lrs(indices), self._get_wds(indices), (), self.rescale_grad, bound(self.clip_gradient), (self.lamda1, self.beta)
        )
