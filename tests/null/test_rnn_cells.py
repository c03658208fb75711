"""mx.rnn: the graphs that cells make are MXNet's, node by node; weights packed and unpacked; sentences; misuse."""

import gzip
import json
from pathlib import Path

import pytest

import clsym as mx
from tests.reference.rnn_cases import CELLS, WAYS, graph, used

RECORDED = json.loads(gzip.decompress((Path(__file__).parents[1] / "reference" / "rnn.json.gz").read_bytes()))


@pytest.mark.filterwarnings("ignore:NTC layout")
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("cell", CELLS)
def test_graphs_are_mxnets(cell: str, way: str) -> None:
    if used(cell, way):
        assert graph(mx, cell, way) == RECORDED[f"{cell}/{way}"]


def test_states_and_steps_are_counted() -> None:
    cell = mx.rnn.LSTMCell(5)
    states = cell.begin_state(func=mx.sym.Variable)
    assert [s.name for s in states] == ["lstm_begin_state_0", "lstm_begin_state_1"]
    assert states[0].attr("__layout__") == "NC"
    first, _ = cell(mx.sym.Variable("x"), states)
    second, _ = cell(mx.sym.Variable("x"), states)
    assert (first.name, second.name) == ("lstm_t0_out", "lstm_t1_out")
    cell.reset()
    assert cell(mx.sym.Variable("x"), states)[0].name == "lstm_t0_out"
    assert cell.begin_state(func=mx.sym.Variable)[0].name == "lstm_begin_state_0"


def test_shared_parameters() -> None:
    shared = mx.rnn.RNNParams("s_")
    a, b = mx.rnn.GRUCell(3, prefix="a_", params=shared), mx.rnn.GRUCell(3, prefix="b_", params=shared)
    out = mx.sym.Group([cell.unroll(2, mx.sym.Variable("x"), merge_outputs=True)[0] for cell in (a, b)])
    assert [n for n in out.list_arguments() if n != "x"] == ["s_i2h_weight", "s_i2h_bias", "s_h2h_weight", "s_h2h_bias"]


@pytest.mark.parametrize(
    ("misuse", "kind", "text"),
    [
        (lambda r: r.LSTMCell(5).unroll(2, [mx.sym.Variable("a")]), AssertionError, "2 steps was given 1"),
        (lambda r: r.LSTMCell(5).unroll(2, mx.sym.Group([mx.sym.Variable("a"), mx.sym.Variable("b")])), AssertionError, "grouped symbol"),
        (lambda r: r.LSTMCell(5).unroll(2, None), AssertionError, "inputs=None"),
        (lambda r: r.ZoneoutCell(r.FusedRNNCell(3)), AssertionError, "unfuse first"),
        (lambda r: r.ZoneoutCell(r.BidirectionalCell(r.LSTMCell(3), r.LSTMCell(3)), 0.1), AssertionError, "underneath"),
        (lambda r: r.BidirectionalCell(r.LSTMCell(3), r.LSTMCell(3))(mx.sym.Variable("x"), []), NotImplementedError, "Please use unroll"),
        (lambda r: r.FusedRNNCell(3)(mx.sym.Variable("x"), []), NotImplementedError, "Please use unroll"),
        (lambda r: r.SequentialRNNCell().add(3), AttributeError, "takes a cell"),
        (lambda r: r.SequentialRNNCell(params=r.RNNParams("z_")).add(r.LSTMCell(3)), AssertionError, "not both"),
        (lambda r: r.ZoneoutCell(r.LSTMCell(3), 0.1).base_cell.begin_state(), AssertionError, "modifier cell"),
        (lambda r: r.ConvLSTMCell((1, 3, 8, 8), 4, h2h_kernel=(2, 3)), AssertionError, "odd"),
        (lambda r: r.FusedRNNCell(3).unroll(2, mx.sym.Variable("x"), layout="NCT"), AssertionError, "layout"),
        (lambda r: r.encode_sentences([["z"]], vocab={"a": 1}), AssertionError, "Unknown token z"),
    ],
)
def test_misuse(misuse, kind, text: str) -> None:
    with pytest.raises(kind, match=text):
        misuse(mx.rnn)


def test_sentences() -> None:
    encode = mx.rnn.encode_sentences
    assert encode([["a", "b"], ["b", "c"]]) == ([[0, 1], [1, 2]], {"\n": -1, "a": 0, "b": 1, "c": 2})
    assert encode([["a", "b"], ["b", "c"]], start_label=3, invalid_label=4) == ([[3, 5], [5, 6]], {"\n": 4, "a": 3, "b": 5, "c": 6})
    assert encode([["a"], ["z"]], vocab={"a": 1}, unknown_token="<u>") == ([[1], [0]], {"a": 1, "<u>": 0})


def test_checkpoints_of_other_epochs_are_not_written(tmp_path: Path) -> None:
    mx.rnn.do_rnn_checkpoint(mx.rnn.GRUCell(4), str(tmp_path / "m"), period=3)(0, None, {}, {})
    assert not list(tmp_path.iterdir())
