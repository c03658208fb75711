"""Graphs as JSON: what MXNet 1.9.1 writes, byte for byte, and every form that files in the wild have."""

from __future__ import annotations

import json
import runpy
from pathlib import Path
from typing import Any

import pytest

import clsym as mx
from clsym.base import MXNetError
from clsym.naming import NameManager

REFERENCE = Path(__file__).parents[1] / "reference" / "symbol"
_module = runpy.run_path(str(REFERENCE / "cases.py"))
CASES, describe = _module["CASES"], _module["describe"]
RECORDED = json.loads((REFERENCE / "recorded.json").read_text(encoding="utf-8"))


def test_every_case_is_recorded():
    assert set(CASES) == set(RECORDED)


@pytest.mark.parametrize("case", CASES)
def test_as_mxnet_writes_it(case):
    with NameManager():
        symbol = CASES[case](mx)
    ours, theirs = describe(symbol), RECORDED[case]
    assert ours["json"] == theirs["json"]
    assert ours == theirs


@pytest.mark.parametrize("case", CASES)
def test_reads_back_identically(case):
    text = RECORDED[case]["json"]
    loaded = mx.sym.load_json(text)
    if case != "internals":  # MXNet forgets the versions of outputs that are variables, too
        assert loaded.tojson() == text
    assert loaded.list_outputs() == RECORDED[case]["outputs"]
    assert loaded.list_auxiliary_states() == RECORDED[case]["auxiliary"]


def variable(name: str, **fields: Any) -> dict[str, Any]:
    return {"op": "null", "name": name, "inputs": [], **fields}


def graph(*nodes: dict[str, Any], heads: Any = None, version: int | None = None, **fields: Any) -> str:
    text: dict[str, Any] = {"nodes": nodes, "arg_nodes": [i for i, n in enumerate(nodes) if n["op"] == "null"]}
    text["heads"] = heads if heads is not None else [[len(nodes) - 1, 0]]
    if version is not None:
        text["attrs"] = {"mxnet_version": ["int", version]}
    return json.dumps({**text, **fields})


def node(symbol: Any, index: int) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(symbol.tojson())["nodes"][index]
    return found


@pytest.mark.parametrize("field", ["param", "attr", "attrs"])
def test_parameters_under_each_name(field):
    fc = {"op": "FullyConnected", "name": "f", field: {"num_hidden": "3"}, "inputs": [[0, 0], [1, 0], [2, 0]], "backward_source_id": -1}
    symbol = mx.sym.load_json(graph(variable("x"), variable("w"), variable("b"), fc))
    assert symbol.list_attr() == {"num_hidden": "3"}
    assert symbol.infer_shape(x=(2, 5))[1] == [(2, 3)]


def test_param_and_attr_together():
    fc = {"op": "FullyConnected", "name": "f", "param": {"num_hidden": "3"}, "attr": {"ctx_group": "g"}, "inputs": [[0, 0], [1, 0], [2, 0]]}
    symbol = mx.sym.load_json(graph(variable("x"), variable("w"), variable("b"), fc))
    assert node(symbol, 3)["attrs"] == {"__ctx_group__": "g", "num_hidden": "3"}


def test_attributes_get_their_underscores():
    fc = {
        "op": "FullyConnected", "name": "f", "attr": {"num_hidden": "3", "no_bias": "True", "weight_lr_mult": "5", "wd_mult": "4"},
        "inputs": [[0, 0], [1, 0]],
    }  # fmt: skip
    symbol = mx.sym.load_json(graph(variable("x", attr={"lr_mult": "2", "mood": "good"}), variable("w"), fc))
    assert symbol.attr_dict()["x"] == {"__lr_mult__": "2", "lr_mult": "2", "mood": "good"}
    assert node(symbol, 1)["attrs"] == {"__lr_mult__": "5"}
    assert node(symbol, 2)["attrs"] == {"__wd_mult__": "4", "no_bias": "True", "num_hidden": "3"}


def test_attributes_of_new_files_stay():
    symbol = mx.sym.load_json(graph(variable("x", attrs={"lr_mult": "2"}), version=10901))
    assert node(symbol, 0)["attrs"] == {"lr_mult": "2"}
    assert symbol.attr("lr_mult") == "2"


