"""Nodes that hold graphs: read and written as MXNet does, and seen by the rules of their operator."""

from __future__ import annotations

from pathlib import Path

import pytest

import clsym as mx
from clsym.base import MXNetError
from clsym.graph.contract import registry
from clsym.graph.contract.op import Op
from clsym.graph.contract.spec import PartialShape
from clsym.params import Int, Params, Str

FILE = Path(__file__).parents[1] / "reference" / "symbol" / "foreach.json"


class Foreach(Op):
    """As much of a loop as files and shapes need: the body's outputs are those of the node, one more dimension in front of the first."""

    name = "_foreach"
    variadic = "num_args"
    subgraphs = 1
    params = {name: Str("[]") for name in ("in_data_locs", "in_state_locs", "remain_locs")} | {
        name: Int(1) for name in ("num_args", "num_outputs", "num_out_data")
    }

    def input_names(self, p: Params) -> tuple[str, ...]:
        return tuple(n.name for n in p.subgraphs[0].inputs)

    def output_names(self, p: Params) -> tuple[str, ...]:
        return tuple(f"output{i}" for i in range(len(p.subgraphs[0].heads)))

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        return ins, [ins[0], ins[1]]


@pytest.fixture(autouse=True)
def operator(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_REGISTRY", dict(registry._REGISTRY))
    monkeypatch.setattr(registry, "_NAMES", dict(registry._NAMES))
    if not registry.has_op(Foreach.name):
        registry.register(Foreach)


def test_a_body_is_read_and_written_as_in_mxnet() -> None:
    text = FILE.read_text(encoding="utf-8").rstrip("\n")
    net = mx.sym.load_json(text)
    assert net.list_arguments() == ["data", "s", "w"]
    assert net.list_outputs() == ["_foreach0_output0", "_foreach0_output1"]
    node = net._entries[0].node
    body = node.params.subgraphs[0]
    assert [n.name for n in body.inputs] == ["data-0", "w", "s-0"]
    assert [h.name for h in body.heads] == ["_plus0_output", "_plus1_output"]
    assert net.tojson() == text


def test_wrong_bodies_are_refused() -> None:
    text = FILE.read_text(encoding="utf-8")
    with pytest.raises(MXNetError, match="holds 0 subgraphs, but the operator takes 1"):
        mx.sym.load_json(text.replace('"subgraphs"', '"ignored"'))
    plain = mx.sym.relu(mx.sym.Variable("x"), name="act").tojson()
    with pytest.raises(MXNetError, match="holds 1 subgraphs, but the operator takes none"):
        mx.sym.load_json(plain.replace('"inputs": [[0, 0, 0]]', '"inputs": [[0, 0, 0]], "subgraphs": [{}]'))
