"""`Updater`: an optimizer with the states of its parameters, as a function of (index, gradient, weight)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from ..ndarray import NDArray
from . import states_file
from .base import Optimizer
from .fused import Fused
from .prepared import packed

__all__ = ["Updater", "get_updater"]


class Updater:
    """Updates parameters by an optimizer, whose states it makes and keeps.

    ``updater(index, grad, weight)`` takes one parameter or lists of them; a list is a few launches for the optimizers of `mx.optimizer`.

    Parameters
    ----------
    optimizer : Optimizer

    Attributes
    ----------
    states : dict
        By index.
    states_synced : dict of bool
        Whether a state is known to be where its parameter is.
    aggregate_updates : bool
        Whether the optimizer takes lists.

    Examples
    --------
    >>> import clsym as mx
    >>> updater = mx.optimizer.get_updater(mx.optimizer.create('sgd', learning_rate=0.5))
    >>> w, v = mx.nd.ones(1), mx.nd.ones(1)
    >>> updater([0, 1], [mx.nd.ones(1), mx.nd.zeros(1)], [w, v])
    >>> w.asscalar(), v.asscalar()
    (np.float32(0.5), np.float32(1.0))
    """

    def __init__(self, optimizer: Optimizer) -> None:
        self.optimizer = optimizer
        self.states: dict[Any, Any] = {}
        self.states_synced: dict[Any, bool] = {}
        self.aggregate_updates = optimizer.aggregate_num > 0

    def __call__(self, index: Any, grad: Any, weight: Any) -> None:
        several = isinstance(index, (list, tuple))
        indices, grads, weights = (index, grad, weight) if several else ([index], [grad], [weight])
        if not len(indices) == len(grads) == len(weights):
            raise ValueError(f"{len(indices)} indices, {len(grads)} gradients and {len(weights)} weights: give as many of each")
        optimizer = self.optimizer
        if weights:
            optimizer._set_current_context(weights[0].context.device_id)
        states, synced = self.states, self.states_synced
        for i, w in zip(indices, weights, strict=True):
            if i not in states:
                states[i] = optimizer.create_state_multi_precision(i, w)
                synced[i] = True
            elif not synced.get(i):
                states[i] = self.sync_state_context(states[i], w.context)
                synced[i] = True
        if isinstance(optimizer, Fused) and type(optimizer).update is Fused.update:
            optimizer.update_multi_precision(indices, weights, grads, [states[i] for i in indices])
        elif self.aggregate_updates:
            update: Any = optimizer.update_multi_precision
            for part in _parts(weights, optimizer.aggregate_num):
                those = [indices[k] for k in part]
                update(those, [weights[k] for k in part], [grads[k] for k in part], [states[i] for i in those])
        else:
            for i, w, g in zip(indices, weights, grads, strict=True):
                optimizer.update_multi_precision(i, w, g, states[i])

    def sync_state_context(self, state: Any, context: Any) -> Any:
        """A state on a context, its arrays in one buffer."""
        return packed(_moved(state, context))

    def set_states(self, states: bytes | bytearray) -> None:
        """Take over states that `get_states` gave, here or in MXNet; an optimizer that is among them replaces this one's.

        Raises
        ------
        MXNetError
            These bytes hold no states.
        """
        found = states_file.loads(states)
        if isinstance(found, tuple) and len(found) == 2:
            self.states, self.optimizer = found
            self.aggregate_updates = self.optimizer.aggregate_num > 0
        else:
            self.states = found
        self.states_synced = dict.fromkeys(self.states, False)

    def get_states(self, dump_optimizer: bool = False) -> bytes:
        """The states, in bytes that MXNet reads as well.

        Parameters
        ----------
        dump_optimizer : bool
            Whether the optimizer is part of them, with its rates and counts.
        """
        return states_file.dumps((self.states, self.optimizer) if dump_optimizer else self.states)


def _parts(weights: Any, most: int) -> Iterator[list[int]]:
    """Positions of weights of one type, `most` at a time."""
    by_type: dict[Any, list[int]] = {}
    for k, w in enumerate(weights):
        by_type.setdefault(w.dtype, []).append(k)
    for those in by_type.values():
        for first in range(0, len(those), most):
            yield those[first : first + most]


def _moved(state: Any, context: Any) -> Any:
    if isinstance(state, NDArray):
        return state.as_in_context(context)
    if isinstance(state, (tuple, list)):
        return type(state)(_moved(s, context) for s in state)
    return state


def get_updater(optimizer: Optimizer) -> Callable[[Any, Any, Any], None]:
    """An `Updater` of an optimizer."""
    return Updater(optimizer)
