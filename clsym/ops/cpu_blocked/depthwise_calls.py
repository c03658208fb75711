"""Depthwise convolution over blocked tensors as kernel calls: see ``kernels/cpu_blocked/depthwise.cl``."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ...graph.contract.kernel_call import Arg, KernelCall, Scalar, Temp, defines_for
from ...graph.contract.traits import DeviceTraits
from ...graph.contract.tuning import tunable, tuned
from ..shared.epilogue import ACTIVATIONS, Epilogue
from .geometry import BlockedGeometry
from .reorder import items_for

__all__ = ["backward_bias", "backward_data", "backward_weight", "forward", "pack", "packed_shape"]

_SOURCE = "cpu_blocked/depthwise.cl"

tunable("blocked_depthwise", {"tile": (4, 5, 6, 7, 8, 10, 12, 14)})


def packed_shape(g: BlockedGeometry) -> tuple[int, int, int]:
    """Shape of the packed weight: (blocks, taps, block)."""
    return (g.in_blocks, g.taps, g.block)


def pack(kernel: tuple[int, int], channels: int, block: int, weight: Arg, out: Arg, req: str, traits: DeviceTraits) -> KernelCall:
    """`out` = the weight (channels, 1, kh, kw) as the kernels read it."""
    defines = defines_for("float32", req, BLOCK=block, KH=kernel[0], KW=kernel[1], SW=1, DW=1)
    blocks = -(-channels // block)
    size = items_for(blocks, 8 * block * math.prod(kernel), traits)
    return KernelCall(_SOURCE, "pack_depthwise", (weight, out, Scalar("int", channels)), defines, *size)


def _pairs(*values: tuple[int, int]) -> list[Scalar]:
    return [Scalar("int2", v) for v in values]


def _defines(g: BlockedGeometry, req: str, **more: int) -> tuple[tuple[str, str | int], ...]:
    return defines_for("float32", req, BLOCK=g.block, KH=g.kernel[0], KW=g.kernel[1], SW=g.stride[1], DW=g.dilate[1], **more)


def _tile(width: int, sizes: Sequence[int]) -> int:
    """Of the sizes, the one that covers a row with the fewest pixels too many; a tile costs about a pixel's work by itself."""
    return min(sizes, key=lambda t: (-(-width // t) * (t + 1), t))


def forward(
    g: BlockedGeometry, data: Arg, weight: Arg, out: Arg, epilogue: Epilogue, bias_length: int, req: str, traits: DeviceTraits
) -> KernelCall:
    """``out = activation(data * packed weight + bias + residual)``; the bias has `bias_length` values, g.channels or whole blocks."""
    tile = tuned(traits, "blocked_depthwise", f"k{g.kernel[1]}s{g.stride[1]}", {"tile": _tile(g.output[1], (7, 8))})["tile"]
    rows = g.images * g.in_blocks * g.output[0]
    args = (data, weight, out, epilogue.bias or weight, epilogue.residual or data, Scalar("long", rows))
    numbers = (Scalar("int", g.in_blocks), Scalar("int", bias_length), *_pairs(g.input, g.output, g.stride, g.dilate, g.pad))
    limits = (Scalar("float", epilogue.low), Scalar("float", epilogue.high))
    defines = _defines(
        g, req, TILE=tile, BIAS=int(epilogue.bias is not None), RESIDUAL=int(epilogue.residual is not None),
        ACT=ACTIVATIONS.index(epilogue.activation),
    )  # fmt: skip
    size = items_for(rows, 4 * g.block * g.output[1] * (2 + g.taps), traits)
    return KernelCall(_SOURCE, "depthwise_forward", (*args, *numbers, *limits), defines, *size)


def backward_data(g: BlockedGeometry, head: Arg, weight: Arg, out: Arg, req: str, traits: DeviceTraits) -> KernelCall:
    """Gradient of the data, from that of the output and the packed weight."""
    step = g.stride[1]
    tile = tuned(traits, "blocked_depthwise", f"data_k{g.kernel[1]}s{step}", {"tile": -(-7 // step) * step})["tile"]
    tile = -(-tile // step) * step
    rows = g.images * g.in_blocks * g.input[0]
    numbers = (Scalar("long", rows), Scalar("int", g.in_blocks), *_pairs(g.input, g.output, g.stride, g.dilate, g.pad))
    size = items_for(rows, 4 * g.block * g.input[1] * (2 + g.taps), traits)
    return KernelCall(_SOURCE, "depthwise_data", (head, weight, out, *numbers), _defines(g, req, TILE=tile), *size)


def _splits(images: int, extents: tuple[int, int], units: int, traits: DeviceTraits) -> int:
    """Into how many parts a sum over all output pixels is cut, so that every core has some."""
    rows = images * extents[0]
    useful = max(1, rows * extents[1] // 512)
    return max(1, min(-(-4 * traits.compute_units // units), useful, rows))


def _weight_rows(g: BlockedGeometry, tile: int) -> int:
    """Rows of the window whose sums fit into the registers, beside a tile of the output's gradient and a pixel of the data."""
    registers = 32 if g.block == 16 else 16
    return max(1, min(g.kernel[0], (registers - tile - 1) // g.kernel[1]))


def _weight_tile(g: BlockedGeometry) -> int:
    """Pixels of a tile: all data is read once for every pass over rows of the window; pixels that fill no tile take three times as long."""

    def cost(tile: int) -> int:
        whole, rest = divmod(g.output[1], tile)
        return -(-g.kernel[0] // _weight_rows(g, tile)) * (whole * (tile + 1) + 3 * rest)

    return min((4, 5, 6, 7, 8), key=cost)


def backward_weight(g: BlockedGeometry, head: Arg, data: Arg, out: Arg, req: str, traits: DeviceTraits) -> list[KernelCall]:
    """Gradient of the weight as users have it, (channels, 1, kh, kw)."""
    tile = tuned(traits, "blocked_depthwise", f"weight_k{g.kernel[1]}s{g.stride[1]}", {"tile": _weight_tile(g)})["tile"]
    rows = _weight_rows(g, tile)
    units = g.in_blocks * -(-g.kernel[0] // rows)
    splits = _splits(g.images, g.output, units, traits)
    partial = Temp(0, 4 * splits * math.prod(packed_shape(g)))
    numbers = (*_ints(g.images, g.in_blocks, splits), *_pairs(g.input, g.output, g.stride, g.dilate, g.pad))
    size = items_for(units * splits, 4 * g.block * g.images * g.pixels * (1 + g.taps) // splits, traits)
    defines = _defines(g, "write", TILE=tile, ROWS=rows)
    return [
        KernelCall(_SOURCE, "depthwise_weight", (data, head, partial, *numbers), defines, *size),
        _gather(g.block, g.channels, g.taps, splits, partial, out, req, traits),
    ]


def backward_bias(shape: tuple[int, ...], length: int, head: Arg, out: Arg, req: str, traits: DeviceTraits) -> list[KernelCall]:
    """Gradient of a bias of `length` values, from that of the output, which has the blocked `shape`."""
    images, blocks, height, width, block = shape
    splits = _splits(images, (height, width), blocks, traits)
    partial = Temp(0, 4 * splits * blocks * block)
    size = items_for(blocks * splits, 4 * block * images * height * width // splits, traits)
    args = (head, partial, *_ints(images, blocks, splits), *_pairs((height, width)))
    return [
        KernelCall(_SOURCE, "depthwise_bias", args, defines_for("float32", "write", BLOCK=block), *size),
        _gather(block, length, 1, splits, partial, out, req, traits),
    ]


def _ints(*values: int) -> tuple[Scalar, ...]:
    return tuple(Scalar("int", v) for v in values)


def _gather(block: int, channels: int, taps: int, splits: int, partial: Arg, out: Arg, req: str, traits: DeviceTraits) -> KernelCall:
    args = (partial, out, *_ints(channels, taps, splits))
    size = items_for(-(-channels // block) * taps, 4 * block * (splits + 1), traits)
    return KernelCall(_SOURCE, "depthwise_gather", args, defines_for("float32", req, BLOCK=block), *size)
