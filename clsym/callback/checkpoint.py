"""Checkpoints at the ends of epochs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..model import save_checkpoint

__all__ = ["do_checkpoint", "module_checkpoint"]


def module_checkpoint(mod: Any, prefix: str, period: int = 1, save_optimizer_states: bool = False) -> Callable[..., None]:
    """An ``epoch_end_callback`` that saves a module, the states of its optimizer too if asked, every `period` epochs."""
    period = int(max(1, period))

    def save(iter_no: int, sym: Any = None, arg: Any = None, aux: Any = None) -> None:
        if (iter_no + 1) % period == 0:
            mod.save_checkpoint(prefix, iter_no + 1, save_optimizer_states)

    return save


def do_checkpoint(prefix: str, period: int = 1) -> Callable[..., None]:
    """An ``epoch_end_callback`` that saves symbol and parameters every `period` epochs.

    >>> import os, tempfile
    >>> import clsym as mx
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save = mx.callback.do_checkpoint(os.path.join(folder, 'net'), 2)
    ...     for epoch in range(3):
    ...         save(epoch, mx.sym.var('x'), {}, {})
    ...     sorted(os.listdir(folder))
    ['net-0002.params', 'net-symbol.json']
    """
    period = int(max(1, period))

    def save(iter_no: int, sym: Any, arg: Any, aux: Any) -> None:
        if (iter_no + 1) % period == 0:
            save_checkpoint(prefix, iter_no + 1, sym, arg, aux)

    return save
