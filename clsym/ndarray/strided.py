"""Copies between strided stretches of arrays, on the device: what indexing, index assignment and conversion come down to."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..base import MXNetError
from ..graph.contract.kernel_call import KernelCall, compute_type, ctype, defines_for, grid
from ..runtime.device import Device
from ..runtime.shared_kernel import SharedKernel, enqueue, shared_kernel
from ..runtime.topology import on_fork_clear
from ..runtime.versions import touch
from .storage import ITEMSIZE, ArrayBase

__all__ = ["Walk", "convert", "move", "row_major"]

MAX_DIMS = 8


@dataclass
class Walk:
    """Where items lie in an array: `start` and `strides` in elements from its first; for one dimension, `table` holds an offset an item."""

    start: int
    strides: tuple[int, ...]
    table: ArrayBase | None = None


def row_major(shape: Sequence[int], into: Sequence[int] | None = None) -> tuple[int, ...]:
    """Strides, in elements, of a contiguous array; with `into`, of its broadcast to that shape.

    >>> row_major((2, 3, 4)), row_major((3, 1), (2, 3, 4))
    ((12, 4, 1), (0, 1, 0))
    """
    strides = []
    step = 1
    for d in reversed(shape):
        strides.append(step)
        step *= d
    strides.reverse()
    if into is None:
        return tuple(strides)
    lead = len(into) - len(shape)
    return (0,) * lead + tuple(0 if d == 1 and w != 1 else s for d, w, s in zip(shape, into[lead:], strides, strict=True))


def _kernel(device: Device, src: str, dst: str, tables: tuple[bool, bool]) -> SharedKernel:
    key = (device, src, dst, tables)
    found = _kernels.get(key)
    if found is None:
        defines = defines_for(
            dst, "write", S=ctype(src), CS=compute_type(src), SRC_TABLE=int(tables[0]), DST_TABLE=int(tables[1]),
            TO_INTEGER=int(src.startswith("float") and dst in ("uint8", "int8", "int32")),
        )  # fmt: skip
        found = _kernels[key] = shared_kernel(device, KernelCall("indexing/index_copy.cl", "index_copy", (), defines, (1,), (1,)))
    return found


_kernels: dict[Any, SharedKernel] = on_fork_clear({})


def move(src: ArrayBase, src_walk: Walk, dst: ArrayBase, dst_walk: Walk, extents: Sequence[int], table_dim: int = -1) -> None:
    """Enqueue ``dst[dst_walk] = src[src_walk]`` for all items of the extents, with conversion of the element type.

    The two stretches must not overlap, nor two items of the destination coincide.
    """
    n = math.prod(extents)
    if n == 0:
        return
    device = dst._device
    dims, table_dim = _collapse(extents, src_walk.strides, dst_walk.strides, table_dim)
    if len(dims) > MAX_DIMS:
        raise MXNetError(f"an index of {len(extents)} dimensions that do not merge into {MAX_DIMS} is too many; index in two steps")
    columns = np.zeros((3, MAX_DIMS), np.int64)
    columns[0] = 1
    if dims:
        columns[:, MAX_DIMS - len(dims) :] = np.array(dims, np.int64).T
    tables = (src_walk.table is not None, dst_walk.table is not None)
    global_size, local_size = grid(n, device.traits)
    place = table_dim + MAX_DIMS - len(dims) if table_dim >= 0 else -1
    src_start = src_walk.start + src._offset // ITEMSIZE[src._dtype]
    dst_start = dst_walk.start + dst._offset // ITEMSIZE[dst._dtype]
    shared = _kernel(device, src._dtype, dst._dtype, tables)
    touch(dst._root, dst._offset, dst.nbytes)
    set_buffer, set_value = shared.set_buffer, shared.set_value
    with shared.lock:
        set_buffer(0, src._root)
        set_buffer(1, dst._root)
        set_buffer(2, src_walk.table._root if src_walk.table is not None else src._root)
        set_buffer(3, dst_walk.table._root if dst_walk.table is not None else src._root)
        set_value(4, np.int64(n))
        set_value(5, np.int32(place))
        for k in range(3):
            set_value(6 + k, columns[k])
        set_value(9, np.int64(src_start))
        set_value(10, np.int64(dst_start))
        enqueue(device.queue, shared.kernel, global_size, local_size)


def _collapse(extents: Sequence[int], src: Sequence[int], dst: Sequence[int], table_dim: int) -> tuple[list[tuple[int, int, int]], int]:
    """(extent, source stride, destination stride) of each dimension, neighbours that make one merged; and where the table's went."""
    dims: list[tuple[int, int, int]] = []
    place = -1
    for k, (d, s, t) in enumerate(zip(extents, src, dst, strict=True)):
        if k == table_dim:
            place = len(dims)
            dims.append((d, s, t))
        elif d != 1:
            if dims and place != len(dims) - 1 and dims[-1][1] == s * d and dims[-1][2] == t * d:
                dims[-1] = (dims[-1][0] * d, s, t)
            else:
                dims.append((d, s, t))
    return dims, place


def convert(src: ArrayBase, dst: ArrayBase) -> None:
    """Copy all elements to an array of the same size and of any element type, on the same device."""
    n = src.size
    move(src, Walk(0, (1,)), dst, Walk(0, (1,)), (n,))
