"""The typed parameters of imperative calls, remembered by what was given."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..graph.contract.op import Op
from ..params import Params
from .lru import LRU

__all__ = ["interned", "parse"]

_parsed: LRU[Params] = LRU()
_by_text: LRU[Params] = LRU()


def _value_key(value: Any) -> Any:
    """A key under which only values that parse alike are equal: 1, 1.0 and True differ, 0.0 and -0.0 do, a list is not hashable."""
    kind = type(value)
    if kind is float:
        return repr(value)
    if kind is list or kind is tuple:
        return kind, *map(_value_key, value)
    return kind, value


def parse(op: Op, given: Mapping[str, Any]) -> Params:
    """The typed parameters of a call, remembered by what was given."""
    if op.own_params:
        return op.parse(given)
    try:
        key = (op.name, *[(k, _value_key(v)) for k, v in given.items()])
        p = _parsed.find(key)
    except TypeError:  # not hashable
        return interned(op, given)
    return p if p is not None else _parsed.keep(key, interned(op, given))


def interned(op: Op, given: Mapping[str, Any]) -> Params:
    """One object for all spellings of the same values, so that identity tells them apart: 0.0 and -0.0 are equal, but not the same."""
    p = op.parse(given)
    key = (op.name, repr(p))
    return _by_text.find(key) or _by_text.keep(key, p)
