"""``mx.mon.Monitor``: statistics of all that a network computes, every so many batches."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from math import sqrt
from typing import Any

import numpy as np

from . import ndarray as nd
from .executor import Executor

__all__ = ["Monitor"]


def _spread(array: nd.NDArray) -> nd.NDArray:
    """The norm over the root of the size."""
    return nd.norm(array) / sqrt(array.size)


class Monitor:
    """Statistics of outputs, parameters and auxiliary states of executors, every `interval` batches.

    While a batch is looked at, a forward runs step by step over the graph as it was written; the others run as ever. Where an output of the
    network was NaN, a warning names the first value that was.

    Parameters
    ----------
    interval : int
        Every how many batches, counted by `tic`.
    stat_func : callable, optional
        From an NDArray to an NDArray or a list of them; ``norm(x) / sqrt(size)`` by default.
    pattern : str
        A regular expression: which names are looked at, by their start.
    sort : bool
        Put the results in the order of their names.
    monitor_all : bool
        Look at the inputs of every node, too.

    Examples
    --------
    >>> import clsym as mx
    >>> ex = mx.sym.sum(mx.sym.var('x'), name='total').bind(mx.cpu(), {'x': mx.nd.array([3, 4])})
    >>> monitor = mx.mon.Monitor(1, pattern='total')
    >>> monitor.install(ex)
    >>> monitor.tic()
    >>> _ = ex.forward()
    >>> monitor.toc()
    [(1, 'total_output', '7.0\\t')]
    """

    def __init__(
        self,
        interval: int,
        stat_func: Callable[[nd.NDArray], Any] | None = None,
        pattern: str = ".*",
        sort: bool = False,
        monitor_all: bool = False,
    ) -> None:
        self.stat_func = _spread if stat_func is None else stat_func
        self.interval = interval
        self.activated = False
        self.queue: list[tuple[int, str, Any]] = []
        self.step = 0
        self.exes: list[Executor] = []
        self.re_prog = re.compile(pattern)
        self.sort = sort
        self.monitor_all = monitor_all
        self._first_nan: str | None = None

    def stat_helper(self, name: str, array: nd.NDArray) -> None:
        """What executors call with each value."""
        if not self.activated:
            return
        if self._first_nan is None and _has_nan(array):
            self._first_nan = name
        if self.re_prog.match(name):
            self.queue.append((self.step, name, self.stat_func(array)))

    def install(self, exe: Executor) -> None:
        """Look at an executor, too."""
        self.exes.append(exe)
        if self.activated:
            exe.set_monitor_callback(self.stat_helper, self.monitor_all)

    def tic(self) -> None:
        """Begin a batch: call it before the forward."""
        if self.step % self.interval == 0:
            self.queue = []
            self.activated = True
            self._first_nan = None
            for exe in self.exes:
                exe.set_monitor_callback(self.stat_helper, self.monitor_all)
        self.step += 1

    def toc(self) -> list[tuple[int, str, str]]:
        """End a batch.

        Returns
        -------
        list of (int, str, str)
            Number of the batch, name, statistics; empty where this batch was not looked at.

        Raises
        ------
        AssertionError
            `stat_func` gave something else than arrays.
        """
        if not self.activated:
            return []
        for exe in self.exes:
            exe.set_monitor_callback(None)
            for names, arrays in ((exe.arg_names, exe.arg_arrays), (exe.aux_names, exe.aux_arrays)):
                for name, array in zip(names, arrays, strict=True):
                    if self.re_prog.match(name):
                        self.queue.append((self.step, name, self.stat_func(array)))
        self.activated = False
        self._warn_of_nan()
        found = sorted(self.queue, key=lambda entry: entry[1]) if self.sort else self.queue
        self.queue = []
        return [(step, name, _told(name, values)) for step, name, values in found]

    def toc_print(self) -> None:
        """End a batch, and tell of it through `logging`."""
        for step, name, told in self.toc():
            logging.info("Batch: %7d %30s %s", step, name.ljust(30), told)

    def _warn_of_nan(self) -> None:
        if self._first_nan is None:
            return
        for exe in self.exes:
            for name, array in exe.output_dict.items():
                if _has_nan(array):
                    logging.warning("Batch %d: output %r holds NaN; the first NaN was in %r", self.step, name, self._first_nan)
                    return


def _has_nan(array: nd.NDArray) -> bool:
    return bool(np.issubdtype(array.dtype, np.floating) and np.isnan(array.asnumpy()).any())


def _told(name: str, values: Any) -> str:
    if isinstance(values, nd.NDArray):
        values = [values]
    if not isinstance(values, list) or not all(isinstance(v, nd.NDArray) for v in values):
        raise AssertionError(f"the statistics of {name} must be an NDArray or a list of them, not {values!r}")
    return "".join(str(v.asscalar() if v.shape == (1,) else v.asnumpy()) + "\t" for v in values)
