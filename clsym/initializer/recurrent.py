"""The parameters of the fused recurrent operator, which are one vector."""

from __future__ import annotations

from collections.abc import Iterator

from .. import ndarray as nd
from ..base import MXNetError
from ..differences import differs
from .initializer import InitDesc, Initializer, create, register

__all__ = ["FusedRNN"]

_GATES = {"rnn_relu": ("",), "rnn_tanh": ("",), "lstm": ("_i", "_f", "_c", "_o"), "gru": ("_r", "_z", "_o")}


@register
class FusedRNN(Initializer):
    """Fills the vector of parameters of ``mx.sym.RNN``: every weight and bias in it by an initializer, as if it stood alone.

    Parameters
    ----------
    init : Initializer, str or None
        For weights and biases; None: the initializer that fills the other parameters of the network.
    num_hidden, num_layers, mode, bidirectional
        As for the operator.
    forget_bias : float
        For the biases of the forget gates of an LSTM.

    Raises
    ------
    MXNetError
        When called for a vector that is not as long as that of such a network for any input.

    Examples
    --------
    >>> import clsym as mx
    >>> a = mx.nd.empty(4 * (2 + 2 + 2))
    >>> fill = mx.init.FusedRNN(mx.init.One(), num_hidden=1, num_layers=1, mode='lstm')
    >>> fill._init_weight(mx.init.InitDesc('lstm_parameters'), a)
    >>> a[-8:].asnumpy().tolist()
    [0.0, 1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0]
    """

    def __init__(
        self,
        init: Initializer | str | None,
        num_hidden: int,
        num_layers: int,
        mode: str,
        bidirectional: bool = False,
        forget_bias: float = 1.0,
    ) -> None:
        inner: Initializer | None = create(init) if isinstance(init, str) else init
        super().__init__(
            init=inner.dumps() if inner is not None else None,
            num_hidden=num_hidden,
            num_layers=num_layers,
            mode=mode,
            bidirectional=bidirectional,
            forget_bias=forget_bias,
        )
        self._init = inner
        self._num_hidden = num_hidden
        self._num_layers = num_layers
        self._mode = mode
        self._bidirectional = bidirectional
        self._forget_bias = forget_bias

    def _parts(self, size: int, desc: str) -> Iterator[tuple[str, tuple[int, ...]]]:
        """Names and shapes of weights and biases, in their order in the vector."""
        if self._mode not in _GATES:
            raise MXNetError(f"FusedRNN: there is no mode {self._mode!r}; use one of {sorted(_GATES)}")
        gates, hidden = _GATES[self._mode], self._num_hidden
        ways = ("l", "r") if self._bidirectional else ("l",)
        rows = len(ways) * len(gates) * hidden  # of all directions of a layer
        deeper = (self._num_layers - 1) * rows * (len(ways) * hidden + hidden + 2)
        width, rest = divmod(size - deeper - rows * (hidden + 2), rows)
        if rest or width < 1:
            raise MXNetError(
                f"{desc}: a {self._mode} of {self._num_layers} layers of {hidden} units, bidirectional={self._bidirectional}, has no "
                f"vector of {size} parameters for any input; compare the arguments of FusedRNN with those of the operator"
            )
        for kind in ("weight", "bias"):
            for layer in range(self._num_layers):
                for way in ways:
                    for group in ("i2h", "h2h"):
                        inner = hidden if group == "h2h" else len(ways) * hidden if layer else width
                        for gate in gates:
                            yield f"{way}{layer}_{group}{gate}_{kind}", (hidden, inner) if kind == "weight" else (hidden,)

    def _init_weight(self, desc: str, arr: nd.NDArray) -> None:
        above = desc.global_init if isinstance(desc, InitDesc) else None
        fill = self._init if self._init is not None else above
        if fill is None:
            raise MXNetError(f"{desc}: FusedRNN(None, ...) fills as the network's initializer does, and there is none; name one")
        start = 0
        for name, shape in self._parts(arr.size, desc):
            count = shape[0] * (shape[1] if len(shape) == 2 else 1)
            part = arr[start : start + count]
            start += count
            if self._mode == "lstm" and name.endswith("_f_bias"):
                part[:] = self._forget_bias
            else:
                fill(InitDesc(name, global_init=above), part.reshape(shape))


differs(
    "FusedRNN",
    "an initializer can be made from what dumps() gave, whatever it fills with",
    "i = mx.init.FusedRNN(mx.init.One(), 1, 1, 'lstm'); print(mx.init.create(i.dumps())._init == mx.init.One())",
    ours="True",
    mxnet="KeyError",
    why="MXNet looks the inner initializer up in the wrong table.",
)
