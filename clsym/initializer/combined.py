"""What fills parameters by their whole names: from a file, or by one of several initializers."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .. import ndarray as nd

__all__ = ["Load", "Mixed"]

Fills = Callable[[Any, nd.NDArray], Any]


class Load:
    """Parameters come from a file or a dict, the others from another initializer.

    Parameters
    ----------
    param : str or dict of str to NDArray
        A ``.params`` file, or arrays by name; ``arg:`` and ``aux:`` in front of a name are left out.
    default_init : Initializer, optional
        What fills a parameter that is not there.
    verbose : bool
        Tell through `logging` where each comes from.

    Raises
    ------
    AssertionError
        No names are in the file; when called: the shape differs, or there is no such parameter and no `default_init`.

    Examples
    --------
    >>> import clsym as mx
    >>> fill = mx.init.Load({'arg:fc_weight': mx.nd.ones(2)}, default_init=mx.init.Zero())
    >>> a = mx.nd.zeros(2)
    >>> fill(mx.init.InitDesc('fc_weight'), a)
    >>> a.asnumpy().tolist()
    [1.0, 1.0]
    """

    def __init__(self, param: str | Mapping[str, nd.NDArray], default_init: Fills | None = None, verbose: bool = False) -> None:
        found: Any = nd.load(param) if isinstance(param, str) else param
        if not isinstance(found, Mapping):
            raise AssertionError(f"Load takes a file that names its arrays, or a dict; this is {type(found).__name__}")
        self.param = {n[4:] if n.startswith(("arg:", "aux:")) else n: a for n, a in found.items()}
        self.default_init = default_init
        self.verbose = verbose

    def __call__(self, name: str, arr: nd.NDArray) -> None:
        """Fill the parameter `name`."""
        if name in self.param:
            held = self.param[name]
            if arr.shape != held.shape:
                raise AssertionError(
                    f"Parameter {name} cannot be initialized from loading. Shape mismatch, target {arr.shape} vs loaded {held.shape}"
                )
            arr[:] = held
            if self.verbose:
                logging.info("Initialized %s by loading", name)
            return
        if self.default_init is None:
            raise AssertionError(f"Cannot Initialize {name}. Not found in loaded param and no default Initializer is provided.")
        self.default_init(name, arr)
        if self.verbose:
            logging.info("Initialized %s by default", name)


class Mixed:
    """The first pattern that a parameter's name begins with chooses its initializer.

    Parameters
    ----------
    patterns : sequence of str
        Regular expressions.
    initializers : sequence of Initializer
        As many.

    Raises
    ------
    ValueError
        When called for a name that fits none of the patterns.

    Examples
    --------
    >>> import clsym as mx
    >>> fill = mx.init.Mixed(['conv', '.*'], [mx.init.One(), mx.init.Zero()])
    >>> a = mx.nd.empty(2)
    >>> fill(mx.init.InitDesc('conv0_weight'), a)
    >>> a.asnumpy().tolist()
    [1.0, 1.0]
    """

    def __init__(self, patterns: Sequence[str], initializers: Sequence[Fills]) -> None:
        if len(patterns) != len(initializers):
            raise AssertionError(f"Mixed takes as many initializers as patterns: {len(initializers)} and {len(patterns)}")
        self.map = [(re.compile(p), fill) for p, fill in zip(patterns, initializers, strict=True)]

    def __call__(self, name: str, arr: nd.NDArray) -> None:
        """Fill the parameter `name`."""
        for pattern, fill in self.map:
            if pattern.match(name):
                fill(name, arr)
                return
        raise ValueError(
            f'Parameter name {name} did not match any pattern. Consider adding a ".*" pattern at the end with default Initializer.'
        )
