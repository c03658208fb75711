"""A rectangle cut out of images."""

from __future__ import annotations

from collections.abc import Sequence

from ...differences import differs
from ...graph.contract.registry import register
from ...graph.contract.spec import PartialShape, ShapeError, show_shape
from ...params import Int, Params
from ..shape.slice import Part, Ranges
from .shapes import check_image

__all__ = ["ImageCrop"]


@register
class ImageCrop(Part):
    """The rectangle of `width` by `height` pixels whose upper left corner is pixel (`x`, `y`).

    ``out[..., i, j, c] = data[..., y + i, x + j, c]``.

    Parameters
    ----------
    data : Symbol or NDArray
        (H, W, C) or (N, H, W, C), of one or three channels.
    x, y : int
        The left and the upper edge.
    width, height : int

    Returns
    -------
    Symbol or NDArray
        (height, width, C) or (N, height, width, C).

    Raises
    ------
    MXNetError
        The rectangle reaches beyond the image, or is empty.

    Examples
    --------
    >>> import clsym as mx
    >>> mx.nd.image.crop(mx.nd.arange(6).reshape((2, 3, 1)), x=1, y=0, width=2, height=1).asnumpy().ravel().tolist()
    [1.0, 2.0]

    Source: MXNet 1.9.1, ``image.crop``.
    """

    name = "_image_crop"
    params = {
        "x": Int(doc="The left edge."),
        "y": Int(doc="The upper edge."),
        "width": Int(doc="Width of the rectangle."),
        "height": Int(doc="Height of the rectangle."),
    }

    def ranges(self, p: Params, ins: Sequence[PartialShape]) -> Ranges:
        data = ins[0]
        assert data is not None
        check_image(data, True, (1, 3))
        if p.height <= 0 or p.width <= 0:
            raise ShapeError(f"height={p.height} and width={p.width} must be greater than 0")
        for what, at, size, extent in (("x", p.x, p.width, data[-2]), ("y", p.y, p.height, data[-3])):
            if at < 0 or (extent >= 0 and at + size > extent):
                raise ShapeError(f"{what}={at} and a size of {size} reach beyond the image {show_shape(data)}")
        outer = [(0, 1, d) for d in data[:-3]]
        return [*outer, (p.y, 1, p.height), (p.x, 1, p.width), (0, 1, data[-1])]


differs(
    "_image_crop",
    "a rectangle that begins before the image",
    "try:\n"
    "    print(mx.nd.image.crop(mx.nd.ones((2, 4, 3)), x=-1, y=0, width=2, height=2).shape)\n"
    "except mx.MXNetError:\n"
    "    print('an error')",
    ours="an error",
    mxnet="(2, 2, 3), some of it from memory before the array",
    why="MXNet reads before the array.",
)
