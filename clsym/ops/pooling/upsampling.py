"""UpSampling: nearest neighbour of one or several images, or bilinear with a learnt filter."""

from __future__ import annotations

from collections.abc import Sequence

from ...graph.contract.kernel_call import Arg, In, KernelCall, LowerContext, Out, Scalar, defines_for, grid
from ...graph.contract.op import Entry, Gradient, Op
from ...graph.contract.registry import find_op, register
from ...graph.contract.spec import PartialShape, ShapeError, TensorSpec, show_shape, unify_shape
from ...params import Enum, Int, Params
from ..convolution import calls
from ..convolution.geometry import Geometry
from ..shared.epilogue import Epilogue
from ..shared.strided import Walk, copy, row_major

__all__ = ["UpSampling"]


def _window(scale: int) -> tuple[int, int]:
    """Extent and padding of the bilinear filter."""
    return 2 * scale - scale % 2, scale // 2


def _transposed(scale: int, small: Sequence[int]) -> Geometry:
    """The convolution, of each channel by itself, whose data gradient enlarges images of shape `small`."""
    extent, pad = _window(scale)
    n, c, h, w = small
    given = {"kernel": (extent, extent), "stride": (scale, scale), "pad": (pad, pad), "num_filter": c, "num_group": c}
    return Geometry.of(find_op("Convolution").parse(given), (n, c, scale * h, scale * w), (n, c, h, w))


@register
class UpSampling(Op):
    """Enlarges images by a whole factor.

    With 'nearest', every pixel becomes a square; several inputs are brought to one size (that of the first, times `scale`) and joined
    along the channels, or summed. With 'bilinear', a transposed convolution of each channel with a filter (C, 1, K, K),
    K = 2 scale - scale mod 2.

    Parameters
    ----------
    *data : Symbols or NDArrays
        (N, C, H, W); for 'bilinear' the data and the weight.
    scale : int
        The factor.
    num_filter : int
        Channels, for 'bilinear'.
    sample_type : {'nearest', 'bilinear'}
    multi_input_mode : {'concat', 'sum'}
    num_args : int
        Number of inputs.
    workspace : int
        Ignored.

    Raises
    ------
    MXNetError
        If the size of an input does not divide the output's.

    Examples
    --------
    >>> import clsym as mx
    >>> mx.nd.UpSampling(mx.nd.ones((1, 1, 2, 2)), scale=2, sample_type='nearest', num_args=1).shape
    (1, 1, 4, 4)

    Source: MXNet 1.9.1, ``UpSampling``.
    """

    name = "UpSampling"
    variadic = "num_args"
    params = {
        "scale": Int(doc="The factor.", low=1, high=1 << 20),
        "num_filter": Int(0, "Channels, for 'bilinear'.", low=0),
        "sample_type": Enum(("nearest", "bilinear"), doc="How to interpolate."),
        "multi_input_mode": Enum(("concat", "sum"), "concat", "What becomes of several inputs."),
        "num_args": Int(doc="Number of inputs.", low=1, high=1 << 20),
        "workspace": Int(512, "Ignored.", low=0),
    }

    variable_attrs = {name: {"__init__": '["bilinear", {}]'} for name in ("weight", "arg1")}  # the second input, whatever the type

    def input_names(self, p: Params) -> tuple[str, ...]:
        return ("data", "weight") if p.sample_type == "bilinear" else super().input_names(p)

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        for i, s in enumerate(ins):
            if s is not None and len(s) != 4:
                raise ShapeError(f"input {i} must have 4 dimensions (N, C, H, W), got {show_shape(s)}")
        first = ins[0]
        if first is None:
            return ins, outs
        size = tuple(e * p.scale if e >= 0 else -1 for e in first[2:])
        if p.sample_type == "bilinear":
            extent, _ = _window(p.scale)
            channels = first[1] if first[1] >= 0 else p.num_filter or -1
            if p.num_filter and channels != p.num_filter:
                raise ShapeError(f"data has {channels} channels, num_filter={p.num_filter}")
            return [first, (channels, 1, extent, extent)], [(first[0], channels, *size)]
        if any(s is None for s in ins):
            return ins, outs
        shapes = [s for s in ins if s is not None]
        common: PartialShape = first[:2] if p.multi_input_mode == "sum" else (first[0], -1)
        for i, s in enumerate(shapes):
            for whole, part in zip(size, s[2:], strict=True):
                if part == 0 or (whole >= 0 and part > 0 and whole % part):
                    raise ShapeError(f"input {i} of size {show_shape(s[2:])} does not divide the output's {show_shape(size)}")
            if all(d > 0 for d in (*s[2:], *size)) and size[0] // s[2] != size[1] // s[3]:
                raise ShapeError(f"input {i} of size {show_shape(s[2:])} has another aspect ratio than the output {show_shape(size)}")
            common = unify_shape(
                common, s[:2] if p.multi_input_mode == "sum" else (s[0], -1), f"input {i} must fit the first, {show_shape(first)}"
            )
        assert common is not None
        channels = common[1] if p.multi_input_mode == "sum" else -1 if any(s[1] < 0 for s in shapes) else sum(s[1] for s in shapes)
        return [(common[0], *s[1:]) for s in shapes], [(common[0], channels, *size)]

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        if p.sample_type == "bilinear":
            g = _transposed(p.scale, ins[0].shape)
            return calls.data_gradient(g, In(0), In(1), Out(0), outs[0].dtype, ctx.reqs[0], ctx.traits)
        n, channels, height, width = outs[0].shape
        copies: list[KernelCall] = []
        at = 0
        req = ctx.reqs[0]
        for i, t in enumerate(ins):
            _, c, h, w = t.shape
            scale = height // h
            extents = (n, c, h, scale, w, scale)
            source = row_major(t.shape).steps
            steps = (source[0], source[1], source[2], 0, 1, 0)
            whole = (channels * height * width, height * width, scale * width, width, scale, 1)
            copies += copy(In(i), Out(0), extents, Walk(0, steps), Walk(at * height * width, whole), t.dtype, ctx, req)
            if p.multi_input_mode == "sum":
                req = "add"
            else:
                at += c
        return copies

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        if g.p.sample_type == "bilinear":
            data = g.apply("_backward_UpSampling_data", g.ograd(), g.input(1), scale=g.p.scale) if g.needed[0] else None
            weight = g.apply("_backward_UpSampling_weight", g.ograd(), g.input(0), scale=g.p.scale) if g.needed[1] else None
            return [data, weight]
        height = g.outs[0].shape[2]
        grads: list[Entry | None] = []
        at = 0
        for spec, needed in zip(g.ins, g.needed, strict=True):
            n, c, h, w = spec.shape
            grad: Entry | None = None
            if needed:
                scale = height // h
                grad = g.ograd()
                if g.p.multi_input_mode == "concat" and len(g.ins) > 1:
                    grad = g.apply("slice_axis", grad, axis=1, begin=at, end=at + c)
                grad = g.apply("_backward_reshape", grad, shape=(n * c * h, scale, w, scale))
                grad = g.apply("_backward_reshape", g.apply("sum", grad, axis=(1, 3)), shape=spec.shape)
            grads.append(grad)
            at += c
        return grads


