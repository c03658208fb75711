"""What follows from an LU factorization: linalg.inverse, linalg.det, linalg.slogdet."""

from __future__ import annotations

from collections.abc import Sequence

from ...differences import differs
from ...graph.contract.facets import Recomputable
from ...graph.contract.kernel_call import In, KernelCall, LowerContext, Out, Refusal, Scalar, Temp, defines_for
from ...graph.contract.op import Entry, Gradient, Op
from ...graph.contract.registry import register
from ...graph.contract.spec import PartialShape, ShapeError, TensorSpec, unify_shape
from ...params import Params
from ..matrix.gemm import product
from ..shared.launch_sizes import stretch_grid
from .batch import Result, batch_of, block, floating, matrix_call, side, square
from .cholesky import Square
from .triangular import Triangle, block_side, copied, solve

__all__ = ["Det", "Inverse", "SLogDet"]


def factorize(
    source: In, work: Temp | Out, pivot: Temp | Out, spec: TensorSpec, ctx: LowerContext, temp: int, singular: Refusal | None = None
) -> list[KernelCall]:
    """Launches that leave the factors in `work`, the row that each column was exchanged with in `pivot`; `singular` notes a zero pivot."""
    n, batch, dtype = side(spec), batch_of(spec), spec.dtype
    nb = block_side(n, ctx.traits)
    told, checked = () if singular is None else (singular,), int(singular is not None)
    calls = [copied(source, work, spec.size, 1.0, dtype, ctx.traits)]
    for start in range(0, n, nb):
        end = min(start + nb, n)
        args = (work, pivot, batch, n, start, *told)
        calls.append(matrix_call("linalg/lu.cl", "lu_panel", args, batch, dtype, ctx, NB=nb, CHECKED=checked))
        if n <= nb:
            break
        size, local = stretch_grid(batch, n, ctx.traits, 64)  # PIECE_OF_ROW
        rows = (work, pivot, Scalar("long", batch), Scalar("int", n), Scalar("int", start))
        calls.append(KernelCall("linalg/lu.cl", "lu_rows", rows, defines_for(dtype, "write", NB=nb), size, local))
        if end < n:
            a, b, c = block(work, n, n, end, start), block(work, n, n, start, end), block(work, n, n, end, end)
            calls += product(n - end, n - end, end - start, a, b, c, dtype, "add", ctx.traits, entries=batch, alpha=-1.0, temp=temp)
    return calls


def invert(work: In | Temp, pivot: In | Temp, out: Temp | Out, spec: TensorSpec, ctx: LowerContext, temp: int) -> list[KernelCall]:
    """Launches that compute the inverses from the factors; workspaces from `temp` on."""
    n, batch, dtype = side(spec), batch_of(spec), spec.dtype
    ones, half, order = Temp(temp, spec.nbytes), Temp(temp + 1, spec.nbytes), Temp(temp + 2, 4 * batch * n)
    calls = [matrix_call("linalg/lu.cl", "lu_permutation", (pivot, ones, order, batch, n), batch, dtype, ctx)]
    calls += solve(Triangle(work, n, batch, True, unit=True), ones, half, n, False, dtype, ctx, temp + 3)
    return calls + solve(Triangle(work, n, batch, False), half, out, n, False, dtype, ctx, temp + 3)


@register
class Inverse(Square):
    """The inverse of every matrix.

    Parameters
    ----------
    A : Symbol or NDArray
        (..., n, n), float32 or float64.

    Raises
    ------
    MXNetError
        A matrix is not square, or has no inverse (its factorization ends at a zero): whoever waits for the result next is told.

    Examples
    --------
    >>> import clsym as mx
    >>> mx.nd.linalg.inverse(mx.nd.array([[2, 0], [0, 4]])).asnumpy().tolist()
    [[0.5, 0.0], [0.0, 0.25]]

    Source: MXNet 1.9.1, ``linalg.inverse``.
    """

    name = "_linalg_inverse"
    aliases = ("linalg_inverse",)
    text = "inverse: {where} is singular: pivot {{value}} of its factorization is zero"

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        left = g.apply("_linalg_gemm2", g.output(), g.ograd(), transpose_a=True)
        return [g.apply("_linalg_gemm2", left, g.output(), transpose_b=True, alpha=-1.0)]

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        spec = ins[0]
        work, pivot = Temp(1, spec.nbytes), Temp(2, 4 * batch_of(spec) * side(spec))
        result = Result(0, outs[0], ctx, 3)
        calls = factorize(In(0), work, pivot, spec, ctx, 4, self.refusal(spec))
        return calls + invert(work, pivot, result.arg, spec, ctx, 5) + result.finish


class _Determinant(Op, Recomputable):
    """The factors and pivots are further outputs, for the gradient."""

    inputs = ("A",)
    recompute = "heavy"
    results = 1

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        a = square(unify_shape(ins[0], outs[self.results]))
        if a is None:
            return [None], outs
        batch = a[:-2] or (1,)
        if outs[0] is not None and len(a) > 2:
            batch = unify_shape(batch, outs[0]) or batch
            a = (*batch, *a[-2:])
        return [a], [*[batch] * self.results, a, (*a[:-2], a[-1])]

    def infer_type(self, p: Params, ins: list[str | None], outs: list[str | None]) -> tuple[list[str | None], list[str | None]]:
        if outs[-1] not in (None, "int32"):
            raise ShapeError("the pivots are of type int32")
        (found,), _ = floating(ins, outs[:-1], answered=False)
        return [found], [found] * (self.results + 1) + ["int32"]

    def num_visible(self, p: Params) -> int:
        return self.results

    def _begin(self, spec: TensorSpec, ctx: LowerContext) -> tuple[list[KernelCall], Temp | Out, Temp | Out]:
        work, pivot = (
            Out(self.results + i) if ctx.reqs[self.results + i] == "write" else Temp(1 + i, nbytes)
            for i, nbytes in enumerate((spec.nbytes, 4 * batch_of(spec) * side(spec)))
        )
        return factorize(In(0), work, pivot, spec, ctx, 3), work, pivot


