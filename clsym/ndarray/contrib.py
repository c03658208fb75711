"""``mx.nd.contrib``: operators whose registered names start with ``_contrib_``."""

from .register import array_namespace as _array_namespace

__getattr__, __dir__ = _array_namespace("contrib", __name__)
