"""Adam with decoupled weight decay, of one weight or several."""

from __future__ import annotations

from ...differences import differs
from ...graph.contract.registry import register
from ...params import Field, Float, Floats
from .update_many import CLIP, COUNT, LRS, WDS, UpdateMany

_ADAMW = 9
_BETAS: dict[str, Field] = {
    "beta1": Float(0.899999976158142, "Decay of the mean."),
    "beta2": Float(0.999000012874603, "Decay of the variance."),
    "epsilon": Float(9.99999993922529e-09, "Added to the denominator."),
}
_ONE: dict[str, Field] = {
    "lr": Float(doc="Learning rate."),
    **_BETAS,
    "wd": Float(0.0, "Weight decay."),
    "eta": Float(doc="Factor of the learning rate's schedule."),
    **CLIP,
}
_MANY: dict[str, Field] = {**LRS, **_BETAS, **WDS, "etas": Floats(doc="Factors of the schedule, one for each weight."), **CLIP, **COUNT}
_FORMULA = (
    "AdamW (Loshchilov and Hutter): mean = beta1 * mean + (1 - beta1) * g, var likewise of g^2 with beta2; "
    "weight - eta * (lr * mean / (sqrt(var) + epsilon) + wd * weight)."
)
_LAST = ("rescale_grad",)
_LISTED = ("lrs", "wds", "etas")

for _master in (False, True):
    _each = ("weight", "grad", "mean", "var", *(["weight32"] if _master else []))
    _stem = "mp_adamw_update" if _master else "adamw_update"
    register(
        UpdateMany(f"_{_stem}", _ADAMW, _each, _ONE, _FORMULA, last=_LAST, master=_master)
    )  # fmt: skip
    register(
        UpdateMany(
            f"_multi_{_stem}", _ADAMW, _each, _MANY, _FORMULA, last=_LAST, count="num_weights", lists=_LISTED, master=_master
        )
    )  # fmt: skip

differs(
    "_adamw_update",
    "the gradient is left as it was",
    "g = mx.nd.array([3]); w = mx.nd.array([1]); m = mx.nd.zeros(1); v = mx.nd.zeros(1); "
    "mx.nd.contrib.adamw_update(w, g, m, v, 0.5, lr=0.1, eta=1, out=w); print(g.asnumpy().tolist())",
    ours="[3.0]",
    mxnet="[1.5]",
    why="The scaled and clipped gradient is stored in the input, which is no state.",
)
