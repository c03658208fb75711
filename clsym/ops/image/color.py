"""Brightness, contrast, saturation and hue of an image, changed by factors that are drawn."""

from __future__ import annotations

from collections.abc import Sequence

from ...differences import differs
from ...graph.contract.kernel_call import Arg, In, KernelCall, LowerContext, Out, Rng, Scalar, Temp, defines_for, grid
from ...graph.contract.registry import register
from ...graph.contract.spec import TensorSpec
from ...params import Field, Float, Params
from .shapes import Augmenting, real_type

__all__ = ["ColorJitter", "RandomColor"]

_SOURCE = "image/color.cl"
_KINDS = ("brightness", "contrast", "saturation", "hue")
_CONTRAST = 1
_FORMULAS = {
    "brightness": "``out = a data``",
    "contrast": "``out = a data + (1 - a) m``, m the mean over the image of ``0.299 R + 0.587 G + 0.114 B``",
    "saturation": "``out = a data + (1 - a) 0.114 B``, as MXNet 1.9.1 computes it; an image of one channel stays as it is",
    "hue": "a turns of the hue, between RGB and HLS; an image of one channel stays as it is",
}
_MOST_CHUNKS, _CHUNK = 256, 1024
_TAIL = "bytes are cut to 0 .. 255, integers rounded towards zero. The gradient passes unchanged, as in MXNet."


class _Color(Augmenting):
    """Base: factors drawn uniformly from ranges, applied one after the other."""

    random = True

    def ranges(self, p: Params) -> dict[int, tuple[float, float]]:
        """From the number of a kind to the range of its factor."""
        raise NotImplementedError

    def inplace(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec]) -> Sequence[tuple[int, int]]:
        return ((0, 0),)

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        ranges = self.ranges(p)
        channels = ins[0].shape[-1]
        pixels = ins[0].size // channels
        chunks = min(_MOST_CHUNKS, -(-pixels // _CHUNK))
        real = real_type(ins[0].dtype)
        sums = Temp(0, 8 * chunks)
        low, high = (Scalar("float4", tuple(ranges.get(k, (0.0, 0.0))[end] for k in range(len(_KINDS)))) for end in (0, 1))
        drawn: tuple[Arg, ...] = (Rng(), Scalar("uint", ctx.stream), Scalar("int", sum(1 << k for k in ranges)), low, high)
        sizes = (Scalar("long", pixels), Scalar("int", channels), Scalar("long", chunks))
        defines = defines_for(ins[0].dtype, ctx.reqs[0], R=real)
        calls = []
        if _CONTRAST in ranges:
            calls = [KernelCall(_SOURCE, "gray_sums", (In(0), sums, *drawn, *sizes), defines, *grid(chunks, ctx.traits, 1))]
        calls.append(KernelCall(_SOURCE, "change_colors", (In(0), Out(0), sums, *drawn, *sizes), defines, *grid(pixels, ctx.traits, 1024)))
        return calls


class RandomColor(_Color):
    """One property, changed by a factor between two bounds."""

    def __init__(self, kind: int) -> None:
        self.kind = kind
        self.name = f"_image_random_{_KINDS[kind]}"
        self.params: dict[str, Field] = {
            "min_factor": Float(doc="Minimum factor.", low=0.0),
            "max_factor": Float(doc="Maximum factor.", low=0.0),
        }

    def doc(self) -> str:
        what = _KINDS[self.kind]
        return (
            f"The {what} of an image changed at random: {_FORMULAS[what]}; a is uniform on [`min_factor`, `max_factor`).\n\n"
            f"Computed in float32 (float64 for that type); {_TAIL}\n\n"
            "Parameters\n----------\ndata : Symbol or NDArray\n    (H, W, C), of one or three channels.\n"
            "min_factor, max_factor : float\n    Bounds, not negative.\n\n"
            f"Source: MXNet 1.9.1, ``image.random_{what}``."
        )

    def ranges(self, p: Params) -> dict[int, tuple[float, float]]:
        return {self.kind: (p.min_factor, p.max_factor)}


@register
class ColorJitter(_Color):
    """Brightness, contrast, saturation and hue of an image changed at random, one after the other in random order.

    Each as by `_image_random_brightness` and its kin, with a factor uniform on [1 - s, 1 + s), hue on [-s, s), where s is its strength;
    what has strength 0 is left out. The gradient passes unchanged, as in MXNet.

    Parameters
    ----------
    data : Symbol or NDArray
        (H, W, C), of one or three channels.
    brightness, contrast, saturation, hue : float
        Strengths.

    Source: MXNet 1.9.1, ``image.random_color_jitter``.
    """

    name = "_image_random_color_jitter"
    params = {kind: Float(doc=f"How much to jitter {kind}.") for kind in _KINDS}

    def ranges(self, p: Params) -> dict[int, tuple[float, float]]:
        strengths = {k: getattr(p, kind) for k, kind in enumerate(_KINDS)}
        return {k: (-s, s) if _KINDS[k] == "hue" else (1 - s, 1 + s) for k, s in strengths.items() if s > 0}


for _kind in range(len(_KINDS)):
    register(RandomColor(_kind))


differs(
    "_image_random_color_jitter",
    "no strength above 0",
    "print(mx.nd.image.random_color_jitter(mx.nd.ones((1, 1, 3)), brightness=0, contrast=0, saturation=0, hue=0).asnumpy().ravel())",
    ours="[1. 1. 1.]",
    mxnet="whatever was in memory",
    why="MXNet leaves the result unwritten where no step is taken; hue and lighting of an image of one channel alike.",
)
