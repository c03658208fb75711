"""Networks and how they are converted to mixed precision, the same for either library as `mx`."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any


def cases(mx: Any) -> dict[str, tuple[Callable[[], Any], dict[str, Any]]]:
    """By name, what makes a symbol, and the arguments of ``convert_symbol``."""
    sym = mx.sym
    data = sym.Variable("data")

    def fc(x: Any, name: str) -> Any:
        return sym.FullyConnected(x, sym.Variable(f"{name}_w"), num_hidden=4, no_bias=True, name=name)

    def wide(name: str = "e0") -> Any:
        return sym.exp(data, name=name)

    def flat(name: str = "fl") -> Any:
        return sym.Flatten(data, name=name)

    def lenet() -> Any:
        x = sym.Activation(sym.Convolution(data, kernel=(3, 3), num_filter=4, name="c1"), act_type="tanh", name="a1")
        x = sym.Flatten(sym.Pooling(x, kernel=(2, 2), name="p1"), name="f")
        return sym.SoftmaxOutput(sym.FullyConnected(x, num_hidden=4, name="fc"), name="softmax")

    def residual() -> Any:
        x = sym.Convolution(data, kernel=(3, 3), pad=(1, 1), num_filter=4, no_bias=True, name="c1")
        norm = sym.BatchNorm(x, name="bn1")
        act = sym.Activation(norm, act_type="relu", name="a1")
        total = sym.elemwise_add(x, sym.Convolution(act, kernel=(3, 3), pad=(1, 1), num_filter=4, name="c2"), name="sum")
        both = sym.Concat(total, norm, act, dim=1, name="cat")
        shifted = sym.broadcast_add(sym.exp(both, name="ex"), sym.Variable("bias", shape=(1,), lr_mult=2.0), name="ba")
        last = sym.LeakyReLU(sym.Activation(shifted, act_type="softrelu", name="sr"), act_type="elu", name="lr")
        return sym.Group([sym.softmax(last, name="sm"), last, both])

    def shared() -> Any:
        w = sym.Variable("w")
        x = sym.FullyConnected(data, w, num_hidden=4, no_bias=True, name="f1")
        parts = sym.split(sym.FullyConnected(x, w, num_hidden=4, no_bias=True, name="f2"), num_outputs=2, name="sp")
        exps = [sym.exp(parts[0], name="e0"), sym.exp(parts[1], name="e1"), sym.exp(parts[1], name="e2")]
        product = sym.dot(parts[0], parts[1], name="dt")
        sums = sym.elemwise_add(sym.sum(product, name="q1"), sym.sum(product, name="q2"), name="ad")
        chosen = sym.where(product, product, sym.Variable("z", dtype="float32"), name="wh")
        return sym.Group([*exps, product, sums, sym.add_n(product, product, name="an"), chosen, sym.Concat(product, dim=0, name="c1")])

    def recurrent() -> Any:
        x = sym.Embedding(data, input_dim=10, output_dim=4, name="em")
        p, s, c = (sym.Variable(n) for n in "psc")
        x = sym.identity(sym.RNN(x, p, s, c, state_size=4, num_layers=1, mode="lstm", name="rnn"), name="id")
        return sym.BatchNorm(sym.FullyConnected(x, num_hidden=3, name="fc", attr={"ctx_group": "g", "__k__": "v"}), name="bn")

    def readers() -> Any:
        x, y = fc(data, "f1"), wide()
        return sym.Group([
            sym.exp(x, name="e2"), fc(y, "f9"), sym.elemwise_add(x, y, name="a1"), sym.elemwise_mul(x, fc(data, "f2"), name="a2"),
            sym.elemwise_add(y, data, name="a3"), sym.elemwise_add(fc(data, "f3"), data, name="a4"), sym.elemwise_add(y, sym.Variable("q"), name="a5"),
            sym.elemwise_add(sym.Variable("r"), x, name="a6"), sym.Concat(fc(data, "f4"), wide("e3"), flat(), dim=0, name="cc"),
        ])  # fmt: skip

    def neutral() -> Any:
        x, y = fc(data, "f1"), wide()
        return sym.Group([
            sym.exp(sym.slice_like(y, wide("e1"), name="sl"), name="n0"), fc(sym.cast(x, dtype="float32", name="ca"), "n1"),
            sym.exp(sym.cast(x, dtype="int32", name="ci"), name="n2"), sym.exp(sym.one_hot(sym.Variable("d3"), depth=3, name="oh"), name="n3"),
            sym.exp(sym.zeros((2,), name="z"), name="n4"), sym.shape_array(x, name="sh"), sym.exp(sym.gather_nd(y, flat(), name="g"), name="n5"),
            fc(sym.BatchNorm(y, name="bn"), "n6"), sym.exp(sym.BatchNorm(data, name="bm"), name="n7"), fc(sym.Dropout(sym.Variable("d8"), name="dr"), "n8"),
            fc(sym.transpose(x, name="t"), "n9"), sym.exp(sym.amp_cast(x, dtype="float16", name="ac"), name="na"),
        ])  # fmt: skip

    def excluded() -> Any:
        x = fc(sym.Flatten(fc(fc(data, "f1"), "f2"), name="fl"), "f3")
        return sym.elemwise_add(x, wide(), name="a")

    def variables() -> Any:
        w = sym.Variable("w")
        x = sym.FullyConnected(data, w, num_hidden=4, no_bias=True, name="f")
        return sym.Group([x, sym.exp(w, name="e"), sym.Flatten(w, name="fl"), sym.elemwise_add(x, w, name="a"), sym.Variable("head"),
                          sym.elemwise_add(sym.Variable("v1"), sym.Variable("v2"), name="vv")])  # fmt: skip

    lists = {
        "target_dtype_ops": ["Convolution", "Pooling"],
        "fp32_ops": ["FullyConnected"],
        "conditional_fp32_ops": [("Activation", "act_type", ["tanh"])],
    }
    noted = {"data_names": ["data"]}
    narrow = {**noted, "cast_optional_params": True}
    return {
        "lenet": (lenet, {}),
        "lenet, lists": (lenet, lists),
        "lenet, excluded": (lenet, {"excluded_sym_names": ["fc", "c1"]}),
        "lenet, optional without data": (lenet, {"cast_optional_params": True}),
        "lenet, noted": (lenet, {"data_names": ["data", "softmax_label"]}),
        "lenet, narrow": (lenet, {"data_names": ["data", "softmax_label"], "cast_optional_params": True}),
        "residual": (residual, {}),
        "residual, noted": (residual, noted),
        "residual, narrow": (residual, narrow),
        "shared": (shared, {}),
        "recurrent": (recurrent, {}),
        "recurrent, narrow": (recurrent, narrow),
        "readers": (readers, {}),
        "neutral": (neutral, {}),
        "excluded": (excluded, {"excluded_sym_names": ["f2", "fl", "a"]}),
        "variables": (variables, {}),
        "variables, narrow": (variables, narrow),
    }


def saved(mx: Any, convert: Callable[[Any], Any]) -> dict[str, list[Any]]:
    """Graphs as files without casts have them: casts stay where they are outputs."""
    both = mx.sym.amp_multicast(
        mx.sym.Variable("data"), mx.sym.amp_cast(mx.sym.Variable("b"), dtype="float16", name="b16"), num_outputs=2, name="mc"
    )
    made = {name: convert(cases(mx)[name][0]()) for name in ("lenet", "residual", "shared", "neutral")}
    made |= {"both": both, "second": both[1], "read": mx.sym.Group([mx.sym.exp(both[1], name="z"), both[0]])}
    return {name: graph(symbol, True) for name, symbol in made.items()}


def graph(symbol: Any, remove_amp_cast: bool = False) -> list[Any]:
    """A converted symbol as a file has it: operator, name, attributes and inputs of every node, and the outputs."""
    found = json.loads(symbol.tojson(remove_amp_cast=remove_amp_cast))
    nodes = [[n["op"], n["name"], n.get("attrs", {}), [x[:2] for x in n["inputs"]]] for n in found["nodes"]]
    return [nodes, [h[:2] for h in found["heads"]]]
