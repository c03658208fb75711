"""Convolution as kernel calls, by kind of device: see ``kernels/convolution.cl`` and ``kernels/depthwise_convolution.cl``."""

from __future__ import annotations

import math
from dataclasses import replace

from ..graph.op import In, KernelCall, Out, Scalar, Temp, compute_type, ctype, defines_for, grid
from ..graph.traits import DeviceTraits
from .convolution_geometry import Extents, Geometry, extents
from .gemm import L2_ELEMENTS, Matrix, Tile, ladder, product, split_work, tile_for

__all__ = ["bias_gradient", "data_gradient", "forward", "weight_gradient"]

Arg = In | Out | Temp

WORKSPACE = 64 << 20
"""Bytes of columns at a time in the data gradient of strided convolutions."""

PADDED, WORK, COLUMNS = 0, 1, 2
"""Which workspace is for what."""


def _ints(*values: int) -> tuple[Scalar, ...]:
    return tuple(Scalar("int", v) for v in values)


def _items(traits: DeviceTraits, units: int) -> int:
    """Work-items of a kernel that shares `units` equal pieces out among them."""
    return max(1, min(units, 4 * traits.compute_units))


def _pad(
    source: Arg, planes: int, given: Extents, padded: Extents, before: Extents, insert: Extents, dtype: str, traits: DeviceTraits,
    always: bool = False, slack: int = 64,
) -> tuple[list[KernelCall], Arg, int]:  # fmt: skip
    """The padded image in the compute type: the calls that make it, where it lies, and how many elements of it may be read."""
    if not always and given == padded and compute_type(dtype) == ctype(dtype):
        return [], source, planes * math.prod(padded)
    size = planes * math.prod(padded) + slack
    to = Temp(PADDED, size * (8 if compute_type(dtype) in ("double", "long") else 4))
    args = (source, to, Scalar("long", planes), extents(given), extents(padded), extents(before), extents(insert), Scalar("long", slack))
    call = KernelCall("convolution.cl", "conv_pad", args, _defines(tile_for(dtype, traits), dtype), (_items(traits, planes),), (1,))
    return [call], to, size


def _defines(tile: Tile, dtype: str, req: str = "write", **more: str | int) -> tuple[tuple[str, str | int], ...]:
    return defines_for(dtype, req, **tile.defines(**more))


