"""The version, in one place."""

from importlib import metadata

try:
    __version__ = metadata.version("clsym")
except metadata.PackageNotFoundError:  # a bare checkout
    __version__ = "0.1.0"
