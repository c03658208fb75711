"""What the compiler may know about a device: plain data, no OpenCL object."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["DeviceTraits"]


@dataclass(frozen=True)
class DeviceTraits:
    """The properties of a device that a lowering or the planner may depend on.

    Attributes
    ----------
    kind : {'cpu', 'gpu', 'accelerator'}
        Chooses between the two families of kernels: one register tile a work-item, or work-groups with local memory.
    vector_width : int
        Native float32 vector width.
    alignment : int
        Bytes to which a sub-buffer's origin must be aligned.
    max_alloc, global_mem, local_mem : int
        Bytes.
    """

    kind: str = "cpu"
    name: str = "generic"
    platform: str = "generic"
    compute_units: int = 1
    vector_width: int = 8
    max_work_group_size: int = 256
    max_work_item_sizes: tuple[int, ...] = (256, 256, 256)
    local_mem: int = 32768
    alignment: int = 128
    max_alloc: int = 1 << 30
    global_mem: int = 1 << 32
    fp64: bool = True
    fp16: bool = False
    extensions: frozenset[str] = frozenset()

    @property
    def is_cpu(self) -> bool:
        """Whether kernels for CPUs (few work-items, chunk loops) are to be used."""
        return self.kind == "cpu"
