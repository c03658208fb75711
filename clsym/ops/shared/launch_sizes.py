"""Launch sizes that several lowerings share, and the files of kernels that have forms for CPUs and GPUs. No operator of its own."""

from __future__ import annotations

from ...graph.contract.kernel_call import grid
from ...graph.contract.traits import DeviceTraits
from .rows import column_grid

__all__ = ["batch_grid", "device_file", "group_size", "share_grid", "stretch_grid"]

_PIECE = 8192  # PIECE of kernels/include/items.h


def batch_grid(n: int, traits: DeviceTraits, cpu: int = 64, gpu: int = 1) -> tuple[tuple[int], tuple[int]]:
    """Global and local size of a kernel whose body is ``FOR_EACH(i, n / BATCH(cpu, gpu))``.

    >>> batch_grid(10000, DeviceTraits(compute_units=4))
    ((3,), (1,))
    """
    return grid(-(-n // cpu), traits, 4096 // cpu) if traits.is_cpu else grid(-(-n // gpu), traits)


def device_file(stem: str, traits: DeviceTraits) -> str:
    """The source of a kernel whose CPU and GPU forms are files of their own: ``<stem>_cpu.cl`` and ``<stem>_gpu.cl``.

    >>> device_file("reduce/reduce", DeviceTraits(compute_units=4))
    'reduce/reduce_cpu.cl'
    """
    return f"{stem}_{'cpu' if traits.is_cpu else 'gpu'}.cl"


def group_size(most: int, traits: DeviceTraits) -> int:
    """Work-items of a group that reduces in a tree: the largest power of two that is at most `most` and that the device allows.

    >>> group_size(100, DeviceTraits(kind="gpu", max_work_group_size=256))
    64
    """
    return 1 << (min(traits.max_work_group_size, most).bit_length() - 1)


def share_grid(items: int, work: int, traits: DeviceTraits, elsewhere: int, local: int = 256) -> tuple[tuple[int], tuple[int]]:
    """Global and local size of a kernel that shares out `items` coarse items, `work` elements in all, on a CPU; elsewhere `elsewhere`.

    >>> share_grid(3, 50000, DeviceTraits(compute_units=4), elsewhere=50000)
    ((3,), (1,))
    """
    return column_grid(items, work, traits) if traits.is_cpu else grid(elsewhere, traits, local=local)


def stretch_grid(rows: int, length: int, traits: DeviceTraits, most: int = _PIECE) -> tuple[tuple[int], tuple[int]]:
    """Global and local size of a kernel built on ``FOR_STRETCHES``: on a CPU stretches of `most` elements of a row, elsewhere elements.

    >>> stretch_grid(3, 20000, DeviceTraits(compute_units=4))
    ((9,), (1,))
    """
    return share_grid(rows * -(-length // most), rows * length, traits, rows * length)
