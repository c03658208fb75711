"""The derivative of one operator by differences, and the gradient that its own backward computes in the widest type that it has.

In float64 the four-point central difference with a step of 3e-5 is good to some 1e-11 of the output, so that the gradient in float64 must
agree with it to 1e-7 along random directions (one wrong element among ten thousand by 0.1% shows) and along single elements. The gradients
in other types are then compared with it element by element.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from harness_case import Array, Case

from clsym.base import MXNetError
from clsym.runtime.device import Device

STEP = 3e-5
ALONG = 1e-7
"""Relative to the root of the sum of squares of a direction's terms."""
DIRECTIONS, ELEMENTS = 2, 3


class WideCase:
    """An operator's training plan in the widest type of the device, with the gradients of some inputs."""

    def __init__(
        self, device: Device, op_name: str, arrays: Sequence[Array], params: dict[str, Any], wanted: Sequence[int], keep: Sequence[int]
    ) -> None:
        self.wanted, self.dtype = wanted, "float64" if device.traits.fp64 else "float32"
        reqs = ["write" if i in wanted else "null" for i in range(len(arrays))]
        error: MXNetError | None = None
        for fixed in (keep, ()):  # () where an operator wants its parameters in float64 with the data
            self.types = [a.dtype if i in fixed or a.dtype.kind != "f" else np.dtype(self.dtype) for i, a in enumerate(arrays)]
            try:
                self.case = Case(device, op_name, self.widened(arrays), params, True, reqs, True)
                return
            except MXNetError as exc:
                error = error or exc
        raise AssertionError(f"{op_name} has no {self.dtype} form to take differences of: give expected_grads") from error

    def widened(self, arrays: Sequence[Array]) -> list[Array]:
        return [a.astype(t) for a, t in zip(arrays, self.types, strict=True)]

    def gradients(self, arrays: Sequence[Array], heads: Sequence[Array]) -> dict[int, Array]:
        self.case.set_inputs(self.widened(arrays))
        outs = self.case.forward()
        self.case.backward([h.astype(o.dtype) for h, o in zip(heads, outs, strict=True)])
        return {i: self.case.grad(i) for i in self.wanted}

    def outputs(self, arrays: Sequence[Array]) -> list[Array]:
        self.case.set_inputs(arrays)
        return [o.astype(np.float64) for o in self.case.forward()]

    def verify(self, arrays: Sequence[Array], heads: Sequence[Array], rng: Any, what: str) -> None:
        """Compare the gradients with differences."""
        grads = self.gradients(arrays, heads)
        base = self.widened(arrays)
        for i in self.wanted:
            if base[i].size:
                if self.dtype == "float64":
                    _along_directions(self, base, heads, i, grads[i], rng, f"{what}: gradient {i}")
                else:
                    _in_float32(self, base, heads, i, grads[i], rng, f"{what}: gradient {i}")


def _directions(shape: tuple[int, ...], rng: Any) -> Iterator[Array]:
    for _ in range(DIRECTIONS):
        yield rng.uniform(0.5, 1, shape) * rng.choice([-1.0, 1.0], shape)
    size = int(np.prod(shape))
    for j in rng.choice(size, min(size, ELEMENTS), replace=False):
        one = np.zeros(size)
        one[j] = 1
        yield one.reshape(shape)


def _along_directions(wide: WideCase, base: list[Array], heads: Sequence[Array], i: int, grad: Array, rng: Any, what: str) -> None:
    for direction in _directions(base[i].shape, rng):
        at = {
            n: wide.outputs([v + n * STEP * direction if k == i else v for k, v in enumerate(base)]) for n in (-2, -1, 1, 2)
        }  # one step and two to both sides

        def slope(n: int, at: dict[int, list[Array]] = at) -> float:
            parts = [(h * (high - low)).sum() for h, high, low in zip(heads, at[n], at[-n], strict=True)]
            return float(sum(parts)) / (2 * n * STEP)

        numeric = (4 * slope(1) - slope(2)) / 3
        terms = grad * direction
        noise = sum(float(np.abs(h * o).sum()) for h, o in zip(heads, at[1], strict=True)) * 2**-52 / STEP
        bound = ALONG * float(np.sqrt((terms**2).sum())) + 8 * noise + 1e-10
        # Without a kink the two differ by STEP**2 / 2 of the third derivative.
        kink = abs(slope(1) - slope(2))
        assert not kink > max(bound, 1e-6 * max(1.0, abs(numeric))), (
            f"{what}: the point lies at a kink or a jump (slope {slope(1)} over one step, {slope(2)} over two); choose other inputs"
        )
        error = abs(float(terms.sum()) - numeric)
        assert error <= bound, f"{what} along a direction: {terms.sum()}, by differences {numeric}; {error:.3g} off, allowed {bound:.3g}"


def _in_float32(wide: WideCase, base: list[Array], heads: Sequence[Array], i: int, grad: Array, rng: Any, what: str) -> None:
    """Element by element, on devices without float64: rounding of 1e-7 of the outputs over a step of 1e-2 allows no better."""
    eps = 1e-2

    def loss(values: list[Array]) -> float:
        return float(sum((o * h).sum() for o, h in zip(wide.outputs(values), heads, strict=True)))

    for j in rng.choice(base[i].size, min(base[i].size, 24), replace=False):
        values = [np.array(v) for v in base]
        values[i].reshape(-1)[j] += eps
        high = loss(values)
        values[i].reshape(-1)[j] -= 2 * eps
        numeric = (high - loss(values)) / (2 * eps)
        np.testing.assert_allclose(grad.reshape(-1)[j], numeric, rtol=5e-3, atol=5e-4, err_msg=f"{what}, element {j}, by differences")
