"""multi_sum_sq: the sum of the squares of each of several tensors."""

from __future__ import annotations

from collections.abc import Sequence

from ...graph.contract.kernel_call import Arg, In, KernelCall, LowerContext, Out, Scalar, Temp, compute_type, defines_for
from ...graph.contract.op import Entry, Gradient, Op
from ...graph.contract.registry import register
from ...graph.contract.spec import PartialShape, TensorSpec
from ...params import Int, Params
from ..shared.float_types import one_float_type
from ..shared.rows import row_grid
from .update_many import AT_ONCE

__all__ = ["MultiSumSq", "square_sums"]

_SOURCE = "optimizer/sum_squares.cl"
_LEAST = 16384
"""Elements that a part of a tensor has at least."""
Source = In | Temp


def square_sums(
    groups: Sequence[tuple[Sequence[tuple[Source, int]], str]], sums: Out | Temp, parts: int, ctx: LowerContext, to: str = "float"
) -> list[KernelCall]:
    """Launches that sum the squares of tensors: ``sums[k]`` for the k-th of all.

    Parameters
    ----------
    groups : sequence of (sequence of (buffer, size), dtype)
        The tensors, those of one element type together; all are computed in one type.
    sums : Out or Temp
        Where the results go.
    parts : int
        Index of the workspace that may be used.
    to : str
        The results' type in OpenCL C.
    """
    tensors = [t for group, _ in groups for t in group]
    compute = compute_type(groups[0][1])
    most = max((n for _, n in tensors), default=0)
    # enough parts to keep the device busy, few enough that their sum is nothing
    count = max(1, min(most // _LEAST, 4 * ctx.traits.compute_units, 256))
    where = Temp(parts, max(1, len(tensors) * count) * (8 if compute == "double" else 4))
    calls, begun = [], 0
    for group, dtype in groups:
        for first in range(0, len(group), AT_ONCE):
            those = group[first : first + AT_ONCE]
            filled = [*those, *[those[0]] * (AT_ONCE - len(those))]
            global_size, local_size, mapping = row_grid(len(those) * count, -(-most // count), ctx.traits)
            args: tuple[Arg, ...] = (
                *(buffer for buffer, _ in filled), *(Scalar("long", n) for _, n in filled), where, Scalar("int", len(those)),
                Scalar("long", count), Scalar("int", begun), *mapping,
            )  # fmt: skip
            calls.append(KernelCall(_SOURCE, "square_parts", args, defines_for(dtype, TY=to), global_size, local_size))
            begun += len(those)
    global_size, local_size, mapping = row_grid(len(tensors), count, ctx.traits)
    args = (where, sums, Scalar("int", len(tensors)), Scalar("long", count), *mapping)
    calls.append(KernelCall(_SOURCE, "add_parts", args, defines_for(groups[-1][1], TY=to), global_size, local_size))
    return calls


@register
class MultiSumSq(Op):
    """The sum of the squares of each of several tensors: y[k] = sum(x_k^2), in float32.

    Parameters
    ----------
    *args : Symbol or NDArray
        Of any shapes and one floating-point type.

    Returns
    -------
    Symbol or NDArray
        Of shape (num_arrays,).

    Examples
    --------
    >>> import clsym as mx
    >>> mx.nd.multi_sum_sq(mx.nd.array([1, 2]), mx.nd.array([3]), num_arrays=2).asnumpy()
    array([5., 9.], dtype=float32)
    """

    name = "multi_sum_sq"
    many = True
    inputs = ()
    params = {"num_arrays": Int(doc="How many arrays there are.", low=1)}

    def input_names(self, p: Params) -> tuple[str, ...]:
        return tuple(f"array_{k}" for k in range(p.num_arrays))

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        return list(ins), [(p.num_arrays,)]

    def infer_type(self, p: Params, ins: list[str | None], outs: list[str | None]) -> tuple[list[str | None], list[str | None]]:
        return one_float_type(self.name, ins, [])[0], ["float32"]

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        return [None] * len(g.ins)

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        tensors = [(In(k), t.size) for k, t in enumerate(ins)]
        return square_sums([(tensors, ins[0].dtype)], Out(0), 0, ctx)
