"""Reading `DeviceTraits` off an OpenCL device."""

from __future__ import annotations

import re
from dataclasses import replace

import pyopencl as cl

from clsym.base import MXNetError, env
from clsym.graph.contract.traits import DeviceTraits

from .selector import names_device
from .tuning_file import DeviceKey, load_tuning

__all__ = ["device_key", "read_traits"]


_AVX512_NAMES = re.compile(r"(avx512|icelake-\w+|tigerlake|rocketlake|cascadelake|cooperlake|cannonlake|sapphirerapids|x86-64-v4)$")


def read_traits(device: cl.Device, platform_name: str, llvm_cpu: str = "", selector: str = "") -> DeviceTraits:
    """What the compiler may know about the device, with the numbers that were tuned for it; ``CLSYM_TRAITS`` is applied.

    Parameters
    ----------
    device : pyopencl.Device
    platform_name : str
    llvm_cpu : str
        The name that `repair_pocl_cpu` gave the device.
    selector : str
        What names exactly this device, or the whole one that it is a part of; without it no position in ``CLSYM_TRAITS`` fits.

    Raises
    ------
    MXNetError
        If ``CLSYM_TRAITS`` names a kind that is neither ``'cpu'`` nor ``'gpu'``, ``CLSYM_WINOGRAD`` none of 0, 2 and 4, or
        ``CLSYM_TUNING`` names a file that cannot be used.
    """
    extensions = frozenset(str(device.extensions).split())
    kind = "cpu" if device.type & cl.device_type.CPU else "gpu" if device.type & cl.device_type.GPU else "accelerator"
    traits = DeviceTraits(
        kind=kind,
        name=str(device.name).strip(),
        platform=platform_name,
        compute_units=int(device.max_compute_units),
        vector_width=_vector_width(device, llvm_cpu) if kind == "cpu" else max(1, int(device.native_vector_width_float)),
        max_work_group_size=int(device.max_work_group_size),
        max_work_item_sizes=tuple(int(n) for n in device.max_work_item_sizes[:3]),
        local_mem=int(device.local_mem_size),
        alignment=max(1, int(device.mem_base_addr_align) // 8),  # OpenCL gives bits
        max_alloc=int(device.max_mem_alloc_size),
        global_mem=int(device.global_mem_size),
        fp64="cl_khr_fp64" in extensions,
        fp16="cl_khr_fp16" in extensions,
        extensions=extensions,
        winograd=_winograd(env("CLSYM_WINOGRAD").strip()),
    )
    traits = _overridden(traits, _asked_kind(env("CLSYM_TRAITS"), device, selector))
    return replace(traits, tuning=load_tuning(device_key(device, traits)))


def _winograd(text: str) -> int:
    if text not in ("0", "2", "4"):
        raise MXNetError(f"CLSYM_WINOGRAD={text!r} is not a tile of Winograd's convolution; use 4 (the default), 2 or 0 for none")
    return int(text)


def device_key(device: cl.Device, traits: DeviceTraits) -> DeviceKey:
    """What numbers tuned on a device are stored under."""
    return DeviceKey(traits.name, traits.platform, str(device.driver_version).strip(), traits.kind, traits.compute_units)


def _vector_width(device: cl.Device, llvm_cpu: str) -> int:
    """Lanes of float32 that pay on a CPU: 4, 8 or 16.

    PoCL on LLVM 14 and older reports 16 wherever the CPU has AVX-512. When it compiles for a name without AVX-512, as for
    AMD's, a float16 is split badly: half the rate of float8, and compiler crashes.
    """
    width = min(16, max(4, int(device.native_vector_width_float)))
    llvm = re.search(r"PoCL.*LLVM (\d+)", str(device.platform.version))
    if llvm is None or int(llvm[1]) >= 15 or _AVX512_NAMES.search(llvm_cpu or str(device.version)):
        return width
    return min(width, 8)


def _asked_kind(text: str, device: cl.Device, selector: str) -> str:
    """The kind that ``CLSYM_TRAITS`` asks of a device, '' if none: of ``kind`` and ``selector=kind`` the first that fits."""
    entries = [(which.strip(), kind.strip().lower()) for which, _, kind in (e.rpartition("=") for e in text.split(",") if e.strip())]
    for _, kind in entries:
        if kind not in ("cpu", "gpu"):
            raise MXNetError(f"CLSYM_TRAITS={text!r}: {kind!r} is not a kind of device; use 'cpu' or 'gpu', or unset it")
    position = selector.partition("/")[0] or "-1:-1"
    return next((kind for which, kind in entries if not which or names_device(which, device, position)), "")


def _overridden(traits: DeviceTraits, kind: str) -> DeviceTraits:
    if kind in ("", traits.kind):
        return traits
    if kind == "gpu":
        # A GPU that any kernel for GPUs must fit: PoCL's own limits (work-groups of 4096, a local memory of megabytes)
        # would let mistakes pass that a real GPU refuses.
        group = min(256, traits.max_work_group_size)
        sizes = tuple(min(group, n) for n in traits.max_work_item_sizes)
        return replace(
            traits,
            kind="gpu",
            vector_width=1,
            max_work_group_size=group,
            max_work_item_sizes=(sizes[0], sizes[1], sizes[2]),
            local_mem=min(32768, traits.local_mem),
        )
    return replace(traits, kind="cpu", vector_width=max(4, traits.vector_width))
