"""Softmax and its gradient as kernel calls, by kind of device: see ``kernels/loss/softmax*.cl``."""

from __future__ import annotations

from collections.abc import Sequence

from ...graph.contract.kernel_call import Arg, In, KernelCall, LowerContext, Out, Scalar, compute_type, ctype, req_code
from ...graph.contract.spec import TensorSpec
from ...graph.contract.traits import DeviceTraits
from ..shared.row_forms import RowForm, by_columns, by_rows
from ..shared.rows import Rows

__all__ = ["KINDS", "softmax_calls"]

KINDS = ("softmax", "log_softmax", "softmin")
_TILE = 256  # of kernels/loss/softmax_columns.cl
_HELD = 128  # rows of such a tile that its forward pass holds at a time
_BACKWARD = "loss/softmax_backward.cl"


def _cpu(rows: Rows, backward: bool, traits: DeviceTraits) -> RowForm:
    if rows.inner == 1:
        return by_rows(_BACKWARD if backward else "loss/softmax_cpu.cl", "softmax_rows", rows, traits)
    return by_columns("loss/softmax_columns.cl", "softmax_columns", rows, _TILE, traits, rows.n if backward else _HELD)


def _gpu(rows: Rows, backward: bool, traits: DeviceTraits) -> RowForm:
    return by_rows(_BACKWARD if backward else "loss/softmax_gpu.cl", "softmax_rows", rows, traits)


def softmax_calls(
    kind: str, rows: Rows, ins: Sequence[TensorSpec], out: TensorSpec, ctx: LowerContext, temperature: float | None = None,
    backward: bool = False,
) -> list[KernelCall]:  # fmt: skip
    """The launch of a softmax or its gradient.

    Parameters
    ----------
    kind : {'softmax', 'log_softmax', 'softmin'}
    rows : Rows
        What it runs along.
    ins : sequence of TensorSpec
        Data, or with `backward` head gradient and result; then the lengths of the rows, if they have any.
    temperature : float, optional
        Divides the data.
    """
    lengths = ins[2 if backward else 1 :]
    dtype, result = (out.dtype, ins[0].dtype) if backward else (ins[0].dtype, out.dtype)
    compute = compute_type(dtype if dtype != "float16" else result)
    compute = "float" if compute == "int" else compute
    defines = (
        ("T", ctype(dtype)), ("CT", compute), ("IS_FLOAT", 1), ("REQ", req_code(ctx.reqs[0])),
        ("TY", ctype(result)), ("TL", ctype(lengths[0].dtype if lengths else "int32")), ("KIND", KINDS.index(kind)),
        ("USE_LENGTH", len(lengths)), ("SAME_TYPE", int(ctype(result) == compute and dtype == result)),
    )  # fmt: skip
    form = (_cpu if ctx.traits.is_cpu else _gpu)(rows, backward, ctx.traits)
    extents = (Scalar("long", form.count), Scalar("long", rows.n), Scalar("long", rows.inner))
    scale = Scalar(compute, 1.0 if temperature is None else 1.0 / temperature)
    args: tuple[Arg, ...] = (*(In(i) for i in range(len(ins))), Out(0), *extents, scale, *form.more)
    return [KernelCall(form.source, form.entry + ("_backward" if backward else ""), args, defines, form.size, form.local)]
