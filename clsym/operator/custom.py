"""What users subclass, and what the compiler asks of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import numpy as np

from ..base import DTYPE_FLAGS, MXNetError, dtype_name
from ..context import Context
from ..graph.contract.host import HostRun, Memory
from ..graph.contract.kernel_call import In, Out
from ..graph.contract.spec import PartialShape, ShapeError, TensorSpec, known
from ..ndarray import NDArray
from ..ndarray.modes import set_recording, set_training
from ..ops.control.custom import BEHAVIOURS
from ..util import partial_shape, user_shape

__all__ = ["CustomOp", "CustomOpProp", "register"]

P = TypeVar("P", bound=type)
Specs = tuple[Sequence[TensorSpec], Sequence[TensorSpec]]


class CustomOp:
    """What a custom operator computes. One object serves one node of one executor, forward and backward, so it may keep things."""

    def forward(self, is_train: bool, req: list[str], in_data: list[NDArray], out_data: list[NDArray], aux: list[NDArray]) -> None:
        """Compute the outputs.

        Parameters
        ----------
        is_train : bool
        req : list of {'write', 'add', 'null'}
            How to store each output; `assign` does it.
        in_data, out_data, aux : list of NDArray
            Inputs, where the outputs go, and auxiliary states, which may be changed. They lie in the graph's memory: what is to outlive the
            call must be copied.
        """

    def backward(
        self,
        req: list[str],
        out_grad: list[NDArray],
        in_data: list[NDArray],
        out_data: list[NDArray],
        in_grad: list[NDArray],
        aux: list[NDArray],
    ) -> None:
        """Compute the gradients of the inputs.

        Parameters
        ----------
        req : list of {'write', 'add', 'null'}
            How to store each gradient.
        out_grad, in_data, out_data : list of NDArray
            Head gradients, inputs and outputs. Those that `CustomOpProp.declare_backward_dependency` did not ask for are empty.
        in_grad : list of NDArray
            Where the gradients go.
        aux : list of NDArray
            Auxiliary states.
        """

    def assign(self, dst: NDArray, req: str, src: Any) -> None:
        """Store `src` into `dst` as `req` says: overwrite, add, or not at all."""
        if req in ("write", "inplace"):
            dst[:] = src
        elif req == "add":
            dst[:] += src


class CustomOpProp:
    """What the graph must know of a custom operator.

    Keywords of ``mx.sym.Custom`` other than ``op_type``, ``name`` and inputs are given to the constructor, as text.

    Parameters
    ----------
    need_top_grad : bool
        Whether the backward reads the gradients of the outputs; losses don't.
    """

    def __init__(self, need_top_grad: bool = True) -> None:
        self.need_top_grad_ = need_top_grad

    def infer_shape(self, in_shape: list[Any]) -> tuple[Any, ...]:
        """Shapes of the inputs, the outputs and (may be left out) the auxiliary states, from what is known of the inputs'.

        An unknown shape is an empty list, an unknown extent 0. Exceptions count only once all shapes are known.
        """
        return in_shape, [in_shape[0]] * len(self.list_outputs()), []

    def infer_type(self, in_type: list[Any]) -> tuple[Any, ...]:
        """The same for element types, as numpy classes; None for what is not known."""
        first = in_type[0]
        return in_type, [first] * len(self.list_outputs()), [first] * len(self.list_auxiliary_states())

    def infer_storage_type(self, in_stype: list[str]) -> tuple[list[str], list[str], list[str]]:
        """Storage is dense throughout; never called."""
        return in_stype, ["default"] * len(self.list_outputs()), ["default"] * len(self.list_auxiliary_states())

    def infer_storage_type_backward(
        self, ograd_stype: list[str], in_stype: list[str], out_stype: list[str], igrad_stype: list[str], aux_stype: list[str]
    ) -> tuple[list[str], ...]:
        """Storage is dense throughout; never called."""
        lists = (ograd_stype, in_stype, out_stype, igrad_stype, aux_stype)
        return tuple(["default"] * len(names) for names in lists)

    def list_outputs(self) -> list[str]:
        """Names of the outputs."""
        return ["output"]

    def list_arguments(self) -> list[str]:
        """Names of the inputs."""
        return ["data"]

    def list_auxiliary_states(self) -> list[str]:
        """Names of the auxiliary states."""
        return []

    def declare_backward_dependency(self, out_grad: list[int], in_data: list[int], out_data: list[int]) -> list[int]:
        """Which of the numbered gradients, inputs and outputs the backward reads; the memory of the others is free after the forward."""
        return [*(out_grad if self.need_top_grad_ else []), *in_data, *out_data]

    def create_operator(self, ctx: Context, in_shapes: list[list[int]], in_dtypes: list[int]) -> CustomOp:
        """The `CustomOp` for inputs and auxiliary states of these shapes and element types (MXNet's flags: 0 is float32)."""
        return CustomOp()


def register(reg_name: str) -> Callable[[P], P]:
    """A decorator that registers a subclass of `CustomOpProp` under a name; a later one of the same name takes its place.

    Parameters
    ----------
    reg_name : str
        The ``op_type`` of ``mx.sym.Custom`` and ``mx.nd.Custom``.
    """

    def do_register(prop_cls: P) -> P:
        if not issubclass(prop_cls, CustomOpProp):
            raise TypeError(f"{prop_cls!r} is no subclass of CustomOpProp; only those can be registered as custom operators")

        construct: Callable[..., CustomOpProp] = prop_cls

        def make(texts: Mapping[str, str], node_name: str) -> _Behaviour:
            try:
                return _Behaviour(reg_name, construct(**texts))
            except Exception as exc:
                where = f" (node {node_name!r})" if node_name else ""
                raise MXNetError(f"custom operator {reg_name!r}{where} cannot be made: {type(exc).__name__}: {exc}") from exc

        BEHAVIOURS[reg_name] = make
        return prop_cls

    return do_register


@contextmanager
def _training(train: bool) -> Iterator[None]:
    """What a custom operator does is one call to whoever records."""
    before = set_training(train), set_recording(False)
    try:
        yield
    finally:
        set_training(before[0])
        set_recording(before[1])


def _array(run: HostRun, memory: Memory | None, spec: TensorSpec) -> NDArray:
    """The memory as an array; one of its own where the graph wants no such value."""
    if memory is None:
        fresh: NDArray = NDArray._new(spec.shape, spec.dtype, run.context, run.device)
        return fresh
    array: NDArray = NDArray._wrap(memory.root, memory.offset, spec.shape, spec.dtype, run.context, run.device)
    return array


class _Behaviour:
    """A property object, asked and checked (`clsym.ops.control.custom.Behaviour`)."""

    def __init__(self, op_type: str, prop: CustomOpProp) -> None:
        self._op_type, self._prop = op_type, prop
        self.arguments = self._names("list_arguments")
        self.outputs = self._names("list_outputs")
        self.states = self._names("list_auxiliary_states")
        if not self.outputs:
            raise ValueError("list_outputs() returned no name; an operator has at least one output")
        ids = list(range(2 * len(self.outputs) + len(self.arguments)))
        a, b = len(self.outputs), len(self.outputs) + len(self.arguments)
        self.needs = tuple(dict.fromkeys(int(i) for i in prop.declare_backward_dependency(ids[:a], ids[a:b], ids[b:])))
        if any(i not in ids for i in self.needs):
            raise ValueError(f"declare_backward_dependency() returned {list(self.needs)}; it may only return numbers that it was given")
        self._alone: CustomOp | None = None

    def _names(self, method: str) -> tuple[str, ...]:
        names = getattr(self._prop, method)()
        if isinstance(names, str) or not all(isinstance(n, str) for n in names):
            raise TypeError(f"{method}() must return a list of str, not {names!r}")
        if len(set(names)) < len(names):
            raise ValueError(f"{method}() returned a name twice: {list(names)}")
        return tuple(names)

    # ------------------------------------------------------------------------------------------------------------- inference

    def _three(self, method: str, found: Any) -> list[list[Any]]:
        """What the user returned for arguments, outputs and states, in the right numbers."""
        if not isinstance(found, (tuple, list)) or len(found) not in (2, 3):
            raise ShapeError(f"{method}() of custom operator {self._op_type!r} must return two or three lists, not {found!r}")
        parts = [list(part) for part in found] + [[]] * (3 - len(found))
        wanted = {"inputs": self.arguments, "outputs": self.outputs, "auxiliary states": self.states}
        for part, (what, names) in zip(parts, wanted.items(), strict=True):
            if len(part) != len(names):
                raise ShapeError(
                    f"{method}() of custom operator {self._op_type!r} returned {len(part)} for {len(names)} {what} {list(names)}"
                )
        return parts

    def _unknown(self) -> tuple[list[Any], list[Any], list[Any]]:
        return [None] * len(self.arguments), [None] * len(self.outputs), [None] * len(self.states)

    def _asked(self, method: str, given: list[Any], complete: bool) -> list[list[Any]] | None:
        """The user's answer; None where it raised for want of knowledge."""
        try:
            found = getattr(self._prop, method)(given)
        except Exception as exc:
            if not complete:
                return None
            raise ShapeError(f"{method}() of custom operator {self._op_type!r} raised {type(exc).__name__}: {exc}") from exc
        return self._three(method, found)

    def shapes(self, arguments: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape], list[PartialShape]]:
        """By the user's ``infer_shape``."""
        found = self._asked("infer_shape", [list(user_shape(s) or ()) for s in arguments], all(map(known, arguments)))
        if found is None:
            return self._unknown()
        try:
            a, b, c = ([partial_shape(tuple(int(d) for d in s)) for s in part] for part in found)
        except (TypeError, ValueError) as exc:
            raise ShapeError(f"infer_shape() of custom operator {self._op_type!r} returned {found}, which are no shapes") from exc
        return a, b, c

    def types(self, arguments: list[str | None]) -> tuple[list[str | None], list[str | None], list[str | None]]:
        """By the user's ``infer_type``."""
        given = [None if t is None else np.dtype(t).type for t in arguments]
        found = self._asked("infer_type", given, None not in arguments)
        if found is None:
            return self._unknown()
        a, b, c = ([None if t is None else dtype_name(t) for t in part] for part in found)
        return a, b, c

    # --------------------------------------------------------------------------------------------------------------- running

    def _operator(self, run: HostRun, number: int, specs: Sequence[TensorSpec]) -> CustomOp:
        """The user's object for a node of an executor, or for a call."""
        found: CustomOp | None = self._alone if run.states is None else run.states.get(("Custom", number))
        if found is None:
            shapes, flags = [list(s.shape) for s in specs], [DTYPE_FLAGS[s.dtype] for s in specs]
            found = self._prop.create_operator(run.context, shapes, flags)
            if not (hasattr(found, "forward") and hasattr(found, "backward")):
                raise TypeError(f"create_operator() of {type(self._prop).__name__} returned {found!r}, not a CustomOp")
            if run.states is None:
                self._alone = found
            else:
                run.states["Custom", number] = found
        return found

    def forward(self, run: HostRun, number: int, specs: Specs, reqs: Sequence[str], train: bool) -> None:
        """Run the user's ``forward``."""
        ins, outs = specs
        count = len(self.arguments)
        inputs = [_array(run, run.memory(In(i)), spec) for i, spec in enumerate(ins)]
        outputs = [_array(run, run.memory(Out(k)), spec) for k, spec in enumerate(outs)]
        with run.context, _training(train):
            operator = self._operator(run, number, ins)
            operator.forward(is_train=train, req=list(reqs), in_data=inputs[:count], out_data=outputs, aux=inputs[count:])

    def backward(self, run: HostRun, number: int, specs: Specs, reqs: Sequence[str]) -> None:
        """Run the user's ``backward``."""
        ins, outs = specs
        count = len(self.arguments)
        flat = [*outs, *ins[:count], *outs]
        at = {i: place for place, i in enumerate(self.needs)}
        nothing = TensorSpec((0,), "float32")
        read = [_array(run, run.memory(In(at[i])) if i in at else None, spec if i in at else nothing) for i, spec in enumerate(flat)]
        states = [_array(run, run.memory(In(len(self.needs) + i)), spec) for i, spec in enumerate(ins[count:])]
        grads = [_array(run, run.memory(Out(i)), spec) for i, spec in enumerate(ins[:count])]
        a, b = len(outs), len(outs) + count
        with run.context, _training(True):
            operator = self._operator(run, number, ins)
            operator.backward(req=list(reqs), out_grad=read[:a], in_data=read[a:b], out_data=read[b:], in_grad=grads, aux=states)


register("custom_op")(CustomOpProp)
