"""The launches of deformable convolutions: columns of places read between pixels, and matrix products. No operator of its own."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ...base import MXNetError
from ...graph.contract.kernel_call import Arg, In, KernelCall, LowerContext, Out, Scalar, Temp, defines_for, grid
from ...graph.contract.spec import Shape
from ...params import Params
from ..indexing.calls import ordered_calls
from ..matrix.gemm import Matrix, product
from ..shared.launch_sizes import stretch_grid
from ..shared.strided import Walk, copy, fill, row_major

__all__ = ["Deformable"]

_SOURCE = "vision/deformable.cl"
_TILE = 256  # of kernels/vision/deformable.cl
_BESIDE, _FILTERS, _COLUMNS, _KEYS, _PARTS, _GRADIENT, _PRODUCT, _ORDER = range(8)
"""Workspaces: the data with channels last, reordered filters, columns, places, the data's gradient; of products; of orders (the last)."""


@dataclass(frozen=True)
class Deformable:
    """A deformable convolution of data (N, C, H, W) to (N, F, h, w); `mask` is None for one without.

    Columns of an image are (groups, h w, taps, C / groups): the channels of a place lie side by side, so that they are read and written in
    vectors, and the filters are reordered to fit. Images come one after the other, in the same workspace.
    """

    p: Params
    data: Shape
    out: Shape
    dtype: str
    ctx: LowerContext
    offset: In
    mask: In | None

    def __post_init__(self) -> None:
        places = self.pixels * self.taps * self.p.num_deformable_group
        cells = self.p.num_deformable_group * (self.data[2] + 1) * (self.data[3] + 1)
        if max(places, cells, math.prod(self.data[1:])) >= 1 << 31 or self.channels * self.taps >= 1 << 31:
            raise MXNetError(f"a deformable convolution of {self.data} to {self.out} is too large: an image's places must be below 2**31")

    @property
    def taps(self) -> int:
        """Elements of the window."""
        return math.prod(self.p.kernel)

    @property
    def pixels(self) -> int:
        """Of an image of the output."""
        return self.out[2] * self.out[3]

    @property
    def channels(self) -> int:
        """Of a group of the convolution."""
        return self.data[1] // self.p.num_group

    @property
    def depth(self) -> int:
        """Length of the inner products."""
        return self.taps * self.channels

    @property
    def alike(self) -> int:
        """Channels side by side in the same group of the convolution and of the places."""
        return math.gcd(self.channels, self.data[1] // self.p.num_deformable_group)

    def _extents(self, channels_only: bool = False) -> tuple[Scalar, ...]:
        p = self.p
        sizes = (self.data[2], self.data[3], self.out[3], self.out[2])
        window = (*p.kernel, *(p.stride or (1, 1)))
        spread = (*(p.dilate or (1, 1)), *(p.pad or (0, 0)))
        channels = (self.data[1], p.num_group, p.num_deformable_group, self.alike)
        found = (sizes, window, channels) if channels_only else (sizes, window, spread, channels)
        return tuple(Scalar("int4", v) for v in found)

    def _defines(self, req: str = "write") -> tuple[tuple[str, str | int], ...]:
        return defines_for(self.dtype, req, MODULATED=int(self.mask is not None))

    def _temp(self, index: int, elements: int) -> Temp:
        return Temp(index, elements * {"float64": 8, "float32": 4, "float16": 2}[self.dtype])

    @property
    def beside(self) -> Temp:
        """The data with the channels last."""
        return self._temp(_BESIDE, math.prod(self.data))

    @property
    def columns(self) -> Temp:
        """Those of one image, or their gradient."""
        return self._temp(_COLUMNS, self.pixels * self.taps * self.data[1])

    @property
    def filters(self) -> Temp:
        """The weight as (F, taps, C / groups), or its gradient."""
        return self._temp(_FILTERS, self.out[1] * self.depth)

    def turn_data(self, data: In) -> list[KernelCall]:
        """The launches that bring the channels side by side."""
        n, c, h, w = self.data
        extents = (n, h * w, c)
        return copy(data, self.beside, extents, Walk(0, (c * h * w, 1, h * w)), row_major(extents), self.dtype, self.ctx)

    def _filter_walks(self) -> tuple[Shape, Walk, Walk]:
        extents = (self.out[1], self.taps, self.channels)
        return extents, Walk(0, (self.depth, 1, self.taps)), row_major(extents)

    def turn_filters(self, weight: In) -> list[KernelCall]:
        """The launches that reorder the weight to fit the columns."""
        extents, given, fitting = self._filter_walks()
        return copy(weight, self.filters, extents, given, fitting, self.dtype, self.ctx)

    def _matrices(self, image: int, out: Arg) -> tuple[Matrix, Matrix, Matrix]:
        """Filters (F x depth), columns (pixels x depth) and output (F x pixels) of an image, for each group."""
        rows, depth, pixels = self.out[1] // self.p.num_group, self.depth, self.pixels
        assert isinstance(out, In | Out)
        return (
            Matrix(self.filters, depth, 1, rows * depth),
            Matrix(self.columns, depth, 1, pixels * depth),
            Matrix(out, pixels, 1, rows * pixels, image * self.out[1] * pixels),
        )

    def gather(self, image: int) -> KernelCall:
        """The launch that reads the columns of an image."""
        rows = self.pixels * self.taps * (self.data[1] // self.alike)
        args: tuple[Arg, ...] = (self.beside, self.offset, self.mask or self.offset, self.columns, Scalar("long", image), *self._extents())
        return KernelCall(_SOURCE, "deform_columns", args, self._defines(), *stretch_grid(rows, self.alike, self.ctx.traits, _TILE))

    def forward(self, data: In, weight: In, bias: In | None, out: Out) -> list[KernelCall]:
        """The launches of the convolution."""
        req, traits, groups = self.ctx.reqs[0], self.ctx.traits, self.p.num_group
        calls = [*self.turn_data(data), *self.turn_filters(weight)]
        together = bias if groups == 1 else None
        for image in range(self.data[0]):
            filters, columns, result = self._matrices(image, out)
            calls.append(self.gather(image))
            calls += product(
                self.out[1] // groups, self.pixels, self.depth, filters, columns.transposed, result, self.dtype, req, traits,
                entries=groups, bias=together, bias_of_rows=True, temp=_PRODUCT,
            )  # fmt: skip
        if bias is not None and together is None:
            args: tuple[Arg, ...] = (bias, out, Scalar("int", self.out[0]), Scalar("int", self.out[1]), Scalar("long", self.pixels))
            size, local = stretch_grid(self.out[0] * self.out[1], self.pixels, traits)
            calls.append(KernelCall(_SOURCE, "deform_bias", args, self._defines(), size, local))
        return calls

    def weight_gradient(self, head: In, data: In, out: Out) -> list[KernelCall]:
        """The launches of the gradient of the weight: a product an image, added up in their order."""
        extents, given, fitting = self._filter_walks()
        if 0 in self.out:
            return fill(out, extents, fitting, 0.0, self.dtype, self.ctx, self.ctx.reqs[0])
        calls, groups = self.turn_data(data), self.p.num_group
        for image in range(self.data[0]):
            filters, columns, result = self._matrices(image, head)
            calls.append(self.gather(image))
            calls += product(
                self.out[1] // groups, self.depth, self.pixels, result, columns, filters, self.dtype, "add" if image else "write",
                self.ctx.traits, entries=groups, temp=_PRODUCT,
            )  # fmt: skip
        return calls + copy(self.filters, out, extents, fitting, given, self.dtype, self.ctx, self.ctx.reqs[0])

    def place_gradients(self, head: In, data: In, weight: In, outs: dict[str, Out]) -> list[KernelCall]:
        """The launches of the gradients of data, offset and mask, those that are in `outs`."""
        req = {name: self.ctx.reqs[out.index] for name, out in outs.items()}
        traits, groups = self.ctx.traits, self.p.num_group
        calls = self.turn_filters(weight)
        if outs.keys() - {"data"}:
            calls += self.turn_data(data)
        gradient = self._temp(_GRADIENT, math.prod(self.data))
        places = grid(self.pixels * self.taps * self.p.num_deformable_group, traits, per_item=64)
        for image in range(self.data[0] if self.pixels else 0):
            filters, columns, result = self._matrices(image, head)
            calls += product(
                self.pixels, self.depth, self.out[1] // groups, result.transposed, filters, columns, self.dtype, "write", traits,
                entries=groups, temp=_PRODUCT,
            )  # fmt: skip
            n = Scalar("long", image)
            if "offset" in outs:
                args: tuple[Arg, ...] = (
                    self.beside,
                    self.offset,
                    self.mask or self.offset,
                    self.columns,
                    outs["offset"],
                    n,
                    *self._extents(),
                )
                calls.append(KernelCall(_SOURCE, "deform_offset_backward", args, self._defines(req["offset"]), *places))
            if "mask" in outs:
                args = (self.beside, self.offset, self.columns, outs["mask"], n, *self._extents())
                calls.append(KernelCall(_SOURCE, "deform_mask_backward", args, self._defines(req["mask"]), *places))
            if "data" in outs:
                calls += self._collect(image, gradient)
        if "data" in outs:
            n_, c, h, w = self.data
            whole = row_major((n_, c, h * w))
            if not self.pixels:
                return [*calls, *fill(outs["data"], (n_, c, h * w), whole, 0.0, self.dtype, self.ctx, req["data"])]
            beside = Walk(0, (h * w * c, 1, c))
            calls += copy(gradient, outs["data"], (n_, c, h * w), beside, whole, self.dtype, self.ctx, req["data"])
        return calls

    def _collect(self, image: int, gradient: Temp) -> list[KernelCall]:
        """The launches in which the pixels of an image collect from the places around them."""
        groups, (_, c, h, w) = self.p.num_deformable_group, self.data
        count = self.pixels * self.taps * groups
        keys, parts = Temp(_KEYS, 4 * count), Temp(_PARTS, (24 if self.dtype == "float64" else 12) * count)
        n, plain = Scalar("long", image), self._defines()
        args: tuple[Arg, ...] = (self.offset, self.mask or self.offset, keys, parts, n, *self._extents())
        find = KernelCall(_SOURCE, "deform_keys", args, plain, *grid(count, self.ctx.traits, per_item=512))
        sort, order, start = ordered_calls(keys, count, groups * (h + 1) * (w + 1) + 1, self.ctx, _ORDER)
        rows = h * w * (c // self.alike)
        size, local = stretch_grid(rows, self.alike, self.ctx.traits, _TILE)
        collected: tuple[Arg, ...] = (self.columns, order, start, parts, gradient, n, *self._extents(channels_only=True))
        return [find, *sort, KernelCall(_SOURCE, "deform_data_backward", collected, plain, size, local)]
