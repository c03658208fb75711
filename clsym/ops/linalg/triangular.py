"""Triangular systems as kernel calls: the inverses of diagonal blocks, and matrix products for all the rest. No operator of its own."""

from __future__ import annotations

from dataclasses import dataclass

from ...graph.contract.kernel_call import In, KernelCall, LowerContext, Out, Temp
from ...graph.contract.traits import DeviceTraits
from ..matrix.gemm import product, scaled
from ..matrix.gemm_cpu import Matrix
from .batch import block, matrix_call

__all__ = ["Triangle", "block_side", "copied", "several_blocks", "solve"]

Arg = In | Out | Temp


def block_side(n: int, traits: DeviceTraits) -> int:
    """Rows of a diagonal block: NB of kernels/linalg/cholesky.cl."""
    return 32 if n <= 32 or not traits.is_cpu else 64


@dataclass(frozen=True)
class Triangle:
    """A triangle of each of `batch` n x n matrices, or its transposition; with `unit` its diagonal counts as ones."""

    arg: Arg
    n: int
    batch: int
    lower: bool
    transposed: bool = False
    unit: bool = False

    @property
    def acts_lower(self) -> bool:
        """Whether what it stands for is lower triangular."""
        return self.lower != self.transposed

    def part(self, row: int, column: int) -> Matrix:
        """What it stands for from (row, column) on."""
        if self.transposed:
            return block(self.arg, self.n, self.n, column, row, transposed=True)
        return block(self.arg, self.n, self.n, row, column)


def solve(
    tri: Triangle, work: Arg, out: Arg, other: int, right: bool, dtype: str, ctx: LowerContext, temp: int, alpha: float = 1.0
) -> list[KernelCall]:
    """Launches that solve ``tri X = alpha B``, X and B n x `other`, or with `right` ``X tri = alpha B``, `other` x n, for every matrix.

    `work` holds B and, where the triangle has several blocks, is overwritten. Workspaces `temp` and `temp` + 1.
    """
    n, batch, traits = tri.n, tri.batch, ctx.traits
    nb = block_side(n, traits)
    blocks = -(-n // nb)
    inverse = Temp(temp, batch * blocks * nb * nb * (8 if dtype == "float64" else 4))
    calls = [
        matrix_call(
            "linalg/cholesky.cl",
            "invert_blocks",
            (tri.arg, inverse, batch, n, int(not tri.lower), int(tri.unit)),
            batch * blocks,
            dtype,
            ctx,
            NB=nb,
        )
    ]
    forward = tri.acts_lower != right
    shape = (other, n) if right else (n, other)

    def part(of: Arg, start: int) -> Matrix:
        return block(of, *shape, *((0, start) if right else (start, 0)))

    def multiply(factor: Matrix, by: Matrix, to: Matrix, size: int, depth: int, req: str, scale: float) -> None:
        a, b, rows, columns = (by, factor, other, size) if right else (factor, by, size, other)
        calls.extend(product(rows, columns, depth, a, b, to, dtype, req, traits, entries=batch, alpha=scale, temp=temp + 1))

    def halves(first: int, last: int) -> None:
        """Solve for the blocks first .. last - 1: for half of them, which is then taken off the other half's side, and for that."""
        start, size = first * nb, min(last * nb, n) - first * nb
        if last - first == 1:
            diagonal = Matrix(inverse, nb, 1, blocks * nb * nb, first * nb * nb)
            multiply(diagonal.transposed if tri.transposed else diagonal, part(work, start), part(out, start), size, size, "write", alpha)
            return
        middle = (first + last + 1) // 2
        split = middle * nb
        lower, upper = (start, split - start), (split, start + size - split)
        known, rest = (lower, upper) if forward else (upper, lower)
        halves(*((first, middle) if forward else (middle, last)))
        row, column = (known[0], rest[0]) if right else (rest[0], known[0])
        multiply(tri.part(row, column), part(out, known[0]), part(work, rest[0]), rest[1], known[1], "add", -1.0)
        halves(*((middle, last) if forward else (first, middle)))

    halves(0, blocks)
    return calls


def several_blocks(n: int, traits: DeviceTraits) -> bool:
    """Whether `solve` overwrites what it works on."""
    return n > block_side(n, traits)


def copied(source: Arg, work: Temp | Out, size: int, alpha: float, dtype: str, traits: DeviceTraits) -> KernelCall:
    """The launch for ``work = alpha * source``."""
    return scaled(source, work, size, alpha, dtype, "write", traits)
