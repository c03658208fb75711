"""LAMB: Adam's direction, scaled layer by layer; in two halves for one weight, at once for several."""

from __future__ import annotations

from collections.abc import Sequence

from ...differences import differs
from ...graph.contract.kernel_call import Arg, In, KernelCall, LowerContext, Out, Scalar, Temp, compute_type, ctype, defines_for
from ...graph.contract.op import Op
from ...graph.contract.registry import register
from ...graph.contract.spec import PartialShape, ShapeError, TensorSpec, unify_shape
from ...params import Bool, Field, Float, Floats, Int, Params, Shape
from ..shared.float_types import one_float_type, statistics_type
from .sum_squares import square_sums
from .update_many import AT_ONCE, CLIP, RESCALE, UpdateMany, chunks, over_tensors, runs, single

__all__ = ["LambMany", "LambPhase1", "LambPhase2"]

_LAMB = 10
_BETAS: dict[str, Field] = {
    "beta1": Float(0.899999976158142, "Decay of the mean."),
    "beta2": Float(0.999000012874603, "Decay of the variance."),
    "epsilon": Float(9.99999997475243e-07, "Added to the denominator."),
}
_BIAS: dict[str, Field] = {"bias_correction": Bool(True, "Whether the means are divided by 1 - beta^t.")}
_BOUNDS: dict[str, Field] = {
    "lower_bound": Float(-1.0, "Least norm of the weight; negative: none."),
    "upper_bound": Float(-1.0, "Largest norm of the weight; negative: none."),
}
_DIRECTION = "mean = beta1 * mean + (1 - beta1) * g, var likewise of g^2 with beta2"
_RATIO = "r1 / r2, the norms of weight and direction, r1 within the bounds, and 1 where a norm is 0"


def _corrections(p: Params, t: int) -> tuple[float, float]:
    return (1 - single(p.beta1) ** t, 1 - single(p.beta2) ** t) if p.bias_correction else (1.0, 1.0)


def _apply(
    weights: Sequence[tuple[In, In | Temp, In, int, float]], results: Sequence[Out], first: int, norms: tuple[Arg, Arg, int], p: Params,
    ctx: LowerContext, req: str, dtype: str, kinds: tuple[str, str], master: bool, squared: bool,
) -> KernelCall:  # fmt: skip
    """The second half for up to eight weights: (weight, direction, full precision, size, lr).

    `kinds` are the types of directions and norms.
    """
    ct = compute_type(dtype)
    args: list[Arg] = []
    for slot in range(AT_ONCE):
        weight, direction, full, n, lr = weights[slot if slot < len(weights) else 0]
        out = results[slot if slot < len(weights) else 0] if req != "null" else weight
        args += [weight, direction, full, out, Scalar("long", n), Scalar(ct, single(lr))]
    r1, r2, after = norms
    bounds = (Scalar(ct, single(p.lower_bound)), Scalar(ct, single(p.upper_bound)))
    args += [r1, r2, Scalar("int", first), Scalar("int", first + after), *bounds]
    defines = defines_for(dtype, req, TG=kinds[0], R=kinds[1], MASTER=int(master), SQUARED=int(squared))
    return KernelCall("optimizer/lamb_apply.cl", "lamb_apply", tuple(args), defines, *over_tensors([w[3] for w in weights], ctx, 1))


class LambPhase1(UpdateMany):
    """The direction of a step of LAMB."""

    def __init__(self, name: str, master: bool) -> None:
        super().__init__(
            name,
            _LAMB,
            ("weight", "grad", "mean", "var", *(["weight32"] if master else [])),
            {**_BETAS, "t": Int(doc="Number of the step, from 1."), **_BIAS, "wd": Float(doc="Weight decay."), **RESCALE, **CLIP},
            f"first half of LAMB (You et al., 2019): {_DIRECTION}; "
            "the result is the direction mean' / (sqrt(var') + epsilon) + wd * weight, mean' and var' being corrected for their bias.",
            master=master,
        )

    def infer_type(self, p: Params, ins: list[str | None], outs: list[str | None]) -> tuple[list[str | None], list[str | None]]:
        ins, _ = super().infer_type(p, ins, [None] if self.master else outs)
        return ins, [statistics_type(ins[0]) if self.master else ins[0]]

    def aux_positions(self, p: Params) -> Sequence[int]:
        return (2, 3)  # the weight in full precision is only read

    def numbers(self, p: Params, k: int, dtype: str) -> tuple[float, float, float]:
        first, second = _corrections(p, p.t)
        return first, p.wd, second


