"""`Initializer`, which fills parameters by what their names end with, and `InitDesc`, what it is told of one."""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Callable, Mapping
from math import sqrt
from typing import Any

import numpy as np

from .. import ndarray as nd
from .. import random
from ..registry import get_alias_func, get_create_func, get_register_func
from .upsampling import bilinear

__all__ = ["InitDesc", "Initializer", "alias", "create", "register"]


class InitDesc(str):
    """The name of a parameter, with what an initializer may want to know besides.

    Parameters
    ----------
    name : str
    attrs : mapping of str to str, optional
        The variable's attributes, from ``attr_dict()``; ``__init__`` names an initializer of its own.
    global_init : Initializer, optional
        What fills the parameters that name none.

    Examples
    --------
    >>> import clsym as mx
    >>> mx.init.InitDesc('fc_weight', {'__init__': 'ones'}).attrs
    {'__init__': 'ones'}
    """

    attrs: Mapping[str, str]
    global_init: Initializer | None

    def __new__(cls, name: Any, attrs: Mapping[str, str] | None = None, global_init: Initializer | None = None) -> InitDesc:
        """A name that is a string, too."""
        self = super().__new__(cls, name)
        self.attrs = attrs or {}
        self.global_init = global_init
        return self


def _spread(array: nd.NDArray) -> str:
    """What verbose initializers print: the root of the mean square."""
    return str((nd.norm(array) / sqrt(array.size)).asscalar())


# name's end -> method and what messages call it
_ENDINGS = (
    ("weight", "_init_weight", "weight"),
    ("bias", "_init_bias", "bias"),
    ("gamma", "_init_gamma", "gamma"),
    ("beta", "_init_beta", "beta"),
    ("min", "_init_zero", "min"),
    ("max", "_init_one", "max"),
    ("weight_quantize", "_init_quantized_weight", "weight_quantize"),
    ("bias_quantize", "_init_quantized_bias", "bias_quantize"),
)
# the same for bare strings, as before there was `InitDesc`: name's start, end, method
_LEGACY = (
    ("upsampling", "", "_init_bilinear"),
    ("stn_loc", "weight", "_init_zero"),
    ("stn_loc", "bias", "_init_loc_bias"),
    ("", "bias", "_init_bias"),
    ("", "gamma", "_init_gamma"),
    ("", "beta", "_init_beta"),
    ("", "weight", "_init_weight"),
    ("", "moving_mean", "_init_zero"),
    ("", "moving_var", "_init_one"),
    ("", "moving_inv_var", "_init_zero"),
    ("", "moving_avg", "_init_zero"),
    ("", "min", "_init_zero"),
    ("", "max", "_init_one"),
)


