"""The arrays that an executor makes for itself."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..base import dtype_name
from ..context import Context
from ..graph.contract.spec import TensorSpec
from ..ndarray import NDArray
from ..runtime.buffer import allocate
from ..runtime.device import resolve

__all__ = ["first_part", "new_array", "output_arrays"]


def new_array(shape: tuple[int, ...], ctx: Context, dtype: str, what: str) -> NDArray:
    """An array of zeros in a buffer of exactly its size; `what` names it in errors.

    Small arrays otherwise come from a pool, which rounds sizes up and keeps buffers for reuse. An executor's arrays live as long as it
    does and are most of its memory, so that they are exact: as many bytes as its memory report says.
    """
    device = resolve(ctx)
    root = allocate(device, TensorSpec(shape, dtype).nbytes, f"{what} of shape {shape} and type {dtype} on {ctx}")
    array: NDArray = NDArray._wrap(root, 0, shape, dtype, ctx, device)
    array._fill(0)
    return array


def first_part(array: NDArray, shape: tuple[int, ...]) -> NDArray:
    """An array of another, not larger shape over the first elements of an array."""
    part: NDArray = array.reshape((-1,))[: int(np.prod(shape))].reshape(shape)
    return part


def output_arrays(names: Sequence[str], specs: Sequence[TensorSpec], homes: Sequence[Context], pool: list[NDArray]) -> list[NDArray]:
    """Arrays for the outputs of an executor: the first part of those in `pool`, which gets a new one where one does not fit."""
    result = []
    for i, (name, spec, home) in enumerate(zip(names, specs, homes, strict=True)):
        have = pool[i] if i < len(pool) else None
        if have is None or spec.size > have.size or (have.context, dtype_name(have.dtype)) != (home, spec.dtype):
            have = new_array(spec.shape, home, spec.dtype, f"output {name!r}")
            pool[i : i + 1] = [have]
        result.append(have if tuple(have.shape) == spec.shape else first_part(have, spec.shape))
    return result
