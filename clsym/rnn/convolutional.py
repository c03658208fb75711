"""The three cells with convolutions in the place of matrices."""

from __future__ import annotations

from functools import partial
from typing import Any

from .. import symbol
from .cell import BaseRNNCell, RNNParams
from .gates import gru_step, lstm_step

__all__ = ["BaseConvRNNCell", "ConvGRUCell", "ConvLSTMCell", "ConvRNNCell"]

Symbol = symbol.Symbol
Pair = tuple[int, int]

_leaky = partial(symbol.LeakyReLU, act_type="leaky", slope=0.2)


class BaseConvRNNCell(BaseRNNCell):
    """The base of the three, with MXNet's arguments; the convolution of the state keeps its height and width.

    Parameters
    ----------
    input_shape
        Of one step's input, batch first: (N, C, H, W), or (N, H, W, C) if `conv_layout` says so. The batch is not looked at.
    num_hidden
        Channels of the state.
    h2h_kernel, h2h_dilate, i2h_kernel, i2h_stride, i2h_pad, i2h_dilate
        Of the convolutions of the state and of the input; `h2h_kernel` is odd.
    i2h_weight_initializer, h2h_weight_initializer, i2h_bias_initializer, h2h_bias_initializer
        What fills the parameters.
    activation
        An act_type of Activation, or a function of a symbol.
    prefix
        Stands before all names.
    params
        Parameters to be shared.
    conv_layout
        'NCHW' or 'NHWC'.
    """

    def __init__(
        self,
        input_shape: tuple[int, ...],
        num_hidden: int,
        h2h_kernel: Pair,
        h2h_dilate: Pair,
        i2h_kernel: Pair,
        i2h_stride: Pair,
        i2h_pad: Pair,
        i2h_dilate: Pair,
        i2h_weight_initializer: Any,
        h2h_weight_initializer: Any,
        i2h_bias_initializer: Any,
        h2h_bias_initializer: Any,
        activation: Any,
        prefix: str = "",
        params: RNNParams | None = None,
        conv_layout: str = "NCHW",
    ) -> None:
        super().__init__(prefix=prefix, params=params)
        if h2h_kernel[0] % 2 != 1 or h2h_kernel[1] % 2 != 1:
            raise AssertionError(f"Only support odd number, get h2h_kernel= {h2h_kernel}")
        self._h2h_kernel = h2h_kernel
        self._h2h_dilate = h2h_dilate
        self._h2h_pad = (h2h_dilate[0] * (h2h_kernel[0] - 1) // 2, h2h_dilate[1] * (h2h_kernel[1] - 1) // 2)
        self._i2h_kernel = i2h_kernel
        self._i2h_stride = i2h_stride
        self._i2h_pad = i2h_pad
        self._i2h_dilate = i2h_dilate
        self._num_hidden = num_hidden
        self._input_shape = input_shape
        self._conv_layout = conv_layout
        self._activation = activation
        probe = symbol.Convolution(symbol.Variable("data"), num_filter=num_hidden, **self._i2h)
        self._state_shape = (0, *probe.infer_shape(data=input_shape)[1][0][1:])
        self._iW = self.params.get("i2h_weight", init=i2h_weight_initializer)
        self._hW = self.params.get("h2h_weight", init=h2h_weight_initializer)
        self._iB = self.params.get("i2h_bias", init=i2h_bias_initializer)
        self._hB = self.params.get("h2h_bias", init=h2h_bias_initializer)

    @property
    def _i2h(self) -> dict[str, Any]:
        return {
            "kernel": self._i2h_kernel, "stride": self._i2h_stride, "pad": self._i2h_pad, "dilate": self._i2h_dilate,
            "layout": self._conv_layout,
        }  # fmt: skip

    @property
    def _h2h(self) -> dict[str, Any]:
        return {
            "kernel": self._h2h_kernel, "stride": (1, 1), "pad": self._h2h_pad, "dilate": self._h2h_dilate, "layout": self._conv_layout,
        }  # fmt: skip

    @property
    def _num_gates(self) -> int:
        return len(self._gate_names)

    @property
    def state_info(self) -> list[dict[str, Any]]:
        return [{"shape": self._state_shape, "__layout__": self._conv_layout}]

    def _conv_forward(self, inputs: Symbol, states: list[Any], name: str) -> tuple[Symbol, Symbol]:
        channels = self._num_hidden * self._num_gates
        return (
            symbol.Convolution(inputs, self._iW, self._iB, num_filter=channels, name=f"{name}i2h", **self._i2h),
            symbol.Convolution(states[0], self._hW, self._hB, num_filter=channels, name=f"{name}h2h", **self._h2h),
        )

    def _activate(self, inputs: Symbol, **kwargs: Any) -> Symbol:
        return self._get_activation(inputs, self._activation, **kwargs)


class _Defaults(BaseConvRNNCell):
    """The arguments' defaults, the same in all three cells but for the prefix."""

    _named = ""

    def __init__(
        self,
        input_shape: tuple[int, ...],
        num_hidden: int,
        h2h_kernel: Pair = (3, 3),
        h2h_dilate: Pair = (1, 1),
        i2h_kernel: Pair = (3, 3),
        i2h_stride: Pair = (1, 1),
        i2h_pad: Pair = (1, 1),
        i2h_dilate: Pair = (1, 1),
        i2h_weight_initializer: Any = None,
        h2h_weight_initializer: Any = None,
        i2h_bias_initializer: Any = "zeros",
        h2h_bias_initializer: Any = "zeros",
        activation: Any = _leaky,
        prefix: str | None = None,
        params: RNNParams | None = None,
        conv_layout: str = "NCHW",
    ) -> None:
        super().__init__(
            input_shape, num_hidden, h2h_kernel, h2h_dilate, i2h_kernel, i2h_stride, i2h_pad, i2h_dilate, i2h_weight_initializer,
            h2h_weight_initializer, i2h_bias_initializer, h2h_bias_initializer, activation,
            self._named if prefix is None else prefix, params, conv_layout,
        )  # fmt: skip


class ConvRNNCell(_Defaults):
    """RNNCell with convolutions: h' = act(W_i * x + b_i + W_h * h + b_h). Arguments as BaseConvRNNCell's."""

    _named = "ConvRNN_"

    @property
    def _gate_names(self) -> tuple[str, ...]:
        return ("",)

    def __call__(self, inputs: Symbol, states: list[Any]) -> tuple[Symbol, list[Any]]:
        name = self._step_name()
        i2h, h2h = self._conv_forward(inputs, states, name)
        output = self._activate(i2h + h2h, name=f"{name}out")
        return output, [output]


class ConvLSTMCell(_Defaults):
    """LSTMCell with convolutions (Shi et al. 2015). Arguments as BaseConvRNNCell's.

    Examples
    --------
    >>> import clsym as mx
    >>> cell = mx.rnn.ConvLSTMCell(input_shape=(1, 3, 8, 8), num_hidden=4)
    >>> cell.state_shape
    [(0, 4, 8, 8), (0, 4, 8, 8)]
    """

    _named = "ConvLSTM_"

    @property
    def state_info(self) -> list[dict[str, Any]]:
        return super().state_info * 2

    @property
    def _gate_names(self) -> list[str]:
        return ["_i", "_f", "_c", "_o"]

    def __call__(self, inputs: Symbol, states: list[Any]) -> tuple[Symbol, list[Any]]:
        name = self._step_name()
        i2h, h2h = self._conv_forward(inputs, states, name)
        return lstm_step(name, i2h + h2h, states[1], self._activate, axis=self._conv_layout.find("C"))


class ConvGRUCell(_Defaults):
    """GRUCell with convolutions. Arguments as BaseConvRNNCell's."""

    _named = "ConvGRU_"

    @property
    def _gate_names(self) -> list[str]:
        return ["_r", "_z", "_o"]

    def __call__(self, inputs: Symbol, states: list[Any]) -> tuple[Symbol, list[Any]]:
        name = self._step_name()
        i2h, h2h = self._conv_forward(inputs, states, name)
        return gru_step(name, i2h, h2h, states[0], self._activate)