class Initializer:
    """What fills the parameters of a network; subclasses say how weights are filled.

    A call fills an array by its name: what the attribute ``__init__`` names, else by the name's end. Biases, ``beta`` and ``min`` become
    0, ``gamma`` and ``max`` 1, weights what the subclass's ``_init_weight`` makes.

    Parameters
    ----------
    **kwargs
        The arguments of the subclass, which `dumps` writes.

    Examples
    --------
    >>> import clsym as mx
    >>> a = mx.nd.empty(3)
    >>> mx.init.Uniform()(mx.init.InitDesc('bn_gamma'), a)
    >>> a.asnumpy().tolist(), mx.init.Uniform(0.1).dumps()
    ([1.0, 1.0, 1.0], '["uniform", {"scale": 0.1}]')
    """

    def __init__(self, **kwargs: Any) -> None:
        self._kwargs = kwargs
        self._verbose = False
        self._print_func: Callable[[nd.NDArray], Any] | None = None

    def set_verbosity(self, verbose: bool = False, print_func: Callable[[nd.NDArray], Any] | None = None) -> Initializer:
        """Tell of every parameter that is filled, through `logging`.

        Parameters
        ----------
        verbose : bool
        print_func : callable, optional
            What to tell of an array; the root of its mean square by default.

        Returns
        -------
        Initializer
            This one.
        """
        self._verbose = verbose
        self._print_func = _spread if print_func is None else print_func
        return self

    def _verbose_print(self, desc: str, init: str, arr: nd.NDArray) -> None:
        if self._verbose and self._print_func:
            logging.info("Initialized %s as %s: %s", desc, init, self._print_func(arr))

    def dumps(self) -> str:
        """Name and arguments in JSON, from which `create` makes an equal one."""
        return json.dumps([self.__class__.__name__.lower(), self._kwargs])

    def __call__(self, desc: InitDesc | str, arr: nd.NDArray) -> None:
        """Fill an array.

        Parameters
        ----------
        desc : InitDesc
            The parameter's name, with its attributes.
        arr : NDArray
            Is overwritten.

        Raises
        ------
        ValueError
            The name's end is none that is known, and no attribute ``__init__`` names an initializer.
        """
        if not isinstance(desc, InitDesc):
            self._legacy_init(desc, arr)
            return
        if desc.global_init is None:
            desc.global_init = self
        own = desc.attrs.get("__init__", "")
        if own:
            create(own)._init_weight(desc, arr)
            self._verbose_print(desc, own, arr)
            return
        for ending, method, told in _ENDINGS:
            if desc.endswith(ending):
                getattr(self, method)(desc, arr)
                self._verbose_print(desc, told, arr)
                return
        self._init_default(desc, arr)

    def _legacy_init(self, name: str, arr: nd.NDArray) -> None:
        """Fill an array by a name without attributes."""
        warnings.warn(
            "\033[91mCalling initializer with init(str, NDArray) has been deprecated."
            "please use init(mx.init.InitDesc(...), NDArray) instead.\033[0m",
            DeprecationWarning,
            stacklevel=3,
        )
        if not isinstance(name, str):
            raise TypeError("name must be string")
        for start, ending, method in _LEGACY:
            if name.startswith(start) and name.endswith(ending):
                getattr(self, method)(name, arr)
                return
        self._init_default(name, arr)

    def _init_bilinear(self, _: str, arr: nd.NDArray) -> None:
        arr[:] = bilinear(arr.shape)

    def _init_loc_bias(self, _: str, arr: nd.NDArray) -> None:
        if arr.shape[0] != 6:
            raise AssertionError(f"the bias of a spatial transformer has 6 numbers, not {arr.shape[0]}")
        arr[:] = np.array([1.0, 0, 0, 0, 1.0, 0])

    def _init_zero(self, _: str, arr: nd.NDArray) -> None:
        arr[:] = 0.0

    def _init_one(self, _: str, arr: nd.NDArray) -> None:
        arr[:] = 1.0

    def _init_bias(self, _: str, arr: nd.NDArray) -> None:
        arr[:] = 0.0

    def _init_quantized_bias(self, _: str, arr: nd.NDArray) -> None:
        arr[:] = 0

    def _init_gamma(self, _: str, arr: nd.NDArray) -> None:
        arr[:] = 1.0

    def _init_beta(self, _: str, arr: nd.NDArray) -> None:
        arr[:] = 0.0

    def _init_weight(self, name: str, arr: nd.NDArray) -> None:
        """Fill a weight: the subclass says how."""
        raise NotImplementedError("Must override it")

    def _init_quantized_weight(self, _: str, arr: nd.NDArray) -> None:
        arr[:] = int(random.randint(-127, 127, dtype="int32").asscalar())

    def _init_default(self, name: str, _: nd.NDArray) -> None:
        raise ValueError(
            f"Unknown initialization pattern for {name}. Default initialization is now limited to "
            '"weight", "bias", "gamma" (1.0), and "beta" (0.0).'
            "Please use mx.sym.Variable(init=mx.init.*) to set initialization pattern"
        )

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Initializer):
            return NotImplemented
        return type(self) is type(other) and self._kwargs == other._kwargs

    __hash__ = None  # type: ignore[assignment]  # equal ones may change


_register = get_register_func(Initializer, "initializer")
alias = get_alias_func(Initializer, "initializer")
create = get_create_func(Initializer, "initializer")


def register(klass: Any) -> Any:
    """Make a subclass of `Initializer` known under its name in lower case; a decorator.

    Examples
    --------
    >>> import clsym as mx
    >>> @mx.init.register
    ... class Tenth(mx.init.Initializer):
    ...     def _init_weight(self, name, arr):
    ...         arr[:] = 0.1
    >>> mx.init.create('tenth').dumps()
    '["tenth", {}]'
    """
    return _register(klass)
