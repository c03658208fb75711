"""The launches around the matrix products of recurrent layers, and what both passes share. No operator of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ...graph.contract.kernel_call import Arg, In, KernelCall, LowerContext, Out, Scalar, Temp, compute_type, ctype, defines_for, grid
from ...graph.contract.spec import TensorSpec
from ...params import Params
from ..matrix.gemm import Matrix, product
from ..shared.launch_sizes import batch_grid, stretch_grid
from .rnn_layout import RnnExtents

__all__ = ["MODES", "Pass", "Spot", "wide_type"]

SOURCE = "sequence/rnn.cl"
MODES = ("rnn_relu", "rnn_tanh", "lstm", "gru")
_STRETCH, _COLUMNS = 1024, 64  # of kernels/sequence/rnn.cl


class Spot(NamedTuple):
    """A place in a buffer, `at` elements from its beginning."""

    arg: In | Out | Temp
    at: int = 0

    def plus(self, elements: int) -> Spot:
        """A place further on."""
        return Spot(self.arg, self.at + elements)

    def matrix(self, rows: int, cols: int = 1, batch: int = 0) -> Matrix:
        """An operand that begins here, of such strides."""
        return Matrix(self.arg, rows, cols, batch, self.at)


def wide_type(dtype: str) -> str:
    """The type that is computed in."""
    return "float32" if dtype == "float16" else dtype


def longs(*values: int) -> tuple[Scalar, ...]:
    """Arguments of type long."""
    return tuple(Scalar("long", v) for v in values)


class Pass:
    """The launches of one pass over the stack, as they are collected."""

    def __init__(self, p: Params, e: RnnExtents, ins: Sequence[TensorSpec], ctx: LowerContext) -> None:
        self.p, self.e, self.ins, self.ctx = p, e, ins, ctx
        self.dtype = ins[0].dtype
        self.wide = wide_type(self.dtype)
        self.itemsize = 8 if self.wide == "float64" else 4
        self.calls: list[KernelCall] = []
        self._temps = 1  # workspace 0 is the products'
        self._wide: dict[int, Spot] = {}

    def temp(self, elements: int) -> Spot:
        """A new workspace."""
        self._temps += 1
        return Spot(Temp(self._temps - 1, max(elements, 1) * self.itemsize))

    def cast(self, x: Arg, y: Arg, n: int, source: str, target: str, req: str) -> None:
        """Convert (or copy) `n` elements."""
        defines = defines_for(target, req, TX=ctype(source), FROM_FLOAT=0)
        self.calls.append(KernelCall("elementwise/cast.cl", "cast", (x, y, *longs(n)), defines, *grid(n, self.ctx.traits)))

    def input(self, index: int) -> Spot:
        """An input in the type that is computed in."""
        if self.ins[index].dtype == self.wide:
            return Spot(In(index))
        if index not in self._wide:
            self._wide[index] = self.temp(self.ins[index].size)
            self.cast(In(index), self._wide[index].arg, self.ins[index].size, self.ins[index].dtype, self.wide, "write")
        return self._wide[index]

    @property
    def length(self) -> int | None:
        """Which input holds the lengths."""
        if not self.p.use_sequence_length:
            return None
        return 4 if self.e.mode == "lstm" else 3

    def length_arg(self, other: Arg) -> Arg:
        """The lengths; `other` where there are none."""
        return other if self.length is None else In(self.length)

    def defines(self, req: str = "write", **more: int) -> tuple[tuple[str, str | int], ...]:
        """Those of a kernel of the steps."""
        length_type = self.ins[self.length].dtype if self.length is not None else "int32"
        clip = 0 if self.p.lstm_state_clip_min is None or self.e.mode != "lstm" else 2 if self.p.lstm_state_clip_nan else 1
        return defines_for(
            self.wide, req, MODE=MODES.index(self.e.mode), HAS_LENGTH=int(self.length is not None), CLIP=clip,
            TL=ctype(length_type), CL=compute_type(length_type), **more,
        )  # fmt: skip

    @property
    def limits(self) -> tuple[Scalar, Scalar]:
        """Of the cell's state."""
        kind = compute_type(self.wide)
        return Scalar(kind, self.p.lstm_state_clip_min or 0.0), Scalar(kind, self.p.lstm_state_clip_max or 0.0)

    def over_units(
        self, entry: str, args: Sequence[Arg], units: int, rows: int | None = None, most: int = _STRETCH, req: str = "write", **more: int
    ) -> None:
        """A launch over rows of `units` values: those of the batch unless told otherwise."""
        size = stretch_grid(self.e.batch if rows is None else rows, units, self.ctx.traits, most)
        self.calls.append(KernelCall(SOURCE, entry, tuple(args), self.defines(req, **more), *size))

    def product(self, m: int, n: int, k: int, a: Matrix, b: Matrix, c: Matrix, req: str = "write", entries: int = 1) -> None:
        """A matrix product; nothing to add is nothing to do."""
        if m and n and (k or req == "write") and entries:
            self.calls += product(m, n, k, a, b, c, self.wide, req, self.ctx.traits, entries=entries)

    def dropout(self, x: Spot, y: Spot, layer: int, rng: Arg, saved: bool) -> None:
        """The launch that drops what goes from one layer to the next, which is `layer`."""
        n = self.e.steps * self.e.batch * self.e.width
        keep = 1.0 - self.p.p
        args = (
            x.arg, rng, y.arg, *longs(n, x.at, y.at, (layer - 1) * (-(-n // 64) * 16)),
            Scalar("uint", self.ctx.stream & 0xFFFFFFFF), Scalar("int", int(saved)),
            Scalar("uint", round(keep * (1 << 24))), Scalar(compute_type(self.wide), 1.0 / keep if keep > 0 else 0.0),
        )  # fmt: skip
        self.calls.append(KernelCall(SOURCE, "rnn_dropout", args, self.defines(), *batch_grid(n, self.ctx.traits, gpu=4)))