def _bilinear(
    entry: str, inputs: tuple[In, In], scale: int, small: Sequence[int], out: TensorSpec, ctx: LowerContext, *more: Scalar
) -> KernelCall:
    """A launch of one of the kernels for large windows; `small` is the shape before enlarging."""
    extent, pad = _window(scale)
    _, c, h, w = small
    numbers = (c, h, w, h * scale, w * scale, extent, scale, pad)
    global_size, local_size = grid(out.size, ctx.traits, per_item=256)
    scalars = [Scalar("int", v) for v in numbers]
    args: tuple[Arg, ...] = (*inputs, Out(0), Scalar("long", out.size), *scalars, *more)
    return KernelCall("pooling/upsampling.cl", entry, args, defines_for(out.dtype, ctx.reqs[0]), global_size, local_size)


class _BackwardBilinear(Op):
    """Base of the gradients of bilinear upsampling."""

    hidden = True
    params = {"scale": Int()}


@register
class BackwardUpSamplingData(_BackwardBilinear):
    """Gradient of bilinear upsampling with respect to the data."""

    name = "_backward_UpSampling_data"
    inputs = ("ograd", "weight")

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        if ins[0] is None:
            return ins, outs
        n, c, h, w = ins[0]
        return ins, [(n, c, h // p.scale, w // p.scale)]

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        g = _transposed(p.scale, outs[0].shape)
        if g.depthwise:
            return calls.forward(g, In(0), In(1), Out(0), Epilogue(), outs[0].dtype, ctx.reqs[0], ctx.traits)
        return [_bilinear("upsample_bilinear_data", (In(0), In(1)), p.scale, outs[0].shape, outs[0], ctx)]


@register
class BackwardUpSamplingWeight(_BackwardBilinear):
    """Gradient of bilinear upsampling with respect to the filter."""

    name = "_backward_UpSampling_weight"
    inputs = ("ograd", "data")

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        if ins[1] is None:
            return ins, outs
        extent, _ = _window(p.scale)
        return ins, [(ins[1][1], 1, extent, extent)]

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        g = _transposed(p.scale, ins[1].shape)
        if g.depthwise:
            return calls.weight_gradient(g, In(1), In(0), Out(0), outs[0].dtype, ctx.reqs[0], ctx.traits)
        images = Scalar("int", ins[1].shape[0])
        return [_bilinear("upsample_bilinear_weight", (In(0), In(1)), p.scale, ins[1].shape, outs[0], ctx, images)]
