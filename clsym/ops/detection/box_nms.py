"""Non-maximum suppression of scored boxes: box_nms, and its gradient."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ...differences import differs
from ...graph.contract.facets import Estimated
from ...graph.contract.kernel_call import In, KernelCall, LowerContext, Out, Scalar, Temp, compute_type, ctype, defines_for, grid
from ...graph.contract.op import Entry, Gradient, Op
from ...graph.contract.registry import register
from ...graph.contract.spec import PartialShape, ShapeError, TensorSpec, known, unify_shape
from ...params import Bool, Enum, Field, Float, Int, Params
from ..reduce.sort_calls import SORT_TEMPS, sort_calls
from ..shared.float_types import one_float_type
from ..shared.rows import Rows
from .suppression_calls import Suppression

__all__ = ["BoxNms"]

_SOURCE = "detection/box_nms.cl"
_FORMATS = ("center", "corner")


def _check_columns(p: Params, width: int) -> None:
    """Whether score, id and coordinates lie apart within a row."""
    need = 5 if p.id_index < 0 else 6
    if width < need:
        raise ShapeError(f"the last dimension must hold at least {need} numbers ({'id, ' * (need == 6)}score, 4 coordinates), not {width}")
    first, last = p.coord_start, p.coord_start + 3
    if first < 0 or last >= width:
        raise ShapeError(f"coordinates {first}..{last} (coord_start={first}) are out of range: a box has {width} numbers")
    for name, at in (("score_index", p.score_index), *((("id_index", p.id_index),) if p.id_index >= 0 else ())):
        if not 0 <= at < width:
            raise ShapeError(f"{name} {at} is out of range: a box has {width} numbers")
        if first <= at <= last:
            raise ShapeError(f"{name} {at} conflicts with the coordinates {first}..{last}")
    if p.id_index == p.score_index:
        raise ShapeError(f"id_index {p.id_index} conflicts with score_index {p.score_index}")


@register
class BoxNms(Op, Estimated):
    """Non-maximum suppression: of boxes that overlap by more than a threshold only the one with the highest score stays.

    Going through the valid boxes from the highest score on, a box is dropped if a box kept before it, of the same class, has

        ``intersection / (area_1 + area_2 - intersection) > overlap_thresh``.

    Boxes that stay come first, by falling score (equal scores in the order of the data); all numbers of the other rows are -1.

    Parameters
    ----------
    data : Symbol or NDArray
        Shape (..., N, K): in each batch N boxes of K numbers, of which four neighbours are coordinates, one a score, one perhaps a class.
    overlap_thresh : float
        Boxes that overlap by more are suppressed.
    valid_thresh : float
        Boxes are valid whose score is greater.
    topk : int
        Only the topk best of the valid boxes are looked at; all if negative. 0 returns the data as they are.
    coord_start : int
        Where the four coordinates start.
    score_index : int
        Where the score is.
    id_index : int
        Where the class is, or -1: all boxes are of one class.
    background_id : int
        Boxes of this class are not valid.
    force_suppress : bool
        Boxes suppress those of other classes too.
    in_format : {'center', 'corner'}
        Coordinates are (x1, y1, x2, y2), or (x, y, width, height) with the center's x and y.
    out_format : {'center', 'corner'}
        The format that the output has.

    Returns
    -------
    Symbol or NDArray
        Shape of the data. Its gradient goes back to the rows that the boxes came from, whatever the formats. A second, hidden output holds
        the indices of those rows, counted over all batches, or -1: (..., N, 1).

    Raises
    ------
    MXNetError
        Score, class and coordinates do not lie apart within the K numbers, or the data are no floating-point numbers.

    Examples
    --------
    >>> import clsym as mx
    >>> x = mx.nd.array([[0.5, 0, 0, 2, 2], [0.9, 0, 0, 2, 1.8], [0.4, 5, 5, 6, 6]])
    >>> mx.nd.contrib.box_nms(x, coord_start=1, score_index=0).asnumpy()[:, 0].tolist()
    [0.8999999761581421, 0.4000000059604645, -1.0]
    """

    name = "_contrib_box_nms"
    aliases = ("_contrib_box_non_maximum_suppression",)
    params: dict[str, Field] = {
        "overlap_thresh": Float(0.5, "Boxes that overlap by more are suppressed."),
        "valid_thresh": Float(0.0, "Boxes are valid whose score is greater."),
        "topk": Int(-1, "How many of the best valid boxes are looked at; negative: all."),
        "coord_start": Int(2, "Where the coordinates start."),
        "score_index": Int(1, "Where the score is."),
        "id_index": Int(-1, "Where the class is; -1: nowhere."),
        "background_id": Int(-1, "Boxes of this class are not valid."),
        "force_suppress": Bool(False, "Suppress boxes of other classes too."),
        "in_format": Enum(_FORMATS, "corner", "The format of the coordinates."),
        "out_format": Enum(_FORMATS, "corner", "The format of the output's coordinates."),
    }
    outputs = ("output0", "output1", "output2")

    def num_visible(self, p: Params) -> int:
        return 1

    def json_outputs(self, p: Params) -> int:
        return 2

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        shape = unify_shape(ins[0], outs[0])
        if shape is None:
            return ins, outs
        if len(shape) < 2:
            raise ShapeError(f"data must have at least 2 dimensions (..., boxes, numbers of a box), got {shape}")
        if shape[-1] >= 0:
            _check_columns(p, shape[-1])
        record = (*shape[:-1], 1)
        return [shape], [shape, record, record]

    def infer_type(self, p: Params, ins: list[str | None], outs: list[str | None]) -> tuple[list[str | None], list[str | None]]:
        found, _ = one_float_type(self.name, ins, outs[:2])
        return found, [found[0], found[0], "int32"]

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        return [g.apply("_backward_contrib_box_nms", g.ograd(0), g.output(2))]

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        shape, dtype = ins[0].shape, ins[0].dtype
        n, width = shape[-2], shape[-1]
        batches, count = math.prod(shape[:-2]), math.prod(shape[:-1])
        kind = compute_type(dtype)
        if p.topk == 0:
            return _unchanged(ins[0], outs, ctx)
        top = min(p.topk, n) if p.topk > 0 else n
        keys = Temp(0, count * (8 if kind == "double" else 4))
        id_index = Scalar("int", p.id_index)
        args = (
            In(0), keys, Scalar("long", count), Scalar("int", width), Scalar("int", p.score_index), id_index,
            Scalar(kind, float(p.background_id)), Scalar(kind, float(np.float32(p.valid_thresh))),
        )  # fmt: skip
        calls = [KernelCall(_SOURCE, "nms_keys", args, defines_for(dtype), *grid(count, ctx.traits))]
        wide = "float64" if kind == "double" else "float32"
        sorts, keys, places = sort_calls(keys, Rows(batches, n, 1), wide, True, ctx, 1)
        work = Suppression(batches, top, dtype, 0.0, float(np.float32(p.overlap_thresh)), top, 1 + SORT_TEMPS)
        extents = Scalar("long", batches), Scalar("long", n), Scalar("long", top)
        columns = Scalar("int", width), Scalar("int", p.coord_start), Scalar("int", -1 if p.force_suppress else p.id_index)
        boxes = (In(0), keys, places, work.boxes, work.ids, work.dead, *extents, *columns)
        defines = defines_for(dtype, IN_CENTER=int(p.in_format == "center"))
        calls += [*sorts, KernelCall(_SOURCE, "nms_boxes", boxes, defines, *grid(batches * top, ctx.traits, 1024))]
        calls += work.calls(ctx)
        found = (places, work.kept, work.marks)
        blocks = Scalar("int", work.blocks)
        if ctx.reqs[0] != "null":
            convert = 0 if p.in_format == p.out_format else 1 + _FORMATS.index(p.out_format)
            rows = (In(0), *found, Out(0), *extents, blocks, *columns[:2])
            calls.append(
                KernelCall(_SOURCE, "nms_rows", rows, defines_for(dtype, ctx.reqs[0], CONVERT=convert), *grid(ins[0].size, ctx.traits))
            )
        for k in (1, 2):
            if ctx.reqs[k] != "null":
                calls.append(_record("nms_record", (*found, Out(k), *extents, blocks), outs[k], ctx.reqs[k], ctx))
        return calls

    def cost(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec]) -> tuple[int, int]:
        n = ins[0].shape[-2] if known(ins[0].shape) else 0
        return 4 * n * ins[0].size, 4 * ins[0].nbytes


def _record(entry: str, args: tuple[In | Out | Temp | Scalar, ...], out: TensorSpec, req: str, ctx: LowerContext) -> KernelCall:
    defines = defines_for("float32", req, TY=ctype(out.dtype), CY=compute_type(out.dtype))
    return KernelCall(_SOURCE, entry, args, defines, *grid(out.size, ctx.traits))


def _unchanged(data: TensorSpec, outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
    """What topk=0 means: the data, and every row's own index."""
    calls = []
    if ctx.reqs[0] != "null":
        defines = defines_for(data.dtype, ctx.reqs[0])
        calls.append(KernelCall(_SOURCE, "nms_copy", (In(0), Out(0), Scalar("long", data.size)), defines, *grid(data.size, ctx.traits)))
    for k in (1, 2):
        if ctx.reqs[k] != "null":
            calls.append(_record("nms_all", (Out(k), Scalar("long", outs[k].size)), outs[k], ctx.reqs[k], ctx))
    return calls


