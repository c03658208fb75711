"""Several executors in one arena, used in any order: each gives, bit for bit, what the same executor gives in an arena of its own."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

import clsym as mx

Array = np.ndarray[Any, Any]


def perceptron() -> mx.sym.Symbol:
    x = mx.sym.Variable("x")
    h = mx.sym.Dropout(mx.sym.tanh(mx.sym.FullyConnected(x, num_hidden=12, name="fc1")), p=0.4)
    return mx.sym.Group([mx.sym.FullyConnected(h, num_hidden=5, name="fc2"), mx.sym.sigmoid(h * 2)])


def deep() -> mx.sym.Symbol:
    """Enough layers for a memory limit to make the backward run parts of the forward again."""
    h = mx.sym.FullyConnected(mx.sym.Variable("x"), num_hidden=16, name="fc")
    for _ in range(4):
        h = mx.sym.BatchNorm(mx.sym.Dropout(mx.sym.softmax(mx.sym.sin(h)), p=0.2)) + mx.sym.tanh(h)
    return mx.sym.sum(h, axis=1)


def normalised() -> mx.sym.Symbol:
    x = mx.sym.Variable("x")
    h = mx.sym.relu(mx.sym.BatchNorm(mx.sym.FullyConnected(x, num_hidden=9, name="fc"), name="bn", fix_gamma=False))
    h = mx.sym.BatchNorm(mx.sym.Dropout(mx.sym.exp(h * 0.1), p=0.3), name="bn2")
    return mx.sym.softmax(h)


def elementwise() -> mx.sym.Symbol:
    x, y = mx.sym.Variable("x"), mx.sym.Variable("y")
    return mx.sym.sin(mx.sym.exp(mx.sym.negative(x)) + mx.sym.square(y)) * mx.sym.sigmoid(y)


def loss() -> mx.sym.Symbol:
    h = mx.sym.Activation(mx.sym.FullyConnected(mx.sym.Variable("x"), num_hidden=7, name="fc"), act_type="softrelu")
    return mx.sym.SoftmaxOutput(mx.sym.Dropout(h, p=0.2), mx.sym.Variable("label"), name="out")


GRAPHS: dict[str, tuple[Callable[[], mx.sym.Symbol], dict[str, Any]]] = {
    "perceptron": (perceptron, {}),
    "deep, in less memory": (deep, {"memory_limit": 0.85}),
    "normalised": (normalised, {}),
    "elementwise": (elementwise, {}),
    "elementwise, x donated": (elementwise, {"donate": ["x"]}),
    "loss": (loss, {}),
}


@dataclass
class Member:
    """An executor in the common arena, its twin in an arena of its own, and what is known of the two."""

    name: str
    net: mx.sym.Symbol
    one: mx.executor.Executor
    twin: mx.executor.Executor
    options: dict[str, Any]
    family: list[Member] = field(default_factory=list)  # executors that share arrays with it, itself too
    ran: bool = False
    written: bool = False  # an argument was, since the last forward
    lost: bool = False  # the donated argument may be

    @property
    def donates(self) -> bool:
        return bool(self.options.get("donate"))


class World:
    def __init__(self, ctx: mx.Context, seed: int) -> None:
        self.ctx = ctx
        self.rnd = random.Random(seed)
        self.values = np.random.RandomState(seed)
        self.members: list[Member] = []
        self.counts: Counter[str] = Counter()
        self.log: list[str] = []
        for name, (make, options) in GRAPHS.items():
            self.add(name, make(), dict(options))

    def array(self, shape: tuple[int, ...]) -> Array:
        return self.values.uniform(0.1, 1, shape).astype(np.float32)

    def add(self, name: str, net: mx.sym.Symbol, options: dict[str, Any]) -> None:
        batch = self.rnd.choice([3, 8, 40])
        shapes = {"x": (batch, 10), "y": (batch, 10), "label": (batch,)}
        shapes = {k: v for k, v in shapes.items() if k in net.list_arguments()}
        args, _, aux = net.infer_shape(**shapes)
        reqs = {n: "null" if n == "label" else self.rnd.choice(["write", "add"]) for n in net.list_arguments()}
        if "memory_limit" in options:
            full = net.plan(self.ctx, **shapes).memory_report().arena_bytes
            options["memory_limit"] = int(full * options["memory_limit"])
        given = [self.array(s) for s in args]
        states = [self.array(s) for s in aux]

        def bind(shared: mx.executor.Executor | None) -> mx.executor.Executor:
            arrays = [mx.nd.array(a, ctx=self.ctx) for a in given]
            grads = [mx.nd.zeros(s, ctx=self.ctx) for s in args]
            held = [mx.nd.array(a, ctx=self.ctx) for a in states]
            return net.bind(self.ctx, arrays, grads, reqs, held, shared_exec=shared, **options)

        m = Member(name, net, bind(self.members[0].one if self.members else None), bind(None), options)
        m.family = [m]
        self.members.append(m)

    # --- one action on both

    def both(self, m: Member, what: str, act: Callable[[mx.executor.Executor], Any]) -> tuple[Any, Any]:
        """What an action gives on the executor and on its twin: a value, or an MXNetError."""
        self.log.append(f"{self.members.index(m)} {m.name}: {what}")
        self.sync(m)
        seed = self.rnd.randrange(1 << 30)
        found = []
        for e in (m.one, m.twin):
            mx.random.seed(seed)
            try:
                found.append(act(e))
            except mx.MXNetError as exc:
                found.append(exc)
        told = [str(f) for f in found if isinstance(f, Exception)]
        assert all("written after the last forward" in t or "was donated" in t for t in told), self.tell(str(told))
        return found[0], found[1]

    def sync(self, m: Member) -> None:
        """Give the twin what the executor's family did to arrays that it shares."""
        for mine, other in (
            *zip(m.one.arg_arrays, m.twin.arg_arrays, strict=True),
            *zip(m.one.aux_arrays, m.twin.aux_arrays, strict=True),
            *((g, h) for g, h in zip(m.one.grad_arrays, m.twin.grad_arrays, strict=True) if g is not None),
        ):
            if m.donates and mine is m.one.arg_dict["x"]:
                continue
            value = mine.asnumpy()
            if not np.array_equal(value, other.asnumpy()):
                other[:] = value

    def same(self, m: Member, what: str) -> None:
        for kind, mine, other in (
            ("gradient", m.one.grad_dict, m.twin.grad_dict),
            ("state", m.one.aux_dict, m.twin.aux_dict),
            ("argument", m.one.arg_dict, m.twin.arg_dict),
        ):
            for k, a in mine.items():
                if a is not None and not (kind == "argument" and k == "x" and m.donates):
                    assert np.array_equal(a.asnumpy(), other[k].asnumpy()), self.tell(f"{what}: {kind} {k!r} differs")

    def tell(self, what: str) -> str:
        return what + "\n" + "\n".join(self.log[-40:])

    # --- the actions

    def forward(self, m: Member) -> None:
        train = self.rnd.random() < 0.7
        fresh = self.rnd.random() < 0.5 or m.lost
        given = {"x": self.array(m.one.arg_dict["x"].shape)} if fresh else {}
        one, twin = self.both(m, f"forward({train}{', x' if fresh else ''})", lambda e: [o.asnumpy() for o in e.forward(train, **given)])
        assert not isinstance(one, Exception) and not isinstance(twin, Exception), self.tell(str(one))
        assert all(np.array_equal(a, b) for a, b in zip(one, twin, strict=True)), self.tell("outputs differ")
        if fresh:
            for other in m.family:
                other.written = True
        m.ran, m.written, m.lost = True, False, m.donates
        self.same(m, "forward")

    def backward(self, m: Member) -> None:
        heads = [self.array(o.shape) for o in m.one.outputs]
        shown = [o.asnumpy() for o in m.one.outputs]

        def act(e: mx.executor.Executor) -> None:
            e.backward([mx.nd.array(h, ctx=self.ctx) for h in heads])

        one, twin = self.both(m, "backward", act)
        refused = isinstance(one, Exception), isinstance(twin, Exception)
        if refused != (False, False):
            assert m.written or m.lost, self.tell(f"refused for nothing: {one}, {twin}")
            # A donated argument written before the backward: alone it overwrites what the forward left there; in the common arena that may
            # be gone already, and the forward is run again from what was written.
            assert refused[0] or (m.donates and m.written), self.tell(f"only alone it was refused: {twin}")
            if not all(refused):  # one of the two went on; take them to a common state
                self.forward(m)
        else:
            assert all(np.array_equal(a, o.asnumpy()) for a, o in zip(shown, m.one.outputs, strict=True)), self.tell("outputs changed")
            self.same(m, "backward")
        self.counts["refused" if any(refused) else "backward"] += 1

    def find_nan(self, m: Member) -> None:
        train = self.rnd.random() < 0.5
        one, twin = self.both(m, f"find_nan({train})", lambda e: e.find_nan(train))
        assert (one is None and twin is None) or m.lost, self.tell(f"{one}, {twin}")
        self.same(m, "find_nan")

    def internals(self, m: Member) -> None:
        name = self.rnd.choice([k for k in m.one.internals if not (m.donates and k == "x")])
        one, twin = self.both(m, f"internals[{name!r}]", lambda e: e.internals[name].asnumpy())
        if isinstance(one, Exception) or isinstance(twin, Exception):
            assert m.lost, self.tell(f"{one}, {twin}")
        else:
            assert np.array_equal(one, twin), self.tell(f"{name} differs")

    def write(self, m: Member) -> None:
        name = self.rnd.choice([n for n in m.one.arg_names if n != "label"])
        value = self.array(m.one.arg_dict[name].shape)
        self.log.append(f"{self.members.index(m)} {m.name}: write {name}")
        m.one.arg_dict[name][:] = value
        m.twin.arg_dict[name][:] = value
        for other in m.family:
            other.written = True

    def reshape(self, m: Member) -> None:
        if m.donates or "memory_limit" in m.options or len(self.members) > 12:
            return
        rows = self.rnd.randint(1, m.one.arg_dict["x"].shape[0])
        shapes = {k: (rows, *a.shape[1:]) for k, a in m.one.arg_dict.items() if k in ("x", "y", "label")}
        self.log.append(f"{self.members.index(m)} {m.name}: reshape to {rows}")
        one = m.one.reshape(**shapes)
        twin = m.net.bind(
            self.ctx,
            [a.copy() for a in one.arg_arrays],
            [g.copy() if g is not None else None for g in one.grad_arrays],
            dict(zip(one.arg_names, one._reqs, strict=True)),
            [a.copy() for a in one.aux_arrays],
            **m.options,
        )
        child = Member(f"{m.name} of {rows}", m.net, one, twin, m.options, m.family)
        m.family.append(child)
        self.members.append(child)

    def look(self, m: Member) -> None:
        self.log.append(f"{self.members.index(m)} {m.name}: memory_report")
        m.one.memory_report(self.rnd.random() < 0.5)

    def monitor(self, m: Member) -> None:
        on = self.rnd.random() < 0.3
        self.both(m, f"monitor {on}", lambda e: e.set_monitor_callback((lambda name, value: None) if on else None))

    def go(self) -> None:
        actions = [self.forward] * 8 + [self.backward] * 8 + [self.find_nan] * 2 + [self.internals, self.write, self.reshape, self.look]
        m = self.rnd.choice(self.members)
        act = self.rnd.choice([*actions, self.monitor])
        if act == self.backward and not m.ran:
            act = self.forward
        act(m)


@pytest.mark.parametrize("checked", [False, True], ids=["", "checked"])
def test_executors_that_share_an_arena_equal_each_alone(ctx: mx.Context, seed: int, checked: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if checked:
        monkeypatch.setenv("CLSYM_CHECK", "1")
    counts: Counter[str] = Counter()
    for number in range(1 if checked else 2):
        print(f"world {seed + number}")
        world = World(ctx, seed + number)
        for _ in range(60 if checked else 150):
            world.go()
        counts += world.counts
    print(dict(counts))
    assert counts["backward"] > 2 * counts["refused"]
