"""Arrays as variables and as results of what was recorded: their gradients."""

from __future__ import annotations

from typing import TypeVar

from ..base import MXNetError
from .storage import ArrayBase
from .sweep import differentiate
from .tape import Leaf, mark

__all__ = ["Differentiable"]

Array = TypeVar("Array", bound="Differentiable")


class Differentiable(ArrayBase):
    """What arrays have for `mx.autograd`."""

    __slots__ = ()

    def attach_grad(self, grad_req: str = "write", stype: str | None = None) -> None:
        """Make this array a variable: `backward` stores its gradient in `grad`, which is zero until then.

        Parameters
        ----------
        grad_req : {'write', 'add', 'null'}
            Whether each `backward` overwrites the gradient or adds to it.
        stype : {'default'}, optional

        Raises
        ------
        KeyError
            Another `grad_req`.

        Examples
        --------
        >>> import clsym as mx
        >>> x = mx.nd.array([1, 2])
        >>> x.attach_grad()
        >>> with mx.autograd.record():
        ...     y = x * x
        >>> y.backward()
        >>> x.grad.asnumpy().tolist()
        [2.0, 4.0]
        """
        if stype not in (None, "default"):
            raise MXNetError(f"storage type {stype!r} is not supported; arrays are dense, 'default'")
        grad = type(self)._new(self._shape, self._dtype, self._ctx, self._device)
        grad._fill(0)
        mark(self, grad, grad_req)

    @property
    def grad(self: Array) -> Array | None:
        """The array that `backward` stores the gradient in; None if `attach_grad` was not called."""
        leaf = self._entry[0] if self._entry is not None else None
        return leaf.grad if isinstance(leaf, Leaf) else None

    @property
    def _fresh_grad(self) -> int:
        """Whether `backward` wrote the gradient since this was set to False."""
        leaf = self._entry[0] if self._entry is not None else None
        return int(isinstance(leaf, Leaf) and leaf.fresh)

    @_fresh_grad.setter
    def _fresh_grad(self, state: bool) -> None:
        if self._entry is not None and isinstance(self._entry[0], Leaf):
            self._entry[0].fresh = bool(state)

    def backward(self: Array, out_grad: Array | None = None, retain_graph: bool = False, train_mode: bool = True) -> None:
        """Compute the gradients of the variables that this array was computed from, while `mx.autograd.record` was on.

        Parameters
        ----------
        out_grad : NDArray, optional
            The gradient with respect to this array; ones by default.
        retain_graph : bool
            Keep what was recorded, for another `backward`.
        train_mode : bool
            Whether the gradients are those of training.

        Raises
        ------
        MXNetError
            The array was not recorded, or differentiated before; or no variable wants a gradient.
        """
        differentiate([self], [out_grad], None, retain_graph, False, train_mode)

    def detach(self: Array) -> Array:
        """The same memory as another array, which is not on the tape: no gradient passes through it."""
        return self._view(0, self._shape)
