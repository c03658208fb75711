"""Convolution as kernel calls: each chooses the form for its kind of device, `calls_cpu` or `calls_gpu`."""

from __future__ import annotations

from ...graph.contract.kernel_call import Arg, KernelCall, defines_for
from ...graph.contract.traits import DeviceTraits
from ..shared.epilogue import Epilogue
from . import calls_cpu, calls_gpu
from .column_calls import Columns, col2im
from .geometry import Geometry, ints

__all__ = ["bias_gradient", "data_gradient", "forward", "weight_gradient"]


def forward(
    g: Geometry, data: Arg, weight: Arg, out: Arg, epilogue: Epilogue, dtype: str, req: str, traits: DeviceTraits
) -> list[KernelCall]:
    """``out = activation(convolution of data with weight + bias + residual)``; on CPUs neither activation nor residual."""
    form = calls_cpu.forward if traits.is_cpu else calls_gpu.forward
    return form(g, data, weight, out, epilogue, dtype, req, traits)


def data_gradient(
    g: Geometry, head: Arg, weight: Arg, out: Arg, dtype: str, req: str, traits: DeviceTraits, bias: Arg | None = None
) -> list[KernelCall]:
    """The gradient of the data, from that of the output; with a `bias`, the transposed convolution."""
    if g.channels == g.filters == 1 and not g.depthwise:  # no product: every column is a pixel times the window
        return [col2im(Columns.under(g), head, out, bias, dtype, req, traits, weight)]
    form = calls_cpu.data_gradient if traits.is_cpu else calls_gpu.data_gradient
    return form(g, head, weight, out, bias, dtype, req, traits)


def weight_gradient(g: Geometry, head: Arg, data: Arg, out: Arg, dtype: str, req: str, traits: DeviceTraits) -> list[KernelCall]:
    """The gradient of the weight: a product over the pixels of all images, summed in a fixed order."""
    form = calls_cpu.weight_gradient if traits.is_cpu else calls_gpu.weight_gradient
    return form(g, head, data, out, dtype, req, traits)


def bias_gradient(g: Geometry, head: Arg, out: Arg, dtype: str, req: str, traits: DeviceTraits) -> list[KernelCall]:
    """The gradient of the bias: the sum over images and pixels."""
    items = 1 if traits.is_cpu else min(64, traits.max_work_group_size)
    channels = g.groups * g.filters
    defines, args = defines_for(dtype, req, BIAS_ITEMS=items), (head, out, *ints(g.images, channels, g.pixels))
    return [KernelCall("convolution/bias_gradient.cl", "conv_bias", args, defines, (channels * items,), (items,))]
