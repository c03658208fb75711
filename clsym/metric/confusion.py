"""Metrics of the confusion between classes: F1, Matthews' correlation, and its kin for more than two classes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import ndarray as nd
from ..differences import differs
from .base import EvalMetric, Values, check_label_shapes, on_one_device, register

__all__ = ["F1", "MCC", "PCC"]

Host = np.ndarray[Any, Any]


class _BinaryClassificationMetrics:
    """How often each of two classes was taken for each, since a local reset and since a reset."""

    def __init__(self) -> None:
        self.reset_stats()

    def reset_stats(self) -> None:
        """Forget everything."""
        self.global_true_positives = self.global_false_positives = self.global_false_negatives = self.global_true_negatives = 0
        self.local_reset_stats()

    def local_reset_stats(self) -> None:
        """Forget the local counts."""
        self.true_positives = self.false_positives = self.false_negatives = self.true_negatives = 0

    def update_binary_stats(self, label: Any, pred: Any) -> None:
        """Count a batch: labels (N,), 0 or 1, and scores (N, 2)."""
        self.count(label.asnumpy().astype("int32"), np.argmax(pred.asnumpy(), axis=1))

    def count(self, label: Host, given: Host) -> None:
        """Count classes and those that were given for them.

        Raises
        ------
        ValueError
            Labels are of more than two classes, or of another number than the predictions.
        """
        check_label_shapes(label, given)
        if len(np.unique(label)) > 2:
            raise ValueError(f"{self.__class__.__name__} currently only supports binary classification.")
        for kind, is_given, is_label in (
            ("true_positives", 1, 1), ("false_positives", 1, 0), ("false_negatives", 0, 1), ("true_negatives", 0, 0),
        ):  # fmt: skip
            found = int(((given == 1 if is_given else given != 1) & (label == 1 if is_label else label != 1)).sum())
            setattr(self, kind, getattr(self, kind) + found)
            setattr(self, f"global_{kind}", getattr(self, f"global_{kind}") + found)

    def _counts(self, whole: bool) -> tuple[int, int, int, int]:
        start = "global_" if whole else ""
        kinds = ("true_positives", "false_positives", "false_negatives", "true_negatives")
        return tuple(getattr(self, start + kind) for kind in kinds)

    def _precision(self, whole: bool) -> float:
        right, wrong, _, _ = self._counts(whole)
        return right / (right + wrong) if right + wrong else 0.0

    def _recall(self, whole: bool) -> float:
        right, _, missed, _ = self._counts(whole)
        return right / (right + missed) if right + missed else 0.0

    def _fscore(self, whole: bool) -> float:
        precision, recall = self._precision(whole), self._recall(whole)
        return 2 * precision * recall / (precision + recall) if precision + recall else 0.0

    precision = property(lambda self: self._precision(False))
    global_precision = property(lambda self: self._precision(True))
    recall = property(lambda self: self._recall(False))
    global_recall = property(lambda self: self._recall(True))
    fscore = property(lambda self: self._fscore(False))
    global_fscore = property(lambda self: self._fscore(True))
    total_examples = property(lambda self: sum(self._counts(False)))
    global_total_examples = property(lambda self: sum(self._counts(True)))

    def matthewscc(self, use_global: bool = False) -> float:
        """Matthews' correlation coefficient."""
        tp, fp, fn, tn = map(float, self._counts(use_global))
        if not tp + fp + fn + tn:
            return 0.0
        margins = [m for m in (tp + fp, tp + fn, tn + fp, tn + fn) if m]
        return (tp * tn - fp * fn) / math.sqrt(math.prod(margins))


class _Binary(EvalMetric):
    """A figure of the counts of two classes: the mean over batches, or the figure of all."""

    def __init__(self, name: str, output_names: list[str] | None, label_names: list[str] | None, average: str) -> None:
        self._average_of = average
        self._stats = _BinaryClassificationMetrics()
        super().__init__(name=name, output_names=output_names, label_names=label_names, has_global_stats=True)

    def _figure(self, whole: bool) -> float:
        raise NotImplementedError

    def update(self, labels: Any, preds: Any) -> None:
        """Count a batch: labels (N,) of two classes, 0 and 1, and scores (N, 2)."""
        labels, preds = check_label_shapes(labels, preds, True)
        for label, pred in zip(labels, preds, strict=False):
            label = on_one_device(label, pred, self)
            given = _given(pred, self)
            check_label_shapes(label, pred)
            self._later(label.copy(), given)

    def _take(self, values: Values, told: Any) -> None:
        stats = self._stats
        stats.count(values[0].astype("int32"), values[1].astype("int32"))
        if self._average_of == "macro":
            self._count(self._figure(False), 1)
            stats.reset_stats()
        else:
            self._sums[:] = [self._figure(w) * t for w, t in ((False, stats.total_examples), (True, stats.global_total_examples))]
            self._counts[:] = [stats.total_examples, stats.global_total_examples]

    def _forget(self) -> None:
        super()._forget()
        self._stats.local_reset_stats()

    def reset(self) -> None:
        """Forget everything."""
        super().reset()
        self._stats.reset_stats()


def _given(pred: nd.NDArray, who: EvalMetric) -> nd.NDArray:
    if len(pred.shape) < 2:
        raise (
            np.exceptions.AxisError(1, len(pred.shape))
            if hasattr(np, "exceptions")
            else IndexError(f"{who.name}: axis 1 is out of bounds for array of dimension {len(pred.shape)}")
        )
    return nd.argmax(pred, axis=1)


