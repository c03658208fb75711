"""``mx.contrib.tensorboard``: metrics for TensorBoard, with the package ``mxboard`` or ``tensorboardX`` if one is installed."""

from __future__ import annotations

import importlib
from typing import Any

__all__ = ["LogMetricsCallback"]


class LogMetricsCallback:
    """A callback for batches and evaluations that writes the metrics' values.

    Parameters
    ----------
    logging_dir
        Of the event files.
    prefix
        Stands before the metrics' names, as 'train'.

    Raises
    ------
    ImportError
        None of the packages is installed.
    """

    def __init__(self, logging_dir: str, prefix: str | None = None) -> None:
        self.prefix = prefix
        self.step = 0
        for package in ("mxboard", "tensorboardX", "torch.utils.tensorboard"):
            try:
                writer: Any = importlib.import_module(package).SummaryWriter
            except ImportError:
                continue
            self.summary_writer = writer(logging_dir)
            return
        raise ImportError("LogMetricsCallback needs a writer of TensorBoard's files: pip install tensorboardX")

    def __call__(self, param: Any) -> None:
        """Write what the metric of a `BatchEndParam` says now."""
        if param.eval_metric is None:
            return
        self.step += 1
        for name, value in param.eval_metric.get_name_value():
            tag = name if self.prefix is None else f"{self.prefix}-{name}"
            self.summary_writer.add_scalar(tag, value, self.step)
