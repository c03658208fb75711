"""Transposed convolution: the data gradient of a convolution as an operator, whose gradients are that convolution's other parts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...differences import differs
from ...graph.contract.facets import Estimated, Recomputable
from ...graph.contract.kernel_call import In, KernelCall, LowerContext, Out
from ...graph.contract.op import Entry, Gradient, Op
from ...graph.contract.registry import find_op, register
from ...graph.contract.spec import PartialShape, ShapeError, TensorSpec, unify_shape
from ...params import REQUIRED, Bool, Enum, Field, Int, Params, Shape
from ..shared.channels_last import CHANNELS_FIRST, in_channels_first, is_last, to_first, to_last
from ..shared.float_types import one_float_type
from . import calls
from .convolution import LAYOUTS, check_window, window_along
from .geometry import Geometry

__all__ = ["Deconvolution", "as_convolution", "cut"]

_PARAMS: dict[str, Field] = {
    "kernel": Shape(REQUIRED, "Window of the convolution that this transposes: (w,), (h, w) or (d, h, w)."),
    "stride": Shape((), "Its strides. Default to 1 for each dimension."),
    "dilate": Shape((), "Its dilation. Defaults to 1 for each dimension."),
    "pad": Shape((), "Its padding: that much is cut from either side of the output. Defaults to none; ignored with `target_shape`."),
    "adj": Shape((), "Added to the output's extents at the end, less than the stride. Defaults to none; ignored with `target_shape`."),
    "target_shape": Shape((), "Spatial extents of the output, from which padding and `adj` then follow."),
    "num_filter": Int(doc="Channels of the output.", low=1),
    "num_group": Int(1, "Number of group partitions.", low=1),
    "workspace": Int(512, "Accepted and ignored: workspace is planned.", low=0),
    "no_bias": Bool(True, "Whether to disable the bias parameter."),
    "cudnn_tune": Enum(("fastest", "limited_workspace", "off"), None, "Accepted and ignored."),
    "cudnn_off": Bool(False, "Accepted and ignored."),
    "layout": Enum(LAYOUTS, None, "Layout of data, output and weight; empty: NCW, NCHW or NCDHW."),
}


def _check(p: Params) -> None:
    check_window(p)
    nd = len(p.kernel)
    for name in ("adj", "target_shape"):
        value = getattr(p, name)
        if value and len(value) != nd:
            raise ShapeError(f"{name} {value} must have as many extents as kernel {p.kernel}")
        if any(not 0 <= v < 1 << 31 for v in value):
            raise ShapeError(f"extents of {name} must be at least 0, got {value}")


def _targeted(p: Params) -> bool:
    return any(p.target_shape)


def cut(p: Params, i: int, size: int) -> tuple[int, int]:
    """What is cut from either end of dimension `i` of `size` inputs, and what is added behind.

    Raises
    ------
    ShapeError
        The target exceeds what the window covers, or what is to be added is not below the stride.
    """
    window, stride, pad = window_along(p, i)
    adj = p.adj[i] if p.adj else 0
    if _targeted(p):
        whole = stride * (size - 1) + window
        if p.target_shape[i] > whole:
            raise ShapeError(f"target_shape {p.target_shape} is too large in dimension {i}: {size} inputs cover {whole} outputs")
        excess = whole - p.target_shape[i]
        pad, adj = (excess + 1) // 2, excess % 2
    if adj >= stride:
        raise ShapeError(f"adj must be smaller than the stride in dimension {i}: {adj} >= {stride}")
    return pad, adj


def as_convolution(p: Params, channels: int, spatial: Sequence[int]) -> dict[str, Any]:
    """Parameters of the convolution that a deconvolution of `channels` maps of extents `spatial` transposes."""
    nd = len(p.kernel)
    return {
        "kernel": p.kernel,
        "stride": p.stride or (1,) * nd,
        "dilate": p.dilate or (1,) * nd,
        "pad": tuple(cut(p, i, x)[0] for i, x in enumerate(spatial)),
        "num_filter": channels,
        "num_group": p.num_group,
        "no_bias": True,
        "layout": p.layout,
    }


@register
class Deconvolution(Op, Recomputable, Estimated):
    r"""Transposed convolution: the gradient of a convolution with respect to its data, as a layer.

    .. math:: out[n, o, s x + d k - pad] \mathrel{+}= \sum_c data[n, c, x] \, weight[c, o, k]

    with stride s and dilation d; every output extent is ``s (x - 1) + d (k - 1) + 1 - 2 pad + adj``, or that of `target_shape`.

    Parameters
    ----------
    data : Symbol or NDArray
        (N, C, W), (N, C, H, W) or (N, C, D, H, W).
    weight : Symbol or NDArray
        (C, num_filter / num_group, *kernel).
    bias : Symbol or NDArray
        (num_filter,); absent with `no_bias`, the default.
    kernel : tuple of int
        Window, one extent a spatial dimension.
    stride, dilate, pad, adj : tuple of int, optional
        Default 1, 1, 0 and 0.
    target_shape : tuple of int, optional
        Spatial extents of the output; `pad` and `adj` are then ignored, and an odd excess is cut in front.
    num_filter : int
        Output channels.
    num_group : int, default 1
        Must divide C and num_filter.
    no_bias : bool, default True
    layout : str, optional
        NCW, NCHW, NCDHW, or with the channels last NHWC, NDHWC: then so are those of the output, and the weight is
        (C, *kernel, num_filter / num_group).

    Raises
    ------
    MXNetError
        Nothing is left of the output, `adj` is not below the stride, or shapes and parameters contradict one another.

    Examples
    --------
    >>> import clsym as mx
    >>> x, w = mx.nd.array([[[1, 2]]]), mx.nd.array([[[1, 1, 3]]])
    >>> mx.nd.Deconvolution(x, w, kernel=3, stride=2, num_filter=1).asnumpy().tolist()
    [[[1.0, 1.0, 5.0, 2.0, 6.0]]]

    Notes
    -----
    Zeiler et al., Deconvolutional networks, CVPR 2010; after MXNet's ``Deconvolution``.
    """

    name = "Deconvolution"
    recompute = "heavy"
    inputs = ("data", "weight", "bias")
    params = _PARAMS

    def input_names(self, p: Params) -> tuple[str, ...]:
        return self.inputs[:2] if p.no_bias else self.inputs

    def infer_type(self, p: Params, ins: list[str | None], outs: list[str | None]) -> tuple[list[str | None], list[str | None]]:
        found, out = one_float_type(self.name, ins, outs)
        return (found, out) if ins[0] is not None or outs[0] is not None else (ins, outs)  # nothing follows from the weight alone

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        _check(p)
        if ins[0] is None:
            return ins, outs  # as in MXNet: without the data nothing is said of the weight
        nd, last = len(p.kernel), is_last(p)
        given, weight, result = ((to_first(s) if last else s) for s in (ins[0], ins[1], outs[0]))
        data = unify_shape(given, (-1,) * (nd + 2), f"data must have {nd + 2} dimensions ({CHANNELS_FIRST[nd]}) for kernel {p.kernel}")
        assert data is not None
        for what, channels in (("num_filter", p.num_filter), ("the channels of the data", data[1])):
            if channels > 0 and channels % p.num_group:
                raise ShapeError(f"num_group {p.num_group} must divide {what}, {channels}")
        filters = p.num_filter // p.num_group
        weight = unify_shape((data[1], filters, *p.kernel), weight, "weight must be (channels, num_filter / num_group, *kernel)")
        extents = [self._extent(p, i, size) for i, size in enumerate(data[2:])]
        out = unify_shape((data[0], p.num_filter, *extents), result, "the output follows from the data, the window and num_filter")
        assert weight is not None
        assert out is not None
        known = (max(data[0], out[0]), max(data[1], weight[0]), *data[2:])
        out = (known[0], *out[1:])
        biases: list[PartialShape] = [] if p.no_bias else [(p.num_filter,)]
        return [to_last(known) if last else known, to_last(weight) if last else weight, *biases], [to_last(out) if last else out]

    def _extent(self, p: Params, i: int, size: int) -> int:
        """The output's extent in dimension `i`; -1 where it is not known."""
        if size < 0:
            return int(p.target_shape[i]) or -1 if _targeted(p) else -1
        if size == 0:
            raise ShapeError(f"the data has no element in spatial dimension {i}")
        if _targeted(p) and not p.target_shape[i]:
            raise ShapeError(f"target_shape {p.target_shape} must be positive in every dimension")
        window, stride, _ = window_along(p, i)
        pad, adj = cut(p, i, size)
        extent = stride * (size - 1) + window - 2 * pad + adj
        if extent < 1:
            raise ShapeError(f"pad {p.pad} leaves nothing of the output in spatial dimension {i}: {extent + 2 * pad} - 2 * {pad}")
        return extent

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        p, head = g.p, g.ograd()
        data = to_first(g.ins[0].shape) if is_last(p) else g.ins[0].shape
        assert data is not None
        given = as_convolution(p, data[1], data[2:])
        found: list[Entry | None] = [None] * len(g.ins)
        if g.needed[0]:
            found[0] = g.apply("Convolution", head, g.input(1), **given)
        if g.needed[1]:
            found[1] = g.apply("_backward_Convolution_weight", g.input(0), head, **given, shape=g.ins[1].shape)
        if not p.no_bias and g.needed[2]:
            found[2] = g.apply("_backward_Convolution_bias", head, **{**given, "num_filter": p.num_filter}, shape=g.ins[2].shape)
        return found

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        return in_channels_first(_first_calls, p, ins, outs, ctx) if is_last(p) else _first_calls(p, ins, outs, ctx)

    def cost(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec]) -> tuple[int, int]:
        channels = ins[0].shape[-1 if is_last(p) else 1]
        return 2 * ins[0].size * ins[1].size // max(1, channels), sum(t.nbytes for t in (*ins, *outs))