@register
class F1(_Binary):
    """The harmonic mean of precision and recall, of two classes.

    Parameters
    ----------
    name, output_names, label_names
        As for `EvalMetric`.
    average : {'macro', 'micro'}
        The mean over the batches, or the figure of all that was given.

    Raises
    ------
    ValueError
        From whoever asks for the value: labels were of more than two classes.

    Examples
    --------
    >>> import clsym as mx
    >>> metric = mx.metric.F1()
    >>> metric.update([mx.nd.array([0, 1, 1])], [mx.nd.array([[0.3, 0.7], [0, 1], [0.4, 0.6]])])
    >>> metric.get()
    ('f1', 0.8)
    """

    def __init__(
        self, name: str = "f1", output_names: list[str] | None = None, label_names: list[str] | None = None, average: str = "macro"
    ) -> None:
        self.average = average
        super().__init__(name, output_names, label_names, average)

    def _figure(self, whole: bool) -> float:
        return self._stats._fscore(whole)

    @property
    def metrics(self) -> _BinaryClassificationMetrics:
        """The counts."""
        if self._waiting:
            self._settle()
        return self._stats


@register
class MCC(_Binary):
    """Matthews' correlation coefficient of two classes, from -1 to 1; 0 is no better than chance.

    Parameters
    ----------
    name, output_names, label_names, average
        As for `F1`.

    Examples
    --------
    >>> import clsym as mx
    >>> metric = mx.metric.MCC()
    >>> metric.update([mx.nd.array([0, 1, 1])], [mx.nd.array([[0.7, 0.3], [0, 1], [0.4, 0.6]])])
    >>> metric.get()
    ('mcc', 1.0)
    """

    def __init__(
        self, name: str = "mcc", output_names: list[str] | None = None, label_names: list[str] | None = None, average: str = "macro"
    ) -> None:
        self._average = average
        super().__init__(name, output_names, label_names, average)

    def _figure(self, whole: bool) -> float:
        return self._stats.matthewscc(whole)

    @property
    def _metrics(self) -> _BinaryClassificationMetrics:
        if self._waiting:
            self._settle()
        return self._stats


@register
class PCC(EvalMetric):
    """The correlation of any number of classes with those that were given for them, which is Matthews' for two (Gorodkin, 2004).

    Parameters
    ----------
    name, output_names, label_names
        As for `EvalMetric`.
    has_global_stats : bool

    Examples
    --------
    >>> import clsym as mx
    >>> metric = mx.metric.PCC()
    >>> metric.update([mx.nd.array([0, 1, 2])], [mx.nd.array([[0.7, 0.3, 0], [0, 1, 0], [0, 0.4, 0.6]])])
    >>> round(float(metric.get()[1]), 6)
    1.0
    """

    def __init__(
        self,
        name: str = "pcc",
        output_names: list[str] | None = None,
        label_names: list[str] | None = None,
        has_global_stats: bool = True,
    ) -> None:
        super().__init__(name=name, output_names=output_names, label_names=label_names, has_global_stats=has_global_stats)

    def reset(self) -> None:
        """Forget everything."""
        super().reset()
        self._counts = [0.0, 0.0]
        self.k = 2
        self._tables = [np.zeros((2, 2)), np.zeros((2, 2))]

    def _forget(self) -> None:
        self._counts[0] = 0.0
        self._tables[0] = np.zeros((self.k, self.k))

    def update(self, labels: Any, preds: Any) -> None:
        """Count a batch: labels of one class each, scores along axis 1 or classes of the labels' shape."""
        labels, preds = check_label_shapes(labels, preds, True)
        kept: list[nd.NDArray] = []
        for label, pred in zip(labels, preds, strict=False):
            label = on_one_device(label, pred, self)
            kept += [label.copy(), pred.copy() if pred.shape == label.shape else _given(pred, self)]
        self._later(*kept)

    def _take(self, values: Values, told: Any) -> None:
        for label, given in zip(values[::2], values[1::2], strict=True):
            label, given = label.astype("int32").ravel(), given.astype("int32").ravel()
            most = int(max(given.max(), label.max())) + 1
            if most > self.k:
                self._tables = [np.pad(t, (0, most - self.k)) for t in self._tables]
                self.k = most
            pairs = min(len(given), len(label))
            for table in self._tables:
                np.add.at(table, (given[:pairs], label[:pairs]), 1)
        self._count(0, 1)

    def _correlation(self, which: int) -> float:
        table = self._tables[which]
        n, given, label = table.sum(), table.sum(axis=1), table.sum(axis=0)
        spread_given, spread_label = np.sum(given * (n - given)), np.sum(label * (n - label))
        if spread_given == 0 or spread_label == 0:
            return math.nan
        together = np.sum(table.diagonal() * n - given * label)
        return float(together / (spread_given * spread_label) ** 0.5)

    def _sum(self, which: int) -> Any:
        count = self._number(which)
        return self._correlation(which) * count

    def _set_sum(self, which: int, value: Any) -> None:
        raise AttributeError("the sum of PCC follows from its table")


differs(
    "F1, MCC",
    "labels of a third class are refused by who asks for the value, not by update()",
    "m = mx.metric.F1(); m.update([mx.nd.array([0, 1, 2])], [mx.nd.ones((3, 3))]); print('later')",
    ours="later",
    mxnet="ValueError",
    why="The labels stay on the device until then.",
)