class LambPhase2(Op):
    """The second half of a step of LAMB: weight - lr * (r1 / r2) * g.

    r1 and r2 are the norms of the weight and of the direction g; r1 is kept within the bounds, and the ratio is 1 where a norm is 0.

    Parameters
    ----------
    weight : Symbol or NDArray
        Pass ``out=weight`` to update in place.
    g : Symbol or NDArray
        The direction, from the first half.
    r1, r2 : Symbol or NDArray
        Of one element.
    weight32 : NDArray
        Where the operator has it: the weight in full precision, overwritten; r1, r2 and g are of its type.

    Returns
    -------
    Symbol or NDArray
        The weight after the step.
    """

    params = {"lr": Float(doc="Learning rate."), **_BOUNDS}

    def __init__(self, name: str, master: bool) -> None:
        self.name, self.master = name, master
        self.inputs = ("weight", "g", "r1", "r2", *(["weight32"] if master else []))
        self.aux = ("weight32",) if master else ()

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        shape = outs[0]
        for s in (*ins[:2], *ins[4:]):
            shape = unify_shape(shape, s)
        for name, s in zip(("r1", "r2"), ins[2:4], strict=True):
            if s is not None and s not in ((1,), (-1,)):
                raise ShapeError(f"{name} must be of shape (1,)")
        return [shape, shape, (1,), (1,), *[shape] * self.master], [shape]

    def infer_type(self, p: Params, ins: list[str | None], outs: list[str | None]) -> tuple[list[str | None], list[str | None]]:
        if not self.master:
            return one_float_type(self.name, ins, outs)
        (weight,), out = one_float_type(self.name, ins[:1], outs)
        return [weight, *[statistics_type(weight)] * 4], out

    def mutates(self, p: Params, train: bool) -> Sequence[int]:
        return (4,) if self.master else ()

    def inplace(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec]) -> Sequence[tuple[int, int]]:
        return ((0, 0), (0, 1))

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        kind = ctype(ins[1].dtype)
        weights = [(In(0), In(1), In(4 if self.master else 0), outs[0].size, p.lr)]
        norms = (In(2), In(3), 0)
        return [_apply(weights, [Out(0)], 0, norms, p, ctx, ctx.reqs[0], outs[0].dtype, (kind, kind), self.master, False)]


class LambMany(UpdateMany):
    """A step of LAMB for several weights."""

    def __init__(self, name: str, master: bool) -> None:
        super().__init__(
            name,
            _LAMB,
            ("weight", "grad", "mean", "var", *(["weight32"] if master else [])),
            {
                "learning_rates": Floats(doc="Learning rates, one for each weight."),
                **_BETAS,
                "wds": Floats(doc="Weight decays, one for each weight."),
                **RESCALE,
                **_BOUNDS,
                **CLIP,
                **_BIAS,
                "step_count": Shape(doc="Numbers of the steps, from 1, one for each weight."),
                "num_tensors": Int(1, "How many weights there are.", low=1),
            },
            f"LAMB (You et al., 2019): {_DIRECTION}; weight - lr * ratio * (mean' / (sqrt(var') + epsilon) + wd * weight), "
            f"mean' and var' being corrected for their bias, ratio being {_RATIO}.",
            count="num_tensors",
            lists=("learning_rates", "wds", "step_count"),
            master=master,
        )

    def numbers(self, p: Params, k: int, dtype: str) -> tuple[float, float, float]:
        first, second = _corrections(p, p.step_count[k])
        return first, p.wds[k], second

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        count, stride = len(outs), len(self.each)
        dtype = outs[0].dtype
        ct, wide = compute_type(dtype), statistics_type(dtype)
        assert wide is not None
        nbytes = 8 if ct == "double" else 4
        # workspaces: a direction each, then the sums of squares, then their parts
        directions = [Temp(k, max(1, o.size) * nbytes) for k, o in enumerate(outs)]
        sums = Temp(count, 2 * count * nbytes)
        calls = self.steps(p, ins, directions, wide, ["write"] * count, ctx)
        weights = [(In(k * stride), o.size) for k, o in enumerate(outs)]
        of_directions = [(d, o.size) for d, o in zip(directions, outs, strict=True)]
        calls += square_sums([(weights, dtype), (of_directions, wide)], sums, count + 1, ctx, ct)
        sizes = [o.size for o in outs]
        for req, those in chunks(sizes, ctx.reqs):
            for part in runs(those):
                at = [(In(k * stride), directions[k], In(k * stride + stride - 1), sizes[k], p.learning_rates[k]) for k in part]
                results = [Out(k) for k in part]
                norms = (sums, sums, count)
                calls.append(_apply(at, results, part[0], norms, p, ctx, req, dtype, (ct, ct), self.master, True))
        return calls


differs(
    "mp_lamb_update_phase2",
    "the weight in full precision is updated",
    "w = mx.nd.array([1], dtype='float16'); w32 = mx.nd.array([1]); one = mx.nd.ones(1); "
    "mx.nd.mp_lamb_update_phase2(w, one, one, one, w32, lr=0.25, out=w); print(w32.asnumpy().tolist())",
    ours="[0.75]",
    mxnet="[1.0]",
    why="Steps smaller than float16 can hold were never taken.",
)

register(LambPhase1("lamb_update_phase1", False))
register(LambPhase1("mp_lamb_update_phase1", True))
register(LambPhase2("lamb_update_phase2", False))
register(LambPhase2("mp_lamb_update_phase2", True))
register(LambMany("_multi_lamb_update", False))
register(LambMany("_multi_mp_lamb_update", True))
