"""The small cases that `check_kernels.py` runs: those of the tests of the inference, and what reaches the kernels that those do not."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "null"))

__all__ = ["Case", "all_cases"]


@dataclass(frozen=True)
class Case:
    """Operators one after the other: (name, parameters, inputs), an input a shape or the number of an earlier step."""

    steps: tuple[tuple[str, dict[str, Any], tuple[Any, ...]], ...]
    dtype: str = "float32"
    high: float = 2.9
    """Inputs are drawn from 0.1 .. high."""
    small: bool = False
    """Part of the small set."""
    forward_only: bool = False

    @property
    def name(self) -> str:
        """For people."""
        steps = " ".join(name + (str(params) if params else "") for name, params, _ in self.steps)
        return f"{steps} {[i for _, _, inputs in self.steps for i in inputs if not isinstance(i, int)]} {self.dtype}"


SMALL = {"Convolution", "FullyConnected", "BatchNorm", "Pooling", "softmax", "sum", "take", "topk", "transpose", "Concat", "broadcast_add"}
"""Operators whose first case is in the small set."""

MORE: list[tuple[str, dict[str, Any], tuple[Any, ...]]] = []


def _one(name: str, params: dict[str, Any], *inputs: Any, **more: Any) -> Case:
    return Case(((name, params, inputs),), **more)


def all_cases() -> list[Case]:
    """Every case; their numbers are their positions."""
    import clsym.ops  # noqa: F401  (registers the operators)
    from inference_table import cases

    found, seen = [], set()
    for name, params, shapes in cases():
        dtype = "float16" if name.startswith("mp_") else "float32"
        found.append(_one(name, params, *shapes, dtype=dtype, small=name in SMALL - seen))
        seen.add(name)
    return [*found, *EXTRA]


EXTRA: list[Case] = []
