"""Batch normalisation over tensors in blocked layout, with the addition and the rectifier that often follow, for training on CPUs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ...graph.contract.facets import Estimated, Recomputable
from ...graph.contract.kernel_call import In, KernelCall, LowerContext, Out, Scalar, Temp, defines_for, req_code
from ...graph.contract.op import Entry, Gradient, Node
from ...graph.contract.registry import attach, find_op, register
from ...graph.contract.spec import PartialShape, ShapeError, TensorSpec, unify_shape
from ...graph.contract.traits import DeviceTraits
from ...graph.contract.tuning import tunable, tuned
from ...graph.rewrite.requests import Activate, Add, Blocked, Request
from ...graph.rewrite.rewrite import Absorbing, Rewrite, Rewriting
from ...params import Bool, Enum, Field, Int, Params
from ..norm.batch_norm import BatchNorm
from ..norm.batch_norm_fold import padded
from .reorder import BlockedOp, blocked_dims

__all__ = ["BlockedBatchNorm"]

_SOURCE = "cpu_blocked/batch_norm.cl"
_ACTIVATIONS = ("none", "relu")


tunable("blocked_batch_norm", {"parts": (1, 2, 4, 8, 16, 32)})


@dataclass(frozen=True)
class _Work:
    """A blocked tensor, and each block's positions (pixels of all images) cut into `parts` pieces of `size`."""

    blocks: int
    block: int
    pixels: int
    count: int
    parts: int
    size: int

    @property
    def vector_bytes(self) -> int:
        """Of one value a channel, whole blocks."""
        return self.blocks * self.block * 4

    @property
    def items(self) -> tuple[int, int]:
        return self.blocks, self.parts


