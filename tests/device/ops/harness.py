"""One case, many uses: forward against a reference, twice, in place and not, the gradient against differences, the store modes.

`check_op` compiles the operator into a graph of its own, as a user's bind would.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import evidence
import numpy as np
from harness_case import Array, Case
from harness_compare import TOLERANCE, assert_as_good, assert_close, assert_same_gradient
from harness_gradient import WideCase

from clsym import autograd, nd
from clsym.context import Context, cpu
from clsym.graph.contract.host import OnHost
from clsym.graph.contract.op import Op
from clsym.graph.contract.registry import facet, find_op
from clsym.ndarray.invoke import invoke
from clsym.runtime.device import Device, resolve

__all__ = ["TOLERANCE", "Case", "assert_close", "check_op", "is_twin"]


def _cast(arrays: Sequence[Array], dtype: str, fixed: Sequence[int]) -> list[Array]:
    return [a if i in fixed or a.dtype.kind != "f" else a.astype(dtype) for i, a in enumerate(arrays)]


def _reference_device(device: Device) -> Device:
    """Where gradients are computed in float64: on the default device for all of them, so that its kernels are built once."""
    host = resolve(cpu())
    return host if host.traits.fp64 else device


def is_twin(device: Device) -> bool:
    """Whether it is the CPU once more, lowered as a GPU: what its compiler makes of a function in float64 the first device shows."""
    return device.compiles_at_launch and not device.traits.is_cpu


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
    grad_terms: float = 0,
    dtypes: Sequence[str] = ("float32",),
    keep_dtype: Sequence[int] = (),
    aux_after: Sequence[Array] | None = None,
    ograds: Sequence[Array] | None = None,
    expected_grads: Sequence[Array | None] | None = None,
    seed: int = 0,
    add: Sequence[str] | None = None,
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
        Inputs whose gradient is checked, in float64 against central differences, in other types against that in float64; True: all
        floating-point inputs that are no auxiliary states.
    grad_terms : float
        Size of the terms that a gradient is the sum of, where they nearly cancel: what its error is measured by.
    dtypes : list of str
        The floating-point inputs are cast to each of them, but for those in `keep_dtype`.
    aux_after : list of array
        Reference values of the auxiliary states after one forward of the training plan.
    expected_grads : list of array or None
        Reference gradients (for the inputs in `grad`) instead of finite differences, for `ograds` as head gradients.
    add : list of str, optional
        The types in which ``grad_req="add"`` is checked; by default the first. Where operators differ in the function of one kernel only,
        a few show how it stores, in every type, and the others check none.
    """
    params = dict(params or {})
    adding = dtypes[:1] if add is None else add
    op = find_op(op_name)
    rng = np.random.RandomState(seed)
    wide: WideCase | None = None
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
                    assert_as_good(value, want, f"{what}: output {k} of the rewritten graph")
                for i in op.mutates(p, mode):
                    assert_as_good(
                        fast.arrays[f"var:{i}"].get(),
                        case.arrays[f"var:{i}"].get(),
                        f"{what}: state {i} of the rewritten graph",
                    )
        evidence.checked(op.name, forward=expected is not None)
        if grad is False or grad == []:
            continue
        n_aux = len(op.aux_names(case.node.params))
        floating = [i for i in range(len(arrays) - n_aux) if arrays[i].dtype.kind == "f"]
        wanted = floating if grad is True else list(grad)
        evidence.checked(op.name, forward=False, gradient=bool(wanted))
        found, heads = _check_gradient(device, op_name, arrays, params, wanted, dtype, rng, ograds, dtype in adding)
        what = f"{op_name} {params} {dtype}"
        if expected_grads is not None:
            for i, want in zip(wanted, expected_grads, strict=True):
                if want is not None:
                    assert_same_gradient(found[i], want, f"{what}: gradient {i} against the reference", grad_terms)
            _check_recorded(device, op, arrays, params, found, heads, what)
            continue
        if wide is None:
            wide = WideCase(_reference_device(device), op_name, arrays, params, wanted, keep_dtype)
            wide.verify(arrays, heads, rng, what)
        for i, want in wide.gradients(arrays, heads).items():
            assert_same_gradient(found[i], want, f"{what}: gradient {i} against that in {wide.dtype}", grad_terms)
        if dtype == dtypes[0]:
            _check_recorded(device, op, arrays, params, found, heads, what)


def _check_recorded(
    device: Device, op: Op, arrays: list[Array], params: dict[str, Any], grads: dict[int, Array], heads: list[Array], what: str
) -> None:
    """The gradients by way of autograd are those of the graph, bit for bit."""
    if op.random or facet(op, OnHost) is not None:
        return
    ctx = Context("cl", 0, device.selector)
    given = [nd.array(a, ctx=ctx, dtype=a.dtype) for a in arrays]
    for i in grads:
        given[i].attach_grad()
    with autograd.record():
        outs = invoke(op, given, params)
    autograd.backward(outs, [nd.array(h, ctx=ctx, dtype=h.dtype) for h in heads])
    for i, grad in grads.items():
        assert np.array_equal(grad, given[i].grad.asnumpy(), equal_nan=True), f"{what}: gradient {i} differs where the call is recorded"


def _check_gradient(
    device: Device,
    op_name: str,
    arrays: list[Array],
    params: dict[str, Any],
    wanted: list[int],
    dtype: str,
    rng: Any,
    ograds: Sequence[Array] | None,
    add: bool,
) -> tuple[dict[int, Array], list[Array]]:
    """Every way to compute the gradients gives the same; those gradients, and the head gradients."""
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
            assert_as_good(fast.grad(i), grads[i], f"{what}: gradient {i} of the rewritten graph")
    added = variant([r if r == "null" else "add" for r in reqs], True, fill=1.5) if add else None
    for i in wanted if added else ():
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
    return grads, heads
