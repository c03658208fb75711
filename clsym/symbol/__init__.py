"""``mx.sym``: symbols, and the operators as functions on them.

The function of an operator is made when it is first used; ``dir(mx.sym)`` lists them all.
"""

from . import _internal, contrib, image, linalg, op, random, sparse
from . import fluent as _fluent  # noqa: F401  (puts the methods on Symbol)
from .creation import Group, Variable, fromjson, load, load_json, var
from .functions import arange, eye, full, histogram, hypot, linspace, maximum, minimum, ones, pow, power, split_v2, zeros
from .register import symbol_namespace as _symbol_namespace
from .symbol import Symbol

__all__ = [
    "Group", "Symbol", "Variable", "_internal", "arange", "contrib", "eye", "fromjson", "full", "histogram", "hypot", "image", "linalg",
    "linspace", "load", "load_json", "maximum", "minimum", "ones", "op", "pow", "power", "random", "sparse", "split_v2", "var", "zeros",
]  # fmt: skip

__getattr__, __dir__ = _symbol_namespace("", __name__)
