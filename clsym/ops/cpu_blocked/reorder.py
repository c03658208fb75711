"""Reorders between NCHW and the blocked layout that vector units like: (N, ceil(C / b), H, W, b)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ...graph.contract.facets import Estimated
from ...graph.contract.kernel_call import In, KernelCall, LowerContext, Out, Scalar, defines_for
from ...graph.contract.op import Entry, Gradient, Op
from ...graph.contract.registry import register
from ...graph.contract.spec import PartialShape, ShapeError, TensorSpec, show_shape, unify_shape
from ...graph.contract.traits import DeviceTraits
from ...params import Int, Params

__all__ = ["BLOCKS", "BlockedOp", "blocked_dims", "items_for"]

BLOCKS = (4, 8, 16)
"""Channels that a block may have: one vector register of float32."""

_CHUNK = 1024
"""Pixels of a unit of work: 64 KB of a block of 16 channels, written and read."""


def items_for(units: int, bytes_a_unit: int, traits: DeviceTraits, least: int = 65536) -> tuple[tuple[int], tuple[int] | None]:
    """Global and local size of a kernel whose work-items take consecutive units: a few items a core, each of `least` bytes or more."""
    useful = max(1, units * bytes_a_unit // least)
    return (max(1, min(units, useful, 8 * traits.compute_units)),), (1,)


def blocked_dims(shape: PartialShape, what: str, block: int = -1) -> tuple[int, ...] | None:
    """A blocked shape (N, blocks, H, W, block), checked as far as it is known.

    Raises
    ------
    ShapeError
        It has not five dimensions, or its last one is no block.
    """
    if shape is None:
        return None
    found = unify_shape(shape, (-1, -1, -1, -1, block), f"{what} must be blocked, (N, ceil(C / b), H, W, b)")
    assert found is not None
    if found[4] not in (-1, *BLOCKS):
        raise ShapeError(f"{what} {show_shape(shape)} has blocks of {found[4]} channels; blocks of 4, 8 and 16 are supported")
    return found


class BlockedOp(Op):
    """Base of the operators over blocked tensors: hidden, and of float32."""

    hidden = True

    def infer_type(self, p: Params, ins: list[str | None], outs: list[str | None]) -> tuple[list[str | None], list[str | None]]:
        other = next((t for t in (*ins, *outs) if t not in (None, "float32")), None)
        if other is not None:
            raise ShapeError(f"{self.name} works on float32, got {other}; use the operator in NCHW layout, or cast")
        return ["float32"] * len(ins), ["float32"] * len(outs)


class _Reorder(BlockedOp, Estimated):
    entry = ""

    def _plain(self, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec]) -> tuple[int, ...]:
        """The shape of the NCHW tensor."""
        return next(t.shape for t in (*ins, *outs) if t.ndim == 4)

    def view(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec]) -> Mapping[int, tuple[int, int]]:
        *_, height, width = self._plain(ins, outs)
        same = height * width == 1 and ins[0].size == outs[0].size
        return {0: (0, 0)} if same else {}

    def inplace(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec]) -> Sequence[tuple[int, int]]:
        return tuple((o, i) for o, (i, _) in self.view(p, ins, outs).items())

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        _, channels, height, width = self._plain(ins, outs)
        images, blocks, _, _, block = next(t.shape for t in (*ins, *outs) if t.ndim == 5)
        pixels = height * width
        chunks = -(-pixels // _CHUNK)
        units = images * blocks * chunks
        numbers = (Scalar("long", units), Scalar("int", chunks), Scalar("int", _CHUNK), Scalar("int", channels), Scalar("long", pixels))
        defines = defines_for("float32", ctx.reqs[0], BLOCK=block)
        size = items_for(units, 8 * block * min(pixels, _CHUNK), ctx.traits)
        return [KernelCall("cpu_blocked/reorder.cl", self.entry, (In(0), Out(0), *numbers), defines, *size)]

    def cost(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec]) -> tuple[int, int]:
        return 0, ins[0].nbytes + outs[0].nbytes


@register
class ToBlocked(_Reorder):
    """(N, C, H, W) to (N, ceil(C / block), H, W, block), zeros in the lanes beyond C."""

    name = "_to_blocked"
    entry = "to_blocked"
    params = {"block": Int(doc="Channels of a block: 4, 8 or 16.", low=1)}

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        if p.block not in BLOCKS:
            raise ShapeError(f"block={p.block}: a block has 4, 8 or 16 channels")
        data = _unify(ins[0], (-1, -1, -1, -1), "data must be (N, C, H, W)")
        out = blocked_dims(outs[0], "output", p.block) or (-1, -1, -1, -1, p.block)
        n, channels, height, width = data
        blocks = -(-channels // p.block) if channels >= 0 else -1
        out = _unify((n, blocks, height, width, p.block), out, "output of _to_blocked")
        return [(out[0], channels, *out[2:4])], [out]

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        return [g.apply("_from_blocked", g.ograd(), channels=g.ins[0].shape[1])]


@register
class FromBlocked(_Reorder):
    """(N, ceil(channels / b), H, W, b) to (N, channels, H, W)."""

    name = "_from_blocked"
    entry = "from_blocked"
    params = {"channels": Int(doc="Channels of the output.", low=1)}

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        data = blocked_dims(ins[0], "data") or (-1,) * 5
        out = _unify(outs[0], (-1, p.channels, -1, -1), "output must be (N, channels, H, W)")
        blocks = -(-p.channels // data[4]) if data[4] > 0 else -1
        data = _unify((out[0], blocks, *out[2:], data[4]), data, f"data of _from_blocked for {p.channels} channels")
        return [data], [(data[0], p.channels, *data[2:4])]

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        return [g.apply("_to_blocked", g.ograd(), block=g.ins[0].shape[4])]


def _unify(a: PartialShape, b: PartialShape, what: str) -> tuple[int, ...]:
    found = unify_shape(a, b, what)
    assert found is not None
    return found
