"""The folders in which compiled kernels and tuned numbers are kept between processes: where, how large, and emptying them.

clsym writes no compiled code itself: drivers do (PoCL, NVIDIA, Intel), and pyopencl keeps the programs of the drivers that don't.
"""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from ..base import MXNetError

__all__ = ["CacheFolder", "cache_folders", "empty", "kernel_folder", "tuning_folder"]


@dataclass(frozen=True)
class CacheFolder:
    """A folder and what is in it.

    Attributes
    ----------
    name : str
        ``pocl``, ``pyopencl``, ``nvidia``, ``intel`` or ``tuning``.
    path : Path
        It need not exist.
    holds : str
        What is kept there.
    variable : str
        The environment variable that names another place.
    """

    name: str
    path: Path
    holds: str
    variable: str

    def size(self) -> tuple[int, int]:
        """(files, bytes)."""
        files = nbytes = 0
        for folder, _, names in os.walk(self.path):
            for name in names:
                try:
                    nbytes += os.lstat(os.path.join(folder, name)).st_size
                except OSError:  # another process has just removed it
                    continue
                files += 1
        return files, nbytes


def tuning_folder() -> Path:
    """Where tuned numbers are kept."""
    return Path(platformdirs.user_cache_dir("clsym", appauthor=False)) / "tuning"


def _pyopencl() -> Path:
    # as pyopencl and pytools choose it: on macOS, too, the variable counts where it is set
    given = os.environ.get("XDG_CACHE_HOME")
    if sys.platform == "darwin" and given is not None:
        return Path(given) / "pyopencl"
    return Path(platformdirs.user_cache_dir("pyopencl", "pyopencl"))


def cache_folders() -> list[CacheFolder]:
    """The folders, whether they exist or not."""
    home = Path.home()
    generic = Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache")
    pocl = Path(os.environ.get("POCL_CACHE_DIR") or generic / "pocl" / "kcache")
    nvidia = Path(os.environ.get("CUDA_CACHE_PATH") or home / ".nv" / "ComputeCache")
    intel = Path(os.environ.get("NEO_CACHE_DIR") or generic / "neo_compiler_cache")
    return [
        CacheFolder("pocl", pocl, "kernels compiled by PoCL", "POCL_CACHE_DIR"),
        CacheFolder("pyopencl", _pyopencl(), "programs that pyopencl keeps for drivers without a cache", "XDG_CACHE_HOME"),
        CacheFolder("nvidia", nvidia, "kernels compiled by NVIDIA's driver", "CUDA_CACHE_PATH"),
        CacheFolder("intel", intel, "kernels compiled by Intel's GPU driver", "NEO_CACHE_DIR"),
        CacheFolder("tuning", tuning_folder(), "numbers found by `clsym tune`", "XDG_CACHE_HOME"),
    ]


def kernel_folder(platform_name: str) -> CacheFolder:
    """The folder in which the kernels of a platform's devices are kept."""
    drivers = {"Portable Computing Language": "pocl", "NVIDIA CUDA": "nvidia", "Intel(R) OpenCL Graphics": "intel"}
    name = next((folder for part, folder in drivers.items() if part in platform_name), "pyopencl")
    return next(f for f in cache_folders() if f.name == name)


def empty(folder: CacheFolder) -> tuple[int, int]:
    """Remove what is in a folder; the (files, bytes) that it held.

    Raises
    ------
    MXNetError
        The folder is not one that only a cache would use, or something in it cannot be removed.
    """
    target = folder.path.resolve()
    if target in (Path.home().resolve(), Path(target.anchor), *Path.home().resolve().parents):
        raise MXNetError(f"{folder.name}: {target} is no cache folder; check {folder.variable}")
    held = folder.size()
    if not target.is_dir():
        return 0, 0
    for child in target.iterdir():
        try:
            if child.is_dir() and not child.is_symlink():
                shutil.rmtree(child)
            else:
                child.unlink()
        except FileNotFoundError:
            continue
        except OSError as exc:
            raise MXNetError(f"{child} cannot be removed: {exc}; close the programs that use it, or remove it by hand") from exc
    return held
