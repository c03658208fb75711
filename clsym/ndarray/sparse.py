"""``mx.nd.sparse``: the operators ``_sparse_...``."""

from .register import array_namespace as _array_namespace

__getattr__, __dir__ = _array_namespace("sparse", __name__)
