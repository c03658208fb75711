"""Files that are broken or mean harm raise `MXNetError` that says where, soon, and nothing in them is executed."""

from __future__ import annotations

import json
import time

import pytest

import clsym as mx
from clsym.base import MXNetError


def variable(name="x", **fields):
    return {"op": "null", "name": name, "inputs": [], **fields}


def relu(*inputs, **fields):
    return {"op": "relu", "name": "r", "inputs": list(inputs), **fields}


def graph(*nodes, heads=None, **fields):
    return json.dumps({"nodes": nodes, "arg_nodes": [0], "heads": [[len(nodes) - 1, 0, 0]] if heads is None else heads, **fields})


FC = {"op": "FullyConnected", "name": "f", "inputs": [[0, 0]]}

BROKEN = {
    "empty": ("", "JSON"),
    "text": ("hello", "JSON"),
    "binary": ("\x12\x01\x00\x00", "JSON"),
    "truncated": (graph(variable(), relu([0, 0]))[:-20], "JSON"),
    "list": ("[1]", "object"),
    "number": ("3", "object"),
    "null": ("null", "object"),
    "no fields": ("{}", "nodes"),
    "no heads": ('{"nodes": []}', "heads"),
    "empty heads": (graph(variable(), heads=[]), "no outputs"),
    "no nodes": (graph(heads=[[0, 0, 0]]), "0 nodes"),
    "nodes is an object": ('{"nodes": {}, "heads": []}', "nodes"),
    "node is a number": (graph(variable(), 3), "node 1"),
    "node without op": (graph({"name": "x", "inputs": []}), "node 0"),
    "node without name": (graph({"op": "null", "inputs": []}), "node 0"),
    "op is a number": (graph({"op": 3, "name": "x", "inputs": []}), "node 0"),
    "name is a list": (graph({"op": "null", "name": ["x"], "inputs": []}), "node 0"),
    "inputs is an object": (graph(variable(), relu() | {"inputs": {}}), "inputs"),
    "attrs is a list": (graph(variable(), relu([0, 0], attrs=["x"])), "node 1"),
    "attribute is a number": (graph(variable(attrs={"a": 3})), "node 0"),
    "input out of range": (graph(variable(), relu([7, 0])), "node 7"),
    "input negative": (graph(variable(), relu([-1, 0])), "node -1"),
    "input is text": (graph(variable(), relu(["0", "0"])), "integers"),
    "input is true": (graph(variable(), relu([True, False])), "integers"),
    "input is a float": (graph(variable(), relu([0.0, 0])), "integers"),
    "input of four": (graph(variable(), relu([0, 0, 0, 0])), "integers"),
    "input of one": (graph(variable(), relu([0])), "integers"),
    "input huge": (graph(variable(), relu([10**30, 0])), "node 1"),
    "output out of range": (graph(variable(), relu([0, 1])), "output 1"),
    "output negative": (graph(variable(), relu([0, -1])), "negative"),
    "itself": (graph(variable(), relu([1, 0])), "cycle"),
    "cycle": (graph(variable(), relu([2, 0]), {"op": "relu", "name": "q", "inputs": [[1, 0]]}), "cycle"),
    "head out of range": (graph(variable(), heads=[[5, 0, 0]]), "head 0"),
    "head output out of range": (graph(variable(), heads=[[0, 5, 0]]), "output 5"),
    "head is a number": (graph(variable(), heads=[0]), "head 0"),
    "too many inputs": (graph(variable(), relu([0, 0], [0, 0])), "2 inputs"),
    "variable with inputs": (graph(variable(), {"op": "null", "name": "y", "inputs": [[0, 0]]}), "variable"),
    "unknown operator": (graph(variable(), relu([0, 0]) | {"op": "Reluu"}), "node 1"),
    "unknown parameter": (graph(variable(), FC | {"attrs": {"num_hidden": "3", "num_hiden": "3"}}), "num_hiden"),
    "missing parameter": (graph(variable(), FC), "num_hidden"),
    "wrong parameter": (graph(variable(), FC | {"attrs": {"num_hidden": "many"}}), "num_hidden"),
    "code as parameter": (graph(variable(), FC | {"attrs": {"num_hidden": "__import__('os').abort()"}}), "num_hidden"),
    "huge parameter": (graph(variable(), FC | {"attrs": {"num_hidden": "9" * 5000}}), "num_hidden"),
    "computed statistic": (
        graph(variable(), relu([0, 0]), {"op": "BatchNorm", "name": "b", "inputs": [[0, 0], [0, 0], [0, 0], [1, 0], [0, 0]]}), "auxiliary",
    ),
    "absurd number of inputs": (
        graph(variable(), {"op": "Concat", "name": "c", "inputs": [[0, 0]], "attrs": {"num_args": str(10**9)}}), "num_args",
    ),
    "absurd number of outputs": (
        graph(variable(), {"op": "SliceChannel", "name": "s", "inputs": [[0, 0]], "attrs": {"num_outputs": str(10**9)}}), "num_outputs",
    ),
    "version is a word": (graph(variable(), attrs={"mxnet_version": "1.9"}), "mxnet_version"),
    "attrs of the graph is a list": (graph(variable(), attrs=[]), "attrs"),
    "control dependency": (graph(variable(), relu([0, 0], control_deps=[0])), "control"),
    "deep lists": ("[" * 200000, "nested"),
    "deep input": (graph(variable(), relu([0, 0])).replace("[[0, 0]]", "[" * 100000 + "]" * 100000), "nested"),
    "a number of many digits": (graph(variable(), relu([0, 0])).replace("[[0, 0]]", "[[" + "1" * 100000 + ", 0]]"), "JSON"),
    "infinity as an index": (graph(variable(), relu([0, 0])).replace("[[0, 0]]", "[[Infinity, NaN]]"), "integers"),
}  # fmt: skip


