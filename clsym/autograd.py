"""``mx.autograd``: record calls on arrays, and go back along what was recorded for gradients.

>>> import clsym as mx
>>> x = mx.nd.array([1, 2, 3])
>>> x.attach_grad()
>>> with mx.autograd.record():
...     y = (x * x).sum()
>>> y.backward()
>>> x.grad.asnumpy().tolist()
[2.0, 4.0, 6.0]
"""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import Any

from .base import MXNetError
from .graph.contract.op import Entry, Node
from .ndarray import NDArray
from .ndarray.modes import is_recording, is_training, modes, set_recording, set_training
from .ndarray.slopes import Slope
from .ndarray.sweep import differentiate
from .ndarray.tape import Leaf, is_on_tape, mark, record_function
from .params import to_text
from .symbol import Symbol

__all__ = [
    "Function", "backward", "get_symbol", "grad", "is_recording", "is_training", "mark_variables", "pause", "predict_mode", "record",
    "set_recording", "set_training", "train_mode",
]  # fmt: skip


class _Scope:
    """Sets one or both modes while it is entered; None leaves one as it is."""

    def __init__(self, recording: bool | None, training: bool | None) -> None:
        self._set = recording, training
        self._before: list[tuple[bool, bool]] = []

    def __enter__(self) -> None:
        recording, training = self._set
        self._before.append((modes.recording, modes.training))
        if recording is not None:
            modes.recording = recording
        if training is not None:
            modes.training = training

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        recording, training = self._before.pop()
        if self._set[0] is not None:
            modes.recording = recording
        if self._set[1] is not None:
            modes.training = training


def record(train_mode: bool = True) -> _Scope:
    """A scope within which calls are recorded.

    Parameters
    ----------
    train_mode : bool
        Whether operators behave as in training there: Dropout drops, BatchNorm takes the statistics of the batch.

    Examples
    --------
    >>> import clsym as mx
    >>> with mx.autograd.record():
    ...     mx.autograd.is_recording(), mx.autograd.is_training()
    (True, True)
    """
    return _Scope(True, bool(train_mode))


def pause(train_mode: bool = False) -> _Scope:
    """A scope within `record` where calls are not recorded."""
    return _Scope(False, bool(train_mode))


def train_mode() -> _Scope:
    """A scope where operators behave as in training, recorded or not."""
    return _Scope(None, True)


def predict_mode() -> _Scope:
    """A scope where operators behave as in inference, recorded or not."""
    return _Scope(None, False)


def mark_variables(variables: Any, gradients: Any, grad_reqs: Any = "write") -> None:
    """Make arrays variables whose gradients go to arrays that exist; see `NDArray.attach_grad`.

    Parameters
    ----------
    variables, gradients : NDArray or list of NDArray
        As many of one as of the other, of the same shapes.
    grad_reqs : {'write', 'add', 'null'} or list of them

    Raises
    ------
    KeyError
        A `grad_req` that does not exist.
    MXNetError
        The lists differ in length, or an array and its gradient in shape.

    Examples
    --------
    >>> import clsym as mx
    >>> x, g = mx.nd.array([1, 2]), mx.nd.zeros(2)
    >>> mx.autograd.mark_variables(x, g)
    >>> with mx.autograd.record():
    ...     y = 3 * x
    >>> y.backward()
    >>> g.asnumpy().tolist()
    [3.0, 3.0]
    """
    arrays, grads = _listed(variables, "variables"), _listed(gradients, "gradients")
    reqs = [grad_reqs] * len(arrays) if isinstance(grad_reqs, str) else list(grad_reqs)
    if not len(arrays) == len(grads) == len(reqs):
        raise MXNetError(
            f"mark_variables takes as many gradients as variables: {len(arrays)} variables, {len(grads)}, {len(reqs)} grad_reqs"
        )
    for i, (array, grad) in enumerate(zip(arrays, grads, strict=True)):
        if array.shape != grad.shape:
            raise MXNetError(f"mark_variables: variable {i} has shape {array.shape}, its gradient {grad.shape}")
    for array, grad, req in zip(arrays, grads, reqs, strict=True):
        mark(array, grad, req)


