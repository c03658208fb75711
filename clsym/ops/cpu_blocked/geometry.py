"""The shape of a two-dimensional convolution over tensors in blocked layout, and what is done to its results before they are stored."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ...graph.contract.kernel_call import Arg

__all__ = ["ACTIVATIONS", "BlockedGeometry", "Epilogue"]

ACTIVATIONS = ("none", "relu", "clip", "leaky")
"""What an epilogue may apply: nothing, max(x, 0) with NaN kept, x limited to [low, high], or x < 0 ? low * x : x."""


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


@dataclass(frozen=True)
class Epilogue:
    """What happens to a convolution's sums: ``activation(sum + bias[filter] + residual)``.

    Attributes
    ----------
    bias : Arg, optional
        (out_blocks * block,), zeros beyond the last filter.
    residual : Arg, optional
        Of the output's blocked shape; may be the very memory of the output.
    activation : str
        One of `ACTIVATIONS`.
    low, high : float
        Limits of ``clip``; `low` is the slope of ``leaky``.
    """

    bias: Arg | None = None
    residual: Arg | None = None
    activation: str = "none"
    low: float = 0.0
    high: float = 0.0
