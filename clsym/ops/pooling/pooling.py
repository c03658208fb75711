"""Pooling over one, two or three spatial dimensions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from ...differences import differs
from ...graph.contract.facets import Estimated
from ...graph.contract.kernel_call import In, KernelCall, LowerContext, Out, Scalar, defines_for, grid
from ...graph.contract.op import Entry, Gradient, Op
from ...graph.contract.registry import register
from ...graph.contract.spec import PartialShape, ShapeError, TensorSpec, unify_shape
from ...params import Bool, Enum, Field, Int, Params, Shape
from ..shared.float_types import one_float_type

__all__ = ["POOLING_PARAMS", "Pooling", "PoolingV1", "Window", "is_global", "sees_padding_alone", "window_of"]

_MODES = {"max": 0, "sum": 1, "avg": 2, "lp": 3}
_LAYOUTS = {1: "NCW", 2: "NCHW", 3: "NCDHW"}


@dataclass(frozen=True)
class Window:
    """A number for each spatial dimension: window, stride, padding in front, extent of the output (-1 if unknown)."""

    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    pad: tuple[int, ...]
    out: tuple[int, ...]


def _per_dimension(what: str, given: tuple[int, ...], n: int, default: int, low: int) -> tuple[int, ...]:
    values = given[:n] if len(given) > n and what != "kernel" else given or (default,) * n  # as in MXNet, more items have no effect
    if len(values) != n:
        raise ShapeError(f"{what}={given} has {len(values)} items, the data has {n} spatial dimensions; give one for each")
    if any(v < low for v in values):
        raise ShapeError(f"{what}={given}: every item must be at least {low}")
    if any(v >= 1 << 30 for v in values):
        raise ShapeError(f"{what}={given}: an item exceeds 2**30")
    return values


def window_of(p: Params, extents: Sequence[int]) -> Window:
    """Where the windows lie on spatial `extents`, of which -1 is unknown."""
    n = len(extents)
    if p.global_pool:
        return Window(tuple(extents), (1,) * n, (0,) * n, (1,) * n)
    if not p.kernel:
        raise ShapeError("kernel is required unless global_pool=True")
    kernel = _per_dimension("kernel", p.kernel, n, 1, 1)
    stride = _per_dimension("stride", p.stride, n, 1, 1)
    pad = _per_dimension("pad", p.pad, n, 0, 0)
    if p.pooling_convention == "same" and any(pad):
        raise ShapeError(f"pad={p.pad}: pooling_convention='same' chooses the padding; leave pad out")
    out = []
    for i, (x, k, s) in enumerate(zip(extents, kernel, stride, strict=True)):
        if x < 0:
            out.append(-1)
            continue
        if p.pooling_convention == "same":
            out.append(-(-x // s))
            continue
        room = x + 2 * pad[i] - k
        if room < 0:
            raise ShapeError(f"kernel size ({k}) exceeds input ({x} padded to {x + 2 * pad[i]}); use a smaller kernel or more padding")
        out.append((-(-room // s) if p.pooling_convention == "full" else room // s) + 1)
    return Window(kernel, stride, pad, tuple(out))


def _check(p: Params, spatial: int) -> None:
    layout = getattr(p, "layout", None)
    if spatial not in _LAYOUTS:
        raise ShapeError("data must have 3 (batch, channel, x), 4 (batch, channel, y, x) or 5 (batch, channel, d, y, x) dimensions")
    if layout is not None and layout != _LAYOUTS[spatial]:
        raise ShapeError(
            f"layout {layout} is not supported for data of {spatial + 2} dimensions, only {_LAYOUTS[spatial]}; transpose the data"
        )
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


def _three(values: Sequence[int], fill: int) -> tuple[int, int, int, int]:
    """Padded in front to three dimensions, and to the width of an int4."""
    a, b, c = (fill,) * (3 - len(values)) + tuple(values)
    return (a, b, c, 0)


def _defines(op: Pooling, p: Params, dtype: str, req: str, stride_w: int, local: int, window: int = 0) -> tuple[tuple[str, str | int], ...]:
    if op.legacy:
        count = 2
    else:
        count = 0 if p.count_include_pad is False else 1
    return defines_for(
        dtype,
        req,
        MODE=_MODES[p.pool_type],
        P_VALUE=(getattr(p, "p_value", None) or 2) if p.pool_type == "lp" else 2,
        COUNT=count if p.pool_type == "avg" else 1,
        ALL_TIES=int(op.legacy),
        PAD_ZERO=int(op.legacy and p.pool_type == "max"),
        SW=stride_w if stride_w <= 2 else 0,
        K=window,
        LOCAL=local,
    )


def is_global(window: Window, extents: Sequence[int]) -> bool:
    """Whether one window covers exactly the plane."""
    return window.kernel == tuple(extents) and not any(window.pad) and all(o == 1 for o in window.out)


def sees_padding_alone(window: Window, extents: Sequence[int]) -> bool:
    """Whether some window holds no pixel."""
    dims = zip(extents, window.out, window.kernel, window.stride, window.pad, strict=True)
    return any((o - 1) * s - q >= x or k <= q for x, o, k, s, q in dims)


def _local_size(ctx: LowerContext) -> int:
    local = 1
    while local * 2 <= min(ctx.traits.max_work_group_size, 128):
        local *= 2
    return local


def _square(window: Window, ctx: LowerContext) -> int:
    """The height and width of the windows that a CPU's loops are unrolled for, or 0."""
    return window.kernel[-1] if ctx.traits.is_cpu and window.kernel[-2:] in ((2, 2), (3, 3)) else 0


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
    "layout": Enum(("NCDHW", "NCHW", "NCW", "NDHWC", "NHWC", "NWC"), None, "Only the channel-first ones are supported."),
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
        (N, C, W), (N, C, H, W) or (N, C, D, H, W), of floating-point type.

    Returns
    -------
    Symbol or NDArray
        (N, C, pooled extents); (N, C, 1, ...) with ``global_pool=True``, which ignores kernel, stride and padding.

    Raises
    ------
    MXNetError
        The kernel exceeds the padded input, or has another number of dimensions; the layout is not channel-first.

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
        extents = ins[0].shape[2:]
        window = window_of(p, extents)
        planes = math.prod(ins[0].shape[:2])
        if is_global(window, extents):
            n = math.prod(extents)
            local = _local_size(ctx)
            defines = _defines(self, p, ins[0].dtype, ctx.reqs[0], 1, local)
            size = grid(planes, ctx.traits, max(16, 65536 // n)) if ctx.traits.is_cpu else ((planes * local,), (local,))
            return [
                KernelCall("pooling/pooling.cl", "pool_global", (In(0), Out(0), Scalar("long", planes), Scalar("long", n)), defines, *size)
            ]
        defines = _defines(self, p, ins[0].dtype, ctx.reqs[0], window.stride[-1], 64, _square(window, ctx))
        work = outs[0].size // window.out[-1] if ctx.traits.is_cpu else outs[0].size
        return [
            KernelCall(
                "pooling/pooling.cl", "pool", (In(0), Out(0), *_scalars(planes, extents, window)), defines, *grid(work, ctx.traits, 16)
            )
        ]

    def cost(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec]) -> tuple[int, int]:
        return outs[0].size * math.prod(window_of(p, ins[0].shape[2:]).kernel), ins[0].nbytes + outs[0].nbytes


def _scalars(planes: int, extents: Sequence[int], window: Window) -> tuple[Scalar, ...]:
    return (
        Scalar("long", planes),
        Scalar("int4", _three(extents, 1)),
        Scalar("int4", _three(window.out, 1)),
        Scalar("int4", _three(window.kernel, 1)),
        Scalar("int4", _three(window.stride, 1)),
        Scalar("int4", _three(window.pad, 0)),
    )


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
        out: PartialShape = (*p.data_shape[:2], *window_of(p, p.data_shape[2:]).out)
        return ([out] if len(ins) == 1 else [out, p.data_shape, out]), [p.data_shape]

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        extents = outs[0].shape[2:]
        window = window_of(p, extents)
        planes = math.prod(outs[0].shape[:2])
        data, out = (In(1), In(2)) if len(ins) == 3 else (In(0), In(0))
        if is_global(window, extents):
            n = math.prod(extents)
            defines = _defines(self.forward, p, outs[0].dtype, ctx.reqs[0], 1, 64)
            whole = ctx.traits.is_cpu and not (p.pool_type == "max" and self.forward.legacy) and not (p.pool_type == "lp" and p.p_value > 1)
            first = p.pool_type == "max" and not self.forward.legacy
            size = grid(planes, ctx.traits, max(1, 65536 // n)) if whole or first else grid(planes * n, ctx.traits)
            args = (In(0), data, out, Out(0), Scalar("long", planes), Scalar("long", n))
            return [KernelCall("pooling/pooling.cl", "pool_global_backward", args, defines, *size)]
        defines = _defines(self.forward, p, outs[0].dtype, ctx.reqs[0], window.stride[-1], 64, _square(window, ctx))
        work = outs[0].size // extents[-1] if ctx.traits.is_cpu else outs[0].size
        entry, size = "pool_backward", grid(work, ctx.traits, 16)
        # a plane is summed up in place, which float16 would round each time
        if ctx.traits.is_cpu and planes >= ctx.traits.compute_units and outs[0].dtype != "float16":
            entry, size = "pool_scatter", ((min(planes, 8 * ctx.traits.compute_units),), (1,))
        return [KernelCall("pooling/pooling.cl", entry, (In(0), data, out, Out(0), *_scalars(planes, extents, window)), defines, *size)]


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
