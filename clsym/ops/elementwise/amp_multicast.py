"""Conversion of several tensors to their widest or narrowest type."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ...graph.contract.kernel_call import In, KernelCall, LowerContext, Out, Scalar, ctype, defines_for, grid
from ...graph.contract.op import Entry, Gradient, Op
from ...graph.contract.registry import register
from ...graph.contract.spec import PartialShape, TensorSpec, unify_shape
from ...params import Bool, Int, Params

__all__ = ["AmpMulticast"]

_CAST = ("float16", "float32")


@register
class AmpMulticast(Op):
    """Conversion of several float16 and float32 tensors to one type, as automatic mixed precision inserts it; other types stay.

    Parameters
    ----------
    *args : Symbol or NDArray
        Of any shapes and types.
    cast_narrow : bool
        Convert to float16 where a tensor has it, instead of to float32.

    Returns
    -------
    list of Symbol or NDArray
        The tensors, each of its shape.

    Examples
    --------
    >>> import clsym as mx
    >>> a, b = mx.nd.amp_multicast(mx.nd.zeros(1, dtype='float16'), mx.nd.zeros(1), num_outputs=2)
    >>> a.dtype
    <class 'numpy.float32'>
    """

    name = "amp_multicast"
    many = True
    inputs = ()
    params = {
        "num_outputs": Int(doc="How many tensors there are.", low=1),
        "cast_narrow": Bool(False, "Whether to convert to float16 rather than to float32."),
    }

    def input_names(self, p: Params) -> tuple[str, ...]:
        return tuple(f"data_{k}" for k in range(p.num_outputs))

    def output_names(self, p: Params) -> tuple[str, ...]:
        return ("output",) if p.num_outputs == 1 else tuple(f"output{k}" for k in range(p.num_outputs))

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        both = [unify_shape(a, b) for a, b in zip(ins, outs, strict=True)]
        return both, list(both)

    def infer_type(self, p: Params, ins: list[str | None], outs: list[str | None]) -> tuple[list[str | None], list[str | None]]:
        if any(t is None for t in ins):
            return list(ins), list(outs)
        target = ins[0]
        if p.cast_narrow and "float16" in ins:
            target = "float16"
        elif "float32" in ins:
            target = "float32"
        return list(ins), [target if t in _CAST else t for t in ins]

    def view(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec]) -> Mapping[int, tuple[int, int]]:
        return {k: (k, 0) for k, (a, b) in enumerate(zip(ins, outs, strict=True)) if a.dtype == b.dtype}

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        return [None if head is None else g.apply("Cast", head, dtype=spec.dtype) for head, spec in zip(g.ograds, g.ins, strict=True)]

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        calls = []
        for k, (source, target) in enumerate(zip(ins, outs, strict=True)):
            if not target.size or ctx.reqs[k] == "null":
                continue
            to_integer = source.dtype.startswith("float") and not target.dtype.startswith("float")
            defines = defines_for(target.dtype, ctx.reqs[k], TX=ctype(source.dtype), FROM_FLOAT=int(to_integer))
            args = (In(k), Out(k), Scalar("long", target.size))
            calls.append(KernelCall("elementwise/cast.cl", "cast", args, defines, *grid(target.size, ctx.traits)))
        return calls
