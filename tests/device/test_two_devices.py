"""One graph over two devices: ctx_group and group2ctx, forward and backward, copies ordered by events."""

from __future__ import annotations

import numpy as np
import pytest

import clsym as mx
from clsym.runtime.device import all_devices


def pairs() -> list[tuple[str, str]]:
    found = [d for d in all_devices() if d.rank.automatic]
    result = []
    for i, a in enumerate(found):
        for b in found[i + 1 :]:
            result.append((a.selector, b.selector))
    return result[:4]


def network() -> mx.sym.Symbol:
    with mx.AttrScope(ctx_group="dev1"):
        data = mx.sym.Variable("data")
        a = mx.sym.Activation(mx.sym.FullyConnected(data, num_hidden=33, name="fc1"), act_type="tanh", name="act1")
    with mx.AttrScope(ctx_group="dev2"):
        b = mx.sym.FullyConnected(a, num_hidden=17, name="fc2")
        b = mx.sym.Activation(b, act_type="relu", name="act2") * 0.5
    with mx.AttrScope(ctx_group="dev1"):
        c = mx.sym.FullyConnected(mx.sym.concat(b, a, dim=1), num_hidden=3, name="fc3")
        return mx.sym.SoftmaxOutput(c, name="softmax")


def run(first: mx.Context, second: mx.Context, rounds: int) -> list[dict[str, np.ndarray]]:
    e = network().simple_bind(first, data=(9, 5), group2ctx={"dev1": first, "dev2": second})
    rng = np.random.RandomState(3)
    for name in sorted(e.arg_dict):
        array = e.arg_dict[name]
        array[:] = rng.uniform(-1, 1, array.shape) if name != "softmax_label" else rng.randint(0, 3, array.shape)
    if first != second:
        assert e.arg_dict["fc2_weight"].context == second
        assert e.grad_dict["fc2_weight"].context == second
        assert sum(step.copy for step in e.plan(True).steps) >= 4
    results = []
    for _ in range(rounds):
        e.forward(is_train=True)
        e.backward()
        results.append({"out": e.outputs[0].asnumpy(), **{n: g.asnumpy() for n, g in e.grad_dict.items()}})
        for name, g in e.grad_dict.items():
            if name != "softmax_label":
                e.arg_dict[name][:] = e.arg_dict[name] - 0.1 * g
    return results


@pytest.mark.parametrize("pair", pairs(), ids=lambda p: "+".join(p))
def test_same_as_on_one_device(pair: tuple[str, str]) -> None:
    one = run(mx.cl(pair[0]), mx.cl(pair[0]), 5)
    two = run(mx.cl(pair[0]), mx.cl(pair[1]), 5)
    same_platform = pair[0].split(":")[0] == pair[1].split(":")[0]
    for a, b in zip(one, two, strict=True):
        for name in a:
            if same_platform:
                assert np.array_equal(a[name], b[name]), name
            else:
                np.testing.assert_allclose(a[name], b[name], rtol=1e-4, atol=1e-5)


def test_there_are_two_devices() -> None:
    assert len(all_devices()) >= 2, "the suite is to run with at least two OpenCL devices"


def test_arrays_between_devices() -> None:
    a, b = pairs()[0]
    x = mx.nd.array(np.arange(10), ctx=mx.cl(a))
    y = x.as_in_context(mx.cl(b))
    for _ in range(20):
        x[:] = x + 1
        x.copyto(y)
    assert y.asnumpy().tolist() == list(range(20, 30))
    with pytest.raises(mx.MXNetError, match="context"):
        x + y


def test_sub_devices() -> None:
    ctx = mx.cl("0:0/units=1/0")
    out = run(ctx, ctx, 1)
    again = run(mx.cl("0:0/units=1/0"), mx.cl("0:0/units=1/1"), 1)
    for name in out[0]:
        assert np.array_equal(out[0][name], again[0][name]), name
