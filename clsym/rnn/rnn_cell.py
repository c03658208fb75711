"""All cells under the name that MXNet's scripts import them from: ``from mxnet.rnn.rnn_cell import LSTMCell``.

>>> import clsym as mx
>>> mx.rnn.rnn_cell.GRUCell is mx.rnn.GRUCell
True
"""

from __future__ import annotations

from .cell import BaseRNNCell, RNNParams
from .composed import BidirectionalCell, SequentialRNNCell
from .convolutional import BaseConvRNNCell, ConvGRUCell, ConvLSTMCell, ConvRNNCell
from .fused import FusedRNNCell
from .modifiers import DropoutCell, ModifierCell, ResidualCell, ZoneoutCell
from .plain import GRUCell, LSTMCell, RNNCell

__all__ = [
    "BaseConvRNNCell", "BaseRNNCell", "BidirectionalCell", "ConvGRUCell", "ConvLSTMCell", "ConvRNNCell", "DropoutCell", "FusedRNNCell",
    "GRUCell", "LSTMCell", "ModifierCell", "RNNCell", "RNNParams", "ResidualCell", "SequentialRNNCell", "ZoneoutCell",
]  # fmt: skip
