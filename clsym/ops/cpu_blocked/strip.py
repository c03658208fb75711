"""How the direct convolution over blocked tensors is shared out among work-items, by a model of what a core does in how many cycles."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from ...base import MXNetError
from ...graph.contract.traits import DeviceTraits
from ...graph.contract.tuning import tunable, tuned
from .geometry import BlockedGeometry

__all__ = ["BLOCKS", "Layout", "Strip", "choose_strip", "group_blocks", "layout_of", "run_length"]

BLOCKS = 2
"""Blocks of output channels of a register tile."""

L2_BYTES = 1 << 20
"""Of a core, about."""

PACKED_BYTES = 294912
"""The most packed input of a work-item: with a panel of the weight, which is about as large, most of the L2 cache."""

TILE, ITEM, ROW = 80.0, 500.0, 20.0
"""Cycles that a tile, a work-item and a packed row take beside their work."""

COPY, SUMS, BYTE = 2.5, 1.0, 0.02
"""Cycles to pack a vector, to load and store a vector of partial sums, and for a byte from beyond the L2 cache."""

tunable(  # beyond the extents of a convolution they are cut down to them
    "blocked_convolution",
    {
        "images": (1, 2, 4, 8),
        "rows": (1, 2, 3, 4, 7, 8, 10, 14, 19, 28, 56),
        "cols": (14, 28, 42, 56, 98, 112, 196, 256, 392, 784, 1 << 20),
        "panels": (1, 2, 3, 4, 6, 8, 16, 32),
        "depth": (1, 2, 4, 8, 16, 32, 64),
        "flat": (0, 1),
    },
)


def run_length(block: int) -> int:
    """Pixels of half a tile: 2 * run * BLOCKS accumulators fill 32 vector registers of 512 bits, or 16 narrower ones."""
    return 7 if block >= 16 else 3


def group_blocks(g: BlockedGeometry) -> tuple[int, int]:
    """Blocks of input and of output channels of a group."""
    return -(-g.channels // g.groups // g.block), -(-g.filters // g.groups // g.block)


@dataclass(frozen=True)
class Layout:
    """The convolution as the kernel is told it; strides in elements: of images, blocks, rows and pixels."""

    images: int
    input: tuple[int, int]
    output: tuple[int, int]
    x_strides: tuple[int, int, int, int]
    y_strides: tuple[int, int, int, int]
    direct: bool


def layout_of(g: BlockedGeometry, plain: bool) -> Layout:
    """Of the convolution: a pointwise one takes a map for one row of pixels, and maps of one pixel for a row of images."""
    b = g.block
    (h, w), (oh, ow), images = g.input, g.output, g.images
    x = (g.channels * h * w, h * w, w, 1) if plain else (g.in_blocks * h * w * b, h * w * b, w * b, b)
    y = (g.out_blocks * oh * ow * b, oh * ow * b, ow * b, b)
    pointwise = not plain and g.taps == 1 and g.stride == (1, 1) and g.pad == (0, 0)
    if pointwise:
        h, w, oh, ow = 1, h * w, 1, oh * ow
        if w == 1:
            x, y, images, w, ow = (0, b, 0, x[0]), (0, b, 0, y[0]), 1, images, images
    return Layout(images, (h, w), (oh, ow), x, y, pointwise and x[3] == b and ow >= run_length(b))


@dataclass(frozen=True)
class Strip:
    """What a work-item computes (images, rows and columns of the output, panels), and how it packs the input for it.

    `depth` blocks of input channels at a time; see ``kernels/cpu_blocked/convolution.cl`` for the rest.
    """

    images: int
    rows: int
    cols: int
    panels: int
    depth: int
    flat: bool
    row_phases: int
    col_phases: int
    step: int
    pitch: int
    packed_rows: int
    work_bytes: int
    items: int


def _phases(window: int, stride: int, dilate: int, count: int) -> tuple[int, int]:
    """Phases of the packed input along one dimension, and the length of each, for `count` outputs; a phase a tap where that is less."""
    phases = min(window, stride // math.gcd(stride, dilate))
    length = count + (window - 1) // phases * phases * dilate // stride
    return (window, count) if window * count < phases * length else (phases, length)


@dataclass(frozen=True)
class _Shape:
    """A convolution, and the strips that it may be cut into."""

    g: BlockedGeometry
    plain: bool
    layout: Layout
    budget: int

    def strip(self, images: int, rows: int, cols: int, panels: int, flat: bool, depth: int = 0) -> Strip:
        """A strip with all that follows from its extents; the depth that the budget allows."""
        g, lay, plain = self.g, self.layout, self.plain
        run, unit = run_length(g.block), 1 if plain else g.block
        step = 1 if plain else g.stride[1]
        row_phases, packed_rows = _phases(g.kernel[0], g.stride[0], g.dilate[0], rows)
        col_phases, pitch = (g.kernel[1], cols) if flat else _phases(g.kernel[1], step, g.dilate[1], cols)
        if plain:
            col_phases, pitch = 1, (-(-cols // run) * run - 1) * g.stride[1] + (g.kernel[1] - 1) * g.dilate[1] + 1
        block = images * row_phases * col_phases * packed_rows * pitch * unit
        blocks, all_panels = self.blocks, self.panels
        if not depth and not lay.direct:
            depth = max(1, min(blocks, self.budget // (block * 4)))
            depth = -(-blocks // -(-blocks // depth))
        depth = blocks if lay.direct else min(depth, blocks)
        runs = images * (1 if flat else rows) * -(-(rows * cols if flat else cols) // run)
        elements = (
            32
            if lay.direct
            else -(-g.taps * (depth if plain else 1) // 32) * 32 + depth * block + 2 * run * (g.stride[1] if plain else g.block)
        )
        elements += panels * runs * run * BLOCKS * g.block if depth < blocks else 0
        strips = -(-lay.images // images) * -(-lay.output[0] // rows) * -(-lay.output[1] // cols)
        items = strips * -(-all_panels // panels) * g.groups
        return Strip(images, rows, cols, panels, depth, flat, row_phases, col_phases, step, pitch, packed_rows, elements * 4, items)

    @property
    def blocks(self) -> int:
        """Blocks of input channels of a group; channels of a plain input."""
        return self.g.channels if self.plain else group_blocks(self.g)[0]

    @property
    def panels(self) -> int:
        """Panels of a group."""
        return -(-group_blocks(self.g)[1] // BLOCKS)

    def cycles(self, s: Strip) -> float:
        """That one full work-item takes."""
        g, run = self.g, run_length(self.g.block)
        steps = g.taps * self.blocks * (1 if self.plain else g.block)
        line, lines = (s.rows * s.cols, s.images) if s.flat else (s.cols, s.images * s.rows)
        runs = lines * -(-line // run)
        tiles, parts = -(-runs // 2), -(-self.blocks // s.depth)
        narrow = group_blocks(g)[1] % BLOCKS / (self.panels * BLOCKS)  # the part of a panel that is empty, on average
        sums = SUMS * (3 if s.work_bytes > L2_BYTES * 5 // 8 else 1)
        multiply = steps * runs * (run * BLOCKS * (1 - 0.9 * narrow) + 0.2) / 2
        per_panel = multiply + tiles * (TILE + (parts - 1) * (2 * run * BLOCKS * sums + TILE))
        weight = steps * BLOCKS * g.block * 4 * BYTE
        if self.layout.direct:
            data = s.images * s.cols * self.blocks * g.block * 4
            return s.panels * (per_panel + weight) + data * BYTE * (s.panels if data > L2_BYTES // 2 else 1) + ITEM
        rows = s.images * self.blocks * s.row_phases * s.col_phases * s.packed_rows
        copies = rows * (ROW + COPY * (s.pitch / g.block if self.plain else s.pitch))
        return s.panels * (per_panel + weight) + copies + ITEM

    def time(self, s: Strip, cores: int) -> float:
        """Cycles until the last core is done."""
        lay = self.layout
        shares = lay.images / s.images * (lay.output[0] / s.rows) * (lay.output[1] / s.cols) * (self.panels / s.panels) * self.g.groups
        one = self.cycles(s)
        return one * max(shares / cores, -(-s.items // cores) * shares / s.items) + (one / 4 if cores > 1 else 0)

    def candidates(self) -> Iterator[Strip]:
        """Strips worth a thought."""
        lay, run = self.layout, run_length(self.g.block)
        oh, ow = lay.output
        one_row = not self.plain and _phases(self.g.kernel[1], self.g.stride[1], self.g.dilate[1], ow)[1] == ow  # packed as the output lies
        whole = oh * ow
        for panels in {-(-self.panels // k) for k in (1, 2, 3, 4, 6, 8, 12, 16)}:
            for cols in {ow, *(-(-ow // (2 * run * k)) * 2 * run for k in (2, 3, 4, 6, 8, 16, 32) if ow > 2 * run * k)}:
                for rows in {-(-oh // k) for k in (1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, 28, 38, 56, 112, 224)}:
                    if (rows < oh and rows * cols < 2 * run) or (rows * cols > 3136 and rows > 1 and whole > 3136):
                        continue
                    whole_rows = cols == ow
                    for flat in {one_row and whole_rows, whole_rows and not self.plain}:
                        yield self.strip(1, rows, cols, panels, flat)
                        if rows == oh and whole_rows and whole < 256:
                            for images in {-(-lay.images // k) for k in (1, 2, 4, 8, 16)} - {1}:
                                if images * whole <= 1024:
                                    yield self.strip(images, rows, cols, panels, flat)


@lru_cache(maxsize=4096)
def _best(g: BlockedGeometry, plain: bool, cores: int, budget: int, limit: int) -> Strip:
    shape = _Shape(g, plain, layout_of(g, plain), budget)
    fitting = [s for s in shape.candidates() if s.work_bytes <= limit]
    if fitting:
        return min(fitting, key=lambda s: (shape.time(s, cores), s.items))
    strip = shape.strip(1, 1, min(shape.layout.output[1], 2 * run_length(g.block)), 1, False, 1)
    if strip.work_bytes > limit:
        raise MXNetError(
            f"blocked convolution: a window of {g.kernel} needs {strip.work_bytes} bytes of local memory, the device has {limit}; "
            "use the convolution over NCHW"
        )
    return strip


def choose_strip(g: BlockedGeometry, plain: bool, traits: DeviceTraits) -> Strip:
    """The strip that the model finds best, or one found by measuring on the device, where its packed input fits."""
    limit = traits.local_mem - 4096
    budget = min(PACKED_BYTES, limit // 2)
    best = _best(g, plain, traits.compute_units, budget, limit)
    chosen = {k: int(getattr(best, k)) for k in ("images", "rows", "cols", "panels", "depth", "flat")}
    found = tuned(traits, "blocked_convolution", shape_class(g), chosen)
    if found == chosen:
        return best
    shape = _Shape(g, plain, layout_of(g, plain), budget)
    lay = shape.layout
    strip = shape.strip(
        min(found["images"], lay.images), min(found["rows"], lay.output[0]), min(found["cols"], lay.output[1]),
        min(found["panels"], shape.panels), bool(found["flat"]) and not plain and found["cols"] >= lay.output[1],
        found["depth"],
    )  # fmt: skip
    return strip if strip.work_bytes <= limit else best


def shape_class(g: BlockedGeometry) -> str:
    """Under which its strip is tuned."""
    kernel, stride, out = ("x".join(map(str, pair)) for pair in (g.kernel, g.stride, g.output))
    return f"k{kernel}s{stride}_c{g.channels}f{g.filters}o{out}n{g.images}"
