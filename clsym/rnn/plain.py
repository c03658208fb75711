"""The three cells of matrices: RNN, LSTM, GRU."""

from __future__ import annotations

from functools import partial
from typing import Any

from .. import initializer, symbol
from .cell import BaseRNNCell, RNNParams
from .gates import gru_step, lstm_step

__all__ = ["GRUCell", "LSTMCell", "RNNCell"]

Symbol = symbol.Symbol


class _PlainCell(BaseRNNCell):
    """A weight and a bias from the input, and one of each from the state, for all gates together."""

    _between = ""

    def __init__(self, num_hidden: int, prefix: str, params: RNNParams | None, **i2h_bias: Any) -> None:
        super().__init__(prefix=prefix, params=params)
        self._num_hidden = num_hidden
        self._iW = self.params.get("i2h_weight")
        self._iB = self.params.get("i2h_bias", **i2h_bias)
        self._hW = self.params.get("h2h_weight")
        self._hB = self.params.get("h2h_bias")

    @property
    def state_info(self) -> list[dict[str, Any]]:
        return [{"shape": (0, self._num_hidden), "__layout__": "NC"}]

    def _sums(self, name: str, inputs: Symbol, state: Symbol) -> tuple[Symbol, Symbol]:
        width = self._num_hidden * len(self._gate_names)
        name += self._between
        return (
            symbol.FullyConnected(inputs, self._iW, self._iB, num_hidden=width, name=f"{name}i2h"),
            symbol.FullyConnected(state, self._hW, self._hB, num_hidden=width, name=f"{name}h2h"),
        )


class RNNCell(_PlainCell):
    """A step of the plain recurrent network: h' = act(W_i x + b_i + W_h h + b_h).

    Parameters
    ----------
    num_hidden
        Width of the state.
    activation
        'tanh', 'relu', another act_type of Activation, or a function of a symbol.
    prefix
        Stands before all names.
    params
        Parameters to be shared.
    """

    def __init__(self, num_hidden: int, activation: Any = "tanh", prefix: str = "rnn_", params: RNNParams | None = None) -> None:
        super().__init__(num_hidden, prefix, params)
        self._activation = activation

    @property
    def _gate_names(self) -> tuple[str, ...]:
        return ("",)

    def __call__(self, inputs: Symbol, states: list[Any]) -> tuple[Symbol, list[Any]]:
        name = self._step_name()
        i2h, h2h = self._sums(name, inputs, states[0])
        output = self._get_activation(i2h + h2h, self._activation, name=f"{name}out")
        return output, [output]


class LSTMCell(_PlainCell):
    """A step of long short-term memory, gates in the order i, f, c, o (Hochreiter and Schmidhuber 1997, with forget gates).

    Parameters
    ----------
    num_hidden
        Width of the two states.
    prefix
        Stands before all names.
    params
        Parameters to be shared.
    forget_bias
        What the forget gates' bias is initialised to.
    """

    def __init__(self, num_hidden: int, prefix: str = "lstm_", params: RNNParams | None = None, forget_bias: float = 1.0) -> None:
        super().__init__(num_hidden, prefix, params, init=initializer.LSTMBias(forget_bias=forget_bias))

    @property
    def state_info(self) -> list[dict[str, Any]]:
        return super().state_info * 2

    @property
    def _gate_names(self) -> list[str]:
        return ["_i", "_f", "_c", "_o"]

    def __call__(self, inputs: Symbol, states: list[Any]) -> tuple[Symbol, list[Any]]:
        name = self._step_name()
        i2h, h2h = self._sums(name, inputs, states[0])
        return lstm_step(name, i2h + h2h, states[1], partial(symbol.Activation, act_type="tanh"))


class GRUCell(_PlainCell):
    """A step of the gated recurrent unit, gates in the order r, z, o, the reset gate behind the matrix as in cuDNN (Cho et al. 2014).

    Parameters
    ----------
    num_hidden
        Width of the state.
    prefix
        Stands before all names.
    params
        Parameters to be shared.
    """

    _between = "_"

    def __init__(self, num_hidden: int, prefix: str = "gru_", params: RNNParams | None = None) -> None:
        super().__init__(num_hidden, prefix, params)

    @property
    def _gate_names(self) -> list[str]:
        return ["_r", "_z", "_o"]

    def __call__(self, inputs: Symbol, states: list[Any]) -> tuple[Symbol, list[Any]]:
        name = self._step_name()
        i2h, h2h = self._sums(name, inputs, states[0])
        return gru_step(name, i2h, h2h, states[0], partial(symbol.Activation, act_type="tanh"))
