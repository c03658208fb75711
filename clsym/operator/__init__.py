"""``mx.operator``: operators written in Python, inside graphs and called on arrays.

A subclass of `CustomOpProp`, registered under a name, says what the operator's inputs are and how shapes follow; it makes a `CustomOp`,
whose `forward` and `backward` compute with NDArrays. ``mx.sym.Custom(data, op_type=name)`` and ``mx.nd.Custom`` then run it.

>>> import clsym as mx
>>> class Twice(mx.operator.CustomOp):
...     def forward(self, is_train, req, in_data, out_data, aux):
...         self.assign(out_data[0], req[0], in_data[0] * 2)
...     def backward(self, req, out_grad, in_data, out_data, in_grad, aux):
...         self.assign(in_grad[0], req[0], out_grad[0] * 2)
>>> @mx.operator.register('docs_twice')
... class TwiceProp(mx.operator.CustomOpProp):
...     def create_operator(self, ctx, in_shapes, in_dtypes):
...         return Twice()
>>> mx.nd.Custom(mx.nd.array([1, 2]), op_type='docs_twice').asnumpy().tolist()
[2.0, 4.0]

For operators whose kernels are OpenCL C, see `clsym.extension`.
"""

from __future__ import annotations

from .custom import CustomOp, CustomOpProp, register
from .lookup import OperatorArguments, get_all_registered_operators, get_operator_arguments
from .python_op import NDArrayOp, NumpyOp, PythonOp

__all__ = [
    "CustomOp",
    "CustomOpProp",
    "NDArrayOp",
    "NumpyOp",
    "OperatorArguments",
    "PythonOp",
    "get_all_registered_operators",
    "get_operator_arguments",
    "register",
]
