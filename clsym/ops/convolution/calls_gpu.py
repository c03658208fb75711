"""Convolution on GPUs as kernel calls: see ``kernels/convolution/*_gpu.cl``."""

from __future__ import annotations

import math

from ...graph.contract.kernel_call import Arg, KernelCall, Scalar, compute_type, defines_for, grid
from ...graph.contract.traits import DeviceTraits
from ..shared.epilogue import ACTIVATIONS, Epilogue
from .geometry import Geometry, extents, ints

__all__ = ["data_gradient", "forward", "weight_gradient"]


def _tile(
    entry: str, args: tuple[Arg, ...], g: Geometry, m: int, n: int, dtype: str, req: str, **more: str | int
) -> KernelCall:  # fmt: skip
    scalars = (*ints(g.images, g.groups, g.filters, g.channels), *map(extents, (g.input, g.output, g.kernel, g.stride, g.dilate, g.pad)))
    size = (-(-n // 64) * 16, -(-m // 64) * 16, g.groups)
    return KernelCall("convolution/convolution_gpu.cl", entry, (*args, *scalars), defines_for(dtype, req, **more), size, (16, 16, 1))


def _depthwise(
    entry: str, args: tuple[Arg, ...], numbers: tuple[Scalar, ...], g: Geometry, size: int, dtype: str, req: str, traits: DeviceTraits,
    **more: int,
) -> list[KernelCall]:  # fmt: skip
    kd, kh, kw = g.kernel
    defines = defines_for(dtype, req, KD=kd, KH=kh, KW=kw, SW=g.stride[2], **more)
    shape, local = ((size * 64,), (64,)) if entry == "depthwise_weight" else grid(size, traits)
    sizes = map(extents, (g.input, g.output, g.stride, g.dilate, g.pad))
    return [KernelCall("convolution/depthwise_gpu.cl", entry, (*args, *numbers, *sizes), defines, shape, local)]


def forward(
    g: Geometry, data: Arg, weight: Arg, out: Arg, epilogue: Epilogue, dtype: str, req: str, traits: DeviceTraits
) -> list[KernelCall]:
    """``out = activation(convolution of data with weight + bias + residual)``."""
    bias, residual = epilogue.bias, epilogue.residual
    limits = tuple(Scalar(compute_type(dtype), v) for v in (epilogue.low, epilogue.high))
    args = (data, weight, out, bias if bias is not None else weight, residual if residual is not None else weight, *limits)
    chosen = {"RESIDUAL": int(residual is not None), "ACTIVATION": ACTIVATIONS.index(epilogue.activation)}
    if g.depthwise:
        channels, planes = g.groups * g.filters, g.images * g.groups * g.filters
        numbers = (Scalar("long", planes), *ints(channels, g.filters))
        chosen["BIAS"] = int(bias is not None)
        return _depthwise("depthwise_forward", args, numbers, g, planes * g.pixels, dtype, req, traits, **chosen)
    chosen["BIAS"] = 2 if bias is not None else 0
    return [_tile("conv_forward", args, g, g.filters, g.images * g.pixels, dtype, req, **chosen)]


def data_gradient(
    g: Geometry, head: Arg, weight: Arg, out: Arg, bias: Arg | None, dtype: str, req: str, traits: DeviceTraits
) -> list[KernelCall]:
    """The gradient of the data, from that of the output; with `bias`, a value a channel of the data, added to it."""
    args = (head, weight, out, bias if bias is not None else weight)
    if g.depthwise:
        planes = g.images * g.groups * g.channels
        numbers = (Scalar("long", planes), *ints(g.groups, g.filters))
        size = planes * math.prod(g.input)
        return _depthwise("depthwise_data", args, numbers, g, size, dtype, req, traits, BIAS=int(bias is not None))
    chosen = 2 if bias is not None else 0
    return [_tile("conv_data", args, g, g.channels, g.images * math.prod(g.input), dtype, req, BIAS=chosen)]


def weight_gradient(g: Geometry, head: Arg, data: Arg, out: Arg, dtype: str, req: str, traits: DeviceTraits) -> list[KernelCall]:
    """The gradient of the weight: a product over the pixels of all images, summed in a fixed order."""
    if g.depthwise:
        channels = g.groups * g.filters
        numbers = ints(g.images, channels, g.filters)
        return _depthwise("depthwise_weight", (data, head, out), numbers, g, channels * g.taps, dtype, req, traits)
    return [_tile("conv_weight", (data, head, out), g, g.filters, g.depth, dtype, req, A_K_FAST=1, B_K_FAST=1)]
