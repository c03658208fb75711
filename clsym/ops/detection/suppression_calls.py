"""The launches of non-maximum suppression, for all operators that need it. No operator of its own."""

from __future__ import annotations

from dataclasses import dataclass

from ...graph.contract.kernel_call import KernelCall, LowerContext, Scalar, Temp, compute_type, defines_for
from ..shared.launch_sizes import group_size, stretch_grid

__all__ = ["Suppression", "member_grid"]

_SOURCE = "detection/suppression.cl"
_COLUMNS = 256  # of kernels/detection/suppression.cl
_BLOCK, _MOST_BLOCKS = 512, 64


def member_grid(groups: int, ctx: LowerContext) -> tuple[tuple[int], tuple[int]]:
    """Global and local size of a kernel built on ``FOR_MEMBERS``, one group each."""
    members = 1 if ctx.traits.is_cpu else group_size(256, ctx.traits)
    return (groups * members,), (members,)


@dataclass(frozen=True)
class Suppression:
    """Suppression among the first `n` boxes of each of `batches` sorted lists.

    Its workspaces, from `temp` on, are those of kernels/detection/suppression.cl: `boxes`, `ids` and `dead` are to be filled before
    `calls`, which leave the boxes that stay in `kept`; the last number of `marks` of a batch says how many.

    Attributes
    ----------
    dtype : str
        Of the boxes; half is computed as float.
    unit : float
        1 where coordinates are pixels, the last one included; else 0.
    thresh : float
        A larger overlap suppresses.
    limit : int
        How many boxes are kept at most.
    """

    batches: int
    n: int
    dtype: str
    unit: float
    thresh: float
    limit: int
    temp: int

    @property
    def block(self) -> int:
        """Boxes that are decided from masks, before those behind them are compared with the ones kept."""
        return min(max(_BLOCK, -(-self.n // (32 * _MOST_BLOCKS)) * 32), -(-self.n // 32) * 32)

    @property
    def blocks(self) -> int:
        """How many such blocks there are."""
        return -(-self.n // self.block)

    @property
    def boxes(self) -> Temp:
        """Corners and areas: (batch, 5, n)."""
        return Temp(self.temp, 5 * self.batches * self.n * (8 if self.dtype == "float64" else 4))

    @property
    def ids(self) -> Temp:
        """Only boxes of one id suppress one another: (batch, n)."""
        return Temp(self.temp + 1, 4 * self.batches * self.n)

    @property
    def dead(self) -> Temp:
        """Whether a box doesn't count: (batch, n)."""
        return Temp(self.temp + 2, 4 * self.batches * self.n)

    @property
    def kept(self) -> Temp:
        """The boxes that stay: (batch, n)."""
        return Temp(self.temp + 3, 4 * self.batches * self.n)

    @property
    def marks(self) -> Temp:
        """How many are kept before each block, and in all: (batch, blocks + 1)."""
        return Temp(self.temp + 4, 4 * self.batches * (self.blocks + 1))

    def calls(self, ctx: LowerContext) -> list[KernelCall]:
        """The launches."""
        n, block, blocks, batches = self.n, self.block, self.blocks, self.batches
        defines = defines_for("float64" if self.dtype == "float64" else "float32")
        kind = compute_type(self.dtype)
        bounds = Scalar(kind, self.unit), Scalar(kind, self.thresh)
        words = block // 32
        masks, calls = Temp(self.temp + 5, 4 * batches * words * block), []
        size = Scalar("long", n), Scalar("long", block)
        for index in range(blocks):
            here = Scalar("int", index), Scalar("int", blocks)
            args = (self.boxes, self.ids, self.dead, masks, Scalar("long", batches), *size, here[0], *bounds)
            sizes = stretch_grid(batches * words, block, ctx.traits, _COLUMNS)
            calls.append(KernelCall(_SOURCE, "suppress_masks", args, defines, *sizes))
            sweep = (masks, self.dead, self.kept, self.marks, *size, *here, Scalar("int", self.limit))
            calls.append(KernelCall(_SOURCE, "suppress_sweep", sweep, defines, *member_grid(batches, ctx)))
            first = (index + 1) * block
            if first < n:
                extents = Scalar("long", batches), Scalar("long", n), Scalar("long", first)
                apply = (self.boxes, self.ids, self.dead, self.kept, self.marks, *extents, *here, *bounds)
                sizes = stretch_grid(batches, n - first, ctx.traits, _COLUMNS)
                calls.append(KernelCall(_SOURCE, "suppress_apply", apply, defines, *sizes))
        return calls
