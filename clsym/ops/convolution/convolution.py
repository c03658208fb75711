"""Convolution of one to three spatial dimensions, and its gradients."""

from __future__ import annotations

from collections.abc import Sequence

from ...base import MXNetError
from ...differences import differs
from ...graph.contract.facets import Estimated, Recomputable
from ...graph.contract.kernel_call import In, KernelCall, LowerContext, Out
from ...graph.contract.op import Entry, Gradient, Node, Op
from ...graph.contract.registry import register
from ...graph.contract.spec import PartialShape, ShapeError, TensorSpec, unify_shape
from ...graph.rewrite.requests import Affine, Request
from ...graph.rewrite.rewrite import Absorbing, Rewrite
from ...params import REQUIRED, Bool, Enum, Int, Params, Shape
from ..shared.channels_last import CHANNELS_FIRST, check_layout, in_channels_first, is_last, to_first, to_last
from ..shared.epilogue import Epilogue, shifted
from ..shared.float_types import one_float_type
from . import calls
from .geometry import Geometry

__all__ = ["CONVOLUTION_PARAMS", "LAYOUTS", "Convolution", "check_window", "window_along"]

LAYOUTS = ("NCDHW", "NCHW", "NCW", "NDHWC", "NHWC")

CONVOLUTION_PARAMS = {
    "kernel": Shape(REQUIRED, "Convolution kernel size: (w,), (h, w) or (d, h, w)."),
    "stride": Shape((), "Convolution stride: (w,), (h, w) or (d, h, w). Defaults to 1 for each dimension."),
    "dilate": Shape((), "Convolution dilation: (w,), (h, w) or (d, h, w). Defaults to 1 for each dimension."),
    "pad": Shape((), "Zero padding on both sides: (w,), (h, w) or (d, h, w). Defaults to none."),
    "num_filter": Int(doc="Convolution filter (channel) number.", low=1),
    "num_group": Int(1, "Number of group partitions.", low=1),
    "workspace": Int(1024, "Accepted and ignored: workspace is planned.", low=0),
    "no_bias": Bool(False, "Whether to disable the bias parameter."),
    "cudnn_tune": Enum(("fastest", "limited_workspace", "off"), None, "Accepted and ignored."),
    "cudnn_off": Bool(False, "Accepted and ignored."),
    "layout": Enum(LAYOUTS, None, "Layout of data, output and weight; empty: NCW, NCHW or NCDHW."),
}
_GRADIENT_PARAMS = {**CONVOLUTION_PARAMS, "shape": Shape()}


def check_window(p: Params) -> None:
    """Refuse parameters that contradict one another or describe no convolution."""
    nd = len(p.kernel)
    if nd not in CHANNELS_FIRST:
        raise ShapeError(f"kernel must have 1 to 3 extents, got {p.kernel}")
    for name, low in (("kernel", 1), ("stride", 1), ("dilate", 1), ("pad", 0)):
        value = getattr(p, name)
        if value and len(value) != nd:
            raise ShapeError(f"{name} {value} must have as many extents as kernel {p.kernel}")
        if any(not low <= v < 1 << 31 for v in value):
            raise ShapeError(f"extents of {name} must be at least {low}, got {value}")
    check_layout(p, nd, LAYOUTS)
    if p.num_filter % p.num_group:
        raise ShapeError(f"num_group {p.num_group} must divide num_filter {p.num_filter}")


def window_along(p: Params, i: int) -> tuple[int, int, int]:
    """Extent of the dilated window, stride and padding of one dimension."""
    dilate = p.dilate[i] if p.dilate else 1
    return dilate * (p.kernel[i] - 1) + 1, p.stride[i] if p.stride else 1, p.pad[i] if p.pad else 0


