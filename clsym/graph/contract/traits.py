"""What the compiler may know about a device: plain data, no OpenCL object."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

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
    winograd : {0, 2, 4}
        The largest tile that convolutions may compute by Winograd's filtering, 0 for none: a user's choice, see ``CLSYM_WINOGRAD``.
    tuning : dict of str to (dict of str to int)
        Tuned numbers by ``family/class of shapes``; see `clsym.graph.contract.tuning.tuned`. They say how fast, not what the device
        can, so that they are left out of comparisons; what remembers a lowering by traits adds `tuning_key`. Copied, so that it stays.
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
    winograd: int = 4
    tuning: Mapping[str, Mapping[str, int]] = field(default_factory=dict, compare=False, hash=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "tuning", {key: dict(numbers) for key, numbers in self.tuning.items()})

    @cached_property
    def tuning_key(self) -> frozenset[tuple[str, tuple[tuple[str, int], ...]]]:
        """The tuned numbers as a key of a dict."""
        return frozenset((key, tuple(sorted(numbers.items()))) for key, numbers in self.tuning.items())

    @cached_property
    def number(self) -> int:
        """The same for traits that are equal, tuned numbers included, in this process: what they take to hash is taken once."""
        return _numbers.setdefault((self, self.tuning_key), len(_numbers))

    @property
    def is_cpu(self) -> bool:
        """Whether kernels for CPUs (few work-items, chunk loops) are to be used."""
        return self.kind == "cpu"


_numbers: dict[tuple[DeviceTraits, object], int] = {}
