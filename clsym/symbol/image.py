"""``mx.sym.image``: the operators ``_image_*``."""

from .register import symbol_namespace as _symbol_namespace

__getattr__, __dir__ = _symbol_namespace("image", __name__)
