"""The forms that operators in Python had before `CustomOp`: one object that is property and operator at once."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

from ..context import Context
from ..ndarray import NDArray, array
from ..ndarray.register import operator as array_operator
from ..symbol import Symbol
from ..symbol.register import operator
from .custom import CustomOp, CustomOpProp, register

__all__ = ["NDArrayOp", "NumpyOp", "PythonOp"]

_numbers = itertools.count()
zeros_like = array_operator("zeros_like")


class PythonOp:
    """What `NumpyOp` and `NDArrayOp` have in common. Called with symbols, an object makes a node; every call is another node.

    Graphs that hold such nodes can be loaded only in the process that made the object; use `CustomOp` for files.

    Parameters
    ----------
    need_top_grad : bool
        Whether the backward reads the gradients of the outputs.
    """

    def __init__(self, need_top_grad: bool = True) -> None:
        self.need_top_grad_ = need_top_grad
        self._op_type = f"_python_op{next(_numbers)}"
        register(self._op_type)(type("PythonOpProp", (_Prop,), {"operator": self}))

    def __call__(self, *args: Any, **kwargs: Any) -> Symbol:
        return self.get_symbol(*args, **kwargs)

    def get_symbol(self, *args: Any, **kwargs: Any) -> Symbol:
        """The symbol of a new node; inputs by position or by the names of `list_arguments`, and ``name``."""
        result: Symbol = operator("Custom")(*args, op_type=self._op_type, **kwargs)
        return result

    def forward(self, in_data: list[Any], out_data: list[Any]) -> None:
        """Compute the outputs, in place."""
        out_data[0][:] = in_data[0]

    def backward(self, out_grad: list[Any], in_data: list[Any], out_data: list[Any], in_grad: list[Any]) -> None:
        """Compute the gradients of the inputs, in place."""
        in_grad[0][:] = 1.0

    def infer_shape(self, in_shape: list[Any]) -> tuple[Any, Any]:
        """Shapes of the inputs and outputs."""
        return in_shape, [in_shape[0]]

    def list_outputs(self) -> list[str]:
        """Names of the outputs."""
        return ["output"]

    def list_arguments(self) -> list[str]:
        """Names of the inputs."""
        return ["data"]

    def need_top_grad(self) -> bool:
        """Whether the backward reads the gradients of the outputs."""
        return self.need_top_grad_

    def declare_backward_dependency(self, out_grad: list[int], in_data: list[int], out_data: list[int]) -> list[int]:
        """Which of the numbered gradients, inputs and outputs the backward reads."""
        return [*(out_grad if self.need_top_grad() else []), *in_data, *out_data]


class NDArrayOp(PythonOp):
    """Computes with NDArrays.

    Examples
    --------
    >>> import clsym as mx
    >>> class Half(mx.operator.NDArrayOp):
    ...     def forward(self, in_data, out_data):
    ...         out_data[0][:] = in_data[0] / 2
    >>> Half()(mx.sym.var('x'), name='half').eval(x=mx.nd.array([1, 2]))[0].asnumpy().tolist()
    [0.5, 1.0]
    """


class NumpyOp(PythonOp):
    """Computes with numpy arrays; waits for the device."""


class _Prop(CustomOpProp):
    """The object as a property."""

    operator: PythonOp

    def list_arguments(self) -> list[str]:
        return self.operator.list_arguments()

    def list_outputs(self) -> list[str]:
        return self.operator.list_outputs()

    def infer_shape(self, in_shape: list[Any]) -> tuple[Any, ...]:
        return self.operator.infer_shape(in_shape)

    def declare_backward_dependency(self, out_grad: list[int], in_data: list[int], out_data: list[int]) -> list[int]:
        return self.operator.declare_backward_dependency(out_grad, in_data, out_data)

    def create_operator(self, ctx: Context, in_shapes: list[list[int]], in_dtypes: list[int]) -> CustomOp:
        return _Adapter(self.operator)


class _Adapter(CustomOp):
    """The object as an operator: results are computed apart and stored by their mode."""

    def __init__(self, operator: PythonOp) -> None:
        self._operator = operator
        self._numpy = isinstance(operator, NumpyOp)

    def _given(self, arrays: Sequence[NDArray]) -> list[Any]:
        return [a.asnumpy() for a in arrays] if self._numpy else list(arrays)

    def _store(self, targets: Sequence[NDArray], req: Sequence[str], values: Sequence[Any]) -> None:
        for target, mode, value in zip(targets, req, values, strict=True):
            self.assign(target, mode, array(value, ctx=target.context, dtype=target.dtype) if self._numpy else value)

    def forward(self, is_train: bool, req: list[str], in_data: list[NDArray], out_data: list[NDArray], aux: list[NDArray]) -> None:
        values = self._given([zeros_like(a) for a in out_data])
        self._operator.forward(in_data=self._given(in_data), out_data=values)
        self._store(out_data, req, values)

    def backward(
        self,
        req: list[str],
        out_grad: list[NDArray],
        in_data: list[NDArray],
        out_data: list[NDArray],
        in_grad: list[NDArray],
        aux: list[NDArray],
    ) -> None:
        values = self._given([zeros_like(a) for a in in_grad])
        self._operator.backward(
            out_grad=self._given(out_grad), in_data=self._given(in_data), out_data=self._given(out_data), in_grad=values
        )
        self._store(in_grad, req, values)
