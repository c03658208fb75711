"""Convolution with a 3 x 3 window and stride 1 by Winograd's minimal filtering, over blocked tensors on CPUs.

F(m x m, 3 x 3) computes a tile of m x m outputs with (m + 2)^2 instead of 9 m^2 multiplications a channel and filter: 2.25 times fewer for
m = 2, 4 times for m = 4 (Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", 2015).

Accuracy in float32, next to the direct sum taken in order (data after a relu; the largest error over the largest output, and the mean error
over the mean output):

============================== ================== ================== ==================
channels                       64                 256                512
============================== ================== ================== ==================
direct                         6.1e-7, 2.7e-7     1.5e-6, 5.5e-7     1.9e-6, 7.1e-7
F(2), points 0, +-1            3.1e-7, 2.3e-7     4.9e-7, 4.3e-7     6.8e-7, 6.0e-7
F(4), 0, +-5/8, +-3/2 (used)   1.4e-6, 6.5e-7     3.1e-6, 1.0e-6     2.7e-6, 1.4e-6
F(4), 0, +-1, +-2              7.5e-6, 1.2e-6     8.0e-6, 1.9e-6     1.1e-5, 2.5e-6
============================== ================== ================== ==================

The variable ``CLSYM_WINOGRAD`` limits the tile, 0 leaves all convolutions to the direct sum.

A NaN or an infinity in the data reaches the whole tile that reads it, up to m - 1 pixels further than in the direct sum.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

from ...graph.contract.kernel_call import Arg, KernelCall, Local, Scalar, Temp, defines_for
from ...graph.contract.traits import DeviceTraits
from ...graph.contract.tuning import tunable, tuned
from ..shared.epilogue import ACTIVATIONS, Epilogue
from .geometry import BlockedGeometry

__all__ = ["forward", "pack", "packed_shape", "worth"]

WORK = 0
"""The only workspace."""

PANEL = 2
"""Blocks of filters that a register tile is wide."""

SCRATCH_BYTES = 960 * 1024
"""Most of a level-2 cache: what a work-item keeps there, if that leaves it FEWEST_TILES."""

MOST_TILES, FEWEST_TILES = 56, 16
"""Tiles of a work-item: more save no traffic worth the cache; as many as FEWEST_TILES it may have however large its scratch is."""

INPUT, OUTPUT, CALL, PACK = 3.2, 3.2, 45, 22.0
"""Cycles: the transforms of a tile, a point and a block of channels or filters; a call of a register tile; packing, a vector."""

CORE_RATE, DEVICE_RATE, AGAIN_RATE = 20.0, 30.0, 50.0
"""Bytes a cycle at which weights arrive that the caches have lost since the last forward: to one core, to all; and when read again."""

DIRECT, MARGIN = 0.87, 0.88
"""The share of the multiply-add peak that the direct convolution reaches, and by how much something less simple must be quicker."""

tunable("winograd", {"tiles": (4, 6, 8, 10, 12, 14, 16, 20, 24, 28, 36, 42, 49, 56), "span": (2, 4, 6, 8, 16, 32, 64)})


def rows(block: int) -> tuple[int, int, int]:
    """Rows of the three register tiles of ``winograd.cl``."""
    return (14, 8, 4) if block == 16 else (6, 4, 2)


@dataclass(frozen=True)
class Split:
    """How the work is shared out.

    Attributes
    ----------
    tiles, span : int
        Tiles and blocks of filters of a work-item.
    room : int
        Rows of its matrices: its tiles, rounded up to what the register tiles touch.
    items : int
        Work-items.
    nbytes : int
        Scratch of one.
    cycles : float
        Estimated time of all of them.
    """

    tiles: int
    span: int
    room: int
    items: int
    nbytes: int
    cycles: float


def _cover(count: int, g: BlockedGeometry) -> tuple[int, float]:
    """Rows that the register tiles touch for `count` tiles, and the cycles that one of a panel's weights takes."""
    all_, some, few = rows(g.block)
    touched, cycles = 0, 0.0
    while touched < count:
        rest = count - touched
        step = all_ if rest > 2 * some or all_ >= rest > some else some if rest > few else few
        touched += step
        cycles += max(step * PANEL / 2, 2 * PANEL) + 0.5
    if g.out_blocks % PANEL:  # the last panel knows two heights
        touched = max(touched, count // all_ * all_ + (0 if count % all_ == 0 else few if count % all_ <= few else all_))
    return touched, cycles


def _split(g: BlockedGeometry, traits: DeviceTraits, tile: int) -> Split:
    """The best way to share out the work, by the estimate in `_share`, unless a tuner knows better.

    A tuned one may not need more memory than the tensors themselves.
    """
    best = _estimated(g, traits, tile)
    shape_class = f"f{tile}_n{g.images}_c{g.channels}_o{g.filters}_h{g.output[0]}"
    found = tuned(traits, "winograd", shape_class, {"tiles": best.tiles, "span": best.span})
    if (found["tiles"], found["span"]) == (best.tiles, best.span):
        return best
    total = _tiles(g, tile)
    span = max(1, -(-found["span"] // PANEL)) * PANEL
    split = _share(g, tile, total, max(1, min(found["tiles"], total)), span, traits.compute_units)
    return split if _fits(split, g, traits) or split.nbytes <= best.nbytes else best


def _estimated(g: BlockedGeometry, traits: DeviceTraits, tile: int) -> Split:
    """The best by the estimate. The scratch fits into local memory, or that of all cores is no larger than the tensors, if it can be."""
    return _search(g, traits.compute_units, tile, max(traits.local_mem - 1024, _tensors(g) // traits.compute_units))


def _fits(split: Split, g: BlockedGeometry, traits: DeviceTraits) -> bool:
    """Whether the scratch lies in local memory, or takes no more of the arena than the tensors do."""
    return _in_local_memory(split, traits) or min(split.items, traits.compute_units) * split.nbytes <= _tensors(g)


def _tensors(g: BlockedGeometry) -> int:
    """Bytes of the data and the output."""
    return 4 * g.images * g.block * (g.in_blocks * math.prod(g.input) + g.out_blocks * math.prod(g.output))


def _in_local_memory(split: Split, traits: DeviceTraits) -> bool:
    return split.nbytes + 1024 <= traits.local_mem


def _tiles(g: BlockedGeometry, tile: int) -> int:
    return g.images * -(-g.output[0] // tile) * -(-g.output[1] // tile)


@functools.lru_cache(maxsize=1024)
def _search(g: BlockedGeometry, units: int, tile: int, most: int) -> Split:
    """The cheapest of all splits whose scratch stays in the cache, and within `most` bytes if one does."""
    total, panels = _tiles(g, tile), -(-g.out_blocks // PANEL)
    spans = sorted({-(-panels // s) * PANEL for s in range(1, min(panels, 4 * units) + 1)})
    choices = [_share(g, tile, total, tiles, span, units) for tiles in range(1, min(total, MOST_TILES) + 1) for span in spans]
    choices = [s for s in choices if s.nbytes <= SCRATCH_BYTES or s.tiles <= FEWEST_TILES]
    return min([s for s in choices if s.nbytes <= most] or choices, key=lambda s: (s.cycles, s.nbytes))


def _share(g: BlockedGeometry, tile: int, total: int, tiles: int, span: int, units: int) -> Split:
    """A split and its estimate, which was within 10% of the time for most layers of the known networks, 25% at worst.

    Cycles of products, of transforms, and of waiting for weights, times the rounds that `units` cores need for all work-items.
    """
    points, depth, span = (tile + 2) ** 2, g.in_blocks * g.block, min(span, g.out_blocks)
    chunks, splits, panels = -(-total // tiles), -(-g.out_blocks // span), -(-span // PANEL)
    room, product = _cover(tiles, g)
    room = max(room, _cover(total - (chunks - 1) * tiles, g)[0])
    nbytes = 4 * g.block * points * ((g.in_blocks * room | 1) + (PANEL * room | 1))
    cycles = panels * points * (depth * product + CALL * -(-tiles // rows(g.block)[0]))
    cycles += tiles * points * (g.in_blocks * INPUT + span * OUTPUT)
    cycles += 4 * points * depth * span * g.block * (1 / _rate(units) + (chunks - 1) / AGAIN_RATE) / chunks
    return Split(tiles, span, room, chunks * splits, nbytes, cycles * -(-chunks * splits // units))


def _rate(units: int) -> float:
    """Bytes a cycle that each of so many busy cores gets from memory."""
    return min(CORE_RATE, DEVICE_RATE / min(units, 8))


def packed_shape(g: BlockedGeometry, tile: int) -> tuple[int, ...]:
    """The shape of the transformed weight for F(tile): (filter blocks, points, channels in whole blocks, block).

    Within it the filter blocks are interleaved in panels; see ``winograd.cl``.
    """
    return (g.out_blocks, (tile + 2) ** 2, g.in_blocks * g.block, g.block)


def pack(g: BlockedGeometry, weight: Arg, out: Arg, traits: DeviceTraits, tile: int, turned: bool = False) -> list[KernelCall]:
    """Transform a weight (filters, channels, 3, 3), zeros in the lanes beyond the last filter and channel.

    Parameters
    ----------
    g : BlockedGeometry
        The convolution that the packed weight is for.
    weight, out : Arg
        The weight as the user has it; the packed one, of `packed_shape`.
    tile : int
        2 or 4.
    turned : bool
        `g` is the transposed geometry of a convolution, and `weight` that convolution's, (g.channels, g.filters, 3, 3): filters and
        channels change places and the window is turned around.
    """
    steps = (9, 9 * g.filters) if turned else (9 * g.channels, 9)
    args = (weight, out, *_ints(g.channels, g.filters, *steps, int(turned)))
    launched = min(g.in_blocks * -(-g.out_blocks // PANEL), 8 * traits.compute_units)
    return [
        KernelCall(
            "cpu_blocked/winograd.cl",
            "winograd_pack",
            args,
            defines_for("float32", "write", WEIGHTS=1, **_defines(g, tile)),
            (launched,),
            (1,),
        )
    ]


def forward(
    g: BlockedGeometry, data: Arg, weight: Arg, out: Arg, epilogue: Epilogue, req: str, traits: DeviceTraits, tile: int
) -> list[KernelCall]:
    """``out = activation(convolution + bias + residual)``, or added to `out`, with the weight of `pack`.

    The scratch is local memory, which costs the plan nothing, or else a workspace for each core.
    """
    s = _split(g, traits, tile)
    local = _in_local_memory(s, traits)
    launched = s.items if local else min(s.items, traits.compute_units)
    bias, residual = epilogue.bias, epilogue.residual
    args = (
        data, weight, out, data if bias is None else bias, data if residual is None else residual,
        Local(s.nbytes) if local else Temp(WORK, launched * s.nbytes),
        *_ints(g.images, g.in_blocks, g.out_blocks), *(Scalar("int2", v) for v in (g.input, g.output, g.pad)),
        *_ints(s.tiles, s.room, s.span, s.items), Scalar("float", epilogue.low), Scalar("float", epilogue.high),
    )  # fmt: skip
    defines = defines_for(
        "float32", req, **_defines(g, tile), IN_WORKSPACE=int(not local),
        BIAS=int(bias is not None), RESIDUAL=int(residual is not None), ACTIVATION=ACTIVATIONS.index(epilogue.activation),
    )  # fmt: skip
    return [KernelCall("cpu_blocked/winograd.cl", "winograd_forward", args, defines, (launched,), (1,))]


def _defines(g: BlockedGeometry, tile: int) -> dict[str, int | str]:
    all_, some, few = rows(g.block)
    return {"TILE": tile, "VW": g.block, "PANEL": PANEL, "ROWS": all_, "ROWS_SOME": some, "ROWS_FEW": few}


def _ints(*values: int) -> tuple[Scalar, ...]:
    return tuple(Scalar("int", v) for v in values)


def worth(g: BlockedGeometry, traits: DeviceTraits, hoisted: bool) -> int:
    """The tile that pays for a convolution, or 0 where the direct one is as quick.

    Parameters
    ----------
    hoisted : bool
        Whether the weight is transformed once; otherwise that is part of the time.

    Returns
    -------
    int
        0, 2 or 4. The larger tile must be quicker by a tenth, since its weights are 2.25 times as large and its sums less exact.
    """
    if not traits.is_cpu or g.groups != 1 or g.kernel != (3, 3) or g.stride != (1, 1) or g.dilate != (1, 1):
        return 0
    if min(g.channels, g.filters) < g.block or min(g.output) < 1:
        return 0
    units, weights = traits.compute_units, g.in_blocks * g.out_blocks * g.block
    direct = (g.images * g.pixels * 9 * weights / 2 / DIRECT + 36 * weights * g.block / _rate(units)) / units
    best, chosen = MARGIN * direct, 0
    for tile in (t for t in (2, 4) if t <= traits.winograd):
        split = _estimated(g, traits, tile)  # the estimate knows nothing of why a tuned split is quicker
        if not _fits(split, g, traits):
            continue
        cycles = split.cycles
        if not hoisted:
            cycles += PACK * (tile + 2) ** 2 * weights / units
        if cycles < best:
            best, chosen = MARGIN * cycles, tile
    return chosen