@pytest.mark.parametrize("case", BROKEN)
def test_broken_file(case):
    text, where = BROKEN[case]
    start = time.perf_counter()
    with pytest.raises(MXNetError) as caught:
        mx.sym.load_json(text)
    assert where in str(caught.value)
    assert len(str(caught.value)) < 10000
    assert time.perf_counter() - start < 2


def test_the_message_names_node_operator_and_remedy():
    with pytest.raises(MXNetError, match=r"node 1 \('r', operator Reluu\).*Close names: relu") as caught:
        mx.sym.load_json(BROKEN["unknown operator"][0])
    assert "register" in str(caught.value)


def test_names_are_only_data(tmp_path):
    name = '"); system("touch owned"); //\\ */ #include </etc/passwd> \n__kernel %s {0}'
    text = graph(variable(name), relu([0, 0]) | {"name": name}, heads=[[1, 0]])
    symbol = mx.sym.load_json(text)
    assert symbol.list_arguments() == [name]
    assert symbol.list_outputs() == [name + "_output"]
    assert mx.sym.load_json(symbol.tojson()).tojson() == symbol.tojson()
    assert symbol.infer_shape(**{name: (2,)})[1] == [(2,)]


def test_hostile_declared_shapes():
    for text in ("(1, 'a')", "__import__('os').abort()", "(1e9,)", "9" * 100):
        symbol = mx.sym.load_json(graph(variable(attrs={"__shape__": text}), relu([0, 0])))
        with pytest.raises(MXNetError, match="__shape__"):
            symbol.infer_shape()
    symbol = mx.sym.load_json(graph(variable(attrs={"__dtype__": "77"}), relu([0, 0])))
    with pytest.raises(MXNetError, match="__dtype__"):
        symbol.infer_type()


def test_huge_shapes_are_only_numbers():
    symbol = mx.sym.load_json(graph(variable(attrs={"__shape__": f"({2**40}, {2**20})"}), relu([0, 0])))
    assert symbol.infer_shape()[1] == [(2**40, 2**20)]


def test_a_long_chain():
    count = 30000
    nodes = [variable(), *({"op": "relu", "name": f"r{i}", "inputs": [[i, 0, 0]]} for i in range(count))]
    symbol = mx.sym.load_json(graph(*nodes))
    assert symbol.tojson().count('"relu"') == count
    assert len(symbol.get_internals()) == count + 1
    assert symbol.infer_shape(x=(2, 3))[1] == [(2, 3)]
    assert symbol(x=mx.sym.var("y")).list_arguments() == ["y"]
    del symbol  # and is freed without recursion


def test_a_long_chain_backwards():
    count = 20000
    nodes = [{"op": "relu", "name": f"r{i}", "inputs": [[i + 1, 0, 0]]} for i in range(count)]
    symbol = mx.sym.load_json(graph(*nodes, variable(), heads=[[0, 0, 0]]))
    assert symbol.list_arguments() == ["x"]


def test_files(tmp_path):
    path = tmp_path / "net.params"
    path.write_bytes(bytes(range(256)))
    with pytest.raises(MXNetError, match=r"net\.params.*\.params file"):
        mx.sym.load(str(path))
    with pytest.raises(MXNetError, match=r"missing\.json"):
        mx.sym.load(str(tmp_path / "missing.json"))
    with pytest.raises(MXNetError):
        mx.sym.load(str(tmp_path))
    with pytest.raises(TypeError):
        mx.sym.load(3)
    with pytest.raises(TypeError):
        mx.sym.load_json(b"{}")
