"""``mx.callback``: what `fit` and `score` call at the ends of batches and epochs."""

from __future__ import annotations

from .checkpoint import do_checkpoint, module_checkpoint
from .curve import LiveCurve
from .progress import LogValidationMetricsCallback, ProgressBar, Speedometer, log_train_metric

__all__ = [
    "LiveCurve", "LogValidationMetricsCallback", "ProgressBar", "Speedometer", "do_checkpoint", "log_train_metric", "module_checkpoint",
]  # fmt: skip
