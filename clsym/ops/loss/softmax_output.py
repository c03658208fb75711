"""Softmax with the gradient of the cross entropy against labels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import cast

from ...differences import differs
from ...graph.contract.facets import Estimated
from ...graph.contract.kernel_call import Arg, In, KernelCall, LowerContext, Out, Scalar, Temp, compute_type, defines_for, grid
from ...graph.contract.op import Entry, Gradient, Op
from ...graph.contract.registry import register
from ...graph.contract.spec import PartialShape, Shape, ShapeError, TensorSpec, known, show_shape, unify_shape
from ...params import Bool, Enum, Field, Float, Params
from ..shared.float_types import one_float_type
from ..shared.launch_sizes import group_size
from ..shared.rows import Rows
from .calls import softmax_calls

__all__ = ["SoftmaxOutput"]


def _split(p: Params, shape: tuple[int, ...]) -> tuple[int, int, int]:
    """The tensor as (outer, classes, inner)."""
    if p.multi_output:
        return shape[0], shape[1], math.prod(shape[2:])
    if p.preserve_shape:
        return math.prod(shape[:-1]), shape[-1], 1
    return shape[0], math.prod(shape[1:]), 1


def _label_shapes(p: Params, data: tuple[int, ...]) -> list[tuple[int, ...]]:
    """The shapes a label may have, the one to infer first; the data's own shape means probabilities."""
    if p.multi_output:
        spatial = data[2:]
        rest = math.prod(spatial) if all(d >= 0 for d in spatial) else -1
        shapes = [(data[0], rest), (data[0], *spatial), (data[0], 1, *spatial)]
    else:
        shapes = [data[:-1]]
    return [*(s for s in shapes if s), data]


def _fits(a: tuple[int, ...], b: tuple[int, ...]) -> bool:
    return len(a) == len(b) and all(x == y or x < 0 or y < 0 for x, y in zip(a, b, strict=True))


_SOFTMAX_OUTPUT_PARAMS: dict[str, Field] = {
    "grad_scale": Float(1.0, "Factor of the gradient."),
    "ignore_label": Float(-1.0, "The label without gradient, if use_ignore."),
    "multi_output": Bool(False, "Softmax over axis 1 at each position."),
    "use_ignore": Bool(False, "Whether ignore_label has no gradient."),
    "preserve_shape": Bool(False, "Softmax over the last axis."),
    "normalization": Enum(("batch", "null", "valid"), "null", "What the gradient is divided by."),
    "out_grad": Bool(False, "Multiply the gradient by the head gradient."),
    "smooth_alpha": Float(0.0, "Weight of the other classes in the target."),
}


@register
class SoftmaxOutput(Op, Estimated):
    r"""Softmax; its gradient is that of the cross entropy with the label, whatever the head gradient.

    With data (N, C, ...) the softmax is over all but the first dimension; with ``preserve_shape`` over the last one; with ``multi_output``
    over axis 1 at each position. The gradient of the data is ``(output - target) * grad_scale / n``: the target is 1 for the label's class,
    0 for others (1 - smooth_alpha and smooth_alpha / (classes - 1); not with ``multi_output``), n is 1 for ``normalization='null'``, the
    number of labels for ``'batch'``, that of labels other than `ignore_label` for ``'valid'``; with ``multi_output`` and not ``'valid'``, n
    counts
    the positions, too. A label of the data's shape holds the target itself, and then only `grad_scale` applies.

    Parameters
    ----------
    data : Symbol or NDArray
        (N, C), (N, C, ...), of floating-point type.
    label : Symbol or NDArray
        Class numbers, of the data's type: (N,); with ``multi_output`` (N, positions), (N, ...) or (N, 1, ...);
        with ``preserve_shape`` the data's shape without the last dimension. Or probabilities of the data's shape.

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
    >>> mx.nd.SoftmaxOutput(mx.nd.zeros((1, 4)), mx.nd.array([2])).asnumpy()
    array([[0.25, 0.25, 0.25, 0.25]], dtype=float32)

    Notes
    -----
    After MXNet's ``SoftmaxOutput``. With ``out_grad`` the gradient is multiplied by the head gradient, as its documentation says.
    """

    name = "SoftmaxOutput"
    aliases = ("Softmax",)
    is_loss = True
    inputs = ("data", "label")
    params = _SOFTMAX_OUTPUT_PARAMS

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        if ins[0] is None:  # nothing follows from the output alone
            return ins, outs
        data, label = cast(Shape, unify_shape(ins[0], outs[0])), ins[1]
        if p.multi_output and len(data) < 2:
            raise ShapeError(f"data: multi_output needs (N, C, ...), got {show_shape(data)}")
        if not data:
            raise ShapeError("data: expected (N, C, ...), got a scalar")
        shapes = _label_shapes(p, data)
        if label is None:
            label = shapes[0] if len(data) > 1 else None
        elif p.multi_output and len(data) == 2 and _fits(label, data[:1]):
            label = unify_shape(label, data[:1])
        else:
            match = next((s for s in shapes if _fits(label, s)), None)
            if match is None:
                listing = " or ".join(show_shape(s) for s in dict.fromkeys(shapes))
                raise ShapeError(f"label: expected {listing}, got {show_shape(label)}; give one class number a sample, or probabilities")
            label = unify_shape(label, match)
        return [data, label], [data]

    def infer_type(self, p: Params, ins: list[str | None], outs: list[str | None]) -> tuple[list[str | None], list[str | None]]:
        found, out = one_float_type(self.name, ins, outs)
        return (found, out) if ins[0] is not None or outs[0] is not None else (ins, outs)  # nothing follows from the label alone

    def inplace(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec]) -> Sequence[tuple[int, int]]:
        return ((0, 0),)

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        reads = [g.input(1), g.output(), *([g.ograd()] if g.p.out_grad else [])]
        return [g.apply("_backward_SoftmaxOutput", *reads, **dict(g.p.items())), None]

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        rows = Rows(*_split(p, ins[0].shape))
        return softmax_calls("softmax", rows, ins[:1], outs[0], ctx)

    def cost(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec]) -> tuple[int, int]:
        return 20 * outs[0].size, 2 * outs[0].nbytes


