"""``mx.optimizer.contrib``: GroupAdaGrad."""

from __future__ import annotations

from typing import Any

from ..ndarray import NDArray
from ..ndarray import zeros as _zeros
from ..ndarray.register import operator
from .base import Optimizer, register

__all__ = ["GroupAdaGrad"]


@register
class GroupAdaGrad(Optimizer):
    """AdaGrad with one history for each row of a matrix: history += mean of g^2 over the row; weight - lr * g / sqrt(history + eps).

    Parameters
    ----------
    eps : float
    **kwargs
        See `Optimizer`. Weight decay is not supported.
    """

    def __init__(self, eps: float = 1e-5, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.float_stable_eps = eps

    def create_state(self, index: Any, weight: NDArray) -> NDArray:
        assert len(weight.shape) == 2, f"GroupAdaGrad takes matrices; parameter {index!r} has shape {weight.shape}"
        return _zeros((weight.shape[0], 1), weight.context, weight.dtype)

    def update(self, index: Any, weight: NDArray, grad: NDArray, state: NDArray) -> None:
        """Take a step."""
        self._update_count(index)
        lr, wd = self._get_lr(index), self._get_wd(index)
        assert wd == 0, "Weight decay is not supported for GroupAdaGrad"
        clip = -1 if self.clip_gradient is None else self.clip_gradient
        operator("_contrib_group_adagrad_update")(
            weight, grad, state, lr=lr, rescale_grad=self.rescale_grad, clip_gradient=clip, epsilon=self.float_stable_eps, out=weight
        )
