"""Checkpoints of recurrent networks, whose files hold a matrix a gate whatever cells they were trained with."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

from .. import model, symbol
from .cell import BaseRNNCell, several
from .sequences import Inputs

__all__ = ["do_rnn_checkpoint", "load_rnn_checkpoint", "rnn_unroll", "save_rnn_checkpoint"]

Cells = BaseRNNCell | Sequence[BaseRNNCell]


def _listed(cells: Cells) -> Sequence[BaseRNNCell]:
    return [cells] if isinstance(cells, BaseRNNCell) else cells


def rnn_unroll(
    cell: BaseRNNCell, length: int, inputs: Inputs | None = None, begin_state: Any = None, input_prefix: str = "", layout: str = "NTC"
) -> tuple[Any, list[Any]]:
    """The old way to unroll: `cell.unroll`, with input variables ``<input_prefix>t<i>_data`` if there are none."""
    warnings.warn("rnn_unroll is deprecated. Please call cell.unroll directly.", stacklevel=2)
    if inputs is None:
        inputs = [symbol.Variable(f"{input_prefix}t{i}_data") for i in range(length)]
    return cell.unroll(length=length, inputs=inputs, begin_state=begin_state, layout=layout)


def save_rnn_checkpoint(cells: Cells, prefix: str, epoch: int, symbol: symbol.Symbol, arg_params: Any, aux_params: Any) -> None:
    """`mx.model.save_checkpoint` with the cells' parameters unpacked, so that fused and plain cells can load each other's files.

    Parameters
    ----------
    cells
        The cells of the network.
    prefix, epoch
        The files are ``<prefix>-symbol.json`` and ``<prefix>-<epoch>.params``.
    symbol, arg_params, aux_params
        The network and its parameters.
    """
    model.save_checkpoint(prefix, epoch, symbol, dict(several(_listed(cells), "unpack_weights", arg_params)), aux_params)


def load_rnn_checkpoint(cells: Cells, prefix: str, epoch: int) -> tuple[Any, dict[str, Any], dict[str, Any]]:
    """What `save_rnn_checkpoint` wrote, the parameters as these cells have them: symbol, arguments, auxiliary states."""
    net, arg, aux = model.load_checkpoint(prefix, epoch)
    return net, dict(several(_listed(cells), "pack_weights", arg)), aux


def do_rnn_checkpoint(cells: Cells, prefix: str, period: int = 1) -> Callable[..., None]:
    """A callback for the ends of epochs that writes a checkpoint every `period` epochs.

    >>> import clsym as mx
    >>> at_end = mx.rnn.do_rnn_checkpoint(mx.rnn.GRUCell(4), 'model', period=2)
    >>> at_end(0, None, {}, {})     # the first epoch: nothing is written
    """
    period = int(max(1, period))

    def _callback(iter_no: int, sym: Any = None, arg: Any = None, aux: Any = None) -> None:
        if (iter_no + 1) % period == 0:
            save_rnn_checkpoint(cells, prefix, iter_no + 1, sym, arg, aux)

    return _callback
