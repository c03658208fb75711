"""Pooling over one, two or three spatial dimensions."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ...differences import differs
from ...graph.contract.facets import Estimated
from ...graph.contract.kernel_call import KernelCall, LowerContext
from ...graph.contract.op import Entry, Gradient, Op
from ...graph.contract.registry import register
from ...graph.contract.spec import PartialShape, ShapeError, TensorSpec, unify_shape
from ...params import Bool, Enum, Field, Int, Params, Shape
from ..shared.channels_last import CHANNELS_FIRST, check_layout, in_channels_first, is_last, to_first, to_last
from ..shared.float_types import one_float_type
from .calls import backward_cpu, backward_gpu, forward_cpu, forward_gpu
from .window import window_of

__all__ = ["POOLING_PARAMS", "Pooling", "PoolingV1"]

_LAYOUTS = ("NCDHW", "NCHW", "NCW", "NDHWC", "NHWC", "NWC")


def _check(p: Params, spatial: int) -> None:
    if spatial not in CHANNELS_FIRST:
        raise ShapeError("data must have 3 (batch, channel, x), 4 (batch, channel, y, x) or 5 (batch, channel, d, y, x) dimensions")
    check_layout(p, spatial, _LAYOUTS)
    if p.pool_type == "lp" and p.p_value not in (1, 2, 3):
        raise ShapeError(f"p_value={p.p_value}: pool_type='lp' needs p_value 1, 2 or 3")


def _pool_shapes(p: Params, data: PartialShape, out: PartialShape) -> tuple[PartialShape, PartialShape]:
    if data is None:
        if out is None:
            return None, None
        _check(p, len(out) - 2)
        return (*out[:2], *(-1 for _ in out[2:])), out
    _check(p, len(data) - 2)
    out = unify_shape((*data[:2], *window_of(p, data[2:]).out), out)
    assert out is not None
    return (*out[:2], *data[2:]), out


POOLING_PARAMS: dict[str, Field] = {
    "kernel": Shape((), "Window: (x,), (y, x) or (d, y, x)."),
    "pool_type": Enum(("avg", "lp", "max", "sum"), "max", "What to compute of a window."),
    "global_pool": Bool(False, "One window over all of the plane, whatever the kernel."),
    "cudnn_off": Bool(False, "Accepted, without effect."),
    "pooling_convention": Enum(("full", "same", "valid"), "valid", "How the output's extent is rounded."),
    "stride": Shape((), "Distance of the windows; 1 by default."),
    "pad": Shape((), "Padding at either side; 0 by default."),
    "p_value": Int(None, "Power of 'lp': 1, 2 or 3."),
    "count_include_pad": Bool(None, "Whether an average counts the padding (the default)."),
    "layout": Enum(_LAYOUTS, None, "Layout of data and output; empty: NCW, NCHW or NCDHW."),
}


@register
class Pooling(Op, Estimated):
    r"""Pooling over the spatial dimensions.

    Each output is the maximum, sum, average or Lp norm :math:`(\sum x^p)^{1/p}` of a window of the input. With
    ``pooling_convention='valid'``
    an output extent is ``floor((x + 2*pad - kernel) / stride) + 1``, with ``'full'`` ``ceil`` instead of ``floor``, with ``'same'``
    ``ceil(x / stride)``: windows start at multiples of the stride, and what of them lies beyond the input counts for nothing, as in MXNet,
    which takes it for one spatial dimension only. A maximum that meets NaN is NaN; its gradient goes to the first of equal elements.

    Parameters
    ----------
    data : Symbol or NDArray
        (N, C, W), (N, C, H, W) or (N, C, D, H, W), of floating-point type; with `layout` NWC, NHWC or NDHWC the channels are last.

    Returns
    -------
    Symbol or NDArray
        (N, C, pooled extents), or with the channels last; the extents are 1 with ``global_pool=True``, which ignores kernel, stride and
        padding.

    Raises
    ------
    MXNetError
        The kernel exceeds the padded input, or has another number of dimensions; the layout is for another number.

    Examples
    --------
    >>> import clsym as mx
    >>> mx.nd.Pooling(mx.nd.array([[[1, 4, 2, 3]]]), kernel=2, stride=2, pool_type='max').asnumpy()
    array([[[4., 3.]]], dtype=float32)

    Notes
    -----
    After MXNet's ``Pooling``. Lp pooling: https://arxiv.org/abs/1204.3968
    """

    name = "Pooling"
    legacy = False
    params = POOLING_PARAMS

    def json_outputs(self, p: Params) -> int:
        # MXNet counts the workspace of oneDNN's max pooling, which it plans for where the layout is channel-first
        return 2 if p.pool_type == "max" and p.kernel and not self.legacy and (p.layout or "NC").startswith("NC") else 1

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        if ins[0] is None:  # nothing follows from the output alone
            return ins, outs
        if is_last(p):
            data, out = _pool_shapes(p, to_first(ins[0]), to_first(outs[0]))
            return [to_last(data)], [to_last(out)]
        data, out = _pool_shapes(p, ins[0], outs[0])
        return [data], [out]

    def infer_type(self, p: Params, ins: list[str | None], outs: list[str | None]) -> tuple[list[str | None], list[str | None]]:
        return one_float_type(self.name, ins, outs)

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        reads = [g.ograd()]
        if g.p.pool_type == "max" or (g.p.pool_type == "lp" and g.p.p_value > 1):
            reads += [g.input(0), g.output()]
        return [g.apply(f"_backward_{self.name}", *reads, **dict(g.p.items()), data_shape=g.ins[0].shape)]

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        return in_channels_first(self._first_calls, p, ins, outs, ctx) if is_last(p) else self._first_calls(p, ins, outs, ctx)

    def _first_calls(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        return (forward_cpu if ctx.traits.is_cpu else forward_gpu)(self.legacy, p, ins[0], outs[0], ctx)

    def cost(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec]) -> tuple[int, int]:
        spatial = ins[0].shape[1:-1] if is_last(p) else ins[0].shape[2:]
        return outs[0].size * math.prod(window_of(p, spatial).kernel), ins[0].nbytes + outs[0].nbytes


_POOLING_V1_PARAMS: dict[str, Field] = {
    "kernel": Shape((), "Window: (y, x)."),
    "pool_type": Enum(("avg", "max", "sum"), "max", "What to compute of a window."),
    "global_pool": Bool(False, "One window over all of the plane, whatever the kernel."),
    "pooling_convention": Enum(("full", "valid"), "valid", "How the output's extent is rounded."),
    "stride": Shape((), "Distance of the windows; 1 by default."),
    "pad": Shape((), "Padding at either side; 0 by default."),
}


@register
class PoolingV1(Pooling):
    """The first version of `Pooling`, two-dimensional, kept for old graphs.

    Differs in that an average always divides by the size of the window, that padding takes part in a maximum as zeros, and that each of
    several
    equal maxima gets the gradient.

    Parameters
    ----------
    data : Symbol or NDArray
        (N, C, H, W), of floating-point type.

    Returns
    -------
    Symbol or NDArray
        (N, C, pooled H, pooled W).
    """

    name = "Pooling_v1"
    legacy = True
    params = _POOLING_V1_PARAMS

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        if any(s is not None and len(s) != 4 for s in (*ins, *outs)):
            raise ShapeError("data must have 4 dimensions (batch, channel, y, x); use Pooling for others")
        return super().infer_shape(p, ins, outs)


class PoolingBackward(Op):
    """Gradient of a pooling; a maximum is found again from the input and the output, no index is stored."""

    hidden = True

    def __init__(self, forward: Pooling) -> None:
        self.name = f"_backward_{forward.name}"
        self.forward = forward
        self.params = {**forward.params, "data_shape": Shape(())}

    def input_names(self, p: Params) -> tuple[str, ...]:
        if p.pool_type == "max" or (p.pool_type == "lp" and p.p_value > 1):
            return ("ograd", "data", "out")
        return ("ograd",)

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        if is_last(p):
            out: PartialShape = (p.data_shape[0], *window_of(p, p.data_shape[1:-1]).out, p.data_shape[-1])
        else:
            out = (*p.data_shape[:2], *window_of(p, p.data_shape[2:]).out)
        return ([out] if len(ins) == 1 else [out, p.data_shape, out]), [p.data_shape]

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        return in_channels_first(self._first_calls, p, ins, outs, ctx) if is_last(p) else self._first_calls(p, ins, outs, ctx)

    def _first_calls(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        return (backward_cpu if ctx.traits.is_cpu else backward_gpu)(self.forward.legacy, p, ins, outs[0], ctx)


register(PoolingBackward(Pooling()))
register(PoolingBackward(PoolingV1()))


differs(
    "Pooling",
    "the gradient of an average under pooling_convention='full'",
    "x = mx.nd.array([[[1, 2, 3]]]); g = mx.nd.zeros(x.shape); "
    "e = mx.sym.Pooling(mx.sym.var('x'), kernel=2, stride=2, pool_type='avg', pooling_convention='full').bind(mx.cpu(), "
    "{'x': x}, {'x': g}); _ = e.forward(is_train=True); e.backward(mx.nd.ones((1, 1, 2))); "
    "print(g.asnumpy().astype('float64').round(3).tolist())",
    ours="[[[0.5, 0.5, 1.0]]]",
    mxnet="[[[0.5, 0.5, 0.5]]]",
    why="The last window holds one element, which is the whole average; "
    "MXNet's gradient divides by the size of the kernel, its forward does not.",
    build="oneDNN",
)
differs(
    "Pooling",
    "a maximum that meets NaN is NaN",
    "print(mx.nd.Pooling(mx.nd.array([[[1, float('nan')]]]), kernel=2, pool_type='max').asnumpy().tolist())",
    ours="[[[nan]]]",
    mxnet="[[[1.0]]]",
    why="A comparison with NaN is false, so that MXNet passes over it.",
)
differs(
    "Pooling",
    "the average of a window that holds no element is 0 in 3-D as well",
    "print(mx.nd.Pooling(mx.nd.ones((1, 1, 2, 1, 1)), kernel=(1, 1, 1), stride=(2, 1, 1), pad=(1, 0, 0), pool_type='avg', "
    "count_include_pad=False).asnumpy().ravel().tolist())",
    ours="[0.0, 1.0]",
    mxnet="[nan, 1.0]",
    why="MXNet gives 0 in one and two dimensions.",
    build="plain",
)
differs(
    "Pooling",
    "padding as wide as the kernel",
    "print(mx.nd.Pooling(mx.nd.array([[[5]]]), kernel=1, pad=1, pool_type='avg').asnumpy().tolist())",
    ours="[[[0.0, 5.0, 0.0]]]",
    mxnet="an error: pad_l[0] < kernel[0] (1 vs. 1)",
    why="MXNet's own kernels take it.",
    build="oneDNN",
)
differs(
    "Pooling",
    "pooling_convention='same' in two and three dimensions, and without pad=(0, 0, 0)",
    "print(mx.sym.Pooling(mx.sym.var('x'), kernel=(2, 2), stride=(2, 2), pooling_convention='same').infer_shape(x=(1, 1, 3, 3))[1])",
    ours="[(1, 1, 2, 2)]",
    mxnet="an error: dshape.ndim() == 3U (4 vs. 3) : Pooling: Input data should be 3D in (batch, channel, x). Currently 'same' "
    "supports Max Pooling 1-D",
    why="MXNet takes one dimension with three zeros as padding only.",
)
