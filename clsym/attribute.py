"""``mx.attribute``: attributes for every symbol made in a ``with`` block."""

from .naming import AttrScope

__all__ = ["AttrScope"]
