"""Integers of 8 bits and what they stand for."""

from __future__ import annotations

import numpy as np

from .....symbol import Symbol
from ..node import Node, reads
from ..reader import element_type


def _along(n: Node, i: int, x: int = 0) -> Symbol:
    """A scale or a zero point in the data's shape: one number, or one for each place along an axis."""
    shape = n.shape(i)
    if n.value(i).scalar or shape == (1,):
        return n.op("Reshape", n.cast(n[i], "float32"), shape=(1,) * max(n.rank(x), 1))
    if len(shape) == n.rank(x) > 1:  # a scale for each block along the axis
        axis, size = n.attr("axis", 1) % n.rank(x), n.attr("block_size", 0)
        n.require(size > 0, "scales of as many axes as the data, but no block_size")
        whole = n.op("repeat", n.cast(n[i], "float32"), repeats=size, axis=axis)
        return n.op("slice_axis", whole, axis=axis, begin=0, end=n.shape(x)[axis])
    n.require(len(shape) == 1, f"scales of shape {shape}")
    axis = n.attr("axis", 1) % n.rank(x)
    return n.op("Reshape", n.cast(n[i], "float32"), shape=tuple(shape[0] if a == axis else 1 for a in range(n.rank(x))))


@reads("QuantizeLinear")
def _quantize(n: Node) -> Symbol:
    given = n.attr("output_dtype", 0)
    dtype = n.dtype(2) if n.has(2) else element_type(given, n.text("attribute 'output_dtype'")) if given else "uint8"
    n.require(dtype in ("int8", "uint8"), f"type {dtype}")
    limits = np.iinfo(dtype)
    scaled = n.half_even(n.op("broadcast_div", n.cast(n.x, "float32"), _along(n, 1)))
    if n.has(2):
        scaled = n.op("broadcast_add", scaled, _along(n, 2))
    return n.out("Cast", n.op("clip", scaled, a_min=float(limits.min), a_max=float(limits.max)), dtype=dtype)


@reads("DequantizeLinear")
def _dequantize(n: Node) -> Symbol:
    x = n.cast(n.x, "float32")
    if n.has(2):
        x = n.op("broadcast_sub", x, _along(n, 2))
    return n.out("Cast", n.op("broadcast_mul", x, _along(n, 1)), dtype=n.dtype(1))


@reads("MatMulInteger")
def _matmul_integer(n: Node) -> Symbol:
    a, b = n.cast(n[0], "float32"), n.cast(n[1], "float32")
    if n.has(2):
        point = n.cast(n[2], "float32")
        a = n.op("broadcast_sub", a, n.op("Reshape", point, shape=(-1, 1)) if n.shape(2) != (1,) else n.op("Reshape", point, shape=(1, 1)))
    if n.has(3):
        b = n.op("broadcast_sub", b, n.op("Reshape", n.cast(n[3], "float32"), shape=(1, -1)))
    n.require(n.rank() == n.rank(1) == 2, "more than two axes")
    return n.out("Cast", n.op("dot", a, b), dtype="int32")
