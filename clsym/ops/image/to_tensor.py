"""From images of bytes to what layers read: to_tensor, normalize."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ...differences import differs
from ...graph.contract.kernel_call import Arg, In, KernelCall, LowerContext, Out, Scalar, ctype, defines_for
from ...graph.contract.op import Entry, Gradient, Op
from ...graph.contract.registry import register
from ...graph.contract.spec import PartialShape, ShapeError, TensorSpec, show_shape
from ...params import Floats, Params, Str
from ..shared.launch_sizes import stretch_grid
from .shapes import check_image, real_type

__all__ = ["Normalize", "ToTensor"]

_SOURCE = "image/to_tensor.cl"


def _planes(shape: Sequence[int]) -> tuple[int, int, int]:
    """Planes, channels and pixels of (N, C, H, W) or (C, H, W)."""
    return math.prod(shape[:-2]), shape[-3], math.prod(shape[-2:])


@register
class ToTensor(Op):
    """An image of values in [0, 255] as float32 in [0, 1], its channels first: ``out[..., c, i, j] = data[..., i, j, c] / 255``.

    Parameters
    ----------
    data : Symbol or NDArray
        (H, W, C) or (N, H, W, C), of any type.

    Returns
    -------
    Symbol or NDArray
        (C, H, W) or (N, C, H, W), float32.

    Examples
    --------
    >>> import clsym as mx
    >>> mx.nd.image.to_tensor(mx.nd.array([[[0, 51, 255]]], dtype='uint8')).asnumpy().ravel().tolist()
    [0.0, 0.20000000298023224, 1.0]

    Source: MXNet 1.9.1, ``image.to_tensor``.
    """

    name = "_image_to_tensor"

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        data = ins[0]
        check_image(data, True)
        if data is None:
            return ins, outs
        return ins, [(*data[:-3], data[-1], *data[-3:-1])]

    def infer_type(self, p: Params, ins: list[str | None], outs: list[str | None]) -> tuple[list[str | None], list[str | None]]:
        return ins, ["float32"]

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        return [g.apply("_backward_image_to_tensor", g.ograd(), dtype=g.ins[0].dtype)]

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        rows, channels, length = _planes(outs[0].shape)
        defines = defines_for("float32", ctx.reqs[0], S=ctype(ins[0].dtype), R=real_type(ins[0].dtype))
        args = (In(0), Out(0), Scalar("long", rows), Scalar("long", channels), Scalar("long", length))
        return [KernelCall(_SOURCE, "to_tensor", args, defines, *stretch_grid(rows, length, ctx.traits))]


@register
class ToTensorBackward(Op):
    """Gradient of `_image_to_tensor`."""

    name = "_backward_image_to_tensor"
    hidden = True
    inputs = ("ograd",)
    params = {"dtype": Str("float32")}

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        ograd = ins[0]
        if ograd is None:
            return ins, outs
        return ins, [(*ograd[:-3], *ograd[-2:], ograd[-3])]

    def infer_type(self, p: Params, ins: list[str | None], outs: list[str | None]) -> tuple[list[str | None], list[str | None]]:
        return ["float32"], [p.dtype]

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        return [g.apply("_image_to_tensor", g.ograd())]

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        _, channels, length = _planes(ins[0].shape)
        rows = outs[0].size // channels
        args = (In(0), Out(0), Scalar("long", rows), Scalar("long", channels), Scalar("long", length))
        defines = defines_for(outs[0].dtype, ctx.reqs[0])
        return [KernelCall(_SOURCE, "to_tensor_backward", args, defines, *stretch_grid(rows, channels, ctx.traits))]


@register
class Normalize(Op):
    """Images less the mean of each channel, divided by its deviation: ``out[..., c, i, j] = (data[..., c, i, j] - mean[c]) / std[c]``.

    Integers are computed in float32 and rounded towards zero.

    Parameters
    ----------
    data : Symbol or NDArray
        (C, H, W) or (N, C, H, W), of one or three channels.
    mean, std : float or tuple of float
        One number for all channels or one for each; 0 and 1 by default.

    Raises
    ------
    MXNetError
        The channels are not one or three, or as many as the numbers.

    Examples
    --------
    >>> import clsym as mx
    >>> mx.nd.image.normalize(mx.nd.ones((3, 1, 1)), mean=(0, 1, 2), std=(1, 2, 4)).asnumpy().ravel().tolist()
    [1.0, 0.0, -0.25]

    Source: MXNet 1.9.1, ``image.normalize``.
    """

    name = "_image_normalize"
    params = {
        "mean": Floats((0.0, 0.0, 0.0, 0.0), "Means of the channels."),
        "std": Floats((1.0, 1.0, 1.0, 1.0), "Standard deviations of the channels."),
    }

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        data = ins[0]
        if data is None:
            return ins, outs
        if len(data) not in (3, 4):
            raise ShapeError(f"data must have shape (channels, height, width) or (N, channels, height, width), got {show_shape(data)}")
        channels = data[-3]
        if channels >= 0:
            if channels not in (1, 3):
                raise ShapeError(f"data {show_shape(data)} must have 1 or 3 channels, not {channels}")
            for what, numbers in (("mean", p.mean), ("std", p.std)):
                if numbers not in (self.params[what].default, None) and len(numbers) not in (1, channels):
                    raise ShapeError(f"Invalid {what} for input with shape {show_shape(data)}: 1 or {channels} elements, got {numbers}")
        return ins, [data]

    def inplace(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec]) -> Sequence[tuple[int, int]]:
        return ((0, 0),)

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        return [g.apply("_backward_image_normalize", g.ograd(), std=g.p.std)]

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        return [_affine(p.mean, p.std, outs[0], ctx)]


@register
class NormalizeBackward(Op):
    """Gradient of `_image_normalize`."""

    name = "_backward_image_normalize"
    hidden = True
    inputs = ("ograd",)
    params = {"std": Floats()}

    def inplace(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec]) -> Sequence[tuple[int, int]]:
        return ((0, 0),)

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        return [g.apply(self.name, g.ograd(), std=g.p.std)]

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        return [_affine((0.0,), p.std, outs[0], ctx)]


def _affine(mean: Sequence[float], std: Sequence[float], out: TensorSpec, ctx: LowerContext) -> KernelCall:
    """A launch that computes (x - mean) / std by channels."""
    rows, channels, length = _planes(out.shape)
    numbers = (Scalar("float4", (*(v[k if k < len(v) else 0] for k in range(3)), 0.0)) for v in (mean, std))
    defines = defines_for(out.dtype, ctx.reqs[0], R=real_type(out.dtype))
    args: tuple[Arg, ...] = (In(0), Out(0), Scalar("long", rows), Scalar("long", channels), Scalar("long", length), *numbers)
    return KernelCall(_SOURCE, "normalize_image", args, defines, *stretch_grid(rows, length, ctx.traits))


differs(
    "_image_to_tensor",
    "its gradient",
    "x = mx.nd.ones((1, 2, 1)); x.attach_grad()\n"
    "with mx.autograd.record():\n"
    "    y = mx.nd.image.to_tensor(x)\n"
    "y.backward(mx.nd.ones((1, 1, 2)) * 255)\n"
    "print(x.grad.asnumpy().ravel())",
    ours="[1. 1.]",
    mxnet="an error: the shapes are incompatible; for a Symbol the head gradient, undivided and in its own order",
    why="MXNet passes the head gradient on as if the operator were a copy.",
)
