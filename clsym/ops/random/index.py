"""Random choices of indices: _sample_multinomial, _shuffle."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ...graph.contract.kernel_call import In, KernelCall, LowerContext, Out, Rng, Scalar, Temp, ctype, defines_for, grid, req_code
from ...graph.contract.op import Entry, Gradient, Op
from ...graph.contract.registry import register
from ...graph.contract.spec import PartialShape, ShapeError, TensorSpec, show_shape
from ...params import Bool, Dtype, Params, Shape
from ..shared.float_types import one_float_type

__all__ = ["Multinomial", "Shuffle"]


@register
class Multinomial(Op):
    """Indices drawn with the probabilities given.

    Parameters
    ----------
    data : Symbol or NDArray
        (..., k): rows of k probabilities that sum to 1.
    shape : tuple of int
        How many indices a row; one by default. The output has shape (...) + shape.
    get_prob : bool
        Whether the logarithms of their probabilities are a second output (with a gradient).
    dtype : str
        Type of the indices, int32 by default.

    Examples
    --------
    >>> import clsym as mx
    >>> mx.nd.sample_multinomial(mx.nd.array([0, 1, 0]), shape=4).asnumpy().tolist()
    [1, 1, 1, 1]

    Source: MXNet 1.9.1, ``sample_multinomial``.
    """

    name = "_sample_multinomial"
    aliases = ("sample_multinomial",)
    random = True
    params = {
        "shape": Shape((), "How many indices a row."),
        "get_prob": Bool(False, "Whether the logarithms of the probabilities are an output."),
        "dtype": Dtype("int32", "Type of the indices."),
    }

    def output_names(self, p: Params) -> tuple[str, ...]:
        return ("output0", "output1") if p.get_prob else ("output",)

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        if any(d < 0 for d in p.shape):
            raise ShapeError(f"shape={p.shape} must not be negative")
        if ins[0] is None:
            return ins, outs
        if not ins[0] or ins[0][-1] == 0:
            raise ShapeError(f"data {show_shape(ins[0])} must have probabilities along its last axis")
        out = (*ins[0][:-1], *p.shape) or (1,)
        return ins, [out] * len(outs)

    def infer_type(self, p: Params, ins: list[str | None], outs: list[str | None]) -> tuple[list[str | None], list[str | None]]:
        types, _ = one_float_type("sample_multinomial", ins, outs[1:])
        return types, [p.dtype, *types][: len(outs)]

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        n = outs[0].size
        prob = len(outs) > 1 and ctx.reqs[1] != "null"
        index_req = ctx.reqs[0]
        if index_req == "null" and not prob:
            return []
        more: dict[str, str | int] = {"S": ctype(outs[0].dtype), "WANT_PROB": int(prob), "REQ_PROB": req_code(ctx.reqs[1]) if prob else 1}
        global_size, local_size = grid(n * min(ins[0].shape[-1], 4096), ctx.traits)
        sizes = (Scalar("long", n), Scalar("long", math.prod(p.shape)), Scalar("long", ins[0].shape[-1]))
        indices = Temp(0, outs[0].nbytes) if index_req == "null" else Out(0)
        args = (In(0), Rng(), Scalar("uint", ctx.stream), *sizes, indices, *((Out(1),) if prob else ()))
        defines = defines_for(ins[0].dtype, "write" if index_req == "null" else index_req, **more)
        return [KernelCall("random/index.cl", "multinomial", args, defines, global_size, local_size)]

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        if len(g.outs) == 1 or g.ograds[1] is None:
            return [None]
        return [g.apply("_backward_sample_multinomial", g.ograd(1), g.input(0), g.output(0))]


@register
class BackwardMultinomial(Op):
    """Gradient of the logarithms of the probabilities of drawn indices."""

    name = "_backward_sample_multinomial"
    hidden = True
    inputs = ("ograd", "data", "indices")

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        return ins, [ins[1]]

    def infer_type(self, p: Params, ins: list[str | None], outs: list[str | None]) -> tuple[list[str | None], list[str | None]]:
        return ins, [ins[1]]

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        classes = outs[0].shape[-1]
        rows = outs[0].size // classes
        global_size, local_size = grid(outs[0].size, ctx.traits)
        sizes = (Scalar("long", rows), Scalar("long", ins[0].size // rows), Scalar("long", classes))
        defines = defines_for(outs[0].dtype, ctx.reqs[0], S=ctype(ins[2].dtype))
        return [
            KernelCall("random/index.cl", "multinomial_backward", (In(0), In(1), In(2), Out(0), *sizes), defines, global_size, local_size)
        ]


@register
class Shuffle(Op):
    """The input with its slices along the first axis in random order.

    Parameters
    ----------
    data : Symbol or NDArray
        Of at least one dimension.

    Source: MXNet 1.9.1, ``shuffle``.
    """

    name = "_shuffle"
    aliases = ("shuffle",)
    random = True

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        out = outs[0]
        rows = out.shape[0] if out.shape else 1
        if rows >= 1 << 31:
            raise ShapeError(f"cannot shuffle {rows} rows; at most {2**31 - 1}")
        order = Temp(0, 4 * rows)
        defines = defines_for(out.dtype, ctx.reqs[0])
        global_size, local_size = grid(out.size, ctx.traits)
        draw = (order, Rng(), Scalar("uint", ctx.stream), Scalar("int", rows))
        move = (In(0), order, Out(0), Scalar("long", out.size), Scalar("long", out.size // rows))
        return [
            KernelCall("random/index.cl", "permutation", draw, defines, (1,), (1,)),
            KernelCall("random/index.cl", "gather_rows", move, defines, global_size, local_size),
        ]