@register
class BoxNmsBackward(Op):
    """Gradient of box_nms: each row goes back to where its box came from."""

    name = "_backward_contrib_box_nms"
    hidden = True
    inputs = ("ograd", "record")

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        return ins, [ins[0]]

    def infer_type(self, p: Params, ins: list[str | None], outs: list[str | None]) -> tuple[list[str | None], list[str | None]]:
        return ins, [ins[0]]

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        count, width = ins[1].size, ins[0].shape[-1]
        ranks = Temp(0, 4 * count)
        defines = defines_for(outs[0].dtype, ctx.reqs[0], TY=ctype(ins[1].dtype), CY=compute_type(ins[1].dtype))
        size = Scalar("long", count)
        return [
            KernelCall(_SOURCE, "nms_clear", (ranks, size), defines, *grid(count, ctx.traits)),
            KernelCall(_SOURCE, "nms_ranks", (In(1), ranks, size), defines, *grid(count, ctx.traits)),
            KernelCall(
                _SOURCE, "nms_backward", (In(0), ranks, Out(0), size, Scalar("int", width)), defines, *grid(outs[0].size, ctx.traits)
            ),
        ]


differs(
    "_contrib_box_nms",
    "grad_req='add' adds",
    "x, g = mx.nd.ones((1, 5)), mx.nd.ones((1, 5)); e = mx.sym.contrib.box_nms(mx.sym.var('x'), coord_start=1, score_index=0)"
    ".bind(mx.cpu(), {'x': x}, {'x': g}, 'add'); _ = e.forward(is_train=True); e.backward([x]); print(g.asnumpy().tolist())",
    ours="[[2.0, 2.0, 2.0, 2.0, 2.0]]",
    mxnet="[[1.0, 1.0, 1.0, 1.0, 1.0]]",
    why="MXNet overwrites what is there.",
)
