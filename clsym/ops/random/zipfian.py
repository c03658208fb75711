"""Different integers from a log-uniform distribution: _sample_unique_zipfian."""

from __future__ import annotations

from collections.abc import Sequence

from ...differences import differs
from ...graph.contract.kernel_call import KernelCall, LowerContext, Out, Rng, Scalar, Temp, defines_for, grid
from ...graph.contract.op import Entry, Gradient, Op
from ...graph.contract.registry import register
from ...graph.contract.spec import PartialShape, ShapeError, TensorSpec
from ...params import Int, Params, Shape

__all__ = ["UniqueZipfian"]


@register
class UniqueZipfian(Op):
    """Rows of different integers below `range_max`, drawn with ``P(k) = log((k + 2) / (k + 1)) / log(range_max + 1)``.

    Parameters
    ----------
    range_max : int
        The numbers are 0 .. range_max - 1.
    shape : tuple of int
        (rows, numbers a row).

    Returns
    -------
    list of Symbol or NDArray
        The numbers, in the order in which they were drawn, and how many draws each row took, (rows,); both int64.

    Raises
    ------
    MXNetError
        `shape` has not two dimensions, or there are not as many different numbers.

    Source: MXNet 1.9.1, ``_sample_unique_zipfian``.
    """

    name = "_sample_unique_zipfian"
    inputs = ()
    outputs = ("output0", "output1")
    random = True
    params = {"range_max": Int(doc="The number of possible classes."), "shape": Shape(None, "Rows, and numbers a row.", none=True)}

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        if p.shape is None or len(p.shape) != 2 or min(p.shape) < 0:
            raise ShapeError(f"shape={p.shape} must have two dimensions: rows, and numbers a row")
        if p.shape[1] > p.range_max:
            raise ShapeError(f"{p.shape[1]} different numbers a row were asked for, but range_max={p.range_max} has no more than that")
        return [], [p.shape, p.shape[:1]]

    def infer_type(self, p: Params, ins: list[str | None], outs: list[str | None]) -> tuple[list[str | None], list[str | None]]:
        return [], ["int64", "int64"]

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        return []

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        rows, n = p.shape
        slots = 1 << (2 * n).bit_length()
        numbers, tries = (Out(k) if ctx.reqs[k] == "write" else Temp(1 + k, outs[k].nbytes) for k in range(2))
        longs = (Scalar("long", v) for v in (rows, n, p.range_max, slots))
        args = (numbers, tries, Temp(0, 8 * rows * slots), Rng(), Scalar("uint", ctx.stream), *longs)
        defines = defines_for("int64", "write", DOUBLE=int(ctx.traits.fp64))
        return [KernelCall("random/zipfian.cl", "unique_zipfian", args, defines, *grid(rows, ctx.traits, 1, 64))]


differs(
    "_sample_unique_zipfian",
    "numbers have the probabilities of its documentation",
    "r = mx.nd._internal._sample_unique_zipfian(3, shape=(20000, 1))[0].asnumpy(); print(round(float((r == 0).mean()), 1))",
    ours="0.5",
    mxnet="0.4",
    why="MXNet rounds exp(u log(range_max + 1)) to the nearest integer where the formula that it documents needs the integer below.",
)
