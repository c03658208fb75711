"""Dropout."""

from __future__ import annotations

from collections.abc import Sequence

from ...graph.contract.facets import Estimated
from ...graph.contract.kernel_call import Arg, In, KernelCall, LowerContext, Out, Rng, Scalar, compute_type, defines_for, grid
from ...graph.contract.op import Entry, Gradient, Op
from ...graph.contract.registry import register
from ...graph.contract.spec import PartialShape, ShapeError, TensorSpec, unify_shape
from ...graph.rewrite.requests import Blocked
from ...graph.rewrite.rewrite import Rewrite, Rewriting
from ...params import Bool, Enum, Field, Float, Params, Shape
from ..shared.float_types import one_float_type
from ..shared.launch_sizes import batch_grid

__all__ = ["Dropout"]

_STATE_WORDS = 5  # key, counter, stream


def _check(p: Params, shape: PartialShape) -> None:
    if not 0 <= p.p <= 1:
        raise ShapeError(f"p={p.p} exceeds the bound [0, 1]; it is the probability of dropping an element")
    if shape is not None and any(not 0 <= a < len(shape) for a in p.axes):
        raise ShapeError(f"axes={p.axes}: every axis must lie in [0, {len(shape)}), the data having {len(shape)} dimensions")


def _collapsed(shape: tuple[int, ...], axes: Sequence[int]) -> tuple[list[int], list[int]]:
    """Extents of the tensor and strides of the mask, adjacent dimensions of one kind merged, filled up to 8 in front."""
    extents: list[int] = []
    shared: list[bool] = []
    for d, n in enumerate(shape):
        if n == 1:
            continue
        if shared and shared[-1] == (d in axes):
            extents[-1] *= n
        else:
            extents.append(n)
            shared.append(d in axes)
    if len(extents) > 8:
        raise ShapeError(f"axes={tuple(axes)} cut the shape {shape} into more than 8 alternating runs of dimensions")
    strides = []
    step = 1
    for n, is_shared in zip(reversed(extents), reversed(shared), strict=True):
        strides.append(0 if is_shared else step)
        step *= 1 if is_shared else n
    fill = 8 - len(extents)
    return [1] * fill + extents, [0] * fill + strides[::-1]


def _mask_arguments(p: Params, shape: tuple[int, ...], dtype: str) -> tuple[Scalar, ...]:
    """keep, scale, extents and weights of the kernels."""
    keep = 1.0 - p.p
    extents, weights = _collapsed(shape, p.axes) if p.axes else ([1] * 8, [0] * 8)
    return (
        Scalar("uint", round(keep * (1 << 24))),
        Scalar(compute_type(dtype), 1.0 / keep if keep > 0 else 0.0),
        Scalar("int8", tuple(extents)),
        Scalar("int8", tuple(weights)),
    )


_DROPOUT_PARAMS: dict[str, Field] = {
    "p": Float(0.5, "Probability of dropping an element."),
    "mode": Enum(("always", "training"), "training", "Whether to drop in inference, too."),
    "axes": Shape((), "Dimensions along which all elements share their fate."),
    "cudnn_off": Bool(False, "Accepted, without effect.", none=True),
}


