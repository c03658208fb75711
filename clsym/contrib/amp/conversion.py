"""Networks of float32 made ones of mixed precision: the symbol, and its parameters with it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ...base import DTYPE_FLAGS, FLAG_DTYPES
from ...differences import differs
from ...graph.contract.ir import topological
from ...ndarray import NDArray
from ...symbol import Symbol
from .operator_lists import Condition, check_target, chosen, list_widest_type_cast
from .precision_pass import Rules, reduce_precision

__all__ = ["convert_model", "convert_symbol"]


def convert_symbol(
    sym: Symbol, target_dtype: str = "float16", target_dtype_ops: list[str] | None = None, fp32_ops: list[str] | None = None,
    conditional_fp32_ops: list[Condition] | None = None, excluded_sym_names: list[str] | None = None, data_names: list[str] | None = None,
    cast_optional_params: bool = False,
) -> Symbol:  # fmt: skip
    """A network in mixed precision: the same layers with ``amp_cast`` and ``amp_multicast`` between them; its outputs are in float32.

    Parameters
    ----------
    sym : Symbol
    target_dtype : {'float16'}
    target_dtype_ops, fp32_ops : list of str, optional
        Operators computed in float16 and in float32, instead of `list_lp16_ops` and `list_fp32_ops`.
    conditional_fp32_ops : list of (str, str, list of str), optional
        Operators computed in float32 where a parameter has one of some values, instead of `list_conditional_fp32_ops`.
    excluded_sym_names : list of str, optional
        Names of nodes computed in float32.
    data_names : list of str, optional
        The inputs that are no parameters, of float32; with them the types of all others are noted at the variables.
    cast_optional_params : bool
        With `data_names`: parameters that are only read in float16 are to be given in it, instead of being cast at every run.

    Examples
    --------
    >>> import clsym as mx
    >>> net = mx.sym.FullyConnected(mx.sym.var('data'), num_hidden=2, no_bias=True, name='fc')
    >>> [n for n in mx.contrib.amp.convert_symbol(net).get_internals().list_outputs() if 'amp' in n]
    ['data_amp_cast_float16_output', 'fc_weight_amp_cast_float16_output', 'fc_output_amp_cast_float32_output']
    """
    assert isinstance(sym, Symbol), "First argument to convert_symbol should be Symbol"
    check_target(target_dtype)
    narrow, wide, conditional = chosen("float16", target_dtype_ops, fp32_ops, conditional_fp32_ops)
    excluded = [] if excluded_sym_names is None else excluded_sym_names
    assert isinstance(excluded, list) and all(isinstance(n, str) for n in excluded), "excluded_sym_names should be a list of strs"
    conditions: dict[str, dict[str, set[str]]] = {}
    for op, parameter, values in conditional:
        conditions.setdefault(op, {}).setdefault(parameter, set()).update(values)
    data = list(data_names or ())
    optional = set(sym.list_arguments()) - set(data) if cast_optional_params and data else set()
    rules = Rules("float16", set(narrow), set(wide), set(list_widest_type_cast("float16")), conditions, set(excluded), optional)
    heads, narrowed = reduce_precision(sym._entries, rules)
    converted = type(sym)(*heads)
    if data:
        _note_types(converted, set(data), narrowed)
    return converted


def _note_types(sym: Symbol, data: set[str], narrowed: set[str]) -> None:
    """Write the type of each parameter and auxiliary state at its variable."""
    variables = {n.name: n for n in topological(sym._entries) if n.is_variable and n.name not in data}
    for name, node in variables.items():
        node.attrs.pop("__dtype__", None)
        if name in narrowed:
            node.attrs["__dtype__"] = str(DTYPE_FLAGS["float16"])
    args, _, aux = sym.infer_type_partial(**dict.fromkeys(sorted(data), "float32"))
    names = [*sym.list_arguments(), *sym.list_auxiliary_states()]
    for name, dtype in zip(names, [*(args or ()), *(aux or ())], strict=False):
        if name in variables:
            known = "float32" if dtype is None else np.dtype(dtype).name
            variables[name].attrs["__dtype__"] = str(DTYPE_FLAGS[known])


def convert_model(
    sym: Symbol, arg_params: Mapping[str, NDArray], aux_params: Mapping[str, NDArray], target_dtype: str = "float16",
    target_dtype_ops: list[str] | None = None, fp32_ops: list[str] | None = None, conditional_fp32_ops: list[Condition] | None = None,
    excluded_sym_names: list[str] | None = None, cast_optional_params: bool = False,
) -> tuple[Symbol, dict[str, Any], dict[str, Any]]:  # fmt: skip
    """A trained network in mixed precision, see `convert_symbol`; its data are the arguments that `arg_params` has not.

    Returns
    -------
    sym : Symbol
    arg_params, aux_params : dict of str to NDArray
        Of the types that the symbol asks for: with `cast_optional_params` many of float16, else all as they were.

    Examples
    --------
    >>> import clsym as mx
    >>> net = mx.sym.FullyConnected(mx.sym.var('data'), num_hidden=2, no_bias=True, name='fc')
    >>> net, args, aux = mx.contrib.amp.convert_model(net, {'fc_weight': mx.nd.ones((2, 3))}, {}, cast_optional_params=True)
    >>> args['fc_weight'].dtype
    <class 'numpy.float16'>
    """
    assert isinstance(sym, Symbol), "First argument to convert_model should be Symbol"
    assert isinstance(arg_params, Mapping), "Second argument to convert_model should be a dict of name to ndarray"
    assert isinstance(aux_params, Mapping), "Third argument to convert_model should be a dict of name to ndarray"
    data = [n for n in sym.list_arguments() if n not in arg_params]
    converted = convert_symbol(
        sym, target_dtype, target_dtype_ops, fp32_ops, conditional_fp32_ops, excluded_sym_names, data, cast_optional_params
    )
    attributes = converted.attr_dict()
    names = {str(flag): name for flag, name in FLAG_DTYPES.items()}

    def fitting(given: Mapping[str, NDArray]) -> dict[str, Any]:
        wanted = {n: names.get(attributes.get(n, {}).get("__dtype__", "")) for n in given}
        return {n: a if (dtype := wanted[n]) is None else a.astype(dtype, copy=False) for n, a in given.items()}

    return converted, fitting(arg_params), fitting(aux_params)


differs(
    "contrib.amp.convert_symbol",
    "an input that one layer reads in float16 and another as it is",
    "d = mx.sym.var('data'); f = mx.sym.FullyConnected(d, num_hidden=2, name='f'); from importlib import import_module; "
    "amp = import_module(mx.__name__ + '.contrib.amp'); "
    "print(amp.convert_symbol(mx.sym.elemwise_add(f, mx.sym.Flatten(d, name='l'), name='a')).list_outputs())",
    ours="['a_output_amp_cast_float32_output']",
    mxnet="MXNetError",
    why="MXNet takes the input to be of float16 everywhere, leaves the cast behind the other layer out, and refuses the graph.",
)
differs(
    "contrib.amp.convert_symbol",
    "bfloat16 is refused",
    "from importlib import import_module; amp = import_module(mx.__name__ + '.contrib.amp')\n"
    "try: print(len(amp.convert_symbol(mx.sym.exp(mx.sym.var('x'), name='e'), 'bfloat16').list_outputs()))\n"
    "except NotImplementedError: print('NotImplementedError')",
    ours="NotImplementedError",
    mxnet="1",
    why="clsym has no bfloat16.",
)
