"""``mx.image``: images on the host, read by Pillow, changed by operators; augmenters; iterators over images."""

from . import detection
from .augmenters import *  # noqa: F403
from .augmenters import __all__ as _augmenters
from .create import CreateAugmenter
from .decoding import imdecode, imread
from .detection import *  # noqa: F403
from .detection import __all__ as _detection
from .geometry import *  # noqa: F403
from .geometry import __all__ as _geometry
from .image_iter import ImageIter
from .rotation import imrotate, random_rotate

__all__ = [
    "CreateAugmenter", "ImageIter", "detection", "imdecode", "imread", "imrotate", "random_rotate", *_augmenters, *_detection, *_geometry,
]  # fmt: skip
