"""``mx.model``: checkpoints, a symbol and its parameters in two files."""

from __future__ import annotations

import logging
from collections import namedtuple
from collections.abc import Mapping

from . import ndarray as nd
from . import symbol
from .base import MXNetError
from .context import cpu
from .model_files import Model, load_model

__all__ = ["BatchEndParam", "Model", "load_checkpoint", "load_model", "load_params", "save_checkpoint"]

BatchEndParam = namedtuple("BatchEndParams", ["epoch", "nbatch", "eval_metric", "locals"])  # type: ignore[name-match]  # MXNet's name
"""What callbacks at the end of a batch are given."""


def save_checkpoint(
    prefix: str,
    epoch: int,
    symbol: symbol.Symbol | None,
    arg_params: Mapping[str, nd.NDArray],
    aux_params: Mapping[str, nd.NDArray],
    remove_amp_cast: bool = True,
) -> None:
    """Write ``prefix-symbol.json`` and ``prefix-0001.params``, with the epoch's number in four digits.

    Parameters
    ----------
    prefix : str
        Start of the files' names.
    epoch : int
    symbol : Symbol or None
        None: the parameters only.
    arg_params, aux_params : dict
        Arguments and auxiliary states by name.
    remove_amp_cast : bool
        Leave the casts of mixed precision out of the graph.

    Examples
    --------
    >>> import os, tempfile
    >>> import clsym as mx
    >>> net = mx.sym.FullyConnected(mx.sym.Variable('data'), num_hidden=2, name='fc')
    >>> params = {'fc_weight': mx.nd.ones((2, 3)), 'fc_bias': mx.nd.zeros(2)}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     prefix = os.path.join(folder, 'net')
    ...     mx.model.save_checkpoint(prefix, 1, net, params, {})
    ...     files = sorted(os.listdir(folder))
    ...     again, args, states = mx.model.load_checkpoint(prefix, 1)
    >>> files, again.list_outputs(), sorted(args), states
    (['net-0001.params', 'net-symbol.json'], ['fc_output'], ['fc_bias', 'fc_weight'], {})
    """
    if symbol is not None:
        symbol.save(f"{prefix}-symbol.json", remove_amp_cast=remove_amp_cast)
    name = f"{prefix}-{epoch:04d}.params"
    arrays = {f"arg:{k}": v.as_in_context(cpu()) for k, v in arg_params.items()}
    arrays.update({f"aux:{k}": v.as_in_context(cpu()) for k, v in aux_params.items()})
    nd.save(name, arrays)
    logging.info('Saved checkpoint to "%s"', name)


def load_params(prefix: str, epoch: int) -> tuple[dict[str, nd.NDArray], dict[str, nd.NDArray]]:
    """Arguments and auxiliary states by name, from ``prefix-0001.params``.

    Raises
    ------
    MXNetError
        The file is missing, damaged or holds arrays without names.
    """
    name = f"{prefix}-{epoch:04d}.params"
    found = nd.load(name)
    args: dict[str, nd.NDArray] = {}
    states: dict[str, nd.NDArray] = {}
    if not found:
        logging.warning("Params file '%s' is empty", name)
        return args, states
    if not isinstance(found, dict):
        raise MXNetError(f"{name} holds {len(found)} arrays without names; a checkpoint has names such as 'arg:fc_weight'")
    for key, array in found.items():
        kind, _, rest = key.partition(":")
        if kind == "arg":
            args[rest] = array
        elif kind == "aux":
            states[rest] = array
    return args, states


def load_checkpoint(prefix: str, epoch: int) -> tuple[symbol.Symbol, dict[str, nd.NDArray], dict[str, nd.NDArray]]:
    """The symbol, the arguments and the auxiliary states that `save_checkpoint` wrote.

    Raises
    ------
    MXNetError
        A file is missing or damaged.
    """
    net = symbol.load(f"{prefix}-symbol.json")
    args, states = load_params(prefix, epoch)
    return net, args, states
