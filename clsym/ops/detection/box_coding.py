"""Boxes as seen from anchors, and back: box_encode, box_decode."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...graph.contract.kernel_call import Arg, In, KernelCall, LowerContext, Out, Scalar, compute_type, defines_for, grid
from ...graph.contract.op import Entry, Gradient, Op
from ...graph.contract.registry import register
from ...graph.contract.spec import PartialShape, ShapeError, TensorSpec, unify_shape
from ...params import Enum, Field, Float, Params
from ..shared.float_types import one_float_type
from ..shared.launch_sizes import stretch_grid

__all__ = ["BoxDecode", "BoxEncode"]

_SOURCE = "detection/box_coding.cl"


class _BoxCoding(Op):
    """The type rule and the gradient that both share."""

    def infer_type(self, p: Params, ins: list[str | None], outs: list[str | None]) -> tuple[list[str | None], list[str | None]]:
        return one_float_type(self.name, ins, outs)

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        return [None] * len(g.ins)


@register
class BoxEncode(_BoxCoding):
    """Training targets of boxes: where the box that an anchor is matched with lies and how large it is, as seen from the anchor.

    With center (x, y), width w and height h of the matched box and (x', y', w', h') of the anchor:
    ``((x - x') / w' - m0) / s0, ((y - y') / h' - m1) / s1, (log(w / w') - m2) / s2, (log(h / h') - m3) / s3``.

    Parameters
    ----------
    samples : Symbol or NDArray
        Shape (B, N): greater than 0.5 for positive anchors. The others get zeros.
    matches : Symbol or NDArray
        Shape (B, N): which of the `refs` an anchor is matched with; cut to those that there are.
    anchors : Symbol or NDArray
        Shape (B, N, 4): x1, y1, x2, y2.
    refs : Symbol or NDArray
        Shape (B, M, 4): x1, y1, x2, y2.
    means : Symbol or NDArray
        The four m, shape (4,).
    stds : Symbol or NDArray
        The four s, shape (4,).

    Returns
    -------
    list of Symbol or NDArray
        The targets, and 1 where they count, else 0; both (B, N, 4). They have no gradient (it is zero).

    Raises
    ------
    MXNetError
        Shapes do not fit, or types are not the same floating-point type.

    Examples
    --------
    >>> import clsym as mx
    >>> one, box = mx.nd.ones((1, 1)), mx.nd.array([[[0, 0, 2, 2]]])
    >>> mx.nd.contrib.box_encode(one, one * 0, box, box + 1, mx.nd.zeros(4), mx.nd.ones(4))[0].asnumpy().tolist()
    [[[0.5, 0.5, 0.0, 0.0]]]
    """

    name = "_contrib_box_encode"
    inputs = ("samples", "matches", "anchors", "refs", "means", "stds")
    outputs = ("output0", "output1")

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        samples, matches, anchors, refs, means, stds = ins
        for name, shape, rank in zip(self.inputs[:4], ins[:4], (2, 2, 3, 3), strict=True):
            if shape is not None and len(shape) != rank:
                raise ShapeError(f"{name} must have {rank} dimensions, got {shape}")
        pair = unify_shape(samples, matches, "samples and matches must have the same shape (batch, boxes)")
        for out in (anchors, *outs):
            pair = unify_shape(pair, None if out is None else out[:2], "anchors must be (batch, boxes, 4), with a row for each sample")
        whole = None if pair is None else (*pair, 4)
        anchors = unify_shape(anchors, whole, "anchors must be (batch, boxes, 4), with a row for each sample")
        if pair is not None or refs is not None:
            refs = unify_shape(refs, (pair[0] if pair is not None else -1, -1, 4), "refs must be (batch, boxes, 4)")
        four = [unify_shape(s, (4,), f"{n} must have the shape (4,)") for n, s in zip(self.inputs[4:], (means, stds), strict=True)]
        return [pair, pair, anchors, refs, *four], [whole, whole]

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        batches, n = ins[0].shape
        calls, launch = [], grid(batches * n, ctx.traits, 1024)
        if ctx.reqs[0] != "null":
            extents = Scalar("long", batches), Scalar("long", n), Scalar("long", ins[3].shape[1])
            args: tuple[Arg, ...] = (*(In(i) for i in range(6)), Out(0), *extents)
            calls.append(KernelCall(_SOURCE, "box_encode", args, defines_for(ins[0].dtype, ctx.reqs[0]), *launch))
        if ctx.reqs[1] != "null":
            masks = (In(0), Out(1), Scalar("long", batches * n))
            calls.append(KernelCall(_SOURCE, "box_encode_masks", masks, defines_for(ins[0].dtype, ctx.reqs[1]), *launch))
        return calls


@register
class BoxDecode(_BoxCoding):
    """Boxes from what a network says of them as seen from anchors, the inverse of `box_encode`.

    With center (x', y'), width w' and height h' of the anchor: ``x = p0 * std0 * w' + x', y = p1 * std1 * h' + y',
    w = exp(min(p2 * std2, clip)) * w', h = exp(min(p3 * std3, clip)) * h'``.

    Parameters
    ----------
    data : Symbol or NDArray
        Shape (B, N, 4).
    anchors : Symbol or NDArray
        Shape (1, N, 4).
    std0, std1, std2, std3 : float
        Units of the four numbers.
    clip : float
        The largest logarithm of an extent; none if it is not positive.
    format : {'center', 'corner'}
        Anchors are (x, y, width, height) with the center's x and y, or (x1, y1, x2, y2).

    Returns
    -------
    Symbol or NDArray
        Shape (B, N, 4): x1, y1, x2, y2. It has no gradient (it is zero), as in MXNet.

    Raises
    ------
    MXNetError
        Shapes do not fit, or types are not the same floating-point type.

    Examples
    --------
    >>> import clsym as mx
    >>> mx.nd.contrib.box_decode(mx.nd.array([[[0.5, 0, 0, 0]]]), mx.nd.array([[[1, 1, 2, 2]]])).asnumpy().tolist()
    [[[1.0, 0.0, 3.0, 2.0]]]
    """

    name = "_contrib_box_decode"
    inputs = ("data", "anchors")
    params: dict[str, Field] = {
        **{f"std{i}": Float(1.0, "Unit of a number.") for i in range(4)},
        "clip": Float(-1.0, "The largest logarithm of an extent; none if not positive."),
        "format": Enum(("center", "corner"), "center", "The format of the anchors."),
    }

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        data = unify_shape(ins[0], outs[0])
        for name, shape in zip(self.inputs, (data, ins[1]), strict=True):
            if shape is not None and (len(shape) != 3 or shape[2] not in (4, -1)):
                raise ShapeError(f"{name} must hold boxes, (batch, boxes, 4), got {shape}")
        number = data[1] if data is not None else -1
        if number < 0 and ins[1] is not None:
            number = ins[1][1]
        anchors = unify_shape(ins[1], (1, number, 4), "anchors must be (1, boxes, 4), with a row for each box of data")
        data = unify_shape(data, (-1, number, 4))
        return [data, anchors], [data]

    def inplace(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec]) -> Sequence[tuple[int, int]]:
        return [(0, 0)]

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        batches, n, _ = ins[0].shape
        kind = compute_type(ins[0].dtype)
        numbers = (Scalar(kind, float(np.float32(v))) for v in (p.std0, p.std1, p.std2, p.std3, p.clip))
        args: tuple[Arg, ...] = (In(0), In(1), Out(0), Scalar("long", batches), Scalar("long", n), *numbers)
        defines = defines_for(ins[0].dtype, ctx.reqs[0], CENTER=int(p.format == "center"))
        return [KernelCall(_SOURCE, "box_decode", args, defines, *stretch_grid(batches, n, ctx.traits, 1024))]
