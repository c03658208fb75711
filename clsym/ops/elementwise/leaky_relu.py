"""Leaky rectifiers: with a fixed, a learnt or a random slope, and their smooth relatives."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

from ...differences import differs
from ...graph.contract.expression import Expression
from ...graph.contract.facets import Fusible, Pointwise
from ...graph.contract.kernel_call import (
    Arg,
    In,
    KernelCall,
    LowerContext,
    Out,
    Rng,
    Scalar,
    Temp,
    compute_type,
    defines_for,
    grid,
    req_code,
)
from ...graph.contract.op import Entry, Gradient, Op
from ...graph.contract.registry import register
from ...graph.contract.spec import PartialShape, TensorSpec, known, unify_shape
from ...graph.contract.traits import DeviceTraits
from ...graph.rewrite.requests import Activate, Blocked
from ...graph.rewrite.rewrite import Rewrite, Rewriting
from ...params import Enum, Field, Float, Params
from ..shared.float_types import one_float_type
from ..shared.launch_sizes import device_file, group_size, stretch_grid
from .broadcast_binary import walk_args
from .prelu_geometry import aligned_slopes, hull_of, lines_of
from .sum_to_shape import sum_to

__all__ = ["LeakyReLU"]

_SOURCE = "elementwise/leaky_relu.cl"
_TYPES = ("elu", "gelu", "leaky", "prelu", "rrelu", "selu")


_LEAKY_PARAMS: dict[str, Field] = {
    "act_type": Enum(_TYPES, "leaky", "The function."),
    "slope": Float(0.25, "Slope of 'leaky', scale of 'elu'."),
    "lower_bound": Float(0.125, "Lower bound of a random slope."),
    "upper_bound": Float(0.333999991416931, "Upper bound of a random slope."),
}


@register
class LeakyReLU(Op, Pointwise, Rewriting, Fusible):
    r"""A rectifier that lets something of negative values through, element-wise.

    ``leaky``: x > 0 ? x : slope * x; ``prelu``: the same, slope being the learnt `gamma`; ``rrelu``: the same, slope being drawn from
    [lower_bound, upper_bound) for each element in training, their mean in inference; ``elu``: x > 0 ? x : slope * (exp(x) - 1);
    ``selu``: 1.0507 * (x > 0 ? x : 1.6733 * (exp(x) - 1)); ``gelu``: x * Phi(x), Phi being the normal distribution function.

    Parameters
    ----------
    data : Symbol or NDArray
        (N, C, ...), of floating-point type.
    gamma : Symbol or NDArray
        Only with ``prelu``: a slope a channel, (C,), one, (1,), or of any shape that broadcasts to the data in full, such as
        (1, C, 1, W), or from axis 1, such as (C, H, W). (N,) and (N, C), where N is the extent of axis 0, are slopes a sample.

    Returns
    -------
    Symbol or NDArray
        Of the data's shape; with ``rrelu`` also the slopes.

    Raises
    ------
    MXNetError
        gamma does not broadcast to the data.

    Examples
    --------
    >>> import clsym as mx
    >>> mx.nd.LeakyReLU(mx.nd.array([-4, 2]), act_type='leaky', slope=0.25).asnumpy()
    array([-1.,  2.], dtype=float32)

    Notes
    -----
    After MXNet's ``LeakyReLU``. prelu: https://arxiv.org/abs/1502.01852, elu: 1511.07289, selu: 1706.02515, gelu: 1606.08415,
    rrelu: 1505.00853. The gradient of selu is the derivative, MXNet's differs for negative values.
    """

    name = "LeakyReLU"
    random = True
    params = _LEAKY_PARAMS
    inputs = ("data", "gamma")
    outputs = ("output", "mask")
    variable_attrs = {"gamma": {"__init__": '["Constant", {"value": 0.25}]'}}

    def input_names(self, p: Params) -> tuple[str, ...]:
        return ("data", "gamma") if p.act_type == "prelu" else ("data",)

    def output_names(self, p: Params) -> tuple[str, ...]:
        return ("output", "mask") if p.act_type == "rrelu" else ("output",)

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        if ins[0] is None:  # nothing follows from the output alone
            return ins, outs
        data = unify_shape(ins[0], outs[0])
        if p.act_type == "rrelu":
            data = unify_shape(data, outs[1])
        if p.act_type != "prelu":
            return [data], [data] * len(outs)
        gamma = ins[1]
        if gamma is None and data is not None and len(data) > 1:
            gamma = data[1:2]
        elif data is not None and known(data) and gamma is not None and known(gamma):
            aligned_slopes(data, gamma)
        return [data, gamma], [data]

    def infer_type(self, p: Params, ins: list[str | None], outs: list[str | None]) -> tuple[list[str | None], list[str | None]]:
        return one_float_type(self.name, ins, outs)

    def pointwise(self, p: Params) -> Literal["", "any", "zero"]:
        return "zero" if p.act_type in ("leaky", "elu", "selu", "gelu") else ""

    def rewrite(self, r: Rewrite) -> Sequence[Entry | Blocked] | None:
        return r.absorb(0, Activate("leaky", r.p.slope)) if r.p.act_type == "leaky" else None

    def inplace(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec]) -> Sequence[tuple[int, int]]:
        return ((0, 0),)

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        if g.p.act_type == "prelu":
            data, gamma = g.ins[0].shape, g.ins[1].shape
            aligned = aligned_slopes(data, gamma)
            hull = hull_of(data, aligned)
            if math.prod(hull) == math.prod(gamma):
                node = g.node_of("_backward_prelu", g.ograd(), g.input(0), g.input(1))
                return [node.out(0), node.out(1)]
            slopes = g.apply("broadcast_to", g.apply("_backward_reshape", g.input(1), shape=aligned), shape=hull)
            node = g.node_of("_backward_prelu", g.ograd(), g.input(0), slopes)
            return [node.out(0), g.apply("_backward_reshape", sum_to(g, node.out(1), hull, aligned), shape=gamma)]
        if g.p.act_type == "rrelu":
            return [g.apply("_backward_rrelu", g.ograd(), g.input(0), g.output(1))]
        return [g.apply("_backward_LeakyReLU", g.ograd(), g.input(0), act_type=g.p.act_type, slope=g.p.slope)]

    def expression(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec]) -> Expression | None:
        known_slope = p.act_type not in ("prelu", "rrelu")
        return Expression(f"F_act_{p.act_type}(x, slope)", ("x",), (("slope", p.slope),)) if known_slope else None

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        n, dtype = outs[0].size, outs[0].dtype
        ct = compute_type(dtype)
        if p.act_type == "prelu":
            aligned = aligned_slopes(ins[0].shape, ins[1].shape)
            hull = hull_of(ins[0].shape, aligned)
            lines, inner, channels = lines_of(ins[0].shape, hull)
            slopes: Arg = In(1)
            calls = []
            if channels != ins[1].size:  # axes between those of the slopes: the slopes are repeated along them first
                slopes = Temp(0, channels * ins[1].itemsize)
                walk = (In(1), In(1), slopes, *walk_args(hull, [aligned, (1,)]))
                source = device_file("elementwise/broadcast", ctx.traits)
                calls = [KernelCall(source, "broadcast", walk, defines_for(dtype, "write", ONE=1), *grid(channels, ctx.traits))]
            args: tuple[Arg, ...] = (In(0), slopes, Out(0), Scalar("long", lines), Scalar("long", inner), Scalar("int", channels))
            size = stretch_grid(lines, inner, ctx.traits)
            return [*calls, KernelCall(_SOURCE, "prelu", args, defines_for(dtype, ctx.reqs[0]), *size)]
        if p.act_type == "rrelu":
            req1 = ctx.reqs[1] if len(ctx.reqs) > 1 else "null"
            y, mask = Out(0) if ctx.reqs[0] != "null" else In(0), Out(1) if req1 != "null" else In(0)
            bounds = (Scalar(ct, p.lower_bound), Scalar(ct, p.upper_bound))
            args = (In(0), Rng(), y, mask, Scalar("long", n), Scalar("uint", ctx.stream & 0xFFFFFFFF), *bounds)
            defines = defines_for(dtype, ctx.reqs[0], RANDOM=int(ctx.train), REQ1=req_code(req1))
            return [KernelCall(_SOURCE, "rrelu", args, defines, *grid(n, ctx.traits))]
        defines = defines_for(dtype, ctx.reqs[0], KIND=f"act_{p.act_type}")
        return [KernelCall(_SOURCE, "leaky", (In(0), Out(0), Scalar("long", n), Scalar(ct, p.slope)), defines, *grid(n, ctx.traits))]


_LEAKY_BACKWARD_PARAMS: dict[str, Field] = {"act_type": Enum(_TYPES, "leaky"), "slope": Float(0.25)}


@register
class LeakyBackward(Op, Fusible):
    """Gradient of a rectifier without learnt or random slope."""

    name = "_backward_LeakyReLU"
    hidden = True
    inputs = ("ograd", "data")
    params = _LEAKY_BACKWARD_PARAMS

    def inplace(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec]) -> Sequence[tuple[int, int]]:
        return ((0, 0), (0, 1))

    def expression(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec]) -> Expression | None:
        return Expression(f"((g) * D_act_{p.act_type}(x, slope))", ("g", "x"), (("slope", p.slope),))

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        n, dtype = outs[0].size, outs[0].dtype
        defines = defines_for(dtype, ctx.reqs[0], KIND=f"act_{p.act_type}")
        args: tuple[Arg, ...] = (In(0), In(1), Out(0), Scalar("long", n), Scalar(compute_type(dtype), p.slope))
        return [KernelCall(_SOURCE, "leaky_backward", args, defines, *grid(n, ctx.traits))]


@register
class PreluBackward(Op):
    """Gradient of a rectifier with learnt slope, with respect to data and slope."""

    name = "_backward_prelu"
    hidden = True
    inputs = ("ograd", "data", "gamma")
    outputs = ("data_grad", "gamma_grad")

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        data, gamma = unify_shape(ins[0], ins[1]), unify_shape(ins[2], outs[1])
        return [data, data, gamma], [data, gamma]

    def inplace(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec]) -> Sequence[tuple[int, int]]:
        # the slope's gradient is computed first, so the other may be written over what it reads
        return ((0, 0), (0, 1))

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        data = ins[1].shape
        lines, inner, channels = lines_of(data, hull_of(data, aligned_slopes(data, ins[2].shape)))
        shape = (Scalar("long", lines), Scalar("long", inner), Scalar("int", channels))
        req0, req1 = ctx.reqs
        calls = []
        if req1 != "null":
            calls.append(_gamma_gradient((In(0), In(1), Out(1), *shape), channels, outs[0].dtype, req1, ctx.traits))
        if req0 != "null":
            args, sizes = (In(0), In(1), In(2), Out(0), *shape), stretch_grid(lines, inner, ctx.traits)
            calls.append(KernelCall(_SOURCE, "prelu_backward", args, defines_for(outs[0].dtype, req0), *sizes))
        return calls


def _gamma_gradient(args: tuple[Arg, ...], channels: int, dtype: str, req: str, traits: DeviceTraits) -> KernelCall:
    """The launch that sums up the slopes' gradients: a work-item a channel on CPUs, a work-group elsewhere."""
    local = 1 if traits.is_cpu else group_size(256, traits)
    defines = defines_for(dtype, "write", REQ1=req_code(req), LOCAL=local)
    return KernelCall(device_file("elementwise/prelu_gamma", traits), "prelu_gamma", args, defines, (channels * local,), (local,))


