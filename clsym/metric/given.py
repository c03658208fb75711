"""Metrics that the user or the network computes: losses, functions of numpy arrays, several metrics as one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .. import ndarray as nd
from .base import EvalMetric, Values, alias, check_label_shapes, create, register

__all__ = ["Caffe", "CompositeEvalMetric", "CustomMetric", "Loss", "Torch", "np"]


@register
class Loss(EvalMetric):
    """The mean of what the network gives, for networks that end in losses.

    >>> import clsym as mx
    >>> metric = mx.metric.Loss()
    >>> metric.update(None, [mx.nd.array([1, 2, 6])])
    >>> metric.get()
    ('loss', 3.0)
    """

    def __init__(self, name: str = "loss", output_names: list[str] | None = None, label_names: list[str] | None = None) -> None:
        super().__init__(name, output_names=output_names, label_names=label_names, has_global_stats=True)

    def update(self, _: Any, preds: Any) -> None:
        """Count a batch of losses; labels are not read."""
        for pred in [preds] if isinstance(preds, nd.NDArray) else preds:
            if not isinstance(pred, nd.NDArray):
                raise AssertionError(f"Argument data must have NDArray type, but got {pred}")
            self._later(nd.sum(pred), told=pred.size)

    def _take(self, values: Values, told: int) -> None:
        self._count(float(values[0][0]), told)


@register
class Torch(Loss):
    """`Loss` under another name."""

    def __init__(self, name: str = "torch", output_names: list[str] | None = None, label_names: list[str] | None = None) -> None:
        super().__init__(name, output_names=output_names, label_names=label_names)


@register
class Caffe(Loss):
    """`Loss` under another name."""

    def __init__(self, name: str = "caffe", output_names: list[str] | None = None, label_names: list[str] | None = None) -> None:
        super().__init__(name, output_names=output_names, label_names=label_names)


@register
class CustomMetric(EvalMetric):
    """The mean of what a function of labels and predictions gives.

    The function is given numpy arrays, so `update` waits for the device.

    Parameters
    ----------
    feval : callable
        ``feval(label, pred)`` gives a number, or a sum and a count.
    name : str, optional
        The function's by default.
    allow_extra_outputs : bool
        Leave out predictions for which there is no label.
    output_names, label_names
        As for `EvalMetric`.

    Examples
    --------
    >>> import clsym as mx
    >>> metric = mx.metric.CustomMetric(lambda label, pred: abs(label - pred).max(), name='furthest')
    >>> metric.update([mx.nd.array([1, 2])], [mx.nd.array([1, 5])])
    >>> float(metric.get()[1])
    3.0
    """

    def __init__(
        self,
        feval: Callable[..., Any],
        name: str | None = None,
        allow_extra_outputs: bool = False,
        output_names: list[str] | None = None,
        label_names: list[str] | None = None,
    ) -> None:
        if name is None:
            name = feval.__name__
            if "<" in name:
                name = f"custom({name})"
        super().__init__(
            name,
            feval=feval,
            allow_extra_outputs=allow_extra_outputs,
            output_names=output_names,
            label_names=label_names,
            has_global_stats=True,
        )
        self._feval = feval
        self._allow_extra_outputs = allow_extra_outputs

    def update(self, labels: Any, preds: Any) -> None:
        """Call the function with every pair of a batch."""
        if not self._allow_extra_outputs:
            labels, preds = check_label_shapes(labels, preds, True)
        for pred, label in zip(preds, labels, strict=False):
            told = self._feval(label.asnumpy(), pred.asnumpy())
            amount, instances = told if isinstance(told, tuple) else (told, 1)
            self.sum_metric += amount
            self.num_inst += instances
            self.global_sum_metric += amount
            self.global_num_inst += instances

    def get_config(self) -> dict[str, Any]:
        """Not there: a function has no configuration."""
        raise NotImplementedError("CustomMetric cannot be serialized")


def np(numpy_feval: Callable[..., Any], name: str | None = None, allow_extra_outputs: bool = False) -> CustomMetric:
    """A `CustomMetric` of a function.

    >>> import clsym as mx
    >>> def far(label, pred):
    ...     return abs(label - pred).max()
    >>> mx.metric.np(far).name
    'far'
    """

    def feval(label: Any, pred: Any) -> Any:
        return numpy_feval(label, pred)

    feval.__name__ = numpy_feval.__name__
    return CustomMetric(feval, name, allow_extra_outputs)


@register
@alias("composite")
class CompositeEvalMetric(EvalMetric):
    """Several metrics as one.

    Parameters
    ----------
    metrics : list, optional
        Metrics, or what `create` makes them from.
    name, output_names, label_names
        As for `EvalMetric`.

    Examples
    --------
    >>> import clsym as mx
    >>> both = mx.metric.CompositeEvalMetric(['acc', 'mse'])
    >>> both.get()
    (['accuracy', 'mse'], [nan, nan])
    """

    metrics: list[EvalMetric]

    def __init__(
        self,
        metrics: Sequence[Any] | None = None,
        name: str = "composite",
        output_names: list[str] | None = None,
        label_names: list[str] | None = None,
    ) -> None:
        self.metrics = []
        super().__init__(name, output_names=output_names, label_names=label_names, has_global_stats=True)
        self.metrics = [create(m) for m in ([] if metrics is None else metrics)]

    def add(self, metric: Any) -> None:
        """Put another metric behind the others."""
        self.metrics.append(create(metric))

    def get_metric(self, index: int) -> EvalMetric | ValueError:
        """The metric at a place; an error is returned, not raised, where there is none."""
        try:
            return self.metrics[index]
        except IndexError:
            return ValueError(f"Metric index {index} is out of range 0 and {len(self.metrics)}")

    def update_dict(self, labels: Mapping[str, nd.NDArray], preds: Mapping[str, nd.NDArray]) -> None:
        """Count a batch whose labels and predictions have names; those that are not asked for are left out."""
        if self.label_names is not None:
            labels = {n: a for n, a in labels.items() if n in self.label_names}
        if self.output_names is not None:
            preds = {n: a for n, a in preds.items() if n in self.output_names}
        for metric in self.metrics:
            metric.update_dict(labels, preds)

    def update(self, labels: Any, preds: Any) -> None:
        """Count a batch."""
        for metric in self.metrics:
            metric.update(labels, preds)

    def reset(self) -> None:
        """Forget everything."""
        for metric in self.metrics:
            metric.reset()

    def reset_local(self) -> None:
        """Forget all but the global statistics."""
        for metric in self.metrics:
            metric.reset_local()

    def _all(self, found: Sequence[tuple[Any, Any]]) -> tuple[list[str], list[Any]]:
        names: list[str] = []
        values: list[Any] = []
        for name, value in found:
            names += name if isinstance(name, list) else [name]
            values += value if isinstance(value, list) else [value]
        return names, values

    def get(self) -> tuple[list[str], list[Any]]:
        """Names and values since the last reset of either kind."""
        return self._all([m.get() for m in self.metrics])

    def get_global(self) -> tuple[list[str], list[Any]]:
        """Names and values since `reset`."""
        return self._all([m.get_global() for m in self.metrics])

    def get_config(self) -> dict[str, Any]:
        """What it was made of, and the same of its metrics."""
        return {**super().get_config(), "metrics": [m.get_config() for m in self.metrics]}
