"""The extents of a convolution, as three spatial dimensions."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from ...base import MXNetError
from ...graph.contract.kernel_call import Scalar
from ...params import Params

__all__ = ["Extents", "Geometry", "extents", "ints"]

Extents = tuple[int, int, int]


def _three(values: tuple[int, ...], filler: int) -> Extents:
    padded = (filler,) * (3 - len(values)) + tuple(values)
    return padded[0], padded[1], padded[2]


@dataclass(frozen=True)
class Geometry:
    """Data (images, groups * channels, *input), weight (groups * filters, channels, *kernel), output (images, groups * filters, *output).

    Fewer than three spatial dimensions lead with extent 1.
    """

    images: int
    groups: int
    filters: int
    channels: int
    input: Extents
    output: Extents
    kernel: Extents
    stride: Extents
    dilate: Extents
    pad: Extents

    @staticmethod
    def of(p: Params, data: tuple[int, ...], output: tuple[int, ...]) -> Geometry:
        """From the operator's parameters and the shapes of data and output."""
        nd = len(p.kernel)
        geometry = Geometry(
            data[0], p.num_group, p.num_filter // p.num_group, data[1] // p.num_group, _three(data[2:], 1), _three(output[2:], 1),
            _three(p.kernel, 1), _three(p.stride or (1,) * nd, 1), _three(p.dilate or (1,) * nd, 1), _three(p.pad or (0,) * nd, 0),
        )  # fmt: skip
        tensors = (math.prod(data[1:]), math.prod(output[1:]), data[0] * math.prod(data[2:]), output[0] * math.prod(output[2:]))
        if max(tensors) >= 1 << 31:
            raise MXNetError(
                f"Convolution of {data} to {output} is too large: an image, or a channel of all images, must be below 2**31 elements"
            )
        return geometry

    @property
    def taps(self) -> int:
        """Elements of the window."""
        return math.prod(self.kernel)

    @property
    def depth(self) -> int:
        """Length of the inner products of the forward pass."""
        return self.channels * self.taps

    @property
    def pixels(self) -> int:
        """Output pixels of an image."""
        return math.prod(self.output)

    @property
    def reach(self) -> Extents:
        """Extent of the dilated window, minus one."""
        (a, b, c), (x, y, z) = self.kernel, self.dilate
        return (a - 1) * x, (b - 1) * y, (c - 1) * z

    @property
    def depthwise(self) -> bool:
        """Whether every input channel is a group of its own."""
        return self.channels == 1 and self.groups > 1 and self.taps <= 64

    def collapsed(self) -> Geometry:
        """The same convolution with an image as one row, where the window is a single pixel."""
        if self.taps == 1 and self.stride == (1, 1, 1) and self.pad == (0, 0, 0):
            return replace(self, input=(1, 1, math.prod(self.input)), output=(1, 1, self.pixels), dilate=(1, 1, 1))
        return self

    def transposed(self) -> Geometry:
        """The stride-1 convolution that makes the data gradient: of the output's gradient with zeros between its elements."""
        (a, b, c), (x, y, z) = self.reach, self.pad
        return replace(
            self, filters=self.channels, channels=self.filters, input=self.output, output=self.input, stride=(1, 1, 1),
            pad=(a - x, b - y, c - z),
        )  # fmt: skip


def extents(value: Extents) -> Scalar:
    """Three extents as an ``int4`` argument."""
    return Scalar("int4", (*value, 0))


def ints(*values: int) -> tuple[Scalar, ...]:
    """Each as an ``int`` argument."""
    return tuple(Scalar("int", v) for v in values)
