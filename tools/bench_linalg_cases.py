"""Linear algebra as `bench_op.py` measures it: one large matrix, and many small ones. ONNX has no such operators; MXNet calls LAPACK."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from bench_case import Array, Case

__all__ = ["linalg_cases"]


def _positive(rng: np.random.RandomState, shape: tuple[int, ...]) -> Array:
    """Symmetric matrices whose eigenvalues are at least half of their extent."""
    a = rng.uniform(-1, 1, shape)
    return a @ np.swapaxes(a, -1, -2) + shape[-1] / 2 * np.eye(shape[-1])


def linalg_cases() -> Iterator[Case]:
    """The cases; operations are LAPACK's, so that a share tells what a whole factorization makes of the device."""
    for shape in ((512, 512), (64, 32, 32)):
        n, batch = shape[-1], math.prod(shape[:-2])
        for op, inputs, flops in (("potrf", 1, n**3 // 3), ("trsm", 2, n**3), ("inverse", 1, 2 * n**3), ("gelqf", 1, 8 * n**3 // 3)):

            def values(rng: np.random.RandomState, shape: tuple[int, ...] = shape, inputs: int = inputs) -> list[Array]:
                return [_positive(rng, shape), rng.uniform(-1, 1, shape)][:inputs]

            name = f"{op} {f'{batch} of ' if batch > 1 else ''}{n}"
            yield Case("linalg", name, f"_linalg_{op}", [shape] * inputs, {}, batch * flops, 0, values)
