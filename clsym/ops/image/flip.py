"""Images mirrored, always or by a coin."""

from __future__ import annotations

from collections.abc import Sequence

from ...differences import differs
from ...graph.contract.kernel_call import In, KernelCall, LowerContext, Out, Rng, Scalar, defines_for
from ...graph.contract.registry import register
from ...graph.contract.spec import TensorSpec
from ...params import Params
from ..shared.launch_sizes import stretch_grid
from ..shared.strided import Walk, copy, row_major
from .shapes import Augmenting

__all__ = ["Flip", "RandomFlip"]

_SIDES = {"left_right": (1, "columns"), "top_bottom": (0, "rows")}


class Flip(Augmenting):
    """An image mirrored."""

    def __init__(self, side: str) -> None:
        self.side = side
        self.axis, self.what = _SIDES[side]
        self.name = f"_image_flip_{side}"

    def doc(self) -> str:
        formula = "out[i, j, c] = data[i, W - 1 - j, c]" if self.axis else "out[i, j, c] = data[H - 1 - i, j, c]"
        return (
            f"An image with its {self.what} in reversed order: ``{formula}``.\n\nThe gradient passes unchanged, as in MXNet.\n\n"
            "Parameters\n----------\ndata : Symbol or NDArray\n    (H, W, C), of one or three channels.\n\n"
            f"Source: MXNet 1.9.1, ``image.flip_{self.side}``."
        )

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        shape = ins[0].shape
        whole = row_major(shape)
        steps = tuple(-s if a == self.axis else s for a, s in enumerate(whole.steps))
        back = Walk((shape[self.axis] - 1) * whole.steps[self.axis], steps)
        return copy(In(0), Out(0), shape, back, whole, ins[0].dtype, ctx, ctx.reqs[0])


class RandomFlip(Augmenting):
    """An image mirrored or not."""

    random = True

    def __init__(self, side: str) -> None:
        self.side = side
        self.axis, self.what = _SIDES[side]
        self.name = f"_image_random_flip_{side}"

    def doc(self) -> str:
        return (
            f"An image with its {self.what} in reversed order, or as it is, each with probability 1/2.\n\n"
            "The gradient passes unchanged, as in MXNet.\n\n"
            "Parameters\n----------\ndata : Symbol or NDArray\n    (H, W, C), of one or three channels.\n\n"
            f"Source: MXNet 1.9.1, ``image.random_flip_{self.side}``."
        )

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        height, width, channels = ins[0].shape
        extent, inner = (width, channels) if self.axis else (height, width * channels)
        rows = ins[0].size // inner
        args = (In(0), Out(0), Rng(), Scalar("uint", ctx.stream), Scalar("long", rows), Scalar("long", extent), Scalar("long", inner))
        defines = defines_for(ins[0].dtype, ctx.reqs[0])
        return [KernelCall("image/flip.cl", "random_flip", args, defines, *stretch_grid(rows, inner, ctx.traits))]


for _side in _SIDES:
    register(Flip(_side))
    register(RandomFlip(_side))


differs(
    "_image_flip_left_right",
    "the middle column of an image of odd width",
    "print(mx.nd.image.flip_left_right(mx.nd.array([[[1], [2], [3]]])).asnumpy().ravel())",
    ours="[3. 2. 1.]",
    mxnet="3 and 1, with whatever was in memory between them",
    why="MXNet leaves the middle row or column unwritten unless the result replaces the input; the random ones alike.",
)
