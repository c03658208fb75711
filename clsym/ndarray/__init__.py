"""``mx.nd``: arrays on devices, and the operators as functions on them.

The function of an operator is made when it is first used; ``dir(mx.nd)`` lists them all.
"""

from . import _internal, contrib, image, linalg, op, random, sparse
from .creation import arange, array, empty, eye, from_numpy, full, imdecode, linspace, load, load_frombuffer, ones, save, zeros
from .functions import (
    add,
    concatenate,
    divide,
    equal,
    from_dlpack,
    greater,
    greater_equal,
    histogram,
    hypot,
    lesser,
    lesser_equal,
    logical_and,
    logical_or,
    logical_xor,
    maximum,
    minimum,
    modulo,
    moveaxis,
    multiply,
    not_equal,
    onehot_encode,
    pow,
    power,
    split_v2,
    subtract,
    to_dlpack_for_read,
    to_dlpack_for_write,
    true_divide,
    waitall,
)
from .ndarray import NDArray
from .register import array_namespace as _array_namespace

__all__ = [
    "NDArray", "_internal", "add", "arange", "array", "concatenate", "contrib", "divide", "empty", "equal", "eye", "from_dlpack",
    "from_numpy", "full", "greater", "greater_equal", "histogram", "hypot", "image", "imdecode", "lesser", "lesser_equal", "linalg",
    "linspace", "load", "load_frombuffer", "logical_and", "logical_or", "logical_xor", "maximum", "minimum", "modulo", "moveaxis",
    "multiply", "not_equal", "onehot_encode", "ones", "op", "pow", "power", "random", "save", "sparse", "split_v2", "subtract",
    "to_dlpack_for_read", "to_dlpack_for_write", "true_divide", "waitall", "zeros",
]  # fmt: skip

__getattr__, __dir__ = _array_namespace("", __name__)
