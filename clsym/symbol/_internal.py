"""``mx.sym._internal``: the operators whose names start with an underscore."""

from .register import symbol_namespace as _symbol_namespace

__getattr__, __dir__ = _symbol_namespace("_internal", __name__)
