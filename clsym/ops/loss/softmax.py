"""Softmax along an axis: softmax, log_softmax, softmin, SoftmaxActivation; and the cross entropy of a softmax."""

from __future__ import annotations

from collections.abc import Sequence

from ...differences import differs
from ...graph.contract.facets import Estimated
from ...graph.contract.kernel_call import Arg, In, KernelCall, LowerContext, Out, Scalar, Temp, compute_type, ctype, defines_for, req_code
from ...graph.contract.op import Entry, Gradient, Op
from ...graph.contract.registry import register
from ...graph.contract.spec import PartialShape, ShapeError, TensorSpec, unify_shape
from ...params import Bool, Enum, Field, Float, Int, Params
from ..reduce.calls import reduce_calls
from ..shared.float_types import one_float_type
from ..shared.rows import Rows, check_axis, column_grid, column_tile, row_grid, split_axis

__all__ = ["LogSoftmax", "Softmax", "SoftmaxActivation", "SoftmaxCrossEntropy", "Softmin"]

_FLOATS = ("float16", "float32", "float64")
_KINDS = ("softmax", "log_softmax", "softmin")
_TILE = 256  # of kernels/loss/softmax.cl
_HELD = 128  # rows of such a tile that its forward pass holds at a time
_PARAMS: dict[str, Field] = {
    "axis": Int(-1, "The axis to normalise over."),
    "temperature": Float(None, "Divides the data; None is 1.", none=True),
    "dtype": Enum(_FLOATS, None, "Element type of the result; by default that of the data.", none=True),
    "use_length": Bool(False, "Take the second input `length` as a mask.", none=True),
}


def softmax_calls(
    name: str, buffers: tuple[Arg, ...], rows: Rows, types: tuple[str, str, str], kind: str, temperature: float | None, ctx: LowerContext
) -> list[KernelCall]:
    """The launch of a softmax (`name` '') or its gradient ('_backward'); `types`: of data, result and length ('' for none)."""
    dtype, result, length = types
    compute = compute_type(dtype if dtype != "float16" else result)
    compute = "float" if compute == "int" else compute
    same = int(ctype(result) == compute and dtype == result)
    defines = (
        ("T", ctype(dtype)), ("CT", compute), ("IS_FLOAT", 1), ("REQ", req_code(ctx.reqs[0])),
        ("TY", ctype(result)), ("TL", ctype(length or "int32")), ("KIND", _KINDS.index(kind)), ("USE_LENGTH", int(bool(length))),
        ("SAME_TYPE", same),
    )  # fmt: skip
    columns = ctx.traits.is_cpu and rows.inner > 1
    extents = (Scalar("long", rows.outer if columns else rows.count), Scalar("long", rows.n), Scalar("long", rows.inner))
    args = (*buffers, *extents, Scalar(compute, 1.0 if temperature is None else 1.0 / temperature))
    if columns:
        held = rows if name else Rows(rows.outer, min(rows.n, _HELD), rows.inner)
        tile = column_tile(held, _TILE, ctx.traits)
        args += (Scalar("int", tile),)
        size, local = column_grid(rows.outer * -(-rows.inner // tile), rows.count * rows.n, ctx.traits)
        entry = "softmax_columns"
    else:
        size, local, more = row_grid(rows.count, rows.n, ctx.traits, rows.inner > 1)
        args += more
        entry = "softmax_rows"
    return [KernelCall("loss/softmax.cl", entry + name, args, defines, size, local)]


class _AxisSoftmax(Op, Estimated):
    """What the three functions share."""

    params = _PARAMS
    kind = "softmax"

    def input_names(self, p: Params) -> tuple[str, ...]:
        return ("data", "length") if p.use_length else ("data",)

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        shape = unify_shape(ins[0], outs[0])
        if shape is None:
            return ins, outs
        axis = check_axis(p.axis, len(shape))
        if p.temperature is not None and not p.temperature > 0:
            raise ShapeError(f"temperature must be positive, got {p.temperature}")
        length = (shape[:axis] + shape[axis + 1 :] or (1,),) if p.use_length else ()
        return [shape, *length], [shape]

    def infer_type(self, p: Params, ins: list[str | None], outs: list[str | None]) -> tuple[list[str | None], list[str | None]]:
        found, _ = one_float_type(self.name, ins[:1], [] if p.dtype else outs)
        if p.use_length and ins[1] is not None and ins[1] not in ("int32", "int64", "uint8", "int8"):
            raise ShapeError(f"length must be of an integer type, not {ins[1]}; cast it with mx.sym.cast")
        return [found[0], *((ins[1] or "int32",) if p.use_length else ())], [p.dtype or found[0]]

    def inplace(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec]) -> Sequence[tuple[int, int]]:
        # rows are read whole before they are written only where the result's own type holds the exponentials; on a GPU each lane
        # reads and writes its own elements
        return ((0, 0),) if ins[0].dtype == outs[0].dtype else ()

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        length = [g.input(1)] if g.p.use_length else []
        dx = g.apply(
            "_backward_axis_softmax", g.ograd(), g.output(), *length, kind=self.kind, axis=g.p.axis, temperature=g.p.temperature,
            dtype=g.ins[0].dtype, use_length=bool(g.p.use_length),
        )  # fmt: skip
        return [dx, *(None for _ in length)]

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        rows = split_axis(ins[0].shape, check_axis(p.axis, ins[0].ndim))
        buffers: tuple[Arg, ...] = (In(0), In(1), Out(0)) if p.use_length else (In(0), Out(0))
        types = (ins[0].dtype, outs[0].dtype, ins[1].dtype if p.use_length else "")
        return softmax_calls("", buffers, rows, types, self.kind, p.temperature, ctx)

    def cost(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec]) -> tuple[int, int]:
        return 8 * ins[0].size, ins[0].nbytes + outs[0].nbytes


