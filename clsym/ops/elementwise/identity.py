"""Operators that pass their input on, or its shape: identity, BlockGrad, make_loss, MakeLoss, zeros_like, ones_like."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from ...base import MXNetError
from ...graph.contract.facets import Estimated, Pointwise
from ...graph.contract.kernel_call import KernelCall, LowerContext, Out
from ...graph.contract.op import Entry, Gradient, Op
from ...graph.contract.registry import register
from ...graph.contract.spec import PartialShape, TensorSpec
from ...params import Dtype, Enum, Float, Params, Shape
from ..shared.strided import fill, flat_copy, row_major

__all__ = ["Identity"]


class OfOneInput(Op):
    """Base: the output has the shape and type of the input. The class's own documentation is completed by what holds for all of them."""

    example = ("", "")
    """The function's name and what it makes of [1, 2]; empty where the documentation is complete."""

    def doc(self) -> str:
        """The documentation."""
        about, (function, result) = super().doc(), self.example
        if not function:
            return about
        return (
            f"{about}\n\nParameters\n----------\ndata : Symbol or NDArray\n    Of any shape and type.\n\n"
            "Returns\n-------\nSymbol or NDArray\n    Of the shape and type of `data`.\n\n"
            f"Examples\n--------\n>>> mx.nd.{function}(mx.nd.array([1, 2])).asnumpy().tolist()\n{result}\n"
        )


class Identity(OfOneInput, Pointwise, Estimated):
    """Base: the output is the first input. No kernel runs where the planner can alias."""

    def view(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec]) -> Mapping[int, tuple[int, int]]:
        return {0: (0, 0)}

    def inplace(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec]) -> Sequence[tuple[int, int]]:
        return ((0, 0),)

    def pointwise(self, p: Params) -> Literal["", "any", "zero"]:
        return "zero"

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        return [g.ograd(), *[None] * (len(g.ins) - 1)]

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        return flat_copy(outs[0].size, outs[0].dtype, ctx, ctx.reqs[0])

    def cost(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec]) -> tuple[int, int]:
        return 0, 2 * outs[0].nbytes


@register
class Copy(Identity):
    """The input as it is."""

    name = "_copy"
    example = ("identity", "[1.0, 2.0]")
    aliases = ("identity",)


@register
class CopyTo(Identity):
    """The input, copied to where the result is wanted: what ``NDArray.copyto`` calls."""

    name = "_copyto"


@register
class CastStorage(Identity):
    """The input as it is; conversion to a sparse storage type is an error.

    Parameters
    ----------
    data : Symbol or NDArray
        Of any shape and type.
    stype : {'default', 'csr', 'row_sparse'}

    Raises
    ------
    MXNetError
        The storage type is a sparse one.

    Examples
    --------
    >>> mx.nd.cast_storage(mx.nd.array([1, 2]), 'default').asnumpy().tolist()
    [1.0, 2.0]
    """

    name = "cast_storage"
    params = {"stype": Enum(("csr", "default", "row_sparse"), doc="The storage type; only 'default', which is dense, exists here.")}

    def parse(self, given: Mapping[str, Any], node_name: str = "") -> Params:
        p = super().parse(given, node_name)
        if p.stype != "default":
            where = f" (node {node_name!r})" if node_name else ""
            raise MXNetError(
                f"operator cast_storage{where}: arrays are dense here, so stype={p.stype!r} cannot be had; use stype='default'"
            )
        return p


@register
class IdentityLike(Identity):
    """The first input; shape and type are inferred from the second as well, whose values are not read.

    Parameters
    ----------
    lhs : Symbol or NDArray
        What is passed on.
    rhs : Symbol or NDArray
        Of the shape and type of `lhs`. It gets no gradient.
    """

    name = "_identity_with_attr_like_rhs"
    inputs = ("lhs", "rhs")


