"""What MXNet's environment says of optimizers."""

from __future__ import annotations

import os

__all__ = ["aggregation"]


def aggregation(default: int) -> int:
    """``aggregate_num`` of optimizers that MXNet gives several parameters at once, as ``MXNET_OPTIMIZER_AGGREGATION_SIZE`` has it.

    clsym's take lists of any length; scripts may read the number.
    """
    return max(1, min(45, int(os.environ.get("MXNET_OPTIMIZER_AGGREGATION_SIZE", default))))
