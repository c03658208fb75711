"""Sorting and selection along an axis: sort, argsort, topk."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ...differences import differs
from ...graph.contract.facets import Estimated, Recomputable
from ...graph.contract.kernel_call import Arg, In, KernelCall, LowerContext, Out, Scalar, Temp, compute_type, ctype, defines_for, grid
from ...graph.contract.op import Entry, Gradient, Op
from ...graph.contract.registry import register
from ...graph.contract.spec import PartialShape, Shape, ShapeError, TensorSpec, known
from ...params import Bool, Enum, Field, Int, Params
from ...params import Shape as ShapeField
from ..shared.rows import Rows, check_axis, split_axis
from .select_calls import first_calls
from .sort_calls import SORT_TEMPS, row_scalars

__all__ = ["Argsort", "Sort", "Topk"]

_INDEX_TYPES = ("uint8", "int32", "int64", "float16", "float32", "float64")
_AXIS = Int(-1, "The axis to sort along; None sorts the flattened data.", none=True)


def _rows(shape: Shape, axis: int | None) -> Rows:
    return Rows(1, math.prod(shape), 1) if axis is None else split_axis(shape, check_axis(axis, len(shape)))


def _resized(shape: Shape, axis: int | None, k: int) -> Shape:
    if axis is None:
        return (k,)
    axis = check_axis(axis, len(shape))
    return (*shape[:axis], k, *shape[axis + 1 :])


def _emit(name: str, src: Arg, dst: Arg, rows: Rows, k: int, source_type: str, out_type: str, req: str, ctx: LowerContext) -> KernelCall:
    defines = defines_for(source_type, req, TY=ctype(out_type), CY=compute_type(out_type))
    return KernelCall("reduce/sort.cl", name, (src, dst, *row_scalars(rows, k)), defines, *grid(rows.count * k, ctx.traits))


class _Ordering(Op, Estimated):
    """What the three share: which of values, places and mask go to which output."""

    def plan(self, p: Params) -> tuple[str, ...]:
        """'value', 'places' (of the user's type), 'exact' (hidden, int32) or 'mask' for each output."""
        raise NotImplementedError(self.name)

    def settings(self, p: Params) -> tuple[int | None, int, bool]:
        """Axis, k (below 1: all), ascending."""
        return p.axis, 0, bool(p.is_ascend)

    def count(self, p: Params, shape: Shape) -> int:
        """How many elements of each row are wanted.

        Raises
        ------
        ShapeError
            More than there are.
        """
        axis, k, _ = self.settings(p)
        n = _rows(shape, axis).n
        if k > n:
            raise ShapeError(f"k must not exceed the {n} elements along axis {axis}, got k={k}")
        return k if k > 0 else n

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        shape = ins[0]
        if shape is None or not known(shape):
            return ins, outs
        out = _resized(shape, self.settings(p)[0], self.count(p, shape))
        return ins, [shape if kind == "mask" else out for kind in self.plan(p)]

    def infer_type(self, p: Params, ins: list[str | None], outs: list[str | None]) -> tuple[list[str | None], list[str | None]]:
        kinds = self.plan(p)
        found = ins[0] or next((t for t, kind in zip(outs, kinds, strict=True) if t and kind in ("value", "mask")), None)
        types = {"value": found, "mask": found, "exact": "int32", "places": getattr(p, "dtype", "int32")}
        return [found], [types[kind] for kind in kinds]

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        kinds = self.plan(g.p)
        if "value" not in kinds:
            return [None]
        axis = self.settings(g.p)[0]
        rows = _rows(g.ins[0].shape, axis)
        k = self.count(g.p, g.ins[0].shape)
        exact = g.output(kinds.index("exact"))
        return [g.apply("_backward_ordering", g.ograd(0), exact, shape=g.ins[0].shape, outer=rows.outer, n=rows.n, inner=rows.inner, k=k)]

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        axis, _, ascending = self.settings(p)
        rows, k, dtype = _rows(ins[0].shape, axis), self.count(p, ins[0].shape), ins[0].dtype
        calls, keys, places, length = first_calls(In(0), rows, k, dtype, not ascending, ctx)
        found = Rows(rows.outer, length, rows.inner)
        for index, kind in enumerate(self.plan(p)):
            req, out = ctx.reqs[index], outs[index].dtype
            if req == "null":
                continue
            if kind == "value":
                calls.append(_emit("sort_values", keys, Out(index), found, k, dtype, out, req, ctx))
            elif kind == "mask":
                n = ins[0].size
                flags = Temp(SORT_TEMPS, n)
                calls.append(
                    KernelCall("reduce/sort.cl", "sort_clear", (flags, Scalar("long", n)), defines_for("int32"), *grid(n, ctx.traits))
                )
                flagged: tuple[Arg, ...] = (places, flags, *row_scalars(rows, k), Scalar("long", length))
                calls.append(KernelCall("reduce/sort.cl", "sort_flags", flagged, defines_for("int32"), *grid(rows.count * k, ctx.traits)))
                defines = defines_for("int32", req, TY=ctype(out), CY=compute_type(out))
                calls.append(
                    KernelCall("reduce/sort.cl", "sort_mask", (flags, Out(index), Scalar("long", n)), defines, *grid(n, ctx.traits))
                )
            else:
                calls.append(_emit("sort_places", places, Out(index), found, k, "int32", out, req, ctx))
        return calls

    def cost(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec]) -> tuple[int, int]:
        passes = max(1, _rows(ins[0].shape, self.settings(p)[0]).n.bit_length())
        return passes * ins[0].size, passes * 2 * ins[0].nbytes


