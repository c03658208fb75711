"""Correlation: how alike the surroundings of pixels of two images are, at many displacements."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ...base import MXNetError
from ...graph.contract.facets import Estimated
from ...graph.contract.kernel_call import Arg, In, KernelCall, LowerContext, Out, Scalar, Temp, compute_type, defines_for
from ...graph.contract.op import Entry, Gradient, Op
from ...graph.contract.registry import register
from ...graph.contract.spec import PartialShape, Shape, ShapeError, TensorSpec, unify_shape
from ...params import Bool, Int, Params
from ..shared.float_types import one_float_type
from ..shared.launch_sizes import stretch_grid
from ..shared.strided import Walk, copy, fill, row_major
from .tensors import images

__all__ = ["Correlation"]

_SOURCE = "vision/correlation.cl"
_TILE = 64  # of kernels/vision/correlation.cl
_MOST = 1 << 20
_PARAMS = {
    "kernel_size": Int(1, "Side of the patches that are compared, odd.", low=0, high=_MOST),
    "max_displacement": Int(1, "Largest displacement along each direction.", low=0, high=_MOST),
    "stride1": Int(1, "Distance of the patches of the first image.", low=0, high=_MOST),
    "stride2": Int(1, "Distance of the displacements.", low=0, high=_MOST),
    "pad_size": Int(0, "Zeros around both images.", low=0, high=_MOST),
    "is_multiply": Bool(True, "Whether patches are multiplied, else subtracted."),
}


@dataclass(frozen=True)
class _Geometry:
    """Displacements a direction, what the middle of the first patch is away from the corner, and the output's sides (-1: not known)."""

    across: int
    sides: tuple[int, int]

    @staticmethod
    def of(p: Params, height: int, width: int) -> _Geometry:
        if p.kernel_size % 2 == 0:
            raise ShapeError(f"kernel_size must be odd, got {p.kernel_size}")
        if not p.stride1 or not p.stride2:
            raise ShapeError(f"stride1 and stride2 must be positive, got {p.stride1} and {p.stride2}")
        border = p.max_displacement + (p.kernel_size - 1) // 2
        room = [side + 2 * (p.pad_size - border) if side >= 0 else -1 for side in (height, width)]
        sides = [-(-r // p.stride1) if side >= 0 else -1 for r, side in zip(room, (height, width), strict=True)]
        if any(side >= 0 and s < 1 for s, side in zip(sides, (height, width), strict=True)):
            raise ShapeError(
                f"images of {height} x {width} with pad_size {p.pad_size} have no room for displacements of {p.max_displacement} "
                f"of patches of {p.kernel_size}"
            )
        return _Geometry(2 * (p.max_displacement // p.stride2) + 1, (sides[0], sides[1]))


@register
class Correlation(Op, Estimated):
    r"""Compares patches of two images at all displacements up to `max_displacement`.

    .. math:: out[n, k, i, j] = {1 \over C K^2} \sum_{c, u, v} data1[n, c, y + u, x + v] \; data2[n, c, y + d_y + u, x + d_x + v]

    where patch (i, j) of the padded first image is centred at ``(y, x) = stride1 (i, j)`` from the first place that leaves room for all
    displacements :math:`k = (d_y, d_x)`, multiples of `stride2`. Without `is_multiply` the absolute difference stands for the product.

    Parameters
    ----------
    data1, data2 : Symbol or NDArray
        (N, C, H, W), floating-point.
    kernel_size : int
        Side of a patch, odd.
    max_displacement : int
    stride1, stride2 : int
        Distances of patches and of displacements.
    pad_size : int
        Zeros around both images.
    is_multiply : bool

    Returns
    -------
    Symbol or NDArray
        (N, D * D, h, w) with ``D = 2 (max_displacement // stride2) + 1``. Both inputs get gradients.

    Raises
    ------
    MXNetError
        Shapes differ, `kernel_size` is even, a stride is 0, or the images have no room for the displacements.

    Examples
    --------
    >>> import clsym as mx
    >>> image = mx.nd.ones((1, 2, 4, 4))
    >>> mx.nd.Correlation(image, image, pad_size=1).shape
    (1, 9, 4, 4)

    References
    ----------
    P. Fischer et al., FlowNet: Learning Optical Flow with Convolutional Networks, 2015.
    """

    name = "Correlation"
    inputs = ("data1", "data2")
    params = _PARAMS

    def json_outputs(self, p: Params) -> int:
        return 3

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        data = unify_shape(images(ins[0], "data1"), images(ins[1], "data2"))
        assert data is not None
        g = _Geometry.of(p, data[2], data[3])
        out = unify_shape(outs[0], (data[0], g.across**2, *g.sides))
        assert out is not None
        data = (max(data[0], out[0]), *data[1:])
        return [data, data], [out]

    def infer_type(self, p: Params, ins: list[str | None], outs: list[str | None]) -> tuple[list[str | None], list[str | None]]:
        return one_float_type(self.name, ins, outs)

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        given = dict(g.p.items())
        return [
            g.apply("_backward_Correlation", g.ograd(), g.input(i), g.input(1 - i), **given, of_second=bool(i)) if g.needed[i] else None
            for i in range(2)
        ]

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        n, channels, height, width = ins[0].shape
        calls, (first, second) = _padded((In(0), In(1)), ins[0], p.pad_size, ctx)
        extents = (n, channels, height + 2 * p.pad_size, width + 2 * p.pad_size, *outs[0].shape[2:])
        args: tuple[Arg, ...] = (first, second, Out(0), *(Scalar("int", e) for e in extents), *_numbers(p, ins[0]))
        defines = defines_for(outs[0].dtype, ctx.reqs[0], MULTIPLY=int(p.is_multiply), OF_SECOND=0)
        _, patches, rows, columns = outs[0].shape
        return [*calls, KernelCall(_SOURCE, "correlation", args, defines, *stretch_grid(n * patches * rows, columns, ctx.traits, _TILE))]

    def cost(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec]) -> tuple[int, int]:
        return 2 * outs[0].size * ins[0].shape[1] * p.kernel_size**2, sum(t.nbytes for t in (*ins, *outs))


def _numbers(p: Params, data: TensorSpec) -> tuple[Scalar, ...]:
    across = 2 * (p.max_displacement // p.stride2) + 1
    ints = (across, p.kernel_size, p.max_displacement, p.stride1, p.stride2)
    return *(Scalar("int", v) for v in ints), Scalar(compute_type(data.dtype), float(data.shape[1] * p.kernel_size**2))


def _padded(sources: tuple[In, In], data: TensorSpec, pad: int, ctx: LowerContext) -> tuple[list[KernelCall], tuple[In | Temp, In | Temp]]:
    """Launches that put zeros around both images, and where they then lie."""
    if not pad:
        return [], sources
    n, channels, height, width = data.shape
    shape: Shape = (n, channels, height + 2 * pad, width + 2 * pad)
    whole = row_major(shape)
    size = n * channels * shape[2] * shape[3] * data.itemsize
    if max(shape[2] * shape[3], size) >= 1 << 40 or shape[2] * shape[3] >= 1 << 31:
        raise MXNetError(f"images of {height} x {width} padded by {pad} are too large")
    calls: list[KernelCall] = []
    found = (Temp(0, size), Temp(1, size))
    for source, padded in zip(sources, found, strict=True):
        calls += fill(padded, shape, whole, 0.0, data.dtype, ctx)
        inner = Walk(pad * (shape[3] + 1), whole.steps)
        calls += copy(source, padded, data.shape, row_major(data.shape), inner, data.dtype, ctx)
    return calls, found


@register
class CorrelationBackward(Op):
    """Gradient of one of the images: each row of pixels collects from the pairs that it is in."""

    name = "_backward_Correlation"
    hidden = True
    inputs = ("ograd", "own", "other")
    params = {**_PARAMS, "of_second": Bool(False)}

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        return ins, [ins[1]]

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        n, channels, height, width = outs[0].shape
        calls, (own, other) = _padded((In(1), In(2)), outs[0], p.pad_size, ctx)
        extents = (n, channels, height, width, p.pad_size, *ins[0].shape[2:])
        args: tuple[Arg, ...] = (In(0), own, other, Out(0), *(Scalar("int", e) for e in extents), *_numbers(p, outs[0]))
        defines = defines_for(outs[0].dtype, ctx.reqs[0], MULTIPLY=int(p.is_multiply), OF_SECOND=int(p.of_second))
        size, local = stretch_grid(n * channels * height, width, ctx.traits, _TILE)
        return [*calls, KernelCall(_SOURCE, "correlation_backward", args, defines, size, local)]
