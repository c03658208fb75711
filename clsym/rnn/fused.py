"""All steps and layers as one RNN operator."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np

from .. import initializer, ndarray, symbol
from .cell import Arrays, BaseRNNCell, RNNParams
from .composed import BidirectionalCell, SequentialRNNCell
from .modifiers import DropoutCell
from .plain import GRUCell, LSTMCell, RNNCell
from .sequences import Inputs, steps_or_whole

__all__ = ["FusedRNNCell"]

Symbol = symbol.Symbol
_GATES = {"rnn_relu": [""], "rnn_tanh": [""], "lstm": ["_i", "_f", "_c", "_o"], "gru": ["_r", "_z", "_o"]}


class FusedRNNCell(BaseRNNCell):
    """Layers of one kind, one or both ways, as one operator with all its parameters in one vector.

    Parameters
    ----------
    num_hidden
        Width of a state.
    num_layers
        Layers one behind the other.
    mode
        'rnn_relu', 'rnn_tanh', 'lstm' or 'gru'.
    bidirectional
        Both ways, side by side.
    dropout
        Between the layers, in training.
    get_next_state
        Whether `unroll` gives the last states; else none.
    forget_bias
        Of LSTMs, when they are initialised.
    prefix
        Stands before all names; by default the mode and an underscore.
    params
        Parameters to be shared.

    Examples
    --------
    >>> import clsym as mx
    >>> cell = mx.rnn.FusedRNNCell(8, num_layers=2, mode='gru')
    >>> out, _ = cell.unroll(5, mx.sym.Variable('data'), layout='TNC')
    >>> out.infer_shape(data=(5, 2, 3))[1]
    [(5, 2, 8)]
    """

    def __init__(
        self,
        num_hidden: int,
        num_layers: int = 1,
        mode: str = "lstm",
        bidirectional: bool = False,
        dropout: float = 0.0,
        get_next_state: bool = False,
        forget_bias: float = 1.0,
        prefix: str | None = None,
        params: RNNParams | None = None,
    ) -> None:
        super().__init__(prefix=f"{mode}_" if prefix is None else prefix, params=params)
        self._num_hidden = num_hidden
        self._num_layers = num_layers
        self._mode = mode
        self._bidirectional = bidirectional
        self._dropout = dropout
        self._get_next_state = get_next_state
        self._directions = ["l", "r"] if bidirectional else ["l"]
        init = initializer.FusedRNN(None, num_hidden, num_layers, mode, bidirectional, forget_bias)
        self._parameter = self.params.get("parameters", init=init)
        self._whole = f"{self.params._prefix}parameters"

    @property
    def state_info(self) -> list[dict[str, Any]]:
        info = {"shape": (len(self._directions) * self._num_layers, 0, self._num_hidden), "__layout__": "LNC"}
        return [dict(info) for _ in range(1 + (self._mode == "lstm"))]

    @property
    def _gate_names(self) -> list[str]:
        return _GATES[self._mode]

    @property
    def _num_gates(self) -> int:
        return len(self._gate_names)

    def _stretches(self, num_input: int) -> list[tuple[str, tuple[int, ...]]]:
        """Names and shapes of the matrices and biases in the order in which they lie in the vector: all matrices first."""
        h = self._num_hidden
        blocks = [(f"{d}{layer}_", layer) for layer in range(self._num_layers) for d in self._directions]
        found: list[tuple[str, tuple[int, ...]]] = []
        for block, layer in blocks:
            width = num_input if layer == 0 else h * len(self._directions)
            for group, columns in (("i2h", width), ("h2h", h)):
                found += [(f"{self._prefix}{block}{group}{gate}_weight", (h, columns)) for gate in self._gate_names]
        for block, _ in blocks:
            for group in ("i2h", "h2h"):
                found += [(f"{self._prefix}{block}{group}{gate}_bias", (h,)) for gate in self._gate_names]
        return found

    def _slice_weights(self, arr: Any, li: int, lh: int) -> Arrays:
        """Views of the parts of the vector `arr`, for inputs of width `li`. (`lh` is the width of the states.)"""
        found: Arrays = {}
        at = 0
        for name, shape in self._stretches(li):
            size = int(np.prod(shape))
            found[name] = arr[at : at + size].reshape(shape)
            at += size
        if at != arr.size:
            raise AssertionError(
                f"Invalid parameters size for FusedRNNCell: {self._prefix}parameters has {arr.size} elements, "
                f"{self._num_layers} layers of {lh} over inputs of {li} have {at}"
            )
        return found

    def unpack_weights(self, args: Mapping[str, Any]) -> Arrays:
        args = dict(args)
        arr = args.pop(self._whole)
        b, h = len(self._directions), self._num_hidden
        num_input = arr.size // b // h // self._num_gates - (self._num_layers - 1) * (h + b * h + 2) - h - 2
        return {**args, **{name: part.copy() for name, part in self._slice_weights(arr, num_input, h).items()}}

    def pack_weights(self, args: Mapping[str, Any]) -> Arrays:
        args = dict(args)
        first = args[f"{self._prefix}l0_i2h{self._gate_names[0]}_weight"]
        stretches = self._stretches(first.shape[1])
        whole = ndarray.concatenate([args.pop(name).reshape((-1,)) for name, _ in stretches])
        return {**args, self._whole: whole}

    def __call__(self, inputs: Symbol, states: list[Any]) -> tuple[Symbol, list[Any]]:
        raise NotImplementedError("FusedRNNCell cannot be stepped. Please use unroll")

    def unroll(
        self, length: int, inputs: Inputs, begin_state: list[Any] | None = None, layout: str = "NTC", merge_outputs: bool | None = None
    ) -> tuple[Any, list[Any]]:
        self.reset()
        inputs, axis = steps_or_whole(length, inputs, layout, True)
        if axis == 1:
            warnings.warn("NTC layout detected. Consider using TNC for FusedRNNCell for faster speed", stacklevel=2)
            inputs = symbol.swapaxes(inputs, dim1=0, dim2=1)
        elif axis != 0:
            raise AssertionError(f"Unsupported layout {layout}")
        states = self.begin_state() if begin_state is None else begin_state
        if self._get_next_state:
            for state in states:
                state._set_attr(__layout__="LNC")
        named = {"state": states[0], **({"state_cell": states[1]} if self._mode == "lstm" else {})}
        rnn = symbol.RNN(
            data=inputs,
            parameters=self._parameter,
            state_size=self._num_hidden,
            num_layers=self._num_layers,
            bidirectional=self._bidirectional,
            p=self._dropout,
            state_outputs=self._get_next_state,
            mode=self._mode,
            name=f"{self._prefix}rnn",
            **named,
        )
        outputs, last = (rnn[0], [rnn[1 + i] for i in range(len(named))]) if self._get_next_state else (rnn, [])
        for state in last:
            state._set_attr(__layout__="LNC")
        if axis == 1:
            outputs = symbol.swapaxes(outputs, dim1=0, dim2=1)
        outputs, _ = steps_or_whole(length, outputs, layout, merge_outputs)
        return outputs, last

    def unfuse(self) -> SequentialRNNCell:
        """The same network of plain cells, with the names that `unpack_weights` gives."""
        kinds: dict[str, Any] = {
            "rnn_relu": lambda prefix: RNNCell(self._num_hidden, activation="relu", prefix=prefix),
            "rnn_tanh": lambda prefix: RNNCell(self._num_hidden, activation="tanh", prefix=prefix),
            "lstm": lambda prefix: LSTMCell(self._num_hidden, prefix=prefix),
            "gru": lambda prefix: GRUCell(self._num_hidden, prefix=prefix),
        }
        cell = kinds[self._mode]
        stack = SequentialRNNCell()
        for i in range(self._num_layers):
            if self._bidirectional:
                there, back = (cell(f"{self._prefix}{d}{i}_") for d in self._directions)
                stack.add(BidirectionalCell(there, back, output_prefix=f"{self._prefix}bi_l{i}_"))
            else:
                stack.add(cell(f"{self._prefix}l{i}_"))
            if self._dropout > 0 and i != self._num_layers - 1:
                stack.add(DropoutCell(self._dropout, prefix=f"{self._prefix}_dropout{i}_"))
        return stack
