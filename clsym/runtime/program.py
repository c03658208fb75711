"""Programs and kernels: source and defines in, kernel objects out.

A program is built once a process for each (context, source, defines); the driver keeps its own cache on disk (PoCL in ``POCL_CACHE_DIR``
or the user's cache folder, NVIDIA in ``~/.nv``), and pyopencl keeps one for the drivers that have none, so nothing is compiled twice across
processes.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import Any

import numpy as np
import pyopencl as cl

from ..base import MXNetError
from ..graph.contract.kernel_call import KernelCall, Scalar
from .chatter import build_options, collected, say, verbose
from .device import Device
from .kernel_object import kernel_object
from .kernel_path import is_users, kernel_source
from .progress import counted

__all__ = ["build_programs", "kernel_of", "new_kernel", "pack_scalar", "program_count", "value_setter"]

_Key = tuple[object, ...]

_lock = threading.Lock()
_building: dict[_Key, threading.Lock] = {}
_programs: dict[_Key, cl.Program] = {}

MAX_BUILDERS = 8
"""Threads that build programs; a compiler takes up to 100 MB."""

_SCALARS = {
    "int": np.int32, "uint": np.uint32, "long": np.int64, "ulong": np.uint64, "float": np.float32, "double": np.float64,
}  # fmt: skip


def pack_scalar(arg: Scalar) -> object:
    """The value of a scalar argument as pyopencl takes it; vector types (``int8``, ``long8``, ``float4``) as packed arrays."""
    dtype = _SCALARS.get(arg.ctype)
    if dtype is not None:
        return dtype(arg.value)
    stem = arg.ctype.rstrip("0123456789")
    width = int(arg.ctype[len(stem) :])
    values = np.zeros(width, _SCALARS[stem])
    values[: len(arg.value)] = arg.value
    return values


def _text(call: KernelCall, device: Device) -> str:
    kind = "#define DEVICE_CPU 1\n#define DEVICE_GPU 0\n" if device.traits.is_cpu else "#define DEVICE_CPU 0\n#define DEVICE_GPU 1\n"
    if device.traits.is_cpu:
        wide = dict(call.defines).get("CT") in ("double", "long")
        kind += f"#define LANES {max(2, device.traits.vector_width // (2 if wide else 1))}\n"
    if device.traits.platform == "Oclgrind":  # a simulator, which stops at intrinsics that it does not know; `restrict` becomes one
        kind += "#define NO_INTRINSICS 1\n#define restrict\n"
    elif device.traits.platform == "rusticl":  # its translator ends the process at prefetches
        kind += "#define NO_INTRINSICS 1\n"
    lines = "".join(f"#define {name} {value}\n" for name, value in call.defines)
    return kind + lines + kernel_source(call.source)


def _key(device: Device, call: KernelCall) -> _Key:
    return (device.selector, call.source, call.defines)


def _name(call: KernelCall) -> str:
    """The file, for people."""
    return call.source.rpartition("/")[2]


def get_program(device: Device, call: KernelCall) -> cl.Program:
    """The built program of a call."""
    program = _programs.get(_key(device, call))
    if program is not None:
        return program
    start = time.perf_counter()
    with _compiler_at_work():
        program = _built(device, call)
    if verbose():
        say(f"clsym: built {call.source} for {device.name}, {time.perf_counter() - start:.2f} s")
    return program


class _BuildError(Exception):
    """A program does not build; the compiler may have said more to stderr."""


@contextlib.contextmanager
def _compiler_at_work() -> Iterator[None]:
    """Without what compilers remark, be it to stderr or as a warning of pyopencl's. Both are the process's: not for builders' threads."""
    said: list[str] = []
    try:
        with warnings.catch_warnings(), collected() as said:
            warnings.simplefilter("ignore", cl.CompilerWarning)
            yield
    except _BuildError as exc:
        more = "".join(said).strip()
        raise MXNetError(f"{exc}\n{more}" if more else str(exc)) from exc.__cause__


def _built(device: Device, call: KernelCall) -> cl.Program:
    """The program, built now unless another thread does or did it."""
    key = _key(device, call)
    with _lock:
        building = _building.setdefault(key, threading.Lock())
    with building:
        program = _programs.get(key)
        if program is None:
            program = _programs[key] = _build(device, call)
        return program


def _advice(device: Device, call: KernelCall) -> str:
    """What to do where a kernel file does not build."""
    if not device.traits.fp64 and "double" in dict(call.defines).values():
        return f"{device.name} has no float64: cast to float32 first (mx.nd.cast, mx.sym.cast), or take another device of `clsym devices`."
    if is_users(call.source):
        return "Correct the file; beside its own headers it can include those of clsym's kernels/include."
    return "This is a defect of clsym or of the device's compiler; `clsym doctor` shows the versions to report."


