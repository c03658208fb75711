"""What the operators of images ask of the shapes that they are given. No operator of its own."""

from __future__ import annotations

from collections.abc import Sequence

from ...graph.contract.kernel_call import compute_type
from ...graph.contract.op import Entry, Gradient, Op
from ...graph.contract.spec import PartialShape, ShapeError, show_shape
from ...params import Params

__all__ = ["Augmenting", "check_image", "real_type"]


def check_image(shape: PartialShape, batches: bool, channels: Sequence[int] = ()) -> None:
    """Raise unless a shape is that of an image (H, W, C), or with `batches` that of several, with one of the numbers of channels."""
    if shape is None:
        return
    if len(shape) != 3 and not (batches and len(shape) == 4):
        wanted = "(height, width, channels)" + (", or (N, height, width, channels)" if batches else "")
        raise ShapeError(f"Input image must have shape {wanted}, but got {show_shape(shape)}")
    if channels and shape[-1] >= 0 and shape[-1] not in channels:
        raise ShapeError(
            f"the last dimension of the image must be its channels, either {channels[0]} or {channels[1]}, got {show_shape(shape)}"
        )


def real_type(dtype: str) -> str:
    """The type that a kernel computes in: integers in float."""
    return "double" if compute_type(dtype) == "double" else "float"


class Augmenting(Op):
    """Base of what changes the pixels of one image (H, W, C) of one or three channels; the gradient passes it unchanged, as in MXNet."""

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        check_image(ins[0], False, (1, 3))
        return ins, [ins[0] if ins[0] is not None else outs[0]]

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        return [g.ograd()]