@register
class Softmax(_AxisSoftmax):
    """Softmax: ``exp(x / t) / sum(exp(x / t))`` along an axis.

    Parameters
    ----------
    data : Symbol or NDArray
        Of any shape and floating-point type. A NaN makes its row NaN.
    length : Symbol or NDArray
        Only with ``use_length=True``: integers of the data's shape without `axis`; elements from there on count as absent and give 0.
    axis : int
        The axis to normalise over.
    temperature : float, optional
        ``t``, positive; 1 by default.
    dtype : {'float16', 'float32', 'float64'}, optional
        Element type of the result; by default that of the data.

    Raises
    ------
    MXNetError
        The axis does not exist, or the data are integers.

    Notes
    -----
    The gradient reads the result only. Source: the page of ``softmax`` in MXNet 1.9.1's operator reference.
    """

    name = "softmax"
    inputs = ("data", "length")


@register
class LogSoftmax(_AxisSoftmax):
    """Logarithm of the softmax: ``x / t - log(sum(exp(x / t)))`` along an axis, without overflow.

    Parameters
    ----------
    data : Symbol or NDArray
        Of any shape and floating-point type. A NaN makes its row NaN.
    axis : int
        The axis to normalise over.
    temperature : float, optional
        ``t``, positive; 1 by default.
    dtype : {'float16', 'float32', 'float64'}, optional
        Element type of the result; by default that of the data.
    use_length : bool
        Accepted for MXNet's sake; there is no input ``length``.

    Raises
    ------
    MXNetError
        The axis does not exist, or the data are integers.
    """

    name = "log_softmax"
    kind = "log_softmax"

    def parse(self, given: dict[str, object], node_name: str = "") -> Params:  # type: ignore[override]
        return super().parse(given, node_name).replace(use_length=False)


