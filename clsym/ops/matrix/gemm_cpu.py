"""Matrix products on CPUs, of element types that are computed in as they are stored: which kernel, and blocks of which sizes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from ...graph.contract.kernel_call import In, KernelCall, Out, Scalar, Temp, compute_type, ctype, defines_for
from ...graph.contract.traits import DeviceTraits
from ...graph.contract.tuning import tunable, tuned

__all__ = ["ACTIVATIONS", "L2_ELEMENTS", "WORK_BYTES", "CpuProduct", "Matrix", "ladder", "stored_as_computed", "vector_of"]

Arg = In | Out | Temp

ACTIVATIONS = ("none", "relu", "sigmoid", "tanh", "clip")
"""What a product may be followed by; NaN stays NaN. ``clip`` limits to [low, high]."""

WORK_BYTES = 64 << 20
"""The most that the workspaces of all work-items of a product may take together."""

PAST_CACHES, FEW_TERMS = 6 << 20, 64
"""Bytes of a result that is written past the caches if no more than so many terms are summed: then writing it is what takes the time."""


tunable("gemm/thin", {"dots": (1, 2, 4), "axpy": (4, 8, 16, 32), "rows": (32, 64, 96, 192)})
tunable("gemm/axpy", {"kc": (4, 8, 16, 32, 64)})
tunable("gemm/blocks", {"kc": (256, 384, 512, 768, 1024), "rows": (256, 512, 1024, 2048, 4096)})
tunable("gemm/in_place", {"kc": (512, 1024, 2048, 4096)})


L2_ELEMENTS = 131072
"""Elements of a block that is read again and again: 512 KiB of float32, half of the L2 cache of a core of current CPUs."""


@dataclass(frozen=True)
class Matrix:
    """An operand in a buffer: element (i, j) of batch entry e lies at ``offset + e * batch + i * rows + j * cols``.

    `period` makes the batch entries repeat: entry e is entry ``e % period``.
    """

    arg: Arg
    rows: int
    cols: int
    batch: int = 0
    offset: int = 0
    period: int = 0

    @property
    def transposed(self) -> Matrix:
        """The same memory with rows and columns exchanged."""
        return Matrix(self.arg, self.cols, self.rows, self.batch, self.offset, self.period)


def stored_as_computed(dtype: str) -> bool:
    """Whether a kernel computes in the type that it loads and stores."""
    return compute_type(dtype) == ctype(dtype)


def vector_of(dtype: str, traits: DeviceTraits) -> int:
    """Elements of a vector register."""
    return (
        (16 if traits.vector_width >= 16 else 8 if traits.vector_width >= 8 else 4)
        * 4
        // (8 if compute_type(dtype) in ("double", "long") else 4)
    )


def _pieces(extent: int, limit: int) -> int:
    """The size of equal pieces of at most `limit`; a fourth more is let pass."""
    return max(1, -(-extent // -(-extent * 4 // (limit * 5)))) if extent > limit else max(1, extent)


@dataclass(frozen=True)
class CpuProduct:
    """``C = alpha * A B + bias``, C of m x n, for every batch entry; `bias_code` is 0 for none, 1 for n values, 2 for m.

    The product is added to `total`, which lies as C does, if there is one; `req` is ``write`` then.
    """

    m: int
    n: int
    k: int
    a: Matrix
    b: Matrix
    c: Matrix
    dtype: str
    req: str
    traits: DeviceTraits
    entries: int
    bias: Arg
    bias_code: int
    alpha: float
    temp: int
    total: Arg | None = None
    act: tuple[str, float, float] = ("none", 0.0, 0.0)

    @property
    def vw(self) -> int:
        """Elements of a vector register."""
        return vector_of(self.dtype, self.traits)

    @property
    def itemsize(self) -> int:
        """Bytes of an element."""
        return 8 if compute_type(self.dtype) in ("double", "long") else 4

    @property
    def turned(self) -> CpuProduct:
        """The same product as ``C^T = B^T A^T``."""
        code = {0: 0, 1: 2, 2: 1}[self.bias_code]
        return replace(self, m=self.n, n=self.m, a=self.b.transposed, b=self.a.transposed, c=self.c.transposed, bias_code=code)

    @property
    def factor(self) -> Scalar:
        """alpha as an argument."""
        kind = compute_type(self.dtype)
        return Scalar(kind, self.alpha if kind in ("float", "double") else int(self.alpha))

    @property
    def limits(self) -> tuple[Scalar, Scalar]:
        """The numbers of the activation as arguments."""
        kind = compute_type(self.dtype)
        low, high = (v if kind in ("float", "double") else int(v) for v in self.act[1:])
        return Scalar(kind, low), Scalar(kind, high)

    def defines(self, **shape: int) -> tuple[tuple[str, str | int], ...]:
        """Those of a kernel with this tile."""
        act = {} if self.act[0] == "none" else {"ACT": ACTIVATIONS.index(self.act[0])}
        return defines_for(self.dtype, "write", VW=self.vw, **shape, **act)

    # ------------------------------------------------------------------------------------------------------------- choosing

    def calls(self) -> list[KernelCall]:
        """The launches: for few rows or columns a kernel that reads the large operand once, in place, else packed blocks."""
        thin = self if self.m < self.n else self.turned
        plain = self.total is None and not (thin.a.offset or thin.b.offset or thin.c.offset or thin.a.period or thin.b.period)
        found = tuned(self.traits, "gemm", "thin", {"dots": 2, "axpy": 16, "rows": 192})
        if thin.b.rows == 1 and (thin.b.cols != 1 or thin.n == 1):  # k contiguous: a weight (hidden, depth)
            if plain and thin.m <= found["dots"] and thin.a.cols == 1:
                return [thin.dots()]
            if thin.m <= found["rows"] and (thin.n >= 4 * thin.m or thin.n <= 32) and not thin.a.period:
                return [thin.turned.blocks(in_place=True)]
        elif plain and self.act[0] == "none" and thin.m <= found["axpy"] and thin.b.cols == 1 and (thin.c.cols == 1 or thin.n == 1):
            return [thin.axpy()]
        return [self.blocks()]

    def _strips(self, lines: int, grain: int, rows: int) -> int:
        """Lines of a work-item: a few items a core, none with so little work that its launch counts."""
        share = -(-lines * self.entries // (4 * self.traits.compute_units))
        least = -(-16384 // max(1, self.k * rows))
        return max(-(-share // grain), -(-least // grain), 1) * grain

    def dots(self) -> KernelCall:
        """The call for few rows and k contiguous in both operands."""
        rows = 1 << (self.m - 1).bit_length()
        lines = max(1, min(8, self.vw // rows))
        share = self._strips(self.n, lines, self.m)
        kc = _pieces(self.k, max(self.vw, 8192 // rows // self.vw * self.vw))
        args = (
            self.a.arg, self.b.arg, self.c.arg, self.bias, *(Scalar("int", v) for v in (self.m, self.n, self.k)),
            *(Scalar("long", v) for v in (self.a.rows, self.b.cols, self.c.rows, self.c.cols, self.a.batch, self.b.batch, self.c.batch)),
            self.factor, *(Scalar("int", v) for v in (self.bias_code, int(self.req == "add"), share, -(-kc // self.vw) * self.vw)),
            *self.limits,
        )  # fmt: skip
        defines = self.defines(ROWS=rows, LINES=lines)
        return KernelCall("matrix/gemm_thin.cl", "gemm_dots", args, defines, (self.entries * -(-self.n // share),), (1,))

    def axpy(self) -> KernelCall:
        """The call for few rows of a product whose right operand has contiguous rows."""
        registers = 32 if self.traits.vector_width >= 16 else 16
        rows = min(1 << (self.m - 1).bit_length(), 8 if registers == 32 else 4)
        strips = min(8, (registers - 4) // (rows + 1))
        share = self._strips(self.n, strips * self.vw, self.m)
        kc = tuned(self.traits, "gemm", "axpy", {"kc": 16})["kc"]
        args = (
            self.a.arg, self.b.arg, self.c.arg, self.bias, *(Scalar("int", v) for v in (self.m, self.n, self.k)),
            *(Scalar("long", v) for v in (self.a.rows, self.a.cols, self.b.rows, self.c.rows, self.c.cols)),
            *(Scalar("long", v) for v in (self.a.batch, self.b.batch, self.c.batch)),
            self.factor, *(Scalar("int", v) for v in (self.bias_code, int(self.req == "add"), share, kc)),
        )  # fmt: skip
        defines = self.defines(ROWS=rows, STRIPS=strips)
        return KernelCall("matrix/gemm_thin.cl", "gemm_axpy", args, defines, (self.entries * -(-self.n // share),), (1,))

    def _tile(self) -> tuple[int, int, int]:
        """Rows and vectors of the register tile, and the steps of k in a vector."""
        wide, vw = self.traits.vector_width >= 16, self.vw
        vectors = -(-self.n // vw)
        nv = 1 if vectors == 1 else 2 if vectors in (2, 4) else 3
        return (8 if wide or nv == 1 else 4), nv, 1

    def blocks(self, in_place: bool = False) -> KernelCall:
        """The call for packed blocks; with `in_place` the rows of A are read once, where they lie, and B, few columns, is packed."""
        size, vw, units = self.itemsize, self.vw, self.traits.compute_units
        mr, nv, group = self._tile()
        a_rows, b_rows = self.a.cols == 1, self.b.cols == 1
        kind: Mapping[str, int] = {"kc": 512, "rows": 2048}
        if in_place:
            kind = {"kc": 2048, "rows": 1 << 30}
            if self.n <= vw // 2:
                group = vw // (1 << (self.n - 1).bit_length())
        found = tuned(self.traits, "gemm", "in_place" if in_place else "blocks", kind)
        nr = nv * vw if group == 1 else self.n
        kc = _pieces(self.k, found["kc"] * 4 // size)
        kc = -(-kc // group) * group
        tiles, panels = -(-self.m // mr), -(-self.n // nr)
        down, across, direct = self._split(tiles, panels, mr, nr, a_rows)
        direct = a_rows and (direct or in_place)
        mrows, ncols = -(-tiles // down) * mr, -(-panels // across) * nr
        if not direct and mrows > found["rows"]:
            mrows = -(-tiles // -(-tiles * mr // found["rows"])) * mr
        cols = vw // group if group > 1 else ncols if in_place else nr  # columns of B that are packed at a time
        work = kc * (cols + (0 if direct else mrows)) * size
        items = self.entries * -(-self.m // mrows) * -(-self.n // ncols)
        launched = max(1, min(items, 4 * units if in_place or direct else 2 * units, WORK_BYTES // work))
        if items > launched > units and items % launched:
            launched = units  # the items that are left over would be one core's
        b_direct = b_rows and not in_place and self.n % vw == 0 and self.k * self.n * size <= 24576
        adds = self.req == "add" or self.total is not None
        past = not adds and self.k <= min(kc, FEW_TERMS) and self.c.cols == 1
        past = past and self.m * self.n * self.entries * size >= PAST_CACHES
        # few rows: the next panel of B must come while this one is used, for its use is too short to wait
        ahead = -(-nv // -(-self.m // mr)) if b_rows and nv == 3 and group == 1 and self.m <= 128 < self.n and not b_direct else 0
        args = (
            self.a.arg, self.b.arg, self.c.arg, self.total or self.c.arg, self.bias, Temp(self.temp, launched * work),
            *(Scalar("int", v) for v in (self.m, self.n, self.k)),
            *(Scalar("long", self.a.rows if a_rows else self.a.cols), Scalar("long", self.b.rows if b_rows else self.b.cols)),
            *(Scalar("long", v) for v in (self.c.rows, self.c.cols, self.a.batch, self.b.batch, self.c.batch)),
            Scalar("int", self.a.period or self.entries), *(Scalar("long", v) for v in (self.a.offset, self.b.offset, self.c.offset)),
            self.factor, *(Scalar("int", v) for v in (mrows, ncols, mrows, cols, kc)), Scalar("long", items),
            *(Scalar("int", int(v)) for v in (self.bias_code, adds, direct, b_direct, ahead, past)),
            *self.limits,
        )  # fmt: skip
        defines = self.defines(NV=nv, MR=mr, GROUP=group, A_ROWS=int(a_rows), B_ROWS=int(b_rows))
        return KernelCall("matrix/gemm_blocked.cl", "gemm_blocked", args, defines, (launched,), (1,))

    def _split(self, tiles: int, panels: int, mr: int, nr: int, a_rows: bool) -> tuple[int, int, bool]:
        """Into how many row and column blocks to cut the product, and whether to read A in place.

        The estimate counts, along one k, the vector multiply-adds of the busiest core and its other work: packing B, about four cycles a
        vector, once for every block of rows; packing A, a quarter of a cycle an element, once for every block of columns. A is read in
        place when few panels share it or when the block stays in the L2 cache anyway (a large one, at a stride of a power of two, would
        crowd into few sets of it). More blocks than cores keep both busy when something else runs on one.
        """
        units, vw = self.traits.compute_units, self.vw
        best: tuple[float, int, int, bool] | None = None
        for down in ladder(min(tiles, 4 * units)):
            for across in ladder(min(panels, 8 * units)):
                blocks = self.entries * down * across
                rows, cols = -(-tiles // down) * mr, -(-panels // across) * nr
                direct = a_rows and (cols < 4 * nr or (rows * self.k <= L2_ELEMENTS and self.a.rows * self.itemsize % 4096 != 0))
                work = rows * cols / vw / 2 + 4 * cols / vw + rows * (0.1 if direct else 0.25)
                cost = -(-blocks // units) * work * (1 + 0.001 * down * across + 0.1 * units / blocks)
                if best is None or cost < best[0]:
                    best = (cost, down, across, direct)
        assert best is not None
        return best[1:]


def ladder(limit: int) -> list[int]:
    """Numbers of blocks to consider, up to `limit`."""
    return [n for n in (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256) if n <= limit] or [1]
