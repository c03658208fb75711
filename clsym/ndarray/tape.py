"""The tape: what was computed from what while calls were recorded.

There is no list of calls. An array points to the `Record` that made it, a record to those that made its inputs; what nobody can reach any
more is collected with its arrays. A record holds only the arrays that its gradient reads (`Slope.saved_ins`, `saved_outs`).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..base import MXNetError
from ..graph.contract.registry import find_op
from .modes import modes
from .parsing import parse
from .prepared import Prepared
from .slopes import Slope, slope_of
from .storage import ArrayBase

__all__ = ["Leaf", "Record", "check_assignment", "is_on_tape", "mark", "may_record", "record", "record_function", "record_view"]

_numbers = itertools.count()

IN_GRAPH = (
    "Assigning to NDArrays that are already in a computational graph will cause undefined behavior when evaluating gradients. Please call "
    "backward first to clear the graph or do this out side of a record section. Also note that you cannot use inplace operations like +=, "
    "*=, relu(x, out=x), y[idx]=x, etc inside a record section."
)
IN_PLACE = "Inplace operations (+=, -=, x[:]=, etc) are not supported when recording with autograd."


class Leaf:
    """An array that was computed before recording began: one that wants a gradient, or a constant.

    Attributes
    ----------
    grad : NDArray or None
        Where the gradient goes.
    req : {'write', 'add', 'null'}
    fresh : bool
        Whether `backward` has written the gradient since somebody said that it is no longer fresh.
    dead : bool
        A constant's part on the tape is over.
    like : NDArray or None
        An array of the same memory that is not on the tape.
    """

    __slots__ = ("dead", "fresh", "grad", "like", "req")

    def __init__(self, grad: Any = None, req: str = "null", like: Any = None) -> None:
        self.grad, self.req, self.like = grad, req, like
        self.fresh = False
        self.dead = False


class Record:
    """A call that was recorded.

    Attributes
    ----------
    number : int
        Larger than those of all records that it depends on.
    slope : Slope or callable
        How its gradient is computed: by an operator's rule, or by a function from head gradients to gradients.
    parents : tuple of (Leaf or Record, int)
        What made each input, and which of its outputs that is.
    values : tuple of NDArray or None
        Inputs, then outputs, as far as the gradient reads them; the outputs are not on the tape themselves.
    specs : tuple
        Shape, type, context and device of each output.
    dead : bool
        It was differentiated and let go.
    """

    __slots__ = ("dead", "number", "parents", "slope", "specs", "values")

    def __init__(self, slope: Any, parents: Any, values: Any, specs: Any) -> None:
        self.number = next(_numbers)
        self.slope = slope
        self.parents = parents
        self.values = values
        self.specs = specs
        self.dead = False

    def clear(self) -> None:
        """Let go of everything it holds."""
        self.dead = True
        self.parents = self.values = ()


def is_on_tape(array: ArrayBase) -> bool:
    """Whether an array takes part in something that can be differentiated, be it as a constant."""
    entry = array._entry
    return entry is not None and not entry[0].dead


def may_record(*arrays: Any) -> bool:
    """Whether calls are recorded, and one on these arrays would be."""
    return modes.recording and any(isinstance(a, ArrayBase) and is_on_tape(a) for a in arrays)


def check_assignment(target: ArrayBase, *sources: Any) -> None:
    """Refuse to write to an array while recording where the tape could not tell: it is on the tape, or what is written to a part of it is.

    Raises
    ------
    MXNetError
        With MXNet's words.
    """
    if modes.recording:
        if is_on_tape(target):
            raise MXNetError(IN_GRAPH)
        if may_record(*sources):
            raise MXNetError(IN_PLACE)


def check_outputs(inputs: Sequence[ArrayBase], targets: Sequence[ArrayBase]) -> None:
    """The same for the arrays that an operator is to write to, as a whole."""
    recorded = may_record(*inputs)
    for target in targets:
        if is_on_tape(target):
            raise MXNetError(IN_GRAPH)
        if recorded and any(a is target for a in inputs):
            raise MXNetError(IN_PLACE)


def mark(array: ArrayBase, grad: ArrayBase, req: str) -> None:
    """From now on `array` is a variable whose gradient goes to `grad`; what it was computed from is forgotten.

    Raises
    ------
    KeyError
        `req` is none of write, add and null.
    """
    if req not in ("write", "add", "null"):
        raise KeyError(req)
    array._entry = (Leaf(grad._view(0, grad._shape), req, array._view(0, array._shape)), 0)
    grad._entry = (Leaf(), 0)


def _parents(inputs: Sequence[ArrayBase]) -> list[Any] | None:
    """Where the inputs stand on the tape, constants put there; None where nothing needs to be recorded."""
    for a in inputs:
        e = a._entry
        if e is not None and not e[0].dead:
            break
    else:
        return None
    parents = []
    for a in inputs:
        e = a._entry
        if e is None or e[0].dead:
            e = a._entry = (Leaf(), 0)
        parents.append(e)
    return parents


def _specs(outputs: Sequence[ArrayBase]) -> list[Any]:
    return [(o._shape, o._dtype, o._ctx, o._device) for o in outputs]


def record(prepared: Prepared, inputs: Sequence[ArrayBase], outputs: Sequence[ArrayBase]) -> None:
    """Note that an operator has computed all its `outputs`, hidden ones included."""
    parents = _parents(inputs)
    if parents is None:
        return
    slope = prepared.slope
    if slope is None:
        slope = prepared.slope = Slope(prepared.op, prepared.params, prepared.ins, prepared.outs, prepared.device, prepared.train)
    _note(slope, parents, inputs, outputs)


def _note(slope: Slope, parents: list[Any], inputs: Sequence[ArrayBase], outputs: Sequence[ArrayBase]) -> None:
    n = len(inputs)
    values: list[Any] = [None] * (n + len(outputs))
    for i in slope.saved_ins:
        values[i] = inputs[i]
    for k in slope.saved_outs:
        values[n + k] = outputs[k]._view(0, outputs[k]._shape)  # itself would point back here
    node = Record(slope, parents, values, _specs(outputs))
    for k, o in enumerate(outputs):
        o._entry = (node, k)


def record_view(name: str, given: Mapping[str, Any], source: ArrayBase, result: ArrayBase) -> None:
    """Note that `result`, however it was made, is what an operator would make of `source`."""
    if not modes.recording:
        return
    parents = _parents((source,))
    if parents is not None:
        op = find_op(name)
        _note(slope_of(op, parse(op, given), (source,), (result,)), parents, (source,), (result,))


def _fitting(i: int, grad: Any, shape: tuple[int, ...], dtype: str, ctx: Any, device: Any) -> Any:
    """A gradient that somebody's function gave, in the input's type, where the input is."""
    if grad is None:
        return None
    if grad._shape != shape:
        raise MXNetError(f"gradient {i} of a function has shape {grad._shape}, but its input has {shape}")
    if grad._dtype != dtype:
        grad = grad.astype(dtype)
    return grad if grad._device is device else grad.as_in_context(ctx)


def record_function(pull: Callable[..., Sequence[Any]], inputs: Sequence[ArrayBase], outputs: Sequence[ArrayBase]) -> None:
    """Note that `outputs` were computed from `inputs` by something that is no operator.

    Parameters
    ----------
    pull : callable
        Takes the gradient of every output, and gives those of the inputs, None for zero.
    """
    parents = _parents(inputs) if modes.recording else None
    if parents is not None:
        wanted = _specs(inputs)

        def checked(heads: Sequence[Any]) -> list[Any]:
            return [_fitting(i, g, *spec) for i, (g, spec) in enumerate(zip(pull(heads), wanted, strict=True))]

        node = Record(checked, parents, (), _specs(outputs))
        for k, o in enumerate(outputs):
            o._entry = (node, k)
