"""Fusion: chains and small trees of element-wise operators become one step, which reads each operand once and stores nothing in between.

Operators that are `Fusible` take part. Groups grow from consumers to producers: a producer joins the group of one of its readers if
those outside run after the group, for which its value is stored as well. Nothing is computed twice, and no cycle can arise. A producer that
joins runs later than it would have, when the group's last operator does. What it reads must then not stay alive in more bytes than its own
results, which come later or not at all, so that no plan needs more memory than before.

Forward and backward parts are fused apart: what lies between them is what stays alive.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from ...params import Params
from ..contract.expression import CALLS, Expression, line_length, substitute
from ..contract.facets import Fusible
from ..contract.ir import attribute, key
from ..contract.kernel_call import compute_type
from ..contract.op import Entry, Node, Op
from ..contract.registry import facet, find_op
from ..contract.spec import TensorSpec
from ..memory.plan import Planning
from ..order.schedule import Schedule

__all__ = ["Fused", "Fusion", "fused_within"]

Key = tuple[int, int]
OPERANDS = 8
"""The most tensors that a group may read: more pointers than that spill registers, and rarely belong together."""
OUTPUTS = 8
STATEMENTS = 24
FUSED = "_fused_elementwise"


@dataclass(eq=False)
class Fused:
    """A form of the graph: as it was, or the outcome of `Fusion.form`.

    Attributes
    ----------
    schedule : Schedule
        With the groups where their last operators were.
    heads, grads : list of Entry
    """

    schedule: Schedule
    heads: list[Entry]
    grads: list[Entry]


class FusedNode(Node):
    """A group as a node, whose outputs keep the names that they had."""

    __slots__ = ("entry_names",)
    entry_names: tuple[str, ...]

    def output_name(self, index: int) -> str:
        """The user's name of an output."""
        return self.entry_names[index]


@dataclass(eq=False)
class _Group:
    """Operators that become one step."""

    members: list[Node]  # as they were scheduled
    at: int  # where the last of them was, and the group will be
    reads: dict[Key, Entry]
    outputs: list[Node]  # the members whose values others want, the last first: that is who took over an operand before

    @property
    def root(self) -> Node:
        return self.members[-1]


class _Rule(NamedTuple):
    """What an operator says of itself for given parameters and tensors."""

    views: Mapping[int, tuple[int, int]]
    mutates: tuple[int, ...]
    expression: Expression | None


def _rule_of(op: Op, p: Params, ins: list[TensorSpec], outs: list[TensorSpec], train: bool) -> _Rule:
    views, mutates = op.view(p, ins, outs), tuple(op.mutates(p, train))
    fusible = facet(op, Fusible)
    if fusible is None or len(outs) != 1 or not outs[0].size or not outs[0].dtype.startswith("float"):
        return _Rule(views, mutates, None)
    kind = compute_type(outs[0].dtype)
    if any(s.dtype.startswith("float") and compute_type(s.dtype) != kind for s in ins):
        return _Rule(views, mutates, None)
    found = fusible.expression(p, ins, outs)
    if found is not None and (CALLS.search(found.text) or line_length((s.shape for s in ins), outs[0].shape) is None):
        found = None
    return _Rule(views, mutates, found)