def _first_calls(p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
    """The launches for tensors with their channels first."""
    _, channels, *spatial = ins[0].shape
    convolution = find_op("Convolution").parse(as_convolution(p, channels, spatial))
    geometry = Geometry.of(convolution, outs[0].shape, ins[0].shape)
    bias = None if p.no_bias else In(2)
    return calls.data_gradient(geometry, In(0), In(1), Out(0), outs[0].dtype, ctx.reqs[0], ctx.traits, bias)


differs(
    "Deconvolution",
    "dilation together with strides",
    "print(mx.nd.Deconvolution(mx.nd.array([[[[1, 2]]]]), mx.nd.array([[[[1, 10]]]]), kernel=(1, 2), stride=(1, 2), dilate=(1, 2), "
    "num_filter=1).asnumpy().ravel().tolist())",
    ours="[1.0, 0.0, 12.0, 0.0, 20.0]",
    mxnet="[1.0, 0.0, 10.0, 2.0, 20.0]",
    why="It is not the transpose of MXNet's own convolution.",
    build="plain",
)
differs(
    "Deconvolution",
    "a target_shape that cuts an odd number of elements",
    "print(mx.nd.Deconvolution(mx.nd.ones((1, 1, 2)), mx.nd.ones((1, 1, 2)), kernel=(2,), stride=(2,), target_shape=(3,), "
    "num_filter=1).asnumpy().ravel().tolist())",
    ours="[1.0, 1.0, 1.0]",
    mxnet="an error: could not create a descriptor for a dilated deconvolution forward propagation primitive",
    why="MXNet's own kernels take it, in one and two dimensions.",
    build="oneDNN",
)