@register
class SoftmaxOutputBackward(Op):
    """Gradient of the cross entropy with respect to the softmax's input."""

    name = "_backward_SoftmaxOutput"
    hidden = True
    params = SoftmaxOutput.params

    def input_names(self, p: Params) -> tuple[str, ...]:
        return ("label", "out", "ograd") if p.out_grad else ("label", "out")

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        data = unify_shape(ins[1], outs[0])
        return [ins[0], *[data] * (len(ins) - 1)], [data]

    def inplace(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec]) -> Sequence[tuple[int, int]]:
        return ((0, 1), *(((0, 2),) if p.out_grad else ()))

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        label, data = ins[0], ins[1]
        ct = compute_type(data.dtype)
        ograd = In(2) if p.out_grad else In(1)  # unused otherwise
        if label.shape == data.shape and known(label.shape):
            defines = defines_for(data.dtype, ctx.reqs[0], OGRAD=int(p.out_grad))
            args: tuple[Arg, ...] = (In(0), In(1), ograd, Out(0), Scalar("long", data.size), Scalar(ct, p.grad_scale))
            return [KernelCall("loss/softmax_distance.cl", "softmax_distance", args, defines, *grid(data.size, ctx.traits))]
        outer, k, inner = _split(p, data.shape)
        valid = p.normalization == "valid"
        lines = outer if inner == 1 else outer * k
        if ctx.traits.is_cpu:
            source, group, size = "loss/softmax_output_cpu.cl", 1, grid(lines, ctx.traits, max(16, 4096 * lines // data.size))
        else:
            source, group, size = "loss/softmax_output_gpu.cl", group_size(128, ctx.traits), grid(data.size, ctx.traits)
        defines = defines_for(data.dtype, ctx.reqs[0], OGRAD=int(p.out_grad), VALID=int(valid), IGNORE=int(p.use_ignore), LOCAL=group)
        scale = p.grad_scale
        if p.multi_output:
            scale /= 1 if valid else inner * (outer if p.normalization == "batch" else 1)
        elif p.normalization == "batch":
            scale /= label.size
        alpha = 0.0 if p.multi_output else p.smooth_alpha
        ignored = Scalar("int", int(p.ignore_label))
        count = Temp(0, 4)
        calls = []
        if valid:
            calls.append(
                KernelCall(source, "count_valid", (In(0), count, Scalar("long", label.size), ignored), defines, (group,), (group,))
            )
        extents = (Scalar("long", outer), Scalar("int", k), Scalar("long", inner))
        others = Scalar(ct, alpha / (k - 1) if k > 1 else 0.0)
        args = (In(0), In(1), ograd, count, Out(0), *extents, Scalar(ct, scale), Scalar(ct, alpha), others, ignored)
        return [*calls, KernelCall(source, "softmax_gradient", args, defines, *size)]


differs(
    "SoftmaxOutput",
    "the head gradient counts with out_grad=True",
    "x = mx.nd.array([[1, 1]]); g = mx.nd.zeros((1, 2)); "
    "e = mx.sym.SoftmaxOutput(mx.sym.var('x'), mx.sym.var('l'), out_grad=True).bind(mx.cpu(), {'x': x, "
    "'l': mx.nd.array([0])}, {'x': g}); _ = e.forward(is_train=True); e.backward(mx.nd.array([[10, 20]])); "
    "print(g.asnumpy().tolist())",
    ours="[[-5.0, 10.0]]",
    mxnet="[[-0.25, 0.25]]",
    why="The gradient is to be multiplied by the head gradient. MXNet multiplies by the output instead.",
)
differs(
    "SoftmaxOutput",
    "data of four dimensions are normalised over all but the first",
    "d = mx.nd.array([[[[0, 1], [2, 3]]]]); "
    "print(mx.nd.SoftmaxOutput(d, mx.nd.zeros((1, 1, 2))).asnumpy().astype('float64').round(3).tolist())",
    ours="[[[[0.032, 0.087], [0.237, 0.644]]]]",
    mxnet="[[[[0.269, 0.731], [0.269, 0.731]]]]",
    why="oneDNN's kernel goes over the last axis; with three dimensions it agrees.",
    build="oneDNN",
)
differs(
    "SoftmaxOutput",
    "grad_req='add' adds",
    "x = mx.nd.array([[0, 0]]); g = mx.nd.ones(x.shape); "
    "e = mx.sym.SoftmaxOutput(mx.sym.var('x'), mx.sym.var('l')).bind(mx.cpu(), {'x': x, 'l': mx.nd.array([0])}, {'x': g}, "
    "'add'); _ = e.forward(is_train=True); e.backward(); print(g.asnumpy().astype('float64').round(3).tolist())",
    ours="[[0.5, 1.5]]",
    mxnet="[[-0.5, 0.5]]",
    why="With grad_req='add' MXNet's gradient overwrites what is there instead of adding to it.",
)
