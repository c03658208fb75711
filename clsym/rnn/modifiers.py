"""Cells that do something to what another cell gives: dropout, zoneout, a residual sum."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from .. import symbol
from .cell import Arrays, BaseRNNCell, RNNParams
from .composed import BidirectionalCell, SequentialRNNCell
from .sequences import Inputs, steps_or_whole

__all__ = ["DropoutCell", "ModifierCell", "ResidualCell", "ZoneoutCell"]

Symbol = symbol.Symbol


class DropoutCell(BaseRNNCell):
    """Dropout of what comes in; it has no state.

    Parameters
    ----------
    dropout
        The share that is dropped in training.
    prefix
        Stands before all names.
    params
        Parameters to be shared; it has none.
    """

    def __init__(self, dropout: float, prefix: str = "dropout_", params: RNNParams | None = None) -> None:
        super().__init__(prefix, params)
        if not isinstance(dropout, (int, float)):
            raise AssertionError(f"dropout probability must be a number, not {dropout!r}")
        self.dropout = dropout

    @property
    def state_info(self) -> list[dict[str, Any]]:
        return []

    def __call__(self, inputs: Symbol, states: list[Any]) -> tuple[Symbol, list[Any]]:
        return (symbol.Dropout(data=inputs, p=self.dropout) if self.dropout > 0 else inputs), states

    def unroll(
        self, length: int, inputs: Inputs, begin_state: list[Any] | None = None, layout: str = "NTC", merge_outputs: bool | None = None
    ) -> tuple[Any, list[Any]]:
        self.reset()
        inputs, _ = steps_or_whole(length, inputs, layout, merge_outputs)
        if isinstance(inputs, Symbol):
            return self(inputs, [])
        return [self(i, [])[0] for i in inputs], []


class ModifierCell(BaseRNNCell):
    """The base of cells around a cell, whose parameters they have. The inner cell can no longer be called itself.

    Parameters
    ----------
    base_cell
        The cell inside.
    """

    def __init__(self, base_cell: BaseRNNCell) -> None:
        base_cell._modified = True
        super().__init__()
        self.base_cell = base_cell

    @property
    def params(self) -> RNNParams:
        self._own_params = False
        return self.base_cell.params

    @property
    def state_info(self) -> list[dict[str, Any]]:
        return self.base_cell.state_info

    def begin_state(self, init_sym: Callable[..., Symbol] = symbol.zeros, **kwargs: Any) -> list[Symbol]:  # type: ignore[override]
        """States to start with, those of the inner cell; `init_sym` makes one."""
        self._assert_unmodified()
        self.base_cell._modified = False
        try:
            return self.base_cell.begin_state(kwargs.pop("func", init_sym), **kwargs)
        finally:
            self.base_cell._modified = True

    def unpack_weights(self, args: Mapping[str, Any]) -> Arrays:
        return self.base_cell.unpack_weights(args)

    def pack_weights(self, args: Mapping[str, Any]) -> Arrays:
        return self.base_cell.pack_weights(args)


class ZoneoutCell(ModifierCell):
    """Elements of outputs and states that stay as they were a step before, in training (Krueger et al. 2017).

    Parameters
    ----------
    base_cell
        The cell inside, one that can be stepped.
    zoneout_outputs, zoneout_states
        The shares that stay.
    """

    def __init__(self, base_cell: BaseRNNCell, zoneout_outputs: float = 0.0, zoneout_states: float = 0.0) -> None:
        if hasattr(base_cell, "unfuse"):
            raise AssertionError("FusedRNNCell doesn't support zoneout. Please unfuse first.")
        if isinstance(base_cell, BidirectionalCell):
            raise AssertionError(
                "BidirectionalCell doesn't support zoneout since it doesn't support step. "
                "Please add ZoneoutCell to the cells underneath instead."
            )
        if isinstance(base_cell, SequentialRNNCell) and any(isinstance(c, BidirectionalCell) for c in base_cell._cells):
            raise AssertionError(
                "Bidirectional SequentialRNNCell doesn't support zoneout. Please add ZoneoutCell to the cells underneath instead."
            )
        super().__init__(base_cell)
        self.zoneout_outputs = zoneout_outputs
        self.zoneout_states = zoneout_states
        self.prev_output: Symbol | None = None

    def reset(self) -> None:
        super().reset()
        self.prev_output = None

    def __call__(self, inputs: Symbol, states: list[Any]) -> tuple[Symbol, list[Any]]:
        output, following = self.base_cell(inputs, states)

        def mixed(share: float, new: Symbol, old: Symbol) -> Symbol:
            found: Symbol = symbol.where(symbol.Dropout(symbol.ones_like(new), p=share), new, old)
            return found

        before = symbol.zeros((0, 0)) if self.prev_output is None else self.prev_output
        if self.zoneout_outputs != 0.0:
            output = mixed(self.zoneout_outputs, output, before)
        if self.zoneout_states != 0.0:
            following = [mixed(self.zoneout_states, new, old) for new, old in zip(following, states, strict=True)]
        self.prev_output = output
        return output, following


class ResidualCell(ModifierCell):
    """The input added to the output, which must have its shape.

    Parameters
    ----------
    base_cell
        The cell inside.
    """

    def __call__(self, inputs: Symbol, states: list[Any]) -> tuple[Symbol, list[Any]]:
        output, states = self.base_cell(inputs, states)
        return self._sum(output, inputs), states

    @staticmethod
    def _sum(output: Symbol, inputs: Symbol) -> Symbol:
        found: Symbol = symbol.elemwise_add(output, inputs, name=f"{output.name}_plus_residual")
        return found

    def unroll(
        self, length: int, inputs: Inputs, begin_state: list[Any] | None = None, layout: str = "NTC", merge_outputs: bool | None = None
    ) -> tuple[Any, list[Any]]:
        self.reset()
        self.base_cell._modified = False
        try:
            outputs, states = self.base_cell.unroll(length, inputs, begin_state, layout, merge_outputs)
        finally:
            self.base_cell._modified = True
        merge_outputs = isinstance(outputs, Symbol) if merge_outputs is None else merge_outputs
        given, _ = steps_or_whole(length, inputs, layout, merge_outputs)
        if merge_outputs:
            return self._sum(outputs, given), states
        return [self._sum(output, i) for output, i in zip(outputs, given, strict=True)], states
