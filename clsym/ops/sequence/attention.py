"""Products of multi-head attention, on queries, keys and values that are interleaved by head; div_sqrt_dim."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from ...graph.contract.expression import Expression
from ...graph.contract.facets import Estimated, Fusible, Recomputable
from ...graph.contract.kernel_call import In, KernelCall, LowerContext, Out, Scalar, grid
from ...graph.contract.op import Entry, Gradient, Op
from ...graph.contract.registry import register
from ...graph.contract.spec import PartialShape, ShapeError, TensorSpec, unify_shape
from ...params import Enum, Field, Int, Params
from ...params import Shape as ShapeField
from ..elementwise.scalar import as_type
from ..elementwise.unary import unary_defines
from ..matrix.gemm import Matrix, product
from ..shared.float_types import one_float_type
from ..shared.strided import Walk, fill

__all__ = ["DivSqrtDim", "InterleavedProduct"]

_HEADS: dict[str, Field] = {"heads": Int(doc="Number of attention heads.", low=1)}


@dataclass(frozen=True)
class _Heads:
    """A tensor (steps, batch, heads * parts * depth): for each head, one behind the other, `parts` of queries, keys and values."""

    steps: int
    batch: int
    heads: int
    parts: int
    depth: int

    @staticmethod
    def of(shape: Sequence[int], heads: int, parts: int) -> _Heads:
        return _Heads(shape[0], shape[1], heads, parts, shape[2] // (heads * parts))

    def part(self, arg: In | Out, which: int) -> Matrix:
        """The (steps, depth) matrices of one part, an entry for each sequence and head."""
        each = self.parts * self.depth
        return Matrix(arg, self.batch * self.heads * each, 1, each, which * self.depth)

    def cleared(self, which: int, dtype: str, ctx: LowerContext) -> list[KernelCall]:
        """Launches that put zeros into one part of output 0."""
        entries, each = self.steps * self.batch * self.heads, self.parts * self.depth
        return fill(Out(0), (entries, self.depth), Walk(which * self.depth, (each, 1)), 0.0, dtype, ctx)


def _times(extent: int, factor: int) -> int:
    return extent * factor if extent >= 0 else -1


def _attention(arg: In | Out, rows: int, columns: int) -> Matrix:
    return Matrix(arg, columns, 1, rows * columns)


# Of the operand that is interleaved: how many parts, and which is the first operand's (queries), the second one's (keys), the values.
_KINDS: dict[str, tuple[int, int, int]] = {
    "selfatt_qk": (3, 0, 1),
    "selfatt_valatt": (3, 2, 2),
    "encdec_qk": (2, 0, 0),
    "encdec_valatt": (2, 1, 1),
}

_QK = """The attention's scores: ``out[n * heads + h, i, j] = q[i] . k[j] / sqrt(depth)`` of head h of sequence n."""
_VALATT = """The values weighted by the attention: ``out[i, n, h * depth + d] = sum over j of attention[n * heads + h, i, j] * v[j, d]``."""
_SELF = """queries_keys_values : Symbol or NDArray
    (T, N, heads * 3 * depth): for each head its query, key and value, one behind the other."""
_ENCODED = """keys_values : Symbol or NDArray
    (S, N, heads * 2 * depth): for each head its key and value, one behind the other."""
_QUERIES = """queries : Symbol or NDArray
    (T, N, heads * depth)."""
_WEIGHTS = """attention : Symbol or NDArray
    (N * heads, T, {0})."""
_INPUTS = {
    "selfatt_qk": (("queries_keys_values",), [_SELF]),
    "selfatt_valatt": (("queries_keys_values", "attention"), [_SELF, _WEIGHTS.format("T")]),
    "encdec_qk": (("queries", "keys_values"), [_QUERIES, _ENCODED]),
    "encdec_valatt": (("keys_values", "attention"), [_ENCODED, _WEIGHTS.format("S")]),
}


