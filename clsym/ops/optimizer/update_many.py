"""Steps of an optimizer on several tensors in one launch, and those of one tensor that are the same kernel."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from ...graph.contract.kernel_call import Arg, In, KernelCall, LowerContext, Out, Scalar, Temp, compute_type, ctype, defines_for
from ...graph.contract.op import Op
from ...graph.contract.spec import PartialShape, ShapeError, TensorSpec, known, unify_shape
from ...params import Field, Float, Floats, Int, Params
from ..shared.float_types import one_float_type, statistics_type
from ..shared.launch_sizes import batch_grid

__all__ = ["AT_ONCE", "CLIP", "COUNT", "LRS", "RESCALE", "WDS", "UpdateMany", "chunks", "over_tensors", "runs", "single"]

AT_ONCE = 8
"""Tensors a launch: their buffers and numbers fit into the 1024 bytes of arguments that every device takes."""

CLIP: dict[str, Field] = {"clip_gradient": Float(-1.0, "Bound of the gradient's values; negative: none.")}
RESCALE: dict[str, Field] = {"rescale_grad": Float(1.0, "Factor of the gradient.")}
COUNT: dict[str, Field] = {"num_weights": Int(1, "How many weights there are.", low=1)}

LRS: dict[str, Field] = {"lrs": Floats(doc="Learning rates, one for each weight.")}
WDS: dict[str, Field] = {"wds": Floats(doc="Weight decays, one for each weight.")}


def single(value: float) -> float:
    """A hyperparameter as MXNet keeps it, in float32.

    >>> single(0.5)
    0.5
    """
    return float(np.float32(value))


def chunks(sizes: Sequence[int], reqs: Sequence[str]) -> Iterator[tuple[str, list[int]]]:
    """Numbers of the tensors that one launch takes: those with elements, of one store mode.

    >>> list(chunks([3, 0, 5, 2], ["write", "write", "null", "write"]))
    [('write', [0, 3]), ('null', [2])]
    """
    for req in dict.fromkeys(reqs):
        those = [k for k, (n, r) in enumerate(zip(sizes, reqs, strict=True)) if n and r == req]
        for first in range(0, len(those), AT_ONCE):
            yield req, those[first : first + AT_ONCE]


def over_tensors(sizes: Sequence[int], ctx: LowerContext, cpu: int = 64) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Global and local size: elements (by batches of `cpu` on a CPU) times tensors."""
    (work,), (local,) = batch_grid(max(sizes), ctx.traits, cpu)
    return (work, len(sizes)), (local, 1)


