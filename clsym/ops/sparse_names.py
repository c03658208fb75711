"""``_sparse_X``: the names under which MXNet offers operators for sparse arrays in ``mx.nd.sparse`` and ``mx.sym.sparse``; on dense arrays
they are ``X``.
"""

from __future__ import annotations

from ..graph.contract.registry import add_alias, has_op

__all__: list[str] = []

_NAMES = [
    "ElementWiseSum", "Embedding", "FullyConnected", "LinearRegressionOutput", "LogisticRegressionOutput", "MAERegressionOutput",
    "_contrib_round_ste", "_contrib_sign_ste", "abs", "adagrad_update", "adam_update", "add_n", "arccos", "arccosh", "arcsin", "arcsinh",
    "arctan", "arctanh", "broadcast_add", "broadcast_div", "broadcast_minus", "broadcast_mul", "broadcast_plus", "broadcast_sub",
    "cast_storage", "cbrt", "ceil", "clip", "concat", "cos", "cosh", "degrees", "dot", "elemwise_add", "elemwise_div", "elemwise_mul",
    "elemwise_sub", "exp", "expm1", "fix", "floor", "ftrl_update", "gamma", "gammaln", "log", "log10", "log1p", "log2", "make_loss",
    "mean", "negative", "norm", "radians", "relu", "rint", "round", "rsqrt", "sgd_mom_update", "sgd_update", "sigmoid", "sign", "sin",
    "sinh", "slice", "sqrt", "square", "stop_gradient", "sum", "tan", "tanh", "trunc", "where", "zeros_like",
]  # fmt: skip


def name_sparse_operators() -> None:
    """Give the operators that are registered their names in ``sparse``."""
    for name in _NAMES:
        for known in (name, f"_sparse_{name}"):
            if has_op(known) and not has_op(f"_sparse_{name}"):
                add_alias(known, f"_sparse_{name}")
