"""DeformableConvolution and ModulatedDeformableConvolution, whose taps read the image at learnt places."""

from __future__ import annotations

from collections.abc import Sequence

from ...differences import differs
from ...graph.contract.facets import Estimated, Recomputable
from ...graph.contract.kernel_call import In, KernelCall, LowerContext, Out
from ...graph.contract.op import Entry, Gradient, Op
from ...graph.contract.registry import register
from ...graph.contract.spec import PartialShape, ShapeError, TensorSpec, unify_shape
from ...params import Bool, Enum, Field, Int, Params, Shape
from ..shared.float_types import one_float_type
from .deformable_calls import Deformable
from .tensors import images

__all__ = ["DeformableConvolution", "ModulatedDeformableConvolution"]

_PARAMS: dict[str, Field] = {
    "kernel": Shape(doc="Convolution kernel size: (h, w)."),
    "stride": Shape((), "Convolution stride: (h, w). Defaults to 1 for each dimension."),
    "dilate": Shape((), "Convolution dilation: (h, w). Defaults to 1 for each dimension."),
    "pad": Shape((), "Zero padding on both sides: (h, w). Defaults to none."),
    "num_filter": Int(doc="Convolution filter (channel) number.", low=1),
    "num_group": Int(1, "Number of group partitions.", low=1),
    "num_deformable_group": Int(1, "Number of groups of channels that have places of their own.", low=1),
    "workspace": Int(1024, "Accepted and ignored: workspace is planned.", low=0),
    "no_bias": Bool(False, "Whether to disable the bias parameter."),
}
_LAYOUT = Enum(("NCDHW", "NCHW", "NCW"), None, "Layout of data and output: NCHW.")
_GRADIENT_PARAMS: dict[str, Field] = {**_PARAMS, "shape": Shape(), "modulated": Bool(False)}


def _check(p: Params) -> None:
    """Refuse parameters that describe no convolution."""
    if len(p.kernel) != 2 or p.layout not in (None, "NCHW"):
        raise ShapeError(f"deformable convolutions have two dimensions (layout NCHW); got kernel {p.kernel}, layout {p.layout}")
    for name, low in (("kernel", 1), ("stride", 1), ("dilate", 1), ("pad", 0)):
        value = getattr(p, name)
        if (value and len(value) != 2) or any(not low <= v < 1 << 20 for v in value):
            raise ShapeError(f"{name} must have two extents from {low} on, below 2**20; got {value}")
    if p.num_filter % p.num_group:
        raise ShapeError(f"num_group {p.num_group} must divide num_filter {p.num_filter}")


