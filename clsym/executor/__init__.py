"""Executor: a graph bound to arrays."""

from .bind import bind, simple_bind
from .executor import Executor
from .internals import Internals
from .plan_only import plan
from .warm import Warmth, warm

__all__ = ["Executor", "Internals", "Warmth", "bind", "plan", "simple_bind", "warm"]
