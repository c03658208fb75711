"""Direct convolution over tensors in blocked layout, on CPUs, as kernel calls: see ``kernels/cpu_blocked/convolution.cl``."""

from __future__ import annotations

import math

from ...base import MXNetError
from ...graph.contract.kernel_call import Arg, KernelCall, Local, Scalar, defines_for
from ...graph.contract.traits import DeviceTraits
from ..shared.epilogue import ACTIVATIONS, Epilogue
from .geometry import BlockedGeometry
from .strip import BLOCKS, choose_strip, group_blocks, layout_of, run_length

__all__ = ["forward", "pack", "packed_shape"]

HAS_BIAS, HAS_RESIDUAL, ACCUMULATE, LIMIT, LEAKY = 1, 2, 4, 8, 16


def packed_shape(g: BlockedGeometry, plain: bool = False) -> tuple[int, ...]:
    """Of the packed weight: (groups, panels, blocks of input channels, kh, kw, block, 2 * block).

    A panel is two blocks of output channels, the last axis; the axis before it are the input channels of a block. For a `plain` input
    (1, panels, channels, kh, kw, 1, 2 * block).
    """
    _check(g, plain)
    in_blocks, out_blocks = group_blocks(g)
    panels = -(-out_blocks // BLOCKS)
    return (g.groups, panels, g.channels if plain else in_blocks, *g.kernel, 1 if plain else g.block, BLOCKS * g.block)


def pack(
    g: BlockedGeometry, weight: Arg, out: Arg, traits: DeviceTraits, turned: bool = False, plain: bool = False
) -> list[KernelCall]:  # fmt: skip
    """Pack the weight for `forward`; lanes and panels without a channel become zeros.

    Parameters
    ----------
    g : BlockedGeometry
        The convolution that `forward` will compute.
    weight : Arg
        float32, ``g.weight_shape``: (filters, channels/groups, kh, kw). With `turned`, of the convolution whose data gradient `g` computes
        (``g = original.transposed()``): ``original.weight_shape``, (g.channels, g.filters/groups, kh, kw), and tap (i, j) of filter f and
        channel c becomes tap (kh-1-i, kw-1-j) of filter c and channel f.
    out : Arg
        float32, `packed_shape`.
    """
    groups, panels, blocks, *_, block, _ = packed_shape(g, plain)
    extents = (g.channels // g.groups, g.filters // g.groups, g.taps, block, blocks, panels)
    defines = defines_for("float32", VW=g.block, NV=BLOCKS, TURNED=int(turned))
    args = (weight, out, *(Scalar("int", v) for v in extents))
    return [KernelCall("cpu_blocked/convolution.cl", "blocked_pack", args, defines, (groups * panels * blocks,), (1,))]


def forward(
    g: BlockedGeometry, data: Arg, weight: Arg, out: Arg, epilogue: Epilogue, req: str, traits: DeviceTraits, plain: bool = False
) -> list[KernelCall]:  # fmt: skip
    """``out = activation(convolution + bias + residual)``, or that added to `out`.

    Parameters
    ----------
    g : BlockedGeometry
        Any window, strides, dilations and padding. With groups, channels and filters of a group are multiples of the block.
    data, out : Arg
        float32, ``g.data_shape`` and ``g.out_shape``; a `plain` data is (N, C, H, W), and has no groups.
    weight : Arg
        Packed, see `pack`.
    epilogue : Epilogue
        Its residual may be the memory of `out`.
    req : {'write', 'add'}
        How it is stored.
    """
    _check(g, plain)
    lay, s = layout_of(g, plain), choose_strip(g, plain, traits)
    in_blocks, out_blocks = group_blocks(g)
    flags = (HAS_BIAS if epilogue.bias is not None else 0) | (HAS_RESIDUAL if epilogue.residual is not None else 0)
    flags |= ACCUMULATE if req == "add" else 0
    low, high = epilogue.low, epilogue.high
    if epilogue.activation == "relu":
        low, high = 0.0, math.inf
    if epilogue.activation not in ACTIVATIONS:
        raise MXNetError(f"blocked convolution: activation {epilogue.activation!r} is unknown, expected one of {ACTIVATIONS}")
    flags |= {"none": 0, "relu": LIMIT, "clip": LIMIT, "leaky": LEAKY}[epilogue.activation]
    args = (
        data, weight, out, epilogue.residual or out, epilogue.bias or weight, Local(s.work_bytes),
        Scalar("int4", (lay.images, *lay.input, 0)),
        Scalar("int4", (*lay.output, out_blocks, g.filters // g.groups - (out_blocks - 1) * g.block)),
        Scalar("int8", (*g.kernel, *g.stride, *g.dilate, *g.pad)),
        Scalar("long4", lay.x_strides), Scalar("long4", lay.y_strides),
        Scalar("int8", (s.images, s.rows, s.cols, s.panels, s.depth, int(s.flat))),
        Scalar("int8", (s.row_phases, s.col_phases, s.step, s.pitch, s.packed_rows, g.groups, g.channels if plain else in_blocks)),
        Scalar("int", flags), Scalar("float", low), Scalar("float", high),
    )  # fmt: skip
    defines = defines_for("float32", VW=g.block, NV=BLOCKS, RUN=run_length(g.block), DIRECT=int(lay.direct))
    if plain:
        defines += (("PLAIN", 1), ("SW", g.stride[1]))
    return [KernelCall("cpu_blocked/convolution.cl", "blocked_forward", args, defines, (s.items,), (1,))]


def _check(g: BlockedGeometry, plain: bool) -> None:
    if g.groups > 1 and (plain or g.channels // g.groups % g.block or g.filters // g.groups % g.block):
        raise MXNetError(
            f"blocked convolution: {g.groups} groups of {g.channels // g.groups} channels and {g.filters // g.groups} filters do not fill "
            f"blocks of {g.block}; use the convolution over NCHW"
        )
