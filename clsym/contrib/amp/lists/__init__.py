"""The operators that take float16, and those that do not."""

from . import symbol_fp16

__all__ = ["symbol_fp16"]