def test_old_batch_norm_gets_its_statistics():
    bn = {"op": "BatchNorm", "name": "bn", "param": {"eps": "0.001"}, "inputs": [[0, 0], [1, 0], [2, 0]], "attr": {"lr_mult": "3"}}
    symbol = mx.sym.load_json(graph(variable("x"), variable("g"), variable("b"), bn))
    assert symbol.list_arguments() == ["x", "g", "b"]
    assert symbol.list_auxiliary_states() == ["bn_moving_mean", "bn_moving_var"]
    assert node(symbol, 3)["attrs"] == {"__init__": '["zero", {}]', "__lr_mult__": "3", "eps": "0.001"}
    assert node(symbol, 5)["inputs"] == [[0, 0, 0], [1, 0, 0], [2, 0, 0], [3, 0, 0], [4, 0, 0]]


def test_missing_inputs_become_variables():
    symbol = mx.sym.load_json(graph(variable("x"), {"op": "FullyConnected", "name": "f", "attr": {"num_hidden": "3"}, "inputs": [[0, 0]]}))
    assert symbol.list_arguments() == ["x", "f_weight", "f_bias"]


def test_aliases_become_canonical_names():
    symbol = mx.sym.load_json(graph(variable("x"), {"op": "_Plus", "name": "f", "inputs": [[0, 0], [0, 0]]}))
    assert node(symbol, 1)["op"] == "elemwise_add"


def test_nodes_in_any_order():
    later = {"op": "relu", "name": "second", "inputs": [[2, 0]]}
    symbol = mx.sym.load_json(graph(variable("x"), later, {"op": "relu", "name": "first", "inputs": [[0, 0]]}, heads=[[1, 0]]))
    assert symbol.get_internals().list_outputs() == ["x", "first_output", "second_output"]


def test_repeated_names_and_heads():
    nodes = [variable("a/b"), variable("a/b"), {"op": "elemwise_add", "name": "a/b", "inputs": [[0, 0], [1, 0]]}]
    symbol = mx.sym.load_json(graph(*nodes, heads=[[2, 0], [2, 0], [0, 0]]))
    assert symbol.list_arguments() == ["a/b", "a/b"]
    assert len(symbol) == 3
    assert mx.sym.load_json(symbol.tojson()).tojson() == symbol.tojson()


def test_unused_nodes_are_dropped():
    symbol = mx.sym.load_json(graph(variable("x"), variable("unused"), {"op": "relu", "name": "r", "inputs": [[0, 0]]}))
    assert symbol.list_arguments() == ["x"]


def test_declared_shapes_in_old_spelling():
    add = {"op": "elemwise_add", "name": "s", "inputs": [[0, 0], [1, 0]]}
    symbol = mx.sym.load_json(graph(variable("x", attr={"__shape__": "(32L, 0)"}), variable("y", attr={"__shape__": "[0,7]"}), add))
    assert symbol.infer_shape() == ([(32, 7), (32, 7)], [(32, 7)], [])


def test_control_characters_survive():
    name = 'tab\t quote" back\\slash newline\n bell\x07 é 中'
    symbol = mx.sym.load_json(mx.sym.var(name).tojson())
    assert symbol.name == name
    assert json.loads(symbol.tojson(), strict=False)["nodes"][0]["name"] == name


def test_save_and_load(tmp_path):
    symbol = mx.sym.relu(mx.sym.var("x"), name="é")
    path = tmp_path / "net-symbol.json"
    symbol.save(str(path))
    assert path.read_text(encoding="utf-8") == symbol.tojson()
    assert mx.sym.load(path).tojson() == symbol.tojson()
    assert [p.name for p in tmp_path.iterdir()] == ["net-symbol.json"]


def test_failed_save_leaves_the_old_file(tmp_path):
    path = tmp_path / "net-symbol.json"
    mx.sym.var("x").save(path)
    with pytest.raises(MXNetError, match="cannot save"):
        mx.sym.var("\ud800").save(path)
    assert mx.sym.load(path).name == "x"
    assert len(list(tmp_path.iterdir())) == 1
    with pytest.raises(MXNetError, match="nowhere"):
        mx.sym.var("x").save(tmp_path / "nowhere" / "x.json")


def test_casts_of_mixed_precision_are_left_out():
    cast = {"op": "amp_cast", "name": "c", "attrs": {"dtype": "float16"}, "inputs": [[0, 0]]}
    text = graph(variable("x"), cast, {"op": "relu", "name": "r", "inputs": [[1, 0]]})
    try:
        symbol = mx.sym.load_json(text)
    except MXNetError:
        pytest.skip("amp_cast is not there")
    assert [n["op"] for n in json.loads(symbol.tojson())["nodes"]] == ["null", "relu"]
    assert [n["op"] for n in json.loads(symbol.tojson(remove_amp_cast=False))["nodes"]] == ["null", "amp_cast", "relu"]
