"""What the operators of this family share: rules for batches of matrices, one matrix a work-group, results that are added. No operator."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ...graph.contract.kernel_call import Arg, In, KernelCall, LowerContext, Out, Scalar, Temp, defines_for
from ...graph.contract.spec import PartialShape, ShapeError, TensorSpec, UnsupportedType, show_shape, unify_shape
from ...graph.contract.traits import DeviceTraits
from ..matrix.gemm_cpu import Matrix
from ..shared.strided import Walk, fill, flat_copy, row_major

__all__ = ["Result", "batch_of", "block", "floating", "group_grid", "identity", "matrices", "matrix_call", "same_square", "side", "square"]

_GROUP = 64  # GROUP_MOST of kernels/include/group.h


def matrices(shape: PartialShape, what: str = "A") -> None:
    """Raise unless the shape, if known, has two dimensions."""
    if shape is not None and len(shape) < 2:
        raise ShapeError(f"{what} must be a tensor of matrices with at least 2 dimensions, got {show_shape(shape)}")


def square(shape: PartialShape, what: str = "A") -> PartialShape:
    """The same shape; nothing is completed.

    Raises
    ------
    ShapeError
        They differ, or there are not as many.
    """
    matrices(shape, what)
    if shape is None:
        return None
    rows, columns = shape[-2:]
    if rows != columns and rows >= 0 and columns >= 0:
        raise ShapeError(f"{what} must be square matrices: the last two dimensions of {show_shape(shape)} differ")
    return shape


def same_square(ins: Sequence[PartialShape], outs: Sequence[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
    """The rule of operators whose input and output are square matrices of one shape."""
    shape: PartialShape = None
    for s in (*ins, *outs):
        shape = unify_shape(shape, s)
    shape = square(shape)
    return [shape] * len(ins), [shape] * len(outs)


def floating(ins: Sequence[str | None], outs: Sequence[str | None], answered: bool = True) -> tuple[list[str | None], list[str | None]]:
    """All of one type, float32 or float64; whether questions about others are `answered` all the same, or refused."""
    found = next((t for t in (*ins, *outs) if t is not None), None)
    if found is not None and found not in ("float32", "float64"):
        text = f"this operation only supports 32-bit and 64-bit floating point, not {found}; cast the data first (mx.sym.cast)"
        raise UnsupportedType(found, text) if answered else ShapeError(text)
    return [found] * len(ins), [found] * len(outs)


def side(spec: TensorSpec) -> int:
    """Rows of a batch of square matrices."""
    n = spec.shape[-1]
    if n >= 1 << 31:
        raise ShapeError(f"matrices of {n} rows are too large")
    return n


def batch_of(spec: TensorSpec) -> int:
    """How many matrices there are."""
    return math.prod(spec.shape[:-2])


def block(arg: In | Out | Temp, rows: int, columns: int, row: int = 0, column: int = 0, *, transposed: bool = False) -> Matrix:
    """The part of each of a batch of `rows` x `columns` matrices that begins at (row, column), for `product`; or its transposition."""
    found = Matrix(arg, columns, 1, rows * columns, row * columns + column)
    return found.transposed if transposed else found


def group_grid(problems: int, traits: DeviceTraits) -> tuple[tuple[int], tuple[int]]:
    """Global and local size of a kernel built on ``FOR_GROUPS`` (kernels/include/group.h)."""
    if traits.is_cpu:
        return (max(1, min(problems, 8 * traits.compute_units)),), (1,)
    local = min(_GROUP, traits.max_work_group_size)
    return (max(1, min(problems, 32 * traits.compute_units)) * local,), (local,)


def matrix_call(
    source: str, entry: str, args: Sequence[Arg | int], problems: int, dtype: str, ctx: LowerContext, req: str = "write", **defines: int
) -> KernelCall:
    """A launch with a problem a group; plain numbers among the arguments are ints, but for the first, the number of problems (long)."""
    found: list[Arg] = []
    for arg in args:
        first = not any(isinstance(a, Scalar) for a in found)
        found.append(Scalar("long" if first else "int", arg) if isinstance(arg, int) else arg)
    return KernelCall(source, entry, tuple(found), defines_for(dtype, req, **defines), *group_grid(problems, ctx.traits))


class Result:
    """Where an output that is written in several steps comes to be: in its own memory, or beside it where it is to be added.

    Attributes
    ----------
    arg : Out or Temp
    finish : list of KernelCall
        What must follow: the addition.
    """

    def __init__(self, index: int, spec: TensorSpec, ctx: LowerContext, temp: int) -> None:
        self.arg: Out | Temp = Out(index)
        self.finish: list[KernelCall] = []
        req = ctx.reqs[index]
        if req != "write":
            self.arg = Temp(temp, spec.nbytes)
        if req == "add":
            self.finish = flat_copy(spec.size, spec.dtype, ctx, "add", self.arg, Out(index))


def identity(arg: Out | Temp, spec: TensorSpec, ctx: LowerContext) -> list[KernelCall]:
    """Launches that make ones on the diagonals of a batch of matrices, zeros elsewhere."""
    rows, columns = spec.shape[-2:]
    batch = batch_of(spec)
    diagonal = Walk(0, (rows * columns, columns + 1))
    return [
        *fill(arg, (spec.size,), row_major((spec.size,)), 0.0, spec.dtype, ctx),
        *fill(arg, (batch, min(rows, columns)), diagonal, 1.0, spec.dtype, ctx),
    ]
