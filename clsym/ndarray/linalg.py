"""``mx.nd.linalg``: linear algebra, the operators ``_linalg_...``."""

from .register import array_namespace as _array_namespace

__getattr__, __dir__ = _array_namespace("linalg", __name__)
