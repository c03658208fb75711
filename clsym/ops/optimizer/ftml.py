"""Follow the moving leader."""

from __future__ import annotations

import numpy as np

from ...graph.contract.registry import register
from ...params import Float, Int, Params
from .update_many import RESCALE, UpdateMany, single

__all__ = ["Ftml"]

_FTML = 11


@register
class Ftml(UpdateMany):
    """FTML (Zheng and Kwok, 2017)."""

    def __init__(self) -> None:
        super().__init__(
            "ftml_update",
            _FTML,
            ("weight", "grad", "d", "v", "z"),
            {
                "lr": Float(doc="Learning rate."),
                "beta1": Float(0.600000023841858, "Decay of the mean."),
                "beta2": Float(0.999000012874603, "Decay of the variance."),
                "epsilon": Float(9.9999999392252903e-09, "Added to the denominator."),
                "t": Int(doc="Number of the step, from 1."),
                "wd": Float(0.0, "Weight decay, added to the gradient before it is clipped."),
                **RESCALE,
                "clip_grad": Float(-1.0, "Bound of the gradient's values; negative: none."),
            },
            "FTML (Zheng and Kwok, 2017): v = beta2 * v + (1 - beta2) * g^2; "
            "d' = (1 - beta1^t) / lr * (sqrt(v / (1 - beta2^t)) + epsilon); z = beta1 * z + (1 - beta1) * g - (d' - beta1 * d) * weight; "
            "d = d'; -z / d.",
        )

    def numbers(self, p: Params, k: int, dtype: str) -> tuple[float, float, float]:
        real = np.float64 if dtype == "float64" else np.float32  # MXNet's digits: 1 - beta2^t cancels
        first, second = (real(1) - real(single(b)) ** real(p.t) for b in (p.beta1, p.beta2))
        return float(first / real(single(p.lr))), p.wd, float(second)

    def clip(self, p: Params) -> float:
        return single(p.clip_grad)
