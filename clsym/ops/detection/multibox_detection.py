"""Detections of single-shot detectors: MultiBoxDetection."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ...graph.contract.facets import Estimated
from ...graph.contract.kernel_call import In, KernelCall, LowerContext, Out, Scalar, Temp, defines_for, grid
from ...graph.contract.op import Entry, Gradient, Op
from ...graph.contract.registry import register
from ...graph.contract.spec import PartialShape, ShapeError, TensorSpec, unify_shape
from ...params import Bool, Field, Float, Floats, Int, Params
from ..reduce.sort_calls import SORT_TEMPS, sort_calls
from ..shared.launch_sizes import stretch_grid
from ..shared.rows import Rows
from .float32_only import float32_only
from .multibox_target import four_variances
from .suppression_calls import Suppression

__all__ = ["MultiBoxDetection"]

_SOURCE = "detection/detection.cl"
_PRIORS = 256  # of kernels/detection/detection.cl


@register
class MultiBoxDetection(Op, Estimated):
    """Boxes that a single-shot detector found (Liu et al. 2016): decoded, sorted by score, without those that better ones overlap.

    The class of a prior box is the one of largest probability, class 0 left out; it is a detection if that isn't below `threshold`. Its box
    is ``x = p0 * v0 * w' + x', y = p1 * v1 * h' + y', w = exp(p2 * v2) * w', h = exp(p3 * v3) * h'``, from the prior's center and extents.
    If `nms_threshold` lies in (0, 1], detections are sorted by falling score, equal ones in the order of the prior boxes, and one that a
    better one of the same class overlaps by at least `nms_threshold` (intersection over union) loses its class.

    Parameters
    ----------
    cls_prob : Symbol or NDArray
        Probabilities, shape (N, classes, A). All inputs are float32.
    loc_pred : Symbol or NDArray
        Predicted offsets, shape (N, A * 4).
    anchor : Symbol or NDArray
        Prior boxes, shape (1, A, 4): x1, y1, x2, y2.
    clip : bool
        Cut the boxes to the image, the square from 0 to 1.
    threshold : float
        The smallest probability of a detection.
    background_id : int
        Accepted and unused, as in MXNet: class 0 is the background.
    nms_threshold : float
        Detections that overlap by as much are suppressed.
    force_suppress : bool
        Boxes suppress those of other classes too.
    variances : tuple of float
        The units of the offsets.
    nms_topk : int
        Only that many of the best detections keep a class; all if it is not positive.

    Returns
    -------
    Symbol or NDArray
        Shape (N, A, 6): class less one (so that the first object has 0), score, x1, y1, x2, y2. The class is -1 in rows that do not count;
        rows behind the last detection hold -1 only. It has no gradient (it is zero).

    Raises
    ------
    MXNetError
        Shapes do not fit, a type is not float32, or there are not four variances.

    Examples
    --------
    >>> import clsym as mx
    >>> prior = mx.nd.array([[[0, 0, 0.5, 0.5], [0, 0, 0.5, 0.4]]])
    >>> found = mx.nd.contrib.MultiBoxDetection(mx.nd.array([[[0.2, 0.1], [0.8, 0.9]]]), mx.nd.zeros((1, 8)), prior)
    >>> found.asnumpy()[0, :, 0].tolist()
    [0.0, -1.0]
    """

    name = "_contrib_MultiBoxDetection"
    aliases = ("MultiBoxDetection",)
    inputs = ("cls_prob", "loc_pred", "anchor")
    params: dict[str, Field] = {
        "clip": Bool(True, "Cut the boxes to the image."), "threshold": Float(0.01, "The smallest probability of a detection."),
        "background_id": Int(0, "Unused: class 0 is the background."), "nms_threshold": Float(0.5, "Overlaps from it on are suppressed."),
        "force_suppress": Bool(False, "Suppress boxes of other classes too."),
        "variances": Floats((0.1, 0.1, 0.2, 0.2), "The units of the offsets."),
        "nms_topk": Int(-1, "How many of the best detections keep a class; all if not positive."),
    }  # fmt: skip

    def parse(self, given: Mapping[str, Any], node_name: str = "") -> Params:
        return four_variances(self.name, super().parse(given, node_name), node_name)

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        prob, offsets, anchor = ins
        if prob is not None and len(prob) != 3:
            raise ShapeError(f"cls_prob must have the shape (batch, classes, boxes), got {prob}")
        if offsets is not None and (len(offsets) != 2 or (offsets[1] >= 0 and offsets[1] % 4)):
            raise ShapeError(f"loc_pred must have the shape (batch, 4 * boxes), got {offsets}")
        batch, number = (prob[0], prob[2]) if prob is not None else (-1, -1)
        if number < 0 and offsets is not None and offsets[1] >= 0:
            number = offsets[1] // 4
        if number < 0 and anchor is not None and len(anchor) == 3:
            number = anchor[1]
        flat = 4 * number if number >= 0 else -1
        offsets = unify_shape(offsets, (batch, flat), "loc_pred must have 4 numbers for each box of cls_prob: (batch, 4 * boxes)")
        anchor = unify_shape(anchor, (1, number, 4), "anchor must be (1, boxes, 4), the boxes being those of cls_prob")
        assert offsets is not None
        if prob is not None:
            prob = (offsets[0], prob[1], number)
        return [prob, offsets, anchor], [(offsets[0], number, 6)]

    def infer_type(self, p: Params, ins: list[str | None], outs: list[str | None]) -> tuple[list[str | None], list[str | None]]:
        return float32_only(self.name, ins, outs)

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        return [None, None, None]

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        batches, classes, n = ins[0].shape
        count, plain = batches * n, defines_for("float32")
        found, ids, keys = Temp(0, 20 * count), Temp(1, 4 * count), Temp(2, 4 * count)
        size, boxes, total = Scalar("long", batches), Scalar("long", n), Scalar("long", count)
        args = (
            In(0), In(1), In(2), found, ids, keys, size, boxes, Scalar("long", classes), Scalar("float", p.threshold),
            Scalar("float4", p.variances), Scalar("int", int(p.clip)),
        )  # fmt: skip
        calls = [KernelCall(_SOURCE, "detection_find", args, plain, *stretch_grid(batches, n, ctx.traits, _PRIORS))]
        suppress = 0 < p.nms_threshold <= 1
        limited = suppress and 0 < p.nms_topk < n
        rows, launch = Rows(batches, n, 1), grid(count, ctx.traits, 1024)
        flags = KernelCall(_SOURCE, "detection_flags", (ids, keys, total), plain, *launch)
        if not suppress:
            calls.append(flags)
        sorts, _, places = sort_calls(keys, rows, "float32", True, ctx, 3)
        calls += sorts
        plainly, dead, top = places, places, n
        if suppress:
            top = p.nms_topk if limited else n
            # an overlap of just the threshold suppresses as well
            thresh = float(np.nextafter(np.float32(p.nms_threshold), np.float32(-1)))
            work = Suppression(batches, top, "float32", 0.0, thresh, top, 3 + 2 * SORT_TEMPS)
            extents = size, boxes, Scalar("long", top), Scalar("int", int(p.force_suppress))
            gather = (found, ids, places, work.boxes, work.ids, work.dead, *extents)
            calls.append(KernelCall(_SOURCE, "detection_boxes", gather, plain, *grid(batches * top, ctx.traits, 1024)))
            calls += work.calls(ctx)
            dead = work.dead
        if limited:
            sorts, _, plainly = sort_calls(keys, rows, "float32", True, ctx, 3 + SORT_TEMPS)
            calls += [flags, *sorts]
        defines = defines_for("float32", ctx.reqs[0], SUPPRESS=int(suppress), LIMITED=int(limited))
        store = (found, ids, places, plainly, dead, Out(0), size, boxes, Scalar("long", top))
        return [*calls, KernelCall(_SOURCE, "detection_store", store, defines, *launch)]

    def cost(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec]) -> tuple[int, int]:
        return ins[0].size + 4 * outs[0].size * ins[0].shape[2], 4 * sum(t.nbytes for t in ins)
