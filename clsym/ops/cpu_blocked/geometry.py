"""The shape of a two-dimensional convolution over tensors in blocked layout, and what is done to its results before they are stored."""

from __future__ import annotations

from dataclasses import dataclass, replace

__all__ = ["BlockedGeometry"]


@dataclass(frozen=True)
class BlockedGeometry:
    """A convolution of `images` maps of `channels` into maps of `filters`; both channel counts are of all groups together.

    Blocked tensors are (images, ceil(channels / block), height, width, block); the lanes beyond the last channel hold zeros.
    """

    images: int
    groups: int
    channels: int
    filters: int
    input: tuple[int, int]
    output: tuple[int, int]
    kernel: tuple[int, int]
    stride: tuple[int, int]
    dilate: tuple[int, int]
    pad: tuple[int, int]
    block: int

    @property
    def in_blocks(self) -> int:
        """Blocks of input channels, of all groups."""
        return -(-self.channels // self.block)

    @property
    def out_blocks(self) -> int:
        """Blocks of output channels, of all groups."""
        return -(-self.filters // self.block)

    @property
    def taps(self) -> int:
        """Positions of the window."""
        return self.kernel[0] * self.kernel[1]

    @property
    def pixels(self) -> int:
        """Positions of an output map."""
        return self.output[0] * self.output[1]

    @property
    def depthwise(self) -> bool:
        """Whether every channel is a group of its own."""
        return self.groups == self.channels == self.filters

    @property
    def flops(self) -> int:
        """Multiplications and additions."""
        return 2 * self.images * self.filters * self.pixels * self.taps * (self.channels // self.groups)

    @property
    def data_shape(self) -> tuple[int, int, int, int, int]:
        """Of the blocked input."""
        return (self.images, self.in_blocks, *self.input, self.block)

    @property
    def out_shape(self) -> tuple[int, int, int, int, int]:
        """Of the blocked output."""
        return (self.images, self.out_blocks, *self.output, self.block)

    @property
    def weight_shape(self) -> tuple[int, int, int, int]:
        """Of the weight as the user has it."""
        return (self.filters, self.channels // self.groups, *self.kernel)

    def transposed(self) -> BlockedGeometry:
        """The stride-1 convolution that computes this one's data gradient, with the packed weight turned around."""
        pad = tuple(d * (k - 1) - p for d, k, p in zip(self.dilate, self.kernel, self.pad, strict=True))
        return replace(self, channels=self.filters, filters=self.channels, input=self.output, output=self.input, pad=(pad[0], pad[1]))