def _compiled(device: Device, text: str, options: list[str]) -> cl.Program:
    built: cl.Program = cl.Program(device.cl_context, text).build(options=options, devices=[device.cl_device], cache_dir=None)
    return built


def _without_header(device: Device, call: KernelCall) -> cl.Program | None:
    """A program built without the compiler's header of builtins, if it is one of ours, on PoCL, and calls only what `builtins.h` declares.

    The macro is the header's guard. Two thirds of the time that PoCL takes to build a small program went into that header.
    """
    if not device.compiles_at_launch or is_users(call.source):
        return None
    try:
        return _compiled(device, kernel_source("builtins.h") + _text(call, device), [*build_options(), "-D_OPENCL_H_"])
    except cl.Error:  # a file of CLSYM_KERNEL_PATH that calls others, or a mistake, which the whole header tells better
        return None


def _build(device: Device, call: KernelCall) -> cl.Program:
    try:
        built = _without_header(device, call) or _compiled(device, _text(call, device), build_options())
    except cl.Error as exc:
        what = f"kernel file {call.source} does not build on {device.name} with {dict(call.defines)}"
        raise _BuildError(f"{what}: {exc}\n{_advice(device, call)}") from exc
    if verbose():
        untyped: Any = built
        log = str(untyped.get_build_info(device.cl_device, cl.program_build_info.LOG)).strip()
        if log:
            say(f"clsym: {device.name} says of {call.source}:\n{log}")
    return built


def build_programs(calls: Iterable[tuple[Device, KernelCall]]) -> int:
    """Build the programs of a plan that this process has not built yet, telling how far it is; how many those were.

    They are built side by side where the driver can. PoCL's compiler is behind a lock: two threads took 5.9 s for what one builds in 4.8 s.
    Mesa's rusticl crashes. Intel's gains nothing either (47 and 46 s for 16 programs on two cores), nor does it lose.
    """
    missing = {_key(device, call): (device, call) for device, call in calls if _key(device, call) not in _programs}
    if not missing:
        return 0
    apart = [w for w in missing.values() if not w[0].builds_alone]
    together = [w for w in missing.values() if w[0].builds_alone]
    with counted("building kernels, once", len(missing)) as step, _compiler_at_work():
        for device, call in together:
            _built(device, call)
            step(_name(call))
        if len(apart) > 1:
            with ThreadPoolExecutor(min(len(apart), os.cpu_count() or 1, MAX_BUILDERS), "clsym-build") as pool:
                futures = {pool.submit(_built, device, call): _name(call) for device, call in apart}
                try:
                    for future in as_completed(futures):
                        future.result()
                        step(futures[future])
                except BaseException:  # a failure, or Ctrl-C: what has not begun is not begun
                    pool.shutdown(wait=False, cancel_futures=True)
                    raise
        else:
            for device, call in apart:
                _built(device, call)
                step(_name(call))
    return len(missing)


def value_setter(kernel: cl.Kernel) -> Callable[[int, Any], None]:
    """The quickest way to set an argument by value: pyopencl's public `set_arg` tries every kind of object first, 6 microseconds of it."""
    setter: Callable[[int, Any], None] = getattr(kernel, "_set_arg_buf", kernel.set_arg)
    return setter


def kernel_of(device: Device, call: KernelCall) -> cl.Kernel:
    """A kernel object of a call's program.

    Raises
    ------
    MXNetError
        A file of the user's has no such kernel, or it takes another number of arguments than the call gives.
    """
    program = get_program(device, call)
    users = is_users(call.source)
    names = str(program.get_info(cl.program_info.KERNEL_NAMES)).split(";") if users else []
    if users and call.entry not in names:
        raise MXNetError(f"kernel file {call.source} has no kernel {call.entry!r}; it has {', '.join(names) or 'none'}")
    kernel = kernel_object(program, call.entry)
    if users and kernel.num_args != len(call.args):
        raise MXNetError(f"kernel {call.entry} of {call.source} takes {kernel.num_args} arguments, but its operator gives {len(call.args)}")
    return kernel


def new_kernel(device: Device, call: KernelCall) -> cl.Kernel:
    """A kernel object of its own (arguments are state of the object), with scalar and local arguments set."""
    kernel = kernel_of(device, call)
    set_value = value_setter(kernel)
    for i, arg in enumerate(call.args):
        if isinstance(arg, Scalar):
            set_value(i, pack_scalar(arg))
    return kernel


def program_count() -> int:
    """How many distinct programs this process has built."""
    return len(_programs)
