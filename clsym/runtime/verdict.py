"""What kernels tell of the data that they met, read behind them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyopencl as cl

from ..base import MXNetError
from ..graph.contract.host import Verdict
from .device import Device

__all__ = ["raise_verdict"]


def raise_verdict(device: Device, status: Any, verdict: Verdict, who: str) -> None:
    """Wait for the kernels enqueued last, and raise the error that their verdict stands for, if any.

    Parameters
    ----------
    status : cl.Buffer
        The workspace that holds it.
    who : str
        The node and its operator, for the message.

    Raises
    ------
    MXNetError or the operator's own kind
        The data are bad.
    """
    numbers = np.empty(verdict.status.nbytes // 4, np.int32)
    cl.enqueue_copy(device.queue, numbers, status)
    error = verdict.error(numbers)
    if error is not None:
        kind = type(error)
        raise kind(f"{who}: {error}") if issubclass(kind, (MXNetError, IndexError)) else error
