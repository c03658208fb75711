"""Mixed precision: converted graphs, beside MXNet's."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import clsym as mx
from clsym.contrib import amp
from clsym.contrib.amp.insertion import _Insertion
from clsym.module.scaled_losses import SCALE, scaled_losses
from tests.reference import amp_cases

RECORDED = json.loads((Path(__file__).parents[1] / "reference" / "amp.json").read_text())
CASES = amp_cases.cases(mx)


@pytest.mark.parametrize("name", CASES)
def test_graphs_are_those_of_mxnet(name: str) -> None:
    make, arguments = CASES[name]
    before = make()
    text = before.tojson()
    assert amp_cases.graph(amp.convert_symbol(before, **arguments)) == RECORDED["graphs"][name]
    assert before.tojson() == text


def test_lists_are_those_of_mxnet() -> None:
    for name, digest in RECORDED["lists"].items():
        found = json.dumps(getattr(amp.lists.symbol_fp16, name)).encode()
        assert hashlib.sha256(found).hexdigest() == digest, name


@pytest.fixture
def inserted() -> Iterator[None]:
    amp.init()
    yield
    _Insertion.end()


@pytest.mark.parametrize("name", ["lenet", "residual", "shared", "recurrent"])
def test_casts_put_in_by_init_are_those_of_mxnet(name: str, inserted: None) -> None:
    def plain(graph: list[Any]) -> list[Any]:  # automatic names count on from what was before
        return [[n[0], n[0] if n[0].startswith("amp") else n[1], *n[2:]] for n in graph[0]]

    amp.init()
    with mx.name.NameManager():
        assert plain(amp_cases.graph(CASES[name][0]())) == plain(RECORDED["graphs"][f"{name}, by init"])


def test_refusals() -> None:
    net = mx.sym.FullyConnected(mx.sym.var("data"), num_hidden=1, name="fc")
    with pytest.raises(NotImplementedError, match="bfloat16"):
        amp.convert_symbol(net, "bfloat16")
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"target_dtype": "float64"}, "Only target_dtype float16"),
        ({"target_dtype_ops": "Convolution"}, "target_dtype_ops should be a list of strs"),
        ({"fp32_ops": [1]}, "fp32_ops should be a list of strs"),
        ({"conditional_fp32_ops": ["Activation"]}, "list of .str, str, list of str."),
        ({"excluded_sym_names": "fc"}, "excluded_sym_names should be a list of strs"),
        ({"target_dtype_ops": ["FullyConnected"], "fp32_ops": ["FullyConnected"]}, "in two or more lists"),
        ({"target_dtype_ops": ["Nope"]}, "not in any of them"),
    ]
    for given, message in wrong:
        with pytest.raises(AssertionError, match=message):
            amp.convert_symbol(net, **given)
    for strange in (5, None):
        with pytest.raises(AssertionError, match="should be Symbol"):
            amp.convert_symbol(strange)
    with pytest.raises(AssertionError, match="Second argument"):
        amp.convert_model(net, None, {})
    with pytest.raises(mx.MXNetError, match="zzz"):
        amp.convert_symbol(net, data_names=["zzz"])
    with pytest.raises(AssertionError, match="not supported type"):
        amp.list_fp32_ops("float32")
    with pytest.raises(TypeError, match=r"amp.init_trainer\(module\)"):
        amp.init_trainer(mx.optimizer.create("sgd"))
    with pytest.raises(AssertionError, match="not initialized"):
        amp.unscale(mx.mod.Module(mx.sym.MakeLoss(net, name="loss"), label_names=[]))


def test_saved_without_casts_is_as_of_mxnet() -> None:
    assert amp_cases.saved(mx, amp.convert_symbol) == RECORDED["saved"]
    before = CASES["lenet"][0]()
    after = amp.convert_symbol(before)
    assert after.tojson() == before.tojson()
    assert mx.sym.load_json(after.tojson(remove_amp_cast=False)).tojson(remove_amp_cast=False) == after.tojson(remove_amp_cast=False)


def test_losses_that_are_scaled_have_the_same_outputs_and_inputs() -> None:
    net = CASES["lenet"][0]()
    scaled = scaled_losses(amp.convert_symbol(net))
    assert scaled.list_outputs() == net.list_outputs()
    assert [n for n in scaled.list_arguments() if n != SCALE] == net.list_arguments()
    without = CASES["residual"][0]()
    assert scaled_losses(without).list_arguments() == without.list_arguments()
