"""Names and attributes that nodes of a graph get by themselves: NameManager, Prefix and AttrScope.

The hint of an automatic name is the name of the function that was called, in lower case and without its namespace, not the operator's
canonical name: ``mx.sym.Convolution`` gives ``convolution0``, ``mx.sym.SliceChannel`` ``slicechannel0`` but its alias ``mx.sym.split``
``split0``; ``mx.sym.contrib.box_nms`` gives ``box_nms0``, ``mx.sym.linalg.gemm2`` ``gemm20``. Leading underscores stay: the operators
of Python call ``_plus``, ``_MulScalar``, ``_greater_scalar``, hence ``a + b`` is ``_plus0``, ``a * 2`` ``_mulscalar0``, ``a > 1``
``_greater_scalar0``, and ``mx.sym.zeros`` ``_zeros0``. Each hint counts from 0 in each manager.

The stack of each kind of scope is the thread's own; a new thread starts with an empty AttrScope and a fresh NameManager.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from types import TracebackType
from typing import Any, TypeVar

from clsym.base import MXNetError, WrongTypeError

__all__ = ["AttrScope", "NameManager", "Prefix"]

_Self = TypeVar("_Self", bound="_Scope")


class _ThreadStack(threading.local):
    """The scopes that a thread has entered, innermost last; the thread's default is at the bottom."""

    def __init__(self, default: type[_Scope]) -> None:  # called anew in each thread that looks
        self.entered: list[tuple[_Scope, dict[str, str]]] = [(default(), {})]


class _ScopeType(type):
    """Gives the classes themselves the property ``current``."""

    _stack: _ThreadStack

    @property
    def current(cls) -> Any:
        """The innermost scope that this thread has entered."""
        return cls._stack.entered[-1][0]

    @current.setter
    def current(cls, scope: _Scope) -> None:
        cls._stack.entered[-1] = (scope, scope._enter_attributes({}))


class _Scope(metaclass=_ScopeType):
    """What the scopes share: ``with`` and the stack."""

    def __enter__(self: _Self) -> _Self:
        entered = type(self)._stack.entered
        entered.append((self, self._enter_attributes(entered[-1][1])))
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        entered = type(self)._stack.entered
        for position in range(len(entered) - 1, 0, -1):
            if entered[position][0] is self:
                del entered[position]
                return
        raise MXNetError(f"this thread left a {type(self).__name__} that it had not entered; use it in a 'with' statement")

    def _enter_attributes(self, outer: dict[str, str]) -> dict[str, str]:
        return outer

    @property
    def current(self) -> Any:
        """The innermost scope that this thread has entered."""
        return type(self).current


class NameManager(_Scope):
    """Gives names to the nodes that the user leaves nameless; subclass it and override `get` to name them otherwise.

    Entered by ``with``, it names what is made in the block.

    Examples
    --------
    >>> manager = NameManager()
    >>> manager.get(None, 'convolution'), manager.get(None, 'convolution'), manager.get('mine', 'convolution')
    ('convolution0', 'convolution1', 'mine')
    """

    def __init__(self) -> None:
        self._counter: dict[str, int] = {}

    def get(self, name: str | None, hint: str) -> str:
        """The name of a new node.

        Parameters
        ----------
        name
            What the user gave; None or an empty string asks for an automatic one.
        hint
            What an automatic name starts with; see the module's text.
        """
        if name:
            if not isinstance(name, str):
                raise WrongTypeError(f"the name of a symbol is {name!r}, of type {type(name).__name__}; pass a str")
            return name
        number = self._counter.get(hint, 0)
        self._counter[hint] = number + 1
        return f"{hint}{number}"


class Prefix(NameManager):
    """Puts a prefix before every name of an operator's node, also those that the user gave; variables keep theirs.

    Prefixes do not add up: in nested blocks the innermost one counts. Arguments that an operator makes by itself take its whole
    name: ``FullyConnected(data, name='fc1')`` under ``Prefix('mynet_')`` has the weight ``mynet_fc1_weight``.

    Parameters
    ----------
    prefix
        The text to put before.

    Examples
    --------
    >>> with Prefix('mynet_') as prefix:
    ...     NameManager.current.get('fc1', 'fullyconnected'), NameManager.current.get(None, 'fullyconnected')
    ('mynet_fc1', 'mynet_fullyconnected0')
    """

    def __init__(self, prefix: str) -> None:
        if not isinstance(prefix, str):
            raise WrongTypeError(f"the prefix is {prefix!r}, of type {type(prefix).__name__}; pass a str")
        super().__init__()
        self._prefix = prefix

    def get(self, name: str | None, hint: str) -> str:
        """As `NameManager.get`, with the prefix before it."""
        return self._prefix + super().get(name, hint)


class AttrScope(_Scope):
    """Attributes for every symbol made in a ``with`` block.

    Nested scopes add up, the inner one wins; what is given to the symbol itself wins over both. Unlike in MXNet, a scope that was left
    forgets what it inherited, so entering it elsewhere does not bring attributes of the first place along.

    Parameters
    ----------
    kwargs
        Attributes; ``ctx_group``, ``lr_mult``, ``wd_mult``, ``force_mirroring`` and ``mirror_stage`` mean something to clsym.

    Raises
    ------
    ValueError
        A value that is not a string.

    Examples
    --------
    >>> with AttrScope(ctx_group='dev1', __lr_mult__='2'):
    ...     with AttrScope(ctx_group='dev2') as scope:
    ...         scope.get({'__wd_mult__': '0'})
    {'ctx_group': 'dev2', '__lr_mult__': '2', '__wd_mult__': '0'}
    """

    def __init__(self, **kwargs: str) -> None:
        for key, value in kwargs.items():
            if not isinstance(value, str):
                raise ValueError(f"Attributes need to be string: {key}={value!r} is {type(value).__name__}; write {key}={str(value)!r}")
        self._given = dict(kwargs)

    @property
    def _attr(self) -> dict[str, str]:
        """What the scope gives now, in this thread: with the outer scopes' attributes while it is entered."""
        for scope, attributes in reversed(type(self)._stack.entered):
            if scope is self:
                return attributes
        return self._given

    def get(self, attr: Mapping[str, str] | None = None) -> dict[str, str]:
        """The scope's attributes with those of one symbol over them, as a new dictionary.

        Parameters
        ----------
        attr
            Attributes given to the symbol itself.
        """
        return {**self._attr, **(attr or {})}

    def _enter_attributes(self, outer: dict[str, str]) -> dict[str, str]:
        return {**outer, **self._given}


NameManager._stack = _ThreadStack(NameManager)
AttrScope._stack = _ThreadStack(AttrScope)
