"""Column matrices as kernel calls: see ``kernels/convolution/columns.cl``. No operator of its own."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from ...graph.contract.kernel_call import Arg, KernelCall, Scalar, defines_for
from ...graph.contract.traits import DeviceTraits
from ...params import Params
from ..shared.launch_sizes import stretch_grid
from .geometry import Extents, Geometry, extents

__all__ = ["Columns", "col2im", "im2col"]

_MOST = 512
"""Elements of a stretch, whose sums lie in a private array."""


@dataclass(frozen=True)
class Columns:
    """Images (planes, *image) of `channels` channels and the blocks of them (planes, *kernel, *blocks)."""

    planes: int
    channels: int
    image: Extents
    blocks: Extents
    kernel: Extents
    stride: Extents
    dilate: Extents
    pad: Extents

    @staticmethod
    def of(p: Params, image: Sequence[int], blocks: Sequence[int]) -> Columns:
        """From an operator's window, the shape (N, C, *) of the image, and the number of blocks along each dimension."""
        nd = len(p.kernel)
        return Columns(
            math.prod(image[:2]), image[1], _three(image[2:], 1), _three(blocks, 1), _three(p.kernel, 1), _three(p.stride or (1,) * nd, 1),
            _three(p.dilate or (1,) * nd, 1), _three(p.pad or (0,) * nd, 0),
        )  # fmt: skip

    @staticmethod
    def under(g: Geometry) -> Columns:
        """Those of the data of a convolution."""
        channels = g.groups * g.channels
        return Columns(g.images * channels, channels, g.input, g.output, g.kernel, g.stride, g.dilate, g.pad)

    def scalars(self, rows: int) -> tuple[Scalar, ...]:
        """The arguments of both kernels."""
        sizes = (self.image, self.blocks, self.kernel, self.stride, self.dilate, self.pad)
        return (Scalar("long", rows), *(extents(e) for e in sizes))


def _three(values: Sequence[int], filler: int) -> Extents:
    a, b, c = (*(filler,) * (3 - len(values)), *values)
    return a, b, c


def im2col(c: Columns, image: Arg, columns: Arg, dtype: str, req: str, traits: DeviceTraits) -> KernelCall:
    """``columns = the blocks of image``."""
    rows = c.planes * math.prod(c.kernel) * c.blocks[0] * c.blocks[1]
    size = stretch_grid(rows, c.blocks[2], traits, _MOST)
    return KernelCall("convolution/columns.cl", "im2col", (image, columns, *c.scalars(rows)), defines_for(dtype, req, MOST=_MOST), *size)


def col2im(
    c: Columns, columns: Arg, image: Arg, bias: Arg | None, dtype: str, req: str, traits: DeviceTraits, weight: Arg | None = None
) -> KernelCall:
    """``image = the sums of the columns, where they came from, + bias``, a value a channel.

    With a `weight` (channels, *kernel), `columns` are pixels (planes, *blocks), each of which the weight makes a column of.
    """
    rows = c.planes * c.image[0] * c.image[1]
    unused = columns if weight is None else weight
    args = (columns, image, bias if bias is not None else columns, unused, Scalar("int", c.channels), *c.scalars(rows))
    defines = defines_for(dtype, req, MOST=_MOST, BIAS=int(bias is not None), OUTER=int(weight is not None))
    return KernelCall("convolution/columns.cl", "col2im", args, defines, *stretch_grid(rows, c.image[2], traits, _MOST))
