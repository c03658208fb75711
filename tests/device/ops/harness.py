"""One case, many uses: forward against a reference, twice, in place and not, the gradient against finite differences, the store modes.

`check_op` compiles the operator into a graph of its own, as a user's bind would.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyopencl as cl

import clsym.ops  # noqa: F401  (registers the operators)
from clsym.base import MXNetError
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
TOLERANCE = {"float64": 1e-9, "float32": 1e-5, "float16": 4e-3}


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


def _cast(arrays: Sequence[Array], dtype: str, fixed: Sequence[int]) -> list[Array]:
    return [a if i in fixed or a.dtype.kind != "f" else a.astype(dtype) for i, a in enumerate(arrays)]


def assert_close(got: Array, want: Array, rtol: float, atol: float, what: str) -> None:
    want = np.asarray(want)
    assert got.shape == want.shape, f"{what}: shape {got.shape}, expected {want.shape}"
    np.testing.assert_allclose(
        got.astype(np.float64) if got.dtype.kind == "f" else got,
        want.astype(np.float64) if want.dtype.kind == "f" else want,
        rtol=rtol, atol=atol, err_msg=what,
    )  # fmt: skip


def _assert_as_good(got: Array, want: Array, what: str) -> None:
    """Whether another order of summation explains the difference."""
    bound = 10 * TOLERANCE.get(str(want.dtype), 0)
    finite = np.abs(want.astype(np.float64)[np.isfinite(want)]) if want.dtype.kind == "f" else np.abs(want)
    assert_close(got, want, bound, bound * max(1.0, float(finite.max(initial=0))), what)


def check_op(
    device: Device,
    op_name: str,
    inputs: Sequence[Array],
    params: dict[str, Any] | None = None,
    expected: Sequence[Array] | None = None,
    *,
    train: bool = False,
    grad: bool | Sequence[int] = True,
    rtol: float | None = None,
    atol: float | None = None,
    grad_rtol: float = 5e-3,
    grad_atol: float = 5e-4,
    eps: float = 1e-2,
    dtypes: Sequence[str] = ("float32",),
    keep_dtype: Sequence[int] = (),
    aux_after: Sequence[Array] | None = None,
    ograds: Sequence[Array] | None = None,
    expected_grads: Sequence[Array | None] | None = None,
    seed: int = 0,
) -> None:
    """Check one operator on one device.

    Parameters
    ----------
    inputs : list of array
        Auxiliary states last.
    expected : list of array
        Reference values of the visible outputs (computed from float32/64 inputs).
    train : bool
        Check the forward of the training plan too.
    grad : bool or list of int
        Inputs whose gradient is checked against central differences; True: all floating-point inputs that are no auxiliary states.
    dtypes : list of str
        The floating-point inputs are cast to each of them, but for those in `keep_dtype`.
    aux_after : list of array
        Reference values of the auxiliary states after one forward of the training plan.
    expected_grads : list of array or None
        Reference gradients (for the inputs in `grad`) instead of finite differences, for `ograds` as head gradients.
    """
    params = dict(params or {})
    op = find_op(op_name)
    rng = np.random.RandomState(seed)
    for dtype in dtypes:
        if dtype == "float64" and not device.traits.fp64:
            continue
        arrays = _cast(inputs, dtype, keep_dtype)
        r, a = (TOLERANCE.get(dtype, 0) if given is None else given for given in (rtol, atol))
        if dtype == "float16":
            r, a = max(r, TOLERANCE[dtype]), max(a, TOLERANCE[dtype])
        elif dtype == "float64" and expected is not None and any(np.asarray(e).dtype == np.float32 for e in expected):
            r, a = max(r, 1e-5), max(a, 1e-5)  # the reference itself is no better; for this type only
        nulls = ["null"] * len(arrays)
        for mode in (False, True) if train else (False,):
            case = Case(device, op_name, arrays, params, mode, nulls, True)
            first = case.forward()
            what = f"{op_name} {params} {dtype} train={mode}"
            if expected is not None and (mode or not train or not find_op(op_name).random):
                for k, want in enumerate(expected):
                    if mode == train:
                        assert_close(first[k], want, r, a, f"{what} output {k}")
            p = case.node.params
            n_aux = len(op.aux_names(p))
            if mode and aux_after is not None:
                for i, want in zip(range(len(arrays) - n_aux, len(arrays)), aux_after, strict=True):
                    assert_close(case.arrays[f"var:{i}"].get(), want, r, a, f"{what} auxiliary state {i}")
            case.set_inputs(arrays)
            again = case.forward()
            case.set_inputs(arrays)
            apart = Case(device, op_name, arrays, params, mode, nulls, False).forward()
            checked = case.forward(check=True)
            for k, value in enumerate(first):
                for other, how in ((again, "two runs"), (apart, "with and without reuse of memory"), (checked, "checked run")):
                    assert np.array_equal(
                        value.view(np.uint8) if value.ndim else value, other[k].view(np.uint8) if value.ndim else other[k]
                    ), f"{what}: output {k} differs: {how}"
            fast = Case(device, op_name, arrays, params, mode, nulls, True, optimize=True)
            if fast.rewritten(case):
                fast.set_inputs(arrays)
                for k, (value, want) in enumerate(zip(fast.forward(check=True), first, strict=True)):
                    _assert_as_good(value, want, f"{what}: output {k} of the rewritten graph")
                for i in op.mutates(p, mode):
                    _assert_as_good(
                        fast.arrays[f"var:{i}"].get(), case.arrays[f"var:{i}"].get(), f"{what}: state {i} of the rewritten graph"
                    )
        if grad is False or grad == []:
            continue
        case = Case(device, op_name, arrays, params, True, nulls, True)
        n_aux = len(op.aux_names(case.node.params))
        floating = [i for i in range(len(arrays) - n_aux) if arrays[i].dtype.kind == "f"]
        wanted = floating if grad is True else list(grad)
        _check_gradient(
            device, op_name, arrays, params, wanted, dtype, rng, grad_rtol, grad_atol, eps, ograds, expected_grads, inputs, keep_dtype
        )


def _check_gradient(
    device: Device,
    op_name: str,
    arrays: list[Array],
    params: dict[str, Any],
    wanted: list[int],
    dtype: str,
    rng: Any,
    rtol: float,
    atol: float,
    eps: float,
    ograds: Sequence[Array] | None,
    expected: Sequence[Array | None] | None,
    originals: Sequence[Array],
    keep: Sequence[int],
) -> None:
    reqs = ["write" if i in wanted else "null" for i in range(len(arrays))]
    case = Case(device, op_name, arrays, params, True, reqs, True)
    outs = case.forward()
    heads = [np.asarray(g).astype(o.dtype) for g, o in zip(ograds, outs, strict=True)] if ograds is not None else [
        rng.uniform(-1, 1, o.shape).astype(o.dtype) for o in outs
    ]  # fmt: skip
    case.backward(heads)
    grads = {i: case.grad(i) for i in wanted}
    what = f"{op_name} {params} {dtype}"

    def variant(reqs: list[str], reuse: bool, check: bool = False, fill: float = 0.0) -> Case:
        other = Case(device, op_name, arrays, params, True, reqs, reuse)
        for i in wanted:
            if f"grad:{i}" in other.arrays:
                other.arrays[f"grad:{i}"].set(np.full(arrays[i].shape, fill, arrays[i].dtype))
        other.forward(check)
        other.backward(heads, check)
        return other

    for how, other in (
        ("without reuse of memory", variant(reqs, False)),
        ("in a checked run", variant(reqs, True, check=True)),
        ("again", variant(reqs, True)),
    ):
        for i in wanted:
            assert np.array_equal(grads[i], other.grad(i), equal_nan=True), f"{what}: gradient {i} differs {how}"
    fast = Case(device, op_name, arrays, params, True, reqs, True, optimize=True)
    if fast.rewritten(case):
        fast.forward()
        fast.backward(heads)
        for i in wanted:
            _assert_as_good(fast.grad(i), grads[i], f"{what}: gradient {i} of the rewritten graph")
    added = variant([r if r == "null" else "add" for r in reqs], True, fill=1.5)
    for i in wanted:
        if not added.has_grad(i):
            assert not grads[i].any(), f"{what}: gradient {i} is not added"
            continue
        assert_close(
            added.grad(i),
            grads[i].astype(np.float64) + 1.5,
            4 * TOLERANCE[str(grads[i].dtype)],
            4 * TOLERANCE[str(grads[i].dtype)],
            f"{what}: grad_req add {i}",
        )
    for i in wanted:  # one gradient alone
        if len(wanted) > 1:
            alone = variant(["write" if j == i else "null" for j in range(len(arrays))], True)
            assert np.array_equal(grads[i], alone.grad(i), equal_nan=True), f"{what}: gradient {i} differs when it is the only one"
    if expected is not None:
        tol = TOLERANCE[dtype] * 10
        for i, want in zip(wanted, expected, strict=True):
            if want is not None:
                assert_close(grads[i], want, max(tol, 1e-5), max(tol, 1e-6), f"{what}: gradient {i} against the reference")
        return
    if dtype == "float16":
        return
    wide = "float64" if device.traits.fp64 else dtype
    step = 1e-4 if wide == "float64" else eps
    base = [x if i in keep or x.dtype.kind != "f" else x.astype(wide) for i, x in enumerate(originals)]
    try:
        probe = Case(device, op_name, base, params, True, ["null"] * len(base), True)
    except MXNetError:  # a type of parameter that does not follow the data's
        base, step = [np.array(x) for x in arrays], eps
        probe = Case(device, op_name, base, params, True, ["null"] * len(base), True)

    def loss(values: list[Array]) -> float:
        probe.set_inputs(values)
        return float(sum((o.astype(np.float64) * h.astype(np.float64)).sum() for o, h in zip(probe.forward(), heads, strict=True)))

    for i in wanted:
        numeric = np.zeros(base[i].shape)
        flat = numeric.reshape(-1)
        picks = np.arange(flat.size) if flat.size <= 24 else rng.choice(flat.size, 24, replace=False)
        for j in picks:
            values = [np.array(v) for v in base]
            values[i].reshape(-1)[j] += step
            high = loss(values)
            values[i].reshape(-1)[j] -= 2 * step
            flat[j] = (high - loss(values)) / (2 * step)
        np.testing.assert_allclose(
            grads[i].reshape(-1)[picks].astype(np.float64),
            flat[picks],
            rtol=rtol,
            atol=atol,
            err_msg=f"{what}: gradient {i} against central differences",
        )
