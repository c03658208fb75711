"""One step of an optimizer, as an operator: the new weight is the output, the states change in place."""

from __future__ import annotations

from collections.abc import Sequence

from ...graph.contract.kernel_call import Arg, In, KernelCall, LowerContext, Out, Scalar, compute_type, defines_for
from ...graph.contract.op import Op
from ...graph.contract.registry import register
from ...graph.contract.spec import TensorSpec
from ...params import Bool, Field, Float, Params
from ..shared.float_types import one_float_type, statistics_type
from ..shared.launch_sizes import batch_grid
from .update_many import single

__all__ = ["Update"]

_SOURCE = "optimizer/update.cl"

_LR = {"lr": Float(doc="Learning rate.")}
_COMMON = {
    "wd": Float(0.0, "Weight decay."),
    "rescale_grad": Float(1.0, "Factor of the gradient."),
    "clip_gradient": Float(-1.0, "Bound of the gradient's values; negative: none."),
}
_LAZY = {"lazy_update": Bool(True, "Accepted, without effect on dense arrays.")}
_MOMENTUM = {"momentum": Float(0.0, "Decay of the momentum.")}
_CLIP_WEIGHTS = {"clip_weights": Float(-1.0, "Bound of the weight's values; negative: none.")}
_EPSILON = {"epsilon": Float(9.99999993922529e-09, "Added to the denominator.")}


class Update(Op):
    """One step of an optimizer; `hyper` names the parameters that the kernel takes as h0, h1 and h2."""

    def __init__(
        self,
        name: str,
        rule: int,
        states: tuple[str, ...],
        params: dict[str, Field],
        hyper: tuple[str | None, ...],
        formula: str,
        master: bool = False,
    ) -> None:
        self.name = name
        self.rule = rule
        self.states = states
        self.inputs = ("weight", "grad", *states)
        self.aux = states
        self.params = params
        self.hyper = hyper
        self.formula = formula
        self.master = master

    def doc(self) -> str:
        """The documentation."""
        states = f"{', '.join(self.states)} : NDArray\n    State, of the weight's shape; overwritten.\n" if self.states else ""
        first = "float16 weight whose float32 copy is the last state; " if self.master else ""
        return f"""One step of an optimizer: {first}{self.formula}

Here g is ``rescale_grad * grad``, its values clipped to [-clip_gradient, clip_gradient] unless that is negative.
Pass ``out=weight`` to update in place.

Parameters
----------
weight, grad : NDArray
    Of one shape and floating-point type.
{states}
Returns
-------
NDArray
    The weight after the step.

Examples
--------
>>> import clsym as mx
>>> mx.nd.sgd_update(mx.nd.array([1]), mx.nd.array([2]), lr=0.25).asnumpy()
array([0.5], dtype=float32)

Notes
-----
After MXNet's ``{self.name}``."""

    def infer_type(self, p: Params, ins: list[str | None], outs: list[str | None]) -> tuple[list[str | None], list[str | None]]:
        if not self.master:
            return one_float_type(self.name, ins, outs)
        (weight, grad), out = one_float_type(self.name, ins[:2], outs)
        return [weight, grad, *[statistics_type(weight)] * len(self.states)], out

    def mutates(self, p: Params, train: bool) -> Sequence[int]:
        return range(2, 2 + len(self.states))

    def inplace(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec]) -> Sequence[tuple[int, int]]:
        return ((0, 0), (0, 1))

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        ct = compute_type(outs[0].dtype)
        n = outs[0].size
        states = [In(2 + i) if i < len(self.states) else In(0) for i in range(3)]  # unused ones: anything
        hyper = [getattr(p, name) if name else 0.0 for name in (*self.hyper, None, None, None)[:3]]
        numbers = (p.lr, p.wd, p.rescale_grad, p.clip_gradient, *hyper, getattr(p, "clip_weights", -1.0))
        args: tuple[Arg, ...] = (In(0), In(1), *states, Out(0), Scalar("long", n), *(Scalar(ct, single(v)) for v in numbers))
        defines = defines_for(outs[0].dtype, ctx.reqs[0], RULE=self.rule, MASTER=int(self.master), STATES=len(self.states))
        return [KernelCall(_SOURCE, "update", args, defines, *batch_grid(n, ctx.traits))]


