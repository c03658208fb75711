"""``mx.kvstore``, ``mx.kv``: stores of parameters that sum gradients over devices and update."""

from . import base, kvstore
from .base import KVStoreBase
from .kvstore import KVStore, create

__all__ = ["KVStore", "KVStoreBase", "base", "create", "kvstore"]
