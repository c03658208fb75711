"""Launch sizes that several lowerings share. No operator of its own."""

from __future__ import annotations

from ...graph.contract.traits import DeviceTraits

__all__ = ["group_size"]


def group_size(most: int, traits: DeviceTraits) -> int:
    """Work-items of a group that reduces in a tree: the largest power of two that is at most `most` and that the device allows.

    >>> group_size(100, DeviceTraits(kind="gpu", max_work_group_size=256))
    64
    """
    return 1 << (min(traits.max_work_group_size, most).bit_length() - 1)
