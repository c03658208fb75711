"""``mx.image``: images on the host, read by Pillow, changed by operators; augmenters."""

from .augmenters import *  # noqa: F403
from .augmenters import __all__ as _augmenters
from .create import CreateAugmenter
from .decoding import imdecode, imread
from .geometry import *  # noqa: F403
from .geometry import __all__ as _geometry

__all__ = ["CreateAugmenter", "imdecode", "imread", *_augmenters, *_geometry]