def _listed(arrays: Any, what: str) -> list[NDArray]:
    found = [arrays] if isinstance(arrays, NDArray) else list(arrays)
    for array in found:
        if not isinstance(array, NDArray):
            raise TypeError(f"{what} must be NDArrays, not {type(array).__name__}")
    return found


def _heads(heads: Any, head_grads: Any) -> tuple[list[NDArray], list[Any]]:
    found = _listed(heads, "heads")
    if head_grads is None:
        return found, [None] * len(found)
    grads = [head_grads] if isinstance(head_grads, NDArray) else list(head_grads)
    if len(grads) != len(found):
        raise AssertionError(f"heads and head_grads must be lists of the same length; they have {len(found)} and {len(grads)}")
    return found, grads


def backward(heads: Any, head_grads: Any = None, retain_graph: bool = False, train_mode: bool = True) -> None:
    """Compute the gradients of all variables that some arrays were computed from, into the arrays attached to them.

    Parameters
    ----------
    heads : NDArray or list of NDArray
    head_grads : NDArray or list of (NDArray or None), optional
        Gradients with respect to the heads; ones by default.
    retain_graph : bool
        Keep what was recorded, for another `backward`.
    train_mode : bool
        Whether the gradients are those of training.

    Raises
    ------
    MXNetError
        A head was not recorded, or differentiated before; or no variable wants a gradient.

    Examples
    --------
    >>> import clsym as mx
    >>> x = mx.nd.array([1, 2])
    >>> x.attach_grad('add')
    >>> with mx.autograd.record():
    ...     y, z = 2 * x, x * x
    >>> mx.autograd.backward([y, z], [None, mx.nd.array([10, 100])])
    >>> x.grad.asnumpy().tolist()
    [22.0, 402.0]
    """
    differentiate(*_heads(heads, head_grads), None, retain_graph, False, train_mode)


def grad(
    heads: Any,
    variables: Any,
    head_grads: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    train_mode: bool = True,
) -> list[NDArray]:
    """The gradients with respect to some variables as new arrays; those attached to them stay as they are.

    Parameters
    ----------
    heads : NDArray or list of NDArray
    variables : NDArray or list of NDArray
        Arrays with `attach_grad`, of another `grad_req` than 'null'.
    head_grads : NDArray or list of (NDArray or None), optional
    retain_graph : bool, optional
        Keep what was recorded; by default if `create_graph`.
    create_graph : bool
        Record how the gradients are computed, so that they can be differentiated again.
    train_mode : bool

    Returns
    -------
    list of NDArray
        Also for a single variable.

    Raises
    ------
    MXNetError
        As `backward`; or a variable is none, or the heads do not depend on it.

    Examples
    --------
    >>> import clsym as mx
    >>> x = mx.nd.array([1, 2])
    >>> x.attach_grad()
    >>> with mx.autograd.record():
    ...     y = x * x * x
    ...     slope, = mx.autograd.grad(y, x, create_graph=True)
    >>> slope.backward()
    >>> slope.asnumpy().tolist(), x.grad.asnumpy().tolist()
    ([3.0, 12.0], [6.0, 12.0])
    """
    arrays = _listed(variables, "variables")
    if not arrays:
        raise AssertionError("variables cannot be an empty list.")
    found = differentiate(
        *_heads(heads, head_grads), arrays, create_graph if retain_graph is None else retain_graph, create_graph, train_mode
    )  # fmt: skip
    assert found is not None
    return found