class Fusion:
    """Forms of a scheduled graph, gradients included, with chains of element-wise operators as one step.

    Parameters
    ----------
    plain : Fused
        The graph as it was.
    specs : dict
        Of every entry; extended for the nodes that are made.
    train : bool
        Of the plan.
    donated : set of Key
        Arguments whose memory the caller gave away: what reads them and is no output stays a step of its own, stored there.
    """

    def __init__(self, plain: Fused, specs: MutableMapping[Key, TensorSpec], train: bool, donated: frozenset[Key]) -> None:
        schedule = plain.schedule
        self.plain, self.specs, self.train, self.donated = plain, specs, train, donated
        self.lanes, self.steps, self.forward = schedule.lanes, schedule.steps, schedule.forward
        self.position = {node.serial: i for i, node in enumerate(self.steps)}
        self.wanted = {key(e) for e in (*plain.heads, *plain.grads)}
        self.readers: dict[Key, list[Node]] = {}
        self.home: dict[Key, Key] = {}  # views live where their source lives
        self.tenants: dict[Key, list[Key]] = {}
        self.mutated: set[Key] = set()
        self.expressions: dict[int, Expression] = {}
        self.rules: dict[tuple[object, ...], _Rule] = {}
        self.groups: dict[int, _Group] = {}
        self.most_outputs = 1
        for node in self.steps:
            self._look_at(node)

    def lives(self, entry: Entry) -> Key:
        """The entry whose memory holds this one."""
        return self.home.get(key(entry), key(entry))

    def _look_at(self, node: Node) -> None:
        op = node.op
        assert op is not None
        ins = [self.specs[key(e)] for e in node.inputs]
        outs = [self.specs[(node.serial, i)] for i in range(node.num_outputs)]
        like = (op, node.params, *ins, *outs)
        rule = self.rules.get(like)
        if rule is None:
            rule = self.rules[like] = _rule_of(op, node.params, ins, outs, self.train)
        for e in node.inputs:
            self.readers.setdefault(key(e), []).append(node)
        for k in range(len(outs)):
            home = self.lives(node.inputs[rule.views[k][0]]) if k in rule.views else (node.serial, k)
            self.home[(node.serial, k)] = home
            self.tenants.setdefault(home, []).append((node.serial, k))
        for i in rule.mutates:
            self.mutated.add(self.lives(node.inputs[i]))
        if rule.expression is None:
            return
        if (node.serial, 0) not in self.wanted and self.donated and any(key(e) in self.donated for e in node.inputs):
            return  # the caller gave the argument's memory for this result, and may look for it there
        self.expressions[node.serial] = rule.expression

    # ------------------------------------------------------------------------------------------------------- what may join

    def run(self, several: bool) -> list[_Group]:
        """The groups of several operators, in the order of the schedule; whether they may have several outputs."""
        self.most_outputs = OUTPUTS if several else 1
        self.groups = {
            node.serial: _Group([node], i, {key(e): e for e in node.inputs}, [node])
            for i, node in enumerate(self.steps)
            if node.serial in self.expressions
        }
        for node in self.steps:
            group = self.groups.get(node.serial)
            while group is not None and self._grow(group):
                pass
        found = {id(g): g for g in self.groups.values() if len(g.members) > 1}
        return sorted(found.values(), key=lambda g: g.at)

    def _grow(self, group: _Group) -> bool:
        for entry in group.reads.values():
            other = self.groups.get(entry.node.serial)
            if other is None or not self._fit(other, group):
                continue
            both = self._together(other, group)
            if both is not None and self._keeps_memory(other, group, len(both.outputs) > 1):
                group.members, group.reads, group.outputs = both.members, both.reads, both.outputs
                for node in other.members:
                    self.groups[node.serial] = group
                return True
        return False

    def _fit(self, producer: _Group, group: _Group) -> bool:
        """Whether two groups have the same shape, type and place, and may run together where the second does."""
        a, b = producer.root, group.root
        x, y = self.specs[(a.serial, 0)], self.specs[(b.serial, 0)]
        if x.shape != y.shape or compute_type(x.dtype) != compute_type(y.dtype):
            return False
        if self.lanes[producer.at] != self.lanes[group.at] or (producer.at < self.forward) != (group.at < self.forward):
            return False
        if attribute(a, "force_mirroring") != attribute(b, "force_mirroring"):
            return False
        for n in producer.outputs:
            for reader in self.readers.get((n.serial, 0), ()):
                other = self.groups.get(reader.serial)
                if other is not group and other is not producer and self._runs(reader) <= group.at:
                    return False  # somebody needs it earlier
        return True

    def _together(self, producer: _Group, group: _Group) -> _Group | None:
        """The group of both; None where it would have too many or unsuitable tensors."""
        members = sorted([*producer.members, *group.members], key=lambda n: self.position[n.serial])
        inside = {n.serial for n in members}
        reads = {k: e for k, e in (producer.reads | group.reads).items() if e.node.serial not in inside}
        outputs = [
            n
            for n in reversed(members)
            if (n.serial, 0) in self.wanted or any(r.serial not in inside for r in self.readers.get((n.serial, 0), ()))
        ]
        if len(members) > STATEMENTS or len(reads) > OPERANDS or len(outputs) > self.most_outputs:
            return None
        if len({self.specs[(n.serial, 0)].dtype for n in outputs}) > 1:
            return None  # results of one size take over operands of that size, whichever they are
        shape = self.specs[(group.root.serial, 0)].shape
        if line_length((self.specs[k].shape for k in reads), shape) is None:
            return None
        return _Group(members, group.at, reads, outputs)

    def _keeps_memory(self, producer: _Group, group: _Group, several: bool) -> bool:
        """Whether what the producer reads may stay until the group runs."""
        size = self.specs[(group.root.serial, 0)].nbytes
        longer: dict[Key, int] = {}
        takeable = False
        for k, entry in producer.reads.items():
            home = self.lives(entry)
            if home in self.mutated:
                return False  # another step may write it in the meantime
            if home[0] not in self.position or any(t in self.wanted for t in self.tenants[home]):
                continue  # the caller's
            readers = [r for t in self.tenants[home] for r in self.readers.get(t, ())]
            last = max((self._runs(r) for r in readers if self.groups.get(r.serial) is not producer), default=-1)
            if last < group.at:
                longer[home] = self.specs[home].nbytes
                takeable |= self.specs[k].nbytes == longer[home] == size
        if not longer:
            return True
        if several and set(longer.values()) != {size}:
            return False
        if all(self.groups.get(n.serial) in (producer, group) for n in self.steps[producer.at + 1 : group.at]):
            return True  # one after the other
        saved = sum(self.specs[(n.serial, 0)].nbytes for n in producer.outputs if (n.serial, 0) not in self.wanted)
        return sum(longer.values()) <= saved and takeable

    def _runs(self, node: Node) -> int:
        group = self.groups.get(node.serial)
        return group.at if group is not None else self.position[node.serial]

    # ------------------------------------------------------------------------------------------------------- the new graph

    def _walk(self, members: Sequence[Node]) -> tuple[list[Entry], list[Node]]:
        """Operands and members of a group in depth-first order from its last member: the same for groups of the same structure."""
        inside = {n.serial for n in members}
        operands: dict[Key, Entry] = {}
        order: dict[int, Node] = {}
        for last in reversed(members):
            if last.serial in order:
                continue
            stack = [(last, 0)]
            while stack:
                node, i = stack.pop()
                if i == len(node.inputs):
                    order[node.serial] = node
                    continue
                stack.append((node, i + 1))
                entry = node.inputs[i]
                if entry.node.serial not in inside:
                    operands.setdefault(key(entry), entry)
                elif entry.node.serial not in order:
                    stack.append((entry.node, 0))
        return list(operands.values()), list(order.values())

    def node_of(self, group: _Group, now: Mapping[Key, Entry]) -> Node:
        """The step that a group becomes; `now` are the entries that others have become."""
        operands, order = self._walk(group.members)
        value = {key(e): f"x{i}" for i, e in enumerate(operands)} | {(n.serial, 0): f"v{k}" for k, n in enumerate(order)}
        statements, numbers = list[tuple[str, str]](), list[float]()
        for node in order:
            expression = self.expressions[node.serial]
            names = {name: value[key(e)] for name, e in zip(expression.operands, node.inputs, strict=True)}
            for name, number in expression.numbers:
                if substitute(expression.text, {name: ""}) != expression.text:
                    names[name] = f"s{len(numbers)}"
                    numbers.append(number)
            statements.append((substitute(expression.text, names), self.specs[(node.serial, 0)].dtype))
        root = group.root
        results = tuple(int(value[(n.serial, 0)][1:]) for n in group.outputs)
        params = Params({
            "statements": tuple(statements), "results": results, "numbers": tuple(numbers),
            "shape": self.specs[(root.serial, 0)].shape, "label": "+".join(n.op.name for n in order if n.op), "num_args": len(operands),
        })  # fmt: skip
        node = FusedNode(find_op(FUSED), root.name, params, root.attrs, [now.get(key(e), e) for e in operands], root.origin)
        node.fused = tuple(n.name for n in group.members)
        node.entry_names = tuple(n.output_name(0) for n in group.outputs)
        return node

    def form(self, several: bool) -> Fused:
        """The graph fused, with or without groups of several outputs; itself where there is nothing to fuse."""
        plain, specs, schedule = self.plain, self.specs, self.plain.schedule
        group_of = {n.serial: g for g in self.run(several) for n in g.members}
        if not group_of:
            return plain
        now: dict[Key, Entry] = {}
        steps: list[Node] = []
        lanes: list[int] = []
        forward = 0
        for node, lane in zip(schedule.steps, schedule.lanes, strict=True):
            group = group_of.get(node.serial)
            if group is not None:
                if node is not group.root:
                    continue
                fresh = self.node_of(group, now)
            else:
                fresh = node.reading([now.get(key(e), e) for e in node.inputs])
            if fresh is not node:
                results = group.outputs if group else [node] * node.num_outputs
                for i, source in enumerate(results):
                    k = (source.serial, 0 if group else i)
                    now[k] = fresh.out(i)
                    specs[(fresh.serial, i)] = specs[k]
            forward += self.position[node.serial] < self.forward
            steps.append(fresh)
            lanes.append(lane)
        rewritten = replace(schedule, steps=tuple(steps), forward=forward, lanes=tuple(lanes))
        return Fused(rewritten, [now.get(key(e), e) for e in plain.heads], [now.get(key(e), e) for e in plain.grads])


def fused_within(
    plain: Fused, fuse: Callable[[bool], Fused], planning: Callable[[Fused], Planning], limit: int | None, again: bool
) -> Fused:
    """As much fused as needs no more memory than the graph as it was.

    What the pass assures is that no more bytes are alive; which values happen to lie in arrays of the caller's can still differ, so that
    the plans are compared. Where parts of the forward are to be computed again, the graph stays as it was: the smaller its steps, the less
    has to be computed for each.

    Parameters
    ----------
    plain : Fused
        The graph as it was.
    fuse : callable
        The graph fused, with or without groups of several outputs.
    planning : callable
        The memory of a form of the graph.
    limit : int or None
        The most that it may need.
    again : bool
        Whether the user asked for parts to be computed again.
    """
    for several in (True, False):
        found = fuse(several) if not again else plain
        if found is plain:
            break
        need = planning(found)
        if need.bound > planning(plain).bound and need.bound > planning(plain).plan.arena_bytes:
            continue
        arena = need.plan.arena_bytes
        if limit is not None and arena > limit:
            continue
        if arena <= planning(plain).bound or arena <= planning(plain).plan.arena_bytes:
            return found
    return plain
