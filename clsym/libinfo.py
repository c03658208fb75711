"""``mx.libinfo``: where the parts of clsym that are not Python lie."""

from __future__ import annotations

from .runtime.kernel_path import kernel_folders
from .version import __version__

__all__ = ["__version__", "find_include_path", "find_lib_path"]


def find_lib_path(prefix: str = "libmxnet") -> list[str]:
    """The folders of the OpenCL kernels: clsym has no shared library; its kernels are built by the device's driver.

    >>> len(find_lib_path()) >= 1
    True
    """
    return [str(folder) for folder in kernel_folders()]


def find_include_path() -> str:
    """The folder of the headers that kernels include."""
    return str(kernel_folders()[-1] / "include")