@register
class Sort(_Ordering, Recomputable):
    """A sorted copy along an axis.

    Parameters
    ----------
    data : Symbol or NDArray
        Of any shape and type. NaN counts as larger than everything.
    axis : int or None
        None sorts the flattened data.
    is_ascend : bool
        Smallest first.

    Raises
    ------
    MXNetError
        The axis does not exist.
    """

    name = "sort"
    recompute = "heavy"
    params: dict[str, Field] = {"axis": _AXIS, "is_ascend": Bool(True, "Smallest first.")}

    def output_names(self, p: Params) -> tuple[str, ...]:
        return ("output0", "output1")

    def num_visible(self, p: Params) -> int:
        return 1

    def plan(self, p: Params) -> tuple[str, ...]:
        return ("value", "exact")


@register
class Argsort(_Ordering, Recomputable):
    """The indices that would sort the data along an axis; equal elements keep their order.

    Parameters
    ----------
    data : Symbol or NDArray
        Of any shape and type. NaN counts as larger than everything.
    axis : int or None
        None sorts the flattened data.
    is_ascend : bool
        Smallest first.
    dtype : str
        Element type of the indices.

    Raises
    ------
    MXNetError
        The axis does not exist.
    """

    name = "argsort"
    recompute = "heavy"
    params: dict[str, Field] = {
        "axis": _AXIS, "is_ascend": Bool(True, "Smallest first."), "dtype": Enum(_INDEX_TYPES, "float32", "Element type of the indices."),
    }  # fmt: skip

    def plan(self, p: Params) -> tuple[str, ...]:
        return ("places",)


@register
class Topk(_Ordering, Recomputable):
    """The first k elements of the sorted data along an axis: the largest k, unless `is_ascend`.

    Parameters
    ----------
    data : Symbol or NDArray
        Of any shape and type. NaN counts as larger than everything; of equal elements the earlier one is taken first.
    axis : int or None
        None takes them from the flattened data.
    k : int
        How many; below 1 means all.
    ret_typ : {'indices', 'value', 'both', 'mask'}
        ``'both'`` returns values and indices; ``'mask'`` has the data's shape, 1 where an element is among the k.
    is_ascend : bool
        Take the smallest k, smallest first.
    dtype : str
        Element type of the indices.

    Raises
    ------
    MXNetError
        The axis does not exist, or has fewer than k elements.
    """

    name = "topk"
    recompute = "heavy"
    params: dict[str, Field] = {
        "axis": _AXIS, "k": Int(1, "How many; below 1 means all."),
        "ret_typ": Enum(("both", "indices", "mask", "value"), "indices", "What to return."),
        "is_ascend": Bool(False, "Take the smallest."), "dtype": Enum(_INDEX_TYPES, "float32", "Element type of the indices."),
    }  # fmt: skip

    def output_names(self, p: Params) -> tuple[str, ...]:
        return {"both": ("output0", "output1", "output2"), "value": ("output0", "output1")}.get(p.ret_typ, ("output",))

    def num_visible(self, p: Params) -> int:
        return 2 if p.ret_typ == "both" else 1

    def json_outputs(self, p: Params) -> int:
        return 2 if p.ret_typ in ("both", "value") else 1

    def plan(self, p: Params) -> tuple[str, ...]:
        return {"both": ("value", "places", "exact"), "value": ("value", "exact"), "indices": ("places",), "mask": ("mask",)}[p.ret_typ]

    def settings(self, p: Params) -> tuple[int | None, int, bool]:
        return p.axis, p.k, bool(p.is_ascend)


@register
class OrderingBackward(Op):
    """Gradient of the sorted values: each goes back to the place that its element came from."""

    name = "_backward_ordering"
    hidden = True
    inputs = ("ograd", "places")
    params: dict[str, Field] = {"shape": ShapeField(()), "outer": Int(1), "n": Int(1), "inner": Int(1), "k": Int(1)}

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        return ins, [p.shape]

    def infer_type(self, p: Params, ins: list[str | None], outs: list[str | None]) -> tuple[list[str | None], list[str | None]]:
        return ins, [ins[0]]

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        rows, n = Rows(p.outer, p.n, p.inner), outs[0].size
        ranks = Temp(0, 4 * n)
        defines = defines_for(outs[0].dtype, ctx.reqs[0], TY=ctype(ins[1].dtype), CY=compute_type(ins[1].dtype))
        extents = row_scalars(rows, p.k)
        return [
            KernelCall("reduce/sort.cl", "topk_clear", (ranks, Scalar("long", n)), defines, *grid(n, ctx.traits)),
            KernelCall("reduce/sort.cl", "topk_ranks", (In(1), ranks, *extents), defines, *grid(rows.count * p.k, ctx.traits)),
            KernelCall("reduce/sort.cl", "topk_backward", (In(0), ranks, Out(0), *extents), defines, *grid(n, ctx.traits)),
        ]


differs(
    "topk",
    "NaN is the greatest value",
    "print(mx.nd.topk(mx.nd.array([1, float('nan'), 3]), k=1, ret_typ='value').asnumpy().tolist())",
    ours="[nan]",
    mxnet="[3.0]",
    why="Where NaN lands depends on its place in MXNet, with sort as well; here it is above all numbers, as in numpy.",
)
differs(
    "argsort",
    "equal elements keep their order",
    "print(mx.nd.argsort(mx.nd.ones(20), dtype='int32').asnumpy().tolist()[:4])",
    ours="[0, 1, 2, 3]",
    mxnet="[10, 19, 18, 17]",
    why="MXNet keeps it among 16 elements at most, and otherwise leaves it to the C++ library; so it is with sort and topk.",
)
