"""The arrays that an executor makes for itself."""

from __future__ import annotations

from ..context import Context
from ..graph.contract.spec import TensorSpec
from ..ndarray import NDArray
from ..runtime.buffer import allocate
from ..runtime.device import resolve

__all__ = ["new_array"]


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