class UpdateMany(Op):
    """One step of an optimizer for each of several tensors.

    Attributes
    ----------
    rule : int
        Its number in ``kernels/include/optimizer_step.h``.
    each : tuple of str
        What is given for each tensor: weight, gradient, then the states, overwritten.
    last : tuple of str
        What is given once, behind the tensors: ``lrs`` and ``wds``, or ``rescale_grad``.
    count : str
        The parameter that says how many tensors there are; empty for an operator of one.
    lists : tuple of str
        Parameters with a number for each tensor.
    master : bool
        Whether the last state is the weight in full precision.
    """

    def __init__(
        self, name: str, rule: int, each: tuple[str, ...], params: dict[str, Field], formula: str, *, last: tuple[str, ...] = (),
        count: str = "", lists: tuple[str, ...] = (), master: bool = False, aliases: tuple[str, ...] = (),
    ) -> None:  # fmt: skip
        self.name, self.rule, self.each, self.formula = name, rule, each, formula
        self.last, self.count, self.lists, self.master, self.aliases = last, count, lists, master, aliases
        self.params = params
        self.many = bool(count)
        self.inputs = () if count else (*each, *last)

    def doc(self) -> str:
        """The documentation."""
        several = f"for each of ``{self.count}`` weights, " if self.count else ""
        first = "float16 weights whose float32 copy is the last state: " if self.master else ""
        names = ", ".join(self.each)
        order = (
            f"\n*args : NDArray\n    {names} of the first weight, of the second, ..."
            if self.count
            else f"\n{names} : NDArray\n    Of one shape"
        )
        order += f"; then {' and '.join(self.last)}." if self.last and self.count else "."
        if self.last and not self.count:
            order += f"\n{', '.join(self.last)} : NDArray\n    Of one element, float32; where it is 0 or not finite nothing changes."
        return f"""One step of an optimizer, {several}{first}{self.formula}

Here g is ``rescale_grad * grad``, its values clipped to [-clip_gradient, clip_gradient] unless that is negative.
States are overwritten. Pass the weights as ``out=`` to update in place.

Parameters
----------{order}

Returns
-------
NDArray or list of NDArray
    The weights after the step.

Notes
-----
After MXNet's ``{self.name}``."""

    # ------------------------------------------------------------------ arity

    def tensors(self, p: Params) -> int:
        """How many weights there are."""
        return getattr(p, self.count) if self.count else 1

    def input_names(self, p: Params) -> tuple[str, ...]:
        if not self.count:
            return self.inputs
        return (*(f"{name}_{k}" for k in range(self.tensors(p)) for name in self.each), *self.last)

    def aux_names(self, p: Params) -> tuple[str, ...]:
        names = self.input_names(p)
        return tuple(names[i] for i in self.aux_positions(p))

    def aux_positions(self, p: Params) -> Sequence[int]:
        stride = len(self.each)
        return [k * stride + i for k in range(self.tensors(p)) for i in range(2, stride)]

    def output_names(self, p: Params) -> tuple[str, ...]:
        count = self.tensors(p)
        return ("output",) if count == 1 else tuple(f"output{k}" for k in range(count))

    def mutates(self, p: Params, train: bool) -> Sequence[int]:
        return self.aux_positions(p)

    def inplace(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec]) -> Sequence[tuple[int, int]]:
        stride = len(self.each)
        return [(k, k * stride + i) for k in range(len(outs)) for i in (0, 1)]

    # ------------------------------------------------------------------ inference

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        count, stride = self.tensors(p), len(self.each)
        for name in self.lists:
            given = len(getattr(p, name))
            if given != count:
                raise ShapeError(f"{name} has {given} numbers for {self.count}={count} weights; give one for each")
        found: list[PartialShape] = []
        for k in range(count):
            shape = outs[k]
            for s in ins[k * stride : (k + 1) * stride]:
                shape = unify_shape(shape, s)
            found.append(shape)
        ends = list(ins[count * stride :])
        for i, name in enumerate(self.last):
            size = int(np.prod(np.maximum(ends[i] or (1,), 0))) if known(ends[i]) else None
            if name == "rescale_grad":
                ends[i] = (1,) if ends[i] is None else ends[i]
                if size == 0:
                    raise ShapeError("rescale_grad must have an element")
            elif size is not None and size != count:
                raise ShapeError(f"{name} must have an element for each of the {count} weights")
            else:
                ends[i] = (count,) if ends[i] is None else ends[i]
        return [*(found[k] for k in range(count) for _ in range(stride)), *ends], found

    def infer_type(self, p: Params, ins: list[str | None], outs: list[str | None]) -> tuple[list[str | None], list[str | None]]:
        count, stride = self.tensors(p), len(self.each)
        own = 2 if self.master else stride
        tensors = [t for k in range(count) for t in ins[k * stride : k * stride + own]]
        (weight, *_), results = one_float_type(self.name, tensors, outs)
        states = [statistics_type(weight) if self.master else weight] * (stride - 2)
        return [*([weight, weight, *states] * count), *["float32"] * len(self.last)], results

    # ------------------------------------------------------------------ code

    def numbers(self, p: Params, k: int, dtype: str) -> tuple[float, float, float]:
        """lr, wd and `own` of a tensor, as the kernel's rule means them."""
        if "lrs" in self.last:
            return 0.0, 0.0, 0.0
        if self.count:
            return p.lrs[k], p.wds[k], p.etas[k] if "etas" in self.lists else 0.0
        return p.lr, p.wd, getattr(p, "eta", 0.0)

    def hyper(self, p: Params) -> tuple[float, float, float]:
        """h0, h1 and h2."""
        if "momentum" in self.params:
            return single(p.momentum), 0.0, 0.0
        if "beta1" in self.params:
            return single(p.beta1), single(p.beta2), single(p.epsilon)
        return 0.0, 0.0, 0.0

    def clip(self, p: Params) -> float:
        """The bound of the gradient."""
        return single(p.clip_gradient)

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        return self.steps(p, ins, [Out(k) for k in range(len(outs))], outs[0].dtype, ctx.reqs, ctx)

    def steps(
        self, p: Params, ins: Sequence[TensorSpec], results: Sequence[Out | Temp], out_dtype: str, reqs: Sequence[str], ctx: LowerContext
    ) -> list[KernelCall]:
        """The launches that bring the tensors forward, a chunk each."""
        stride, dtype = len(self.each), ins[0].dtype
        ct = compute_type(dtype)
        sizes = [ins[k * stride].size for k in range(len(results))]
        last = len(results) * stride
        preloaded, scaled = "lrs" in self.last, "rescale_grad" in self.last
        calls = []
        for req, those in chunks(sizes, reqs):
            for part in runs(those) if preloaded else [those]:
                args: list[Arg] = []
                for slot in range(AT_ONCE):
                    k = part[slot] if slot < len(part) else part[0]
                    # nothing is stored where the output is not wanted: any buffer will do
                    out = results[k] if req != "null" else In(k * stride)
                    numbers = (Scalar(ct, single(v)) for v in self.numbers(p, k, dtype))
                    args += [*(In(k * stride + i) for i in range(stride)), out, Scalar("long", sizes[k]), *numbers]
                if preloaded:
                    args += [In(last), In(last + 1), Scalar("int", part[0])]
                args.append(In(last) if scaled else Scalar(ct, single(p.rescale_grad)))
                args += [Scalar(ct, self.clip(p)), *(Scalar(ct, v) for v in self.hyper(p))]
                defines = defines_for(
                    dtype, req, RULE=self.rule, MASTER=int(self.master), STATES=stride - 2, OUT=ctype(out_dtype),
                    PRELOADED=int(preloaded), SCALED=int(scaled),
                )  # fmt: skip
                calls.append(
                    KernelCall(
                        "optimizer/update_many.cl", "update_many", tuple(args), defines, *over_tensors([sizes[k] for k in part], ctx)
                    )
                )
        return calls


def runs(those: Sequence[int]) -> Iterator[list[int]]:
    """Stretches of consecutive numbers."""
    start = 0
    for i in range(1, len(those) + 1):
        if i == len(those) or those[i] != those[i - 1] + 1:
            yield list(those[start:i])
            start = i
