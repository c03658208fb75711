"""The generated functions: signatures, documentation, namespaces."""

from __future__ import annotations

import inspect
import pydoc
import re

import pytest

import clsym as mx
from clsym.graph.contract.registry import all_names, all_ops
from clsym.params import REQUIRED

USERS = sorted(n for n, op in all_names().items() if not op.hidden)


def function(name):
    return getattr(mx.sym if not name.startswith("_") else mx.sym._internal, name)


@pytest.mark.parametrize("name", USERS)
def test_signature_is_that_of_the_operator(name):
    op = all_names()[name]
    parameters = inspect.signature(function(name)).parameters
    names = [n for n in parameters if n != "kwargs"]
    if op.variadic or op.many:
        assert names == ["args", *(p for p in op.params if p != op.variadic), "name", "attr", "out"]
    else:
        assert names[: len(op.inputs)] == list(op.inputs)
        assert names[len(op.inputs) :] == [*(p for p in op.params if p not in op.inputs), "name", "attr", "out"]
    for parameter, field in op.params.items():
        if parameter in parameters and parameter not in op.inputs:
            assert parameters[parameter].default is field.default or parameters[parameter].default == field.default
    assert function(name).__name__ == name
    assert inspect.isfunction(function(name))


@pytest.mark.parametrize("name", USERS)
def test_documentation_tells_every_parameter(name):
    op = all_names()[name]
    doc = function(name).__doc__
    assert len(doc.splitlines()[0]) > 3
    assert doc.count("Parameters\n----------") == 1
    assert doc.count("Returns\n-------") == 1
    described = {n.strip(" *") for line in re.findall(r"^([*\w][\w, *]*?)\s*:", doc, re.MULTILINE) for n in line.split(",")}
    wanted = {p for p in op.params if p != op.variadic} | (set() if op.variadic or op.many else set(op.inputs))
    assert wanted <= described


def test_help_shows_it():
    # newer pydocs break long signatures over lines
    text = re.sub(r"\(\s+", "(", re.sub(r",\s+", ", ", pydoc.plain(pydoc.render_doc(mx.sym.Convolution))))
    assert "Convolution(data=None, weight=None, bias=None, kernel=" in text
    assert "num_filter" in text


def test_required_parameters_say_so():
    assert inspect.signature(mx.sym.FullyConnected).parameters["num_hidden"].default is REQUIRED


def test_namespaces():
    assert {"FullyConnected", "relu", "Concat", "var", "Group"} <= set(dir(mx.sym))
    assert "_plus_scalar" in dir(mx.sym._internal)
    assert mx.sym.op.relu(mx.sym.var("x")).list_attr() == {}
    for space in (mx.sym, mx.sym.op, mx.sym.contrib, mx.sym.linalg, mx.sym.random, mx.sym._internal):
        members = {n: getattr(space, n) for n in dir(space) if not n.startswith("__")}
        assert not [n for n, member in members.items() if not callable(member) and not inspect.ismodule(member)]
        with pytest.raises(AttributeError, match="no_such_operator"):
            _ = space.no_such_operator
    with pytest.raises(AttributeError, match=r"Close names: .*relu"):
        _ = mx.sym.reluu
    assert not hasattr(mx.sym, "_backward_relu")


def test_prefixes_become_namespaces():
    for op in all_ops().values():
        for name in (op.name, *op.aliases):
            for prefix, space in (("_contrib_", mx.sym.contrib), ("_linalg_", mx.sym.linalg)):
                if name.startswith(prefix) and not op.hidden:
                    assert name[len(prefix) :] in dir(space)


def test_hidden_operators_are_no_functions():
    for name, op in all_names().items():
        if op.hidden:
            assert name not in dir(mx.sym._internal)


def test_fluent_methods_are_those_of_mxnet():
    methods = [
        "abs", "arccos", "arccosh", "arcsin", "arcsinh", "arctan", "arctanh", "argmax", "argmax_channel", "argmin", "argsort",
        "as_in_context", "as_nd_ndarray", "as_np_ndarray", "asnumpy", "asscalar", "astype", "attr", "attr_dict", "backward", "bind",
        "broadcast_axes", "broadcast_like", "broadcast_to", "cbrt", "ceil", "clip", "copy", "cos", "cosh", "debug_str", "degrees",
        "depth_to_space", "detach", "diag", "eval", "exp", "expand_dims", "expm1", "fix", "flatten", "flip", "floor",
        "get_backend_symbol", "get_children", "get_internals", "gradient", "infer_shape", "infer_shape_partial", "infer_type",
        "infer_type_partial", "list_arguments", "list_attr", "list_auxiliary_states", "list_inputs", "list_outputs", "log", "log10",
        "log1p", "log2", "log_softmax", "max", "mean", "min", "name", "nanprod", "nansum", "norm", "one_hot", "ones_like",
        "optimize_for", "pad", "pick", "prod", "radians", "rcbrt", "reciprocal", "relu", "repeat", "reshape", "reshape_like", "rint",
        "round", "rsqrt", "save", "shape_array", "sigmoid", "sign", "simple_bind", "sin", "sinh", "size_array", "slice", "slice_axis",
        "slice_like", "softmax", "softmin", "sort", "space_to_depth", "split", "split_v2", "sqrt", "square", "squeeze", "sum",
        "swapaxes", "take", "tan", "tanh", "tile", "tojson", "topk", "transpose", "trunc", "wait_to_read", "zeros_like",
    ]  # fmt: skip
    missing = [m for m in methods if not hasattr(mx.sym.Symbol, m)]
    assert not missing


def test_fluent_methods_name_as_functions_do():
    x = mx.sym.var("x")
    with mx.name.NameManager():
        assert x.reshape((2, 3)).list_attr() == {"shape": "(2, 3)"}
        assert x.flatten(inplace=True).name == "flatten0"
        assert x.expand_dims(1).list_attr() == {"axis": "1"}
        assert x.swapaxes(0, 1).name == "swapaxes0"
