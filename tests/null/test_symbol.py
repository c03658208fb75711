"""Symbol: naming, composition, arithmetic, attributes, and the chapter that clsym starts from."""

from __future__ import annotations

import copy
import pickle
import threading

import numpy as np
import pytest

import clsym as mx
from clsym.base import MXNetError, NotImplementedForSymbol
from clsym.naming import AttrScope, NameManager, Prefix


@pytest.fixture(autouse=True)
def fresh_names():
    with NameManager():
        yield


@pytest.fixture
def x():
    return mx.sym.var("x")


def chapter_network():
    data = mx.sym.Variable("data")
    conv = mx.sym.Convolution(data=data, num_filter=128, kernel=(3, 3), pad=(1, 1), name="conv1")
    bn = mx.sym.BatchNorm(data=conv, name="bn1")
    relu = mx.sym.Activation(data=bn, act_type="relu", name="relu1")
    pool = mx.sym.Pooling(data=relu, kernel=(2, 2), stride=(2, 2), pool_type="max", name="pool1")
    fc = mx.sym.FullyConnected(data=pool, num_hidden=2, name="fc1")
    return mx.sym.SoftmaxOutput(data=fc, name="softmax")


def test_chapter_arguments_and_shapes():
    sym = chapter_network()
    assert sym.list_arguments() == [
        "data",
        "conv1_weight",
        "conv1_bias",
        "bn1_gamma",
        "bn1_beta",
        "fc1_weight",
        "fc1_bias",
        "softmax_label",
    ]
    arg_shape, out_shape, aux_shape = sym.infer_shape(data=(1, 3, 10, 10))
    assert arg_shape == [(1, 3, 10, 10), (128, 3, 3, 3), (128,), (128,), (128,), (2, 3200), (2,), (1,)]
    assert out_shape == [(1, 2)]
    assert aux_shape == [(128,), (128,)]
    assert sym.list_auxiliary_states() == ["bn1_moving_mean", "bn1_moving_var"]


def test_chapter_cut_and_extend():
    sym_mini = chapter_network().get_internals()["pool1_output"]
    assert sym_mini.list_arguments() == ["data", "conv1_weight", "conv1_bias", "bn1_gamma", "bn1_beta"]
    fc = mx.sym.FullyConnected(data=sym_mini, num_hidden=5, name="fc_new")
    sym_new = mx.sym.SoftmaxOutput(data=fc, name="softmax")
    assert sym_new.list_arguments() == [
        "data", "conv1_weight", "conv1_bias", "bn1_gamma", "bn1_beta", "fc_new_weight", "fc_new_bias", "softmax_label",
    ]  # fmt: skip
    assert sym_new.infer_shape(data=(1, 3, 10, 10))[1] == [(1, 5)]


# ------------------------------------------------------------------------------------------------------------- names and outputs


def test_automatic_names_follow_the_function(x):
    names = [s.name for s in (mx.sym.relu(x), mx.sym.relu(x), mx.sym.Flatten(x), mx.sym.flatten(x), x + x, x * 2, x > 1, -x)]
    assert names == ["relu0", "relu1", "flatten0", "flatten1", "_plus0", "_mulscalar0", "_greater_scalar0", "_mulscalar1"]


def test_prefix(x):
    with Prefix("net_"):
        symbol = mx.sym.FullyConnected(x, num_hidden=2, name="fc")
        assert (symbol + 1).name == "net__plusscalar0"
    assert symbol.list_arguments() == ["x", "net_fc_weight", "net_fc_bias"]


def test_indexing():
    s = mx.sym.SliceChannel(mx.sym.var("x"), num_outputs=3, name="s")
    assert len(s) == 3
    assert s.list_outputs() == ["s_output0", "s_output1", "s_output2"]
    assert s[1].list_outputs() == s["s_output1"].list_outputs() == ["s_output1"]
    assert s[np.int64(2)].list_outputs() == ["s_output2"]
    assert s[1:].list_outputs() == ["s_output1", "s_output2"]
    assert [o.list_outputs() for o in s] == [["s_output0"], ["s_output1"], ["s_output2"]]
    assert s.name == s[0].name == "s"
    with pytest.raises(IndexError):
        s[3]
    with pytest.raises(IndexError):
        s[5:9]
    with pytest.raises(MXNetError, match="nonnegative"):
        s[-1]
    with pytest.raises(ValueError, match='Cannot find output that matches name "s"'):
        s["s"]
    with pytest.raises(TypeError, match="integer index"):
        s[1.0]
    with pytest.raises(ValueError, match="multiple outputs"):
        mx.sym.Group([s, s])["s_output0"]


