"""How batch normalisation shares out its work by kind of device, and the launches that its operators have in common."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from ...graph.contract.kernel_call import In, KernelCall, LowerContext, Out, Scalar, Temp, compute_type, defines_for, grid
from ...graph.contract.spec import ShapeError, TensorSpec
from ...graph.contract.traits import DeviceTraits
from ...params import Params
from ..shared.launch_sizes import group_size

__all__ = ["EPS", "PER_CHANNEL", "Split", "apply_calls", "channel_axis", "index_type", "split"]

EPS = 0.0010000000474974513
"""float32(1e-3): MXNet's defaults are float32 values."""

PER_CHANNEL = "norm/batch_norm.cl"
"""The file of the kernels that do something once a channel; `Split.source` has those that go through the data."""


def channel_axis(p: Params, ndim: int) -> int:
    """The axis of the channels, counted from the front.

    Raises
    ------
    ShapeError
        There is no such axis.
    """
    axis = int(getattr(p, "axis", 1))
    if not -ndim <= axis < ndim:
        raise ShapeError(f"Channel axis out of range: axis={axis}, the data has {ndim} dimensions; give one in [{-ndim}, {ndim})")
    return axis % ndim


@dataclass(frozen=True)
class Split:
    """A tensor seen as (outer, channels, inner), and each channel's elements cut into `parts` pieces of `size` for the reductions.

    Attributes
    ----------
    rows : bool
        Whether the kernels for inner == 1 are to be used, whose pieces are rows.
    source : str
        The file of the kernels.
    reduction, local : tuple of int
        Global and local size of the reductions.
    """

    outer: int
    channels: int
    inner: int
    parts: int
    size: int
    rows: bool
    source: str
    reduction: tuple[int, int]
    local: tuple[int, int]

    @property
    def count(self) -> int:
        """Elements of a channel."""
        return self.outer * self.inner


def _pieces(count: int, wanted: int, least: int) -> tuple[int, int]:
    """How many pieces `count` elements are cut into, and of what size: as many as `wanted` if they have at least `least` elements."""
    size = -(-count // max(1, min(wanted, count // least)))
    return -(-count // size), size


def _on_cpu(outer: int, channels: int, inner: int, traits: DeviceTraits) -> Split:
    rows = inner == 1
    lines = -(-channels // 8) if rows else channels  # what one work-item takes
    parts, size = _pieces(outer * inner, -(-4 * traits.compute_units // lines), 2048 if rows else 16384)
    return Split(outer, channels, inner, parts, size, rows, "norm/batch_norm_cpu.cl", (lines, parts), (1, 1))


def _on_gpu(outer: int, channels: int, inner: int, traits: DeviceTraits) -> Split:
    parts, size = _pieces(outer * inner, -(-16 * traits.compute_units // channels), 2048)
    local = group_size(256, traits)
    return Split(outer, channels, inner, parts, size, False, "norm/batch_norm_gpu.cl", (channels * local, parts), (local, 1))


def split(p: Params, shape: tuple[int, ...], traits: DeviceTraits) -> Split:
    """How a tensor of `shape` is shared out on a device."""
    axis = channel_axis(p, len(shape))
    return (_on_cpu if traits.is_cpu else _on_gpu)(math.prod(shape[:axis]), shape[axis], math.prod(shape[axis + 1 :]), traits)


def index_type(shape: tuple[int, ...]) -> str:
    """The type of indices in divisions."""
    return "uint" if math.prod(shape) < 1 << 31 else "long"


def apply_calls(
    p: Params, s: Split, ins: Sequence[TensorSpec], ctx: LowerContext, mean: In | Out | Temp, var: In | Out | Temp, inverse: int
) -> list[KernelCall]:
    """The launches that normalise data by given statistics."""
    ct = compute_type(ins[0].dtype)
    defines = defines_for(ins[0].dtype, ctx.reqs[0], INV=inverse, LOCAL=s.local[0], INDEX=index_type(ins[0].shape), REQ1=1, REQ2=1)
    channels, eps, fixed = Scalar("int", s.channels), Scalar(ct, p.eps), Scalar("int", int(p.fix_gamma))
    if s.rows:
        scale = Temp(3, s.channels * ins[1].itemsize)
        rows = grid(s.outer, ctx.traits, max(16, 4096 // s.channels))
        return [
            KernelCall(PER_CHANNEL, "bn_scale", (In(1), var, scale, channels, eps, fixed), defines, *grid(s.channels, ctx.traits, 256)),
            KernelCall(s.source, "bn_apply_rows", (In(0), scale, In(2), mean, Out(0), channels, Scalar("long", s.outer)), defines, *rows),
        ]
    args = (In(0), In(1), In(2), mean, var, Out(0), channels, Scalar("long", s.inner), Scalar("long", ins[0].size), eps, fixed)
    return [KernelCall(s.source, "bn_apply", args, defines, *grid(ins[0].size, ctx.traits))]