@register
class RreluBackward(Op):
    """Gradient of a rectifier with random slope."""

    name = "_backward_rrelu"
    hidden = True
    inputs = ("ograd", "data", "mask")

    def inplace(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec]) -> Sequence[tuple[int, int]]:
        return ((0, 0), (0, 1), (0, 2))

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        n = outs[0].size
        args: tuple[Arg, ...] = (In(0), In(1), In(2), Out(0), Scalar("long", n))
        return [KernelCall(_SOURCE, "rrelu_backward", args, defines_for(outs[0].dtype, ctx.reqs[0]), *grid(n, ctx.traits))]


differs(
    "LeakyReLU",
    "the gradient of selu",
    "x = mx.nd.array([-1]); g = mx.nd.zeros(x.shape); "
    "e = mx.sym.LeakyReLU(mx.sym.var('x'), act_type='selu').bind(mx.cpu(), {'x': x}, {'x': g}); "
    "_ = e.forward(is_train=True); e.backward(mx.nd.ones(1)); print(g.asnumpy().astype('float64').round(4).tolist())",
    ours="[0.6468]",
    mxnet="[0.5904]",
    why="The derivative at -1 is 1.0507 * 1.6733 * exp(-1) = 0.6468.",
)

differs(
    "LeakyReLU",
    "the gradient of prelu's slope, within a net",
    "x = mx.nd.array([[-1, -2]]); a = mx.nd.array([0.5]); g = mx.nd.zeros(1); "
    "e = (2 * mx.sym.LeakyReLU(2 * mx.sym.var('x'), mx.sym.var('a'), act_type='prelu'))"
    ".bind(mx.cpu(), {'x': x, 'a': a}, {'x': mx.nd.zeros((1, 2)), 'a': g}); "
    "_ = e.forward(is_train=True); e.backward(mx.nd.ones((1, 2))); print(g.asnumpy().tolist())",
    ours="[-12.0]",
    mxnet="[-6.0]",
    why="MXNet stores the data's gradient over the output's before it sums that of the slope: 2 * (-2 - 4) = -12 times the slope, 0.5.",
)
