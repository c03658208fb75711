"""Where the windows of a pooling lie. No operator of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ...graph.contract.spec import ShapeError
from ...params import Params

__all__ = ["Window", "is_global", "sees_padding_alone", "window_of"]


@dataclass(frozen=True)
class Window:
    """A number for each spatial dimension: window, stride, padding in front, extent of the output (-1 if unknown)."""

    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    pad: tuple[int, ...]
    out: tuple[int, ...]


def _per_dimension(what: str, given: tuple[int, ...], n: int, default: int, low: int) -> tuple[int, ...]:
    values = given[:n] if len(given) > n and what != "kernel" else given or (default,) * n  # as in MXNet, more items have no effect
    if len(values) != n:
        raise ShapeError(f"{what}={given} has {len(values)} items, the data has {n} spatial dimensions; give one for each")
    if any(v < low for v in values):
        raise ShapeError(f"{what}={given}: every item must be at least {low}")
    if any(v >= 1 << 30 for v in values):
        raise ShapeError(f"{what}={given}: an item exceeds 2**30")
    return values


def window_of(p: Params, extents: Sequence[int]) -> Window:
    """Where the windows lie on spatial `extents`, of which -1 is unknown."""
    n = len(extents)
    if p.global_pool:
        return Window(tuple(extents), (1,) * n, (0,) * n, (1,) * n)
    if not p.kernel:
        raise ShapeError("kernel is required unless global_pool=True")
    kernel = _per_dimension("kernel", p.kernel, n, 1, 1)
    stride = _per_dimension("stride", p.stride, n, 1, 1)
    pad = _per_dimension("pad", p.pad, n, 0, 0)
    if p.pooling_convention == "same" and any(pad):
        raise ShapeError(f"pad={p.pad}: pooling_convention='same' chooses the padding; leave pad out")
    out = []
    for i, (x, k, s) in enumerate(zip(extents, kernel, stride, strict=True)):
        if x < 0:
            out.append(-1)
            continue
        if p.pooling_convention == "same":
            out.append(-(-x // s))
            continue
        room = x + 2 * pad[i] - k
        if room < 0:
            raise ShapeError(f"kernel size ({k}) exceeds input ({x} padded to {x + 2 * pad[i]}); use a smaller kernel or more padding")
        out.append((-(-room // s) if p.pooling_convention == "full" else room // s) + 1)
    return Window(kernel, stride, pad, tuple(out))


def is_global(window: Window, extents: Sequence[int]) -> bool:
    """Whether one window covers exactly the plane."""
    return window.kernel == tuple(extents) and not any(window.pad) and all(o == 1 for o in window.out)


def sees_padding_alone(window: Window, extents: Sequence[int]) -> bool:
    """Whether some window holds no pixel."""
    dims = zip(extents, window.out, window.kernel, window.stride, window.pad, strict=True)
    return any((o - 1) * s - q >= x or k <= q for x, o, k, s, q in dims)
