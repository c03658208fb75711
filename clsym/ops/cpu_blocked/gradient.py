"""Gradients of convolution over blocked tensors as kernel calls, for CPUs: see ``kernels/cpu_blocked/gradient.cl`` and its neighbours."""

from __future__ import annotations

from collections.abc import Iterator

from ...base import MXNetError
from ...graph.contract.kernel_call import Arg, KernelCall, Local, Scalar, Temp, defines_for
from ...graph.contract.traits import DeviceTraits
from ...graph.contract.tuning import tunable, tuned
from .geometry import BlockedGeometry

__all__ = ["bias_gradient", "pack_strided", "packed_strided_bytes", "strided_data_gradient", "weight_gradient"]

Defines = tuple[tuple[str, str | int], ...]

WORK = 0
"""The only workspace: the sums of the parts that the pixels were divided into, or the packed weight."""

L1_BYTES, STEM_BYTES = 38400, 86016
"""Of a chunk's vectors that a register tile reads: most of an L1 cache; for the stem, whose tiles are large, from the L2 cache as well."""

L2_BYTES = 655360
"""Of a chunk's vectors and the sums of a work-item: these stay in the L2 cache, 1 MiB a core on current CPUs."""

CALL_CYCLES, STREAM_BYTES, STORE_CYCLES = 60, 8, 0.6
"""A call of a register tile; bytes a cycle from beyond the L2 cache; a stored element of the weight."""

WORK_BYTES = 4 << 20
"""The most that the sums of parts may take; on some sixty cores that is still a few parts of every large weight."""

STEM_ROWS, STEM_TILE = 3, 12
"""The most rows of taps in a register tile of `stem_weight_gradient`, and the most taps."""

tunable("blocked_weight", {"pixels": (50, 100, 150, 200, 300, 400, 600, 800)})
tunable("stem_weight", {"pixels": (224, 336, 448, 672, 896, 1344, 2016)})


def _vector(ctype: str, *values: int) -> Scalar:
    return Scalar(ctype, values)


def _size(g: BlockedGeometry) -> tuple[Scalar, Scalar]:
    return _vector("int8", *g.input, *g.output, *g.kernel), _vector("int8", *g.stride, *g.dilate, *g.pad)


def _shape_class(g: BlockedGeometry) -> str:
    return f"k{g.kernel[0]}s{g.stride[0]}_c{g.channels}"


def _blocks(g: BlockedGeometry, plain: bool = False) -> tuple[int, int]:
    """Out blocks and in blocks a group.

    Raises
    ------
    MXNetError
        A group is not made of whole blocks.
    """
    if g.groups == 1:
        return g.out_blocks, g.in_blocks
    if plain or g.channels % (g.groups * g.block) or g.filters % (g.groups * g.block):
        raise MXNetError(
            f"convolution gradient in blocked layout: {g.channels} channels and {g.filters} filters in {g.groups} groups are not whole "
            f"blocks of {g.block} a group{' of blocked data' if plain else ''}; use the kernels for NCHW"
        )
    return g.out_blocks // g.groups, g.in_blocks // g.groups


def _no_room(which: str, g: BlockedGeometry, nbytes: int, traits: DeviceTraits) -> MXNetError:
    return MXNetError(
        f"{which} gradient in blocked layout of a convolution of {g.channels} channels, {g.input}, window {g.kernel}, stride {g.stride}, "
        f"dilation {g.dilate}, needs {nbytes} bytes of local memory; {traits.name} has {traits.local_mem}: use the kernels for NCHW"
    )


