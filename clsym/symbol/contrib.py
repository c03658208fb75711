"""``mx.sym.contrib``: the operators ``_contrib_*``."""

from .register import symbol_namespace as _symbol_namespace

__getattr__, __dir__ = _symbol_namespace("contrib", __name__)
