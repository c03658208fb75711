"""How FullyConnected reads its data as a matrix: shared by its forms."""

from __future__ import annotations

import math
from collections.abc import Sequence

__all__ = ["matrix_extents", "output_shape"]


def matrix_extents(shape: Sequence[int], flatten: bool) -> tuple[int, int]:
    """Rows and columns of the data as a matrix."""
    rows = shape[0] if flatten else math.prod(shape[:-1])
    columns = math.prod(shape[1:]) if flatten else shape[-1]
    return rows, columns


def output_shape(shape: Sequence[int], hidden: int, flatten: bool) -> tuple[int, ...]:
    """Of the result for data of that shape."""
    return (shape[0], hidden) if flatten else (*shape[:-1], hidden)
