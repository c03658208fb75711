"""GridGenerator: where a sampler reads, from an affine map or from a flow."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ...graph.contract.kernel_call import Arg, In, KernelCall, LowerContext, Out, Scalar, Temp, compute_type, defines_for, grid
from ...graph.contract.op import Entry, Gradient, Op
from ...graph.contract.registry import register
from ...graph.contract.spec import PartialShape, ShapeError, TensorSpec, show_shape, unify_shape
from ...params import Bool, Enum, Params, Shape
from ..matrix.gemm import Matrix, product
from ..matrix.product import matrix
from ..shared.float_types import one_float_type
from .tensors import images

__all__ = ["GridGenerator", "affine_calls", "target_sides"]

_SOURCE = "vision/grid.cl"


def target_sides(target_shape: tuple[int, ...]) -> tuple[int, int]:
    """Height and width of the grid.

    Raises
    ------
    ShapeError
        One of them is not positive.
    """
    height, width = target_shape
    if min(height, width) < 1 or max(height, width) >= 1 << 24:
        raise ShapeError(f"target_shape must be two positive numbers (height, width) below 2**24, got {show_shape(target_shape)}")
    return height, width


def _steps(height: int, width: int, dtype: str) -> tuple[Scalar, ...]:
    """Extents, and the distances between coordinates; of a single row or column there is none, and the coordinates are NaN, as in MXNet."""
    kind = compute_type(dtype)
    numbers = (Scalar(kind, 2.0 / (side - 1) if side > 1 else math.inf) for side in (height, width))
    return Scalar("int", height), Scalar("int", width), *numbers


def affine_calls(theta: Arg, out: Out | Temp, n: int, sides: tuple[int, int], exact: bool, dtype: str, ctx: LowerContext) -> KernelCall:
    """The launch that maps the coordinates of the target; `exact`: those rounded once, as SpatialTransformer has them."""
    height, width = sides
    req = ctx.reqs[0] if isinstance(out, Out) else "write"
    size, local = grid(2 * n * height * width, ctx.traits)
    args: tuple[Arg, ...] = (theta, out, Scalar("long", n), *_steps(height, width, dtype), Scalar("int", int(exact)))
    return KernelCall(_SOURCE, "affine_grid", args, defines_for(dtype, req), size, local)


class _Grid(Op):
    """What the grids of an affine map share."""

    def infer_type(self, p: Params, ins: list[str | None], outs: list[str | None]) -> tuple[list[str | None], list[str | None]]:
        return one_float_type(self.name, ins, outs)

    @staticmethod
    def _affine(p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        height, width = target_sides(p.target_shape)
        data = unify_shape(ins[0], (-1, 6), "the affine maps must have 2 dimensions (N, 6)")
        out = unify_shape(outs[0], (-1, 2, height, width))
        assert data is not None
        assert out is not None
        n = max(data[0], out[0])
        return [(n, 6)], [(n, 2, height, width)]


@register
class GridGenerator(_Grid):
    r"""Coordinates at which `BilinearSampler` reads: -1 is the middle of the first pixel of a row or column, 1 that of the last.

    With 'affine', data (N, 6) holds a matrix of 2 x 3 an image, which maps the coordinates of the target (x, y, 1):

    .. math:: grid[n, :, i, j] = A_n (-1 + 2 j / (W - 1), -1 + 2 i / (H - 1), 1)^T

    With 'warp', data (N, 2, H, W) holds a flow in pixels, of x first:

    .. math:: grid[n, :, i, j] = \left({data[n, 0, i, j] + j \over (W - 1) / 2} - 1, {data[n, 1, i, j] + i \over (H - 1) / 2} - 1\right)

    Parameters
    ----------
    data : Symbol or NDArray
        (N, 6) or (N, 2, H, W), floating-point.
    transform_type : {'affine', 'warp'}
    target_shape : tuple of int
        Height and width of the grid, for 'affine'.

    Returns
    -------
    Symbol or NDArray
        (N, 2, H, W): x, then y. A target of one row or column has no coordinates: NaN, as in MXNet.

    Raises
    ------
    MXNetError
        The data have another shape, or `target_shape` is missing.

    Examples
    --------
    >>> import clsym as mx
    >>> identity = mx.nd.array([[1, 0, 0, 0, 1, 0]])
    >>> mx.nd.GridGenerator(identity, transform_type='affine', target_shape=(2, 3)).asnumpy()[0, 0].tolist()
    [[-1.0, 0.0, 1.0], [-1.0, 0.0, 1.0]]

    References
    ----------
    M. Jaderberg, K. Simonyan, A. Zisserman, K. Kavukcuoglu, Spatial Transformer Networks, 2015.
    """

    name = "GridGenerator"
    params = {
        "transform_type": Enum(("affine", "warp"), doc="What the data are: matrices, or a flow."),
        "target_shape": Shape((0, 0), "Height and width of the grid, for 'affine'.", length=2),
    }

    def json_outputs(self, p: Params) -> int:
        return 2

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        if p.transform_type == "affine":
            return self._affine(p, ins, outs)
        shape = unify_shape(images(ins[0], "the flow", 2), outs[0])
        return [shape], [shape]

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        if g.p.transform_type == "warp":
            return [g.apply("_backward_GridGenerator_warp", g.ograd())]
        return [g.apply("_backward_GridGenerator_affine", g.ograd(), target_shape=g.p.target_shape, exact=False)]

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        if p.transform_type == "affine":
            return [affine_calls(In(0), Out(0), ins[0].shape[0], target_sides(p.target_shape), False, outs[0].dtype, ctx)]
        return [_warp("warp_grid", outs[0], ctx)]


def _warp(entry: str, out: TensorSpec, ctx: LowerContext) -> KernelCall:
    n, _, height, width = out.shape
    size, local = grid(out.size, ctx.traits)
    args: tuple[Arg, ...] = (In(0), Out(0), Scalar("long", n), Scalar("int", height), Scalar("int", width))
    return KernelCall(_SOURCE, entry, args, defines_for(out.dtype, ctx.reqs[0]), size, local)


@register
class GridGeneratorWarpBackward(Op):
    """Gradient of the flow."""

    name = "_backward_GridGenerator_warp"
    hidden = True
    inputs = ("ograd",)

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        return [_warp("warp_grid_backward", outs[0], ctx)]


@register
class AffineGrid(_Grid):
    """The grid of SpatialTransformer, whose coordinates are rounded once; for its gradient."""

    name = "_affine_grid"
    hidden = True
    inputs = ("loc",)
    params = {"target_shape": Shape((0, 0))}

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        return self._affine(p, ins, outs)

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        return [affine_calls(In(0), Out(0), ins[0].shape[0], target_sides(p.target_shape), True, outs[0].dtype, ctx)]


@register
class GridGeneratorAffineBackward(Op):
    """Gradient of the affine maps: the head gradient times the coordinates of the target."""

    name = "_backward_GridGenerator_affine"
    hidden = True
    inputs = ("ograd",)
    params = {"target_shape": Shape((0, 0)), "exact": Bool(False)}

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        if ins[0] is None:
            return ins, outs
        return ins, [(ins[0][0], 6)]

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        n, (height, width), dtype = outs[0].shape[0], target_sides(p.target_shape), outs[0].dtype
        target = Temp(0, 3 * height * width * outs[0].itemsize)
        size, local = grid(3 * height * width, ctx.traits)
        args: tuple[Arg, ...] = (target, *_steps(height, width, dtype), Scalar("int", int(p.exact)))
        coordinates = KernelCall(_SOURCE, "target_grid", args, defines_for(dtype), size, local)
        places = Matrix(target, 1, height * width)
        head, out = matrix(In(0), 2 * n, height * width), matrix(Out(0), 2 * n, 3)
        return [coordinates, *product(2 * n, 3, height * width, head, places, out, dtype, ctx.reqs[0], ctx.traits, temp=1)]
