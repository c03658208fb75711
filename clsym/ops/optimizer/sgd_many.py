"""Stochastic gradient descent on several weights in one launch, and Nesterov's with a weight in full precision."""

from __future__ import annotations

from ...graph.contract.registry import register
from ...params import Field, Float
from .update_many import CLIP, COUNT, LRS, RESCALE, WDS, UpdateMany

_SGD, _SGD_MOM, _NAG = 0, 1, 2
_MOMENTUM: dict[str, Field] = {"momentum": Float(0.0, "Decay of the momentum.")}
_PLAIN = "weight * (1 - lr * wd) - lr * g."
_WITH = "mom = momentum * mom - lr * (g + wd * weight); weight + mom."
_LISTED = ("lrs", "wds")

for _momentum in (False, True):
    for _master in (False, True):
        _each = ("weight", "grad", *(["mom"] if _momentum else []), *(["weight32"] if _master else []))
        _stem = f"multi_{'mp_' if _master else ''}sgd_{'mom_' if _momentum else ''}update"
        _own = {**(_MOMENTUM if _momentum else {}), **RESCALE, **CLIP, **COUNT}
        _rule, _formula = (_SGD_MOM, _WITH) if _momentum else (_SGD, _PLAIN)
        register(
            UpdateMany(
                _stem, _rule, _each, {**LRS, **WDS, **_own}, _formula, count="num_weights", lists=_LISTED, master=_master
            )
        )  # fmt: skip
        register(
            UpdateMany(
                f"preloaded_{_stem}", _rule, _each, _own, f"lr and wd being elements of arrays on the device: {_formula}", last=_LISTED,
                count="num_weights", master=_master,
            )
        )  # fmt: skip

register(
    UpdateMany(
        "mp_nag_mom_update",
        _NAG,
        ("weight", "grad", "mom", "weight32"),
        {
            "lr": Float(doc="Learning rate."),
            **_MOMENTUM,
            "wd": Float(0.0, "Weight decay."),
            **RESCALE,
            **CLIP,
        },
        "Nesterov's momentum: m = momentum * mom; weight - m + (momentum + 1) * (m - lr * (g + wd * weight)).",
        master=True,
    )
)
