"""BilinearSampler: images read at the points of a grid; and SpatialTransformer, whose grid is an affine map of the target."""

from __future__ import annotations

from collections.abc import Sequence

from ...base import MXNetError
from ...differences import differs
from ...graph.contract.facets import Estimated
from ...graph.contract.kernel_call import Arg, In, KernelCall, LowerContext, Out, Scalar, Temp, defines_for, grid
from ...graph.contract.op import Entry, Gradient, Op
from ...graph.contract.registry import register
from ...graph.contract.spec import PartialShape, Shape, TensorSpec, unify_shape
from ...params import Bool, Enum, Params
from ...params import Shape as ShapeField
from ..indexing.calls import ordered_calls
from ..shared.float_types import one_float_type
from ..shared.launch_sizes import stretch_grid
from .grid_generator import affine_calls, target_sides
from .tensors import images

__all__ = ["BilinearSampler", "SpatialTransformer"]

_SOURCE = "vision/sampler.cl"
_TILE = 64  # of kernels/vision/sampler.cl


def _extents(data: Shape, points: int) -> tuple[Scalar, ...]:
    return *(Scalar("int", e) for e in data), Scalar("long", points)


def _by_points(entry: str, args: tuple[Arg, ...], data: Shape, points: int, dtype: str, ctx: LowerContext) -> KernelCall:
    """A launch that computes all channels of a stretch of points together."""
    size, local = stretch_grid(data[0], points, ctx.traits, _TILE)
    return KernelCall(_SOURCE, entry, (*args, *_extents(data, points)), defines_for(dtype, ctx.reqs[0]), size, local)


class _Sampler(Op, Estimated):
    """The type rule and the cost of a sampler."""

    def infer_type(self, p: Params, ins: list[str | None], outs: list[str | None]) -> tuple[list[str | None], list[str | None]]:
        return one_float_type(self.name, ins, outs)

    def cost(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec]) -> tuple[int, int]:
        return 8 * outs[0].size, sum(t.nbytes for t in (*ins, *outs))


@register
class BilinearSampler(_Sampler):
    r"""Reads images at real coordinates, interpolating between the four nearest pixels; outside the image is zero.

    .. math:: out[n, c, i, j] = \sum_{y, x} data[n, c, y, x] \max(0, 1 - |y - y_s|) \max(0, 1 - |x - x_s|)

    with :math:`x_s = (grid[n, 0, i, j] + 1)(W - 1) / 2` and :math:`y_s = (grid[n, 1, i, j] + 1)(H - 1) / 2`.

    Parameters
    ----------
    data : Symbol or NDArray
        (N, C, H, W), floating-point.
    grid : Symbol or NDArray
        (N, 2, h, w): x, then y; -1 is the middle of the first pixel of a row or column, 1 that of the last.
    cudnn_off : bool, optional
        Accepted and ignored.

    Returns
    -------
    Symbol or NDArray
        (N, C, h, w). A coordinate that is no finite number gives NaN. Both inputs get gradients, the grid none where it is not finite.

    Raises
    ------
    MXNetError
        Shapes contradict one another.

    Examples
    --------
    >>> import clsym as mx
    >>> data, grid = mx.nd.array([[[[1, 2], [3, 4]]]]), mx.nd.array([[[[-1, 0]], [[-1, 0]]]])
    >>> mx.nd.BilinearSampler(data, grid).asnumpy().tolist()
    [[[[1.0, 2.5]]]]

    References
    ----------
    M. Jaderberg, K. Simonyan, A. Zisserman, K. Kavukcuoglu, Spatial Transformer Networks, 2015.
    """

    name = "BilinearSampler"
    inputs = ("data", "grid")
    params = {"cudnn_off": Bool(None, "Accepted and ignored.")}

    def json_outputs(self, p: Params) -> int:
        return 2

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        data, points, out = images(ins[0]), images(ins[1], "grid", 2), images(outs[0], "the output")
        n = max(data[0], points[0], out[0])
        channels = max(data[1], out[1])
        sides = tuple(max(a, b) for a, b in zip(points[2:], out[2:], strict=True))
        return [(n, channels, *data[2:]), (n, 2, *sides)], [(n, channels, *sides)]

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        data = g.apply("_backward_BilinearSampler_data", g.ograd(), g.input(1), shape=g.ins[0].shape) if g.needed[0] else None
        points = g.apply("_backward_BilinearSampler_grid", g.ograd(), g.input(0), g.input(1)) if g.needed[1] else None
        return [data, points]

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        points = outs[0].shape[2] * outs[0].shape[3]
        return [_by_points("sample", (In(0), In(1), Out(0)), ins[0].shape, points, outs[0].dtype, ctx)]


@register
class BilinearSamplerGridBackward(Op):
    """Gradient of the grid."""

    name = "_backward_BilinearSampler_grid"
    hidden = True
    inputs = ("ograd", "data", "grid")

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        return ins, [ins[2]]

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        points = outs[0].shape[2] * outs[0].shape[3]
        return [_by_points("sample_grid_backward", (In(0), In(1), In(2), Out(0)), ins[1].shape, points, outs[0].dtype, ctx)]