@register
class Softmin(_AxisSoftmax):
    """Softmax of the negated data: ``exp(-x / t) / sum(exp(-x / t))`` along an axis.

    Parameters
    ----------
    data : Symbol or NDArray
        Of any shape and floating-point type. A NaN makes its row NaN.
    axis : int
        The axis to normalise over.
    temperature : float, optional
        ``t``, positive; 1 by default.
    dtype : {'float16', 'float32', 'float64'}, optional
        Element type of the result; by default that of the data.
    use_length : bool
        Accepted for MXNet's sake; there is no input ``length``.

    Raises
    ------
    MXNetError
        The axis does not exist, or the data are integers.
    """

    name = "softmin"
    kind = "softmin"

    def parse(self, given: dict[str, object], node_name: str = "") -> Params:  # type: ignore[override]
        return super().parse(given, node_name).replace(use_length=False)


@register
class AxisSoftmaxBackward(Op):
    """Gradient of softmax and kin: from the head gradient and the result."""

    name = "_backward_axis_softmax"
    hidden = True
    params: dict[str, Field] = {
        "kind": Enum(_KINDS, "softmax"), "axis": Int(-1), "temperature": Float(None, none=True), "dtype": Enum(_FLOATS, "float32"),
        "use_length": Bool(False),
    }  # fmt: skip

    def input_names(self, p: Params) -> tuple[str, ...]:
        return ("ograd", "out", "length") if p.use_length else ("ograd", "out")

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        shape = unify_shape(unify_shape(ins[0], ins[1]), outs[0])
        return [shape, shape, *ins[2:]], [shape]

    def infer_type(self, p: Params, ins: list[str | None], outs: list[str | None]) -> tuple[list[str | None], list[str | None]]:
        return ins, [p.dtype]

    def inplace(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec]) -> Sequence[tuple[int, int]]:
        return ((0, 0), (0, 1)) if ins[0].dtype == outs[0].dtype else ()

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        rows = split_axis(outs[0].shape, check_axis(p.axis, outs[0].ndim))
        length: tuple[Arg, ...] = (In(2),) if p.use_length else ()
        types = (outs[0].dtype, ins[0].dtype, ins[2].dtype if p.use_length else "")
        return softmax_calls("_backward", (In(0), In(1), *length, Out(0)), rows, types, p.kind, p.temperature, ctx)


@register
class SoftmaxActivation(Op):
    """Softmax along the last axis (``mode='instance'``) or over the channels of each position (``mode='channel'``: axis 1).

    Deprecated in MXNet in favour of ``softmax``; old graphs hold it.

    Parameters
    ----------
    data : Symbol or NDArray
        Of any shape, floating-point; at least three dimensions in mode ``'channel'``.
    mode : {'instance', 'channel'}

    Raises
    ------
    MXNetError
        Fewer than three dimensions in mode ``'channel'``.
    """

    name = "SoftmaxActivation"
    params: dict[str, Field] = {"mode": Enum(("channel", "instance"), "instance", "Which axis to normalise over.")}

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        shape = unify_shape(ins[0], outs[0])
        if shape is not None and len(shape) < 3 and p.mode == "channel":
            raise ShapeError(f"the data needs at least 3 dimensions when mode='channel', got {shape}; use mode='instance'")
        return [shape], [shape]

    def infer_type(self, p: Params, ins: list[str | None], outs: list[str | None]) -> tuple[list[str | None], list[str | None]]:
        return one_float_type(self.name, ins, outs)

    def inplace(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec]) -> Sequence[tuple[int, int]]:
        return ((0, 0),)

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        axis = 1 if g.p.mode == "channel" else -1
        return [g.apply("_backward_axis_softmax", g.ograd(), g.output(), kind="softmax", axis=axis, dtype=g.ins[0].dtype)]

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        rows = split_axis(ins[0].shape, 1 if p.mode == "channel" else ins[0].ndim - 1)
        return softmax_calls("", (In(0), Out(0)), rows, (ins[0].dtype, ins[0].dtype, ""), "softmax", None, ctx)


