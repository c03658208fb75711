"""``mx.sym.sparse``: the operators ``_sparse_*``."""

from .register import symbol_namespace as _symbol_namespace

__getattr__, __dir__ = _symbol_namespace("sparse", __name__)