@register
class Convolution(Op, Recomputable, Absorbing, Estimated):
    r"""Convolution of images with a bank of filters.

    .. math:: out[n, o] = bias[o] + \sum_c data[n, c] \star weight[o, c]

    where the star is cross-correlation with zero padding; every output extent is ``(x + 2 pad - dilate (k - 1) - 1) // stride + 1``.
    With groups, output channels of group g see only the input channels of group g.

    Parameters
    ----------
    data : Symbol or NDArray
        (N, C, W), (N, C, H, W) or (N, C, D, H, W).
    weight : Symbol or NDArray
        (num_filter, C / num_group, *kernel).
    bias : Symbol or NDArray
        (num_filter,); absent with `no_bias`.
    kernel : tuple of int
        Window, one extent a spatial dimension.
    stride, dilate, pad : tuple of int, optional
        Default 1, 1 and 0.
    num_filter : int
        Output channels.
    num_group : int, default 1
        Must divide C and num_filter. With as many groups as channels the depthwise kernels run.
    no_bias : bool, default False
    layout : str, optional
        NCW, NCHW, NCDHW, or with the channels last NHWC, NDHWC: then so are those of the output, and the weight is
        (num_filter, *kernel, C / num_group).

    Raises
    ------
    MXNetError
        The window exceeds the padded data, or shapes and parameters contradict one another.

    Examples
    --------
    >>> import clsym as mx
    >>> x, w = mx.nd.ones((1, 1, 3, 3)), mx.nd.ones((1, 1, 2, 2))
    >>> mx.nd.Convolution(x, w, kernel=(2, 2), num_filter=1, no_bias=True).asnumpy().tolist()
    [[[[4.0, 4.0], [4.0, 4.0]]]]

    Source: MXNet, Convolution.
    """

    name = "Convolution"
    multiply_adds = True
    aliases: tuple[str, ...] = ("Convolution_v1",)
    recompute = "heavy"
    inputs: tuple[str, ...] = ("data", "weight", "bias")
    params = CONVOLUTION_PARAMS

    def input_names(self, p: Params) -> tuple[str, ...]:
        return self.inputs[:2] if p.no_bias else self.inputs

    def infer_type(self, p: Params, ins: list[str | None], outs: list[str | None]) -> tuple[list[str | None], list[str | None]]:
        found, out = one_float_type("Convolution", ins, outs)
        return (found, out) if ins[0] is not None or outs[0] is not None else (ins, outs)  # nothing follows from the weight alone

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        check_window(p)
        if ins[0] is None:
            return ins, outs  # as in MXNet: without the data nothing is said of the weight
        if is_last(p):
            known, results = self._infer(p, [to_first(s) for s in ins], [to_first(s) for s in outs])
            return [to_last(s) for s in known], [to_last(s) for s in results]
        return self._infer(p, ins, outs)

    def _infer(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        nd = len(p.kernel)
        biases: list[PartialShape] = [] if p.no_bias else [(p.num_filter,)]
        data = unify_shape(ins[0], (-1,) * (nd + 2), f"data must have {nd + 2} dimensions ({CHANNELS_FIRST[nd]}) for kernel {p.kernel}")
        out = unify_shape(outs[0], (-1, p.num_filter, *(-1,) * nd))
        assert data is not None
        assert out is not None
        if data[1] > 0 and data[1] % p.num_group:
            raise ShapeError(f"num_group {p.num_group} must divide the {data[1]} channels of data {data}")
        channels = data[1] // p.num_group if data[1] >= 0 else -1
        weight = unify_shape((p.num_filter, channels, *p.kernel), ins[1], "weight must be (num_filter, channels / num_group, *kernel)")
        assert weight is not None
        sizes, results = list(data[2:]), list(out[2:])
        for i in range(nd):
            window, stride, pad = window_along(p, i)
            if sizes[i] < 0 and results[i] >= 0 and stride == 1:
                sizes[i] = results[i] + window - 1 - 2 * pad
            if sizes[i] >= 0:
                if window > sizes[i] + 2 * pad:
                    raise ShapeError(
                        f"kernel {p.kernel} exceeds data {data} in spatial dimension {i}: dilated extent {window} > {sizes[i]} + 2 * {pad}"
                    )
                results[i] = (sizes[i] + 2 * pad - window) // stride + 1
        batch = max(data[0], out[0])
        depth = weight[1] * p.num_group if weight[1] >= 0 else -1
        return [(batch, depth, *sizes), weight, *biases], [(batch, p.num_filter, *results)]

    def absorb(self, node: Node, request: Request, r: Rewrite) -> Node | None:
        if r.train or not isinstance(request, Affine):
            return None
        bias = None if node.params.no_bias else node.inputs[2]
        inputs = (node.inputs[0], r.apply("_scale_filters", node.inputs[1], request.scale), shifted(r, bias, request))
        return node.become(self, self.parse({**dict(node.params.items()), "no_bias": False}), inputs)

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        found: list[Entry | None] = [None] * len(g.ins)
        head, given = g.ograd(), dict(g.p.items())
        if g.needed[0]:
            found[0] = g.apply("_backward_Convolution_data", head, g.input(1), **{**given, "shape": g.ins[0].shape})
        if g.needed[1]:
            found[1] = g.apply("_backward_Convolution_weight", head, g.input(0), **{**given, "shape": g.ins[1].shape})
        if not g.p.no_bias and g.needed[2]:
            found[2] = g.apply("_backward_Convolution_bias", head, **{**given, "shape": g.ins[2].shape})
        return found

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        if is_last(p):
            return in_channels_first(self.first_calls, p, ins, outs, ctx)
        return self.first_calls(p, ins, outs, ctx)

    def first_calls(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        """The launches for tensors with their channels first."""
        geometry = Geometry.of(p, ins[0].shape, outs[0].shape)
        epilogue = Epilogue(None if p.no_bias else In(2))
        return calls.forward(geometry, In(0), In(1), Out(0), epilogue, outs[0].dtype, ctx.reqs[0], ctx.traits)

    def cost(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec]) -> tuple[int, int]:
        return 2 * outs[0].size * ins[1].size // p.num_filter, sum(t.nbytes for t in (*ins, *outs))


class _ConvolutionGradient(Op, Recomputable, Estimated):
    """What the gradients share: the parameters of the convolution, and the shape of the result."""

    hidden = True
    recompute = "heavy"
    params = _GRADIENT_PARAMS

    def first_calls(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        """The launches for tensors with their channels first."""
        raise NotImplementedError

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        return in_channels_first(self.first_calls, p, ins, outs, ctx) if is_last(p) else self.first_calls(p, ins, outs, ctx)

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        return ins, [p.shape]

    def cost(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec]) -> tuple[int, int]:
        channels = p.shape[-1 if is_last(p) else 1] // (p.num_group if self.name.endswith("data") else 1) if len(p.shape) > 1 else 1
        taps = 1
        for extent in p.kernel if len(p.shape) > 1 else ():
            taps *= extent
        return 2 * ins[0].size * channels * taps, sum(t.nbytes for t in (*ins, *outs))


class DataGradient(_ConvolutionGradient):
    """Gradient of the data."""

    name = "_backward_Convolution_data"
    inputs = ("ograd", "weight")

    def first_calls(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        geometry = Geometry.of(p, outs[0].shape, ins[0].shape)
        return calls.data_gradient(geometry, In(0), In(1), Out(0), outs[0].dtype, ctx.reqs[0], ctx.traits)


class WeightGradient(_ConvolutionGradient):
    """Gradient of the weight."""

    name = "_backward_Convolution_weight"
    inputs = ("ograd", "data")

    def first_calls(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        if 0 in ins[0].shape:
            raise MXNetError("the weight gradient of a convolution needs at least one image")
        geometry = Geometry.of(p, ins[1].shape, ins[0].shape)
        return calls.weight_gradient(geometry, In(0), In(1), Out(0), outs[0].dtype, ctx.reqs[0], ctx.traits)


class BiasGradient(_ConvolutionGradient):
    """Gradient of the bias."""

    name = "_backward_Convolution_bias"
    inputs = ("ograd",)

    def first_calls(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        shape = ins[0].shape
        geometry = Geometry.of(p, (shape[0], p.num_group, *shape[2:]), shape)
        return calls.bias_gradient(geometry, In(0), Out(0), outs[0].dtype, ctx.reqs[0], ctx.traits)


for _op in (DataGradient, WeightGradient, BiasGradient):
    register(_op)


differs(
    "Convolution",
    "layouts with the channels last, NHWC and NDHWC",
    "print(mx.nd.Convolution(mx.nd.ones((1, 1, 2, 3)), mx.nd.ones((1, 1, 1, 3)), kernel=(1, 1), num_filter=1, no_bias=True, "
    "layout='NHWC').asnumpy().ravel().tolist())",
    ours="[3.0, 3.0]",
    mxnet="an error: could not create a descriptor for a dilated convolution forward propagation primitive",
    why="MXNet runs them on GPUs only, Deconvolution's as well.",
)
differs(
    "Convolution_v1",
    "the data's gradient under dilation together with strides",
    "x, g = mx.nd.ones((1, 1, 1, 5)), mx.nd.zeros((1, 1, 1, 5)); w = mx.nd.array([[[[1, 10]]]]); "
    "e = mx.sym.Convolution_v1(mx.sym.var('x'), mx.sym.var('w'), kernel=(1, 2), stride=(1, 2), dilate=(1, 2), num_filter=1, no_bias=True)"
    ".bind(mx.cpu(), {'x': x, 'w': w}, {'x': g}, {'x': 'write', 'w': 'null'}); _ = e.forward(is_train=True); "
    "e.backward(mx.nd.array([[[[1, 2]]]])); print(g.asnumpy().ravel().tolist())",
    ours="[1.0, 0.0, 12.0, 0.0, 20.0]",
    mxnet="[1.0, 0.0, 10.0, 2.0, 20.0]",
    why="It is not the gradient of what is computed; that of Convolution is.",
)
differs(
    "Convolution",
    "float16",
    "x = mx.nd.ones((1, 1, 2), dtype='float16'); print(mx.nd.Convolution(x, x, kernel=2, num_filter=1, no_bias=True)"
    ".asnumpy().ravel().tolist())",
    ours="[2.0]",
    mxnet="an error: FP16 gemm on cpu not implemented!",
    why="MXNet runs it on GPUs only, Deconvolution's and FullyConnected's as well.",
)
