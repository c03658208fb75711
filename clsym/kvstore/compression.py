"""Compression of gradients to two bits, with what is left over kept for the next time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..base import MXNetError
from ..graph.contract.kernel_call import In, KernelCall, Scalar, defines_for, grid
from ..ndarray import NDArray, zeros
from ..runtime.launch import Launch
from ..runtime.transfer import DeviceFailure, failure

__all__ = ["TwoBit"]


class TwoBit:
    """Rounds gradients to -threshold, 0 and threshold.

    Parameters
    ----------
    params : mapping
        ``type``: ``'2bit'``; ``threshold``: above 0, 0.5 by default.

    Raises
    ------
    MXNetError
        The type is missing or another one, or the threshold not above 0.
    """

    def __init__(self, params: Mapping[str, Any]) -> None:
        if "type" not in params:
            raise MXNetError("Required parameter type of string is not presented")
        if params["type"] != "2bit":
            raise MXNetError(f"Unknown type for gradient compression {params['type']}; there is '2bit'")
        self.threshold = float(params.get("threshold", 0.5))
        if not self.threshold > 0:
            raise MXNetError(f"threshold must be greater than 0, not {self.threshold}")
        self._residuals: dict[Any, NDArray] = {}
        self._results: dict[Any, NDArray] = {}
        self._launches: dict[Any, Launch] = {}

    def __call__(self, place: Any, grad: NDArray) -> NDArray:
        """The compressed gradient, until the next call for `place`, which says whose residual is used."""
        if grad._dtype != "float32":
            raise MXNetError(f"gradients are compressed in float32, not {grad._dtype}")
        residual = self._residuals.get(place)
        if residual is None or residual._shape != grad._shape or residual._device is not grad._device:
            residual = self._residuals[place] = zeros(grad.shape, grad.context)
            self._results[place] = NDArray._empty(grad._shape, "float32", grad._ctx)
        out = self._results[place]
        if not grad.size:
            return out
        buffer = grad._buffer()
        device = grad._device
        key = (device, grad.size)
        launch = self._launches.get(key)
        if launch is None:
            args = (In(0), In(1), In(2), Scalar("long", grad.size), Scalar("float", self.threshold))
            call = KernelCall("kvstore/two_bit.cl", "two_bit", args, defines_for("float32"), *grid(grad.size, device.traits))
            launch = self._launches[key] = Launch(device, call)
        buffers = [grad.copy()._root if buffer is None else buffer, residual._root, out._root]
        launch.set_buffers(lambda arg: buffers[arg.index])
        try:
            launch.enqueue(device.queue)
        except DeviceFailure as exc:
            raise failure(exc, device, "the compression of a gradient") from exc
        return out