def get_symbol(x: NDArray) -> Symbol:
    """What an array was computed from, as a symbol; variables are named ``var0``, ``var1``, ... and operators ``node_0``, ...

    Raises
    ------
    MXNetError
        The array was not recorded, or by way of a `Function`.

    Examples
    --------
    >>> import clsym as mx
    >>> x = mx.nd.array([1, 2])
    >>> x.attach_grad()
    >>> with mx.autograd.record():
    ...     y = mx.nd.exp(x) + 1
    >>> mx.autograd.get_symbol(y).list_arguments()
    ['var0']
    """
    if not isinstance(x, NDArray):
        raise AssertionError(f"get_symbol: invalid input type, {type(x)}; it takes an NDArray")
    if not is_on_tape(x):
        raise MXNetError("get_symbol: the array is not in a computational graph; compute it within autograd.record()")
    made: dict[Any, Node] = {}
    todo = [x._entry[0]]
    variables = operators = 0
    while todo:
        part = todo[-1]
        if part in made:
            todo.pop()
        elif isinstance(part, Leaf):
            made[part] = Node(None, f"var{variables}")
            variables += 1
        elif missing := [to for to, _ in part.parents if to not in made]:
            todo += missing[::-1]
        else:
            slope = part.slope
            if not isinstance(slope, Slope):
                raise MXNetError("get_symbol: the array was computed by way of a Function or a copy between devices, which no symbol holds")
            inputs = [Entry(made[to], k) for to, k in part.parents]
            fields = slope.op.params
            attrs = {k: to_text(v) for k, v in slope.params.items() if k not in fields or repr(v) != repr(fields[k].default)}
            made[part] = Node(slope.op, f"node_{operators}", slope.params, attrs, inputs)
            operators += 1
    return Symbol(Entry(made[x._entry[0]], x._entry[1]))


class Function:
    """A function with a gradient of its own: inherit and write `forward` and `backward`, on arrays.

    Each object can be called once.

    Examples
    --------
    >>> import clsym as mx
    >>> class Sigmoid(mx.autograd.Function):
    ...     def forward(self, x):
    ...         y = 1 / (1 + mx.nd.exp(-x))
    ...         self.save_for_backward(y)
    ...         return y
    ...     def backward(self, dy):
    ...         y, = self.saved_tensors
    ...         return dy * y * (1 - y)
    >>> x = mx.nd.zeros(1)
    >>> x.attach_grad()
    >>> with mx.autograd.record():
    ...     y = Sigmoid()(x)
    >>> y.backward()
    >>> x.grad.asnumpy().tolist()
    [0.25]
    """

    def __init__(self) -> None:
        self._used = False
        self.saved_tensors: tuple[Any, ...] = ()

    def save_for_backward(self, *args: Any) -> None:
        """Keep arrays for `backward`, where they are `saved_tensors`."""
        self.saved_tensors = args

    def __call__(self, *inputs: NDArray) -> Any:
        if self._used:
            raise AssertionError("Each Function instance can only be called once. Please create another instance.")
        self._used = True
        before = set_recording(False)
        try:
            outputs = self.forward(*inputs)
        finally:
            set_recording(before)
        if before:
            results = (outputs,) if isinstance(outputs, NDArray) else tuple(outputs)
            record_function(lambda heads: self._gradients(heads, len(inputs)), inputs, results)
        return outputs

    def _gradients(self, heads: Sequence[NDArray], count: int) -> list[NDArray]:
        found = self.backward(*heads)
        grads = [found] if isinstance(found, NDArray) else list(found)
        name = type(self).__name__
        if len(grads) != count:
            raise MXNetError(
                f"{name}.backward must return exactly the same number of NDArrays as the number of NDArrays arguments to forward. "
                f"Expecting {count} got {len(grads)}"
            )
        for grad in grads:
            if not isinstance(grad, NDArray):
                raise MXNetError(f"{name}.backward must return NDArrays, not {type(grad).__name__}")
        return grads

    def forward(self, *inputs: NDArray) -> Any:
        """The function of the inputs: an array or several."""
        raise NotImplementedError

    def backward(self, *output_grads: NDArray) -> Any:
        """From the gradient of each output to that of each input."""
        raise NotImplementedError
