"""Output layers whose backward pass holds a loss: regression, and the support vector machine."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import cast

from ...differences import differs
from ...graph.contract.kernel_call import In, KernelCall, LowerContext, Out, Scalar, compute_type, defines_for, grid
from ...graph.contract.op import Entry, Gradient, Op
from ...graph.contract.registry import register
from ...graph.contract.spec import PartialShape, Shape, ShapeError, TensorSpec, show_shape, unify_shape
from ...params import Bool, Field, Float, Params
from ..shared.float_types import one_float_type

__all__ = ["RegressionOutput", "SVMOutput"]

_SOURCE = "loss/output_layers.cl"


class _OutputLayer(Op):
    """What the output layers share: data and label in, data's shape out, the head gradient ignored."""

    is_loss = True
    inputs = ("data", "label")

    def infer_type(self, p: Params, ins: list[str | None], outs: list[str | None]) -> tuple[list[str | None], list[str | None]]:
        return one_float_type(self.name, ins, outs)

    def inplace(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec]) -> Sequence[tuple[int, int]]:
        return ((0, 0),)

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        return [g.apply(f"_backward_{self.name}", g.input(1), g.output(), **dict(g.p.items())), None]

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        n = outs[0].size
        defines = defines_for(outs[0].dtype, ctx.reqs[0], LOGISTIC=int(self.name == "LogisticRegressionOutput"))
        return [KernelCall(_SOURCE, "output_forward", (In(0), Out(0), Scalar("long", n)), defines, *grid(n, ctx.traits))]


_REGRESSION_OUTPUT_PARAMS: dict[str, Field] = {"grad_scale": Float(1.0, "Factor of the gradient.")}


class RegressionOutput(_OutputLayer):
    """A regression against the label; a row of the table below each."""

    params = _REGRESSION_OUTPUT_PARAMS

    lenient = True

    def __init__(self, name: str, forward: str, gradient: str) -> None:
        self.name = name
        self.forward = forward
        self.formula = gradient

    def doc(self) -> str:
        """The documentation."""
        return f"""The output {self.forward}; its gradient is that of a regression against the label, whatever the head gradient.

The gradient of the data is ``{self.formula} * grad_scale / m``, m being the number of values a sample.

Parameters
----------
data : Symbol or NDArray
    (N, ...), of floating-point type.
label : Symbol or NDArray
    Of the data's type, with as many values for each of its N samples; usually of the data's shape.

Returns
-------
Symbol or NDArray
    Of the data's shape.

Raises
------
MXNetError
    The label has another shape.

Examples
--------
>>> import clsym as mx
>>> mx.nd.{self.name}(mx.nd.zeros((2, 1)), mx.nd.ones(2)).shape
(2, 1)

Notes
-----
After MXNet's ``{self.name}``."""

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        data, label = unify_shape(ins[0], outs[0]), ins[1]
        if ins[0] is None:  # nothing follows from the output alone
            return ins, outs
        if data is None or any(d < 0 for d in data):
            return [data, label], outs
        if label is None or any(d < 0 for d in label):
            label = unify_shape(label, data[:1] if len(data) == 2 and data[1] == 1 else data)
        elif label[:1] != data[:1] or math.prod(label) != math.prod(data):
            raise ShapeError(f"label: expected {show_shape(data)}, got {show_shape(label)}; give one value for each of the data")
        return [data, label], [data]


