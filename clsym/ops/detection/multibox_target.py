"""Training targets of single-shot detectors: MultiBoxTarget."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ...base import MXNetError
from ...differences import differs
from ...graph.contract.kernel_call import In, KernelCall, LowerContext, Out, Scalar, Temp, defines_for, grid
from ...graph.contract.op import Entry, Gradient, Op
from ...graph.contract.registry import register
from ...graph.contract.spec import PartialShape, ShapeError, TensorSpec
from ...params import Field, Float, Floats, Int, Params
from ..reduce.sort_calls import sort_calls
from ..shared.launch_sizes import stretch_grid
from ..shared.rows import Rows
from .float32_only import float32_only
from .matching_calls import Matching
from .suppression_calls import member_grid

__all__ = ["MultiBoxTarget", "four_variances"]

_SOURCE = "detection/target.cl"
_SMALLEST = 1e-6  # overlap of the best match of a label


def four_variances(name: str, p: Params, node_name: str) -> Params:
    """The parameters, whose variances are four.

    Raises
    ------
    MXNetError
        They are not.
    """
    if len(p.variances) != 4:
        where = f" (node {node_name!r})" if node_name else ""
        raise MXNetError(f"{name}{where}: variances must be four numbers, got {p.variances}")
    return p


@register
class MultiBoxTarget(Op):
    """Training targets of prior boxes: which object each of them stands for, as SSD has it (Liu et al. 2016).

    First the pair of a label and a prior box that overlap most is matched, then the next of those that are left, while overlaps exceed
    1e-6. Then every other prior box stands for the label that it overlaps most, by intersection over union, if that exceeds
    `overlap_threshold`. The rest is background; with `negative_mining_ratio` only those ``int(positives * ratio)`` are that the network
    is least sure of (the
    smallest softmax probability of class 0) and that overlap less than `negative_mining_thresh`; the others are ignored.

    The target offsets of a box with center (x, y), width w and height h, from the prior's (x', y', w', h'), are
    ``(x - x') / w' / v0, (y - y') / h' / v1, log(w / w') / v2, log(h / h') / v3``.

    Parameters
    ----------
    anchor : Symbol or NDArray
        Prior boxes, shape (1, A, 4): x1, y1, x2, y2. All inputs are float32.
    label : Symbol or NDArray
        Shape (N, L, K), K >= 5: class, x1, y1, x2, y2. A class of -1 ends the labels of an image.
    cls_pred : Symbol or NDArray
        Scores of the classes, shape (N, classes, A); class 0 is the background.
    overlap_threshold : float
        Positive only above that overlap. If it is not positive, only matches are positive.
    ignore_label : float
        The class of prior boxes that are ignored, and of all in an image without labels.
    negative_mining_ratio : float
        Negatives a positive; all that are not positive if it is not greater than 0.
    negative_mining_thresh : float
        Only those that overlap less can be mined.
    minimum_negative_samples : int
        Accepted and unused, as in MXNet on CPUs.
    variances : tuple of float
        The units of the offsets.

    Returns
    -------
    list of Symbol or NDArray
        Offsets (N, A * 4), 1 where these count and else 0 (N, A * 4), classes (N, A). They have no gradient (it is zero).

    Raises
    ------
    MXNetError
        Shapes do not fit, a type is not float32, there are not four variances, or `negative_mining_thresh` is not positive with mining.

    Examples
    --------
    >>> import clsym as mx
    >>> anchor = mx.nd.array([[[0, 0, 0.5, 0.5], [0.5, 0.5, 1, 1]]])
    >>> label = mx.nd.array([[[3, 0.5, 0.5, 1, 0.9]]])
    >>> mx.nd.contrib.MultiBoxTarget(anchor, label, mx.nd.zeros((1, 5, 2)))[2].asnumpy().tolist()
    [[0.0, 4.0]]
    """

    name = "_contrib_MultiBoxTarget"
    aliases = ("MultiBoxTarget",)
    inputs = ("anchor", "label", "cls_pred")
    outputs = ("loc_target", "loc_mask", "cls_target")
    params: dict[str, Field] = {
        "overlap_threshold": Float(0.5, "Positive only above that overlap."), "ignore_label": Float(-1.0, "The class of what is ignored."),
        "negative_mining_ratio": Float(-1.0, "Negatives a positive; all if not greater than 0."),
        "negative_mining_thresh": Float(0.5, "Only what overlaps less is mined."),
        "minimum_negative_samples": Int(0, "Unused."), "variances": Floats((0.1, 0.1, 0.2, 0.2), "The units of the offsets."),
    }  # fmt: skip

    def parse(self, given: Mapping[str, Any], node_name: str = "") -> Params:
        p = four_variances(self.name, super().parse(given, node_name), node_name)
        if p.negative_mining_ratio > 0 and not p.negative_mining_thresh > 0:
            where = f" (node {node_name!r})" if node_name else ""
            raise MXNetError(f"{self.name}{where}: negative_mining_thresh must be positive, got {p.negative_mining_thresh}")
        return p

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        anchor, label, predicted = ins
        if anchor is not None and (len(anchor) != 3 or anchor[0] not in (1, -1) or anchor[2] not in (4, -1)):
            raise ShapeError(f"anchor must have the shape (1, boxes, 4), got {anchor}")
        if label is not None and (len(label) != 3 or -1 < label[2] < 5):
            raise ShapeError(f"label must have the shape (batch, labels, 5 or more), got {label}")
        if predicted is not None and len(predicted) != 3:
            raise ShapeError(f"cls_pred must have the shape (batch, classes, boxes), got {predicted}")
        number = anchor[1] if anchor is not None else -1
        if number >= 0 and predicted is not None and predicted[2] not in (number, -1):
            raise ShapeError(f"cls_pred must be (batch, classes, {number}) for {number} boxes of anchor, got {predicted}")
        if label is not None and predicted is not None and -1 < predicted[0] < label[0]:
            raise ShapeError(f"cls_pred must have the {label[0]} images of label, got {predicted}")
        batch = label[0] if label is not None else -1
        flat = (batch, 4 * number if number >= 0 else -1)
        found = predicted if predicted is None else (*predicted[:2], number if number >= 0 else predicted[2])
        return [anchor, label, found], [flat, flat, (batch, number)]

    def infer_type(self, p: Params, ins: list[str | None], outs: list[str | None]) -> tuple[list[str | None], list[str | None]]:
        return float32_only(self.name, ins, outs)

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        return [None, None, None]

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        number, (batches, count, width), classes = ins[0].shape[1], ins[1].shape, ins[2].shape[1]
        mine = p.negative_mining_ratio > 0
        each = batches * number
        valid, overlaps, state, keys = Temp(0, 4 * batches), Temp(1, max(4, 4 * each * count)), Temp(2, 4 * each), Temp(3, 4 * each)
        positives = Temp(4, 4 * batches)
        match = Matching(batches, number, count, "float32", False, True, False, _SMALLEST, min(number, count), 5)
        members = member_grid(batches, ctx)
        plain = defines_for("float32", GROUP=members[1][0])
        labels, flag = (Scalar("long", count), Scalar("long", width)), Scalar("int", int(mine))
        size, boxes = Scalar("long", batches), Scalar("long", number)

        def call(entry: str, *args: Any, launch: Any = None, req: str = "write") -> KernelCall:
            defines = plain if req == "write" else defines_for("float32", req, GROUP=members[1][0])
            return KernelCall(_SOURCE, entry, args, defines, *(launch or grid(each, ctx.traits, 1024)))

        calls = [call("target_labels", In(1), valid, size, *labels, launch=grid(batches, ctx.traits))]
        if count:
            launch = stretch_grid(batches * count, number, ctx.traits, 1024)
            calls.append(call("target_overlaps", In(0), In(1), valid, overlaps, size, *labels, boxes, launch=launch))
        calls += match.calls(overlaps, ctx)
        bounds = Scalar("float", p.overlap_threshold), Scalar("float", p.negative_mining_thresh)
        extents = size, labels[0], boxes, Scalar("long", classes)
        calls.append(call("target_assign", overlaps, In(2), valid, match.row_matches, state, keys, *extents, *bounds, flag))
        if mine:
            calls.append(call("target_count", state, positives, boxes, launch=members))
            sorts, ordered, places = sort_calls(keys, Rows(batches, number, 1), "float32", True, ctx, 9)
            ratio = Scalar("float", p.negative_mining_ratio)
            calls += [*sorts, call("target_negatives", ordered, places, positives, state, size, boxes, ratio)]
        offsets, mask, found = ctx.reqs
        if offsets != "null":
            variances = Scalar("float4", p.variances)
            calls.append(call("target_offsets", In(0), In(1), state, Out(0), size, *labels, boxes, variances, req=offsets))
        if mask != "null":
            calls.append(call("target_masks", state, Out(1), Scalar("long", each), req=mask))
        if found != "null":
            ignored = Scalar("float", p.ignore_label)
            calls.append(call("target_classes", In(1), valid, state, Out(2), size, *labels, boxes, flag, ignored, req=found))
        return calls


differs(
    "_contrib_MultiBoxTarget",
    "fewer candidates than wanted negatives are all taken",
    "print(mx.nd.contrib.MultiBoxTarget(mx.nd.array([[[0, 0, 1, 1], [0, 0, 1, 0.8], [0, 0.5, 1, 1]]]), mx.nd.array([[[0, 0, 0, 1, 1]]]), "
    "mx.nd.zeros((1, 2, 3)), negative_mining_ratio=3, overlap_threshold=0.9, negative_mining_thresh=0.6)[2].asnumpy().tolist())",
    ours="[[1.0, -1.0, 0.0]]",
    mxnet="MXNetError: Check failed: temp.size() >= num_negative",
    why="A batch of real labels may well have too few, and a device cannot raise in the middle of a graph.",
)
