"""Softmax along an axis: softmax, log_softmax, softmin, SoftmaxActivation."""

from __future__ import annotations

from collections.abc import Sequence

from ...differences import differs
from ...graph.contract.facets import Estimated
from ...graph.contract.kernel_call import KernelCall, LowerContext
from ...graph.contract.op import Entry, Gradient, Op
from ...graph.contract.registry import register
from ...graph.contract.spec import PartialShape, ShapeError, TensorSpec, unify_shape
from ...params import Bool, Enum, Field, Float, Int, Params
from ..shared.float_types import one_float_type
from ..shared.rows import check_axis, split_axis
from .calls import KINDS, softmax_calls

__all__ = ["LogSoftmax", "Softmax", "SoftmaxActivation", "Softmin"]

_FLOATS = ("float16", "float32", "float64")
_PARAMS: dict[str, Field] = {
    "axis": Int(-1, "The axis to normalise over."),
    "temperature": Float(None, "Divides the data; None is 1.", none=True),
    "dtype": Enum(_FLOATS, None, "Element type of the result; by default that of the data.", none=True),
    "use_length": Bool(False, "Take the second input `length` as a mask.", none=True),
}


class _Softmax(Op, Estimated):
    """What every softmax shares: the gradient from the result alone, and the kernels."""

    def how(self, p: Params) -> tuple[str, int, float | None]:
        """The kind, the axis and the temperature."""
        raise NotImplementedError

    def lengths(self, p: Params) -> bool:
        """Whether the second input says how many elements of each row count."""
        return False

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        kind, axis, temperature = self.how(g.p)
        length = [g.input(1)] if self.lengths(g.p) else []
        dx = g.apply(
            "_backward_axis_softmax", g.ograd(), g.output(), *length, kind=kind, axis=axis, temperature=temperature, dtype=g.ins[0].dtype,
            use_length=bool(length),
        )  # fmt: skip
        return [dx, *(None for _ in length)]

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        kind, axis, temperature = self.how(p)
        return softmax_calls(kind, split_axis(outs[0].shape, check_axis(axis, outs[0].ndim)), ins, outs[0], ctx, temperature)

    def cost(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec]) -> tuple[int, int]:
        return 8 * ins[0].size, ins[0].nbytes + outs[0].nbytes


class _AxisSoftmax(_Softmax):
    """What the three functions share."""

    params = _PARAMS
    kind = "softmax"

    def how(self, p: Params) -> tuple[str, int, float | None]:
        return self.kind, p.axis, p.temperature

    def lengths(self, p: Params) -> bool:
        return bool(p.use_length)

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


class _WithoutLength(_AxisSoftmax):
    """Accepts ``use_length`` for MXNet's sake, and has no input for it."""

    def parse(self, given: dict[str, object], node_name: str = "") -> Params:  # type: ignore[override]
        return super().parse(given, node_name).replace(use_length=False)


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

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        return super().infer_shape(p, ins, outs) if ins[0] is not None else (ins, outs)  # nothing follows from the output alone


@register
class LogSoftmax(_WithoutLength):
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


@register
class Softmin(_WithoutLength):
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


@register
class AxisSoftmaxBackward(Op):
    """Gradient of softmax and kin: from the head gradient and the result."""

    name = "_backward_axis_softmax"
    hidden = True
    params: dict[str, Field] = {
        "kind": Enum(KINDS, "softmax"), "axis": Int(-1), "temperature": Float(None, none=True), "dtype": Enum(_FLOATS, "float32"),
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
        return softmax_calls(p.kind, rows, ins, outs[0], ctx, p.temperature, backward=True)


@register
class SoftmaxActivation(_Softmax):
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

    def how(self, p: Params) -> tuple[str, int, float | None]:
        return "softmax", 1 if p.mode == "channel" else -1, None

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        shape = unify_shape(ins[0], outs[0])
        if shape is not None and len(shape) < 3 and p.mode == "channel":
            raise ShapeError(f"the data needs at least 3 dimensions when mode='channel', got {shape}; use mode='instance'")
        return [shape], [shape]

    def infer_type(self, p: Params, ins: list[str | None], outs: list[str | None]) -> tuple[list[str | None], list[str | None]]:
        return one_float_type(self.name, ins, outs)

    def inplace(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec]) -> Sequence[tuple[int, int]]:
        return ((0, 0),)


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
    "softmax",
    "infinity makes its row NaN",
    "print(mx.nd.softmax(mx.nd.array([[1, float('inf')]])).asnumpy().tolist())",
    ours="[[nan, nan]]",
    mxnet="[[0.0, nan]]",
    build="oneDNN",
)
differs(
    "log_softmax",
    "minus infinity is no number",
    "print(mx.nd.log_softmax(mx.nd.array([[1, float('-inf')]])).asnumpy().tolist())",
    ours="[[0.0, -inf]]",
    mxnet="[[1.430511474609375e-06, -inf]]",
    build="oneDNN",
)
