"""Making OpenCL runtimes visible: what pip installed, and PoCL's unknown-CPU repair.

The loader inside pyopencl's Linux wheel finds the PoCL shipped beside it and the system's ``/etc/OpenCL/vendors``.
It does not find Intel's CPU runtime from PyPI (``intel-opencl-rt``), whose own ``.icd`` file holds the path of the build
machine. `get_platforms` lends the loader a folder that lists both, and hides it again afterwards.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib.metadata
import os
import platform
import shutil
import site
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pyopencl as cl

from clsym.base import MXNetError

__all__ = ["broken_icds", "get_platforms", "intel_library", "repair_pocl_cpu", "system_vendors"]

_INTEL_LIBRARY = "libintelocl.so"


def system_vendors() -> Path:
    """The folder that the loader reads when ``OCL_ICD_VENDORS`` is not set."""
    return Path(os.environ.get("OPENCL_VENDOR_PATH") or "/etc/OpenCL/vendors")


def intel_library() -> Path | None:
    """The library of Intel's CPU runtime as pip installs it, or None."""
    folders = [Path(sys.prefix) / "lib", Path(site.getuserbase()) / "lib"]
    for folder in folders:
        if (folder / _INTEL_LIBRARY).exists():
            return folder / _INTEL_LIBRARY
    with contextlib.suppress(importlib.metadata.PackageNotFoundError):
        for file in importlib.metadata.files("intel-opencl-rt") or ():  # pip install --target and the like
            if file.name == _INTEL_LIBRARY and (found := Path(str(file.locate())).resolve()).exists():
                return found
    return None


@contextlib.contextmanager
def _vendors_with_intel() -> Iterator[None]:
    """Point ``OCL_ICD_VENDORS`` at a folder with the system's ``.icd`` files and Intel's, for the time of the block.

    Nothing happens where the user set the variable, or where Intel's runtime is absent or already listed. The folder may
    go afterwards, since a loader opens every library at its first call.
    """
    library = intel_library() if sys.platform == "linux" else None
    names = ("OCL_ICD_VENDORS", "OCL_ICD_FILENAMES")
    listed = sorted(system_vendors().glob("*.icd")) if system_vendors().is_dir() else []
    if library is None or any(os.environ.get(n) for n in names) or any(_INTEL_LIBRARY in _read(icd) for icd in listed):
        yield
        return
    folder = tempfile.mkdtemp(prefix="clsym-icd-")
    try:
        for icd in listed:
            shutil.copy(icd, folder)
        Path(folder, "clsym-intel-cpu.icd").write_text(f"{library}\n")
        os.environ["OCL_ICD_VENDORS"] = folder
        yield
    finally:
        os.environ.pop("OCL_ICD_VENDORS", None)
        shutil.rmtree(folder, ignore_errors=True)


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:  # unreadable for this user, so for the loader as well
        return ""


def get_platforms() -> list[cl.Platform]:
    """Every OpenCL platform, pip-installed ones included; an empty list where there is none."""
    with _vendors_with_intel():
        try:
            return list(cl.get_platforms())
        except cl.Error as exc:
            if "PLATFORM_NOT_FOUND" in str(exc):
                return []
            raise MXNetError(f"the OpenCL loader failed: {exc}; `clsym doctor` looks for the cause") from exc


def broken_icds(files: list[Path]) -> list[tuple[Path, str, str]]:
    """Those ``.icd`` files whose library cannot be loaded, with the library and the linker's message."""
    broken = []
    for file in files:
        library = _read(file).strip()
        try:
            ctypes.CDLL(library or "(an empty file)")
        except OSError as exc:
            broken.append((file, library, str(exc)))
    return broken


