"""``mx.contrib.text``: counting words and numbering them."""

from . import utils, vocab

__all__ = ["utils", "vocab"]
