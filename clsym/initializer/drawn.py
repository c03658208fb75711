"""Initializers that draw random numbers."""

from __future__ import annotations

from math import prod, sqrt

import numpy as np

from .. import ndarray as nd
from .. import random
from .initializer import Initializer, register

__all__ = ["MSRAPrelu", "Normal", "Orthogonal", "Uniform", "Xavier"]


@register
class Uniform(Initializer):
    """Weights are drawn from [-scale, scale), all equally likely.

    >>> import clsym as mx
    >>> a = mx.nd.empty((8, 8))
    >>> mx.init.Uniform(0.5)(mx.init.InitDesc('fc_weight'), a)
    >>> bool((abs(a) <= 0.5).asnumpy().all())
    True
    """

    def __init__(self, scale: float = 0.07) -> None:
        super().__init__(scale=scale)
        self.scale = scale

    def _init_weight(self, _: str, arr: nd.NDArray) -> None:
        random.uniform(-self.scale, self.scale, out=arr)


@register
class Normal(Initializer):
    """Weights are drawn from the normal distribution of mean 0 and standard deviation `sigma`.

    >>> import clsym as mx
    >>> mx.init.Normal().dumps()
    '["normal", {"sigma": 0.01}]'
    """

    def __init__(self, sigma: float = 0.01) -> None:
        super().__init__(sigma=sigma)
        self.sigma = sigma

    def _init_weight(self, _: str, arr: nd.NDArray) -> None:
        random.normal(0, self.sigma, out=arr)


@register
class Orthogonal(Initializer):
    """Weights are `scale` times a matrix (first extent, all the others) with orthonormal rows or columns.

    The matrix is that of a singular value decomposition, computed on the host, of random numbers, after Saxe and others, 2013.

    Parameters
    ----------
    scale : float
    rand_type : {'uniform', 'normal'}
        Drawn from [-1, 1) or from the standard normal distribution.

    Examples
    --------
    >>> import clsym as mx
    >>> a = mx.nd.empty((2, 3))
    >>> mx.init.Orthogonal(scale=1)(mx.init.InitDesc('fc_weight'), a)
    >>> mx.nd.dot(a, a.T).asnumpy().round(3).tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """

    def __init__(self, scale: float = 1.414, rand_type: str = "uniform") -> None:
        super().__init__(scale=scale, rand_type=rand_type)
        self.scale = scale
        self.rand_type = rand_type

    def _init_weight(self, _: str, arr: nd.NDArray) -> None:
        shape = (arr.shape[0], prod(arr.shape[1:]))
        if self.rand_type == "uniform":
            drawn = random.uniform(-1.0, 1.0, shape=shape, ctx=arr.context).asnumpy()
        elif self.rand_type == "normal":
            drawn = random.normal(0.0, 1.0, shape=shape, ctx=arr.context).asnumpy()
        else:
            raise ValueError(f"Orthogonal draws 'uniform' or 'normal' numbers, not {self.rand_type!r}")
        left, _values, right = np.linalg.svd(drawn, full_matrices=False)
        arr[:] = self.scale * (left if left.shape == shape else right).reshape(arr.shape)


@register
class Xavier(Initializer):
    """Weights are drawn so that what a layer gives has the scale of what it is given, after Glorot and Bengio, 2010.

    Uniform in [-c, c), or normal with standard deviation c, where c = sqrt(magnitude / fan). The fan in of weights
    (outputs, inputs, ...) is inputs * ..., the fan out outputs * ....

    Parameters
    ----------
    rnd_type : {'uniform', 'gaussian'}
    factor_type : {'avg', 'in', 'out'}
        Which fan: of the inputs, of the outputs, or the mean of both.
    magnitude : float

    Raises
    ------
    ValueError
        When called for weights of fewer than two dimensions, or with other words.

    Examples
    --------
    >>> import clsym as mx
    >>> a = mx.nd.empty((8, 4, 3, 3))
    >>> mx.init.Xavier(factor_type='in', magnitude=36)(mx.init.InitDesc('conv_weight'), a)
    >>> bool((abs(a) <= 1).asnumpy().all())
    True
    """

    def __init__(self, rnd_type: str = "uniform", factor_type: str = "avg", magnitude: float = 3) -> None:
        super().__init__(rnd_type=rnd_type, factor_type=factor_type, magnitude=magnitude)
        self.rnd_type = rnd_type
        self.factor_type = factor_type
        self.magnitude = float(magnitude)

    def _init_weight(self, name: str, arr: nd.NDArray) -> None:
        if len(arr.shape) < 2:
            raise ValueError(f"Xavier initializer cannot be applied to vector {name}. It requires at least 2D.")
        window = float(prod(arr.shape[2:]))
        fan_in, fan_out = arr.shape[1] * window, arr.shape[0] * window
        fans = {"avg": (fan_in + fan_out) / 2.0, "in": fan_in, "out": fan_out}
        if self.factor_type not in fans:
            raise ValueError("Incorrect factor type")
        scale = sqrt(self.magnitude / fans[self.factor_type])
        if self.rnd_type == "uniform":
            random.uniform(-scale, scale, out=arr)
        elif self.rnd_type == "gaussian":
            random.normal(0, scale, out=arr)
        else:
            raise ValueError("Unknown random type")


@register
class MSRAPrelu(Xavier):
    """Normal weights for layers with (leaky) ReLU behind them, after He and others, 2015: `Xavier` of magnitude 2 / (1 + slope^2).

    Parameters
    ----------
    factor_type : {'avg', 'in', 'out'}
    slope : float
        Of the activation below 0.

    Examples
    --------
    >>> import clsym as mx
    >>> mx.init.MSRAPrelu(slope=0).magnitude
    2.0
    """

    def __init__(self, factor_type: str = "avg", slope: float = 0.25) -> None:
        super().__init__("gaussian", factor_type, 2.0 / (1 + slope**2))
        self._kwargs = {"factor_type": factor_type, "slope": slope}