def _gpu_tile(
    entry: str, args: tuple[Arg, ...], g: Geometry, m: int, n: int, dtype: str, req: str, **more: str | int
) -> KernelCall:  # fmt: skip
    scalars = (*_ints(g.images, g.groups, g.filters, g.channels), *map(extents, (g.input, g.output, g.kernel, g.stride, g.dilate, g.pad)))
    size = (-(-n // 64) * 16, -(-m // 64) * 16, g.groups)
    return KernelCall("convolution.cl", entry, (*args, *scalars), defines_for(dtype, req, **more), size, (16, 16, 1))


def _depthwise(
    entry: str, args: tuple[Arg, ...], numbers: tuple[Scalar, ...], g: Geometry, size: int, dtype: str, req: str, traits: DeviceTraits,
    stride: Extents, sizes: tuple[Extents, ...], **more: str | int,
) -> KernelCall:  # fmt: skip
    kd, kh, kw = g.kernel
    defines = defines_for(dtype, req, KD=kd, KH=kh, KW=kw, SW=stride[2], **more)
    if traits.is_cpu:
        shape, local = (_items(traits, size),), (1,)
    elif entry == "depthwise_weight":
        shape, local = (size * 64,), (64,)
    else:
        shape, local = grid(size, traits)
    return KernelCall("depthwise_convolution.cl", entry, (*args, *numbers, *map(extents, sizes)), defines, shape, local)


# ---------------------------------------------------------------------------------------------------------------------- forward


def forward(
    g: Geometry, data: Arg, weight: Arg, out: Arg, bias: Arg | None, dtype: str, req: str, traits: DeviceTraits
) -> list[KernelCall]:
    """``out = convolution of data with weight (+ bias)``."""
    if g.depthwise:
        channels, planes = g.groups * g.filters, g.images * g.groups * g.filters
        numbers = (Scalar("long", planes), *_ints(channels, g.filters))
        given = bias if bias is not None else weight
        has_bias = int(bias is not None)
        if not traits.is_cpu:
            sizes = (g.input, g.output, g.stride, g.dilate, g.pad)
            args = (data, weight, out, given)
            return [
                _depthwise("depthwise_forward", args, numbers, g, planes * g.pixels, dtype, req, traits, g.stride, sizes, BIAS=has_bias)
            ]
        slack = 64 + 8 * g.stride[2]
        calls, xp, _ = _pad(data, g.images * g.groups, g.input, g.padded, g.pad, (1, 1, 1), dtype, traits, always=True, slack=slack)
        four = (g.padded, g.output, g.stride, g.dilate)
        args = (xp, weight, out, given)
        return [*calls, _depthwise("depthwise_forward", args, numbers, g, planes, dtype, req, traits, g.stride, four, BIAS=has_bias)]
    if not traits.is_cpu:
        given = bias if bias is not None else weight
        code = 2 if bias is not None else 0
        return [_gpu_tile("conv_forward", (data, weight, out, given), g, g.filters, g.images * g.pixels, dtype, req, BIAS=code)]
    g = g.collapsed()
    calls, xp, readable = _pad(data, g.images * g.groups * g.channels, g.input, g.padded, g.pad, (1, 1, 1), dtype, traits)
    return [*calls, _tiles(g, xp, readable, g.padded, weight, out, bias, dtype, req, traits)]


def _tiles(
    g: Geometry, xp: Arg, readable: int, padded: Extents, weight: Arg, out: Arg, bias: Arg | None, dtype: str, req: str,
    traits: DeviceTraits, turned: bool = False,
) -> KernelCall:  # fmt: skip
    """The call of conv_forward on an image that is padded to `padded`; with `turned`, `weight` is that of the forward convolution."""
    tile = tile_for(dtype, traits)
    m, n, k = g.filters, g.images * g.pixels, g.depth
    down, across, direct = split_work(-(-m // tile.mr), -(-n // tile.nr), k, g.groups, traits, tile)
    direct = direct and m >= tile.mr and not turned
    mrows, ncols = tile.rows_in(m, down), tile.columns_in(n, across)
    launched = _items(traits, g.groups * -(-m // mrows) * -(-n // ncols))
    kc = tile.depth(k)
    mc = mrows if direct else min(mrows, max(tile.mr, L2_ELEMENTS // kc // tile.mr * tile.mr))
    work = launched * (kc * (tile.nr + (0 if direct else mc)) + tile.nr) * tile.itemsize
    args = (
        xp, weight, out, bias if bias is not None else weight, Temp(WORK, work), *_ints(g.images, g.groups, m, g.channels),
        *map(extents, (padded, g.output, g.kernel, g.stride, g.dilate)), Scalar("long", readable), *_ints(mrows, ncols, mc, kc),
    )  # fmt: skip
    defines = _defines(tile, dtype, req, A_DIRECT=int(direct), TURNED=int(turned), BIAS=2 if bias is not None else 0)
    return KernelCall("convolution.cl", "conv_forward", args, defines, (launched,), (1,))


# ----------------------------------------------------------------------------------------------------------------- data gradient


def data_gradient(g: Geometry, head: Arg, weight: Arg, out: Arg, dtype: str, req: str, traits: DeviceTraits) -> list[KernelCall]:
    """The gradient of the data, from that of the output."""
    planes = g.images * g.groups * g.channels
    if g.depthwise:
        numbers = (Scalar("long", planes), *_ints(g.groups, g.filters))
        if not traits.is_cpu:
            sizes = (g.input, g.output, g.stride, g.dilate, g.pad)
            size = planes * math.prod(g.input)
            return [_depthwise("depthwise_data", (head, weight, out), numbers, g, size, dtype, req, traits, g.stride, sizes)]
        t = g.transposed()
        padded = _transposed_extents(g)
        calls, xp, _ = _pad(head, planes * g.filters, g.output, padded, t.pad, g.stride, dtype, traits, always=True, slack=128)
        four = (padded, g.input, (1, 1, 1), g.dilate)
        args = (xp, weight, out, weight)
        return [*calls, _depthwise("depthwise_forward", args, numbers, g, planes, dtype, req, traits, (1, 1, 1), four, FLIP=1)]
    if not traits.is_cpu:
        return [_gpu_tile("conv_data", (head, weight, out), g, g.channels, g.images * math.prod(g.input), dtype, req)]
    g = g.collapsed()
    image = g.groups * g.depth * g.pixels * tile_for(dtype, traits).itemsize
    if g.stride != (1, 1, 1) and tile_for(dtype, traits).same and image <= WORKSPACE:
        return _column_gradient(g, head, weight, out, dtype, req, traits, WORKSPACE // image)
    t, padded = g.transposed(), _transposed_extents(g)
    calls, xp, readable = _pad(head, g.images * g.groups * g.filters, g.output, padded, t.pad, g.stride, dtype, traits)
    return [*calls, _tiles(t, xp, readable, padded, weight, out, None, dtype, req, traits, turned=True)]


def _transposed_extents(g: Geometry) -> Extents:
    (a, b, c), (x, y, z) = g.input, g.reach
    return a + x, b + y, c + z


def _column_gradient(
    g: Geometry, head: Arg, weight: Arg, out: Arg, dtype: str, req: str, traits: DeviceTraits, at_once: int
) -> list[KernelCall]:  # fmt: skip
    """Columns of gradients by a matrix product, some images at a time, then their sums."""
    tile = tile_for(dtype, traits)
    m, n, k = g.depth, g.pixels, g.filters
    at_once = min(at_once, g.images)
    columns = Temp(COLUMNS, at_once * g.groups * m * n * tile.itemsize)
    calls: list[KernelCall] = []
    for first in range(0, g.images, at_once):
        images = min(at_once, g.images - first)
        a = Matrix(weight, 1, m, k * m, period=g.groups)
        b = Matrix(head, n, 1, k * n, offset=first * g.groups * k * n)
        calls += product(m, n, k, a, b, Matrix(columns, n, 1, m * n), dtype, "write", traits, entries=images * g.groups, temp=WORK)
        planes = images * g.groups * g.channels
        offset = first * g.groups * g.channels * math.prod(g.input)
        args = (
            columns, out, Scalar("long", planes), Scalar("long", offset),
            *map(extents, (g.input, g.output, g.kernel, g.stride, g.dilate, g.pad)),
        )  # fmt: skip
        calls.append(KernelCall("convolution.cl", "conv_col2im", args, _defines(tile, dtype, req), (_items(traits, planes),), (1,)))
    return calls


# -------------------------------------------------------------------------------------------------- weight and bias gradients


def weight_gradient(g: Geometry, head: Arg, data: Arg, out: Arg, dtype: str, req: str, traits: DeviceTraits) -> list[KernelCall]:
    """The gradient of the weight: a product over the pixels of all images, summed in a fixed order."""
    if g.depthwise:
        channels = g.groups * g.filters
        numbers = _ints(g.images, channels, g.filters)
        if not traits.is_cpu:
            sizes = (g.input, g.output, g.stride, g.dilate, g.pad)
            size = channels * g.taps
            return [_depthwise("depthwise_weight", (data, head, out), numbers, g, size, dtype, req, traits, g.stride, sizes)]
        slack = 64 + 8 * g.stride[2]
        calls, xp, _ = _pad(data, g.images * g.groups, g.input, g.padded, g.pad, (1, 1, 1), dtype, traits, always=True, slack=slack)
        four = (g.padded, g.output, g.stride, g.dilate)
        return [*calls, _depthwise("depthwise_weight", (xp, head, out), numbers, g, channels, dtype, req, traits, g.stride, four)]
    if not traits.is_cpu:
        return [_gpu_tile("conv_weight", (data, head, out), g, g.filters, g.depth, dtype, req, A_K_FAST=1, B_K_FAST=1)]
    g = g.collapsed()
    calls, xp, _ = _pad(data, g.images * g.groups * g.channels, g.input, g.padded, g.pad, (1, 1, 1), dtype, traits)
    tile = tile_for(dtype, traits)
    tiles, panels = -(-g.depth // tile.mr), -(-g.filters // tile.nr)
    down, across = _split_weight(tiles, panels, g.groups, traits, tile)
    mrows, npanels = -(-tiles // down) * tile.mr, -(-panels // across)
    launched = _items(traits, g.groups * -(-g.depth // mrows) * -(-panels // npanels))
    kc = replace(tile, same=True).depth(g.pixels)
    work = Temp(WORK, launched * (kc + mrows) * tile.nr * tile.itemsize)
    args = (
        xp, head, out, work, *_ints(g.images, g.groups, g.filters, g.channels),
        *map(extents, (g.padded, g.output, g.kernel, g.stride, g.dilate)), *_ints(mrows, npanels, kc),
    )  # fmt: skip
    return [*calls, KernelCall("convolution.cl", "conv_weight", args, _defines(tile, dtype, req), (launched,), (1,))]


def _split_weight(tiles: int, panels: int, groups: int, traits: DeviceTraits, tile: Tile) -> tuple[int, int]:
    """Into how many blocks of rows and of panels; every block of rows packs its panels again, at about a cycle an element."""
    units = traits.compute_units
    best: tuple[float, int, int] | None = None
    for down in ladder(min(tiles, 4 * units)):
        for across in ladder(min(panels, 4 * units)):
            waves = -(-groups * down * across // units)
            work = -(-panels // across) * (-(-tiles // down) * tile.mr * tile.nv / 2 + tile.nr)
            if best is None or waves * work < best[0]:
                best = (waves * work, down, across)
    assert best is not None
    return best[1:]


def bias_gradient(g: Geometry, head: Arg, out: Arg, dtype: str, req: str, traits: DeviceTraits) -> list[KernelCall]:
    """The gradient of the bias: the sum over images and pixels."""
    items = 1 if traits.is_cpu else min(64, traits.max_work_group_size)
    channels = g.groups * g.filters
    defines = defines_for(dtype, req, BIAS_ITEMS=items)
    return [
        KernelCall("convolution.cl", "conv_bias", (head, out, *_ints(g.images, channels, g.pixels)), defines, (channels * items,), (items,))
    ]
