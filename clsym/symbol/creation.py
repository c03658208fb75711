"""Variables, groups, and symbols from files."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any, cast

from ..base import DTYPE_FLAGS, UnknownNameError, dtype_name
from ..graph.build import hide_keys, is_hidden
from ..graph.contract.op import Node
from ..naming import AttrScope
from ..params import to_text
from .symbol import Symbol, load_json
from .text import read_text

__all__ = ["Group", "Variable", "fromjson", "load", "load_json", "var"]

_STORAGE = {"default": 0, "row_sparse": 1, "csr": 2}


class StorageTypeError(UnknownNameError, ValueError):
    """No storage type of MXNet's."""


def var(
    name: str,
    attr: Mapping[str, str] | None = None,
    shape: Sequence[int] | None = None,
    lr_mult: float | None = None,
    wd_mult: float | None = None,
    dtype: Any = None,
    init: Any = None,
    stype: str | None = None,
    profiler_scope: str | None = None,
    **kwargs: Any,
) -> Symbol:
    """An input of a graph.

    Parameters
    ----------
    name : str
        Its name.
    attr : dict of str to str, optional
        Attributes.
    shape : tuple of int, optional
        Its shape, where no other is given at bind; 0 is an unknown extent.
    lr_mult, wd_mult : float, optional
        What an optimizer multiplies the learning rate and the weight decay by.
    dtype : str or numpy type, optional
        Its element type.
    init : Initializer or str, optional
        How it is initialised.
    stype : {'default', 'row_sparse', 'csr'}, optional
        Storage type, kept in the graph file; storage is always dense here.
    profiler_scope : str, optional
        Kept as attribute ``__profiler_scope__``.
    kwargs
        Attributes whose names start and end with two underscores.

    Raises
    ------
    TypeError
        The name is no str, or the type no element type.
    ValueError
        An attribute's name has no underscores, or its value in `attr` is no str.

    Examples
    --------
    >>> import clsym as mx
    >>> mx.sym.var('data', shape=(0, 3), lr_mult=2).list_attr()
    {'__shape__': '(0, 3)', '__lr_mult__': '2', 'lr_mult': '2'}
    """
    if not isinstance(name, str):
        raise TypeError(f"Expect a string for variable `name`, not {type(name).__name__}")
    attrs = hide_keys(cast(Any, AttrScope).current.get(attr))
    for key, value in attrs.items():
        if not isinstance(value, str):
            raise ValueError(f"Set Attr only accepts string values: {key}={value!r}")
    if shape is not None:
        attrs["__shape__"] = to_text(shape)
    if lr_mult is not None:
        attrs["__lr_mult__"] = to_text(lr_mult)
    if wd_mult is not None:
        attrs["__wd_mult__"] = to_text(wd_mult)
    if dtype is not None:
        attrs["__dtype__"] = str(DTYPE_FLAGS[dtype_name(dtype)])
    if init is not None:
        attrs["__init__"] = init if isinstance(init, str) else init.dumps()
    if stype is not None:
        if stype not in _STORAGE:
            raise StorageTypeError(f"stype is {stype!r}; use one of {sorted(_STORAGE)}")
        attrs["__storage_type__"] = str(_STORAGE[stype])
    if profiler_scope is not None:
        attrs["__profiler_scope__"] = profiler_scope
    for key, value in kwargs.items():
        if not is_hidden(key):
            raise ValueError(
                f"Attribute name={key} is not supported. "
                "Additional attributes must start and end with double underscores, e.g, __yourattr__"
            )
        attrs[key] = to_text(value)
    return Symbol(Node(None, name, attrs=attrs).out())


Variable = var


def Group(symbols: Sequence[Symbol], create_fn: type[Symbol] = Symbol) -> Symbol:
    """One symbol of all outputs of several.

    Examples
    --------
    >>> import clsym as mx
    >>> mx.sym.Group([mx.sym.var('a'), mx.sym.var('b')])
    <Symbol group [a, b]>
    """
    if not isinstance(symbols, Symbol):  # a symbol of several outputs is a sequence of symbols
        symbols = list(symbols)
        if not symbols or any(not isinstance(s, Symbol) for s in symbols):
            raise TypeError("Expected a list of symbols as input")
    return create_fn(*(e for s in symbols for e in s.entries))


def load(fname: str | os.PathLike[str]) -> Symbol:
    """The symbol in a file that `Symbol.save` or any version of MXNet up to 1.9.1 wrote.

    Raises
    ------
    MXNetError
        The file cannot be read or is no graph; the message says what is wrong with which node.
    """
    if not isinstance(fname, (str, os.PathLike)):
        raise TypeError("fname need to be string")
    return load_json(read_text(fname))


fromjson = load_json