@register
class Dropout(Op, Rewriting, Estimated):
    """Dropout: in training, each element becomes 0 with probability `p`, the others are multiplied by 1 / (1 - p).

    In inference the data passes unchanged, unless ``mode='always'``. The mask is not stored: it follows from the random state of the
    forward
    pass, which the backward pass reads. It is the same on every device.

    Parameters
    ----------
    data : Symbol or NDArray
        Of any shape and floating-point type.

    Returns
    -------
    Symbol or NDArray
        Of the data's shape.

    Raises
    ------
    MXNetError
        `p` is not in [0, 1], or an axis is out of range.

    Examples
    --------
    >>> import clsym as mx
    >>> mx.nd.Dropout(mx.nd.array([1, 2]), p=0.5).asnumpy()
    array([1., 2.], dtype=float32)

    Notes
    -----
    Srivastava et al., Journal of Machine Learning Research 15 (2014); after MXNet's ``Dropout``, except that ``p=1`` gives zeros.
    """

    name = "Dropout"
    random = True
    params = _DROPOUT_PARAMS
    outputs = ("output", "mask")

    def num_visible(self, p: Params) -> int:
        return 1

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        data = unify_shape(ins[0], outs[0])
        _check(p, data)
        if ins[0] is None:  # nothing follows from the output alone
            return ins, [outs[0], (_STATE_WORDS,)]
        return [data], [data, (_STATE_WORDS,)]

    def infer_type(self, p: Params, ins: list[str | None], outs: list[str | None]) -> tuple[list[str | None], list[str | None]]:
        data, out = one_float_type(self.name, ins, outs[:1])
        return data, [*out, "int32"]

    def inplace(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec]) -> Sequence[tuple[int, int]]:
        return ((0, 0),)

    def rewrite(self, r: Rewrite) -> Sequence[Entry | Blocked] | None:
        if r.train or r.p.mode != "training" or r.used(1):
            return None
        return [r.passed(0), r.node.out(1)]

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        if not g.train and g.p.mode == "training":
            return [g.ograd()]
        return [g.apply("_backward_Dropout", g.ograd(), g.output(1), p=g.p.p, axes=g.p.axes)]

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        n = ins[0].size
        dtype = ins[0].dtype
        want_state = len(ctx.reqs) > 1 and ctx.reqs[1] != "null"
        if not ctx.train and p.mode == "training":
            # nothing reads the state then: there is no backward pass in inference
            defines = defines_for(dtype, ctx.reqs[0])
            return [KernelCall("random/dropout.cl", "dropout_copy", (In(0), Out(0), Scalar("long", n)), defines, *grid(n, ctx.traits))]
        defines = defines_for(dtype, ctx.reqs[0], AXES=int(bool(p.axes)), WANT_STATE=int(want_state))
        state = Out(1) if want_state else Rng()  # unused when not wanted
        stream = Scalar("uint", ctx.stream & 0xFFFFFFFF)
        args: tuple[Arg, ...] = (
            In(0),
            Rng(),
            Out(0) if ctx.reqs[0] != "null" else In(0),
            state,
            Scalar("long", n),
            stream,
            *_mask_arguments(p, ins[0].shape, dtype),
        )
        return [KernelCall("random/dropout.cl", "dropout", args, defines, *_blocks(n, p, ctx))]

    def cost(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec]) -> tuple[int, int]:
        return 20 * ins[0].size, 2 * ins[0].nbytes


def _blocks(n: int, p: Params, ctx: LowerContext) -> tuple[tuple[int], tuple[int]]:
    return grid(n, ctx.traits) if p.axes else batch_grid(n, ctx.traits, gpu=4)


_DROPOUT_BACKWARD_PARAMS: dict[str, Field] = {"p": Float(0.5), "axes": Shape(())}


@register
class DropoutBackward(Op):
    """Gradient of dropout: the head gradient times the mask, computed again."""

    name = "_backward_Dropout"
    hidden = True
    inputs = ("ograd", "state")
    params = _DROPOUT_BACKWARD_PARAMS

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        data = unify_shape(ins[0], outs[0])
        return [data, (_STATE_WORDS,)], [data]

    def infer_type(self, p: Params, ins: list[str | None], outs: list[str | None]) -> tuple[list[str | None], list[str | None]]:
        data = ins[0] or outs[0]
        return [data, "int32"], [data]

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        return [g.apply(self.name, g.ograd(), g.input(1), p=g.p.p, axes=g.p.axes), None]

    def inplace(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec]) -> Sequence[tuple[int, int]]:
        return ((0, 0),)

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        n = outs[0].size
        args: tuple[Arg, ...] = (In(0), In(1), Out(0), Scalar("long", n), *_mask_arguments(p, outs[0].shape, outs[0].dtype))
        defines = defines_for(outs[0].dtype, ctx.reqs[0], AXES=int(bool(p.axes)))
        return [KernelCall("random/dropout.cl", "dropout_backward", args, defines, *_blocks(n, p, ctx))]