def test_groups(x):
    group = mx.sym.Group([x, x + 1])
    assert repr(group) == "<Symbol group [x, _plusscalar0]>"
    assert group.name is None
    assert group.attr("scalar") is None
    assert repr(mx.sym.Group([x])) == "<Symbol x>"
    for wrong in ([], [x, 3], 3):
        with pytest.raises(TypeError):
            mx.sym.Group(wrong)
    with pytest.raises(MXNetError, match="group"):
        group._set_attr(a="1")


def test_children(x):
    assert x.get_children() is None
    assert mx.sym.FullyConnected(x, num_hidden=1, name="f").get_children().list_outputs() == ["x", "f_weight", "f_bias"]


# ------------------------------------------------------------------------------------------------------------------- composition


def test_call_replaces_variables(x):
    net = mx.sym.FullyConnected(x, num_hidden=3, name="f") + 1
    other = net(x=mx.sym.relu(mx.sym.var("y")), name="last")
    assert other.list_arguments() == ["y", "f_weight", "f_bias"]
    assert other.name == "last"
    assert net.list_arguments() == ["x", "f_weight", "f_bias"]
    assert x(x=net).list_outputs() == net.list_outputs()


def test_call_refuses(x):
    net = x + 1
    with pytest.raises(MXNetError, match=r"(?s)argument name foo not found.*\[0\]x"):
        net(foo=x)
    with pytest.raises(MXNetError, match="General composition"):
        net(x)
    with pytest.raises(TypeError, match="not both"):
        net(x, x=x)
    with pytest.raises(TypeError, match="Compose expect"):
        net(x=3)
    with pytest.raises(MXNetError, match="single value"):
        net(x=mx.sym.Group([x, x]))