_SGD = "weight * (1 - lr * wd) - lr * g."
_SGD_MOM = "mom = momentum * mom - lr * (g + wd * weight); weight + mom."
_BETAS = {"beta1": Float(0.899999976158142, "Decay of the mean."), "beta2": Float(0.999000012874603, "Decay of the variance.")}
_GAMMA1 = {"gamma1": Float(0.949999988079071, "Decay of the mean square.")}
_GAMMA2 = {"gamma2": Float(0.899999976158142, "Decay of the step.")}

for _op in (
    Update("sgd_update", 0, (), {**_LR, **_COMMON, **_LAZY}, (), _SGD),
    Update("sgd_mom_update", 1, ("mom",), {**_LR, **_MOMENTUM, **_COMMON, **_LAZY}, ("momentum",), _SGD_MOM),
    Update("mp_sgd_update", 0, ("weight32",), {**_LR, **_COMMON, **_LAZY}, (), _SGD, master=True),
    Update("mp_sgd_mom_update", 1, ("mom", "weight32"), {**_LR, **_MOMENTUM, **_COMMON, **_LAZY}, ("momentum",), _SGD_MOM, master=True),
    Update(
        "nag_mom_update",
        2,
        ("mom",),
        {**_LR, **_MOMENTUM, **_COMMON},
        ("momentum",),
        "Nesterov's momentum: m = momentum * mom; weight - m + (momentum + 1) * (m - lr * (g + wd * weight)).",
    ),
    Update(
        "adam_update",
        3,
        ("mean", "var"),
        {**_LR, **_BETAS, **_EPSILON, **_COMMON, **_LAZY},
        ("beta1", "beta2", "epsilon"),
        "Adam: mean = beta1 * mean + (1 - beta1) * g, var likewise of g^2 with beta2; weight - lr * mean / (sqrt(var) + epsilon); "
        "wd * weight is added to g before clipping.",
    ),
    Update(
        "rmsprop_update",
        4,
        ("n",),
        {**_LR, **_GAMMA1, **_EPSILON, **_COMMON, **_CLIP_WEIGHTS},
        ("gamma1", None, "epsilon"),
        "RMSProp: n = gamma1 * n + (1 - gamma1) * g^2; weight - lr * g / sqrt(n + epsilon); wd * weight is added to g before clipping.",
    ),
    Update(
        "rmspropalex_update",
        5,
        ("n", "g", "delta"),
        {**_LR, **_GAMMA1, **_GAMMA2, **_EPSILON, **_COMMON, **_CLIP_WEIGHTS},
        ("gamma1", "gamma2", "epsilon"),
        "centred RMSProp (Graves): n and g are the decaying means of g^2 and g; "
        "delta = gamma2 * delta - lr * g / sqrt(n - mean^2 + epsilon); weight + delta; wd * weight is added to g before clipping.",
    ),
    Update("signsgd_update", 6, (), {**_LR, **_COMMON}, (), "weight * (1 - lr * wd) - lr * sign(g)."),
    Update(
        "signum_update",
        7,
        ("mom",),
        {**_LR, **_MOMENTUM, **_COMMON, "wd_lh": Float(0.0, "Weight decay outside of the momentum.")},
        ("momentum", "wd_lh"),
        "mom = momentum * mom - (1 - momentum) * (g + wd * weight); weight * (1 - lr * wd_lh) + lr * sign(mom).",
    ),
    Update(
        "ftrl_update",
        8,
        ("z", "n"),
        {
            **_LR,
            "lamda1": Float(0.00999999977648258, "Weight of the L1 norm."),
            "beta": Float(1.0, "Part of the learning rate."),
            **_COMMON,
        },
        ("lamda1", "beta"),
        "FTRL: z += g - (sqrt(n + g^2) - sqrt(n)) * weight / lr; n += g^2; "
        "(sign(z) * lamda1 - z) / ((beta + sqrt(n)) / lr + wd) where abs(z) > lamda1, else 0.",
    ),
):
    register(_op)