@register
class BilinearSamplerDataBackward(Op):
    """Gradient of the images: each pixel collects from the points around it, in a fixed order."""

    name = "_backward_BilinearSampler_data"
    hidden = True
    inputs = ("ograd", "grid")
    params = {"shape": ShapeField(())}

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        return ins, [p.shape]

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        n, channels, height, width = p.shape
        points = ins[0].shape[2] * ins[0].shape[3]
        cells = n * (height + 1) * (width + 1) + 1
        if max(cells, n * points) >= 1 << 31:
            raise MXNetError(f"the gradient of {n} images of {height} x {width} sampled at {points} points each is too large")
        keys, part = Temp(0, 4 * max(1, n * points)), Temp(1, (16 if outs[0].dtype == "float64" else 8) * max(1, n * points))
        plain = defines_for(outs[0].dtype)
        extents = _extents((n, height, width), points)
        find = KernelCall(_SOURCE, "sample_keys", (In(1), keys, part, *extents), plain, *grid(n * points, ctx.traits))
        sort, order, start = ordered_calls(keys, n * points, cells, ctx, 2)
        args: tuple[Arg, ...] = (In(0), order, start, part, Out(0), *_extents((n, channels, height, width), points))
        defines = defines_for(outs[0].dtype, ctx.reqs[0])
        return [find, *sort, KernelCall(_SOURCE, "sample_data_backward", args, defines, *grid(outs[0].size, ctx.traits, per_item=512))]


@register
class SpatialTransformer(_Sampler):
    """Images under affine maps: a `GridGenerator` of `loc`, and a `BilinearSampler` that reads there.

    Parameters
    ----------
    data : Symbol or NDArray
        (N, C, H, W), floating-point.
    loc : Symbol or NDArray
        (N, 6): a matrix of 2 x 3 an image, from coordinates of the target to those of the data.
    target_shape : tuple of int
        Height and width of the output.
    transform_type : {'affine'}
    sampler_type : {'bilinear'}
    cudnn_off : bool, optional
        Accepted and ignored.

    Returns
    -------
    Symbol or NDArray
        (N, C, *target_shape). Both inputs get gradients.

    Raises
    ------
    MXNetError
        Shapes contradict one another, or `target_shape` is missing.

    Examples
    --------
    >>> import clsym as mx
    >>> data, half = mx.nd.array([[[[1, 2], [3, 4]]]]), mx.nd.array([[0, 0, 0, 0, 0, 0]])
    >>> mx.nd.SpatialTransformer(data, half, target_shape=(1, 2), transform_type='affine', sampler_type='bilinear').shape
    (1, 1, 1, 2)

    References
    ----------
    M. Jaderberg, K. Simonyan, A. Zisserman, K. Kavukcuoglu, Spatial Transformer Networks, 2015.
    """

    name = "SpatialTransformer"
    inputs = ("data", "loc")
    params = {
        "target_shape": ShapeField((0, 0), "Height and width of the output.", length=2),
        "transform_type": Enum(("affine",), doc="How `loc` maps coordinates."),
        "sampler_type": Enum(("bilinear",), doc="How pixels are interpolated."),
        "cudnn_off": Bool(None, "Accepted and ignored."),
    }

    def json_outputs(self, p: Params) -> int:
        return 3

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        sides = target_sides(p.target_shape)
        data, out = images(ins[0]), unify_shape(outs[0], (-1, -1, *sides))
        loc = unify_shape(ins[1], (-1, 6), "loc must have 2 dimensions (N, 6)")
        assert out is not None
        assert loc is not None
        n, channels = max(data[0], loc[0], out[0]), max(data[1], out[1])
        return [(n, channels, *data[2:]), (n, 6)], [(n, channels, *sides)]

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        points = g.apply("_affine_grid", g.input(1), target_shape=g.p.target_shape)
        found: list[Entry | None] = [None, None]
        if g.needed[0]:
            found[0] = g.apply("_backward_BilinearSampler_data", g.ograd(), points, shape=g.ins[0].shape)
        if g.needed[1]:
            slopes = g.apply("_backward_BilinearSampler_grid", g.ograd(), g.input(0), points)
            found[1] = g.apply("_backward_GridGenerator_affine", slopes, target_shape=g.p.target_shape, exact=True)
        return found

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        (n, _, height, width), dtype = outs[0].shape, outs[0].dtype
        points = Temp(0, 2 * n * height * width * outs[0].itemsize)
        place = affine_calls(In(1), points, n, (height, width), True, dtype, ctx)
        return [place, _by_points("sample", (In(0), points, Out(0)), ins[0].shape, height * width, dtype, ctx)]


differs(
    "SpatialTransformer",
    "grad_req='add' adds",
    "x, l = mx.nd.array([[[[1, 2]]]]), mx.nd.array([[1, 0, 0, 0, 1, 0]]); g, h = mx.nd.ones(x.shape), mx.nd.ones(l.shape); "
    "e = mx.sym.SpatialTransformer(mx.sym.var('x'), mx.sym.var('l'), target_shape=(2, 2), transform_type='affine', "
    "sampler_type='bilinear').bind(mx.cpu(), {'x': x, 'l': l}, {'x': g, 'l': h}, 'add'); "
    "_ = e.forward(is_train=True); e.backward(mx.nd.zeros((1, 1, 2, 2))); print(g.asnumpy().tolist())",
    ours="[[[[1.0, 1.0]]]]",
    mxnet="[[[[0.0, 0.0]]]]",
    why="With grad_req='add' MXNet's gradient overwrites what is there instead of adding to it.",
)
