"""What all cells have: parameters that are shared by name, states to begin with, steps that are counted, unrolling."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .. import ndarray, symbol
from .sequences import Inputs, steps_or_whole

__all__ = ["BaseRNNCell", "RNNParams"]

Symbol = symbol.Symbol
Arrays = dict[str, Any]

_MODIFIED = "After applying modifier cells (e.g. DropoutCell) the base cell cannot be called directly. Call the modifier cell instead."


class RNNParams:
    """Variables by name: cells that are given the same `RNNParams` share their weights.

    >>> import clsym as mx
    >>> shared = mx.rnn.RNNParams('enc_')
    >>> shared.get('i2h_weight') is shared.get('i2h_weight')
    True
    """

    def __init__(self, prefix: str = "") -> None:
        self._prefix = prefix
        self._params: dict[str, Symbol] = {}

    def get(self, name: str, **kwargs: Any) -> Symbol:
        """The variable of that name behind the prefix; it is made, with the attributes given, the first time."""
        name = self._prefix + name
        if name not in self._params:
            self._params[name] = symbol.Variable(name, **kwargs)
        return self._params[name]


class BaseRNNCell:
    """The base of all cells. A cell of one's own has `__call__`, `state_info` and, for its gates, `_gate_names`.

    Parameters
    ----------
    prefix
        Stands before the names of the cell's nodes and parameters.
    params
        Parameters of other cells, to be shared.
    """

    _num_hidden: int

    def __init__(self, prefix: str = "", params: RNNParams | None = None) -> None:
        self._own_params = params is None
        self._prefix = prefix
        self._params = RNNParams(prefix) if params is None else params
        self._modified = False
        self.reset()

    def reset(self) -> None:
        """Counts steps and states from the start, as before the cell is unrolled again."""
        self._init_counter = -1
        self._counter = -1
        for cell in getattr(self, "_cells", ()):
            cell.reset()

    def __call__(self, inputs: Symbol, states: list[Any]) -> tuple[Symbol, list[Any]]:
        """One step: what comes out, and the states behind it.

        Parameters
        ----------
        inputs
            (batch_size, channels).
        states
            From `begin_state` or the step before.
        """
        raise NotImplementedError

    @property
    def params(self) -> RNNParams:
        """The cell's parameters, which from now on may be other cells' as well."""
        self._own_params = False
        return self._params

    @property
    def state_info(self) -> list[dict[str, Any]]:
        """Shape and layout of each state; 0 stands for the batch."""
        raise NotImplementedError

    @property
    def state_shape(self) -> list[tuple[int, ...]]:
        """Shapes of the states."""
        return [info["shape"] for info in self.state_info]

    @property
    def _gate_names(self) -> Sequence[str]:
        return ()

    def _assert_unmodified(self) -> None:
        if self._modified:
            raise AssertionError(_MODIFIED)

    def begin_state(self, func: Callable[..., Symbol] = symbol.zeros, **kwargs: Any) -> list[Symbol]:
        """States to start with.

        Parameters
        ----------
        func
            What makes one: `mx.sym.zeros`, `mx.sym.Variable` for states that the user gives, or another function of a name and a shape.
        **kwargs
            Passed on to it.
        """
        self._assert_unmodified()
        states = []
        for info in self.state_info:
            self._init_counter += 1
            states.append(func(name=f"{self._prefix}begin_state_{self._init_counter}", **{**info, **kwargs}))
        return states

    def _step_name(self) -> str:
        self._counter += 1
        return f"{self._prefix}t{self._counter}_"

    def unpack_weights(self, args: Mapping[str, Any]) -> Arrays:
        """The parameters with a matrix and a bias a gate, as other networks and files of `save_rnn_checkpoint` have them.

        >>> import clsym as mx
        >>> cell = mx.rnn.GRUCell(2, prefix='g_')
        >>> sizes = {'i2h_weight': (6, 3), 'i2h_bias': (6,), 'h2h_weight': (6, 2), 'h2h_bias': (6,)}
        >>> args = {f'g_{name}': mx.nd.zeros(shape) for name, shape in sizes.items()}
        >>> sorted(n for n in cell.unpack_weights(args) if 'weight' in n)[:2]
        ['g_h2h_o_weight', 'g_h2h_r_weight']
        >>> sorted(cell.pack_weights(cell.unpack_weights(args))) == sorted(args)
        True
        """
        args = dict(args)
        h = self._num_hidden if self._gate_names else 0
        for group in ("i2h", "h2h") if self._gate_names else ():
            weight, bias = (args.pop(f"{self._prefix}{group}_{kind}") for kind in ("weight", "bias"))
            for j, gate in enumerate(self._gate_names):
                args[f"{self._prefix}{group}{gate}_weight"] = weight[j * h : (j + 1) * h].copy()
                args[f"{self._prefix}{group}{gate}_bias"] = bias[j * h : (j + 1) * h].copy()
        return args

    def pack_weights(self, args: Mapping[str, Any]) -> Arrays:
        """The parameters as the cell has them, from those that `unpack_weights` gives."""
        args = dict(args)
        for group in ("i2h", "h2h") if self._gate_names else ():
            for kind in ("weight", "bias"):
                parts = [args.pop(f"{self._prefix}{group}{gate}_{kind}") for gate in self._gate_names]
                args[f"{self._prefix}{group}_{kind}"] = ndarray.concatenate(parts)
        return args

    def unroll(
        self, length: int, inputs: Inputs, begin_state: list[Any] | None = None, layout: str = "NTC", merge_outputs: bool | None = None
    ) -> tuple[Any, list[Any]]:
        """The cell over so many steps.

        Parameters
        ----------
        length
            Number of steps.
        inputs
            One symbol in the layout, or a list with one of (batch_size, channels) a step.
        begin_state
            States to start with; by default those of `begin_state()`.
        layout
            Of `inputs`, and of the outputs if they are one: 'NTC' or 'TNC'.
        merge_outputs
            True for one symbol, False for a list, None for what comes without more work.

        Returns
        -------
        outputs, states
            What came out of each step, and the states behind the last.
        """
        self.reset()
        inputs, _ = steps_or_whole(length, inputs, layout, False)
        states = self.begin_state() if begin_state is None else begin_state
        outputs = []
        for i in range(length):
            output, states = self(inputs[i], states)
            outputs.append(output)
        merged, _ = steps_or_whole(length, outputs, layout, merge_outputs)
        return merged, states

    def _get_activation(self, inputs: Symbol, activation: Any, **kwargs: Any) -> Symbol:
        found: Symbol = (
            symbol.Activation(inputs, act_type=activation, **kwargs) if isinstance(activation, str) else activation(inputs, **kwargs)
        )
        return found


def several(cells: Sequence[BaseRNNCell], method: str, args: Mapping[str, Any]) -> Mapping[str, Any]:
    """`pack_weights` or `unpack_weights` of all these cells, one after the other."""
    return functools.reduce(lambda found, cell: getattr(cell, method)(found), cells, args)
