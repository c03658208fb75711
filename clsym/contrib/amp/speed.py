"""Whether float16 pays on a device."""

from __future__ import annotations

import time
from typing import Any, NamedTuple

from ... import ndarray as nd
from ...context import Context, current_context

__all__ = ["Float16Speed", "float16_speed"]


class Float16Speed(NamedTuple):
    """How float16 does on a device.

    Attributes
    ----------
    arithmetic : bool
        Whether the device has arithmetic in float16 (``cl_khr_fp16``). clsym's kernels do not use it: they store float16 and compute in
        float32, so that sums keep float32's digits.
    product : float
        How many times as fast as in float32 a product of matrices is.
    copy : float
        How many times as fast as in float32 arithmetic is that is bound by memory.
    """

    arithmetic: bool
    product: float
    copy: float

    @property
    def pays(self) -> bool:
        """Whether float16 makes something faster; it always takes half the memory."""
        return max(self.product, self.copy) > 1.05


def float16_speed(ctx: Context | None = None, size: int = 1024) -> Float16Speed:
    """Measure whether float16 pays on a device; takes a second or so.

    Parameters
    ----------
    ctx : Context, optional
        The current one by default.
    size : int
        Rows and columns of the matrices.

    Examples
    --------
    >>> import clsym as mx
    >>> found = mx.contrib.amp.float16_speed(size=64)
    >>> found.product > 0
    True
    """
    context = current_context() if ctx is None else ctx
    seconds = {dtype: _seconds(context, size, dtype) for dtype in ("float32", "float16")}
    ratios = [wide / narrow for wide, narrow in zip(seconds["float32"], seconds["float16"], strict=True)]
    device: Any = nd.zeros((1,), ctx=context)._device
    return Float16Speed(device.traits.fp16, *ratios)


def _seconds(context: Context, size: int, dtype: str) -> tuple[float, float]:
    """Of a product and of a sum that is bound by memory, each the best of three."""
    a, b = (nd.ones((size, size), ctx=context, dtype=dtype) / size for _ in range(2))
    flat = nd.ones((size * size * 4,), ctx=context, dtype=dtype)
    out = nd.zeros_like(a)
    target = nd.zeros_like(flat)
    best = []
    for work in (lambda: nd.dot(a, b, out=out), lambda: nd.elemwise_add(flat, flat, out=target)):
        work()
        nd.waitall()
        times = []
        for _ in range(3):
            begin = time.perf_counter()
            work()
            nd.waitall()
            times.append(time.perf_counter() - begin)
        best.append(min(times))
    return best[0], best[1]
