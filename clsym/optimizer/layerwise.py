"""Rates that follow the norms of each layer: LARS, LBSGD, LAMB. The norms are computed and used on the device."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from typing import Any

from ..ndarray import NDArray
from ..ndarray import zeros as _zeros
from . import rule as rules
from .base import register
from .descent import Momentum
from .fused import Fused, bound, zeros_like
from .rule import Numbers, Rule
from .surroundings import aggregation

__all__ = ["LAMB", "LARS", "LBSGD"]


@register
class LARS(Momentum):
    """Descent with a rate for each layer (You et al., 2017): lr * eta * norm(weight) / (norm(g) + wd * norm(weight) + eps).

    Where a norm is 0, and for parameters whose names end in gamma, beta or bias, the rate is lr.

    Parameters
    ----------
    momentum : float
    lazy_update : bool
        Without effect on dense gradients.
    eta, eps : float
    momentum_correction : bool
        Whether the momentum is scaled as the learning rate changes (Goyal et al., 2017).
    **kwargs
        See `Optimizer`.
    """

    def __init__(
        self, momentum: float = 0.0, lazy_update: bool = True, eta: float = 0.001, eps: float = 0, momentum_correction: bool = True,
        **kwargs: Any,
    ) -> None:  # fmt: skip
        super().__init__(**kwargs)
        self.momentum = momentum
        self.momentum_correction = momentum_correction
        self.lazy_update = lazy_update
        self.aggregate_num = aggregation(4)
        self.eta = eta
        self.eps = eps
        self.skip = 0
        self.last_lr: float | None = None
        self.cur_lr: float | None = None

    def _get_lrs(self, indices: Any) -> list[float]:
        """Beside the rates, note how the learning rate changed."""
        if self.cur_lr is not None:
            self.last_lr = self.cur_lr
        now = self.lr_scheduler(self.num_update) if self.lr_scheduler is not None else self.lr
        if self.cur_lr is None:
            self.last_lr = now
        self.cur_lr = now
        return super()._get_lrs(indices)

    def set_wd_mult(self, args_wd_mult: Any) -> None:
        """As `Optimizer.set_wd_mult`; only names that end in ``_weight`` keep their weight decay."""
        super().set_wd_mult({})
        self.wd_mult = {name: 0.0 for name in self.idx2name.values() if not name.endswith("_weight")}
        self.wd_mult.update(self._from_symbol("__wd_mult__"))
        self.wd_mult.update(args_wd_mult)

    def rule(self, states: int) -> Rule:
        return Rule(rules.SGD_MOM, 1, rules.BY_LARS) if states else Rule(rules.SGD, 0, rules.BY_LARS)

    def numbers(self, indices: Sequence[Any]) -> Numbers:
        lrs = self._get_lrs(indices)
        momentum = self.momentum
        if self.momentum_correction and momentum and self.last_lr:
            momentum *= (self.cur_lr or 0.0) / self.last_lr
        names = self.idx2name
        own = [0.0 if str(names.get(i, i)).endswith(("gamma", "beta", "bias")) else 1.0 for i in indices]
        return Numbers(
            lrs, self._get_wds(indices), (own,), self.rescale_grad, bound(self.clip_gradient), (momentum,), ratio=(self.eta, self.eps)
        )


@register
class LAMB(Fused):
    """LAMB (You et al., 2019): Adam's direction, scaled in each layer by norm(weight) / norm(direction).

    Parameters
    ----------
    learning_rate, beta1, beta2, epsilon : float
    lower_bound, upper_bound : float, optional
        Of the weight's norm.
    bias_correction : bool
        Whether the means are corrected for their bias.
    **kwargs
        See `Optimizer`.
    """

    def __init__(
        self, learning_rate: float = 0.001, beta1: float = 0.9, beta2: float = 0.999, epsilon: float = 1e-6,
        lower_bound: float | None = None, upper_bound: float | None = None, bias_correction: bool = True, **kwargs: Any,
    ) -> None:  # fmt: skip
        super().__init__(learning_rate=learning_rate, **kwargs)
        self.beta1 = beta1
        self.beta2 = beta2
        self.epsilon = epsilon
        self.lower_bound = lower_bound
        self.upper_bound = upper_bound
        self.bias_correction = bias_correction
        self.aggregate_num = aggregation(45)

    def create_state(self, index: Any, weight: NDArray) -> Any:
        return zeros_like(weight, 2)

    def rule(self, states: int) -> Rule:
        return Rule(rules.LAMB, 2, rules.BY_TRUST)

    def numbers(self, indices: Sequence[Any]) -> Numbers:
        steps = [self._index_update_count[i] for i in indices]
        first, second = ([1.0 - b**t if self.bias_correction else 1.0 for t in steps] for b in (self.beta1, self.beta2))
        return Numbers(
            first, self._get_wds(indices), (second, self._get_lrs(indices)), self.rescale_grad, bound(self.clip_gradient),
            (self.beta1, self.beta2, self.epsilon), ratio=(bound(self.lower_bound), bound(self.upper_bound)),
        )  # fmt: skip


@register
class LBSGD(Momentum):
    """Descent for large batches: gradients of several batches are summed, and the rate is warmed up or follows the layers' norms.

    Parameters
    ----------
    momentum : float
    multi_precision : bool
    warmup_strategy : {'linear', 'power2', 'sqrt', 'lars'}
        How the rate rises from 1 to `batch_scale` times itself; 'lars': sqrt(norm(weight)^2 / (norm(grad)^2 + wd * norm(weight)^2)).
    warmup_epochs : int
    batch_scale : int
        Updates whose gradients are averaged for one step.
    updates_per_epoch, begin_epoch, num_epochs : int
    **kwargs
        See `Optimizer`.
    """

    def __init__(
        self, momentum: float = 0.0, multi_precision: bool = False, warmup_strategy: str = "linear", warmup_epochs: int = 5,
        batch_scale: int = 1, updates_per_epoch: int = 32, begin_epoch: int = 0, num_epochs: int = 60, **kwargs: Any,
    ) -> None:  # fmt: skip
        super().__init__(**kwargs)
        logging.info("Running Large-Batch SGD Algorithm")
        logging.info(
            "(Batch_scale=%f, warmup_epochs=%d, warmup_strategy=%s, updates_per_epoch=%d)",
            batch_scale, warmup_epochs, warmup_strategy, updates_per_epoch,
        )  # fmt: skip
        self.momentum = momentum
        self.multi_precision = multi_precision
        self.warmup_strategy = warmup_strategy
        self.warmup_epochs = warmup_epochs
        self.batch_scale = batch_scale
        self.updates_per_epoch = updates_per_epoch
        self.init_updates = begin_epoch * updates_per_epoch
        self.num_epochs = num_epochs
        self.lbmult = 1
        self.cumgrads: dict[Any, dict[str, Any]] = {}
        self.adaptive = False
        self.admult = 1

    def rule(self, states: int) -> Rule:
        scaled = rules.BY_ROOT if self.warmup_strategy == "lars" else None
        return Rule(rules.SGD_MOM, 1, scaled) if states else Rule(rules.SGD, 0, scaled)

    def _get_lbmult(self, nup: int) -> float:
        """The factor of the rate after `nup` updates."""
        warm, most = self.warmup_epochs * self.updates_per_epoch, float(self.batch_scale)
        if nup >= warm:
            return most
        if warm <= 1:
            return 1.0
        risen = {"linear": nup / warm, "power2": nup * nup / (warm * warm), "sqrt": math.sqrt(nup / warm)}
        return 1.0 + (most - 1.0) * risen.get(self.warmup_strategy, 0.0)

    def step(self, index: Any, weight: Any, grad: Any, state: Any, mixed: bool) -> None:
        """Sum the gradients; where there are enough of them, take the step."""
        if not isinstance(index, (list, tuple)):
            self.step([index], [weight], [grad], [state], mixed)
            return
        lrs = []
        for i in index:
            lrs.append(self._get_lr(i))
            self._update_count(i)
        counts, ready = [], []
        for k, (i, g) in enumerate(zip(index, grad, strict=True)):
            sums = self.cumgrads.get(i)
            if sums is None:
                sums = self.cumgrads[i] = {"cum_grad": _zeros(g.shape, g.context, g.dtype), "num_cums": self.init_updates}
            sums["num_cums"] += 1
            counts.append(sums["num_cums"])
            if sums["num_cums"] % self.batch_scale == 0:
                ready.append(k)
        whole = grad
        if self.batch_scale != 1:
            whole = [self.cumgrads[i]["cum_grad"] for i in index]
            ones, none = [-1.0] * len(index), [0.0] * len(index)
            self._sums(index, whole, grad, Numbers(ones, none))  # weight - lr * g, with lr = -1
        if not ready:
            return
        those = [index[k] for k in ready]
        scaled = self.warmup_strategy == "lars"
        rates = [lrs[k] if scaled else lrs[k] * self._get_lbmult(counts[k]) for k in ready]
        numbers = Numbers(
            rates, self._get_wds(those), (), self.rescale_grad / self.batch_scale, bound(self.clip_gradient), (self.momentum,),
            ratio=(1.0 / self.batch_scale**2, 0.0),
        )  # fmt: skip
        self.launch(those, [weight[k] for k in ready], [whole[k] for k in ready], [state[k] for k in ready], mixed, numbers)
        if self.batch_scale != 1:
            for i in those:
                self.cumgrads[i]["cum_grad"]._fill(0)

    def _sums(self, index: Sequence[Any], sums: Sequence[NDArray], grads: Sequence[NDArray], numbers: Numbers) -> None:
        adding = self.__dict__.get("_adding")
        if adding is None:
            adding = self.__dict__["_adding"] = _Adding()
        adding.launch(index, sums, grads, [None] * len(index), False, numbers)

    def __getstate__(self) -> dict[str, Any]:
        return {k: v for k, v in super().__getstate__().items() if k != "_adding"}


class _Adding(Fused):
    """Adds gradients to sums."""

    def rule(self, states: int) -> Rule:
        return Rule(rules.SGD, 0)
