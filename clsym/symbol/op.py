"""``mx.sym.op``: all operators without an underscore."""

from .register import symbol_namespace as _symbol_namespace

__getattr__, __dir__ = _symbol_namespace("op", __name__)
