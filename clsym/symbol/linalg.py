"""``mx.sym.linalg``: linear algebra, the operators ``_linalg_*``."""

from .register import symbol_namespace as _symbol_namespace

__getattr__, __dir__ = _symbol_namespace("linalg", __name__)
