"""``mx.nd.op``: all operators without an underscore."""

from .register import array_namespace as _array_namespace

__getattr__, __dir__ = _array_namespace("op", __name__)
