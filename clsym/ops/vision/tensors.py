"""What the operators of this family ask of parameters and shapes. No operator of its own."""

from __future__ import annotations

from typing import Any

from ...graph.contract.spec import PartialShape, Shape, unify_shape
from ...params import Float
from ...params import Shape as ShapeField

__all__ = ["Fraction", "Sides", "boxes", "images"]


class Fraction(Float):
    """A real number from 0 to 1."""

    def convert(self, value: Any) -> float:
        return self._checked(super().convert(value))

    def convert_text(self, text: str) -> float:
        return self._checked(super().convert_text(text))

    @staticmethod
    def _checked(number: float) -> float:
        if not 0 <= number <= 1:
            raise ValueError("must lie in [0, 1]")
        return number


class Sides(ShapeField):
    """Height and width, both positive and below 65536."""

    def convert(self, value: Any) -> tuple[int | None, ...]:
        sides = super().convert(value)
        if len(sides) != 2 or any(s is None or not 1 <= s < 1 << 16 for s in sides):
            raise ValueError("must be two positive numbers below 65536")
        return sides


def images(shape: PartialShape, what: str = "data", channels: int = -1) -> Shape:
    """The shape as one of images, as far as it is known.

    Raises
    ------
    ShapeError
        It has not four dimensions, or other channels.
    """
    inside = "C" if channels < 0 else str(channels)
    found = unify_shape(shape, (-1, channels, -1, -1), f"{what} must have 4 dimensions (N, {inside}, H, W)")
    assert found is not None
    return found


def boxes(shape: PartialShape, numbers: int = 5) -> Shape:
    """The shape as one of boxes of so many numbers.

    Raises
    ------
    ShapeError
        It is none.
    """
    found = unify_shape(shape, (-1, numbers), f"rois must have 2 dimensions (R, {numbers})")
    assert found is not None
    return found
