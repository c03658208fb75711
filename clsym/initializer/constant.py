"""Initializers that fill with given numbers."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from .. import ndarray as nd
from .initializer import Initializer, alias, register
from .upsampling import bilinear

__all__ = ["Bilinear", "Constant", "LSTMBias", "One", "Zero"]


@register
@alias("zeros")
class Zero(Initializer):
    """Weights are 0.

    >>> import clsym as mx
    >>> a = mx.nd.ones(2)
    >>> mx.init.Zero()(mx.init.InitDesc('fc_weight'), a)
    >>> a.asnumpy().tolist()
    [0.0, 0.0]
    """

    def __init__(self) -> None:
        super().__init__()

    def _init_weight(self, _: str, arr: nd.NDArray) -> None:
        arr[:] = 0


@register
@alias("ones")
class One(Initializer):
    """Weights are 1.

    >>> import clsym as mx
    >>> mx.init.create('ones') == mx.init.One()
    True
    """

    def __init__(self) -> None:
        super().__init__()

    def _init_weight(self, _: str, arr: nd.NDArray) -> None:
        arr[:] = 1


@register
class Constant(Initializer):
    """Weights are a given number, or given numbers.

    Parameters
    ----------
    value : float, NDArray or sequence
        Of the weights' shape where it is no number.

    Examples
    --------
    >>> import clsym as mx
    >>> a = mx.nd.zeros(2)
    >>> mx.init.Constant([3, 4])(mx.init.InitDesc('fc_weight'), a)
    >>> a.asnumpy().tolist(), mx.init.Constant(3).dumps()
    ([3.0, 4.0], '["constant", {"value": 3}]')
    """

    def __init__(self, value: Any) -> None:
        super().__init__(value=value)
        self.value = value

    def _init_weight(self, _: str, arr: nd.NDArray) -> None:
        arr[:] = self.value

    def dumps(self) -> str:
        """Name and value in JSON; arrays become lists."""
        value = self._kwargs["value"]
        if isinstance(value, nd.NDArray):
            value = value.asnumpy()
        if isinstance(value, (np.ndarray, np.generic)):
            value = value.tolist()
        return json.dumps([self.__class__.__name__.lower(), {"value": value}])


@register
class Bilinear(Initializer):
    """Weights of a deconvolution that interpolates: (channels, 1, H, W), bilinear in H and W.

    >>> import clsym as mx
    >>> a = mx.nd.empty((1, 1, 3, 3))
    >>> mx.init.Bilinear()(mx.init.InitDesc('up_weight'), a)
    >>> a[0, 0, 1].asnumpy().tolist()
    [0.1875, 0.5625, 0.5625]
    """

    def __init__(self) -> None:
        super().__init__()

    def _init_weight(self, _: str, arr: nd.NDArray) -> None:
        arr[:] = bilinear(arr.shape)


@register
class LSTMBias(Initializer):
    """Biases of an LSTM are 0, those of its forget gates `forget_bias`.

    Parameters
    ----------
    forget_bias : float
        The second of the four quarters is filled with it, after Jozefowicz and others, 2015.

    Examples
    --------
    >>> import clsym as mx
    >>> a = mx.nd.empty(8)
    >>> mx.init.Zero()(mx.init.InitDesc('lstm_i2h_bias', {'__init__': mx.init.LSTMBias().dumps()}), a)
    >>> a.asnumpy().tolist()
    [0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0]
    """

    def __init__(self, forget_bias: float = 1.0) -> None:
        super().__init__(forget_bias=forget_bias)
        self.forget_bias = forget_bias

    def _init_weight(self, name: str, arr: nd.NDArray) -> None:
        arr[:] = 0.0
        hidden = arr.shape[0] // 4
        arr[hidden : 2 * hidden] = self.forget_bias
