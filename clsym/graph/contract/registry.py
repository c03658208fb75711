"""The operators by name."""

from __future__ import annotations

import difflib
from typing import TypeVar

from ...base import MXNetError
from .facets import Facet
from .op import Op

__all__ = ["add_alias", "all_names", "all_ops", "attach", "facet", "facets", "find_op", "has_op", "register"]

_REGISTRY: dict[str, Op] = {}
_NAMES: dict[str, Op] = {}
_ATTACHED: dict[str, list[Facet]] = {}
_FOUND: dict[tuple[Op, type[Facet]], tuple[Facet, ...]] = {}
T = TypeVar("T")
F = TypeVar("F", bound=Facet)


def register(op: T) -> T:
    """Register an operator: a subclass of `Op` (as a decorator) or an instance."""
    instance = op() if isinstance(op, type) else op
    if not isinstance(instance, Op) or not instance.name:
        raise TypeError(f"{op!r} is not a named Op")
    for name in (instance.name, *instance.aliases):
        if name in _NAMES:
            raise ValueError(f"operator name {name!r} is registered twice: by {_NAMES[name]!r} and {instance!r}")
        _NAMES[name] = instance
    _REGISTRY[instance.name] = instance
    return op


def add_alias(name: str, alias: str) -> None:
    """Give an operator one more name."""
    op = find_op(name)
    if alias in _NAMES:
        raise ValueError(f"operator name {alias!r} is registered twice: by {_NAMES[alias]!r} and as a name of {op!r}")
    _NAMES[alias] = op


def find_op(name: str, where: str = "") -> Op:
    """The operator of that name or alias.

    Raises
    ------
    MXNetError
        There is none; close names are offered.
    """
    op = _NAMES.get(name)
    if op is None:
        close = difflib.get_close_matches(name, _NAMES, 3)
        hint = f" Close names: {', '.join(close)}." if close else ""
        raise MXNetError(
            f"Operator {name} is not registered{where}.{hint} clsym does not implement it (yet): "
            "replace the node, or write one with clsym.extension or clsym.operator."
        )
    return op


def has_op(name: str) -> bool:
    """Whether an operator answers to that name."""
    return name in _NAMES


def all_ops() -> dict[str, Op]:
    """Canonical name to operator."""
    return dict(_REGISTRY)


def all_names() -> dict[str, Op]:
    """Every name and alias to its operator."""
    return dict(_NAMES)


def attach(op_name: str, thing: Facet) -> None:
    """Give an operator, by its own name, a facet from outside: a form for some device, a fusion."""
    _ATTACHED.setdefault(op_name, []).append(thing)
    _FOUND.clear()


def facets(op: Op, kind: type[F]) -> tuple[F, ...]:
    """All facets of one kind: what was attached, then what the operator has itself."""
    found = _FOUND.get((op, kind))
    if found is None:
        own = (op,) if isinstance(op, kind) else ()
        found = _FOUND[op, kind] = (*(a for a in _ATTACHED.get(op.name, ()) if isinstance(a, kind)), *own)
    return found  # type: ignore[return-value]


def facet(op: Op, kind: type[F]) -> F | None:
    """The first of them; None where there is none."""
    found = facets(op, kind)
    return found[0] if found else None
