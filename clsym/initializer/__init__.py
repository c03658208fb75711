"""``mx.init``: what fills the parameters of a network before training.

>>> import clsym as mx
>>> net = mx.sym.FullyConnected(mx.sym.var('data'), weight=mx.sym.var('w', init=mx.init.One()), num_hidden=2, name='fc')
>>> fill, w = mx.init.Uniform(), mx.nd.empty((2, 3))
>>> fill(mx.init.InitDesc('w', net.attr_dict()['w']), w)
>>> w.asnumpy().tolist()
[[1.0, 1.0, 1.0], [1.0, 1.0, 1.0]]
"""

from __future__ import annotations

from .combined import Load, Mixed
from .constant import Bilinear, Constant, LSTMBias, One, Zero
from .drawn import MSRAPrelu, Normal, Orthogonal, Uniform, Xavier
from .initializer import InitDesc, Initializer, alias, create, register
from .recurrent import FusedRNN

__all__ = [
    "Bilinear", "Constant", "FusedRNN", "InitDesc", "Initializer", "LSTMBias", "Load", "MSRAPrelu", "Mixed", "Normal", "One", "Orthogonal",
    "Uniform", "Xavier", "Zero", "alias", "create", "register",
]  # fmt: skip