# --- PoCL and CPUs newer than its LLVM ---------------------------------------------------------------------------------
#
# PoCL asks its LLVM for the name of the CPU. The pip wheel has LLVM 14 (2022): for a newer CPU (AMD Zen 5, recent Intel)
# the answer is "generic", which its own compiler then refuses ("unknown target CPU 'generic'"), so that every build fails.
# For Zen 4 the answer is "znver3": kernels are then compiled with the AVX-512 that the CPU has and linked with builtins for
# AVX2, which take vectors of 64 bytes otherwise (vstore8 of a long8 writes to a wild address), and some float16 builtins
# stop the compiler. PoCL 3.0 has no variable for the name. It keeps it in the device as two adjacent pointers, to the target
# triplet and to the CPU's name, and reads it at each build; we replace the second. The offset differs between builds, so the
# pair is searched for, through readable memory only, and nothing is written unless exactly one place matches to the letter.

_SCAN_BYTES = 1024  # the struct is larger than this; the pair stood at 640 in PoCL 3.0
_REPLACED = ("generic", "znver1", "znver2", "znver3", "haswell", "broadwell", "skylake", "alderlake")
_kept: list[ctypes.Array[ctypes.c_char]] = []  # the names must outlive the devices


def repair_pocl_cpu(device: cl.Device) -> str:
    """Give a PoCL device another name of its CPU where its LLVM knows none, or one without the AVX-512 that the CPU has.

    Returns the name, or '' if none was needed.
    """
    version = str(device.version)
    if "PoCL" not in version or not sys.platform.startswith("linux"):
        return ""
    target = next((t for t in version.split() if t.startswith(("pthread-", "basic-"))), "")
    triplet, _, present = target.partition("-")[2].rpartition("-")
    if present not in _REPLACED:
        return ""
    name = cpu_name_for_llvm14()
    if present != "generic" and "avx512" not in name:
        return ""  # a name that suits this CPU
    slots = _cpu_name_slots(int(device.int_ptr), triplet.encode(), present.encode())
    if len(slots) != 1:
        return ""  # another layout: leave it alone; the self-test and `clsym doctor` report the failing build
    buffer = ctypes.create_string_buffer(name.encode())
    _kept.append(buffer)
    ctypes.c_uint64.from_address(slots[0]).value = ctypes.addressof(buffer)
    return name


def cpu_name_for_llvm14() -> str:
    """A CPU name that LLVM 14 knows and of which this machine has every instruction that a compiler emits unasked.

    Multiply-adds of PoCL 3.0 on 2 cores of a Zen 5, GFLOP/s with float8 / float16 accumulators: skylake-avx512 238 / 487,
    znver3 242 / 161, haswell 236 / 160, sapphirerapids 232 / 245. znver3 is not for Intel's CPUs, for its SSE4A.
    """
    info = _read(Path("/proc/cpuinfo"))
    flags = set(next((line.split(":", 1)[1] for line in info.splitlines() if line.startswith("flags")), "").split())
    haswell = {"avx2", "fma", "bmi1", "bmi2", "f16c", "movbe", "abm"}
    if platform.machine() not in ("x86_64", "AMD64") or not haswell <= flags:
        return "x86-64"
    if {"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl", "adx"} <= flags:
        return "skylake-avx512"
    return "znver3" if {"sse4a", "adx", "sha_ni", "vaes", "vpclmulqdq"} <= flags else "haswell"


def _cpu_name_slots(struct: int, triplet: bytes, name: bytes) -> list[int]:
    """Addresses in the struct of pointers to the CPU's name that follow a pointer to the triplet."""
    ranges = []
    for line in _read(Path("/proc/self/maps")).splitlines():
        span, access = line.split()[:2]
        if access[0] == "r" and not line.endswith(("[vvar]", "[vsyscall]")):
            low, high = (int(x, 16) for x in span.split("-"))
            ranges.append((low, high))

    def room(address: int) -> int:
        return next((high - address for low, high in ranges if low <= address < high), 0)

    def points_to(address: int, text: bytes) -> bool:
        text += b"\0"
        return room(address) >= len(text) and ctypes.string_at(address, len(text)) == text

    count = min(_SCAN_BYTES, room(struct)) // 8
    words = [ctypes.c_uint64.from_address(struct + 8 * i).value for i in range(count)]
    pairs = zip(range(count), words, words[1:], strict=False)
    return [struct + 8 * (i + 1) for i, first, second in pairs if points_to(first, triplet) and points_to(second, name)]
