"""Pooling and its gradient as kernel calls, by kind of device: see ``kernels/pooling/``."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ...graph.contract.kernel_call import Arg, In, KernelCall, LowerContext, Out, Scalar, defines_for, grid
from ...graph.contract.spec import TensorSpec
from ...params import Params
from ..shared.launch_sizes import group_size
from .window import Window, is_global, window_of

__all__ = ["backward_cpu", "backward_gpu", "forward_cpu", "forward_gpu"]

_MODES = {"max": 0, "sum": 1, "avg": 2, "lp": 3}


def _three(values: Sequence[int], fill: int) -> tuple[int, int, int, int]:
    """Padded in front to three dimensions, and to the width of an int4."""
    a, b, c = (fill,) * (3 - len(values)) + tuple(values)
    return (a, b, c, 0)


def _scalars(planes: int, extents: Sequence[int], window: Window) -> tuple[Scalar, ...]:
    return (
        Scalar("long", planes),
        Scalar("int4", _three(extents, 1)),
        Scalar("int4", _three(window.out, 1)),
        Scalar("int4", _three(window.kernel, 1)),
        Scalar("int4", _three(window.stride, 1)),
        Scalar("int4", _three(window.pad, 0)),
    )


def _defines(
    legacy: bool, p: Params, dtype: str, req: str, stride_w: int, window: int = 0, **more: int
) -> tuple[tuple[str, str | int], ...]:
    if legacy:
        count = 2
    else:
        count = 0 if p.count_include_pad is False else 1
    return defines_for(
        dtype,
        req,
        MODE=_MODES[p.pool_type],
        P_VALUE=(getattr(p, "p_value", None) or 2) if p.pool_type == "lp" else 2,
        COUNT=count if p.pool_type == "avg" else 1,
        ALL_TIES=int(legacy),
        PAD_ZERO=int(legacy and p.pool_type == "max"),
        SW=stride_w if stride_w <= 2 else 0,
        K=window,
        **more,
    )


def _unrolled(window: Window) -> int:
    """The height and width of the windows that a CPU's loops are unrolled for, or 0."""
    return window.kernel[-1] if window.kernel[-2:] in ((2, 2), (3, 3)) else 0


def forward_cpu(legacy: bool, p: Params, data: TensorSpec, out: TensorSpec, ctx: LowerContext) -> list[KernelCall]:
    """The launch of a pooling on a CPU: a work-item computes whole rows, or whole planes of one window."""
    source, planes, extents = "pooling/forward_cpu.cl", math.prod(data.shape[:2]), data.shape[2:]
    window = window_of(p, extents)
    if is_global(window, extents):
        n = math.prod(extents)
        defines = _defines(legacy, p, data.dtype, ctx.reqs[0], 1)
        size = grid(planes, ctx.traits, max(16, 65536 // n))
        return [KernelCall(source, "pool_global", (In(0), Out(0), Scalar("long", planes), Scalar("long", n)), defines, *size)]
    defines = _defines(legacy, p, data.dtype, ctx.reqs[0], window.stride[-1], _unrolled(window))
    size = grid(out.size // window.out[-1], ctx.traits, 16)
    return [KernelCall(source, "pool", (In(0), Out(0), *_scalars(planes, extents, window)), defines, *size)]


def forward_gpu(legacy: bool, p: Params, data: TensorSpec, out: TensorSpec, ctx: LowerContext) -> list[KernelCall]:
    """The launch of a pooling on a GPU: a work-item an element, or a work-group a plane of one window."""
    source, planes, extents = "pooling/forward_gpu.cl", math.prod(data.shape[:2]), data.shape[2:]
    window = window_of(p, extents)
    if is_global(window, extents):
        local = group_size(128, ctx.traits)
        defines = _defines(legacy, p, data.dtype, ctx.reqs[0], 1, LOCAL=local)
        args = (In(0), Out(0), Scalar("long", planes), Scalar("long", math.prod(extents)))
        return [KernelCall(source, "pool_global", args, defines, (planes * local,), (local,))]
    defines = _defines(legacy, p, data.dtype, ctx.reqs[0], window.stride[-1])
    size = grid(out.size, ctx.traits, 16)
    return [KernelCall(source, "pool", (In(0), Out(0), *_scalars(planes, extents, window)), defines, *size)]


def _reads(ins: Sequence[TensorSpec]) -> tuple[In, In, In]:
    """The head gradient, the data and the output; the head gradient again where the others are not read."""
    return (In(0), In(1), In(2)) if len(ins) == 3 else (In(0), In(0), In(0))


def backward_cpu(legacy: bool, p: Params, ins: Sequence[TensorSpec], dx: TensorSpec, ctx: LowerContext) -> list[KernelCall]:
    """The launch of the gradient on a CPU: a work-item computes planes, or rows where there are too few."""
    source, planes, extents = "pooling/backward_cpu.cl", math.prod(dx.shape[:2]), dx.shape[2:]
    window, traits = window_of(p, extents), ctx.traits
    if is_global(window, extents):
        n = math.prod(extents)
        by_value = (p.pool_type == "lp" and p.p_value > 1) or (p.pool_type == "max" and legacy)
        size = grid(planes * n, traits) if by_value else grid(planes, traits, max(1, 65536 // n))
        defines = _defines(legacy, p, dx.dtype, ctx.reqs[0], 1)
        args = (*_reads(ins), Out(0), Scalar("long", planes), Scalar("long", n))
        return [KernelCall(source, "pool_global_backward", args, defines, *size)]
    entry, size = "pool_backward", grid(dx.size // extents[-1], traits, 16)
    # a plane is summed up in place, which float16 would round each time
    if planes >= traits.compute_units and dx.dtype != "float16":
        entry, size = "pool_scatter", ((min(planes, 8 * traits.compute_units),), (1,))
    defines = _defines(legacy, p, dx.dtype, ctx.reqs[0], window.stride[-1], _unrolled(window))
    return [KernelCall(source, entry, (*_reads(ins), Out(0), *_scalars(planes, extents, window)), defines, *size)]


def backward_gpu(legacy: bool, p: Params, ins: Sequence[TensorSpec], dx: TensorSpec, ctx: LowerContext) -> list[KernelCall]:
    """The launch of the gradient on a GPU: a work-item an element, or a plane whose first maximum is looked for."""
    source, planes, extents = "pooling/backward_gpu.cl", math.prod(dx.shape[:2]), dx.shape[2:]
    window = window_of(p, extents)
    if is_global(window, extents):
        n = math.prod(extents)
        first = p.pool_type == "max" and not legacy
        size = grid(planes, ctx.traits, max(1, 65536 // n)) if first else grid(planes * n, ctx.traits)
        defines = _defines(legacy, p, dx.dtype, ctx.reqs[0], 1)
        args: tuple[Arg, ...] = (*_reads(ins), Out(0), Scalar("long", planes), Scalar("long", n))
        return [KernelCall(source, "pool_global_backward", args, defines, *size)]
    defines = _defines(legacy, p, dx.dtype, ctx.reqs[0], window.stride[-1])
    args = (*_reads(ins), Out(0), *_scalars(planes, extents, window))
    return [KernelCall(source, "pool_backward", args, defines, *grid(dx.size, ctx.traits, 16))]
