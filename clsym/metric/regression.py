"""Metrics of numbers: how far predictions are from labels, and whether they go together."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import ndarray as nd
from .base import EvalMetric, Values, alias, check_label_shapes, like, on_one_device, register

__all__ = ["MAE", "MSE", "RMSE", "PearsonCorrelation"]


class _Distance(EvalMetric):
    """The mean, over the batches, of a mean over a batch."""

    def __init__(self, name: str, output_names: list[str] | None, label_names: list[str] | None) -> None:
        super().__init__(name, output_names=output_names, label_names=label_names, has_global_stats=True)

    def _each(self, off: nd.NDArray) -> nd.NDArray:
        """What counts of the differences."""
        return nd.square(off)

    def update(self, labels: Any, preds: Any) -> None:
        """Count a batch; arrays of one dimension are columns, others are broadcast as numpy does."""
        labels, preds = check_label_shapes(labels, preds, True)
        for label, pred in zip(labels, preds, strict=False):
            label = on_one_device(label, pred, self)
            label, pred = [a.reshape((-1, 1)) if len(a.shape) == 1 else a for a in (label, pred)]
            off = label.astype(pred.dtype, copy=False)
            if label.shape == pred.shape:
                off = off - pred
            else:
                off = self._broadcast(off, pred)
            self._later(nd.mean(self._each(off)))

    def _broadcast(self, label: nd.NDArray, pred: nd.NDArray) -> nd.NDArray:
        try:
            np.broadcast_shapes(label.shape, pred.shape)
        except ValueError:
            raise ValueError(f"operands could not be broadcast together with shapes {like(label.shape)} {like(pred.shape)} ") from None
        ndim = max(len(label.shape), len(pred.shape))
        label, pred = [a.reshape((1,) * (ndim - len(a.shape)) + a.shape) for a in (label, pred)]
        return nd.broadcast_sub(label, pred)

    def _take(self, values: Values, told: Any) -> None:
        self._count(float(values[0][0]), 1)


@register
class MAE(_Distance):
    """The mean of the absolute differences.

    >>> import clsym as mx
    >>> metric = mx.metric.MAE()
    >>> metric.update([mx.nd.array([1, 2])], [mx.nd.array([1.5, 2.25])])
    >>> metric.get()
    ('mae', 0.375)
    """

    def __init__(self, name: str = "mae", output_names: list[str] | None = None, label_names: list[str] | None = None) -> None:
        super().__init__(name, output_names, label_names)

    def _each(self, off: nd.NDArray) -> nd.NDArray:
        return nd.abs(off)


@register
class MSE(_Distance):
    """The mean of the squares of the differences.

    >>> import clsym as mx
    >>> metric = mx.metric.MSE()
    >>> metric.update([mx.nd.array([1, 2])], [mx.nd.array([1.5, 2.5])])
    >>> metric.get()
    ('mse', 0.25)
    """

    def __init__(self, name: str = "mse", output_names: list[str] | None = None, label_names: list[str] | None = None) -> None:
        super().__init__(name, output_names, label_names)


@register
class RMSE(_Distance):
    """The mean, over the batches, of the root of the mean square of the differences.

    >>> import clsym as mx
    >>> metric = mx.metric.RMSE()
    >>> metric.update([mx.nd.array([1, 2])], [mx.nd.array([1.5, 2.5])])
    >>> metric.get()
    ('rmse', 0.5)
    """

    def __init__(self, name: str = "rmse", output_names: list[str] | None = None, label_names: list[str] | None = None) -> None:
        super().__init__(name, output_names, label_names)

    def _take(self, values: Values, told: Any) -> None:
        self._count(float(np.sqrt(values[0][0])), 1)


@register
@alias("pearsonr")
class PearsonCorrelation(EvalMetric):
    """Pearson's correlation of predictions and labels.

    Parameters
    ----------
    name, output_names, label_names
        As for `EvalMetric`.
    average : {'macro', 'micro'}
        The mean over the batches, or the correlation of all numbers since `reset`. The second has no global value.

    Raises
    ------
    ValueError
        From `update`: shapes differ.

    Examples
    --------
    >>> import clsym as mx
    >>> metric = mx.metric.PearsonCorrelation()
    >>> metric.update([mx.nd.array([0, 1, 1])], [mx.nd.array([0, 1, 0])])
    >>> round(float(metric.get()[1]), 6)
    0.5
    """

    def __init__(
        self, name: str = "pearsonr", output_names: list[str] | None = None, label_names: list[str] | None = None, average: str = "macro"
    ) -> None:
        self.average = average
        super().__init__(name, output_names=output_names, label_names=label_names, has_global_stats=True)

    def reset_micro(self) -> None:
        """Forget the numbers of all batches."""
        self._numbers = 0
        self._mean_label = self._mean_pred = self._squares_label = self._squares_pred = self._products = 0.0

    def reset(self) -> None:
        """Forget everything."""
        super().reset()
        self.reset_micro()

    def update(self, labels: Any, preds: Any) -> None:
        """Count a batch."""
        labels, preds = check_label_shapes(labels, preds, True)
        for label, pred in zip(labels, preds, strict=False):
            check_label_shapes(label, pred, False, True)
            label = on_one_device(label, pred, self)
            self._later(label.copy(), pred.copy())

    def _take(self, values: Values, told: Any) -> None:
        label, pred = [v.ravel().astype(np.float64) for v in values]
        if self.average == "macro":
            with np.errstate(invalid="ignore", divide="ignore"):
                self._count(float(np.corrcoef(pred, label)[0, 1]) if len(label) > 1 else math.nan, 1)
            return
        self._count(0, 1)
        count = self._numbers + len(label)  # Welford's recurrences, a batch at a time
        from_mean = label - self._mean_label
        self._mean_label += np.sum(from_mean / count)
        self._squares_label += np.sum(from_mean * (label - self._mean_label))
        self._products += np.sum((label - self._mean_label) * (pred - self._mean_pred))
        from_mean = pred - self._mean_pred
        self._mean_pred += np.sum(from_mean / count)
        self._squares_pred += np.sum(from_mean * (pred - self._mean_pred))
        self._numbers = count

    def get(self) -> tuple[str, float]:
        """Name and value since the last reset."""
        if self.average == "macro" or self.num_inst == 0:
            return super().get()
        free = self._numbers - 1
        with np.errstate(invalid="ignore", divide="ignore"):
            spread = free * np.sqrt(self._squares_pred / free) * np.sqrt(self._squares_label / free)
            return self.name, float(self._products / spread)
