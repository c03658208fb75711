"""The way back along the tape: from arrays to the gradients of the variables that they were computed from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..base import MXNetError
from ..graph.contract.registry import find_op
from .modes import modes, set_recording
from .parsing import parse
from .prepared import prepare
from .slopes import ADD, FRESH, SKIP, WRITE, Slope, Step
from .storage import ArrayBase
from .strided import convert
from .tape import Leaf, Record, is_on_tape, record

__all__ = ["differentiate"]

Place = tuple[Any, int]
"""A leaf or a record, and which of its outputs."""

NOT_RECORDED = (
    "Cannot differentiate node because it is not in a computational graph. You need to set is_recording to true or use autograd.record() "
    "to save computational graphs for backward. If you want to differentiate the same graph twice, you need to pass retain_graph=True "
    "to backward."
)
_MODES = {"write": WRITE, "add": ADD}


class _Sweep:
    """One way back.

    Parameters
    ----------
    starts : list of tuple
        Places of the heads.
    wanted : list of Leaf or None
        The variables; None: all that are reached and want a gradient.
    create : bool
        Whether what is computed is recorded, so that it can be differentiated again.
    train : bool
        Whether gradients are those of training, where the calls were.
    """

    def __init__(self, starts: Sequence[Place], wanted: Sequence[Leaf] | None, create: bool, train: bool) -> None:
        self.create, self.train = create, train
        records, leaves = _reached(starts)
        self.leaves = leaves
        self.wanted = [x for x in leaves if x.req != "null"] if wanted is None else list(wanted)
        self.order = sorted(records, key=lambda r: r.number)
        leads: set[Any] = set(self.wanted)
        ways = dict.fromkeys(self.wanted, 0)  # how many gradients may come together there
        for node in self.order:
            for to, _ in node.parents:
                if to in leads:
                    leads.add(node)
                    if to in ways:
                        ways[to] += 1
        for to, _ in starts:
            if to in ways:
                ways[to] += 1
        self.leads, self.ways = leads, ways
        self.shared = {to for to, count in ways.items() if count != 1}
        self.sums: dict[Place, Any] = {}
        self.stored: set[Leaf] = set()
        # not where a gradient's array is read as well: it would be written too early
        self.direct = wanted is None and not create and not any(is_on_tape(x.grad) for x in self.wanted)

    def contribute(self, place: Place, grad: Any) -> None:
        """Add to the gradient of an output of the tape; the last one, if none was zero, is added where the variable wants the sum."""
        to = place[0]
        left = self.ways.get(to)
        if left is not None:
            self.ways[to] = left - 1
        have = self.sums.get(place)
        if have is not None:
            target = None
            if left == 1 and self.direct and to.req == "write" and _alike(to.grad, grad):
                target = to.grad
                self.stored.add(to)
            grad = self.call("_grad_add", (have, grad), target)
        self.sums[place] = grad

    def call(self, name: str, inputs: Sequence[Any], out: Any = None) -> Any:
        """Run an operator."""
        op = find_op(name)
        a = inputs[0]
        prepared = prepare(op, parse(op, {}), [(i._shape, i._dtype) for i in inputs], None, a._device, True)
        result = out if out is not None else ArrayBase.array_type._new(a._shape, a._dtype, a._ctx, a._device)
        prepared.run(inputs, [result])
        if self.create:
            record(prepared, inputs, [result])
        return result

    def run(self, retain: bool) -> None:
        """Go back to the leaves."""
        sums, leads = self.sums, self.leads
        for node in reversed(self.order):
            if node in leads:
                heads = [sums.pop((node, k), None) for k in range(len(node.specs))]
                if any(h is not None for h in heads):
                    self.visit(node, heads)
            if not retain:
                node.clear()

    def visit(self, node: Record, heads: list[Any]) -> None:
        """Hand the gradients of a record's outputs on to its inputs."""
        parents, leads = node.parents, self.leads
        if not isinstance(node.slope, Slope):
            grads = self._by_function(node, heads)
        else:
            wanted = []
            targets: list[Any] = []
            for i, (to, _) in enumerate(parents):
                mode, target = SKIP, None
                if to in leads:
                    mode = FRESH
                    if self.direct and to not in self.shared and to in self.ways and _fits(to.grad, node.slope, i):
                        mode, target = _MODES[to.req], to.grad
                wanted.append(mode)
                targets.append(target)
            grads = self._by_rule(node, node.slope, heads, tuple(wanted), targets)
        for (to, k), grad in zip(parents, grads, strict=True):
            if grad is not None and to in leads:
                self.contribute((to, k), grad)

    def _by_rule(self, node: Record, slope: Slope, heads: list[Any], wanted: tuple[int, ...], targets: list[Any]) -> list[Any]:
        pull = slope.pull(tuple([h is not None for h in heads]), wanted, self.train)
        values = [*(self._as_recorded(node) if self.create else node.values), *heads]
        context = next(h._ctx for h in heads if h is not None)
        for step in pull.steps:
            values += self._step(step, values, targets, context, slope.device)
            if not self.create:
                for i in step.done:
                    values[i] = None
        grads = []
        for (to, _), at in zip(node.parents, pull.results, strict=True):
            if at == -2:
                self.stored.add(to)
            grads.append(values[at] if at >= 0 else None)
        return grads

    def _step(self, step: Step, values: list[Any], targets: list[Any], context: Any, device: Any) -> list[Any]:
        inputs = [values[i] for i in step.sources]
        new = ArrayBase.array_type._new
        prepared = step.prepared
        if prepared is None and not self.create:
            assert step.spec is not None
            view: ArrayBase = inputs[0]._view(step.start, step.spec.shape)
            view._dtype = step.spec.dtype
            return [view]
        if prepared is None:
            prepared = step.again()  # recorded as the operator that it is
        outputs: list[Any] = []
        for spec, at in zip(prepared.outs, step.outs, strict=True):
            outputs.append(None if at is None else targets[at] if at >= 0 else new(spec.shape, spec.dtype, context, device))
        prepared.run(inputs, outputs)
        if self.create:
            record(prepared, inputs, outputs)
        return outputs

    def _as_recorded(self, node: Record) -> list[Any]:
        """The kept arrays, each at its place on the tape."""
        places = [*node.parents, *((node, k) for k in range(len(node.specs)))]
        kept = []
        for array, place in zip(node.values, places, strict=True):
            if array is not None:
                array = array._view(0, array._shape)
                array._entry = place
            kept.append(array)
        return kept

    def _by_function(self, node: Record, heads: list[Any]) -> Sequence[Any]:
        given = []
        for head, (shape, dtype, ctx, _) in zip(heads, node.specs, strict=True):
            if head is None:
                head = ArrayBase.array_type._empty(shape, dtype, ctx)
                head._fill(0)
            given.append(head)
        grads: Sequence[Any] = node.slope(given)
        return grads

    # ------------------------------------------------------------------ at the variables

    def store(self) -> None:
        """Bring the gradients to where the variables want them."""
        for leaf in self.wanted:
            grad, target = self.sums.get((leaf, 0)), leaf.grad
            leaf.fresh = True
            if leaf in self.stored:
                continue
            if grad is None:
                if leaf.req == "write":
                    target._fill(0)
                continue
            grad = _like(grad, target)
            if leaf.req == "add":
                self.call("_grad_add", (target, grad), target)
            else:
                target._copy_from(grad)

    def results(self, kept: set[int]) -> list[Any]:
        """New arrays with the gradients of the variables; `kept` are the buffers that they must not share."""
        found = []
        taken = set(kept)
        for i, leaf in enumerate(self.wanted):
            if leaf not in self.leaves:
                raise MXNetError(
                    f"Cannot differentiate with respect to the {i + 1}-th variable because it is unreachable from the outputs."
                )
            like, grad = leaf.like, self.sums.get((leaf, 0))
            if grad is None:
                grad = ArrayBase.array_type._empty(like._shape, like._dtype, like._ctx)
                grad._fill(0)
            elif not self.create:
                grad = _like(grad, like)
            if grad._root.int_ptr in taken or grad._ctx != like._ctx:
                entry = grad._entry
                moved = ArrayBase.array_type._empty(grad._shape, grad._dtype, like._ctx)
                moved._copy_from(grad)
                moved._entry = entry
                grad = moved
            taken.add(grad._root.int_ptr)
            found.append(grad)
        return found


