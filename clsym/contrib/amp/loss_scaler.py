"""By how much losses are scaled, so that small gradients are not lost in float16."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from ... import ndarray as nd
from ...ndarray import NDArray

__all__ = ["LossScaler"]

_AT_ONCE = 200
"""Arrays that one launch looks at."""


class LossScaler:
    """A dynamic scale: 2 ** 16 at first, twice as much after 2,000 steps without an overflow, half as much after an overflow.

    Attributes
    ----------
    loss_scale : float
        What the losses of the last step were scaled by.

    Examples
    --------
    >>> import clsym as mx
    >>> from clsym.contrib.amp.loss_scaler import LossScaler
    >>> scaler = LossScaler()
    >>> scaler.has_overflow([mx.nd.array([1.0, float('inf')])]), scaler.next_loss_scale
    (True, 32768.0)
    """

    def __init__(self) -> None:
        self._loss_scale = 2.0**16
        self._next_loss_scale = self._loss_scale
        self._max_loss_scale = 2.0**24
        self._scale_seq_len = 2000
        self._unskipped = 0

    @property
    def loss_scale(self) -> float:
        """The scale of the last step that `has_overflow` was asked about."""
        return self._loss_scale

    @property
    def next_loss_scale(self) -> float:
        """The scale of the next step."""
        return self._next_loss_scale

    def has_overflow(self, params: Iterable[Any]) -> bool:
        """Whether a gradient is infinite or NaN; the scale of the next step follows. This waits for the device, once.

        Parameters
        ----------
        params : iterable of NDArray, or of what has a list of them in ``_grad``
            The gradients of a step.
        """
        overflow = not _all_finite(params)
        self._loss_scale = self._next_loss_scale
        if overflow:
            self._next_loss_scale = self._loss_scale / 2
            self._unskipped = 0
        else:
            self._unskipped += 1
        if self._unskipped == self._scale_seq_len:
            self._unskipped = 0
            self._next_loss_scale = min(self._max_loss_scale, self._loss_scale * 2)
        return overflow


def _all_finite(params: Iterable[Any]) -> bool:
    """Whether all are finite: a launch or a few for each device and type, which all run before the first is waited for."""
    groups: dict[Any, list[NDArray]] = {}
    for p in params:
        arrays: Sequence[Any] | None = [p] if isinstance(p, NDArray) else p._grad
        for a in arrays or ():
            groups.setdefault((a.context, a.dtype), []).append(a)
    flags = []
    for arrays in groups.values():
        for begin in range(0, len(arrays), _AT_ONCE):
            part = arrays[begin : begin + _AT_ONCE]
            flags.append(nd.multi_all_finite(*part, num_arrays=len(part)))
    return all(bool(f.asnumpy()[0]) for f in flags)