@register
class Det(_Determinant):
    """The determinant of every matrix. Its gradient is zero where it is zero.

    Parameters
    ----------
    A : Symbol or NDArray
        (..., n, n), float32 or float64.

    Returns
    -------
    Symbol or NDArray
        (...); (1,) for a single matrix.

    Raises
    ------
    MXNetError
        A matrix is not square.

    Examples
    --------
    >>> import clsym as mx
    >>> mx.nd.linalg.det(mx.nd.array([[2, 1], [0, 4]])).asnumpy().tolist()
    [8.0]

    Source: MXNet 1.9.1, ``linalg.det``.
    """

    name = "_linalg_det"
    aliases = ("linalg_det",)
    outputs = ("output0", "output1", "output2")

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        y = g.output()
        return [g.apply("_backward_linalg_det", g.ograd(), y, y, g.output(1), g.output(2))]

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        batch, n = batch_of(ins[0]), side(ins[0])
        calls, work, pivot = self._begin(ins[0], ctx)
        if ctx.reqs[0] == "null":
            return calls
        result = Result(0, outs[0], ctx, 4)
        args = (work, pivot, result.arg, result.arg, batch, n)
        return [*calls, matrix_call("linalg/lu.cl", "lu_determinant", args, batch, ins[0].dtype, ctx, LOG=0), *result.finish]


@register
class SLogDet(_Determinant):
    """Sign of the determinant of every matrix, and the logarithm of its absolute value: -inf where it is zero. The gradient is zero there.

    Parameters
    ----------
    A : Symbol or NDArray
        (..., n, n), float32 or float64.

    Returns
    -------
    list of Symbol or NDArray
        Signs and logarithms, (...); (1,) for a single matrix.

    Raises
    ------
    MXNetError
        A matrix is not square.

    Examples
    --------
    >>> import clsym as mx
    >>> [y.asnumpy().tolist() for y in mx.nd.linalg.slogdet(mx.nd.array([[-1, 1], [0, 1]]))]
    [[-1.0], [0.0]]

    Source: MXNet 1.9.1, ``linalg.slogdet``.
    """

    name = "_linalg_slogdet"
    aliases = ("linalg_slogdet",)
    outputs = ("output0", "output1", "output2", "output3")
    results = 2

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        if g.ograds[1] is None:
            return [None]
        sign = g.output()
        ones = g.apply("elemwise_mul", sign, sign)
        return [g.apply("_backward_linalg_det", g.ograd(1), ones, sign, g.output(2), g.output(3))]

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        batch, n = batch_of(ins[0]), side(ins[0])
        calls, work, pivot = self._begin(ins[0], ctx)
        sign, log = Result(0, outs[0], ctx, 4), Result(1, outs[1], ctx, 5)
        args = (work, pivot, log.arg, sign.arg, batch, n)
        return [*calls, matrix_call("linalg/lu.cl", "lu_determinant", args, batch, ins[0].dtype, ctx, LOG=1), *sign.finish, *log.finish]


@register
class DeterminantBackward(Op):
    """``head * factor * A^-T`` of every matrix, from the factors of A; zero where the determinant is."""

    name = "_backward_linalg_det"
    hidden = True
    inputs = ("ograd", "factor", "zero", "lu", "pivot")

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        return ins, [ins[3]]

    def infer_type(self, p: Params, ins: list[str | None], outs: list[str | None]) -> tuple[list[str | None], list[str | None]]:
        (found,), _ = floating([ins[3] or outs[0]], [])
        return [*[found] * 4, "int32"], [found]

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        spec = ins[3]
        n, batch, inverse = side(spec), batch_of(spec), Temp(0, spec.nbytes)
        args = (inverse, In(0), In(1), In(2), Out(0), Scalar("long", batch), Scalar("int", n))
        defines = defines_for(spec.dtype, ctx.reqs[0])
        last = KernelCall("linalg/parts.cl", "scaled_transposed", args, defines, *stretch_grid(batch * n, n, ctx.traits))
        return [*invert(In(3), In(4), inverse, spec, ctx, 1), last]


differs(
    "linalg.inverse",
    "grad_req='add' adds",
    "x = mx.nd.array([[2]]); g = mx.nd.ones(x.shape); "
    "e = mx.sym.linalg.inverse(mx.sym.var('x')).bind(mx.cpu(), {'x': x}, {'x': g}, 'add'); "
    "_ = e.forward(is_train=True); e.backward(mx.nd.array([[10]])); print(g.asnumpy().astype('float64').round(3).tolist())",
    ours="[[-1.5]]",
    mxnet="[[1.0]]",
    why="With grad_req='add' MXNet loses the gradient, or adds something else. trmm, trsm, gelqf and syevd likewise; slogdet dies of it.",
)