@register
class SoftmaxCrossEntropy(Op):
    """Sum over the rows of ``-log(softmax(data)[label])``.

    Parameters
    ----------
    data : Symbol or NDArray
        Shape (N, C), floating-point.
    label : Symbol or NDArray
        Shape (N,): class indices, cut to 0..C-1.

    Returns
    -------
    Symbol or NDArray
        Shape (1,). Only `data` gets a gradient. Probabilities below 1e-8 count as 1e-8, as in MXNet.
    """

    name = "softmax_cross_entropy"
    inputs = ("data", "label")

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        if ins[0] is not None and len(ins[0]) != 2:
            raise ShapeError(f"data must have 2 dimensions (N, C), got {ins[0]}")
        n = (ins[0][0],) if ins[0] is not None else ins[1]
        return [ins[0], n], [(1,)]

    def infer_type(self, p: Params, ins: list[str | None], outs: list[str | None]) -> tuple[list[str | None], list[str | None]]:
        found, _ = one_float_type(self.name, ins[:1], outs)
        return [found[0], ins[1] or found[0]], [found[0]]

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        return [g.apply("_backward_softmax_cross_entropy", g.ograd(), g.input(0), g.input(1)), None]

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        n, c = ins[0].shape
        dtype = ins[0].dtype
        wide = "float64" if dtype == "float64" else "float32"
        losses = Temp(0, n * (8 if wide == "float64" else 4))
        size, local, more = row_grid(n, c, ctx.traits)
        args = (In(0), In(1), losses, Scalar("long", n), Scalar("long", c), *more)
        first = KernelCall("loss/softmax.cl", "cross_entropy", args, defines_for(dtype, "write", TL=ctype(ins[1].dtype)), size, local)
        return [first, *reduce_calls(losses, Out(0), (n,), (0,), wide, ctx, out_dtype=dtype, req=ctx.reqs[0], temp=1)]


@register
class SoftmaxCrossEntropyBackward(Op):
    """Gradient of softmax_cross_entropy: ``(softmax(data) - onehot(label)) * ograd``."""

    name = "_backward_softmax_cross_entropy"
    hidden = True
    inputs = ("ograd", "data", "label")

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        return ins, [ins[1]]

    def infer_type(self, p: Params, ins: list[str | None], outs: list[str | None]) -> tuple[list[str | None], list[str | None]]:
        return ins, [ins[1]]

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        n, c = outs[0].shape
        size, local, more = row_grid(n, c, ctx.traits)
        args = (In(0), In(1), In(2), Out(0), Scalar("long", n), Scalar("long", c), *more)
        defines = defines_for(outs[0].dtype, ctx.reqs[0], TL=ctype(ins[2].dtype))
        return [KernelCall("loss/softmax.cl", "cross_entropy_backward", args, defines, size, local)]


differs(
    "SoftmaxActivation",
    "the gradient for data of more than two dimensions",
    "x = mx.nd.array([[[1, 2], [0, 3]]]); g = mx.nd.zeros(x.shape); "
    "e = mx.sym.SoftmaxActivation(mx.sym.var('x')).bind(mx.cpu(), {'x': x}, {'x': g}); _ = e.forward(is_train=True); "
    "e.backward(mx.nd.array([[[1, 0], [0, 0]]])); print(g.asnumpy().astype('float64').round(3).tolist())",
    ours="[[[0.197, -0.197], [0.0, 0.0]]]",
    mxnet="[[[0.197, 0.0], [-0.013, 0.0]]]",
)
differs(
    "log_softmax",
    "minus infinity is no number",
    "print(mx.nd.log_softmax(mx.nd.array([[1, float('-inf')]])).asnumpy().tolist())",
    ours="[[0.0, -inf]]",
    mxnet="[[1.430511474609375e-06, -inf]]",
    build="oneDNN",
)