class InterleavedProduct(Op, Recomputable, Estimated):
    """One of the four products; a row of the table above."""

    recompute = "heavy"
    params = _HEADS

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.name = f"_contrib_interleaved_matmul_{kind}"
        self.hint = f"interleaved_matmul_{kind}"
        self.inputs, self._described = _INPUTS[kind]
        self.parts = _KINDS[kind][0]

    def doc(self) -> str:
        """The documentation."""
        described = "\n".join(self._described)
        result = "(N * heads, T, S)" if self.kind == "encdec_qk" else "(N * heads, T, T)" if self.kind == "selfatt_qk" else ""
        return f"""{_QK if self.kind.endswith("qk") else _VALATT}

Parameters
----------
{described}
heads : int

Returns
-------
Symbol or NDArray
    {result or "(T, N, heads * depth)."}

Raises
------
MXNetError
    A shape does not fit the others, or heads do not divide it.

Source: MXNet, contrib.interleaved_matmul_{self.kind}.
"""

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        at = 1 if self.kind == "encdec_qk" else 0
        whole, other = ins[at], ins[1 - at] if len(ins) > 1 else None
        for given, name in ((whole, self.inputs[at]), (other, self.inputs[1 - at] if len(ins) > 1 else "")):
            if given is not None and len(given) != 3:
                raise ShapeError(f"{name} must have 3 dimensions, got {given}")
        unit = self.parts * p.heads
        if other is not None and at:
            whole = unify_shape(
                whole, (-1, other[1], _times(other[2], self.parts)), "keys_values must be (steps, batch, 2 * heads * depth)"
            )
        elif other is not None:
            if other[0] >= 0 and other[0] % p.heads:
                raise ShapeError(f"the first extent of attention, {other[0]}, is no multiple of heads={p.heads}")
            mine = (other[2], other[0] // p.heads if other[0] >= 0 else -1, -1)
            whole = unify_shape(whole, mine, f"{self.inputs[0]} must be (steps, batch, ...) of the attention's last extent and batch")
        if whole is None:
            return ins, outs
        steps, batch, width = whole
        if width >= 0 and width % unit:
            raise ShapeError(f"the last extent of {self.inputs[at]}, {width}, is no multiple of {self.parts} * heads={p.heads}")
        own, entries = width // self.parts if width >= 0 else -1, _times(batch, p.heads)
        if self.kind == "selfatt_qk":
            return [whole], [(entries, steps, steps)]
        if self.kind == "encdec_qk":
            queries = unify_shape(other, (-1, batch, own), "queries must be (steps, batch, heads * depth)")
            assert queries is not None
            return [queries, whole], [(entries, queries[0], steps)]
        mine = (entries, steps if self.kind == "selfatt_valatt" else -1, steps)
        weights = unify_shape(other, mine, "attention must be (batch * heads, steps of the queries, steps of the values)")
        assert weights is not None
        return [whole, weights], [(weights[1], batch, own)]

    def infer_type(self, p: Params, ins: list[str | None], outs: list[str | None]) -> tuple[list[str | None], list[str | None]]:
        return one_float_type(self.name, ins, outs)

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        found: list[Entry | None] = []
        for wrt, needed in enumerate(g.needed):
            # a product's gradient is read from the other factor, which for one interleaved input is that input
            other = g.input(wrt if len(g.ins) == 1 else 1 - wrt)
            given = {"kind": self.kind, "wrt": wrt, "heads": g.p.heads, "shape": g.ins[wrt].shape}
            found.append(g.apply("_backward_interleaved_matmul", g.ograd(), other, **given) if needed else None)
        return found

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        parts, query, value = _KINDS[self.kind]
        if self.kind == "encdec_qk":
            queries, whole = _Heads.of(ins[0].shape, p.heads, 1), _Heads.of(ins[1].shape, p.heads, parts)
            a, b, steps = queries.part(In(0), 0), whole.part(In(1), value), queries.steps
        else:
            whole = _Heads.of(ins[0].shape, p.heads, parts)
            a, b, steps = whole.part(In(0), query), whole.part(In(0), value), whole.steps
        entries, dtype, req = whole.batch * p.heads, outs[0].dtype, ctx.reqs[0]
        if self.kind.endswith("qk"):
            scores = _attention(Out(0), steps, whole.steps)
            return product(
                steps, whole.steps, whole.depth, a, b.transposed, scores, dtype, req, ctx.traits, entries=entries,
                alpha=1 / math.sqrt(max(whole.depth, 1)),
            )  # fmt: skip
        steps = ins[1].shape[1]
        weights, out = _attention(In(1), steps, whole.steps), _Heads.of(outs[0].shape, p.heads, 1).part(Out(0), 0)
        return product(steps, whole.depth, whole.steps, weights, b, out, dtype, req, ctx.traits, entries=entries)

    def cost(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec]) -> tuple[int, int]:
        scores = outs[0] if self.kind.endswith("qk") else ins[1]
        whole = ins[1 if self.kind == "encdec_qk" else 0].shape
        return 2 * scores.size * (whole[2] // (p.heads * self.parts)), sum(t.nbytes for t in (*ins, *outs))


@register
class InterleavedProductBackward(Op, Estimated):
    """Gradient of one input of an interleaved product: the head gradient times the other factor; zeros where there is none."""

    name = "_backward_interleaved_matmul"
    hidden = True
    inputs = ("ograd", "other")
    params = {**_HEADS, "kind": Enum(tuple(_KINDS)), "wrt": Int(0), "shape": ShapeField(())}

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        return ins, [p.shape]

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        parts, dtype, req = _KINDS[p.kind][0], outs[0].dtype, ctx.reqs[0]
        calls: list[KernelCall] = []

        def clear(heads: _Heads, *which: int) -> None:
            for part in which if req == "write" else ():
                calls.extend(heads.cleared(part, dtype, ctx))

        def multiply(m: int, n: int, k: int, a: Matrix, b: Matrix, c: Matrix, entries: int, alpha: float = 1.0) -> None:
            calls.extend(product(m, n, k, a, b, c, dtype, req, ctx.traits, entries=entries, alpha=alpha))

        if p.kind.endswith("valatt"):
            head = _Heads.of(ins[0].shape, p.heads, 1)
            whole = _Heads.of(outs[0].shape if p.wrt == 0 else ins[1].shape, p.heads, parts)
            entries, steps = whole.batch * p.heads, head.steps
            if p.wrt == 0:
                clear(whole, *range(parts - 1))
                weights, values = _attention(In(1), steps, whole.steps), whole.part(Out(0), parts - 1)
                multiply(whole.steps, whole.depth, steps, weights.transposed, head.part(In(0), 0), values, entries)
            else:
                values, scores = whole.part(In(1), parts - 1), _attention(Out(0), steps, whole.steps)
                multiply(steps, whole.steps, whole.depth, head.part(In(0), 0), values.transposed, scores, entries)
            return calls
        entries, rows, columns = ins[0].shape
        scores = _attention(In(0), rows, columns)
        if p.kind == "selfatt_qk":
            whole = _Heads.of(outs[0].shape, p.heads, parts)
            alpha = 1 / math.sqrt(max(whole.depth, 1))
            clear(whole, 2)
            multiply(rows, whole.depth, columns, scores, whole.part(In(1), 1), whole.part(Out(0), 0), entries, alpha)
            multiply(columns, whole.depth, rows, scores.transposed, whole.part(In(1), 0), whole.part(Out(0), 1), entries, alpha)
            return calls
        queries = _Heads.of(outs[0].shape if p.wrt == 0 else ins[1].shape, p.heads, 1)
        whole = _Heads.of(ins[1].shape if p.wrt == 0 else outs[0].shape, p.heads, parts)
        alpha = 1 / math.sqrt(max(whole.depth, 1))
        if p.wrt == 0:
            multiply(rows, whole.depth, columns, scores, whole.part(In(1), 0), queries.part(Out(0), 0), entries, alpha)
        else:
            clear(whole, 1)
            multiply(columns, whole.depth, rows, scores.transposed, queries.part(In(1), 0), whole.part(Out(0), 0), entries, alpha)
        return calls

    def cost(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec]) -> tuple[int, int]:
        return 4 * max(t.size for t in (*ins, *outs)) * ins[0].shape[-1], sum(t.nbytes for t in (*ins, *outs))


