"""Reductions over axes: sum, mean, prod, max, min, their NaN-skipping kin, and the norm; a row of the table each."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ...differences import differs
from ...graph.contract.facets import Estimated
from ...graph.contract.kernel_call import Arg, In, KernelCall, LowerContext, Out, Scalar, Temp, compute_type, ctype, defines_for
from ...graph.contract.op import Entry, Gradient, Op
from ...graph.contract.registry import register
from ...graph.contract.spec import PartialShape, Shape, ShapeError, TensorSpec, known
from ...params import Bool, Enum, Field, Int, Params
from ...params import Shape as ShapeField
from ..shared.float_types import one_float_type
from ..shared.launch_sizes import stretch_grid
from ..shared.rows import reduced_axes, reduced_shape
from .calls import reduce_calls

__all__ = ["Norm", "Reduce", "ReduceBackward"]

_AXIS = "Axes to reduce, negative ones counted from the back; None or () reduces all."
_REDUCE_PARAMS: dict[str, Field] = {
    "axis": ShapeField(None, _AXIS),
    "keepdims": Bool(False, "Keep the reduced axes with extent 1."),
    "exclude": Bool(False, "Reduce the axes that are not named instead."),
}
# the derivative with respect to an element x, given the head gradient g and the result y
_DERIVATIVES = {
    "sum": "(g)",
    "mean": "((g) / (CT)length)",
    "prod": "((g) * (y) / (x))",
    "nansum": "((x) != (x) ? (CT)0 : (g))",
    "nanprod": "((x) != (x) ? (CT)0 : (g) * (y) / (x))",
    "extremum": "((x) == (y) ? (g) : (CT)0)",
    "norm1": "((x) > 0 ? (g) : (x) < 0 ? -(g) : (CT)0)",
    "norm2": "((g) * (x) / (y))",
    "square": "(2 * (g) * (x))",
    "variance": "(2 * (g) * ((x) - (y)) / (CT)length)",
}
_INTEGER = {"nansum": "(g)", "nanprod": "((g) * (y) / (x))"}  # an integer is no NaN


def reduction_shape(
    ins: list[PartialShape], outs: list[PartialShape], axis: Any, keepdims: bool, exclude: bool = False, whole: bool = False
) -> Any:
    """Shape inference of a reduction: forwards only, as the reduced extents leave no trace.

    With `whole` nothing follows from a shape known in part, as in MXNet for some.
    """
    shape = ins[0]
    if shape is None:
        return ins, outs
    result = reduced_shape(shape, reduced_axes(axis, len(shape), exclude), keepdims)
    return ins, [result] if known(shape) or not whole else outs


class Reduce(Op, Estimated):
    """A reduction; `fold`, `map` and `finish` as `reduce_calls` takes them, `derivative` a row of the table above."""

    params = _REDUCE_PARAMS

    def __init__(
        self,
        name: str,
        formula: str,
        fold: str,
        derivative: str,
        *,
        map: str = "",
        finish: str = "",
        aliases: tuple[str, ...] = (),
        note: str = "",
    ) -> None:
        self.name, self.formula, self.aliases = name, formula, aliases
        self.fold, self.map, self.finish, self.derivative = fold, map, finish, derivative
        self.note = note

    def doc(self) -> str:
        """The documentation."""
        return (
            f"{self.formula} over the given axes. {self.note}\n\n"
            "float16 is accumulated in float32; sums are blocked and compensated. A full reduction gives shape (1,).\n\n"
            "Parameters\n----------\ndata : Symbol or NDArray\n    Of any shape and type.\n"
            f"axis : int or tuple of int, optional\n    {_AXIS}\n"
            "keepdims : bool\n    Keep the reduced axes with extent 1.\nexclude : bool\n    Reduce the axes that are not named instead.\n\n"
            "Raises\n------\nMXNetError\n    An axis does not exist or is named twice.\n\n"
            f"Source: the page of ``{self.name}`` in MXNet 1.9.1's operator reference."
        )

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        return reduction_shape(ins, outs, p.axis, p.keepdims, p.exclude, self.fold in ("max", "min"))

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        axes = reduced_axes(g.p.axis, g.ins[0].ndim, g.p.exclude)
        return [reduce_gradient(g, self.derivative, axes)]

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        axes = reduced_axes(p.axis, ins[0].ndim, p.exclude)
        return reduce_calls(
            In(0), Out(0), ins[0].shape, axes, ins[0].dtype, ctx, fold=self.fold, map=self.map, finish=self.finish, req=ctx.reqs[0]
        )  # fmt: skip

    def cost(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec]) -> tuple[int, int]:
        return ins[0].size, ins[0].nbytes + outs[0].nbytes


def reduce_gradient(g: Gradient, derivative: str, axes: tuple[int, ...]) -> Entry:
    """The gradient node of a reduction; what the derivative does not read is not kept alive."""
    text = _DERIVATIVES[derivative]
    saved = [g.input(0)] if "(x)" in text else []
    if "(y)" in text:
        saved.append(g.output())
    return g.apply("_backward_reduce", g.ograd(), *saved, kind=derivative, axes=axes, shape=g.ins[0].shape, dtype=g.ins[0].dtype)


@register
class ReduceBackward(Op):
    """Gradient of a reduction: the head gradient spread over the reduced axes, times the derivative."""

    name = "_backward_reduce"
    hidden = True
    params: dict[str, Field] = {
        "kind": Enum(tuple(_DERIVATIVES)),
        "axes": ShapeField(()),
        "shape": ShapeField(()),
        "dtype": Enum(("float32", "float64", "float16", "uint8", "int32", "int8", "int64", "bool"), "float32"),
    }

    def input_names(self, p: Params) -> tuple[str, ...]:
        text = _DERIVATIVES[p.kind]
        return ("ograd", *(("data",) if "(x)" in text else ()), *(("out",) if "(y)" in text else ()))

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        if g.p.kind not in ("sum", "mean"):
            return super().gradient(g)
        head = g.apply(g.p.kind, g.ograd(), axis=g.p.axes) if g.p.axes else g.ograd()
        return [g.apply("_backward_reshape", head, shape=g.ins[0].shape)]

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        return ins, [p.shape]

    def infer_type(self, p: Params, ins: list[str | None], outs: list[str | None]) -> tuple[list[str | None], list[str | None]]:
        return ins, [p.dtype]

    def inplace(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec]) -> Sequence[tuple[int, int]]:
        return ((0, 1),) if "(x)" in _DERIVATIVES[p.kind] else ()

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        text = _DERIVATIVES[p.kind]
        if p.dtype[0] != "f":
            text = _INTEGER.get(p.kind, text)
        names = self.input_names(p)
        x = In(1) if "data" in names else Out(0)  # an argument that the kernel does not read
        y = In(len(names) - 1) if "out" in names else In(0)
        return [
            spread_call(In(0), x, y, Out(0), outs[0].shape, p.axes, text, (outs[0].dtype, ctype(ins[0].dtype), ctype(outs[0].dtype)), ctx)
        ]


def spread_call(
    g: Arg,
    x: Arg,
    y: Arg,
    dst: Arg,
    shape: Shape,
    axes: Sequence[int],
    text: str,
    types: tuple[str, str, str],
    ctx: LowerContext,
    req: str = "",
) -> KernelCall:
    """The launch that computes ``text`` of g, x, y for every element x, g and y being results of a reduction over `axes`.

    `types`: element type of x, then OpenCL types of g and y, and of `dst`.
    """
    extents, steps, length = spread(shape, axes)
    n = math.prod(shape)
    size, local = stretch_grid(n // extents[0], extents[0], ctx.traits)
    defines = (
        *defines_for(types[0], req or ctx.reqs[0]), ("TY", types[1]), ("TD", types[2]),
        ("NEEDS_X", int("(x)" in text)), ("NEEDS_Y", int("(y)" in text)),
        ("INNER_REDUCED", int(steps[0] == 0)), ("DERIV(g, x, y)", text),
    )  # fmt: skip
    pad = 8 - len(extents)
    walk = (Scalar("long8", (*extents, *(1,) * pad)), Scalar("long8", (*steps, *(0,) * pad)))
    args = (g, x, y, dst, Scalar("long", n), *walk, Scalar("long", length))
    return KernelCall("reduce/reduce_backward.cl", "reduce_backward", args, defines, size, local)


def spread(shape: Shape, axes: Sequence[int]) -> tuple[list[int], list[int], int]:
    """Extents of the collapsed axes, innermost first; the step of each in the result (0: reduced); how many elements make a result."""
    extents: list[int] = []
    kinds: list[bool] = []
    for a in reversed(range(len(shape))):
        if shape[a] == 1:
            continue
        if kinds and kinds[-1] == (a in axes):
            extents[-1] *= shape[a]
        else:
            extents.append(shape[a])
            kinds.append(a in axes)
    if len(extents) > 8:
        raise ShapeError(f"shape {shape} reduced over {tuple(axes)}: kept and reduced axes alternate too often; transpose the tensor first")
    steps, step, length = [], 1, 1
    for extent, reduced in zip(extents, kinds, strict=True):
        steps.append(0 if reduced else step)
        step, length = (step, length * extent) if reduced else (step * extent, length)
    return extents or [1], steps or [0], length


class Norm(Reduce):
    """The norm over axes: ``sum |x|`` for ``ord=1``, ``sqrt(sum x^2)`` for ``ord=2``.

    Parameters
    ----------
    data : Symbol or NDArray
        Of any shape and type.
    ord : {1, 2}
    axis : int or tuple of int, optional
        Axes to reduce, negative ones counted from the back; None or () reduces all.
    out_dtype : str, optional
        Element type of the result; by default that of the data.
    keepdims : bool
        Keep the reduced axes with extent 1.

    Raises
    ------
    MXNetError
        `ord` is neither 1 nor 2, or an axis does not exist.

    Notes
    -----
    The gradient of the 2-norm of a zero vector is NaN, as in MXNet. Source: the page of ``norm`` in MXNet 1.9.1's operator reference.
    """

    params: dict[str, Field] = {
        "ord": Int(2, "1 or 2."),
        "axis": ShapeField(None, _AXIS),
        "out_dtype": Enum(("float16", "float32", "float64", "int32", "int64", "int8"), None, "Element type of the result.", none=True),
        "keepdims": Bool(False, "Keep the reduced axes with extent 1."),
    }

    def __init__(self) -> None:
        super().__init__("norm", "", "sum", "norm2")

    def doc(self) -> str:
        return Op.doc(self)

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        if p.ord not in (1, 2):
            raise ShapeError(f"norm only supports ord=1 and ord=2, got ord={p.ord}")
        return reduction_shape(ins, outs, p.axis, p.keepdims, whole=True)

    def infer_type(self, p: Params, ins: list[str | None], outs: list[str | None]) -> tuple[list[str | None], list[str | None]]:
        if p.out_dtype is not None:
            return ins, [p.out_dtype]
        return super().infer_type(p, ins, outs)

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        return [reduce_gradient(g, f"norm{g.p.ord}", reduced_axes(g.p.axis, g.ins[0].ndim))]

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        axes = reduced_axes(p.axis, ins[0].ndim)
        map, finish = ("abs", "") if p.ord == 1 else ("square", "sqrt")
        return reduce_calls(
            In(0), Out(0), ins[0].shape, axes, ins[0].dtype, ctx, map=map, finish=finish, out_dtype=outs[0].dtype, req=ctx.reqs[0]
        )


@register
class Moments(Op):
    """Mean and variance over axes.

    Parameters
    ----------
    data : Symbol or NDArray
        Of any shape, floating-point.
    axes : int or tuple of int, optional
        Axes to reduce, negative ones counted from the back; None reduces all.
    keepdims : bool
        Keep the reduced axes with extent 1.

    Returns
    -------
    mean, var : Symbol or NDArray
        The variance divides by the number of elements, without Bessel's correction.
    """

    name = "moments"
    params: dict[str, Field] = {"axes": ShapeField(None, _AXIS), "keepdims": Bool(False, "Keep the reduced axes with extent 1.")}
    outputs = ("output0", "output1")

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        if p.axes is None or p.axes == ():
            raise ShapeError("moments needs axes; name all of them for the moments of the whole tensor")
        if ins[0] is None:
            return ins, outs
        shape = reduced_shape(ins[0], reduced_axes(p.axes, len(ins[0])), p.keepdims)
        return ins, [shape, shape]

    def infer_type(self, p: Params, ins: list[str | None], outs: list[str | None]) -> tuple[list[str | None], list[str | None]]:
        return one_float_type(self.name, ins, outs)

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        more = {"axes": reduced_axes(g.p.axes, g.ins[0].ndim), "shape": g.ins[0].shape, "dtype": g.ins[0].dtype}
        mean = g.apply("_backward_reduce", g.ograd(0), kind="mean", **more)
        var = g.apply("_backward_reduce", g.ograd(1), g.input(0), g.output(0), kind="variance", **more)
        return [g.apply("elemwise_add", mean, var)]

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        shape, dtype, axes = ins[0].shape, ins[0].dtype, reduced_axes(p.axes, ins[0].ndim)
        compute = compute_type(dtype)
        wide = "float64" if compute == "double" else "float32"
        width = 8 if compute == "double" else 4
        mean, squares = Temp(1, outs[0].size * width), Temp(2, ins[0].size * width)
        calls = reduce_calls(In(0), mean, shape, axes, dtype, ctx, finish="mean", out_dtype=wide)
        if ctx.reqs[0] != "null":
            calls += reduce_calls(In(0), Out(0), shape, axes, dtype, ctx, finish="mean", req=ctx.reqs[0])
        if ctx.reqs[1] != "null":
            square = "(((x) - (y)) * ((x) - (y)))"
            calls.append(spread_call(mean, In(0), mean, squares, shape, axes, square, (dtype, compute, compute), ctx, "write"))
            calls += reduce_calls(squares, Out(1), shape, axes, wide, ctx, finish="mean", out_dtype=dtype, req=ctx.reqs[1])
        return calls


_TABLE = [
    Reduce("sum", "Sum", "sum", "sum", aliases=("sum_axis",)),
    Reduce("mean", "Arithmetic mean", "sum", "mean", finish="mean"),
    Reduce("prod", "Product", "prod", "prod", note="The gradient where an element is 0 is NaN, as in MXNet."),
    Reduce("nansum", "Sum, NaN counting as 0,", "sum", "nansum", map="nan0"),
    Reduce("nanprod", "Product, NaN counting as 1,", "prod", "nanprod", map="nan1"),
    Reduce(
        "max",
        "Maximum (NaN wins)",
        "max",
        "extremum",
        aliases=("max_axis",),
        note="Every element that equals the maximum gets the gradient.",
    ),
    Reduce(
        "min",
        "Minimum (NaN wins)",
        "min",
        "extremum",
        aliases=("min_axis",),
        note="Every element that equals the minimum gets the gradient.",
    ),
    Reduce("_square_sum", "Sum of squares", "sum", "square", map="square"),
    Norm(),
]
for _op in _TABLE:
    register(_op)


differs(
    "mean",
    "grad_req='add' scales nothing that is there",
    "x = mx.nd.array([1, 2]); g = mx.nd.ones(x.shape); "
    "e = mx.sym.mean(mx.sym.var('x')).bind(mx.cpu(), {'x': x}, {'x': g}, 'add'); _ = e.forward(is_train=True); "
    "e.backward(mx.nd.array([10])); print(g.asnumpy().astype('float64').round(3).tolist())",
    ours="[6.0, 6.0]",
    mxnet="[5.5, 5.5]",
    why="MXNet adds, then divides the sum, the gradient that was there included, by the number of elements; moments likewise.",
)
differs(
    "mean",
    "of more float16 values than 65504",
    "print(mx.nd.mean(mx.nd.ones(100000, dtype='float16')).asnumpy().tolist())",
    ours="[1.0]",
    mxnet="[nan]",
    why="MXNet divides by a number of elements that is infinite in float16.",
)