def test_copies_share_nothing(x):
    net = x + 1
    for twin in (copy.copy(net), copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        assert twin.tojson() == net.tojson()
        twin._set_attr(mood="good")
        assert net.attr("mood") is None


def test_inputs_of_an_operator(x):
    fc = mx.sym.FullyConnected
    assert fc(weight=x, num_hidden=3, name="q").list_arguments() == ["q_data", "x", "q_bias"]
    assert fc(x, None, None, 3, True, name="q").list_arguments() == ["x", "q_weight"]
    with pytest.raises(MXNetError, match=r"(?s)argument name bias not found.*\[0\]data\n\t\[1\]weight"):
        fc(x, x, x, 3, True)
    with pytest.raises(TypeError, match="argument 'weight' must be of type Symbol"):
        fc(x, 3)
    with pytest.raises(TypeError, match="multiple values"):
        fc(x, x, x, x, num_hidden=3)
    with pytest.raises(TypeError, match="positional"):
        fc(*[x] * 30)
    with pytest.raises(MXNetError, match="single value"):
        fc(mx.sym.Group([x, x]), num_hidden=3)


def test_names_of_single_outputs(x):
    assert mx.sym.make_loss(x, name="a").list_outputs() == ["a_loss"]
    assert mx.sym.MakeLoss(x, name="a").list_outputs() == ["a_output"]
    assert mx.sym.SliceChannel(x, num_outputs=1, name="a").list_outputs() == ["a_output0"]
    assert mx.sym.split_v2(x, 1).list_outputs()[0].endswith("_output")


def test_optional_input_by_position(x):
    length = mx.sym.Variable("length")
    assert mx.sym.softmax(x, length, axis=1, use_length=True).list_arguments() == [x.name, "length"]
    assert mx.sym.softmax(x, axis=1).list_arguments() == [x.name]
    with pytest.raises(MXNetError, match="length"):
        mx.sym.softmax(x, length, axis=1)


def test_arrays_are_refused(x):
    for wrong in (np.ones(3), [x], "x"):
        with pytest.raises(TypeError, match="Symbol"):
            mx.sym.relu(wrong)
        with pytest.raises(TypeError, match="Symbol"):
            mx.sym.Concat(x, wrong)


def test_parameters_are_checked_at_creation(x):
    with pytest.raises(MXNetError, match=r"(?s)Cannot find argument 'num_hiden'.*Did you mean 'num_hidden'"):
        mx.sym.FullyConnected(x, num_hiden=3)
    with pytest.raises(MXNetError, match="Required parameter num_hidden"):
        mx.sym.FullyConnected(x)
    with pytest.raises(MXNetError, match="Invalid Parameter format for num_hidden"):
        mx.sym.FullyConnected(x, num_hidden="many")
    with pytest.raises(MXNetError, match="valid values are"):
        mx.sym.Activation(x, act_type="rleu")


def test_variadic(x):
    assert mx.sym.Concat(x, x).list_attr() == {"num_args": "2"}
    assert mx.sym.Concat(arg1=x, num_args=2, name="c").list_arguments() == ["c_arg0", "x"]
    with pytest.raises(MXNetError):
        mx.sym.Concat()
    with pytest.raises(MXNetError, match="not found"):
        mx.sym.Concat(a=x)
    with pytest.raises(MXNetError, match="num_args"):
        mx.sym.Concat(x, num_args=10**9)


def test_statistics_must_be_variables(x):
    with pytest.raises(MXNetError, match="auxiliary state"):
        mx.sym.BatchNorm(x, x, x, x + 1, x)


# -------------------------------------------------------------------------------------------------------------------- arithmetic


@pytest.mark.parametrize("value", [np.float32(0.1), np.float64(0.1), 0.1])
def test_text_of_a_scalar(x, value):
    assert (x * value).attr("scalar") == "0.1"
    assert (value * x).attr("scalar") == "0.1"


def test_numpy_integers_are_plain_numbers(x):
    assert (x + np.int64(5)).attr("scalar") == "5"
    assert mx.sym.Reshape(x, shape=(np.int64(2), np.int32(-1))).attr("shape") == "(2, -1)"
    assert mx.sym.FullyConnected(x, num_hidden=np.int64(7)).attr("num_hidden") == "7"


def test_wrong_operands(x):
    for wrong in (None, "a", [1], np.ones(2)):
        for operation in (lambda a, b: a + b, lambda a, b: b - a, lambda a, b: a == b, lambda a, b: a**b):
            with pytest.raises(TypeError, match="not supported"):
                operation(x, wrong)
    with pytest.raises(TypeError):
        x @ x


def test_functions_of_two():
    x = mx.sym.var("x")
    assert mx.sym.maximum(3, 4) == 4
    assert mx.sym.minimum(3, 4) == 3
    assert mx.sym.power(2, 3) == 8
    assert mx.sym.hypot(3, 4) == 5
    with pytest.raises(TypeError, match="not supported"):
        mx.sym.maximum(x, "a")


def test_a_symbol_is_no_value(x):
    with pytest.raises(NotImplementedForSymbol, match="__bool__"):
        bool(x)
    with pytest.raises(NotImplementedForSymbol, match=r"__iadd__ \(namely operator \"\+=\"\)"):
        x += 1
    for method in ("asnumpy", "asscalar", "wait_to_read", "copy", "as_in_context", "detach", "backward"):
        with pytest.raises(NotImplementedForSymbol, match=f"Function {method} is not implemented for Symbol"):
            getattr(x, method)()
    with pytest.raises(TypeError, match="unhashable"):
        hash(x)
    with pytest.raises(AttributeError):
        x.mood = 3
    with pytest.raises(MXNetError, match="not implemented"):
        x.gradient(["x"])


# -------------------------------------------------------------------------------------------------------------------- attributes


def test_variable_attributes():
    v = mx.sym.Variable(
        "v", shape=(0, 3), dtype=np.float16, lr_mult=0, wd_mult=0.5, init='["one", {}]', stype="csr", attr={"ctx_group": "g"}
    )
    assert v.list_attr() == {
        "__ctx_group__": "g", "ctx_group": "g", "__shape__": "(0, 3)", "__lr_mult__": "0", "lr_mult": "0", "__wd_mult__": "0.5",
        "wd_mult": "0.5", "__dtype__": "2", "__init__": '["one", {}]', "__storage_type__": "2",
    }  # fmt: skip
    assert v.attr("ctx_group") == v.attr("__ctx_group__") == "g"
    assert v.attr("nothing") is None


def test_variable_refuses():
    with pytest.raises(TypeError, match="string"):
        mx.sym.var(3)
    with pytest.raises(ValueError, match="double underscores"):
        mx.sym.var("a", mood=3)
    with pytest.raises(ValueError, match="string values"):
        mx.sym.var("a", attr={"a": 1})
    with pytest.raises(MXNetError, match="float33"):
        mx.sym.var("a", dtype="float33")


def test_inherited_attributes(x):
    with AttrScope(ctx_group="dev1"):
        fc = mx.sym.FullyConnected(x, num_hidden=3, name="f", __mood__=3)
    expected = {"num_hidden": "3", "__ctx_group__": "dev1", "ctx_group": "dev1", "__mood__": "3"}
    assert fc.attr_dict() == dict.fromkeys(["f_weight", "f_bias", "f"], expected)
    with pytest.raises(MXNetError, match="Cannot find argument 'mood'"):
        mx.sym.FullyConnected(x, num_hidden=3, attr={"mood": "good"})
    with pytest.raises(MXNetError, match=r"w = Variable\(lr_mult=3\)"):
        mx.sym.FullyConnected(x, num_hidden=3, weight_lr_mult=3)


def test_statistics_know_their_initial_value(x):
    assert mx.sym.BatchNorm(x, name="b").attr_dict() == {
        "b_moving_mean": {"__init__": '["zero", {}]'},
        "b_moving_var": {"__init__": '["one", {}]'},
    }
    own = mx.sym.var("m", init='["one", {}]')
    assert mx.sym.BatchNorm(x, moving_mean=own).attr_dict()["m"] == {"__init__": '["one", {}]'}
    bilinear = mx.sym.UpSampling(x, mx.sym.var("w"), scale=2, sample_type="bilinear", num_filter=3, num_args=2)
    assert bilinear.attr_dict()["w"] == {"__init__": '["bilinear", {}]'}
    nearest = mx.sym.UpSampling(x, mx.sym.var("w"), scale=2, sample_type="nearest", num_args=2)
    assert nearest.attr_dict()["w"] == {"__init__": '["bilinear", {}]'}


def test_set_attr(x):
    y = x + 1
    y._set_attr(lr_mult="2", mood="good")
    assert y.list_attr() == {"scalar": "1", "__lr_mult__": "2", "lr_mult": "2", "mood": "good"}
    with pytest.raises(ValueError, match="string values"):
        y._set_attr(mood=3)
    with pytest.raises(DeprecationWarning):
        y.list_attr(recursive=True)


def test_threads_name_by_themselves(x):
    mx.sym.relu(x)
    names = []
    thread = threading.Thread(target=lambda: names.append(mx.sym.relu(x).name))
    thread.start()
    thread.join()
    assert names == ["relu0"]
    assert mx.sym.relu(x).name == "relu1"


def test_who_has_no_parameters_keeps_any_attribute(x):
    """As MXNet's operators do whose parameters nobody parses."""
    assert mx.sym.relu(x, attr={"mood": "good"}).list_attr() == {"mood": "good"}
    assert mx.sym.broadcast_add(x, x, mood="good").list_attr() == {"mood": "good"}
    assert mx.sym.LinearRegressionOutput(x, attr={"mood": "good"}).list_attr() == {"mood": "good"}
    with pytest.raises(MXNetError, match="mood"):
        mx.sym.Activation(x, act_type="relu", attr={"mood": "good"})
    with mx.AttrScope(mood="good"):
        assert mx.sym.exp(x).list_attr() == {"mood": "good"}


def test_compose_in_place():
    net = mx.sym.FullyConnected(mx.sym.var("x"), num_hidden=3, name="a")
    net._compose(x=mx.sym.var("y"))
    assert net.list_arguments() == ["y", "a_weight", "a_bias"]


def test_a_cast_of_mixed_precision_that_is_an_output_stays_in_the_file():
    cast = mx.sym.amp_cast(mx.sym.var("x"), dtype="float16", name="c")
    assert "amp_cast" in cast.tojson()
    assert "amp_cast" not in mx.sym.exp(cast).tojson()


def test_a_wrong_way_of_storing_gradients_is_an_error_of_either_kind():
    for kind in (ValueError, RuntimeError):
        with pytest.raises(kind, match="grad_req"):
            mx.sym.var("x").simple_bind(mx.cpu(), grad_req="bogus", x=(2,))
