"""Curves of training, drawn as it goes on."""

from __future__ import annotations

import os
from typing import Any

from ..base import MXNetError

__all__ = ["LiveCurve"]


class LiveCurve:
    """Draws the metric over the batches into a PNG or SVG file, which always holds a whole picture.

    Give it as ``batch_end_callback`` (or call it there), its `validation` as ``eval_end_callback``, its `epoch_end` as
    ``epoch_end_callback``: each is of use alone.

    Parameters
    ----------
    path : str
        The file; ``.png`` or ``.svg``.
    frequent : int
        Every how many batches the metric is read, which waits for the device, and drawn.

    Raises
    ------
    MXNetError
        Another kind of file is asked for, or matplotlib is not installed.

    Examples
    --------
    >>> import clsym as mx
    >>> try:
    ...     curve = mx.callback.LiveCurve('training.jpg', frequent=10)
    ... except mx.MXNetError as error:
    ...     print(error)
    LiveCurve writes .png and .svg files, not 'training.jpg'
    """

    def __init__(self, path: str, frequent: int = 50) -> None:
        self.path = os.fspath(path)
        self._kind = os.path.splitext(self.path)[1].lower().lstrip(".")
        if self._kind not in ("png", "svg"):
            raise MXNetError(f"LiveCurve writes .png and .svg files, not {self.path!r}")
        try:
            from matplotlib.figure import Figure
        except ImportError as exc:
            raise MXNetError("LiveCurve draws with matplotlib: pip install 'clsym[viz]'") from exc
        self._figure = Figure
        self.frequent = frequent
        self.batches = 0
        self.points: dict[str, list[tuple[int, float]]] = {}
        """The curves: by name, pairs of batches so far and value."""

    def __call__(self, param: Any) -> None:
        """Count a batch of training, and draw if it is time to."""
        self.batches += 1
        if self.batches % self.frequent == 0 and param.eval_metric is not None:
            self._add("", param.eval_metric)
            self.draw()

    def validation(self, param: Any) -> None:
        """Add the metric on the validation data, and draw."""
        if param.eval_metric is not None:
            self._add("validation ", param.eval_metric)
            self.draw()

    def epoch_end(self, epoch: int, *_: Any) -> None:
        """Draw what there is."""
        self.draw()

    def _add(self, start: str, metric: Any) -> None:
        for name, value in metric.get_name_value():
            self.points.setdefault(start + name, []).append((self.batches, float(value)))

    def draw(self) -> None:
        """Write the file: beside it first, and then in its place."""
        figure = self._figure(figsize=(8, 5), layout="constrained")
        axes = figure.add_subplot(xlabel="batches")
        for name, points in self.points.items():
            axes.plot(*zip(*points, strict=True), label=name, marker="o" if len(points) < 3 else None)
        axes.grid(alpha=0.3)
        if self.points:
            axes.legend()
        unfinished = f"{self.path}.{os.getpid()}.part"
        try:
            figure.savefig(unfinished, format=self._kind)
            os.replace(unfinished, self.path)
        finally:
            if os.path.exists(unfinished):
                os.remove(unfinished)
