"""``mx.registry``: classes under names, for initializers, metrics and what else is made from a name or a configuration.

>>> class Shape: ...
>>> register = get_register_func(Shape, 'shape')
>>> @register
... class Square(Shape):
...     def __init__(self, side=1):
...         self.side = side
>>> create = get_create_func(Shape, 'shape')
>>> create('square').side, create('["square", {"side": 2}]').side, create({'shape': 'square', 'side': 3}).side
(1, 2, 3)
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from typing import Any

__all__ = ["get_alias_func", "get_create_func", "get_register_func", "get_registry"]

_classes: dict[type, dict[str, type]] = {}


def get_registry(base_class: type) -> dict[str, type]:
    """A copy of the classes that are registered as kinds of `base_class`, by name."""
    return dict(_classes.setdefault(base_class, {}))


def get_register_func(base_class: type, nickname: str) -> Callable[..., Any]:
    """A function that registers a class, under its own name in lower case or under another; it returns the class.

    Parameters
    ----------
    base_class : type
        What all of them derive from.
    nickname : str
        What they are called in messages.
    """
    known = _classes.setdefault(base_class, {})

    def register(klass: Any, name: str | None = None) -> Any:
        if not issubclass(klass, base_class):
            raise AssertionError(f"Can only register subclass of {base_class.__name__}")
        key = (klass.__name__ if name is None else name).lower()
        if key in known:
            warnings.warn(
                f"\033[91mNew {nickname} {klass.__module__}.{klass.__name__} registered with name {key} isoverriding existing {nickname} "
                f"{known[key].__module__}.{known[key].__name__}\033[0m",
                UserWarning,
                stacklevel=2,
            )
        known[key] = klass
        return klass

    register.__doc__ = f"Register {nickname} to the {nickname} factory"
    return register


def get_alias_func(base_class: type, nickname: str) -> Callable[..., Any]:
    """A function that makes a decorator, which registers a class under further names."""
    register = get_register_func(base_class, nickname)

    def alias(*aliases: str) -> Callable[[Any], Any]:
        def under_all(klass: Any) -> Any:
            for name in aliases:
                register(klass, name)
            return klass

        return under_all

    alias.__doc__ = f"Get registrator function that allow aliases for {nickname}"
    return alias


def get_create_func(base_class: type, nickname: str) -> Callable[..., Any]:
    """A function that makes objects from names and arguments, or from configurations, dicts or JSON; objects are left as they are."""
    known = _classes.setdefault(base_class, {})

    def create(*args: Any, **kwargs: Any) -> Any:
        name, rest = (args[0], args[1:]) if args else (kwargs.pop(nickname), ())
        if isinstance(name, base_class):
            if rest or kwargs:
                raise AssertionError(f"{nickname} is already an instance. Additional arguments are invalid")
            return name
        if isinstance(name, dict):
            return create(**name)
        if not isinstance(name, str):
            raise AssertionError(f"{nickname} must be of string type")
        if name.startswith(("[", "{")):
            if rest or kwargs:
                raise AssertionError(f"{nickname} is a configuration, {name}. Additional arguments are invalid")
            told = json.loads(name)
            return create(**told) if isinstance(told, dict) else create(told[0], **told[1])
        if name.lower() not in known:
            raise AssertionError(f"{name.lower()} is not registered. Please register with {nickname}.register first")
        return known[name.lower()](*rest, **kwargs)

    create.__doc__ = f"""Create a {nickname} instance from config.

    Parameters
    ----------
    {nickname} : str or {base_class.__name__} instance
        class name of desired instance. If is a instance,
        it will be returned directly.
    **kwargs : dict
        arguments to be passed to constructor
    """
    return create
