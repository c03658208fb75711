"""What is told of training as it goes on, through `logging`."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable
from typing import Any

__all__ = ["LogValidationMetricsCallback", "ProgressBar", "Speedometer", "log_train_metric"]


def log_train_metric(period: int, auto_reset: bool = False) -> Callable[[Any], None]:
    """A ``batch_end_callback`` that tells the metric every `period` batches, and with `auto_reset` resets its local statistics."""

    def tell(param: Any) -> None:
        if param.nbatch % period == 0 and param.eval_metric is not None:
            for name, value in param.eval_metric.get_name_value():
                logging.info("Iter[%d] Batch[%d] Train-%s=%f", param.epoch, param.nbatch, name, value)
            if auto_reset:
                param.eval_metric.reset_local()

    return tell


class Speedometer:
    """A ``batch_end_callback`` that tells samples a second, and the metric.

    Parameters
    ----------
    batch_size : int
    frequent : int
        Every how many batches.
    auto_reset : bool
        Tell the metric of these batches alone: its local statistics are reset each time.

    Examples
    --------
    >>> import clsym as mx
    >>> speed = mx.callback.Speedometer(32, frequent=10)
    >>> speed(mx.model.BatchEndParam(epoch=0, nbatch=0, eval_metric=None, locals=None))
    """

    def __init__(self, batch_size: int, frequent: int = 50, auto_reset: bool = True) -> None:
        self.batch_size = batch_size
        self.frequent = frequent
        self.init = False
        self.tic: float = 0
        self.last_count = 0
        self.auto_reset = auto_reset

    def __call__(self, param: Any) -> None:
        """Tell, if it is time to."""
        count = param.nbatch
        if self.last_count > count:  # another epoch
            self.init = False
        self.last_count = count
        if not self.init:
            self.init = True
            self.tic = time.time()
            return
        if count % self.frequent:
            return
        metric = param.eval_metric
        pairs = metric.get_name_value() if metric is not None else []  # waits for the device, so that the time is that of the work
        passed = time.time() - self.tic
        speed = self.frequent * self.batch_size / passed if passed else math.inf
        if metric is None:
            logging.info("Iter[%d] Batch [%d]\tSpeed: %.2f samples/sec", param.epoch, count, speed)
        else:
            start = count - self.frequent if self.auto_reset else 0
            if self.auto_reset:
                metric.reset_local()
            told = "".join(["\t%s=%f"] * len(pairs))
            values = [v for pair in pairs for v in pair]
            logging.info("Epoch[%d] Batch [%d-%d]\tSpeed: %.2f samples/sec" + told, param.epoch, start, count, speed, *values)
        self.tic = time.time()


class ProgressBar:
    """A ``batch_end_callback`` that shows how much of an epoch is done.

    Parameters
    ----------
    total : int
        Batches of an epoch.
    length : int
        Characters of the bar.
    """

    def __init__(self, total: int, length: int = 80) -> None:
        self.bar_len = length
        self.total = total

    def __call__(self, param: Any) -> None:
        """Show it."""
        filled = round(self.bar_len * param.nbatch / float(self.total))
        share = math.ceil(100.0 * param.nbatch / float(self.total))
        logging.info("[%s] %s%s\r", "=" * filled + "-" * (self.bar_len - filled), share, "%")


class LogValidationMetricsCallback:
    """An ``eval_end_callback`` that tells the metric on the validation data."""

    def __call__(self, param: Any) -> None:
        """Tell it."""
        if not param.eval_metric:
            return
        for name, value in param.eval_metric.get_name_value():
            logging.info("Epoch[%d] Validation-%s=%f", param.epoch, name, value)
