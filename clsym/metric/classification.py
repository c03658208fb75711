"""Metrics of classes: how often the right one was given the highest score, or one of the highest."""

from __future__ import annotations

import math
from typing import Any

from ..differences import differs
from ..ndarray.invoke import invoke
from .base import EvalMetric, Values, alias, check_label_shapes, on_one_device, register

__all__ = ["Accuracy", "TopKAccuracy"]


class _Hits(EvalMetric):
    """Counts predictions that are right."""

    def _take(self, values: Values, told: Any) -> None:
        self._count(int(values[0].sum()), told)


@register
@alias("acc")
class Accuracy(_Hits):
    """The share of predictions whose class is the label's.

    Parameters
    ----------
    axis : int
        The axis of the classes in predictions. A prediction of the label's own shape holds classes already.
    name, output_names, label_names
        As for `EvalMetric`.

    Raises
    ------
    ValueError
        From `update`: there is not one label for each prediction.

    Examples
    --------
    >>> import clsym as mx
    >>> metric = mx.metric.Accuracy()
    >>> metric.update([mx.nd.array([0, 1, 1])], [mx.nd.array([[0.3, 0.7], [0, 1], [0.4, 0.6]])])
    >>> metric.get()
    ('accuracy', 0.6666666666666666)
    """

    def __init__(
        self, axis: int = 1, name: str = "accuracy", output_names: list[str] | None = None, label_names: list[str] | None = None
    ) -> None:
        super().__init__(name, axis=axis, output_names=output_names, label_names=label_names, has_global_stats=True)
        self.axis = axis

    def update(self, labels: Any, preds: Any) -> None:
        """Count a batch: labels of one class each, predictions with scores along the axis or of the labels' shape."""
        labels, preds = check_label_shapes(labels, preds, True)
        for label, pred in zip(labels, preds, strict=False):
            label = on_one_device(label, pred, self)
            if pred.shape == label.shape:
                pred = pred.reshape((pred.size, 1))
                self._later((pred.astype("int32") == label.astype("int32").reshape((-1, 1))).sum(), told=label.size)
                continue
            axis = self.axis + len(pred.shape) if self.axis < 0 else self.axis
            rows = math.prod(d for a, d in enumerate(pred.shape) if a != axis)
            if axis < len(pred.shape):
                _one_each(label.size, rows)
            self._later(invoke("_metric_hits", (label, pred), {"axis": self.axis}), told=label.size)


@register
@alias("top_k_accuracy", "top_k_acc")
class TopKAccuracy(_Hits):
    """The share of predictions in which the label's class is among the `top_k` with the highest scores.

    Parameters
    ----------
    top_k : int
        More than one.
    name, output_names, label_names
        As for `EvalMetric`; the number is put behind the name.

    Raises
    ------
    AssertionError
        `top_k` is 1 or less; from `update`: predictions have more than two dimensions.
    ValueError
        From `update`: there is not one label for each prediction, or there are fewer than `top_k` classes.

    Examples
    --------
    >>> import clsym as mx
    >>> metric = mx.metric.TopKAccuracy(2)
    >>> metric.update([mx.nd.array([2, 0])], [mx.nd.array([[0.1, 0.5, 0.4], [0.2, 0.5, 0.3]])])
    >>> metric.get()
    ('top_k_accuracy_2', 0.5)
    """

    def __init__(
        self, top_k: int = 1, name: str = "top_k_accuracy", output_names: list[str] | None = None, label_names: list[str] | None = None
    ) -> None:
        super().__init__(name, top_k=top_k, output_names=output_names, label_names=label_names, has_global_stats=True)
        self.top_k = top_k
        if top_k <= 1:
            raise AssertionError("Please use Accuracy if top_k is no more than 1")
        self.name += f"_{top_k}"

    def update(self, labels: Any, preds: Any) -> None:
        """Count a batch: labels (N,), predictions (N, C)."""
        labels, preds = check_label_shapes(labels, preds, True)
        for label, pred in zip(labels, preds, strict=False):
            if len(pred.shape) > 2:
                raise AssertionError("Predictions should be no more than 2 dims")
            label = on_one_device(label, pred, self)
            if pred.shape[-1] < self.top_k:
                raise ValueError(f"kth(={pred.shape[-1] - self.top_k}) out of bounds ({pred.shape[-1]})")
            check_label_shapes(label, pred)
            if len(pred.shape) == 2:
                self._later(invoke("_metric_hits", (label, pred), {"k": self.top_k}), told=pred.shape[0])
            else:  # as MXNet: the places of the ordered scores are compared with the labels
                self._later((pred.argsort().astype("int32") == label.astype("int32").reshape((-1,))).sum(), told=pred.shape[0])


def _one_each(labels: int, rows: int) -> None:
    if labels != rows:
        raise ValueError(f"Shape of labels {labels} does not match shape of predictions {rows}")


differs(
    "TopKAccuracy",
    "of equal scores the classes with the higher numbers come first",
    "m = mx.metric.TopKAccuracy(3); m.update([mx.nd.arange(20)], [mx.nd.zeros((20, 40))]); print(m.get()[1])",
    ours="0.0",
    mxnet="0.1",
    why="MXNet takes them in the order in which numpy's partition happens to leave them.",
)