def _fits(target: ArrayBase, slope: Slope, i: int) -> bool:
    """Whether the gradient of input `i` can be stored in an array as it is computed."""
    spec = slope.ins[i]
    return target._shape == spec.shape and target._dtype == spec.dtype and target._device is slope.device


def _alike(a: ArrayBase, b: ArrayBase) -> bool:
    return a._shape == b._shape and a._dtype == b._dtype and a._device is b._device


def _like(grad: ArrayBase, target: ArrayBase) -> ArrayBase:
    """A gradient in the element type of `target`, on its device."""
    if grad._dtype != target._dtype:
        cast: ArrayBase = ArrayBase.array_type._empty(grad._shape, target._dtype, grad._ctx)
        convert(grad, cast)
        grad = cast
    if grad._device is not target._device:
        moved: ArrayBase = ArrayBase.array_type._empty(grad._shape, grad._dtype, target._ctx)
        moved._copy_from(grad)
        grad = moved
    return grad


def _reached(starts: Sequence[Place]) -> tuple[list[Record], dict[Leaf, None]]:
    """All records and leaves that lead to some places; leaves in the order in which they are met."""
    records: list[Record] = []
    leaves: dict[Leaf, None] = {}
    seen = set()
    todo = [to for to, _ in reversed(starts)]
    while todo:
        node = todo.pop()
        if node in seen:
            continue
        seen.add(node)
        if isinstance(node, Leaf):
            leaves[node] = None
        elif node.dead:  # differentiated by way of another head
            raise MXNetError(NOT_RECORDED)
        else:
            records.append(node)
            todo += [to for to, _ in reversed(node.parents)]
    return records, leaves


