"""``mx.nd.image``: the operators ``_image_...``."""

from .register import array_namespace as _array_namespace

__getattr__, __dir__ = _array_namespace("image", __name__)
