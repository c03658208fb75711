"""``mx.name``: the names of nodes that the user leaves nameless."""

from .naming import NameManager, Prefix

__all__ = ["NameManager", "Prefix"]
