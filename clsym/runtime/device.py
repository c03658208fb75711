"""What a `Context` means on this machine: the one rule from names to devices.

The rule of names
-----------------
* ``cpu(i)``: the i-th CPU device by falling score (`clsym.runtime.rank`), counted modulo their number, since MXNet's
  ``cpu(i)`` are tags for one CPU. ``cpu_pinned`` and ``cpu_shared`` mean the same device.
* ``cpu(0)`` is the default: ``CLSYM_DEVICE``, else ``PYOPENCL_CTX``, replaces it (read at its first use).
  On a machine without a CPU device ``cpu(i)`` means the best device there is, said in one warning.
* ``gpu(i)``: the i-th GPU by falling score, not wrapping.
* ``cl(selector)``: see `clsym.context.cl`.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from typing import Any

import pyopencl as cl

from clsym import context as _context
from clsym.base import DeviceNotFoundError, MXNetError, env
from clsym.context import Context

from .selector import names_device_by_position, names_device_by_text
from .topology import Device, DeviceGroup, all_devices, check_fork, lock, on_fork_clear, platforms, sub_devices

__all__ = ["Device", "DeviceGroup", "all_devices", "check_fork", "context_names", "count_devices", "platforms", "resolve", "sub_devices"]

_resolved: dict[Context, Device] = on_fork_clear({})
_PARTITION = re.compile(r"^(?P<base>.+)/(?P<how>units|counts|domain)=(?P<value>[\w,]+)/(?P<index>\d+)$")


def _ranked(kind: int | None = None) -> list[Device]:
    """Root devices that may be chosen by themselves, best first; those of one OpenCL type, or all."""
    fit = [d for d in all_devices() if d.rank.automatic and (kind is None or d.cl_device.type & kind)]
    return sorted(fit, key=lambda d: -d.rank.score)


def count_devices(kind: str) -> int:
    """How many devices ``gpu(i)`` or ``cpu(i)`` count."""
    return len(_ranked(cl.device_type.GPU if kind == "gpu" else cl.device_type.CPU))


# --- what a context means ----------------------------------------------------------------------------------------------


def resolve(ctx: Context) -> Device:
    """The device that a context means here.

    Raises
    ------
    DeviceNotFoundError
        If this machine has no such device; the message lists what there is.
    MXNetError
        In a process forked after OpenCL was used.
    """
    device = _resolved.get(ctx)
    if device is None:
        check_fork()
        with lock():
            device = _resolved[ctx] = _find(ctx)
    return device


def _find(ctx: Context) -> Device:
    if not isinstance(ctx, Context):
        raise MXNetError(f"{ctx!r} is not a context; use mx.cpu(), mx.gpu(i) or mx.cl('...')")
    if ctx.device_type == "cl":
        return select(ctx.selector, f"mx.cl({ctx.selector!r})")
    if ctx.device_id < 0:
        raise DeviceNotFoundError(f"{ctx} does not exist: device ids start at 0")
    if ctx.device_type == "gpu":
        gpus = _ranked(cl.device_type.GPU)
        if ctx.device_id >= len(gpus):
            have = f"there are {len(gpus)} OpenCL GPUs" if gpus else "there is no OpenCL GPU"
            raise DeviceNotFoundError(f"{ctx} does not exist: {have}. {_listing()}")
        return gpus[ctx.device_id]
    if ctx.device_id == 0 and (chosen := default_selector())[1]:
        variable, selector = chosen
        return select(selector, f"{variable}={selector}")
    if cpus := _ranked(cl.device_type.CPU):
        return cpus[ctx.device_id % len(cpus)]
    if best := _ranked()[:1]:
        _warn_no_cpu(best[0])
        return best[0]
    raise DeviceNotFoundError(f"{ctx} does not exist: no OpenCL device may be chosen by itself. {_listing()}")


def default_selector() -> tuple[str, str]:
    """The variable that chooses the default device, and its value; two empty strings if none is set."""
    return next(((name, env(name).strip()) for name in ("CLSYM_DEVICE", "PYOPENCL_CTX") if env(name).strip()), ("", ""))


_warned_no_cpu = False


def _warn_no_cpu(device: Device) -> None:
    global _warned_no_cpu
    if not _warned_no_cpu:
        _warned_no_cpu = True
        message = f"this machine has no OpenCL CPU device: mx.cpu() means {device.name!r} on {device.platform_name!r}"
        warnings.warn(message, RuntimeWarning, stacklevel=5)


def select(selector: str, asked: str) -> Device:
    """The device of a selector (see `clsym.context.cl`); `asked` is what to call it in an error."""
    if part := _PARTITION.match(selector):
        parent = select(part["base"], asked)
        if part["how"] == "domain":
            parts = sub_devices(parent, domain=part["value"])
        elif not re.fullmatch(r"\d+(,\d+)*", part["value"]) or (part["how"] == "units" and "," in part["value"]):
            raise DeviceNotFoundError(f"{asked}: {part['how']}={part['value']} is not {part['how']}=<numbers>")
        elif part["how"] == "units":
            parts = sub_devices(parent, units=int(part["value"]))
        else:
            parts = sub_devices(parent, counts=tuple(int(n) for n in part["value"].split(",")))
        if int(part["index"]) >= len(parts):
            raise DeviceNotFoundError(f"{asked}: that partition has {len(parts)} sub-devices, numbered from 0")
        return parts[int(part["index"])]
    # A device whose name holds the text counts first: names may hold a colon themselves.
    matches = [d for d in all_devices() if names_device_by_text(selector, d.cl_device)]
    matches = matches or [d for d in all_devices() if names_device_by_position(selector, d.cl_device, d.selector)]
    if not matches:
        raise DeviceNotFoundError(f"{asked} matches no OpenCL device. {_listing()}")
    return max(matches, key=lambda d: d.rank.score)


def _listing() -> str:
    found = [f"mx.cl({d.selector!r}): {d.name} on {d.platform_name} ({d.rank.reason})" for d in all_devices()]
    return "\n  ".join(["Devices on this machine:", *found]) if found else "No OpenCL device was found at all; run `clsym doctor`."


def context_names() -> dict[Device, list[str]]:
    """The contexts that name each root device, apart from ``mx.cl()``; what `resolve` would answer, without a warning."""
    names: dict[Device, list[str]] = {}
    cpus, gpus = _ranked(cl.device_type.CPU), _ranked(cl.device_type.GPU)
    variable, selector = default_selector()
    if selector:
        names.setdefault(select(selector, f"{variable}={selector}").root, []).append(f"mx.cpu(0) (by {variable})")
    for i, device in enumerate(cpus or _ranked()[:1]):
        if i or not selector:
            names.setdefault(device, []).append(f"mx.cpu({i})")
    for i, device in enumerate(gpus):
        names.setdefault(device, []).append(f"mx.gpu({i})")
    return names


# --- hooks -------------------------------------------------------------------------------------------------------------


def memory_info(ctx: Context) -> tuple[int, int]:
    """Free and total bytes of a context's device."""
    device = resolve(ctx)
    total = device.traits.global_mem
    if "cl_amd_device_attribute_query" in device.traits.extensions:
        free: Any = device.cl_device.global_free_memory_amd  # [KiB free, KiB of the largest block]
        return int(free[0]) * 1024, total
    return max(0, total - _memory_in_use(device)), total


def _memory_in_use(device: Device) -> int:
    """Bytes held on a device and on those that it shares its memory with: what it is a part of, and all parts of that."""
    return sum(used(part) for used in _memory_counters for part in device.root.with_parts())


_memory_counters: list[Callable[[Device], int]] = []


def add_memory_counter(used: Callable[[Device], int]) -> None:
    """Register a function from a `Device` to the bytes that a pool holds there, for `memory_info`."""
    _memory_counters.append(used)


_context.set_device_counter(count_devices)
_context.set_memory_informer(memory_info)
