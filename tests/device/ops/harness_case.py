"""A device's arrays, and an operator between variables, compiled for one device as a user's bind would compile it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyopencl as cl

import clsym.ops  # noqa: F401  (registers the operators)
from clsym.context import Context
from clsym.graph.contract.op import Node
from clsym.graph.contract.registry import find_op
from clsym.graph.contract.spec import TensorSpec
from clsym.graph.plan import Binding, Plan, compile_plan
from clsym.runtime.bound import Arena, BoundPlan
from clsym.runtime.buffer import allocate
from clsym.runtime.check import check_run
from clsym.runtime.device import Device
from clsym.runtime.versions import touch

Array = np.ndarray[Any, Any]
RNG_WORDS = np.array([7, 11, 13, 0], np.uint32)


class DeviceArray:
    """An array of the test's on the device."""

    def __init__(self, device: Device, value: Array) -> None:
        self._device, self._offset, self.nbytes = device, 0, value.nbytes
        self._root = allocate(device, value.nbytes, "test array")
        self.shape, self.dtype = value.shape, value.dtype
        self.set(value)

    def set(self, value: Array) -> None:
        if value.nbytes:
            touch(self._root)
            cl.enqueue_copy(self._device.queue, self._root, np.ascontiguousarray(value))

    def get(self) -> Array:
        host = np.empty(self.shape, self.dtype)
        if host.nbytes:
            cl.enqueue_copy(self._device.queue, host, self._root)
        return host


class Case:
    """An operator between variables, compiled for one device."""

    def __init__(
        self,
        device: Device,
        op_name: str,
        inputs: Sequence[Array],
        params: dict[str, Any],
        train: bool,
        reqs: Sequence[str],
        reuse: bool,
        optimize: bool = False,
    ) -> None:
        op = find_op(op_name)
        given = dict(params)
        if op.variadic and op.variadic not in given:
            given[op.variadic] = len(inputs)
        p = op.parse(given)
        self.variables = [Node(None, name) for name in op.input_names(p)]
        assert len(self.variables) == len(inputs), f"{op_name} has inputs {op.input_names(p)}, {len(inputs)} were given"
        self.node = Node(op, "node", p, {}, [v.out(0) for v in self.variables])
        self.heads = [self.node.out(i) for i in range(op.num_visible(p))]
        ctx = Context("cl", 0, device.selector)
        specs = [TensorSpec(a.shape, a.dtype.name) for a in inputs]
        binding = Binding(self.variables, specs, [ctx] * len(specs), list(reqs))
        self.plan: Plan = compile_plan(
            self.heads, binding, train=train, default=ctx, traits=lambda c: device.traits, reuse=reuse, optimize=optimize
        )
        self.arrays: dict[str, DeviceArray] = {}
        for key, e in self.plan.externals.items():
            spec = self.plan.specs[e]
            self.arrays[key] = DeviceArray(device, np.zeros(spec.shape, spec.dtype))
        self.set_inputs(inputs)
        self.bound = BoundPlan(self.plan, [device] * len(self.plan.contexts), self.arrays, Arena())

    def rewritten(self, other: Case) -> bool:
        """Whether this plan runs other operators than another."""
        return [s.op for s in self.plan.steps] != [s.op for s in other.plan.steps]

    def set_inputs(self, inputs: Sequence[Array]) -> None:
        for i, a in enumerate(inputs):
            if f"var:{i}" in self.arrays:
                self.arrays[f"var:{i}"].set(a)

    def forward(self, check: bool = False) -> list[Array]:
        self.bound.write_rng(RNG_WORDS)
        if check:
            check_run(self.bound, False)
        else:
            self.bound.run(False)
        return [self.arrays[f"out:{k}"].get() for k in range(len(self.heads))]

    def backward(self, ograds: Sequence[Array], check: bool = False) -> None:
        for k, g in enumerate(ograds):
            if f"head:{k}" in self.arrays:
                self.arrays[f"head:{k}"].set(g)
        if check:
            check_run(self.bound, True)
        else:
            self.bound.run(True)

    def grad(self, i: int) -> Array:
        return self.arrays[f"grad:{i}"].get()

    def has_grad(self, i: int) -> bool:
        """Whether anything is stored for an input: nothing is where ``add`` has nothing to add."""
        return f"grad:{i}" in self.arrays
