"""Batch normalisation with the ReLU behind it as one operator."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from ...differences import differs
from ...graph.contract.kernel_call import Arg, KernelCall, LowerContext, Out, Scalar, Temp, defines_for, grid
from ...graph.contract.op import Entry, Gradient, Node
from ...graph.contract.registry import register
from ...graph.contract.spec import TensorSpec
from ...graph.rewrite.requests import Blocked
from ...graph.rewrite.rewrite import Rewrite
from ...params import Params
from .batch_norm import BatchNorm

__all__ = ["BatchNormWithReLU"]

_NORMALISED = 8
"""The workspace of the normalised data, where the output is added to; those of `BatchNorm` have smaller numbers."""


@register
class BatchNormWithReLU(BatchNorm):
    r"""Batch normalisation with ReLU: ``max(BatchNorm(data), 0)``.

    Parameters
    ----------
    data : Symbol or NDArray
        (N, C, ...), of floating-point type; C stands at `axis`.
    gamma, beta, moving_mean, moving_var : Symbol or NDArray
        (C,); the latter two are auxiliary states.

    Returns
    -------
    Symbol or NDArray
        Of the data's shape; with ``output_mean_var`` also the mean and 1 / sqrt(var + eps), each (C,).

    Examples
    --------
    >>> import clsym as mx
    >>> x, one, zero = mx.nd.array([[1, -2]]), mx.nd.ones(2), mx.nd.zeros(2)
    >>> mx.nd.contrib.BatchNormWithReLU(x, one, zero, zero, one, eps=0).asnumpy().tolist()
    [[1.0, 0.0]]

    Source: MXNet 1.9.1, ``_contrib_BatchNormWithReLU``.
    """

    name = "_contrib_BatchNormWithReLU"

    def json_outputs(self, p: Params) -> int:
        return 4  # MXNet counts the mask of oneDNN's gradient

    def rewrite(self, r: Rewrite) -> Sequence[Entry | Blocked] | None:
        found = super().rewrite(r)
        if found is None:
            return None
        first = found[0]
        if isinstance(first, Blocked):
            return [Blocked(r.apply("Activation", first.entry, act_type="relu")), *found[1:]]
        return [r.apply("Activation", first, act_type="relu"), *found[1:]]

    def again(self, node: Node, train: bool) -> Node | None:
        return None if self.mutates(node.params, train) else node

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        head = g.apply("_backward_Activation", g.ograd(), g.output(), act_type="relu")
        return super().gradient(dataclasses.replace(g, ograds=[head, *g.ograds[1:]]))

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        req = ctx.reqs[0]
        if req == "null":
            return super().lower(p, ins, outs, ctx)
        normalised: Arg = Out(0) if req == "write" else Temp(_NORMALISED, outs[0].nbytes)
        calls = super().lower(p, ins, outs, dataclasses.replace(ctx, reqs=("write", *ctx.reqs[1:])))
        calls = [dataclasses.replace(c, args=tuple(normalised if a == Out(0) else a for a in c.args)) for c in calls]
        n = outs[0].size
        args = (normalised, Out(0), Scalar("long", n))
        defines = defines_for(outs[0].dtype, req, ACT="act_relu")
        return [*calls, KernelCall("elementwise/activation.cl", "activation", args, defines, *grid(n, ctx.traits))]


differs(
    "_contrib_BatchNormWithReLU",
    "data of other than four dimensions, and channels at another axis",
    "one = mx.nd.ones(2); print(mx.nd.contrib.BatchNormWithReLU(mx.nd.array([[3, -4]]), one, 0 * one, 0 * one, one, eps=0)"
    ".asnumpy().tolist())",
    ours="[[3.0, 0.0]]",
    mxnet="an error: BatchNormWithReLU operator only supports MKL-DNN Backend.",
)