def _side(p: Params, size: int, i: int) -> int:
    """Extent of the output along one dimension."""
    window = (p.dilate[i] if p.dilate else 1) * (p.kernel[i] - 1) + 1
    room = size + 2 * (p.pad[i] if p.pad else 0) - window
    if size < 0:
        return -1
    if room < 0:
        raise ShapeError(f"kernel {p.kernel} exceeds data of extent {size} in spatial dimension {i}: dilated extent {window}")
    return int(room // (p.stride[i] if p.stride else 1) + 1)


class _Deformable(Op, Recomputable, Estimated):
    """What both have in common; `modulated` ones have a mask."""

    recompute = "heavy"
    modulated = False

    def input_names(self, p: Params) -> tuple[str, ...]:
        return self.inputs[:-1] if p.no_bias else self.inputs

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        _check(p)
        if self.modulated and p.num_filter % p.num_deformable_group:  # nothing needs it; MXNet refuses it, for this layer alone
            raise ShapeError(f"num_deformable_group {p.num_deformable_group} must divide num_filter {p.num_filter}")
        if ins[0] is None:
            return ins, outs  # as in MXNet: without the data nothing is said of the others
        data, taps = images(ins[0]), p.kernel[0] * p.kernel[1]
        for name in ("num_group", "num_deformable_group"):
            if data[1] >= 0 and data[1] % getattr(p, name):
                raise ShapeError(f"{name} {getattr(p, name)} must divide the {data[1]} channels of data")
        out = unify_shape((data[0], p.num_filter, _side(p, data[2], 0), _side(p, data[3], 1)), outs[0])
        assert out is not None
        places: list[PartialShape] = []
        for number, name in enumerate(("offset", "mask")[: 1 + self.modulated]):
            channels = (1 if number else 2) * taps * p.num_deformable_group
            shape = unify_shape(
                (out[0], channels, *out[2:]), ins[1 + number], f"{name} must have {channels} channels, and the output's sides"
            )
            assert shape is not None
            out = (shape[0], out[1], *shape[2:])
            places.append(shape)
        weight = unify_shape(
            (p.num_filter, data[1] // p.num_group if data[1] >= 0 else -1, *p.kernel),
            ins[len(places) + 1],
            "weight must be (num_filter, channels / num_group, *kernel)",
        )
        assert weight is not None
        depth = weight[1] * p.num_group if weight[1] >= 0 else -1
        biases: list[PartialShape] = [] if p.no_bias else [(p.num_filter,)]
        return [(out[0], depth, *data[2:]), *places, weight, *biases], [out]

    def infer_type(self, p: Params, ins: list[str | None], outs: list[str | None]) -> tuple[list[str | None], list[str | None]]:
        return one_float_type(self.name, ins, outs)

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        found: list[Entry | None] = [None] * len(g.ins)
        at = 2 + self.modulated  # of the weight
        given = {k: v for k, v in g.p.items() if k in _PARAMS}
        data, offset, weight = g.input(0), g.input(1), g.input(at)
        mask = (g.input(2),) if self.modulated else ()
        if any(g.needed[:at]):
            places = g.node_of(
                "_backward_deformable_places", g.ograd(), data, offset, *mask, weight, **given, shape=(), modulated=self.modulated
            )
            found[:at] = [places.out(i) if g.needed[i] else None for i in range(at)]
        if g.needed[at]:
            found[at] = g.apply(
                "_backward_deformable_weight", g.ograd(), data, offset, *mask, **given, shape=g.ins[at].shape, modulated=self.modulated
            )
        if not g.p.no_bias and g.needed[at + 1]:
            same = {k: v for k, v in given.items() if k != "num_deformable_group"}
            found[at + 1] = g.apply("_backward_Convolution_bias", g.ograd(), **same, shape=g.ins[at + 1].shape)
        return found

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        at = 2 + self.modulated
        work = Deformable(p, ins[0].shape, outs[0].shape, outs[0].dtype, ctx, In(1), In(2) if self.modulated else None)
        return work.forward(In(0), In(at), None if p.no_bias else In(at + 1), Out(0))

    def cost(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec]) -> tuple[int, int]:
        return 2 * outs[0].size * ins[2 + self.modulated].size // p.num_filter, sum(t.nbytes for t in (*ins, *outs))


@register
class DeformableConvolution(_Deformable):
    r"""Convolution whose taps read the image at learnt places, between pixels.

    .. math:: out[n, o, p] = bias[o] + \sum_{c, k} weight[o, c, k] \; data[n, c, p_k + offset[n, k, p]]

    where :math:`p_k` is the place of tap k in a plain convolution. A place less than a pixel beyond the last row or column is cut to it;
    other places outside of the image read 0.

    Parameters
    ----------
    data : Symbol or NDArray
        (N, C, H, W), floating-point.
    offset : Symbol or NDArray
        (N, 2 D kh kw, h, w): for each of D groups and each tap y, then x.
    weight : Symbol or NDArray
        (num_filter, C / num_group, kh, kw).
    bias : Symbol or NDArray
        (num_filter,); absent with `no_bias`.
    kernel : tuple of int
        Window (kh, kw).
    stride, dilate, pad : tuple of int, optional
        Default 1, 1 and 0.
    num_filter : int
        Output channels.
    num_group, num_deformable_group : int
        Must divide C.
    no_bias : bool
    workspace : int
        Ignored.
    layout : str, optional
        Only NCHW.

    Returns
    -------
    Symbol or NDArray
        (N, num_filter, h, w). All inputs get gradients.

    Raises
    ------
    MXNetError
        Shapes and parameters contradict one another.

    Examples
    --------
    >>> import clsym as mx
    >>> x, half, w = mx.nd.array([[[[1, 2, 4]]]]), mx.nd.array([[[[0, 0, 0]], [[0.5, 0.5, 0]]]]), mx.nd.ones((1, 1, 1, 1))
    >>> mx.nd.contrib.DeformableConvolution(x, half, w, kernel=(1, 1), num_filter=1, no_bias=True).asnumpy().tolist()
    [[[[1.5, 3.0, 4.0]]]]

    References
    ----------
    J. Dai et al., Deformable Convolutional Networks, 2017.
    """

    name = "_contrib_DeformableConvolution"
    inputs = ("data", "offset", "weight", "bias")
    params = {**_PARAMS, "layout": _LAYOUT}


@register
class ModulatedDeformableConvolution(_Deformable):
    r"""Deformable convolution whose taps are weighted by a learnt mask.

    .. math:: out[n, o, p] = bias[o] + \sum_{c, k} weight[o, c, k] \; mask[n, k, p] \; data[n, c, p_k + offset[n, k, p]]

    Pixels outside of the image count as zeros, so that a place less than a pixel outside reads a part of the border.

    Parameters
    ----------
    data : Symbol or NDArray
        (N, C, H, W), floating-point.
    offset : Symbol or NDArray
        (N, 2 D kh kw, h, w): for each of D groups and each tap y, then x.
    mask : Symbol or NDArray
        (N, D kh kw, h, w).
    weight : Symbol or NDArray
        (num_filter, C / num_group, kh, kw).
    bias : Symbol or NDArray
        (num_filter,); absent with `no_bias`.
    kernel : tuple of int
        Window (kh, kw).
    stride, dilate, pad : tuple of int, optional
        Default 1, 1 and 0.
    num_filter : int
        Output channels.
    num_group, num_deformable_group : int
        Must divide C.
    no_bias : bool
    workspace, im2col_step : int
        Ignored.
    layout : str, optional
        Only NCHW.

    Returns
    -------
    Symbol or NDArray
        (N, num_filter, h, w). All inputs get gradients.

    Raises
    ------
    MXNetError
        Shapes and parameters contradict one another.

    References
    ----------
    X. Zhu, H. Hu, S. Lin, J. Dai, Deformable ConvNets v2, 2018.
    """

    name = "_contrib_ModulatedDeformableConvolution"
    inputs = ("data", "offset", "mask", "weight", "bias")
    modulated = True
    params = {**_PARAMS, "im2col_step": Int(64, "Accepted and ignored.", low=0), "layout": _LAYOUT}


class _DeformableGradient(Op, Recomputable, Estimated):
    """What the gradients share."""

    hidden = True
    recompute = "heavy"
    params = _GRADIENT_PARAMS


@register
class PlacesBackward(_DeformableGradient):
    """Gradients of data, offset and mask, from one product with the weight an image."""

    name = "_backward_deformable_places"

    def input_names(self, p: Params) -> tuple[str, ...]:
        return ("ograd", "data", "offset", "mask", "weight") if p.modulated else ("ograd", "data", "offset", "weight")

    def output_names(self, p: Params) -> tuple[str, ...]:
        return ("data", "offset", "mask") if p.modulated else ("data", "offset")

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        return ins, list(ins[1 : 3 + p.modulated])

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        work = Deformable(p, ins[1].shape, ins[0].shape, ins[0].dtype, ctx, In(2), In(3) if p.modulated else None)
        wanted = {name: Out(i) for i, name in enumerate(self.output_names(p)) if ctx.reqs[i] != "null"}
        return work.place_gradients(In(0), In(1), In(3 + p.modulated), wanted)

    def cost(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec]) -> tuple[int, int]:
        return 2 * ins[0].size * ins[-1].size // p.num_filter, sum(t.nbytes for t in (*ins, *outs))