def differentiate(
    heads: Sequence[Any],
    head_grads: Sequence[Any],
    variables: Sequence[Any] | None,
    retain_graph: bool,
    create_graph: bool,
    train_mode: bool,
) -> list[Any] | None:
    """The gradient of ``sum(head * head_grad)``, into the arrays that variables were marked with, or returned for `variables`.

    Parameters
    ----------
    heads : list of NDArray
    head_grads : list of NDArray or None
        None: ones.
    variables : list of NDArray or None
    retain_graph : bool
        Whether the tape is kept.
    create_graph : bool
        Whether the gradients are recorded.
    train_mode : bool

    Raises
    ------
    MXNetError
        A head is not on the tape, no variable wants a gradient, an operator has none, or a head gradient is not like its head.
    """
    for head in heads:
        if not is_on_tape(head):
            raise MXNetError(NOT_RECORDED)
    wanted = None
    if variables is not None:
        wanted = []
        for i, v in enumerate(variables):
            if not is_on_tape(v) or not isinstance(v._entry[0], Leaf) or v._entry[0].req == "null":
                raise MXNetError(f"Cannot differentiate with respect to the {i + 1}-th variable because it does not require gradient.")
            wanted.append(v._entry[0])
    sweep = _Sweep([h._entry for h in heads], wanted, create_graph, train_mode)
    if not sweep.wanted:
        raise MXNetError("There are no inputs in computation graph that require gradients.")
    given = [_head_gradient(i, head, grad, sweep.wanted) for i, (head, grad) in enumerate(zip(heads, head_grads, strict=True))]
    before = modes.training
    recording = set_recording(create_graph)
    modes.training = train_mode
    try:
        kept = {a._root.int_ptr for r in sweep.order for a in r.values if a is not None} if wanted is not None else set()
        for head, grad in zip(heads, given, strict=True):
            if head._entry[0] in sweep.leads:
                sweep.contribute(head._entry, grad)
        sweep.run(retain_graph)
        result = None
        if wanted is None:
            sweep.store()
        else:
            result = sweep.results(kept | {g._root.int_ptr for g in given})
    finally:
        set_recording(recording)
        modes.training = before
    if not retain_graph:
        for leaf in sweep.leaves:
            leaf.dead = leaf.req == "null"
    return result


def _head_gradient(i: int, head: Any, grad: Any, wanted: Sequence[Leaf]) -> Any:
    if grad is None:
        ones = ArrayBase.array_type._new(head._shape, head._dtype, head._ctx, head._device)
        ones._fill(1)
        ones._entry = (Leaf(), 0)  # what is computed from it is on the tape, where that goes on
        return ones
    if not isinstance(grad, ArrayBase):
        raise TypeError(f"head gradient {i} must be an NDArray or None, got {type(grad).__name__}")
    if grad._shape != head._shape or grad._dtype != head._dtype:
        raise MXNetError(
            f"head gradient {i} has shape {grad._shape} and type {grad._dtype}, but its head has {head._shape} and {head._dtype}"
        )
    if grad._device is not head._device:
        return _like(grad, head)
    if any(x.grad is not None and x.grad._root is grad._root for x in wanted):  # what is read must not be what is written
        copied = ArrayBase.array_type._empty(grad._shape, grad._dtype, grad._ctx)
        copied._copy_from(grad)
        return copied
    return grad