@register
class BlockGrad(Identity):
    """The input as it is, without a gradient: nothing before it learns through it."""

    name = "BlockGrad"
    example = ("BlockGrad", "[1.0, 2.0]")
    aliases = ("stop_gradient",)

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        return [None]


@register
class MakeLossSimple(Identity):
    """The input as it is, as a loss: its gradient is 1 everywhere, whatever the head gradient."""

    name = "make_loss"
    example = ("make_loss", "[1.0, 2.0]")
    outputs = ("loss",)
    is_loss = True

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        return [g.apply("_filled", shape=g.ins[0].shape, dtype=g.ins[0].dtype, value=1.0)]


@register
class MakeLoss(Identity):
    """The input as it is, as a loss: its gradient is `grad_scale`, normalized, whatever the head gradient.

    Parameters
    ----------
    data : Symbol or NDArray
        Of any shape and floating-point type.
    grad_scale : float
        The gradient of every element.
    valid_thresh : float
        Elements above it count as valid.
    normalization : {'null', 'batch', 'valid'}
        Divide the gradient by 1, by the product of all extents but the last, or by the number of valid elements (at least 1).

    Returns
    -------
    Symbol or NDArray
        Of the shape and type of `data`.

    Examples
    --------
    >>> mx.nd.MakeLoss(mx.nd.array([1, 2]), grad_scale=2).asnumpy().tolist()
    [1.0, 2.0]
    """

    name = "MakeLoss"
    is_loss = True
    params = {
        "grad_scale": Float(1.0, "The gradient of every element."),
        "valid_thresh": Float(0.0, "Elements above it count as valid."),
        "normalization": Enum(("batch", "null", "valid"), "null", "What the gradient is divided by."),
    }

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        return super().infer_shape(p, ins, outs) if ins[0] is not None else (ins, outs)  # nothing follows from the output alone

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        spec, p = g.ins[0], g.p
        if p.normalization != "valid" or spec.size == 0:
            count = math.prod(spec.shape[:-1]) if p.normalization == "batch" and spec.size else 1
            return [g.apply("_filled", shape=spec.shape, dtype=spec.dtype, value=p.grad_scale / count)]
        valid = g.apply("Cast", g.apply("_greater_scalar", g.input(0), scalar=p.valid_thresh), dtype="float32")  # float16 cannot count far
        count_of = g.apply("_maximum_scalar", g.apply("_sum_to_shape", valid, shape=(1,) * len(spec.shape)), scalar=1.0)
        each = g.apply("Cast", g.apply("_rdiv_scalar", count_of, scalar=p.grad_scale), dtype=spec.dtype)
        return [g.apply("broadcast_to", each, shape=spec.shape)]


# ------------------------------------------------------------------------------------------------------------------ constants


class Constant(OfOneInput):
    """Base: every element of the output is `value`; the input gives the shape."""

    value = 0.0

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        return [None]

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        out = outs[0]
        return fill(
            Out(0),
            (out.size,),
            row_major((out.size,)),
            getattr(p, "value", self.value) if p.items() else self.value,
            out.dtype,
            ctx,
            ctx.reqs[0],
        )


@register
class ZerosLike(Constant):
    """Zeros of the shape and type of the input, whose values are not read."""

    name = "zeros_like"
    example = ("zeros_like", "[0.0, 0.0]")


@register
class OnesLike(Constant):
    """Ones of the shape and type of the input, whose values are not read."""

    name = "ones_like"
    example = ("ones_like", "[1.0, 1.0]")
    value = 1.0


@register
class Filled(Constant):
    """One value everywhere: the gradient of losses."""

    name = "_filled"
    hidden = True
    inputs = ()
    params = {"shape": Shape(), "dtype": Dtype(), "value": Float()}

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        return [], [p.shape]

    def infer_type(self, p: Params, ins: list[str | None], outs: list[str | None]) -> tuple[list[str | None], list[str | None]]:
        return [], [p.dtype]

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        return []