def _halves(n: int, least: int = 1) -> Iterator[int]:
    """n, and half of the last until `least`."""
    while True:
        yield n
        if n <= least:
            return
        n = -(-n // 2)


def _chunk(g: BlockedGeometry, pixels: int) -> tuple[int, int]:
    """Images and rows of about so many pixels."""
    rows = max(1, (pixels + g.output[1] // 3) // g.output[1])
    if rows < g.output[0]:
        return 1, -(-g.output[0] // -(-g.output[0] // rows))
    images = min(g.images, max(1, pixels // g.pixels))
    return -(-g.images // -(-g.images // images)), g.output[0]


# ----------------------------------------------------------------------------------------------------------------- weight gradient


def weight_gradient(
    g: BlockedGeometry, head: Arg, data: Arg, out: Arg, req: str, traits: DeviceTraits, plain: bool = False
) -> list[KernelCall]:
    """The gradient of the weight, (filters, channels a group, kh, kw), from the output's gradient and the data.

    Parameters
    ----------
    head, data : Arg
        Blocked; with `plain` the data is NCHW, of few channels.
    req : {'write', 'add'}
        The store mode of `out`.
    """
    return _stem_weight(g, head, data, out, req, traits) if plain else _blocked_weight(g, head, data, out, req, traits)


def _blocked_weight(g: BlockedGeometry, head: Arg, data: Arg, out: Arg, req: str, traits: DeviceTraits) -> list[KernelCall]:
    out_blocks, in_blocks = _blocks(g)
    b, smallest = g.block, g.block * g.block * g.taps * 4  # bytes of the sums of a tile of one block by one
    k = 1 if out_blocks % 2 or 2 * smallest > traits.local_mem else 2
    if k * smallest > traits.local_mem:
        raise _no_room("weight", g, k * smallest, traits)
    p = b if k == 1 else max(4, b // 2)
    pixels = L1_BYTES // ((k + 1) * b * 4)
    if g.taps == 1 and 2 * g.pixels <= pixels:
        pixels //= 2  # the images of a chunk often lie a multiple of 4 KiB apart, in the same sets of the L1 cache
    numbers = tuned(traits, "blocked_weight", _shape_class(g), {"pixels": pixels})
    images, rows = _chunk(g, numbers["pixels"])
    gathered = images * rows * g.output[1] * b * 4  # bytes of a block of channels of a chunk
    gather = g.kernel == (1, 1) and g.stride != (1, 1) and g.pad == (0, 0) and k * smallest + gathered <= traits.local_mem
    out_tiles, in_piece, parts = _split_weight(g, out_blocks // k, in_blocks, k, p, images, rows, gathered if gather else 0, traits)
    pieces = -(-(out_blocks // k) // out_tiles) * -(-in_blocks // in_piece)
    sums = Local(out_tiles * k * in_piece * b * b * g.taps * 4)
    matrix = in_blocks * b * g.taps  # rows of sums of an out block
    work = Temp(WORK, parts * g.out_blocks * matrix * b * 4) if parts > 1 else out
    count = _vector("int8", g.images, g.groups, out_blocks, in_blocks, g.filters, g.channels // g.groups)
    cut = _vector("int8", out_tiles, in_piece, images, rows, parts)
    strip = Local(gathered * in_piece if gather else 4)
    args = (head, data, out, work, sums, strip, count, *_size(g), cut)
    defines = defines_for("float32", req, VW=b, K=k, P=p, GATHER=int(gather))
    calls = [KernelCall("cpu_blocked/gradient.cl", "weight_gradient", args, defines, (parts * g.groups * pieces,), (1,))]
    if parts > 1:
        calls.append(_reduce(g, work, out, matrix, g.channels // g.groups * g.taps, parts, defines, traits))
    return calls


def _split_weight(
    g: BlockedGeometry, out_tiles: int, in_blocks: int, k: int, p: int, images: int, rows: int, gathered: int, traits: DeviceTraits
) -> tuple[int, int, int]:  # fmt: skip
    """Tiles of out blocks and in blocks of a work-item, and into how many parts the pixels go.

    The estimate is of the busiest core, in cycles: its register tiles, what streams by, and the store.
    """
    units, vector = traits.compute_units, g.block * 4
    chunks = -(-g.images // images) * -(-g.output[0] // rows)
    pixels = g.images * g.pixels / chunks
    whole = g.groups * out_tiles * k * in_blocks * g.block * g.taps * vector  # bytes of the sums of one part
    most_parts = max(1, min(chunks, 4 * units, WORK_BYTES // whole))
    best: tuple[float, int, int, int] | None = None
    for tiles in _halves(out_tiles):
        for blocks in _halves(in_blocks):
            sums = tiles * k * blocks * g.block * g.taps * vector
            footprint = sums + pixels * (tiles * k + blocks) * vector
            fits = sums + gathered * blocks <= traits.local_mem and footprint <= L2_BYTES
            if not fits and (tiles, blocks) != (1, 1):
                continue
            calls = tiles * blocks * g.taps * g.block // p
            chunk = calls * (pixels * k * p / 2 + CALL_CYCLES) + pixels * (tiles * k + blocks) * vector / STREAM_BYTES
            store = sums / 4 * STORE_CYCLES
            pieces = g.groups * -(-out_tiles // tiles) * -(-in_blocks // blocks)
            for parts in _halves(most_parts):
                items = pieces * parts
                cost = -(-items // units) * (-(-chunks // parts) * chunk + store) * (1 + 0.1 * units / items)
                if parts > 1:
                    cost += parts * pieces * store / units
                if best is None or cost < best[0]:
                    best = (cost, tiles, blocks, parts)
    assert best is not None
    return best[1:]


def _stem_weight(g: BlockedGeometry, head: Arg, data: Arg, out: Arg, req: str, traits: DeviceTraits) -> list[KernelCall]:
    out_blocks, _ = _blocks(g, plain=True)
    k = 1 if out_blocks % 2 else 2
    (kh, kw), (sy, sx), (dy, dx) = g.kernel, g.stride, g.dilate
    ps = -(-kw // -(-kw // STEM_TILE))
    pr = max(r for r in range(1, STEM_ROWS + 1) if r == 1 or (kh % r == 0 and r * ps <= STEM_TILE))
    pitch = -(-((g.output[1] - 1) * sx + (-(-kw // ps) * ps - 1) * dx + 1) // g.block) * g.block

    def high(rows: int) -> int:
        return (rows - 1) * sy + (kh - 1) * dy + 1

    numbers = tuned(traits, "stem_weight", _shape_class(g), {"pixels": STEM_BYTES // (k * g.block * 4)})
    rows = _chunk(g, numbers["pixels"])[1]
    tiles = out_blocks // k
    sums = k * g.channels * g.taps * g.block * 4  # of a tile of filters

    def room(rows: int, tiles: int) -> int:
        return tiles * sums + g.channels * high(rows) * pitch * 4

    while rows > 1 and room(rows, 1) > traits.local_mem:
        rows = -(-rows // 2)
    while tiles > 1 and room(rows, tiles) > min(traits.local_mem, L2_BYTES):
        tiles = -(-tiles // 2)
    if room(rows, tiles) > traits.local_mem:
        raise _no_room("weight", g, room(rows, tiles), traits)
    pieces = -(-(out_blocks // k) // tiles)
    matrix = g.channels * g.taps
    chunks, most = g.images * -(-g.output[0] // rows), WORK_BYTES // (out_blocks * matrix * g.block * 4)
    parts = max(1, min(chunks, most, -(-4 * traits.compute_units // pieces)))
    work = Temp(WORK, parts * out_blocks * matrix * g.block * 4) if parts > 1 else out
    count = _vector("int8", g.images, out_blocks, g.channels, g.filters)
    cut = _vector("int8", tiles, rows, parts, pitch, high(rows))
    args = (head, data, out, work, Local(tiles * sums), Local(g.channels * high(rows) * pitch * 4), count, *_size(g), cut)
    defines = defines_for("float32", req, VW=g.block, K=k, PR=pr, PS=ps, DX=dx)
    calls = [KernelCall("cpu_blocked/stem_gradient.cl", "stem_weight_gradient", args, defines, (parts * pieces,), (1,))]
    if parts > 1:
        p = g.block if k == 1 else max(4, g.block // 2)
        calls.append(_reduce(g, work, out, matrix, matrix, parts, defines_for("float32", req, VW=g.block, K=k, P=p, GATHER=0), traits))
    return calls


def _reduce(
    g: BlockedGeometry, work: Arg, out: Arg, pitch: int, rows: int, parts: int, defines: Defines, traits: DeviceTraits
) -> KernelCall:
    """The sum over the parts, of `rows` of the `pitch` rows of sums of each out block."""
    wanted = max(1, -(-4 * traits.compute_units // g.out_blocks))
    cut = max(g.block, -(-rows // wanted // g.block) * g.block)
    numbers = tuple(Scalar("int", v) for v in (g.out_blocks, g.filters, pitch, rows, parts, cut))
    return KernelCall("cpu_blocked/gradient.cl", "weight_reduce", (work, out, *numbers), defines, (g.out_blocks * -(-rows // cut),), (1,))


# ------------------------------------------------------------------------------------------------------------------- bias gradient


def bias_gradient(g: BlockedGeometry, head: Arg, out: Arg, req: str, traits: DeviceTraits) -> list[KernelCall]:
    """The gradient of the bias, (filters,): the sum of the output's gradient over images and pixels."""
    blocks = g.out_blocks
    parts = max(1, min(g.images, -(-4 * traits.compute_units // blocks)))
    work = Temp(WORK, parts * blocks * g.block * 4) if parts > 1 else out
    defines = defines_for("float32", req, VW=g.block, K=2, P=max(4, g.block // 2), GATHER=0)
    numbers = tuple(Scalar("int", v) for v in (g.images, blocks, g.filters, g.pixels, parts))
    calls = [KernelCall("cpu_blocked/gradient.cl", "bias_gradient", (head, out, work, *numbers), defines, (parts * blocks,), (1,))]
    if parts > 1:
        calls.append(_reduce(g, work, out, 1, 1, parts, defines, traits))
    return calls


# ------------------------------------------------------------------------------------------------------------------- data gradient


def packed_strided_bytes(g: BlockedGeometry) -> int:
    """Of the weight that `pack_strided` packs."""
    out_blocks, in_blocks = _blocks(g)
    return g.groups * in_blocks * g.taps * out_blocks * g.block * g.block * 4


def _strided_defines(g: BlockedGeometry, req: str, traits: DeviceTraits, **more: int) -> Defines:
    k = 1 if _blocks(g)[1] % 2 else 2
    return defines_for("float32", req, VW=g.block, K=k, Q=14 if traits.vector_width >= 16 else 6, **more)


def pack_strided(g: BlockedGeometry, weight: Arg, packed: Arg, traits: DeviceTraits) -> list[KernelCall]:
    """Pack the weight, as the user has it, for `strided_data_gradient`: every phase of pixels with its taps."""
    out_blocks, in_blocks = _blocks(g)
    packs = g.groups * (in_blocks // (1 if in_blocks % 2 else 2)) * out_blocks
    count = _vector("int8", g.groups, out_blocks, in_blocks, g.filters, g.channels // g.groups)
    size = _vector("int8", *g.kernel, *g.stride, *g.dilate, *g.pad)
    defines = _strided_defines(g, "write", traits)
    return [KernelCall("cpu_blocked/data_gradient.cl", "pack_strided", (weight, packed, count, size), defines, (packs,), (1,))]


def strided_data_gradient(
    g: BlockedGeometry, head: Arg, packed: Arg, out: Arg, req: str, traits: DeviceTraits, bias: Arg | None = None
) -> list[KernelCall]:
    """The gradient of the data, blocked, from the output's gradient, blocked, and the packed weight; for any stride.

    With a `bias`, a value a channel of the data in whole blocks, that is added: then it is a transposed convolution.
    """
    out_blocks, in_blocks = _blocks(g)
    b = g.block
    k = 1 if in_blocks % 2 else 2
    q = 14 if traits.vector_width >= 16 else 6
    lows, highs = zip(*map(_reach, g.kernel, g.stride, g.dilate, g.pad), strict=True)
    t, u = (-(-x // s) for x, s in zip(g.input, g.stride, strict=True))
    shape, rows, cols = _tile_shape(t, u, q)
    images, ts, us, blocks = _strip(
        g, t, u, cols, rows, 10 * q, highs[0] - lows[0], highs[1] - lows[1], out_blocks, min(traits.local_mem, L2_BYTES // 2)
    )
    pitch = -(-us // cols) * cols + highs[1] - lows[1]
    strip = blocks * images * (ts + highs[0] - lows[0]) * pitch * b * 4
    if strip > traits.local_mem:
        raise _no_room("data", g, strip, traits)
    strips = -(-g.images // images) * -(-t // ts) * -(-u // us)
    tiles = in_blocks // k
    while tiles > 1 and strips * g.groups * -(-(in_blocks // k) // tiles) < 2 * traits.compute_units:
        tiles = -(-tiles // 2)
    defines = _strided_defines(g, req, traits, **({"BIAS": 1} if bias is not None else {}))
    count = _vector("int8", g.images, g.groups, out_blocks, in_blocks)
    cut = _vector("int8", images, ts, us, blocks, tiles, shape, pitch)
    args = (
        head,
        packed,
        out,
        bias if bias is not None else packed,
        Local(strip),
        count,
        *_size(g),
        _vector("int4", lows[0], highs[0], lows[1], highs[1]),
        cut,
    )
    items = strips * g.groups * -(-(in_blocks // k) // tiles)
    return [KernelCall("cpu_blocked/data_gradient.cl", "strided_data_gradient", args, defines, (items,), (1,))]


def _reach(kernel: int, stride: int, dilate: int, pad: int) -> tuple[int, int]:
    """Least and greatest distance of a tap's row of head from row t of the phase that it meets."""
    met = [(r * dilate - pad) % stride + pad - r * dilate for r in range(kernel)]
    return min(met) // stride, max(met) // stride


def _tile_shape(t: int, u: int, q: int) -> tuple[int, int, int]:
    """Number, rows and columns of the register tile that wastes least of t rows by u columns; two rows share the weights they load."""
    shapes = ((0, 1, q), (1, 2, q // 2), (2, 1, q * 5 // 7))
    return min(shapes, key=lambda s: -(-u // s[2]) * s[2] * (1 if s[0] != 2 else 1.05))


def _strip(
    g: BlockedGeometry, t: int, u: int, cols: int, rows: int, wanted: int, tall: int, wide: int, out_blocks: int, room: int
) -> tuple[int, int, int, int]:  # fmt: skip
    """Images, rows and columns of a phase, and out blocks, of a strip of at most `room` bytes, with the zeros around it.

    Some `wanted` pixels, which share the weights that they load, in whole register tiles if the images allow it.
    """
    vector = g.block * 4

    def pixels(images: int, ts: int, us: int) -> int:
        return images * (ts + tall) * (-(-us // cols) * cols + wide)

    us = u
    while us > cols and pixels(1, 1, us) * vector > room // 2:
        us = -(-us // cols // 2) * cols
    ts = min(t, max(1, -(-wanted // us)))
    while ts > 1 and pixels(1, ts, us) * vector > room:
        ts -= 1
    ts = -(-t // -(-t // ts))
    images = min(g.images, -(-wanted // (ts * us)) // rows * rows or 1) if ts == t and us == u else 1
    while images > 1 and pixels(images, ts, us) * vector > room:
        images -= 1
    blocks = max(1, min(out_blocks, room // (pixels(images, ts, us) * vector)))
    return images, ts, us, -(-out_blocks // -(-out_blocks // blocks))
