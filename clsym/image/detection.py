"""``mx.image.detection``: augmenters and the iterator for detection."""

from .det_augmenters import *  # noqa: F403
from .det_augmenters import __all__ as _augmenters
from .det_create import CreateDetAugmenter, CreateMultiRandCropAugmenter
from .det_iter import ImageDetIter

__all__ = ["CreateDetAugmenter", "CreateMultiRandCropAugmenter", "ImageDetIter", *_augmenters]
