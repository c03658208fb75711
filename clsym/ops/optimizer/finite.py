"""Whether gradients are finite, and arrays set to zero: several tensors in one launch."""

from __future__ import annotations

from collections.abc import Sequence

from ...graph.contract.kernel_call import Arg, In, KernelCall, LowerContext, Out, Scalar, defines_for
from ...graph.contract.op import Entry, Gradient, Op
from ...graph.contract.registry import register
from ...graph.contract.spec import PartialShape, TensorSpec
from ...params import Bool, Field, Int, Params
from ..shared.float_types import one_float_type
from .update_many import AT_ONCE, chunks, over_tensors

__all__ = ["AllFinite", "MultiAllFinite", "ResetArrays"]

_SOURCE = "optimizer/finite.cl"
_INIT: dict[str, Field] = {"init_output": Bool(True, "Whether the output starts as 1; else a 0 that is there stays.")}


def _launches(entry: str, ins: Sequence[TensorSpec], last: tuple[Arg, ...], ctx: LowerContext) -> list[KernelCall]:
    """A launch for each eight tensors."""
    calls = []
    sizes = [t.size for t in ins]
    for _, those in chunks(sizes, ["write"] * len(ins)):
        filled = [*those, *[those[0]] * (AT_ONCE - len(those))]
        args = (*map(In, filled), *(Scalar("long", sizes[k]) for k in filled), *last)
        calls.append(KernelCall(_SOURCE, entry, args, defines_for(ins[0].dtype), *over_tensors([sizes[k] for k in those], ctx, 1)))
    return calls


@register
class AllFinite(Op):
    """1 where no element is infinite or NaN, else 0; of type float32 and shape (1,).

    Parameters
    ----------
    data : Symbol or NDArray
        Of a floating-point type.
    init_output : bool
        With False, ``out=`` must be given: what is there stays where all is finite, so that several calls can share one.

    Examples
    --------
    >>> import clsym as mx
    >>> mx.nd.all_finite(mx.nd.array([1, float('inf')])).asnumpy()
    array([0.], dtype=float32)
    """

    name = "all_finite"
    params = _INIT

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        return list(ins), [(1,)]

    def infer_type(self, p: Params, ins: list[str | None], outs: list[str | None]) -> tuple[list[str | None], list[str | None]]:
        return one_float_type(self.name, ins, [])[0], ["float32"]

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        return [None] * len(g.ins)

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        begin = KernelCall(_SOURCE, "finite_begin", (Out(0),), defines_for(ins[0].dtype), (1,), (1,))
        return [*[begin] * p.init_output, *_launches("all_finite", ins, (Out(0),), ctx)]


@register
class MultiAllFinite(AllFinite):
    """1 where no element of any of several arrays is infinite or NaN, else 0; of type float32 and shape (1,).

    Parameters
    ----------
    *args : Symbol or NDArray
        Of any shapes and one floating-point type.
    init_output : bool
        With False, ``out=`` must be given: what is there stays where all is finite.

    Examples
    --------
    >>> import clsym as mx
    >>> mx.nd.multi_all_finite(mx.nd.array([1]), mx.nd.array([2, 3]), num_arrays=2).asnumpy()
    array([1.], dtype=float32)
    """

    name = "multi_all_finite"
    many = True
    inputs = ()
    params = {"num_arrays": Int(1, "How many arrays there are.", low=1), **_INIT}

    def input_names(self, p: Params) -> tuple[str, ...]:
        return tuple(f"array_{k}" for k in range(p.num_arrays))


@register
class ResetArrays(Op):
    """Set every element of several arrays to 0; there is no output.

    Parameters
    ----------
    *args : NDArray
        Of any shapes and one floating-point type; overwritten.

    Examples
    --------
    >>> import clsym as mx
    >>> x = mx.nd.ones(2)
    >>> mx.nd.reset_arrays(x, num_arrays=1)
    []
    >>> x.asnumpy()
    array([0., 0.], dtype=float32)
    """

    name = "reset_arrays"
    many = True
    inputs = ()
    params = {"num_arrays": Int(doc="How many arrays there are.", low=1)}

    def input_names(self, p: Params) -> tuple[str, ...]:
        return tuple(f"array_{k}" for k in range(p.num_arrays))

    def output_names(self, p: Params) -> tuple[str, ...]:
        return ()

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        return list(ins), []

    def infer_type(self, p: Params, ins: list[str | None], outs: list[str | None]) -> tuple[list[str | None], list[str | None]]:
        return one_float_type(self.name, ins, [])

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        return [None] * len(g.ins)

    def mutates(self, p: Params, train: bool) -> Sequence[int]:
        return range(p.num_arrays)

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        return _launches("reset", ins, (), ctx)
