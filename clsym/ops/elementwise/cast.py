"""Conversion of element types: Cast, amp_cast."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ...graph.contract.expression import Expression
from ...graph.contract.facets import Fusible
from ...graph.contract.kernel_call import In, KernelCall, LowerContext, Out, Scalar, ctype, defines_for, grid
from ...graph.contract.op import Entry, Gradient, Op
from ...graph.contract.registry import register
from ...graph.contract.spec import TensorSpec
from ...params import Dtype, Params
from ..shared.strided import flat_copy

__all__ = ["Cast"]


@register
class Cast(Op, Fusible):
    """The input's values in another element type.

    Floats become integers by cutting off the fraction; what does not fit 32 bits (int64: 64), and NaN, becomes the smallest integer of
    these; int8 and uint8 then keep the low 8 bits. Anything but 0 becomes True.

    Parameters
    ----------
    data : Symbol or NDArray
        Of any shape and type.
    dtype : {'float16', 'float32', 'float64', 'int8', 'uint8', 'int32', 'int64', 'bool'}
        The type of the result.

    Returns
    -------
    Symbol or NDArray
        Of the shape of `data`. The gradient is converted back.

    Examples
    --------
    >>> mx.nd.cast(mx.nd.array([0.9, -1.3, 300]), dtype='uint8').asnumpy().tolist()
    [0, 255, 44]
    """

    name = "Cast"
    aliases: tuple[str, ...] = ("cast",)
    params = {"dtype": Dtype(doc="The type of the result.")}

    def infer_type(self, p: Params, ins: list[str | None], outs: list[str | None]) -> tuple[list[str | None], list[str | None]]:
        return list(ins), [p.dtype]

    def view(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec]) -> Mapping[int, tuple[int, int]]:
        return {0: (0, 0)} if ins[0].dtype == outs[0].dtype else {}

    def inplace(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec]) -> Sequence[tuple[int, int]]:
        return ((0, 0),) if ins[0].itemsize == outs[0].itemsize else ()

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        return [g.apply("Cast", g.ograd(), dtype=g.ins[0].dtype)]

    def expression(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec]) -> Expression | None:
        return Expression("x", ("x",)) if ins[0].dtype != outs[0].dtype else None

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        n, source, target = outs[0].size, ins[0].dtype, outs[0].dtype
        if source == target:
            return flat_copy(n, target, ctx, ctx.reqs[0])
        global_size, local_size = grid(n, ctx.traits)
        to_integer = source.startswith("float") and not target.startswith("float") and target != "bool"
        defines = defines_for(target, ctx.reqs[0], TX=ctype(source), FROM_FLOAT=int(to_integer))
        return [KernelCall("elementwise/cast.cl", "cast", (In(0), Out(0), Scalar("long", n)), defines, global_size, local_size)]


@register
class AmpCast(Cast):
    """Conversion of float16 and float32, as automatic mixed precision inserts it; data of other types stay what they are.

    Parameters
    ----------
    data : Symbol or NDArray
        Of any shape and type.
    dtype : {'float16', 'float32', 'float64'}
        The type of the result of float16 and float32 data.

    Returns
    -------
    Symbol or NDArray
        Of the shape of `data`.

    Examples
    --------
    >>> mx.nd.amp_cast(mx.nd.array([0.5]), dtype='float16').dtype
    <class 'numpy.float16'>
    """

    name = "amp_cast"
    aliases: tuple[str, ...] = ()

    def infer_type(self, p: Params, ins: list[str | None], outs: list[str | None]) -> tuple[list[str | None], list[str | None]]:
        if ins[0] is None:
            return list(ins), list(outs)
        return list(ins), [p.dtype if ins[0] in ("float16", "float32") else ins[0]]
