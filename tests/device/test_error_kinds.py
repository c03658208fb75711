"""Wrong use raises the kind of error that MXNet 1.9.1 raises there, as its scripts catch it."""

from __future__ import annotations

import numpy as np
import pytest

import clsym as mx

nd, sym = mx.nd, mx.sym


def _net():
    return sym.FullyConnected(sym.var("x"), num_hidden=4, name="fc")


def _bound():
    return sym.exp(sym.var("x")).bind(mx.cpu(), {"x": nd.ones((2, 3))}, {"x": nd.zeros((2, 3))})


CASES = {
    "unknown device type": (KeyError, lambda a: mx.Context("foo")),
    "device type by number": (KeyError, lambda a: mx.Context(3)),
    "device number no integer": (TypeError, lambda a: mx.gpu(None)),
    "seed of an unknown device": (KeyError, lambda a: mx.random.seed(1, ctx="foo")),
    "out a number": (TypeError, lambda a: nd.exp(a, out=3)),
    "out a number without inputs": (TypeError, lambda a: nd.exp(out=3)),
    "out a str": (AttributeError, lambda a: nd.exp(a, out="a")),
    "too many outs": (mx.MXNetError, lambda a: nd.exp(a, out=[a, a])),
    "type unknown to numpy": (TypeError, lambda a: nd.cast(a, dtype="foo")),
    "type unknown to MXNet": (KeyError, lambda a: a.astype("float128")),
    "type of draws": (TypeError, lambda a: nd.random.uniform(0, 1, dtype="foo")),
    "truth value": (mx.MXNetError, lambda a: nd.sum(a, keepdims=3)),
    "float of many": (TypeError, float),
    "int of many": (TypeError, int),
    "length of none": (IndexError, lambda a: len(nd.array(3))),
    "broadcast_to another extent": (ValueError, lambda a: a.broadcast_to((3, 3))),
    "broadcast_to a number": (TypeError, lambda a: a.broadcast_to(3)),
    "broadcast_like": (ValueError, lambda a: a.broadcast_like(nd.ones(3))),
    "context a str": (AttributeError, lambda a: nd.array([1], ctx="cpu")),
    "broken shape": (mx.MXNetError, lambda a: nd.zeros((2.5,))),
    "no shape": (TypeError, lambda a: nd.empty(None)),
    "storage type": (ValueError, lambda a: nd.zeros((2,), stype="foo")),
    "unknown argument": (mx.MXNetError, lambda a: nd.ones((2,), foo=3)),
    "fill with text": (TypeError, lambda a: nd.full((2,), "a")),
    "linspace": (mx.MXNetError, lambda a: nd.linspace(0, 1, -1)),
    "concatenate an array": (AssertionError, lambda a: nd.concatenate(a)),
    "add text to a number": (AssertionError, lambda a: nd.add(3, "a")),
    "names in files": (TypeError, lambda a: nd.save("unused", {1: a})),
    "dlpack": (AssertionError, lambda a: nd.from_dlpack(3)),
    "parameters of draws": (ValueError, lambda a: nd.random.uniform("a")),
    "mixed parameters of draws": (AssertionError, lambda a: nd.random.uniform(nd.array([1]), 2)),
    "bins": (ValueError, lambda a: nd.histogram(a, bins=0)),
    "type of a variable": (TypeError, lambda a: sym.var("a", dtype="foo")),
    "storage type of a variable": (KeyError, lambda a: sym.var("a", stype="foo")),
    "name no str": (AttributeError, lambda a: sym.exp(sym.var("x"), name=3)),
    "prefix no str": (TypeError, lambda a: mx.name.Prefix(3).get(None, "a")),
    "attribute by number": (AttributeError, lambda a: sym.var("x").attr(3)),
    "outputs beyond the last": (IndexError, lambda a: sym.split(sym.var("x"), num_outputs=2)[0:5]),
    "simple_bind shape": (RuntimeError, lambda a: _net().simple_bind(mx.cpu(), x=3)),
    "simple_bind context": (AttributeError, lambda a: _net().simple_bind("cpu", x=(2, 3))),
    "simple_bind grad_req": (RuntimeError, lambda a: _net().simple_bind(mx.cpu(), x=(2, 3), grad_req=["write"])),
    "simple_bind type": (TypeError, lambda a: _net().simple_bind(mx.cpu(), x=(2, 3), type_dict={"x": "foo"})),
    "simple_bind buffer": (ValueError, lambda a: _net().simple_bind(mx.cpu(), x=(2, 3), shared_buffer=3)),
    "simple_bind shared names": (ValueError, lambda a: _net().simple_bind(mx.cpu(), x=(2, 3), shared_arg_names="a")),
    "bind None": (TypeError, lambda a: _net().bind(mx.cpu(), None)),
    "unknown value": (ValueError, lambda a: _bound().forward(foo=3)),
    "unknown array": (TypeError, lambda a: _bound().forward(foo=np.ones(3))),
    "head gradient of no output": (KeyError, lambda a: _bound().backward({"a": a})),
    "reshape shape": (mx.MXNetError, lambda a: _bound().reshape(x=3)),
}


@pytest.mark.parametrize("case", CASES)
def test_kind(case: str) -> None:
    kind, wrong = CASES[case]
    with pytest.raises(kind):
        wrong(nd.ones((2, 3)))


def test_simple_bind_without_grad_req() -> None:
    assert _net().simple_bind(mx.cpu(), x=(2, 3), grad_req=None).grad_arrays == [None] * 3


def test_shared_buffer_holds_gradients() -> None:
    pool: dict[str, mx.nd.NDArray] = {}
    _net().simple_bind(mx.cpu(), x=(2, 3), shared_buffer=pool)
    assert sorted(pool) == ["fc_bias", "fc_weight", "grad of fc_bias", "grad of fc_weight", "grad of x", "x"]


def test_monitor_names_inputs() -> None:
    seen: list[str] = []
    e = sym.exp(_net() * 2, name="e").simple_bind(mx.cpu(), x=(2, 3))
    e.set_monitor_callback(lambda name, value: seen.append(name.decode()), monitor_all=True)
    e.forward()
    assert seen[:7] == ["x", "fc_data", "fc_weight", "fc_weight", "fc_bias", "fc_bias", "fc_output"]
    assert seen[7].endswith("_input0")
    assert seen[9:] == ["e_input0", "e_output"]


def test_name_is_an_attribute() -> None:
    assert _net().attr("name") == "fc"
