"""Metrics of the probability that the right class was given."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import ndarray as nd
from ..ndarray.invoke import invoke
from .base import EvalMetric, Values, alias, check_label_shapes, on_one_device, register

__all__ = ["CrossEntropy", "NegativeLogLikelihood", "Perplexity"]

_ROWS = 1 << 16
"""Rows of a batch from which on their logarithms are summed on the device."""


class _LogLoss(EvalMetric):
    """Sums ``-log(probability + eps)``."""

    def __init__(self, eps: float, name: str, output_names: list[str] | None, label_names: list[str] | None) -> None:
        super().__init__(name, eps=eps, output_names=output_names, label_names=label_names, has_global_stats=True)
        self.eps = eps

    def _refuse(self, labels: int, rows: int) -> AssertionError:
        return AssertionError(f"{self.name}: {labels} labels for {rows} rows of probabilities")

    def update(self, labels: Any, preds: Any) -> None:
        """Count a batch: labels of N classes, predictions (N, C)."""
        labels, preds = check_label_shapes(labels, preds, True)
        for label, pred in zip(labels, preds, strict=False):
            label = on_one_device(label, pred, self)
            rows = pred.shape[0]
            if label.size != rows:
                raise self._refuse(label.size, rows)
            if len(pred.shape) != 2:
                raise IndexError(f"{self.name}: predictions must have two dimensions, (N, C), got {pred.shape}")
            chosen = invoke("_metric_pick", (label.reshape((-1,)), pred))
            if rows > _ROWS:
                chosen = nd.sum(-nd.log(chosen + self.eps))
            self._later(chosen, told=rows)

    def _take(self, values: Values, told: int) -> None:
        (chosen,) = values
        with np.errstate(invalid="ignore", divide="ignore"):
            self._count(float(chosen[0] if told > _ROWS else (-np.log(chosen + self.eps)).sum()), told)


@register
@alias("ce")
class CrossEntropy(_LogLoss):
    """The mean of ``-log(p + eps)`` over the probabilities p that were given to the labels' classes.

    Parameters
    ----------
    eps : float
        Keeps the logarithm finite.
    name, output_names, label_names
        As for `EvalMetric`.

    Raises
    ------
    AssertionError
        From `update`: there is not one label a row.
    IndexError
        From whoever waits for the device next: a label is no class.

    Examples
    --------
    >>> import clsym as mx
    >>> metric = mx.metric.CrossEntropy()
    >>> metric.update([mx.nd.array([0, 1])], [mx.nd.array([[0.5, 0.5], [0.75, 0.25]])])
    >>> round(float(metric.get()[1]), 5)
    1.03972
    """

    def __init__(
        self,
        eps: float = 1e-12,
        name: str = "cross-entropy",
        output_names: list[str] | None = None,
        label_names: list[str] | None = None,
    ) -> None:
        super().__init__(eps, name, output_names, label_names)


@register
@alias("nll_loss")
class NegativeLogLikelihood(_LogLoss):
    """The same number as `CrossEntropy` under another name.

    >>> import clsym as mx
    >>> mx.metric.create('nll_loss').name
    'nll-loss'
    """

    def __init__(
        self, eps: float = 1e-12, name: str = "nll-loss", output_names: list[str] | None = None, label_names: list[str] | None = None
    ) -> None:
        super().__init__(eps, name, output_names, label_names)

    def _refuse(self, labels: int, rows: int) -> AssertionError:
        return AssertionError((labels, rows))


@register
class Perplexity(EvalMetric):
    """``exp`` of the mean of ``-log(p)`` over the probabilities p, at least 1e-10, that were given to the labels' classes.

    Parameters
    ----------
    ignore_label : int or None
        Labels that do not count, such as those of padding.
    axis : int
        The axis of the classes in predictions.
    name, output_names, label_names
        As for `EvalMetric`.

    Raises
    ------
    AssertionError
        From `update`: there is not one label for each prediction.

    Examples
    --------
    >>> import clsym as mx
    >>> metric = mx.metric.Perplexity(ignore_label=None)
    >>> metric.update([mx.nd.array([0, 1])], [mx.nd.array([[0.5, 0.5], [0.5, 0.5]])])
    >>> round(metric.get()[1], 5)
    2.0
    """

    def __init__(
        self,
        ignore_label: int | None,
        axis: int = -1,
        name: str = "perplexity",
        output_names: list[str] | None = None,
        label_names: list[str] | None = None,
    ) -> None:
        super().__init__(name, ignore_label=ignore_label, output_names=output_names, label_names=label_names, has_global_stats=True)
        self.ignore_label = ignore_label
        self.axis = axis

    def update(self, labels: Any, preds: Any) -> None:
        """Count a batch; all its pairs, or none."""
        if len(labels) != len(preds):
            raise AssertionError(f"{self.name}: {len(labels)} labels for {len(preds)} predictions")
        kept: list[nd.NDArray] = []
        counted = 0
        for label, pred in zip(labels, preds, strict=False):
            if label.size != pred.size / pred.shape[-1]:
                raise AssertionError(f"shape mismatch: {label.shape} vs. {pred.shape}")
            label = on_one_device(label, pred, self).reshape((label.size,))
            chosen = nd.pick(pred, label.astype("int32"), axis=self.axis)
            if self.ignore_label is not None:
                ignored = (label == self.ignore_label).astype(pred.dtype)
                chosen = chosen * (1 - ignored) + ignored
                kept.append(nd.sum(ignored))
            kept.append(nd.sum(nd.log(nd.maximum(1e-10, chosen))))
            counted += chosen.size
        self._later(*kept, told=counted)

    def _take(self, values: Values, told: int) -> None:
        each = 1 if self.ignore_label is None else 2
        ignored = sum(float(v[0]) for v in values[::2]) if each == 2 else 0
        self._count(-sum(float(v[0]) for v in values[each - 1 :: each]), told - ignored)

    def _ratio(self, amount: Any, instances: Any) -> Any:
        return math.nan if instances == 0 else math.exp(amount / instances)
