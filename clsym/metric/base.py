"""`EvalMetric`: a sum and a count, of what was given since the last reset and since the last but local one."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .. import ndarray as nd
from ..registry import get_alias_func, get_create_func, get_register_func

__all__ = ["EvalMetric", "alias", "check_label_shapes", "create", "register"]

Values = tuple[np.ndarray[Any, Any], ...]

MOST_BATCHES = 4096
"""Batches whose statistics may wait on the device at once; then the host takes them in, and waits."""
MOST_BYTES = 1 << 25
"""As much for their bytes."""


def check_label_shapes(labels: Any, preds: Any, wrap: bool = False, shape: bool = False) -> tuple[Any, Any]:
    """Refuse labels and predictions that do not belong together.

    Parameters
    ----------
    labels, preds : NDArray or sequence of NDArray
    wrap : bool
        Make a list of a single array.
    shape : bool
        Compare shapes rather than lengths.

    Returns
    -------
    tuple
        Both.

    Raises
    ------
    ValueError
        Lengths or shapes differ.

    Examples
    --------
    >>> import clsym as mx
    >>> mx.metric.check_label_shapes([1, 2], [3])
    Traceback (most recent call last):
        ...
    ValueError: Shape of labels 2 does not match shape of predictions 1
    """
    of_labels, of_preds = (labels.shape, preds.shape) if shape else (len(labels), len(preds))
    if of_labels != of_preds:
        raise ValueError(f"Shape of labels {of_labels} does not match shape of predictions {of_preds}")
    if wrap:
        labels = [labels] if isinstance(labels, nd.NDArray) else labels
        preds = [preds] if isinstance(preds, nd.NDArray) else preds
    return labels, preds


class EvalMetric:
    """What tells how good predictions are; subclasses say how, in `update`.

    An update does not wait for the device: statistics stay there until somebody asks for them, by `get`, or by reading an attribute.

    Parameters
    ----------
    name : str
        What the value is called.
    output_names, label_names : list of str, optional
        Which outputs and labels `update_dict` takes; all of them by default.
    **kwargs
        For `get_config`; ``has_global_stats=True`` tells that `update` counts `global_sum_metric` and `global_num_inst`, too.

    Attributes
    ----------
    sum_metric, num_inst : float
        Sum and count since `reset` or `reset_local`; the value is their ratio.
    global_sum_metric, global_num_inst : float
        Since `reset`.

    Examples
    --------
    >>> import clsym as mx
    >>> class Mean(mx.metric.EvalMetric):
    ...     def update(self, labels, preds):
    ...         for pred in preds:
    ...             self.sum_metric += float(pred.mean().asscalar())
    ...             self.num_inst += 1
    >>> metric = Mean('mean')
    >>> metric.update([], [mx.nd.array([1, 2])])
    >>> metric.get()
    ('mean', 1.5)
    """

    def __init__(self, name: Any, output_names: list[str] | None = None, label_names: list[str] | None = None, **kwargs: Any) -> None:
        self.name = str(name)
        self.output_names = output_names
        self.label_names = label_names
        self._has_global_stats = kwargs.pop("has_global_stats", False)
        self._kwargs = kwargs
        self.reset()

    def __str__(self) -> str:
        return f"EvalMetric: {dict(self.get_name_value())}"

    # ------------------------------------------------------------------ what waits on the device

    # batches in their order, with what else was told of them; None stands for a reset of the local statistics
    _waiting: tuple[tuple[tuple[nd.NDArray, ...], Any] | None, ...] | list[tuple[tuple[nd.NDArray, ...], Any] | None] = ()
    _held = 0

    def _later(self, *arrays: nd.NDArray, told: Any = None) -> None:
        """Leave statistics of a batch on the device: arrays that nobody else writes to, for `_take`."""
        if not isinstance(self._waiting, list):
            self._waiting = []
        self._waiting.append((arrays, told))
        self._held += sum([a.nbytes for a in arrays])
        if len(self._waiting) >= MOST_BATCHES or self._held > MOST_BYTES:
            self._settle()

    def _settle(self) -> None:
        """Take in all that waits, in the order in which it came."""
        waiting, self._waiting, self._held = list(self._waiting), (), 0
        try:
            while waiting:
                batch = waiting.pop(0)
                if batch is None:
                    self._forget()
                else:
                    self._take(tuple([a.asnumpy() for a in batch[0]]), batch[1])
        finally:
            if waiting:  # one was refused: the others count when somebody asks again
                self._waiting = waiting

    def _take(self, values: Values, told: Any) -> None:
        """Count a batch, on the host: what `_later` was given."""
        raise NotImplementedError(f"{type(self).__name__} leaves statistics on the device and must take them in")

    def _count(self, amount: Any, instances: Any) -> None:
        """Add to both statistics."""
        self._sums[0] += amount
        self._sums[1] += amount
        self._counts[0] += instances
        self._counts[1] += instances

    def _forget(self) -> None:
        """Reset the local statistics, on the host."""
        self._sums[0], self._counts[0] = 0.0, 0

    _sums: list[Any]
    _counts: list[Any]

    def _sum(self, which: int) -> Any:
        if self._waiting:
            self._settle()
        return self.__dict__.setdefault("_sums", [0.0, 0.0])[which]

    def _set_sum(self, which: int, value: Any) -> None:
        self._sum(which)
        self._sums[which] = value

    def _number(self, which: int) -> Any:
        if self._waiting:
            self._settle()
        return self.__dict__.setdefault("_counts", [0, 0])[which]

    def _set_number(self, which: int, value: Any) -> None:
        self._number(which)
        self._counts[which] = value

    sum_metric = property(lambda self: self._sum(0), lambda self, value: self._set_sum(0, value))
    global_sum_metric = property(lambda self: self._sum(1), lambda self, value: self._set_sum(1, value))
    num_inst = property(lambda self: self._number(0), lambda self, value: self._set_number(0, value))
    global_num_inst = property(lambda self: self._number(1), lambda self, value: self._set_number(1, value))

    def __getstate__(self) -> dict[str, Any]:
        """All statistics on the host."""
        if self._waiting:
            self._settle()
        return dict(self.__dict__)

    # ------------------------------------------------------------------ what users call

    def get_config(self) -> dict[str, Any]:
        """What `create` makes an equal metric from, without its statistics."""
        config = dict(self._kwargs)
        config.update(
            metric=self.__class__.__name__, name=self.name, output_names=self.output_names, label_names=self.label_names
        )  # fmt: skip
        return config

    def update_dict(self, label: Mapping[str, nd.NDArray], pred: Mapping[str, nd.NDArray]) -> None:
        """Count a batch whose labels and predictions have names.

        Raises
        ------
        KeyError
            One of `output_names` or `label_names` is missing.
        """
        preds = list(pred.values()) if self.output_names is None else [pred[n] for n in self.output_names]
        labels = list(label.values()) if self.label_names is None else [label[n] for n in self.label_names]
        self.update(labels, preds)

    def update(self, labels: Any, preds: Any) -> None:
        """Count a batch.

        Parameters
        ----------
        labels, preds : list of NDArray
        """
        raise NotImplementedError

    def reset(self) -> None:
        """Forget everything."""
        self._waiting, self._held = (), 0
        self._sums, self._counts = [0.0, 0.0], [0, 0]

    def reset_local(self) -> None:
        """Forget all but the global statistics."""
        if isinstance(self._waiting, list) and self._waiting:
            self._waiting.append(None)
        else:
            self._forget()

    def _ratio(self, amount: Any, instances: Any) -> Any:
        if instances == 0:
            return math.nan
        value = amount / instances
        return value.item() if isinstance(value, np.ndarray) and value.ndim == 0 else value

    def get(self) -> tuple[Any, Any]:
        """Name and value since the last reset of either kind; NaN before the first batch.

        Returns
        -------
        tuple of (str, float)
        """
        return self.name, self._ratio(self.sum_metric, self.num_inst)

    def get_global(self) -> tuple[Any, Any]:
        """Name and value since `reset`; for a metric without global statistics the same as `get`."""
        if not self._has_global_stats:
            return self.get()
        return self.name, self._ratio(self.global_sum_metric, self.global_num_inst)

    def get_name_value(self) -> list[tuple[str, Any]]:
        """Pairs of name and value."""
        return _pairs(*self.get())

    def get_global_name_value(self) -> list[tuple[str, Any]]:
        """Pairs of name and global value."""
        return _pairs(*self.get_global()) if self._has_global_stats else self.get_name_value()


def _pairs(names: Any, values: Any) -> list[tuple[str, Any]]:
    names = names if isinstance(names, list) else [names]
    values = values if isinstance(values, list) else [values]
    return list(zip(names, values, strict=False))


register = get_register_func(EvalMetric, "metric")
alias = get_alias_func(EvalMetric, "metric")
_create = get_create_func(EvalMetric, "metric")


def create(metric: Any, *args: Any, **kwargs: Any) -> Any:
    """A metric from a name, from a function, or from a list of them.

    Parameters
    ----------
    metric : str, callable, EvalMetric or list
        A function of labels and predictions, numpy arrays, makes a `CustomMetric`; a list makes a `CompositeEvalMetric`.
    *args, **kwargs
        The metric's arguments; for a list, of each of them.

    Raises
    ------
    AssertionError
        There is no such metric.

    Examples
    --------
    >>> import clsym as mx
    >>> mx.metric.create('top_k_accuracy', top_k=3).name
    'top_k_accuracy_3'
    >>> mx.metric.create(['acc', 'ce']).get()
    (['accuracy', 'cross-entropy'], [nan, nan])
    """
    if callable(metric):
        return _create("custommetric", metric, *args, **kwargs)
    if isinstance(metric, list):
        both = _create("compositeevalmetric")
        for one in metric:
            both.add(create(one, *args, **kwargs))
        return both
    return _create(metric, *args, **kwargs)


def on_one_device(label: nd.NDArray, pred: nd.NDArray, who: EvalMetric) -> nd.NDArray:
    """The label where the prediction is.

    Raises
    ------
    TypeError
        One of them is no array of this library.
    """
    for what, array in (("label", label), ("prediction", pred)):
        if not isinstance(array, nd.NDArray):
            raise TypeError(f"{who.name}: the {what} must have NDArray type, but got {type(array).__name__}; mx.nd.array makes one")
    return label.as_in_context(pred.context)


def like(shape: Sequence[int]) -> str:
    """A shape as numpy writes it in its errors.

    >>> like((2, 3)), like((2,))
    ('(2,3)', '(2,)')
    """
    return str(tuple(shape)).replace(" ", "")
