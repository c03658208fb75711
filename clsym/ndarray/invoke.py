"""One operator at once, on arrays: the same `Op.lower` as in a graph, kept ready for the next call of the same shapes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..base import MXNetError, WrongTypeError
from ..context import Context, current_context
from ..graph.contract.op import Op
from ..graph.contract.registry import find_op
from ..params import Params
from ..runtime.device import resolve
from .modes import modes
from .parsing import parse
from .prepared import prepare
from .storage import ArrayBase, same_device
from .tape import check_outputs, record

__all__ = ["change_inputs", "invoke"]


def invoke(
    op: Op | str,
    inputs: Sequence[Any],
    params: Mapping[str, Any] | None = None,
    out: Any = None,
    ctx: Context | str | None = None,
) -> Any:
    """Run an operator on arrays; returns at once, the device computes.

    Parameters
    ----------
    op : Op or str
    inputs : sequence of NDArray
        All of them, auxiliary states last; those that the operator updates are updated.
    params : mapping, optional
        As a user gives them.
    out : NDArray or sequence of NDArray, optional
        Where the results go.
    ctx : Context, optional
        The context, for an operator without inputs.

    Returns
    -------
    NDArray or list of NDArray
        `out` where it was given.

    Raises
    ------
    MXNetError
        Wrong parameters, shapes or types, or inputs on different devices.
    """
    if isinstance(op, str):
        op = find_op(op)
    given = params if params is not None else {}
    if op.variadic and op.variadic not in given:
        given = {**given, op.variadic: len(inputs)}
    if out is not None:
        _check_targets(op, out)
    p = parse(op, given)
    if _changes is not None:
        inputs = _changes(op, p, inputs)
    train, recording = modes.training, modes.recording
    ins = [(a._shape, a._dtype) for a in inputs]
    if inputs:
        device = inputs[0]._device
        for a in inputs:
            if a._device is not device:
                same_device(inputs, f"operator {op.name}")
        context = inputs[0]._ctx
    else:
        context = _context(ctx if ctx is not None else given.get("ctx"))
        if out is not None and ctx is None and not given.get("ctx"):
            context = (out[0] if isinstance(out, (list, tuple)) else out)._ctx
        device = resolve(context)
    if out is None:
        prepared = prepare(op, p, ins, None, device, train)
        outputs = [ArrayBase.array_type._new(o.shape, o.dtype, context, device) for o in prepared.outs]
        prepared.run(inputs, outputs)
        if recording:
            record(prepared, inputs, outputs)
        for k, count in prepared.measures.items():  # the cut is recorded, too: gradients come back whole
            outputs[k] = outputs[k][: int(outputs[count].asnumpy()[0])]
        return outputs[0] if prepared.visible == 1 else outputs[: prepared.visible]
    targets = list(out) if isinstance(out, (list, tuple)) else [out]
    if len(targets) > (most := len(op.output_names(p))):
        raise MXNetError(f"operator {op.name} has {most} outputs, out= gives {len(targets)} arrays")
    if recording:
        check_outputs(inputs, targets)
    prepared = prepare(op, p, ins, [(a._shape, a._dtype) for a in targets], device, train)
    if len(targets) not in (prepared.visible, len(prepared.outs)):
        raise MXNetError(f"operator {op.name} has {prepared.visible} outputs, out= gives {len(targets)} arrays")
    outputs = []
    for k, spec in enumerate(prepared.outs):
        local = k < len(targets) and targets[k]._device is device
        outputs.append(targets[k] if local else ArrayBase.array_type._new(spec.shape, spec.dtype, context, device))
    prepared.run(inputs, outputs)
    if recording:
        record(prepared, inputs, outputs)
    for target, result in zip(targets, outputs, strict=False):
        if target is not result:
            target._copy_from(result)
            target._entry = result._entry
    return out


_changes: Callable[[Op, Params, Sequence[Any]], Sequence[Any]] | None = None


def change_inputs(change: Callable[[Op, Params, Sequence[Any]], Sequence[Any]] | None) -> None:
    """Let a function have the operator, parameters and inputs of every call from now on, and give other inputs; None ends that."""
    global _changes
    _changes = change


def _check_targets(op: Op, out: Any) -> None:
    for target in out if isinstance(out, (list, tuple)) else [out]:
        if not isinstance(target, ArrayBase):
            raise WrongTypeError(f"operator {op.name}: out= must be an NDArray or a list of them, got {type(target).__name__}")


def _context(ctx: Context | str | None) -> Context:
    """The context that a parameter names, as ``gpu(1)`` or an object; the current one where there is none."""
    if isinstance(ctx, Context):
        return ctx
    if not ctx:
        return current_context()
    kind, bracket, rest = str(ctx).strip().partition("(")
    try:
        if kind == "cl" and rest.endswith(")"):
            return Context(kind, 0, rest[:-1])
        return Context(kind, int(rest.rstrip(") ")) if bracket else 0)
    except ValueError as exc:
        raise MXNetError(f"Invalid context string {ctx!r}; pass a Context such as mx.gpu(0)") from exc
