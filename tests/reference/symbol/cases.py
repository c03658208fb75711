"""Graphs whose JSON, debug text, names and attributes MXNet 1.9.1 has recorded in ``recorded.json``, next to this file.

Every case is a function of the module under test. To record anew, run this file with a Python that has MXNet 1.9.1::

    python tests/reference/symbol/cases.py
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from typing import Any

RECORDED = os.path.join(os.path.dirname(os.path.abspath(__file__)), "recorded.json")


def lenet_like(mx: Any) -> Any:
    data = mx.sym.Variable("data")
    conv = mx.sym.Convolution(data=data, num_filter=128, kernel=(3, 3), pad=(1, 1), name="conv1")
    bn = mx.sym.BatchNorm(data=conv, name="bn1")
    relu = mx.sym.Activation(data=bn, act_type="relu", name="relu1")
    pool = mx.sym.Pooling(data=relu, kernel=(2, 2), stride=(2, 2), pool_type="max", name="pool1")
    fc = mx.sym.FullyConnected(data=pool, num_hidden=2, name="fc1")
    return mx.sym.SoftmaxOutput(data=fc, name="softmax")


def extended(mx: Any) -> Any:
    cut = lenet_like(mx).get_internals()["pool1_output"]
    return mx.sym.SoftmaxOutput(data=mx.sym.FullyConnected(data=cut, num_hidden=5, name="fc_new"), name="softmax")


def variable(mx: Any) -> Any:
    attr = {"quote": 'a "b" \\ c', "lines": "x\ny\tz\r", "é": "中"}
    return mx.sym.Variable("data/0", shape=(0, 3), dtype="float16", lr_mult=2, wd_mult=0.5, attr=attr, __mine__=3)


def placed(mx: Any) -> Any:
    with mx.AttrScope(ctx_group="dev1"):
        a = mx.sym.FullyConnected(mx.sym.var("a"), num_hidden=3, name="f")
    with mx.AttrScope(ctx_group="dev2", __lr_mult__="0.1"):
        return mx.sym.FullyConnected(a, num_hidden=4, no_bias=True, wd_mult="3", __mood__="good")


def automatic_names(mx: Any) -> Any:
    x = mx.sym.var("x")
    y = mx.sym.Convolution(x, kernel=(1, 1), num_filter=1) + mx.sym.Convolution(x, kernel=[1, 1], num_filter=1, stride="(1, 1)")
    return mx.sym.Flatten(mx.sym.flatten(mx.sym.Activation(y, "tanh")))


def scalars(mx: Any) -> Any:
    import numpy as np

    x = mx.sym.var("x")
    x = (2 - (x + 1)) * np.float32(0.1) / 3
    x = -(x**2) > 1
    x = 2 ** abs(x) % 2
    x = 3 % (3 / x)
    return ((x == 1) != 2) - np.int64(7)


def tensors(mx: Any) -> Any:
    a, b = mx.sym.var("a"), mx.sym.var("b")
    return (a + b) * (a - b) / (a**b) + (a < b) + (a <= b) + (a > b) + (a >= b) + (a == b) + (a != b)


def mixed(mx: Any) -> Any:
    a, b = mx.sym.var("a"), mx.sym.var("b")
    return mx.sym.Group([mx.sym.maximum(a, b), mx.sym.minimum(3, a), mx.sym.pow(2, a), mx.sym.power(a, b), mx.sym.maximum(a, 0.5)])


def outputs_of_split(mx: Any) -> Any:
    parts = mx.sym.SliceChannel(mx.sym.var("x"), num_outputs=3, name="s")
    return mx.sym.Group([parts[2], parts["s_output0"] + parts[1], parts])


def many_inputs(mx: Any) -> Any:
    x = mx.sym.var("x")
    return mx.sym.Group([mx.sym.Concat(*[x] * 11, dim=0), mx.sym.Concat(*[x] * 10, name="ten"), *[x] * 9])


def variadic_by_name(mx: Any) -> Any:
    return mx.sym.Concat(arg1=mx.sym.var("x"), num_args=3, name="c")


def shared_statistics(mx: Any) -> Any:
    x, gamma, mean, var = (mx.sym.var(n) for n in ("x", "gamma", "mean", "var"))
    first = mx.sym.BatchNorm(x, gamma, gamma, mean, var, name="b1", fix_gamma=False)
    return mx.sym.BatchNorm(first, gamma, gamma, mean, var, name="b2", output_mean_var=True)[0] + mean


def internals(mx: Any) -> Any:
    return mx.sym.BatchNorm(mx.sym.Dropout(mx.sym.var("x"), name="d"), name="b").get_internals()


def composed(mx: Any) -> Any:
    net = mx.sym.FullyConnected(mx.sym.var("x"), num_hidden=3, name="f") + 1
    return net(x=mx.sym.var("y") * 2, f_weight=mx.sym.var("w"), name="end")


def prelu(mx: Any) -> Any:
    return mx.sym.LeakyReLU(mx.sym.LeakyReLU(mx.sym.var("x"), act_type="prelu", name="p"), slope=0.1)


def constants(mx: Any) -> Any:
    zeros = mx.sym.zeros((2, 3), dtype="float16") + mx.sym.ones((2, 3), name="one")
    return mx.sym.Group([zeros, mx.sym.arange(3), mx.sym.arange(0, None, 2, dtype="int32"), mx.sym.full((2,), 3)])


def methods(mx: Any) -> Any:
    x = mx.sym.var("x").reshape((0, -1)).transpose((1, 0)).expand_dims(1, inplace=True).swapaxes(0, 1)
    return x.sum(axis=1, keepdims=True).astype("float16").flatten().slice_axis(axis=0, begin=0, end=None).exp().softmax()


def random(mx: Any) -> Any:
    loc = mx.sym.var("loc")
    draws = [mx.sym.random.uniform(0, 2, shape=(2,)), mx.sym.random.normal(shape=(3, 2), dtype="float16", name="n")]
    return mx.sym.Group([*draws, mx.sym.random.normal(loc, loc, shape=2)])


CASES: dict[str, Callable[[Any], Any]] = {
    f.__name__: f
    for f in (
        lenet_like, extended, variable, placed, automatic_names, scalars, tensors, mixed, outputs_of_split, many_inputs, variadic_by_name,
        shared_statistics, internals, composed, prelu, constants, methods, random,
    )
}  # fmt: skip


def describe(symbol: Any) -> dict[str, Any]:
    """What is compared of a symbol."""
    return {
        "json": symbol.tojson(),
        "debug_str": symbol.debug_str(),
        "repr": repr(symbol),
        "name": symbol.name,
        "arguments": symbol.list_arguments(),
        "outputs": symbol.list_outputs(),
        "auxiliary": symbol.list_auxiliary_states(),
        "inputs": symbol.list_inputs(),
        "attributes": symbol.attr_dict(),
        "internals": symbol.get_internals().list_outputs(),
    }


if __name__ == "__main__":
    import mxnet

    recorded = {}
    for case, make in CASES.items():
        with mxnet.name.NameManager():
            recorded[case] = describe(make(mxnet))
    with open(RECORDED, "w", encoding="utf-8") as file:
        json.dump(recorded, file, indent=1, sort_keys=True)
        file.write("\n")
