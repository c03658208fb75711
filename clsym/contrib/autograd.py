"""``mx.contrib.autograd``: the older interface of `mx.autograd`, as scripts before MXNet 1.0 use it.

>>> import clsym as mx
>>> from clsym.contrib import autograd
>>> square = autograd.grad(lambda x: x * x)
>>> square(mx.nd.array([1, 2, 3]))[0].asnumpy().tolist()
[2.0, 4.0, 6.0]
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any

from .. import autograd as _autograd
from .. import ndarray as nd

__all__ = [
    "TrainingStateScope", "backward", "compute_gradient", "grad", "grad_and_loss", "mark_variables", "set_is_training", "test_section",
    "train_section",
]  # fmt: skip

mark_variables = _autograd.mark_variables


def set_is_training(is_train: bool) -> bool:
    """Train and record from now on, or do neither; returns whether it was training before."""
    before = _autograd.set_training(is_train)
    _autograd.set_recording(is_train)
    return bool(before)


class TrainingStateScope:
    """A ``with`` block in which `set_is_training` is as given.

    Parameters
    ----------
    enter_state
        Within the block.
    """

    def __init__(self, enter_state: bool) -> None:
        self._enter_state = enter_state
        self._prev: bool | None = None

    def __enter__(self) -> None:
        self._prev = set_is_training(self._enter_state)

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        if self._prev != self._enter_state:
            set_is_training(bool(self._prev))


def train_section() -> TrainingStateScope:
    """A block that is recorded, in training mode."""
    return TrainingStateScope(True)


def test_section() -> TrainingStateScope:
    """A block that is not recorded, in prediction mode."""
    return TrainingStateScope(False)


def backward(outputs: Sequence[nd.NDArray], out_grads: Sequence[nd.NDArray | None] | None = None, retain_graph: bool = False) -> None:
    """Gradients of all marked variables that led to `outputs`, a list.

    Raises
    ------
    AssertionError
        Not a list, or not as many gradients.
    """
    if not isinstance(outputs, (list, tuple)):
        raise AssertionError("outputs must be a list or tuple of NDArrays")
    _autograd.backward(outputs, out_grads, retain_graph=retain_graph)


def compute_gradient(outputs: Sequence[nd.NDArray]) -> None:
    """`backward` with gradients of one."""
    backward(outputs)


def grad_and_loss(func: Callable[..., Any], argnum: int | Sequence[int] | None = None) -> Callable[..., tuple[list[nd.NDArray], Any]]:
    """A function that gives the gradients of `func` by its arguments, and what it gives.

    Parameters
    ----------
    func
        Of NDArrays.
    argnum
        Which arguments; by default all.
    """

    @functools.wraps(func)
    def wrapped(*args: nd.NDArray) -> tuple[list[nd.NDArray], Any]:
        chosen = args if argnum is None else [args[i] for i in ([argnum] if isinstance(argnum, int) else argnum)]
        for x in chosen:
            if not isinstance(x, nd.NDArray):
                raise AssertionError("type of autograd input should NDArray.")
        grads = [nd.zeros_like(x) for x in chosen]
        mark_variables(chosen, grads)
        with train_section():
            outputs = func(*args)
        backward([outputs] if isinstance(outputs, nd.NDArray) else outputs)
        return grads, outputs

    return wrapped


def grad(func: Callable[..., Any], argnum: int | Sequence[int] | None = None) -> Callable[..., list[nd.NDArray]]:
    """`grad_and_loss` without what `func` gives."""
    both = grad_and_loss(func, argnum)

    @functools.wraps(both)
    def wrapped(*args: nd.NDArray) -> list[nd.NDArray]:
        return both(*args)[0]

    return wrapped
