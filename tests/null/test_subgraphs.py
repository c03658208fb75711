"""Nodes that hold graphs: read and written as MXNet does, and seen by the rules of their operator."""

from __future__ import annotations

from pathlib import Path

import pytest

import clsym as mx
from clsym.base import MXNetError

FILE = Path(__file__).parents[1] / "reference" / "symbol" / "foreach.json"


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
        mx.sym.load_json(plain.replace('"inputs": [[0, 0, 0]]', f'"inputs": [[0, 0, 0]], "subgraphs": [{plain}]'))
