"""Convolution on CPUs as kernel calls: see ``kernels/convolution/*_cpu.cl``."""

from __future__ import annotations

import math

from ...base import MXNetError
from ...graph.contract.kernel_call import Arg, KernelCall, Local, Refusal, Rng, Scalar, Temp, defines_for
from ...graph.contract.traits import DeviceTraits
from ..matrix.gemm import Matrix, product
from ..matrix.gemm_cpu import ladder, stored_as_computed
from ..matrix.register_tile import DEPTH, Tile, blocking, split_work, tile_for
from ..shared.epilogue import Epilogue
from .column_calls import Columns, col2im
from .geometry import Extents, Geometry, extents, ints

__all__ = ["data_gradient", "forward", "weight_gradient"]

WORK = 0
"""The workspace of the register tiles and of products."""

COLUMNS = 1
"""The workspace of a column matrix."""

FEW_CHANNELS, COLUMN_BYTES = 32, 16 << 20
"""With fewer channels a group the data gradient is a product into a column matrix, if that is no larger than this."""

STRIP_BYTES = 24576
"""Bytes of the input of a block of a depthwise convolution: most of the L1 cache."""

ZEROS, WEIGHT_ROWS = 256, 1024
"""Elements of a row of zeros in the weight gradient, and the most rows of sums that a work-item keeps."""


def _items(traits: DeviceTraits, units: int) -> int:
    """Work-items of a kernel that shares `units` equal pieces out among them."""
    return max(1, min(units, 4 * traits.compute_units))


def _defines(tile: Tile, dtype: str, req: str = "write", **more: str | int) -> tuple[tuple[str, str | int], ...]:
    return defines_for(dtype, req, **tile.defines(**more))


