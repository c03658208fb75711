"""Loss scaling of a `Module` in mixed precision."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..base import MXNetError
from .scaled_losses import SCALE, scaled_losses

__all__ = ["LossScaling"]


class LossScaling:
    """Gradients multiplied by a scale where they begin and divided by it where they are used; see `clsym.contrib.amp.init_trainer`."""

    _amp_loss_scaler: Any = None
    _amp_divisor: float = 1.0

    def _scale_losses(self: Any, scaler: Any) -> None:
        """Begin with it; what is bound is bound again."""
        if self._kvstore is not None and "dist" in self._kvstore.type:
            raise MXNetError("loss scaling: the gradients of a distributed kvstore are used elsewhere, where the scale is not known")
        self._amp_loss_scaler = scaler
        if self.binded:
            if self._params_dirty:
                self._sync_params_from_devices()
            self.bind(
                self._data_shapes, self._label_shapes, self.for_training, self.inputs_need_grad, force_rebind=True, grad_req=self._grad_req
            )

    def _bound_symbol(self: Any) -> Any:
        """What executors are made of."""
        return self._symbol if self._amp_loss_scaler is None else scaled_losses(self._symbol)

    def _set_scale(self: Any) -> None:
        """Give the executors the scale of the next step."""
        if self._amp_loss_scaler is None:
            return
        self._amp_divisor = scale = self._amp_loss_scaler.next_loss_scale
        for executor in self._exec_group.execs:
            array = executor.arg_dict.get(SCALE)
            if array is None:
                continue
            if np.dtype(array.dtype) == np.float16:
                raise MXNetError(
                    "loss scaling: a loss has data of float16, which cannot hold the scale; give it float32, as amp.convert_symbol does"
                )
            array[:] = scale

    def _gradients(self: Any) -> list[Any]:
        return [g for block in self._exec_group.grad_arrays for g in block if g is not None]

    def _unscale(self: Any) -> None:
        """Divide the gradients by the scale now."""
        for gradient in self._gradients():
            gradient[:] = gradient / self._amp_divisor
        self._amp_divisor = 1.0

    def _update_scaled(self: Any, update: Any) -> None:
        """Take a step by gradients that are divided by the scale, unless they overflowed."""
        optimizer, divisor = self._optimizer, self._amp_divisor
        if not self._amp_loss_scaler.has_overflow(self._gradients()):
            rescale = optimizer.rescale_grad
            optimizer.rescale_grad = rescale / divisor
            try:
                update()
            finally:
                optimizer.rescale_grad = rescale
        if self._amp_loss_scaler.next_loss_scale != self._amp_divisor:
            self._set_scale()