@register
class WeightBackward(_DeformableGradient):
    """Gradient of the weight."""

    name = "_backward_deformable_weight"

    def input_names(self, p: Params) -> tuple[str, ...]:
        return ("ograd", "data", "offset", "mask") if p.modulated else ("ograd", "data", "offset")

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        return ins, [p.shape]

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        work = Deformable(p, ins[1].shape, ins[0].shape, ins[0].dtype, ctx, In(2), In(3) if p.modulated else None)
        return work.weight_gradient(In(0), In(1), Out(0))

    def cost(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec]) -> tuple[int, int]:
        return 2 * ins[0].size * outs[0].size // p.num_filter, sum(t.nbytes for t in (*ins, *outs))


differs(
    "_contrib_DeformableConvolution",
    "grad_req='add' adds to the gradients of data and offset",
    "x, o, w = mx.nd.ones((1, 1, 1, 1)), mx.nd.zeros((1, 2, 1, 1)), mx.nd.ones((1, 1, 1, 1)); "
    "g = {'x': mx.nd.ones(x.shape), 'o': mx.nd.ones(o.shape), 'w': mx.nd.ones(w.shape)}; "
    "e = mx.sym.contrib.DeformableConvolution(mx.sym.var('x'), mx.sym.var('o'), mx.sym.var('w'), kernel=(1, 1), num_filter=1, no_bias=True)"
    ".bind(mx.cpu(), {'x': x, 'o': o, 'w': w}, g, 'add'); "
    "_ = e.forward(is_train=True); e.backward(mx.nd.array([[[[10]]]])); print(g['x'].asscalar(), g['w'].asscalar())",
    ours="11.0 11.0",
    mxnet="10.0 11.0",
    why="With grad_req='add' MXNet's gradients of data and offset overwrite what is there instead of adding to it.",
)
differs(
    "_contrib_ModulatedDeformableConvolution",
    "it has gradients",
    "x, o, m, w = mx.nd.ones((1, 1, 1, 1)), mx.nd.zeros((1, 2, 1, 1)), mx.nd.ones((1, 1, 1, 1)), mx.nd.ones((1, 1, 1, 1)); "
    "g = {k: mx.nd.zeros(v.shape) for k, v in (('x', x), ('o', o), ('m', m), ('w', w))}; "
    "e = mx.sym.contrib.ModulatedDeformableConvolution(*map(mx.sym.var, 'xomw'), kernel=(1, 1), num_filter=1, no_bias=True)"
    ".bind(mx.cpu(), {'x': x, 'o': o, 'm': m, 'w': w}, g); "
    "_ = e.forward(is_train=True); e.backward(mx.nd.array([[[[10]]]])); print(g['x'].asscalar(), g['m'].asscalar())",
    ours="10.0 10.0",
    mxnet="MXNetError: only implemented in GPU",
    why="MXNet's gradients of this layer exist on GPUs only.",
)
