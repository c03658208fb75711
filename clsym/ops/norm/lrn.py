"""LRN: local response normalisation across channels."""

from __future__ import annotations

from collections.abc import Sequence

from ...differences import differs
from ...graph.contract.facets import Estimated
from ...graph.contract.kernel_call import Arg, In, KernelCall, LowerContext, Out, Scalar, Temp, compute_type, defines_for
from ...graph.contract.op import Entry, Gradient, Op
from ...graph.contract.registry import register
from ...graph.contract.spec import PartialShape, ShapeError, TensorSpec, unify_shape
from ...params import Field, Float, Int, Params
from ..shared.float_types import one_float_type
from ..shared.launch_sizes import stretch_grid
from ..shared.rows import Rows, split_axis

__all__ = ["LRN"]

_TILE = 512  # of kernels/include/lrn.h
_PARAMS: dict[str, Field] = {
    "alpha": Float(9.99999975e-05, "Scale of the sum of squares."),
    "beta": Float(0.75, "Exponent."),
    "knorm": Float(2.0, "Added to the scaled sum."),
    "nsize": Int(doc="Number of channels of a window."),
}


@register
class LRN(Op, Estimated):
    """Local response normalisation: ``x[c] / (knorm + alpha / nsize * sum(x[d]^2))^beta``, d running over `nsize` channels around c.

    Parameters
    ----------
    data : Symbol or NDArray
        Shape (N, C, H, W), floating-point.
    alpha, beta, knorm : float
    nsize : int
        Window of channels; an even number sums over ``nsize - 1``, as MXNet does on CPUs.

    Raises
    ------
    MXNetError
        The data have not four dimensions, or `nsize` is not positive.

    References
    ----------
    A. Krizhevsky, I. Sutskever, G. Hinton, ImageNet Classification with Deep Convolutional Neural Networks, 2012.
    """

    name = "LRN"
    params = _PARAMS

    def json_outputs(self, p: Params) -> int:
        return 2

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        shape = unify_shape(ins[0], outs[0])
        if p.nsize < 1:
            raise ShapeError(f"nsize must be positive, got {p.nsize}")
        if shape is not None and len(shape) != 4:
            raise ShapeError(f"LRN needs data of 4 dimensions (N, C, H, W), got {shape}; reshape it")
        return ([shape], [shape]) if ins[0] is not None else (ins, outs)

    def infer_type(self, p: Params, ins: list[str | None], outs: list[str | None]) -> tuple[list[str | None], list[str | None]]:
        return one_float_type(self.name, ins, outs)

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        return [g.apply("_backward_LRN", g.ograd(), g.input(0), **dict(g.p.items()))]

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        return [_launch("lrn", (In(0), Out(0)), split_axis(outs[0].shape, 1), p, outs[0].dtype, ctx)]

    def cost(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec]) -> tuple[int, int]:
        return (p.nsize + 10) * ins[0].size, 2 * ins[0].nbytes


def _launch(name: str, buffers: tuple[Arg, ...], rows: Rows, p: Params, dtype: str, ctx: LowerContext) -> KernelCall:
    compute = compute_type(dtype)
    size, local = stretch_grid(rows.outer * rows.n, rows.inner, ctx.traits, _TILE)
    numbers = (Scalar(compute, p.alpha / p.nsize), Scalar(compute, p.beta), Scalar(compute, p.knorm))
    extents = (
        Scalar("long", rows.outer),
        Scalar("long", rows.n),
        Scalar("long", rows.inner),
        Scalar("int", min((p.nsize - 1) // 2, 1 << 30)),
    )
    return KernelCall(
        "norm/lrn.cl", name, (*buffers, *extents, *numbers), defines_for(dtype, ctx.reqs[0], BETA75=int(p.beta == 0.75)), size, local
    )


@register
class LRNBackward(Op):
    """Gradient of LRN."""

    name = "_backward_LRN"
    hidden = True
    inputs = ("ograd", "data")
    params = _PARAMS

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        rows = split_axis(outs[0].shape, 1)
        dtype = outs[0].dtype
        nbytes = outs[0].size * (8 if dtype == "float64" else 4)
        power, ratio = Temp(0, nbytes), Temp(1, nbytes)
        return [
            _launch("lrn_prepare", (In(0), In(1), power, ratio), rows, p, dtype, ctx),
            _launch("lrn_backward", (In(0), In(1), power, ratio, Out(0)), rows, p, dtype, ctx),
        ]


differs(
    "LRN",
    "grad_req='add' adds",
    "x = mx.nd.array([[[[1]], [[1]], [[1]]]]); g = mx.nd.ones(x.shape); "
    "e = mx.sym.LRN(mx.sym.var('x'), nsize=3, alpha=0).bind(mx.cpu(), {'x': x}, {'x': g}, 'add'); "
    "_ = e.forward(is_train=True); e.backward(mx.nd.ones((1, 3, 1, 1))); "
    "print(g.asnumpy().astype('float64').round(3).tolist())",
    ours="[[[[1.595]], [[1.595]], [[1.595]]]]",
    mxnet="[[[[0.595]], [[0.595]], [[0.595]]]]",
    why="With grad_req='add' MXNet's gradient overwrites what is there instead of adding to it.",
    build="plain",
)