def _work(shape: tuple[int, ...], traits: DeviceTraits) -> _Work:
    images, blocks, height, width, block = shape
    count, units = images * height * width, traits.compute_units
    # A block a work-item finds what it read again in the cache; cut up where some cores would then have less than 4/5 of others' work.
    idle = -(-blocks // units) * units > 1.25 * blocks
    parts = max(1, min(-(-4 * units // blocks), count // 1024)) if idle else 1
    parts = tuned(traits, "blocked_batch_norm", f"c{blocks}_p{height * width}", {"parts": parts})["parts"]
    size = -(-count // parts)
    return _Work(blocks, block, height * width, count, -(-count // size), size)


def _infer_shape(p: Params, tensors: Sequence[tuple[str, PartialShape]], vectors: Sequence[tuple[str, PartialShape]]) -> PartialShape:
    """The shape of the blocked tensors; those of the channels' values are checked."""
    data: PartialShape = None
    for what, shape in tensors:
        data = unify_shape(data, blocked_dims(shape, what), what)
    if data is not None and min(data[1], data[4]) >= 0 and data[1] * data[4] != padded(p.channels, data[4]):
        raise ShapeError(f"data: {data[1]} blocks of {data[4]} do not hold channels={p.channels}")
    for what, shape in vectors:
        unify_shape((p.channels,), shape, f"{what} has one value a channel, channels={p.channels}")
    return data


_NORM: dict[str, Field] = {k: BatchNorm.params[k] for k in ("eps", "momentum", "fix_gamma", "use_global_stats")}
_LAYER: dict[str, Field] = {
    "channels": Int(doc="Number of channels.", low=1),
    "inverse": Bool(True, "The last statistic is 1 / sqrt(var + eps), not the variance itself."),
    "act_type": Enum(_ACTIVATIONS, "none", "What is applied to the sum."),
    "with_residual": Bool(False, "A tensor like the data is added."),
}


class _Forward(BlockedOp, Estimated):
    """What the normalisation, and the same from given statistics, share."""

    vectors_before: tuple[str, ...] = ("gamma", "beta")
    vectors_behind: tuple[str, ...] = ()

    def input_names(self, p: Params) -> tuple[str, ...]:
        residual = ("residual",) if p.with_residual else ()
        return ("data", *self.vectors_before, *residual, *self.vectors_behind)

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        names = self.input_names(p)
        named = [*zip(names, ins, strict=True), *zip(self.outputs, outs, strict=True)]
        tensors = ("data", "residual", "output")
        data = _infer_shape(p, [n for n in named if n[0] in tensors], [n for n in named if n[0] not in tensors])
        vector: PartialShape = (p.channels,)
        return [data if n in tensors else vector for n in names], [data, *[vector] * (len(outs) - 1)]

    def inplace(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec]) -> Sequence[tuple[int, int]]:
        # the moments of a block have been taken when its first element is stored
        names = self.input_names(p)
        return tuple((0, names.index(n)) for n in ("data", "residual") if n in names)

    def _defines(self, p: Params, block: int, req: str, **more: int) -> tuple[tuple[str, str | int], ...]:
        layer = {"RELU": int(p.act_type == "relu"), "RESIDUAL": int(p.with_residual), "INV": int(p.inverse)}
        return defines_for("float32", req, BLOCK=block, **layer, **more)

    def _apply(self, p: Params, w: _Work, ctx: LowerContext, mean: In | Out | Temp, spread: In | Out | Temp) -> KernelCall:
        names = self.input_names(p)
        residual = In(names.index("residual") if p.with_residual else 0)
        extents = (Scalar("int", w.blocks), Scalar("int", p.channels), Scalar("long", w.pixels), Scalar("long", w.count))
        numbers = (*extents, Scalar("long", w.size), Scalar("float", p.eps), Scalar("int", int(p.fix_gamma)))
        args = (In(0), In(1), In(2), residual, Out(0), mean, spread, *numbers)
        return KernelCall(_SOURCE, "bbn_apply", args, self._defines(p, w.block, ctx.reqs[0]), w.items, (1, 1))

    def cost(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec]) -> tuple[int, int]:
        return 2 * outs[0].size, sum(t.nbytes for t in (*ins, *outs))


_BLOCKED_PARAMS: dict[str, Field] = {**_NORM, **_LAYER}


@register
class BlockedBatchNorm(_Forward, Absorbing, Recomputable):
    """``act(BatchNorm(data) + residual)`` over blocked data (N, blocks, H, W, block).

    The parameters are those of `BatchNorm`; gamma, beta and the moving statistics are (channels,), as are the hidden outputs, the mean
    and 1 / sqrt(var + eps) or, without `inverse`, the variance.
    """

    name = "_blocked_batch_norm"
    vectors_behind = ("moving_mean", "moving_var")
    aux = ("moving_mean", "moving_var")
    outputs = ("output", "mean", "spread")
    params = _BLOCKED_PARAMS

    def num_visible(self, p: Params) -> int:
        return 1

    def absorb(self, node: Node, request: Request, r: Rewrite) -> Node | None:
        p, inputs = node.params, list(node.inputs)
        if p.act_type != "none":
            return None
        if isinstance(request, Activate) and request.kind == "relu":
            return node.become(self, self.parse({**dict(p.items()), "act_type": "relu"}), inputs)
        if isinstance(request, Add) and not p.with_residual:
            inputs.insert(3, request.entry)
            return node.become(self, self.parse({**dict(p.items()), "with_residual": True}), inputs)
        return None

    def mutates(self, p: Params, train: bool) -> Sequence[int]:
        first = 3 + p.with_residual
        return (first, first + 1) if train and not p.use_global_stats else ()

    def again(self, node: Node, train: bool) -> Node | None:
        p = node.params
        if not self.mutates(p, train):
            return node
        op = find_op("_blocked_batch_norm_apply")
        given = {k: getattr(p, k) for k in op.params}
        residual = node.inputs[3:4] if p.with_residual else ()
        inputs = (*node.inputs[:3], node.out(1), node.out(2), *residual)
        return node.become(op, op.parse(given), inputs)

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        given = {k: getattr(g.p, k) for k in _BACKWARD_PARAMS}
        masked = _masked(g.p)
        out = (g.output(0),) if masked else ()
        inputs = (g.ograd(), g.input(0), g.input(1), g.input(2), g.output(1), g.output(2), *out)
        node = g.node_of("_backward_blocked_batch_norm", *inputs, **given)
        residual = [node.out(3) if masked else node.inputs[0]] if g.p.with_residual else []
        return [node.out(0), None if g.p.fix_gamma else node.out(1), node.out(2), *residual, None, None]

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        w = _work(ins[0].shape, ctx.traits)
        if "add" in ctx.reqs[1:3]:
            raise ShapeError("the statistics of a batch normalisation cannot be added to an array (grad_req 'add'); use 'write'")
        wanted = [*(r != "null" for r in ctx.reqs), False, False][1:3]
        mean, spread = (Out(k + 1) if wanted[k] else Temp(k, w.vector_bytes) for k in (0, 1))
        first = 3 + p.with_residual
        moving, residual = (In(first), In(first + 1)), In(3 if p.with_residual else 0)
        blocks, channels, count = Scalar("int", w.blocks), Scalar("int", p.channels), Scalar("long", w.count)
        eps, momentum, size = Scalar("float", p.eps), Scalar("float", p.momentum), Scalar("long", w.size)
        columns = (w.blocks,), (1,)
        if not ctx.train or p.use_global_stats:
            modes = {"REQ_MEAN": int(wanted[0]), "REQ_INV": 1}
            export = (*moving, mean if wanted[0] else spread, spread, channels, eps)
            calls = [KernelCall(_SOURCE, "bbn_export", export, self._defines(p, w.block, "write", **modes), *columns)]
            return calls if ctx.reqs[0] == "null" else [*calls, self._apply(p, w, ctx, moving[0], spread)]
        if w.parts == 1 and ctx.reqs[0] != "null":
            extents = (blocks, channels, Scalar("long", w.pixels), count, eps, momentum, Scalar("int", int(p.fix_gamma)))
            args = (In(0), In(1), In(2), residual, Out(0), mean, spread, *moving, *extents)
            return [KernelCall(_SOURCE, "bbn_train", args, self._defines(p, w.block, ctx.reqs[0]), *columns)]
        plain = self._defines(p, w.block, "write")
        part = Temp(2, 3 * w.parts * w.vector_bytes)
        moments = (In(0), part, blocks, Scalar("long", w.pixels), count, size)
        finish = (part, mean, spread, *moving, blocks, channels, count, Scalar("int", w.parts), size, eps, momentum)
        calls = [
            KernelCall(_SOURCE, "bbn_moments", moments, plain, w.items, (1, 1)),
            KernelCall(_SOURCE, "bbn_finish", finish, plain, *columns),
        ]
        return calls if ctx.reqs[0] == "null" else [*calls, self._apply(p, w, ctx, mean, spread)]


_APPLY_PARAMS: dict[str, Field] = {"eps": _NORM["eps"], "fix_gamma": _NORM["fix_gamma"], **_LAYER}


@register
class BlockedBatchNormApply(_Forward):
    """The output of a blocked batch normalisation again, from the statistics that it gave."""

    name = "_blocked_batch_norm_apply"
    vectors_before = ("gamma", "beta", "mean", "spread")
    params = _APPLY_PARAMS

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        return [self._apply(p, _work(ins[0].shape, ctx.traits), ctx, In(3), In(4))]


def _masked(p: Params) -> bool:
    """Whether the rectifier's output must be read in the backward pass: what it had before it is not a function of the data alone."""
    return bool(p.act_type != "none" and p.with_residual)


_BACKWARD_PARAMS: dict[str, Field] = {k: f for k, f in _BLOCKED_PARAMS.items() if k != "momentum"}


@register
class BlockedBatchNormBackward(BlockedOp, Estimated):
    """Gradient of a blocked batch normalisation with respect to data, gamma, beta and, behind a rectifier, the residual."""

    name = "_backward_blocked_batch_norm"
    params = _BACKWARD_PARAMS

    def input_names(self, p: Params) -> tuple[str, ...]:
        return ("ograd", "data", "gamma", "beta", "mean", "spread", *(("out",) if _masked(p) else ()))

    def output_names(self, p: Params) -> tuple[str, ...]:
        return ("data_grad", "gamma_grad", "beta_grad", *(("residual_grad",) if _masked(p) else ()))

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        names = self.input_names(p)
        named = [*zip(names, ins, strict=True), *zip(self.output_names(p), outs, strict=True)]
        tensors = ("ograd", "data", "out", "data_grad", "residual_grad")
        data = _infer_shape(p, [n for n in named if n[0] in tensors], [n for n in named if n[0] not in tensors])
        vector: PartialShape = (p.channels,)
        return [data if n in tensors else vector for n in names], [data if n in tensors else vector for n in self.output_names(p)]

    def inplace(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec]) -> Sequence[tuple[int, int]]:
        # The data's gradient is stored when a block's sums have been taken, each element once it was read. The residual's is stored while
        # they are taken, when the data will still be read.
        return ((0, 0), (3, 0), (0, 1), (3, 6), (0, 6)) if _masked(p) else ((0, 0), (0, 1))

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        w, masked = _work(ins[0].shape, ctx.traits), _masked(p)
        reqs = (*ctx.reqs, "null")[:4]
        defines = defines_for(
            "float32",
            reqs[0],
            BLOCK=w.block,
            RELU=int(p.act_type == "relu"),
            RESIDUAL=int(masked),
            INV=int(p.inverse),
            **{f"REQ{k}": req_code(reqs[k]) for k in (1, 2, 3)},
        )
        unused = Temp(0, w.vector_bytes)
        data_grad, gamma_grad, beta_grad, residual_grad = (Out(k) if reqs[k] != "null" else unused for k in range(4))
        out = In(6 if masked else 1)
        known = (In(2), In(3), In(4), In(5), out)
        blocks, channels, pixels = Scalar("int", w.blocks), Scalar("int", p.channels), Scalar("long", w.pixels)
        count, size = Scalar("long", w.count), Scalar("long", w.size)
        fixed, batch = (Scalar("float", p.eps), Scalar("int", int(p.fix_gamma))), Scalar("int", int(not p.use_global_stats))
        if w.parts == 1:
            args = (In(0), In(1), *known, data_grad, gamma_grad, beta_grad, residual_grad, blocks, channels, pixels, count, *fixed, batch)
            return [KernelCall(_SOURCE, "bbn_backward", args, defines, (w.blocks,), (1,))]
        part, coef = Temp(1, 2 * w.parts * w.vector_bytes), Temp(2, 2 * w.vector_bytes)
        sums = (In(0), In(1), *known, residual_grad, part, blocks, channels, pixels, count, size, *fixed)
        grad = (part, In(2), In(5), gamma_grad, beta_grad, coef, blocks, channels, count, Scalar("int", w.parts), *fixed, batch)
        calls = [
            KernelCall(_SOURCE, "bbn_sums", sums, defines, w.items, (1, 1)),
            KernelCall(_SOURCE, "bbn_grad", grad, defines, (w.blocks,), (1,)),
        ]
        if reqs[0] == "null" and reqs[3] != "add":
            return calls
        dx = (In(0), In(1), *known, data_grad, residual_grad, coef, blocks, channels, pixels, count, size, *fixed)
        return [*calls, KernelCall(_SOURCE, "bbn_dx", dx, defines, w.items, (1, 1))]

    def cost(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec]) -> tuple[int, int]:
        return 8 * ins[0].size, sum(t.nbytes for t in (*ins, *outs))


class BlockedForm(Rewriting):
    """The form of a batch normalisation, in training, of a tensor that is blocked already."""

    def rewrite(self, r: Rewrite) -> Sequence[Entry | Blocked] | None:
        p, data, op = r.p, r.ins[0], r.node.op
        assert isinstance(op, BatchNorm)
        if not r.train or 0 in data.shape or not r.is_blocked(0) or getattr(p, "axis", 1) % data.ndim != 1:
            return None
        given = {
            "eps": p.eps, "fix_gamma": p.fix_gamma, "momentum": p.momentum, "use_global_stats": p.use_global_stats,
            "channels": data.shape[1], "inverse": op.inverse,
        }  # fmt: skip
        node = r.node_of(BlockedBatchNorm.name, (r.blocked(0), *(r.plain(i) for i in range(1, 5))), given)
        return [Blocked(node.out(0)), node.out(1), node.out(2)]


for _name in ("BatchNorm", "BatchNorm_v1", "_contrib_SyncBatchNorm"):
    attach(_name, BlockedForm())
