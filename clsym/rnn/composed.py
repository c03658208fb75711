"""Cells that are made of cells: one behind the other, and both ways."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from .. import symbol
from .cell import Arrays, BaseRNNCell, RNNParams, several
from .sequences import Inputs, steps_or_whole

__all__ = ["BidirectionalCell", "SequentialRNNCell"]

Symbol = symbol.Symbol


class _ComposedCell(BaseRNNCell):
    def __init__(self, params: RNNParams | None) -> None:
        super().__init__(prefix="", params=params)
        self._override_cell_params = params is not None
        self._cells: list[BaseRNNCell] = []

    def _join(self, cell: BaseRNNCell) -> None:
        if self._override_cell_params:
            if not cell._own_params:
                raise AssertionError(f"Either specify params for {type(self).__name__} or child cells, not both.")
            cell.params._params.update(self.params._params)
        self.params._params.update(cell.params._params)
        self._cells.append(cell)

    @property
    def state_info(self) -> list[dict[str, Any]]:
        return [info for cell in self._cells for info in cell.state_info]

    def begin_state(self, func: Callable[..., Symbol] = symbol.zeros, **kwargs: Any) -> list[Symbol]:
        self._assert_unmodified()
        return [state for cell in self._cells for state in cell.begin_state(func, **kwargs)]

    def unpack_weights(self, args: Mapping[str, Any]) -> Arrays:
        return dict(several(self._cells, "unpack_weights", args))

    def pack_weights(self, args: Mapping[str, Any]) -> Arrays:
        return dict(several(self._cells, "pack_weights", args))


class SequentialRNNCell(_ComposedCell):
    """Cells one behind the other: what comes out of one is the next one's input.

    Parameters
    ----------
    params
        Parameters to be shared.

    Examples
    --------
    >>> import clsym as mx
    >>> stack = mx.rnn.SequentialRNNCell()
    >>> stack.add(mx.rnn.LSTMCell(8, prefix='a_'))
    >>> stack.add(mx.rnn.GRUCell(4, prefix='b_'))
    >>> stack.state_shape
    [(0, 8), (0, 8), (0, 4)]
    """

    def __init__(self, params: RNNParams | None = None) -> None:
        super().__init__(params)

    def add(self, cell: BaseRNNCell) -> None:
        """Puts a cell behind the last."""
        if not isinstance(cell, BaseRNNCell):
            raise AttributeError(f"SequentialRNNCell.add takes a cell, not {cell!r} of type {type(cell).__name__}")
        self._join(cell)

    def __call__(self, inputs: Symbol, states: list[Any]) -> tuple[Symbol, list[Any]]:
        self._counter += 1
        following: list[Any] = []
        at = 0
        for cell in self._cells:
            if isinstance(cell, BidirectionalCell):
                raise AssertionError("a BidirectionalCell cannot be stepped: unroll the SequentialRNNCell that it is in")
            n = len(cell.state_info)
            inputs, state = cell(inputs, states[at : at + n])
            at += n
            following += state
        return inputs, following

    def unroll(
        self, length: int, inputs: Inputs, begin_state: list[Any] | None = None, layout: str = "NTC", merge_outputs: bool | None = None
    ) -> tuple[Any, list[Any]]:
        self.reset()
        inputs, _ = steps_or_whole(length, inputs, layout, None)
        states = self.begin_state() if begin_state is None else begin_state
        following: list[Any] = []
        at = 0
        for i, cell in enumerate(self._cells):
            n = len(cell.state_info)
            merge = None if i < len(self._cells) - 1 else merge_outputs
            inputs, state = cell.unroll(length, inputs, states[at : at + n], layout, merge)
            at += n
            following += state
        return inputs, following


class BidirectionalCell(_ComposedCell):
    """One cell from the first step to the last, another back, and both outputs of a step side by side.

    Parameters
    ----------
    l_cell, r_cell
        The cell forward and the cell backward.
    params
        Parameters to be shared.
    output_prefix
        Stands before the outputs' names.
    """

    def __init__(self, l_cell: BaseRNNCell, r_cell: BaseRNNCell, params: RNNParams | None = None, output_prefix: str = "bi_") -> None:
        super().__init__(params)
        self._output_prefix = output_prefix
        for cell in (l_cell, r_cell):
            self._join(cell)

    def __call__(self, inputs: Symbol, states: list[Any]) -> tuple[Symbol, list[Any]]:
        raise NotImplementedError("Bidirectional cannot be stepped. Please use unroll")

    def unroll(
        self, length: int, inputs: Inputs, begin_state: list[Any] | None = None, layout: str = "NTC", merge_outputs: bool | None = None
    ) -> tuple[Any, list[Any]]:
        self.reset()
        inputs, axis = steps_or_whole(length, inputs, layout, False)
        states = self.begin_state() if begin_state is None else begin_state
        there, back = self._cells
        n = len(there.state_info)
        ahead, ahead_states = there.unroll(length, inputs, states[:n], layout, merge_outputs)
        behind, behind_states = back.unroll(length, list(reversed(inputs)), states[n:], layout, merge_outputs)
        if merge_outputs is None:
            merge_outputs = isinstance(ahead, Symbol) and isinstance(behind, Symbol)
            if not merge_outputs:
                ahead, behind = (steps_or_whole(length, side, layout, False)[0] for side in (ahead, behind))
        if merge_outputs:
            behind = symbol.reverse(behind, axis=axis)
            outputs: Any = symbol.Concat(ahead, behind, dim=2, name=f"{self._output_prefix}out")
        else:
            pairs = zip(ahead, reversed(behind), strict=True)
            outputs = [symbol.Concat(a, b, dim=1, name=f"{self._output_prefix}t{i}") for i, (a, b) in enumerate(pairs)]
        return outputs, [ahead_states, behind_states]
