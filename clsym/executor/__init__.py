"""Executor: a graph bound to arrays."""

from .bind import bind, simple_bind
from .executor import Executor
from .internals import Internals

__all__ = ["Executor", "Internals", "bind", "simple_bind"]
