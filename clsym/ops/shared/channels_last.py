"""Layouts with the channels last (NWC, NHWC, NDHWC) for operators whose kernels have them behind the images. No operator of its own.

The compiler brings whole graphs into the other layout (`clsym.graph.rewrite.channels_first`); what is here serves graphs that run as
they are written, and the rules of inference, which are those of the channels-first layout with axes exchanged.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence

from ...graph.contract.kernel_call import Arg, In, KernelCall, LowerContext, Out, Temp
from ...graph.contract.registry import attach
from ...graph.contract.spec import PartialShape, ShapeError, TensorSpec
from ...graph.rewrite.channels_first import ChannelsLast, LastForm
from ...params import Params
from .strided import Walk, copy, row_major

__all__ = ["CHANNELS_FIRST", "CHANNELS_LAST", "check_layout", "in_channels_first", "is_last", "to_first", "to_last"]

CHANNELS_FIRST = {1: "NCW", 2: "NCHW", 3: "NCDHW"}
CHANNELS_LAST = {1: "NWC", 2: "NHWC", 3: "NDHWC"}
"""The layouts by the number of spatial dimensions."""

_FIRST_TEMP = 40
"""Number of the first workspace that holds a transposed tensor; the kernels' own have smaller ones."""

Lower = Callable[[Params, Sequence[TensorSpec], Sequence[TensorSpec], LowerContext], list[KernelCall]]


def is_last(p: Params) -> bool:
    """Whether the layout that the parameters name has its channels last."""
    layout = getattr(p, "layout", None)
    return layout is not None and layout.endswith("C")


def check_layout(p: Params, spatial: int, choices: Sequence[str]) -> None:
    """Refuse a layout for another number of dimensions.

    Raises
    ------
    ShapeError
        It is not for so many spatial dimensions.
    """
    layout = getattr(p, "layout", None)
    fitting = [d[spatial] for d in (CHANNELS_FIRST, CHANNELS_LAST) if d[spatial] in choices]
    if layout is not None and layout not in fitting:
        raise ShapeError(f"layout {layout} is not for {spatial} spatial dimensions; use {' or '.join(fitting)}")


def to_first(shape: PartialShape) -> PartialShape:
    """(N, spatial..., C) as (N, C, spatial...); weights (O, kernel..., C) alike."""
    return shape if shape is None or len(shape) < 3 else (shape[0], shape[-1], *shape[1:-1])


def to_last(shape: PartialShape) -> PartialShape:
    """The reverse of `to_first`."""
    return shape if shape is None or len(shape) < 3 else (shape[0], *shape[2:], shape[1])


def in_channels_first(
    lower: Lower, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext
) -> list[KernelCall]:
    """The launches of `lower`, which has its channels first, between transposes into and out of workspaces.

    Tensors of three and more dimensions are transposed; those of fewer (biases, statistics) are what they are.
    """
    calls: list[KernelCall] = []
    behind: list[KernelCall] = []
    places: dict[Arg, Arg] = {}
    for i, t in enumerate(ins):
        if t.ndim < 3:
            continue
        temp = Temp(_FIRST_TEMP + i, t.nbytes)
        first = _shaped(t, to_first(t.shape))
        calls += copy(In(i), temp, first.shape, _channels_behind(t.shape), row_major(first.shape), t.dtype, ctx)
        places[In(i)] = temp
    reqs = list(ctx.reqs)
    for i, t in enumerate(outs):
        if t.ndim < 3 or reqs[i] == "null":
            continue
        temp = Temp(_FIRST_TEMP + len(ins) + i, t.nbytes)
        first = _shaped(t, to_first(t.shape))
        behind += copy(temp, Out(i), first.shape, row_major(first.shape), _channels_behind(t.shape), t.dtype, ctx, reqs[i])
        places[Out(i)], reqs[i] = temp, "write"
    inner = dataclasses.replace(ctx, reqs=tuple(reqs))
    body = lower(p, [_shaped(t, to_first(t.shape)) for t in ins], [_shaped(t, to_first(t.shape)) for t in outs], inner)
    moved = [dataclasses.replace(call, args=tuple(_at(places, a) for a in call.args)) for call in body]
    return [*calls, *moved, *behind]


def _at(places: Mapping[Arg, Arg], arg: Arg) -> Arg:
    return places.get(arg, arg) if isinstance(arg, In | Out) else arg


def _shaped(t: TensorSpec, shape: PartialShape) -> TensorSpec:
    assert shape is not None
    return TensorSpec(shape, t.dtype)


def _channels_behind(shape: Sequence[int]) -> Walk:
    """The walk through a tensor with channels last, in the order of the axes of one with channels first."""
    steps = row_major(shape).steps
    return Walk(0, (steps[0], steps[-1], *steps[1:-1]))


class ByLayout(ChannelsLast):
    """A layer with the parameter `layout`."""

    def last_form(self, p: Params, ins: Sequence[TensorSpec]) -> LastForm | None:
        if not is_last(p):
            return None
        return LastForm({"layout": None}, tuple(i for i, t in enumerate(ins) if t.ndim >= 3))


for _name in ("Convolution", "Deconvolution", "Pooling"):
    attach(_name, ByLayout())
