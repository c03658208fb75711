"""Loss scaling of a training: begun, and the scale applied and taken back by hand."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from ...base import MXNetError
from .loss_scaler import LossScaler

__all__ = ["init_trainer", "scale_loss", "unscale"]


def init_trainer(optimizer_or_trainer: Any) -> None:
    """Train a module with dynamic loss scaling from now on.

    Its losses (``SoftmaxOutput``, ``MakeLoss`` and their kin) give gradients that are multiplied by the scale, ``update`` divides by it,
    and leaves a step out whose gradients overflowed; see `LossScaler`. Gradients that are given to ``backward`` are scaled by `scale_loss`.
    A step waits for the device once, to know.

    Parameters
    ----------
    optimizer_or_trainer : Module
        Bound or not, with an optimizer or not yet.

    Examples
    --------
    >>> import clsym as mx
    >>> net = mx.sym.FullyConnected(mx.sym.Variable('data'), num_hidden=2, name='fc')
    >>> net = mx.contrib.amp.convert_symbol(mx.sym.SoftmaxOutput(net, name='softmax'))
    >>> mod = mx.mod.Module(net)
    >>> mx.contrib.amp.init_trainer(mod)
    >>> mod.fit(mx.io.NDArrayIter(mx.nd.ones((4, 3)), mx.nd.ones(4), 2), num_epoch=1)
    """
    begin = getattr(optimizer_or_trainer, "_scale_losses", None)
    if begin is None:
        raise TypeError(
            f"loss scaling is for a Module, not for {type(optimizer_or_trainer).__name__}: the gradients of an optimizer are scaled before "
            "it has them, so call amp.init_trainer(module)"
        )
    begin(LossScaler())


def _scaler(trainer: Any) -> Any:
    scaler = getattr(trainer, "_amp_loss_scaler", None)
    assert scaler is not None, "Loss scaler is not initialized, did you forget to call amp.init_trainer()?"
    return scaler


@contextlib.contextmanager
def scale_loss(loss: Any, optimizer_or_trainer: Any) -> Iterator[Any]:
    """Head gradients multiplied by the scale, for a module whose outputs are no losses.

    Parameters
    ----------
    loss : NDArray or list of NDArray
        What is given to ``module.backward``, or a loss that ``backward`` is called of.
    optimizer_or_trainer : Module
        After `init_trainer`.

    Examples
    --------
    ::

        with amp.scale_loss(head_gradients, module) as scaled:
            module.backward(scaled)
    """
    scale = _scaler(optimizer_or_trainer).next_loss_scale
    yield [x * scale for x in loss] if isinstance(loss, (list, tuple)) else loss * scale


def unscale(optimizer_or_trainer: Any) -> None:
    """Divide the gradients of a module by the scale now, to look at them or to clip them; ``update`` then does not."""
    _scaler(optimizer_or_trainer)
    if not hasattr(optimizer_or_trainer, "_unscale"):
        raise MXNetError(f"unscale is for a Module, not for {type(optimizer_or_trainer).__name__}")
    optimizer_or_trainer._unscale()