class RegressionBackward(Op):
    """Gradient of a regression's loss with respect to the data."""

    hidden = True
    inputs = ("label", "out")
    params = RegressionOutput.params

    def __init__(self, forward: RegressionOutput) -> None:
        self.name = f"_backward_{forward.name}"
        self.sign = int(forward.name == "MAERegressionOutput")

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        data = unify_shape(ins[1], outs[0])
        return [ins[0], data], [data]

    def inplace(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec]) -> Sequence[tuple[int, int]]:
        return ((0, 1), (0, 0))

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        n, dtype = outs[0].size, outs[0].dtype
        scale = Scalar(compute_type(dtype), p.grad_scale / (n // outs[0].shape[0]) if outs[0].shape else p.grad_scale)
        args = (In(0), In(1), Out(0), Scalar("long", n), scale)
        return [KernelCall(_SOURCE, "regression_gradient", args, defines_for(dtype, ctx.reqs[0], SIGN=self.sign), *grid(n, ctx.traits))]


for _op in (
    RegressionOutput("LinearRegressionOutput", "is the data", "(output - label)"),
    RegressionOutput("LogisticRegressionOutput", "is the sigmoid of the data", "(output - label)"),
    RegressionOutput("MAERegressionOutput", "is the data", "sign(output - label)"),
):
    register(_op)
    register(RegressionBackward(_op))


_SVM_PARAMS: dict[str, Field] = {
    "margin": Float(1.0, "Scores nearer than this to the wrong side are penalised."),
    "regularization_coefficient": Float(1.0, "Factor of the gradient."),
    "use_linear": Bool(False, "The hinge loss itself instead of its square."),
}


@register
class SVMOutput(_OutputLayer):
    """The output is the data; its gradient is that of a one-against-all hinge loss, whatever the head gradient.

    Parameters
    ----------
    data : Symbol or NDArray
        (..., C) scores, of floating-point type.
    label : Symbol or NDArray
        Class numbers, of the data's type and its shape without the last dimension.

    Returns
    -------
    Symbol or NDArray
        Of the data's shape.

    Raises
    ------
    MXNetError
        The label has another shape.

    Examples
    --------
    >>> import clsym as mx
    >>> mx.nd.SVMOutput(mx.nd.array([[1, 2]]), mx.nd.array([0])).asnumpy()
    array([[1., 2.]], dtype=float32)

    Notes
    -----
    After MXNet's ``SVMOutput``. Tang, https://arxiv.org/abs/1306.0239
    """

    name = "SVMOutput"
    params = _SVM_PARAMS

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        if ins[0] is None:  # nothing follows from the output alone
            return ins, outs
        data = cast(Shape, unify_shape(ins[0], outs[0]))
        if len(data) < 2:
            raise ShapeError(f"data: expected (N, C) or (N, ..., C), got {show_shape(data)}")
        label = unify_shape(data[:-1], ins[1], "label: give one class number a row")
        return [data, label], [data]


@register
class SVMBackward(Op):
    """Gradient of the hinge loss with respect to the scores."""

    name = "_backward_SVMOutput"
    hidden = True
    inputs = ("label", "out")
    params = SVMOutput.params

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        data = unify_shape(ins[1], outs[0])
        return [ins[0], data], [data]

    def inplace(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec]) -> Sequence[tuple[int, int]]:
        return ((0, 1),)

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        shape, dtype = outs[0].shape, outs[0].dtype
        ct = compute_type(dtype)
        rows = (Scalar("long", math.prod(shape[:-1])), Scalar("int", shape[-1]))
        args = (In(0), In(1), Out(0), *rows, Scalar(ct, p.margin), Scalar(ct, p.regularization_coefficient))
        defines = defines_for(dtype, ctx.reqs[0], LINEAR=int(p.use_linear))
        return [KernelCall(_SOURCE, "svm_gradient", args, defines, *grid(outs[0].size, ctx.traits))]


differs(
    "SVMOutput",
    "grad_req='add' adds",
    "x = mx.nd.array([[0, 0]]); g = mx.nd.ones(x.shape); "
    "e = mx.sym.SVMOutput(mx.sym.var('x'), mx.sym.var('l'), use_linear=True).bind(mx.cpu(), {'x': x, "
    "'l': mx.nd.array([0])}, {'x': g}, 'add'); _ = e.forward(is_train=True); e.backward(); "
    "print(g.asnumpy().astype('float64').round(3).tolist())",
    ours="[[0.0, 2.0]]",
    mxnet="[[-1.0, 1.0]]",
    why="With grad_req='add' MXNet's gradient overwrites what is there instead of adding to it.",
)
differs(
    "LinearRegressionOutput",
    "grad_req='add' adds, and scales nothing that is there",
    "x = mx.nd.array([[3, 3]]); g = mx.nd.ones(x.shape); "
    "e = mx.sym.LinearRegressionOutput(mx.sym.var('x'), mx.sym.var('l'), grad_scale=4).bind(mx.cpu(), {'x': x, "
    "'l': mx.nd.array([[1, 1]])}, {'x': g}, 'add'); _ = e.forward(is_train=True); e.backward(); "
    "print(g.asnumpy().astype('float64').round(3).tolist())",
    ours="[[5.0, 5.0]]",
    mxnet="[[9.0, 9.0]]",
    why="MXNet computes a first part with 'add' and scales what is there with a second, also with 'add'; "
    "LogisticRegressionOutput and MAERegressionOutput likewise.",
)