def _strip(g: Geometry, sources: int, tile: Tile, traits: DeviceTraits) -> tuple[int, int, int, int] | None:
    """Rows and columns of a block of output pixels, elements of a row of its input, and of all of it; None if it has no room.

    The input of a block should stay in the L1 cache.
    """
    room = min(traits.local_mem // 2, STRIP_BYTES) // tile.itemsize // (sources * g.kernel[0])
    cols, high = g.output[2], g.reach[1] + 1
    while True:
        pitch = -(-(-(-cols // tile.vw) * tile.vw * g.stride[2] + g.reach[2]) // tile.vw) * tile.vw
        if high * pitch <= room:
            rows = min(g.output[1], 1 + (room // pitch - high) // g.stride[1])
            return rows, cols, pitch, sources * g.kernel[0] * ((rows - 1) * g.stride[1] + high) * pitch
        if cols <= tile.vw:
            return None
        cols = -(-cols // tile.vw) // 2 * tile.vw


def _depthwise(
    entry: str, args: tuple[Arg, ...], numbers: tuple[Scalar, ...], g: Geometry, strip: tuple[int, int, int, int], items: int, dtype: str,
    req: str, traits: DeviceTraits, insert: Extents | None = None, bias: bool = False,
) -> list[KernelCall]:  # fmt: skip
    """The call of a CPU kernel; with `insert`, the strides of the forward pass, it is the data gradient."""
    tile = tile_for(dtype, traits)
    kd, kh, kw = g.kernel
    flip = {"FLIP": int(insert is not None), "BIAS": int(bias)} if entry == "depthwise_forward" else {}
    sizes = [*map(extents, (g.input, g.output, g.stride, g.dilate, g.pad))]
    if entry == "depthwise_forward":
        sizes.append(extents(insert or (1, 1, 1)))
    given = (*args, Local(strip[3] * tile.itemsize), *numbers, *sizes, *ints(*strip[:3]))
    defines = defines_for(dtype, req, KD=kd, KH=kh, KW=kw, SW=g.stride[2], VW=tile.vw, SAME=int(tile.same), **flip)
    return [KernelCall("convolution/depthwise_cpu.cl", entry, given, defines, (max(1, min(items, 8 * traits.compute_units)),), (1,))]


def forward(
    g: Geometry, data: Arg, weight: Arg, out: Arg, epilogue: Epilogue, dtype: str, req: str, traits: DeviceTraits
) -> list[KernelCall]:
    """``out = convolution of data with weight + bias``."""
    bias = epilogue.bias
    if epilogue.residual is not None or epilogue.activation != "none":
        raise MXNetError("convolutions in NCHW layout have no activation or residual on CPUs; leave them operators of their own")
    if g.depthwise:
        channels, planes = g.groups * g.filters, g.images * g.groups * g.filters
        strip = _strip(g, 1, tile_for(dtype, traits), traits)
        if strip is not None:
            numbers = (Scalar("long", planes), *ints(channels, g.filters))
            args = (data, weight, out, bias if bias is not None else weight)
            return _depthwise("depthwise_forward", args, numbers, g, strip, planes, dtype, req, traits, bias=bias is not None)
    return [_tiles(g.collapsed(), data, weight, out, bias, dtype, req, traits)]


def _tiles(
    g: Geometry, data: Arg, weight: Arg, out: Arg, bias: Arg | None, dtype: str, req: str, traits: DeviceTraits, turned: bool = False
) -> KernelCall:  # fmt: skip
    """The call of conv_forward; with `turned` it is the data gradient: `data` the output's gradient, `out` the data's."""
    tile = tile_for(dtype, traits)
    source, target, m, channels, phases, grid_ = g.input, g.output, g.filters, g.channels, 1, g.output
    if turned:
        source, target, m, channels = g.output, g.input, g.channels, g.filters
        phases = math.prod(min(s, x) for s, x in zip(g.stride, g.input, strict=True))
        grid_ = (-(-g.input[0] // g.stride[0]), -(-g.input[1] // g.stride[1]), -(-g.input[2] // g.stride[2]))
    n, k = g.images * math.prod(grid_), channels * (-(-g.taps // math.prod(g.stride)) if turned else g.taps)
    down, across, direct = split_work(-(-m // tile.mr), -(-n // tile.nr), k, g.groups * phases, traits, tile)
    mrows, ncols = tile.rows_in(m, down), tile.columns_in(n, across)
    items = g.groups * phases * -(-m // mrows) * -(-n // ncols)
    if turned and not tile.same:
        k = channels * g.taps  # the most that a phase can have
    block = blocking(
        tile, m, k, mrows, items, ncols < 8 * tile.nr if turned else direct, traits, WORK, g.taps, 1 if turned else tile.vw // 4
    )
    args = (
        data, weight, out, bias if bias is not None else weight, block.work, *ints(g.images, g.groups, m, channels),
        *map(extents, (source, target, g.kernel, g.stride, g.dilate, g.pad)), *ints(mrows, ncols, block.mc, block.kc, items),
    )  # fmt: skip
    defines = _defines(
        tile,
        dtype,
        req,
        A_DIRECT=int(block.direct),
        A_TABLE=int(turned and block.direct),
        TURNED=int(turned),
        BIAS=2 if bias is not None else 0,
    )
    return KernelCall("convolution/forward_cpu.cl", "conv_forward", args, defines, (block.launched,), (1,))


def data_gradient(
    g: Geometry, head: Arg, weight: Arg, out: Arg, bias: Arg | None, dtype: str, req: str, traits: DeviceTraits
) -> list[KernelCall]:
    """The gradient of the data, from that of the output; with `bias`, a value a channel of the data, added to it."""
    if g.depthwise:
        t, planes = g.transposed(), g.images * g.groups * g.channels
        strip = _strip(t, g.filters, tile_for(dtype, traits), traits)
        if strip is not None:
            numbers = (Scalar("long", planes), *ints(g.groups, g.filters))
            args, given = (head, weight, out, bias if bias is not None else weight), bias is not None
            return _depthwise("depthwise_forward", args, numbers, t, strip, planes, dtype, req, traits, g.stride, given)
    found = _by_product(g, head, weight, out, bias, dtype, req, traits) if stored_as_computed(dtype) else []
    return found or [_tiles(g.collapsed(), head, weight, out, bias, dtype, req, traits, turned=True)]


def _by_product(
    g: Geometry, head: Arg, weight: Arg, out: Arg, bias: Arg | None, dtype: str, req: str, traits: DeviceTraits
) -> list[KernelCall]:  # fmt: skip
    """The data gradient as a plain matrix product, where there is one output pixel, or as one whose result is added up behind it.

    The latter where a group of the data has too few channels for a register tile. Empty: as neither.
    """
    assert not isinstance(head, Local | Refusal | Rng | Scalar)
    assert not isinstance(weight, Local | Refusal | Rng | Scalar)
    assert not isinstance(out, Local | Refusal | Rng | Scalar)
    depth = g.channels * g.taps
    if g.output == (1, 1, 1) and g.input == g.kernel and g.pad == (0, 0, 0) and g.groups == 1 and bias is None:
        a, b, c = Matrix(head, g.filters, 1), Matrix(weight, depth, 1), Matrix(out, depth, 1)
        return product(g.images, depth, g.filters, a, b, c, dtype, req, traits)
    columns = Temp(COLUMNS, g.images * g.groups * depth * g.pixels * tile_for(dtype, traits).itemsize)
    if g.channels >= FEW_CHANNELS or g.taps == 1 or columns.nbytes > COLUMN_BYTES:
        return []
    a = Matrix(weight, 1, depth, g.filters * depth, period=g.groups)
    b, c = Matrix(head, g.pixels, 1, g.filters * g.pixels), Matrix(columns, g.pixels, 1, depth * g.pixels)
    calls = product(depth, g.pixels, g.filters, a, b, c, dtype, "write", traits, entries=g.images * g.groups)
    return [*calls, col2im(Columns.under(g), columns, out, bias, dtype, req, traits)]


def weight_gradient(g: Geometry, head: Arg, data: Arg, out: Arg, dtype: str, req: str, traits: DeviceTraits) -> list[KernelCall]:
    """The gradient of the weight: a product over the pixels of all images, summed in a fixed order."""
    tile = tile_for(dtype, traits)
    if g.depthwise:
        channels = g.groups * g.filters
        strip = _strip(g, 1, tile, traits)
        if strip is not None:
            numbers = ints(g.images, channels, g.filters)
            return _depthwise("depthwise_weight", (data, head, out), numbers, g, strip, channels, dtype, req, traits)
    g = g.collapsed()
    room = (traits.local_mem - 1024) // (tile.nr * tile.itemsize)
    limit = min(DEPTH, room // 2)
    kc = -(-g.images * g.pixels // -(-g.images * g.pixels // limit))
    most = max(1, min(WEIGHT_ROWS, room - kc) // tile.mr)
    tiles, panels = -(-g.depth // tile.mr), -(-g.filters // tile.nr)
    down, across = _split_weight(tiles, panels, g.groups, traits, tile, most)
    mrows, npanels = -(-tiles // down) * tile.mr, -(-panels // across)
    items = g.groups * -(-g.depth // mrows) * -(-panels // npanels)
    launched = _items(traits, items)
    work, zeros = Local((kc + mrows) * tile.nr * tile.itemsize), Temp(WORK, launched * ZEROS * tile.itemsize)
    args = (
        data, head, out, work, zeros, *ints(g.images, g.groups, g.filters, g.channels),
        *map(extents, (g.input, g.output, g.kernel, g.stride, g.dilate, g.pad)), *ints(mrows, npanels, kc, items),
    )  # fmt: skip
    return [
        KernelCall("convolution/weight_gradient_cpu.cl", "conv_weight", args, _defines(tile, dtype, req, ZEROS=ZEROS), (launched,), (1,))
    ]


def _split_weight(tiles: int, panels: int, groups: int, traits: DeviceTraits, tile: Tile, most: int) -> tuple[int, int]:
    """Into how many blocks of rows (of at most `most` tiles) and of panels; each packs its panels, at about a cycle an element."""
    units = traits.compute_units
    best: tuple[float, int, int] | None = None
    fewest = -(-tiles // most)
    for factor in ladder(max(1, min(tiles // fewest, 4 * units))):
        down = fewest * factor
        for across in ladder(min(panels, 4 * units)):
            waves = -(-groups * down * across // units)
            work = -(-panels // across) * (-(-tiles // down) * tile.mr * tile.nv / 2 + tile.nr)
            if best is None or waves * work < best[0]:
                best = (waves * work, down, across)
    assert best is not None
    return best[1:]