for _kind in _KINDS:
    register(InterleavedProduct(_kind))


@register
class DivSqrtDim(Op, Fusible):
    """Division by the root of the last extent: ``data / sqrt(data.shape[-1])``.

    Parameters
    ----------
    data : Symbol or NDArray
        Of any shape; integers are divided by the root's whole part.

    Returns
    -------
    Symbol or NDArray
        Of the data's shape.

    Examples
    --------
    >>> import clsym as mx
    >>> mx.nd.contrib.div_sqrt_dim(mx.nd.array([[2, 4, 6, 8]])).asnumpy().tolist()
    [[1.0, 2.0, 3.0, 4.0]]

    Source: MXNet, contrib.div_sqrt_dim.
    """

    name = "_contrib_div_sqrt_dim"
    hint = "div_sqrt_dim"

    def divisor(self, spec: TensorSpec) -> float | int:
        """The root, of the data's type."""
        root = math.sqrt(spec.shape[-1]) if spec.shape else 1.0
        return as_type(root, spec.dtype)

    def inplace(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec]) -> Sequence[tuple[int, int]]:
        return ((0, 0),)

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        return [g.apply(self.name, g.ograd())]

    def expression(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec]) -> Expression | None:
        return Expression("quotient(x, s)", ("x",), (("s", self.divisor(ins[0])),))

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        n = outs[0].size
        defines = unary_defines(outs[0].dtype, ctx.reqs[0], False, **{"EXPR(x, s, t)": "quotient(x, s)"})
        kind = str(dict(defines)["CT"])
        args = (In(0), Out(0), Scalar(kind, self.divisor(ins[0])), Scalar(kind, 0), Scalar("long", n))
        return [KernelCall("elementwise/scalar.cl", "scalar", args, defines, *grid(n, ctx.traits))]
