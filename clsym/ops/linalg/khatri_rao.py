"""The Khatri-Rao product: khatri_rao."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ...graph.contract.kernel_call import In, KernelCall, LowerContext, Out, Scalar, Temp, defines_for
from ...graph.contract.op import Op
from ...graph.contract.registry import register
from ...graph.contract.spec import PartialShape, ShapeError, TensorSpec, show_shape, unify_shape
from ...params import Int, Params
from ..shared.launch_sizes import stretch_grid
from ..shared.strided import flat_copy
from .batch import floating

__all__ = ["KhatriRao"]


@register
class KhatriRao(Op):
    """The Khatri-Rao product of matrices: every column is the Kronecker product of their columns.

    Parameters
    ----------
    *args : Symbol or NDArray
        Matrices (m1, k), (m2, k), ... of one number of columns, float32 or float64.

    Returns
    -------
    Symbol or NDArray
        (m1 m2 ..., k).

    Raises
    ------
    MXNetError
        Not matrices, or of different numbers of columns. There is no gradient, as in MXNet.

    Examples
    --------
    >>> import clsym as mx
    >>> mx.nd.khatri_rao(mx.nd.array([[1, -1], [2, -3]]), mx.nd.array([[1, 4], [2, 5]])).asnumpy().tolist()
    [[1.0, -4.0], [2.0, -5.0], [2.0, -12.0], [4.0, -15.0]]

    Source: MXNet 1.9.1, ``khatri_rao``.
    """

    name = "khatri_rao"
    variadic = "num_args"
    params = {"num_args": Int(doc="How many matrices.")}

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        if not ins:
            raise ShapeError("at least one matrix is needed")
        columns = -1
        for shape in (*ins, outs[0]):
            if shape is not None:
                if len(shape) != 2:
                    raise ShapeError(f"all arguments must be matrices, got shape {show_shape(shape)}")
                if shape[1] >= 0:
                    if shape[1] != columns >= 0:
                        raise ShapeError(f"all matrices must have the same number of columns, got {columns} and {shape[1]}")
                    columns = shape[1]
        found = [unify_shape(s, (-1, columns)) for s in ins]
        heights = [s[0] for s in found if s is not None]
        rows = math.prod(heights) if min(heights) >= 0 else -1
        return list(found), [unify_shape(outs[0], (rows, columns))]

    def infer_type(self, p: Params, ins: list[str | None], outs: list[str | None]) -> tuple[list[str | None], list[str | None]]:
        return floating(ins, outs)

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        dtype = outs[0].dtype
        if len(ins) == 1:
            return flat_copy(outs[0].size, dtype, ctx, ctx.reqs[0])
        calls: list[KernelCall] = []
        done: In | Out | Temp = In(0)
        rows, k = ins[0].shape
        largest = math.prod(spec.shape[0] for spec in ins[:-1]) * k * ins[0].itemsize
        for i, spec in enumerate(ins[1:], 1):
            last = i == len(ins) - 1
            to: Out | Temp = Out(0) if last else Temp(i % 2, largest)
            m = spec.shape[0]
            args = (done, In(i), to, Scalar("long", rows), Scalar("long", m), Scalar("long", k))
            defines = defines_for(dtype, ctx.reqs[0] if last else "write")
            calls.append(KernelCall("linalg/khatri_rao.cl", "khatri_rao", args, defines, *stretch_grid(rows * m, k, ctx.traits)))
            done, rows = to, rows * m
        return calls
