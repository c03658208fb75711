"""The gradient of one recorded operator as prepared calls, by the same rules as in graphs (`Op.gradient`); kept for the next time.

What the calls read is known before anything is differentiated, so that the tape keeps no array that nobody will ask for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

from ..base import MXNetError
from ..graph.contract.ir import key, topological
from ..graph.contract.op import Entry, Gradient, Node, Op
from ..graph.contract.registry import find_op
from ..graph.contract.spec import TensorSpec
from ..graph.infer import infer_specs
from ..params import Params
from ..runtime.device import Device
from .lru import LRU
from .parsing import interned
from .prepared import Prepared, prepare
from .storage import ArrayBase

__all__ = ["ADD", "FRESH", "SKIP", "WRITE", "Slope", "Step", "slope_of"]

SKIP, FRESH, WRITE, ADD = range(4)
"""What is wanted of the gradient of an input: nothing, a new array, or that it is stored in a given array or added to it."""


class Step(NamedTuple):
    """One call of the backward part.

    Attributes
    ----------
    prepared : Prepared or None
        None for a view: the output is a stretch of the only source.
    sources : tuple of int
        Positions among inputs, outputs, head gradients and the outputs of the steps before.
    outs : tuple of int or None
        For each output the input whose given array takes it, -1 for a new array, None where nobody wants it.
    spec : TensorSpec or None
        Of a view, and `start` its first byte.
    done : tuple of int
        Positions of what nobody reads after this step.
    again : callable or None
        Of a view, what makes the prepared call for it, which is needed where it is recorded.
    """

    prepared: Prepared | None
    sources: tuple[int, ...]
    outs: tuple[int | None, ...] = ()
    spec: TensorSpec | None = None
    start: int = 0
    done: tuple[int, ...] = ()
    again: Any = None


class Pull(NamedTuple):
    """The calls for one pattern of known head gradients and wanted gradients.

    Attributes
    ----------
    steps : list of Step
    results : list of int
        For each input the position of its gradient; -1: zero, -2: stored in the given array.
    """

    steps: list[Step]
    results: list[int]


class Slope:
    """How the gradient of an operator is computed, for given parameters, inputs and device.

    Attributes
    ----------
    op, params, ins, outs, device, train
        What was called, and whether as in training.
    saved_ins, saved_outs : tuple of int
        The inputs and outputs that the gradient may read.
    """

    __slots__ = ("_pulls", "_whole", "device", "ins", "op", "outs", "params", "saved_ins", "saved_outs", "train")

    def __init__(self, op: Op, params: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], device: Device, train: bool) -> None:
        self.op, self.params, self.device, self.train = op, params, device, train
        self.ins, self.outs = list(ins), list(outs)
        self._pulls: dict[Any, Pull] = {}
        self._whole: _Differentiated | None = None  # as it was made to see what is read, for the first who wants just that
        self.saved_ins, self.saved_outs = self._saved()

    def _saved(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        try:
            made = _Differentiated(self, [True] * len(self.outs), [True] * len(self.ins), self.train)
        except MXNetError:  # it has no gradient, which matters only if somebody asks for it
            return (), ()
        self._whole = made
        read = {made.position[k] for k in made.read if k in made.position}
        n = len(self.ins)
        return tuple(i for i in range(n) if i in read), tuple(k for k in range(len(self.outs)) if n + k in read)

    def pull(self, given: tuple[bool, ...], wanted: tuple[int, ...], train: bool) -> Pull:
        """The calls where the head gradients `given` are there, and of each input `wanted` says what of its gradient.

        Raises
        ------
        MXNetError
            The operator has no gradient.
        """
        pattern = (given, wanted, train)
        found = self._pulls.get(pattern)
        if found is None:
            found = self._pulls[pattern] = self._make(given, wanted, train and self.train)
        return found

    def _make(self, given: Sequence[bool], wanted: Sequence[int], train: bool) -> Pull:
        whole, self._whole = self._whole, None
        if whole is not None and all(given) and SKIP not in wanted and train == self.train:
            made = whole
        else:
            made = _Differentiated(self, given, [w != SKIP for w in wanted], train)
        position, specs = made.position, made.specs
        grads = [g if w != SKIP else None for g, w in zip(made.grads, wanted, strict=True)]
        ends = [key(g) for g in grads if g is not None]
        read = made.read_by_nodes
        direct: dict[tuple[int, int], int] = {}
        results = []
        for i, g in enumerate(grads):
            k = None if g is None else key(g)
            into = k is not None and wanted[i] in (WRITE, ADD) and k not in position and k not in read and ends.count(k) == 1
            if k is not None and into and specs[k] == self.ins[i]:
                direct[k] = i
                results.append(-2)
            else:
                results.append(-1 if k is None else -3)
        wanted_keys = read | set(ends)
        steps: list[Step] = []
        for node in made.order:
            outs = [specs[node.serial, j] for j in range(node.num_outputs)]
            places = [direct.get((node.serial, j), -1 if (node.serial, j) in wanted_keys else None) for j in range(node.num_outputs)]
            step = self._step(
                node, [specs[key(e)] for e in node.inputs], outs, places, tuple(position[key(e)] for e in node.inputs), wanted
            )
            for j in range(node.num_outputs):
                position[node.serial, j] = made.count + j
            made.count += node.num_outputs
            steps.append(step)
        results = [position[key(g)] if r == -3 and g is not None else r for r, g in zip(results, grads, strict=True)]
        return Pull(_forgetting(steps, results), results)

    def _step(
        self,
        node: Node,
        ins: list[TensorSpec],
        outs: list[TensorSpec],
        places: list[int | None],
        sources: tuple[int, ...],
        wanted: Sequence[int],
    ) -> Step:
        op = node.op
        assert op is not None
        if len(outs) == 1 and places[0] == -1 and outs[0].size:
            view = op.view(node.params, ins, outs).get(0)
            if view is not None:
                make = partial(self._prepare, op, node.params, ins, outs, None)
                return (
                    Step(None, (sources[view[0]],), (-1,), outs[0], view[1], again=make) if len(ins) == 1 else Step(make(), sources, (-1,))
                )
        reqs = tuple("null" if at is None else "add" if at >= 0 and wanted[at] == ADD else "write" for at in places)
        return Step(self._prepare(op, node.params, ins, outs, reqs), sources, tuple(places))

    def _prepare(self, op: Op, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], reqs: tuple[str, ...] | None) -> Prepared:
        return prepare(op, p, [(s.shape, s.dtype) for s in ins], [(s.shape, s.dtype) for s in outs], self.device, True, reqs)


def _forgetting(steps: list[Step], results: list[int]) -> list[Step]:
    """The steps with what each of them is the last to read; results are kept."""
    seen: set[int] = set(results)
    out = []
    for step in reversed(steps):
        done = tuple({s for s in step.sources if s not in seen})
        seen.update(step.sources)
        out.append(step._replace(done=done))
    return out[::-1]


class _Differentiated:
    """The gradient of one node as graph nodes.

    Attributes
    ----------
    grads : list of Entry or None
    order : list of Node
        What computes them, inputs first.
    specs : dict
    position : dict
        Of the entries that exist beforehand: inputs, outputs, head gradients.
    count : int
        How many positions are taken.
    """

    def __init__(self, slope: Slope, given: Sequence[bool], needed: Sequence[bool], train: bool) -> None:
        op = slope.op
        variables = [Node(None, name) for name in op.input_names(slope.params)]
        node = Node(op, op.name, slope.params, inputs=[v.out() for v in variables])
        heads = [Node(None, f"head{k}") for k in range(len(slope.outs))]
        entries = [*(v.out() for v in variables), *(node.out(k) for k in range(len(slope.outs))), *(h.out() for h in heads)]
        self.position = {key(e): at for at, e in enumerate(entries)}
        self.count = len(entries)
        known = dict(zip(self.position, [*slope.ins, *slope.outs, *slope.outs], strict=True))
        asked = list(needed)
        for i in node.aux_positions():
            asked[i] = False
        ograds = [h.out() if there else None for h, there in zip(heads, given, strict=True)]
        context = Gradient(node, ograds, slope.ins, slope.outs, asked, self._apply, train)
        self.grads: list[Entry | None] = [g if need else None for g, need in zip(op.gradient(context), asked, strict=True)]
        own = {n.serial for n in (node, *variables, *heads)}
        self.order = [n for n in topological(g for g in self.grads if g is not None) if n.serial not in own]
        self.specs: Mapping[tuple[int, int], TensorSpec] = infer_specs(self.order, known) if self.order else known
        self.read_by_nodes = {key(e) for n in self.order for e in n.inputs}
        self.read = self.read_by_nodes | {key(g) for g in self.grads if g is not None}

    @staticmethod
    def _apply(name: str, inputs: Sequence[Entry], params: Mapping[str, Any], stem: str) -> Node:
        op = find_op(name, f" (needed for the gradient of {stem})")
        given = dict(params)
        if op.variadic and op.variadic not in given:
            given[op.variadic] = len(inputs)
        return Node(op, f"{stem}_backward", interned(op, given), inputs=inputs)


_slopes: LRU[Slope] = LRU()


def slope_of(op: Op, params: Params, ins: Sequence[ArrayBase], outs: Sequence[ArrayBase], train: bool = False) -> Slope:
    """The slope of an operator of which only the result is known, as of a view; `params` are `interned`."""
    device = ins[0]._device
    shapes = tuple((a._shape, a._dtype) for a in ins)
    at = (id(params), shapes, device, train)
    found = _slopes.find(at)
    if found is None:
        found = Slope(op, params, [TensorSpec(*s) for s in shapes], [TensorSpec(a._shape, a._dtype) for a in outs], device, train)
        _slopes.keep(at, found)
    return found
