"""Batch normalisation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from ...differences import differs
from ...graph.contract.facets import Estimated, Recomputable
from ...graph.contract.kernel_call import In, KernelCall, LowerContext, Out, Scalar, Temp, compute_type, defines_for, grid, req_code
from ...graph.contract.op import Entry, Gradient, Node, Op
from ...graph.contract.registry import find_op, register
from ...graph.contract.spec import PartialShape, Shape, ShapeError, TensorSpec, unify_shape
from ...graph.rewrite.channels_first import ChannelsLast, LastForm
from ...graph.rewrite.requests import Affine, Blocked
from ...graph.rewrite.rewrite import Rewrite, Rewriting
from ...params import Bool, Field, Float, Int, Params, Str
from ..shared.float_types import one_float_type, statistics_type
from .batch_norm_calls import EPS, PER_CHANNEL, apply_calls, channel_axis, index_type, split

__all__ = ["BatchNorm", "BatchNormV1", "SyncBatchNorm"]

_MOMENTUM = 0.899999976158142


_BATCH_NORM_PARAMS: dict[str, Field] = {
    "eps": Float(EPS, "Added to the variance."),
    "momentum": Float(_MOMENTUM, "Weight of the old moving statistics."),
    "fix_gamma": Bool(True, "Gamma counts as 1."),
    "use_global_stats": Bool(False, "Use the moving statistics in training, too."),
    "output_mean_var": Bool(False, "Give the mean and the inverse standard deviation, too."),
    "axis": Int(1, "Where the channels stand."),
    "cudnn_off": Bool(False, "Accepted, without effect."),
    "min_calib_range": Float(None, "Accepted, without effect."),
    "max_calib_range": Float(None, "Accepted, without effect."),
}


@register
class BatchNorm(Op, Rewriting, ChannelsLast, Recomputable, Estimated):
    r"""Batch normalisation over every dimension but `axis`.

    .. math:: out = \frac{data - mean}{\sqrt{var + eps}} \cdot gamma + beta

    In training, mean and (biased) variance are those of the batch, and the moving statistics become
    ``moving * momentum + batch * (1 - momentum)``; in inference, and with ``use_global_stats``, they are the moving statistics.
    With ``fix_gamma`` (the default) gamma counts as 1, whatever it holds, and its gradient is 0.

    Parameters
    ----------
    data : Symbol or NDArray
        (N, C, ...), of floating-point type; C stands at `axis`.
    gamma, beta : Symbol or NDArray
        (C,), float32 for float16 data, else of its type.
    moving_mean, moving_var : Symbol or NDArray
        (C,), auxiliary states.

    Returns
    -------
    Symbol or NDArray
        Of the data's shape; with ``output_mean_var`` also the mean and 1 / sqrt(var + eps), each (C,), whose gradients are ignored.

    Raises
    ------
    MXNetError
        The axis is out of range, a parameter has not the shape (C,), or the type is no floating-point type.

    Examples
    --------
    >>> import clsym as mx
    >>> x, one, zero = mx.nd.array([[1, 2], [3, 6]]), mx.nd.ones(2), mx.nd.zeros(2)
    >>> mx.nd.BatchNorm(x, one, zero, zero, one, eps=0).asnumpy()
    array([[1., 2.],
           [3., 6.]], dtype=float32)

    Notes
    -----
    Ioffe and Szegedy, https://arxiv.org/abs/1502.03167; after MXNet's ``BatchNorm``, which also overwrites
    gamma with 1 under ``fix_gamma``.
    """

    name = "BatchNorm"
    inverse = True
    params = _BATCH_NORM_PARAMS
    inputs = ("data", "gamma", "beta", "moving_mean", "moving_var")
    aux = ("moving_mean", "moving_var")
    outputs = ("output", "mean", "var")
    any_type = False  # whether questions about types that it does not compute with are answered
    variable_attrs = {"moving_mean": {"__init__": '["zero", {}]'}, "moving_var": {"__init__": '["one", {}]'}}

    def num_visible(self, p: Params) -> int:
        return 3 if p.output_mean_var else 1

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        if ins[0] is None:  # nothing follows from the output alone
            return ins, outs
        data = cast(Shape, unify_shape(ins[0], outs[0]))
        vector: PartialShape = (data[channel_axis(p, len(data))],)
        for what, shape in zip((*self.inputs[1:], "mean", "var"), (*ins[1:], *outs[1:]), strict=True):
            vector = unify_shape(vector, shape, f"{what} has one value a channel of axis {getattr(p, 'axis', 1)}")
        if vector is not None:
            axis = channel_axis(p, len(data))
            data = (*data[:axis], vector[0], *data[axis + 1 :])
        return [data, *[vector] * 4], [data, vector, vector]

    def infer_type(self, p: Params, ins: list[str | None], outs: list[str | None]) -> tuple[list[str | None], list[str | None]]:
        (data,), (out,) = one_float_type(self.name, ins[:1], outs[:1], answered=self.any_type)
        other = statistics_type(data)
        return [data, *(t or other for t in ins[1:])] if other is None else [data, *[other] * 4], [out, other, other]

    def rewrite(self, r: Rewrite) -> Sequence[Entry | Blocked] | None:
        p, data = r.p, r.ins[0]
        if r.train or not data.ndim >= 2 or channel_axis(p, data.ndim) != 1 or 0 in data.shape or r.used(1) or r.used(2):
            return None
        given = {"eps": p.eps, "fix_gamma": p.fix_gamma}
        vectors = [r.plain(i) for i in range(1, 5)]
        folded = r.node_of("_batch_norm_scale", vectors, {**given, "dtype": data.dtype})
        found = r.absorb(0, Affine(folded.out(0), folded.out(1)))
        if found is not None:
            return [*found, r.node.out(1), r.node.out(2)]
        folded = r.node_of("_batch_norm_scale", vectors, given)
        scale, shift = folded.out(0), folded.out(1)
        blocked = r.is_blocked(0)
        if blocked:
            scale, shift = (r.apply("_pad_channels", v, block=r.block) for v in (scale, shift))
        value = r.apply("_scale_shift", r.blocked(0) if blocked else r.plain(0), scale, shift, blocked=blocked, channels=data.shape[1])
        return [Blocked(value) if blocked else value, r.node.out(1), r.node.out(2)]

    def last_form(self, p: Params, ins: Sequence[TensorSpec]) -> LastForm | None:
        ndim = ins[0].ndim
        last = ndim > 2 and "axis" in self.params and channel_axis(p, ndim) == ndim - 1
        return LastForm({"axis": 1}, (0,), only_after=True) if last else None

    def mutates(self, p: Params, train: bool) -> Sequence[int]:
        return (3, 4) if train and not p.use_global_stats else ()

    def inplace(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec]) -> Sequence[tuple[int, int]]:
        return ((0, 0),)

    def again(self, node: Node, train: bool) -> Node | None:
        if not self.mutates(node.params, train):
            return node
        p = node.params
        given = {"eps": p.eps, "fix_gamma": p.fix_gamma, "axis": getattr(p, "axis", 1), "inverse": self.inverse}
        op = find_op("_batch_norm_apply")
        return node.become(op, op.parse(given), (*node.inputs[:3], node.out(1), node.out(2)))

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        fixed = g.p.use_global_stats or not g.train
        given = {"eps": g.p.eps, "fix_gamma": g.p.fix_gamma, "use_global_stats": fixed, "axis": getattr(g.p, "axis", 1)}
        node = g.node_of("_backward_BatchNorm", g.ograd(), g.input(0), g.input(1), g.output(1), g.output(2), inverse=self.inverse, **given)
        return [node.out(0), None if g.p.fix_gamma else node.out(1), node.out(2), None, None]

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        s = split(p, ins[0].shape, ctx.traits)
        ct = compute_type(ins[0].dtype)
        vector_bytes = s.channels * outs[1].itemsize
        req1, req2 = (*ctx.reqs, "null", "null")[1:3]
        if "add" in (req1, req2):
            raise ShapeError("the statistics of BatchNorm cannot be added to an array (grad_req 'add'); use 'write'")
        base: dict[str, str | int] = {
            "LOCAL": s.local[0],
            "INDEX": index_type(ins[0].shape),
            "REQ1": req_code(req1),
            "REQ2": req_code(req2),
        }
        eps = Scalar(ct, p.eps)
        channels = Scalar("int", s.channels)
        per_channel = grid(s.channels, ctx.traits, 256)
        calls = []
        mean: In | Out | Temp = In(3)
        var: In | Out | Temp = In(4)
        inverse = 0
        if ctx.train and not p.use_global_stats:
            inverse = int(self.inverse)
            mean = Out(1) if req1 == "write" else Temp(1, vector_bytes)
            var = Out(2) if req2 == "write" else Temp(2, vector_bytes)
            part = Temp(0, 2 * s.parts * vector_bytes)
            name = "bn_moments_rows" if s.rows else "bn_moments"
            shape = (Scalar("long", s.count), Scalar("int", s.parts), Scalar("long", s.size))
            inner = () if s.rows else (Scalar("long", s.inner),)
            plain = defines_for(ins[0].dtype, "write", INV=inverse, **{**base, "REQ1": 1, "REQ2": 1})
            calls.append(KernelCall(s.source, name, (In(0), part, channels, *inner, *shape), plain, s.reduction, s.local))
            finish = (part, mean, var, In(3), In(4), channels, *shape, eps, Scalar(ct, p.momentum))
            calls.append(KernelCall(PER_CHANNEL, "bn_finish", finish, plain, *per_channel))
        elif req1 != "null" or req2 != "null":
            exported = (
                In(3),
                In(4),
                Out(1) if req1 != "null" else Temp(1, vector_bytes),
                Out(2) if req2 != "null" else Temp(2, vector_bytes),
            )
            defines = defines_for(ins[0].dtype, "write", INV=int(self.inverse), **base)
            calls.append(KernelCall(PER_CHANNEL, "bn_export", (*exported, channels, eps), defines, *per_channel))
        if ctx.reqs[0] == "null":
            return calls
        return [*calls, *apply_calls(p, s, ins, ctx, mean, var, inverse)]

    def cost(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec]) -> tuple[int, int]:
        return 2 * outs[0].size, ins[0].nbytes + outs[0].nbytes


_BATCH_NORM_V1_PARAMS: dict[str, Field] = {
    k: BatchNorm.params[k] for k in ("eps", "momentum", "fix_gamma", "use_global_stats", "output_mean_var")
}


@register
class BatchNormV1(BatchNorm):
    """The first version of `BatchNorm`, kept for old graphs: channels at axis 1, and ``output_mean_var`` gives the variance itself.

    Parameters
    ----------
    data : Symbol or NDArray
        (N, C, ...), of floating-point type.
    gamma, beta, moving_mean, moving_var : Symbol or NDArray
        (C,); the latter two are auxiliary states.

    Returns
    -------
    Symbol or NDArray
        Of the data's shape.
    """

    any_type = True
    name = "BatchNorm_v1"
    inverse = False
    params = _BATCH_NORM_V1_PARAMS


_SYNC_BATCH_NORM_PARAMS: dict[str, Field] = {
    **BatchNormV1.params,
    "ndev": Int(1, "Number of devices; only 1."),
    "key": Str(doc="A name unique to the layer."),
}


@register
class SyncBatchNorm(BatchNormV1):
    """Batch normalisation whose statistics are shared by the devices of a data-parallel job; on one device, `BatchNorm`.

    Parameters
    ----------
    data : Symbol or NDArray
        (N, C, ...), of floating-point type.
    gamma, beta, moving_mean, moving_var : Symbol or NDArray
        (C,); the latter two are auxiliary states.

    Returns
    -------
    Symbol or NDArray
        Of the data's shape.

    Raises
    ------
    MXNetError
        ``ndev`` is not 1: statistics are not exchanged between devices.
    """

    name = "_contrib_SyncBatchNorm"
    params = _SYNC_BATCH_NORM_PARAMS

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        if p.ndev != 1:
            raise ShapeError(f"ndev={p.ndev}: statistics are not exchanged between devices; use ndev=1")
        return super().infer_shape(p, ins, outs)


differs(
    "BatchNorm",
    "the moving statistics move in the training forward",
    "m = mx.nd.zeros(1); "
    "e = mx.sym.BatchNorm(mx.sym.var('x'), name='b', momentum=0.5).bind(mx.cpu(), {'x': mx.nd.array([[2], [4]]), "
    "'b_gamma': mx.nd.ones(1), 'b_beta': mx.nd.zeros(1)}, aux_states={'b_moving_mean': m, 'b_moving_var': mx.nd.ones(1)}); "
    "_ = e.forward(is_train=True)[0].asnumpy(); print(m.asnumpy().tolist())",
    ours="[1.5]",
    mxnet="[0.0]",
    why="MXNet moves them in the backward, so not at all where there is none.",
)
differs(
    "BatchNorm",
    "grad_req='add' of a gamma that is fixed adds zero",
    "g = mx.nd.ones(1); e = mx.sym.BatchNorm(mx.sym.var('x'), name='b').bind(mx.cpu(), {'x': mx.nd.array([[2], [4]]), "
    "'b_gamma': mx.nd.ones(1), 'b_beta': mx.nd.zeros(1)}, {'b_gamma': g}, {'x': 'null', 'b_gamma': 'add', "
    "'b_beta': 'null'}, {'b_moving_mean': mx.nd.zeros(1), 'b_moving_var': mx.nd.ones(1)}); _ = e.forward(is_train=True); "
    "e.backward(mx.nd.array([[0], [1]])); print(g.asnumpy().tolist())",
    ours="[1.0]",
    mxnet="[0.0]",
    why="With grad_req='add' MXNet's gradient overwrites what is there instead of adding to it.",
    build="oneDNN",
)
