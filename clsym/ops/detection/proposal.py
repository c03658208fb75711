"""Region proposals of Faster R-CNN: Proposal, MultiProposal."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...base import MXNetError
from ...graph.contract.facets import Estimated
from ...graph.contract.kernel_call import Arg, In, KernelCall, LowerContext, Out, Scalar, Temp, defines_for, grid
from ...graph.contract.op import Entry, Gradient, Op
from ...graph.contract.registry import register
from ...graph.contract.spec import PartialShape, ShapeError, TensorSpec, unify_shape
from ...params import Bool, Field, Float, Floats, Int, Params
from ..reduce.sort_calls import SORT_TEMPS, sort_calls
from ..shared.rows import Rows
from .float32_only import float32_only
from .suppression_calls import Suppression

__all__ = ["Proposal"]

_SOURCE = "detection/proposal.cl"
_ANCHORS = 4  # of a launch: a vector of sixteen numbers


class Proposal(Op, Estimated):
    """Proposal or MultiProposal."""

    inputs = ("cls_prob", "bbox_pred", "im_info")
    outputs = ("output", "score")
    params: dict[str, Field] = {
        "rpn_pre_nms_top_n": Int(6000, "How many of the best boxes are looked at; all if not positive."),
        "rpn_post_nms_top_n": Int(300, "How many proposals an image gets."),
        "threshold": Float(0.7, "Boxes that overlap by more are suppressed."),
        "rpn_min_size": Int(16, "The smallest extent of a box, in pixels of the unscaled image."),
        "scales": Floats((4.0, 8.0, 16.0, 32.0), "Of the anchors, in strides."),
        "ratios": Floats((0.5, 1.0, 2.0), "Height over width of the anchors."),
        "feature_stride": Int(16, "Pixels between neighbouring cells."),
        "output_score": Bool(False, "Whether the scores are an output."),
        "iou_loss": Bool(False, "Whether bbox_pred moves corners, rather than centers and extents."),
    }

    def __init__(self, name: str, images: str) -> None:
        self.name, self.images = name, images

    def doc(self) -> str:
        """The documentation."""
        return (
            f"Region proposals of {self.images} (Faster R-CNN, Ren et al. 2015).\n\n"
            "Around each cell lie anchors of every ratio and scale. They move as `bbox_pred` says (x += dx * w, y += dy * h, "
            "w *= exp(dw), h *= exp(dh)) and are cut to the image; boxes below `rpn_min_size`, and those of cells beyond the image, "
            "get the score -1. Of the best `rpn_pre_nms_top_n` those stay that no better one overlaps by more than `threshold`, "
            "extents counted in pixels, ends included. Where there are not enough, they are repeated from the first on.\n\n"
            "Parameters\n----------\n"
            "cls_prob : Symbol or NDArray\n    Shape (N, 2 * A, H, W), the last A being the scores of anchors. All inputs are float32.\n"
            "bbox_pred : Symbol or NDArray\n    Shape (N, 4 * A, H, W).\n"
            "im_info : Symbol or NDArray\n    Shape (N, 3): height, width, and scale of each image.\n"
            "rpn_pre_nms_top_n : int\n    How many of the best boxes are looked at; all if not positive.\n"
            "rpn_post_nms_top_n : int\n    How many proposals an image gets.\n"
            "threshold : float\n    Boxes that overlap by more are suppressed.\n"
            "rpn_min_size : int\n    The smallest extent of a box, in pixels of the unscaled image.\n"
            "scales : tuple of float\n    Of the anchors, in strides.\n"
            "ratios : tuple of float\n    Height over width of the anchors.\n"
            "feature_stride : int\n    Pixels between neighbouring cells.\n"
            "output_score : bool\n    Whether the scores are an output.\n"
            "iou_loss : bool\n    Whether bbox_pred moves corners, rather than centers and extents.\n\n"
            "Returns\n-------\nSymbol or NDArray\n    Shape (N * rpn_post_nms_top_n, 5): image, x1, y1, x2, y2. "
            "With `output_score` also the scores, (N * rpn_post_nms_top_n, 1). There is no gradient (it is zero).\n\n"
            "Raises\n------\nMXNetError\n    Shapes do not fit ratios and scales, or a type is not float32."
        )

    def num_visible(self, p: Params) -> int:
        return 2 if p.output_score else 1

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        scores, offsets, info = ins
        if p.rpn_post_nms_top_n < 0:
            raise ShapeError(f"rpn_post_nms_top_n must not be negative, got {p.rpn_post_nms_top_n}")
        for name, shape in zip(self.inputs, (scores, offsets), strict=False):
            if shape is not None and len(shape) != 4:
                raise ShapeError(f"{name} must have 4 dimensions (N, C, H, W), got {shape}")
        if scores is None:
            return ins, outs
        batch, channels, height, width = scores
        like = (batch, channels // 2 * 4 if channels >= 0 else -1, height, width)
        offsets = unify_shape(offsets, like, "bbox_pred must have 4 channels for every 2 of cls_prob, and its other extents")
        info = unify_shape(info, (batch, 3), "im_info must be (N, 3), N being that of cls_prob")
        number = p.rpn_post_nms_top_n * (batch if self.name == "_contrib_MultiProposal" else 1)
        number = number if batch >= 0 else -1
        return [scores, offsets, info], [(number, 5), (number, 1)]

    def infer_type(self, p: Params, ins: list[str | None], outs: list[str | None]) -> tuple[list[str | None], list[str | None]]:
        return float32_only(self.name, ins, outs)

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        return [None, None, None]

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        batches, channels, height, width = ins[0].shape
        base = _anchors(p)
        number = height * width * len(base)
        if channels != 2 * len(base):
            raise MXNetError(
                f"{self.name}: {len(p.ratios)} ratios and {len(p.scales)} scales make {len(base)} anchors, for which cls_prob must have "
                f"{2 * len(base)} channels, got {channels}"
            )
        if self.name == "_contrib_Proposal" and batches != 1:
            raise MXNetError(f"{self.name} takes one image, got {batches}; use mx.sym.contrib.MultiProposal for several")
        if number == 0:
            raise MXNetError(f"{self.name}: cls_prob of shape {ins[0].shape} has no cells")
        boxes, keys, plain = Temp(0, 16 * batches * number), Temp(1, 4 * batches * number), defines_for("float32")
        size, many = Scalar("long", batches), Scalar("long", number)
        calls = []
        for first in range(0, len(base), _ANCHORS):
            some = base[first : first + _ANCHORS]
            corners = Scalar("float16", (*(v for box in some for v in box), *(0.0,) * (16 - 4 * len(some))))
            extents = (Scalar("int", v) for v in (height, width, len(base), first, len(some)))
            rest = corners, Scalar("int", p.feature_stride), Scalar("float", p.rpn_min_size)
            args: tuple[Arg, ...] = (In(0), In(1), In(2), boxes, keys, size, *extents, *rest)
            launch = grid(batches * len(some) * height * width, ctx.traits, 1024)
            calls.append(KernelCall(_SOURCE, "proposal_boxes", args, defines_for("float32", IOU_LOSS=int(p.iou_loss)), *launch))
        sorts, ordered, places = sort_calls(keys, Rows(batches, number, 1), "float32", True, ctx, 2)
        top = min(p.rpn_pre_nms_top_n, number) if p.rpn_pre_nms_top_n > 0 else number
        rows = p.rpn_post_nms_top_n
        work = Suppression(batches, top, "float32", 1.0, p.threshold, min(rows, top), 2 + SORT_TEMPS)
        best, blocks = Scalar("long", top), Scalar("int", work.blocks)
        gather = (boxes, places, work.boxes, work.ids, work.dead, size, many, best)
        calls += [*sorts, KernelCall(_SOURCE, "proposal_sorted", gather, plain, *grid(batches * top, ctx.traits, 1024))]
        calls += work.calls(ctx)
        found, count = (work.kept, work.marks), Scalar("long", rows)
        if ctx.reqs[0] != "null":
            args = (work.boxes, *found, Out(0), size, count, best, blocks)
            calls.append(KernelCall(_SOURCE, "proposal_rows", args, defines_for("float32", ctx.reqs[0]), *grid(outs[0].size, ctx.traits)))
        if ctx.reqs[1] != "null":
            args = (ordered, *found, Out(1), size, count, many, best, blocks)
            calls.append(KernelCall(_SOURCE, "proposal_scores", args, defines_for("float32", ctx.reqs[1]), *grid(outs[1].size, ctx.traits)))
        return calls

    def cost(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec]) -> tuple[int, int]:
        return outs[0].size * p.rpn_pre_nms_top_n, 4 * sum(t.nbytes for t in ins)


def _anchors(p: Params) -> list[tuple[float, ...]]:
    """Corners of the anchors of the first cell: of every ratio, of every scale, in float32 as MXNet rounds them.

    >>> _anchors(Params({"ratios": (1.0,), "scales": (2.0,), "feature_stride": 16}))
    [(-8.0, -8.0, 23.0, 23.0)]
    """
    f = np.float32
    stride = f(p.feature_stride)
    center, found = f(0.5) * (stride - f(1)), []
    with np.errstate(all="ignore"):
        for ratio in map(f, p.ratios):
            for scale in map(f, p.scales):
                w = np.floor(np.sqrt(np.floor(stride * stride / ratio)) + f(0.5)) * scale
                h = np.floor(w / scale * ratio + f(0.5)) * scale
                x, y = f(0.5) * (w - f(1)), f(0.5) * (h - f(1))
                found.append(tuple(float(v) for v in (center - x, center - y, center + x, center + y)))
    return found


register(Proposal("_contrib_Proposal", "an image"))
register(Proposal("_contrib_MultiProposal", "several images"))
