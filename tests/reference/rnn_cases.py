"""Recurrent networks by `mx.rnn`, the same for clsym and for the MXNet that recorded their graphs."""

import json


def _sequence(mx):
    stack = mx.rnn.SequentialRNNCell()
    stack.add(mx.rnn.LSTMCell(4, prefix="a_"))
    stack.add(mx.rnn.DropoutCell(0.5))
    stack.add(mx.rnn.GRUCell(3, prefix="b_"))
    return stack


def _both(mx):
    return mx.rnn.BidirectionalCell(mx.rnn.LSTMCell(4, prefix="l_"), mx.rnn.GRUCell(3, prefix="r_"))


CELLS = {
    "rnn": lambda mx: mx.rnn.RNNCell(5, "relu"),
    "lstm": lambda mx: mx.rnn.LSTMCell(5, prefix="q_", forget_bias=2.0),
    "gru": lambda mx: mx.rnn.GRUCell(5),
    "sequence": _sequence,
    "both": _both,
    "fused lstm": lambda mx: mx.rnn.FusedRNNCell(5, 2, "lstm", True, dropout=0.3, get_next_state=True),
    "fused gru": lambda mx: mx.rnn.FusedRNNCell(5, 1, "gru", prefix="zz_"),
    "unfused": lambda mx: mx.rnn.FusedRNNCell(5, 2, "gru", True, dropout=0.3).unfuse(),
    "dropout": lambda mx: mx.rnn.DropoutCell(0.5),
    "zoneout": lambda mx: mx.rnn.ZoneoutCell(mx.rnn.LSTMCell(4), 0.3, 0.2),
    "residual": lambda mx: mx.rnn.ResidualCell(mx.rnn.RNNCell(4)),
    "residual fused": lambda mx: mx.rnn.ResidualCell(mx.rnn.FusedRNNCell(4, 1)),
    "conv rnn": lambda mx: mx.rnn.ConvRNNCell((1, 3, 8, 8), 4),
    "conv lstm": lambda mx: mx.rnn.ConvLSTMCell(
        (1, 8, 8, 3), 4, conv_layout="NHWC", activation="tanh", prefix="c_", i2h_weight_initializer="ones"
    ),
    "conv gru": lambda mx: mx.rnn.ConvGRUCell((1, 3, 8, 8), 4, h2h_kernel=(5, 3), i2h_stride=(2, 2)),
}
WAYS = {
    "whole": {},
    "merged": {"layout": "TNC", "merge_outputs": True},
    "list": {"merge_outputs": False},
}


def _flat(found):
    return [f for part in found for f in _flat(part)] if isinstance(found, (list, tuple)) else [found]


def graph(mx, cell, way):
    """The graph of two steps: a node is operator, name, attributes, inputs; then the heads."""
    with mx.name.NameManager():
        x = [mx.sym.Variable("a"), mx.sym.Variable("b")] if way == "list" else mx.sym.Variable("x")
        outputs, states = CELLS[cell](mx).unroll(2, inputs=x, **WAYS[way])
        found = json.loads(mx.sym.Group(_flat([outputs, states])).tojson())
    nodes = [[n["op"], n["name"], n.get("attrs", {}), [i[:2] for i in n["inputs"]]] for n in found["nodes"]]
    return {"nodes": nodes, "heads": [h[:2] for h in found["heads"]]}


def used(cell, way):
    """Whether MXNet can unroll the cell so."""
    return not (cell.startswith("conv") and way == "merged")
