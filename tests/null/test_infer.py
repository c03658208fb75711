"""Shapes and types through a Symbol: what is known, what is not, what contradicts."""

from __future__ import annotations

import threading

import numpy as np
import pytest

import clsym as mx
from clsym.base import MXNetError


@pytest.fixture
def net():
    hidden = mx.sym.relu(mx.sym.FullyConnected(mx.sym.var("data"), num_hidden=3, name="f"))
    return mx.sym.FullyConnected(hidden, num_hidden=4, name="g")


def test_by_name_and_by_position(net):
    expected = ([(2, 5), (3, 5), (3,), (4, 3), (4,)], [(2, 4)], [])
    assert net.infer_shape(data=(2, 5)) == expected
    assert net.infer_shape((2, 5)) == expected
    assert net.infer_shape((2, 5), None, (3,)) == expected


def test_partial_knowledge_warns_and_gives_none(net):
    with pytest.warns(UserWarning, match=r"(?s)Cannot decide shape.*\tdata: \(\)"):
        assert net.infer_shape() == (None, None, None)
    with pytest.warns(UserWarning, match=r"\tdata: \(0, 5\)"):
        assert net.infer_shape(data=(0, 5)) == (None, None, None)
    assert net.infer_shape_partial(data=(0, 5)) == ([(0, 5), (3, 5), (3,), (4, 3), (4,)], [(0, 4)], [])
    assert net.infer_shape_partial(data=(-1, 5)) == net.infer_shape_partial(data=(0, 5))


def test_backwards(net):
    with pytest.warns(UserWarning, match="Cannot decide"):
        assert net.infer_shape(f_weight=(3, 7)) == (None, None, None)
    a, b = mx.sym.var("a"), mx.sym.var("b")
    assert (a + b).infer_shape(b=(2, 3)) == ([(2, 3), (2, 3)], [(2, 3)], [])
    assert (a + b).infer_shape(a=(2, 0), b=(0, 3)) == ([(2, 3), (2, 3)], [(2, 3)], [])


def test_contradictions_name_node_and_argument(net):
    with pytest.raises(MXNetError, match=r"operator f .*weight"):
        net.infer_shape(data=(2, 5), f_weight=(3, 6))
    with pytest.raises(MXNetError, match=r"operator g .*bias"):
        net.infer_shape(data=(2, 5), g_bias=(9,))
    with pytest.raises(MXNetError, match=r"operator _plus\d+ \(elemwise_add\)"):
        (mx.sym.var("a") + mx.sym.var("b")).infer_shape(a=(2, 3), b=(2, 4))


def test_wrong_arguments(net):
    with pytest.raises(MXNetError, match=r"(?s)foo not found.*\[0\]data"):
        net.infer_shape(foo=(2,))
    with pytest.raises(TypeError, match="shapes \\(tuple\\)"):
        net.infer_shape(data=3)
    with pytest.raises(TypeError, match="shapes \\(tuple\\)"):
        net.infer_shape(data=[2, 3])
    with pytest.raises(TypeError):
        net.infer_shape(data=(2, "a"))
    with pytest.raises(TypeError):
        net.infer_shape(data=(2, 3.0))
    with pytest.raises(ValueError, match="either by positional or kwargs"):
        net.infer_shape((2, 3), data=(2, 3))
    with pytest.raises(MXNetError, match="9 shapes are given"):
        net.infer_shape(*[(2, 3)] * 9)
    with pytest.raises(MXNetError, match="too large"):
        net.infer_shape(data=(2**70, 3))


def test_layers_without_data_say_nothing():
    both = [mx.sym.FullyConnected(mx.sym.var(n), num_hidden=128, name=f"fc_{n}") for n in ("data", "prev")]
    net = mx.sym.Activation(both[0] + both[1], act_type="relu")
    assert net.infer_shape_partial(data=(10, 64)) == ([(10, 64), (128, 64), (128,), (), (), ()], [(10, 128)], [])
    for layer in (mx.sym.Convolution(mx.sym.var("data"), kernel=(3, 3), num_filter=4), mx.sym.BatchNorm(mx.sym.var("data"))):
        args, outs, aux = layer.infer_shape_partial()
        assert {*args, *outs, *aux} == {()}


def test_auxiliary_states():
    bn = mx.sym.BatchNorm(mx.sym.var("data"), name="b")
    assert bn.infer_shape(data=(2, 3, 4, 4)) == ([(2, 3, 4, 4), (3,), (3,)], [(2, 3, 4, 4)], [(3,), (3,)])
    assert bn.infer_shape(data=(2, 0, 4, 4), b_moving_mean=(3,))[1] == [(2, 3, 4, 4)]
    half, single = np.float16, np.float32
    assert bn.infer_type(data="float16") == ([half, single, single], [half], [single, single])


def test_declared_shapes_and_types():
    net = mx.sym.FullyConnected(mx.sym.var("v", shape=(0, 3), dtype="float16"), num_hidden=2, name="h")
    assert net.infer_shape_partial() == ([(0, 3), (2, 3), (2,)], [(0, 2)], [])
    assert net.infer_shape(v=(5, 3)) == ([(5, 3), (2, 3), (2,)], [(5, 2)], [])
    assert net.infer_shape(v=(5, 4))[0][1] == (2, 4)  # what is given counts more than what was declared
    assert net.infer_type()[1] == [np.float16]
    assert net.infer_type(v="float32")[1] == [np.float32]


def test_types(net):
    assert net.infer_type(data=np.float16) == ([np.float16] * 5, [np.float16], [])
    assert net.infer_type("float64") == ([np.float64] * 5, [np.float64], [])
    with pytest.warns(UserWarning, match="Cannot decide type"):
        assert net.infer_type() == (None, None, None)
    assert net.infer_type_partial() == ([None] * 5, [None], [])
    with pytest.raises(MXNetError, match=r"operator f .*argument 'weight' \(f_weight\): expected float16, got float32"):
        net.infer_type(data="float16", f_weight="float32")
    with pytest.raises(MXNetError, match="foo not found"):
        net.infer_type(foo="float16")
    with pytest.raises(TypeError):
        net.infer_type(data="float33")


def test_a_variable_and_groups():
    x = mx.sym.var("x")
    assert x.infer_shape(x=(2,)) == ([(2,)], [(2,)], [])
    assert mx.sym.Group([x, x + 1]).infer_shape(x=(2,)) == ([(2,)], [(2,), (2,)], [])


def test_constants_take_the_shape_they_are_used_with():
    state = mx.sym.zeros((0, 4)) + mx.sym.var("x")
    assert state.infer_shape(x=(3, 4)) == ([(3, 4)], [(3, 4)], [])


def test_shapes_as_numpy_has_them(net):
    """Under np_shape 0 is an extent, -1 an unknown one, () a scalar; None an unknown number of dimensions."""
    x = mx.sym.relu(mx.sym.var("x"))
    assert mx.util.is_np_shape() is False
    with mx.util.np_shape(True):
        assert mx.util.is_np_shape()
        assert net.infer_shape(data=(0, 3)) == ([(0, 3), (3, 3), (3,), (4, 3), (4,)], [(0, 4)], [])
        assert net.infer_shape_partial(data=(-1, 3)) == ([(-1, 3), (3, 3), (3,), (4, 3), (4,)], [(-1, 4)], [])
        assert net.infer_shape_partial() == ([None] * 5, [None], [])
        with pytest.warns(UserWarning, match=r"-1s in shape means unknown.*\n\tdata: \(-1, 3\)"):
            assert net.infer_shape(data=(-1, 3)) == (None, None, None)
        assert x.infer_shape(x=()) == ([()], [()], [])
        assert mx.sym.Reshape(mx.sym.var("x"), shape=(0, -1)).infer_shape(x=(2, 0, 3))[1] == [(2, 0)]
        assert (mx.sym.var("v", shape=(0, 4)) + 1).infer_shape()[1] == [(0, 4)]
        assert (mx.sym.var("v", shape=(-1, 4)) + 1).infer_shape_partial()[1] == [(-1, 4)]
        assert (mx.sym.transpose(mx.sym.var("x")) + mx.sym.var("y")).infer_shape_partial(y=(-1, 3))[0] == [(3, -1), (-1, 3)]
        with mx.util.np_shape(False):
            assert net.infer_shape_partial(data=(-1, 3))[1] == [(0, 4)]
        with pytest.raises(MXNetError, match=r"expected \(0, 3\), got \(2, 3\)"):
            (mx.sym.var("a") + mx.sym.var("b")).infer_shape(a=(0, 3), b=(2, 3))
    assert (mx.sym.var("a") + mx.sym.var("b")).infer_shape(a=(0, 3), b=(2, 3))[1] == [(2, 3)]


def test_the_switch_belongs_to_the_thread():
    @mx.util.use_np_shape
    class Model:
        def active(self):
            return mx.util.is_np_shape()

    assert Model().active()
    assert mx.util.set_np_shape(1) is False
    try:
        seen = []
        thread = threading.Thread(target=lambda: seen.append(mx.util.is_np_shape()))
        thread.start()
        thread.join()
        assert seen == [False]
    finally:
        assert mx.util.set_np_shape(0) is True
    with pytest.raises(TypeError):
        mx.util.set_np_shape("x")
    with pytest.raises(ZeroDivisionError), mx.util.np_shape():
        1 / 0  # noqa: B018
    assert not mx.util.is_np_shape()


@pytest.mark.parametrize(("net", "given", "wanted"), [
    (lambda x: mx.sym.expand_dims(x, axis=1), (2, 0, 3), (2, 3)),
    (lambda x: mx.sym.transpose(x, axes=(1, 2, 0)), (3, 0, 2), (2, 3, 0)),
    (lambda x: mx.sym.ravel_multi_index(x, shape=(4, 3)), (5,), (2, 5)),
    (lambda x: mx.sym.unravel_index(x, shape=(4, 3)), (2, 5), (5,)),
    (lambda x: mx.sym._internal._sample_exponential(x, shape=(2,)), (3, 4, 0), (3, 4)),
    (lambda x: mx.sym._internal._sample_poisson(x, shape=(2,)), (0, 4, 2), (0, 4)),
])  # fmt: skip
def test_an_input_follows_from_a_partly_known_output(net, given, wanted):
    tied = mx.sym.elemwise_add(net(mx.sym.var("x")), mx.sym.var("y"))
    assert tied.infer_shape_partial(y=given)[0][0] == wanted


@pytest.mark.parametrize(("net", "given", "wanted"), [
    (lambda x: mx.sym.max(x, axis=1), (0, 5), ()), (lambda x: mx.sym.sum(x, axis=1), (0, 5), (0,)),
    (lambda x: mx.sym.norm(x, axis=1), (0, 5), ()), (lambda x: mx.sym.argmax(x, axis=1), (0, 5), ()),
    (lambda x: mx.sym.Flatten(x), (0, 5, 2), ()), (lambda x: mx.sym.one_hot(x, depth=3), (0,), ()),
    (lambda x: mx.sym.tile(x, reps=(2,)), (0, 5), ()), (lambda x: mx.sym.broadcast_axis(x, axis=1, size=3), (0, 1), ()),
    (lambda x: mx.sym.broadcast_add(x, mx.sym.var("y", shape=(3, 5))), (0, 5), (0, 5)),
    (lambda x: mx.sym.LinearRegressionOutput(x, mx.sym.var("y")), (0, 5), ()),
])  # fmt: skip
def test_what_mxnet_does_not_conclude_from_part_of_a_shape(net, given, wanted):
    assert net(mx.sym.var("x")).infer_shape_partial(x=given)[1] == [wanted]


def test_both_directions_of_a_first_layer_tell_their_inputs_extent():
    """As Gluon writes them: each parameter a variable of its own, two of them without the extent of the data."""
    units, weights = 4, {"l_i2h": (16, 0), "r_i2h": (16, 0), "l_h2h": (16, 4), "r_h2h": (16, 4)}
    shapes = weights | {f"{side}_{what}_bias": (4 * units,) for side in "lr" for what in ("i2h", "h2h")}
    flat = [mx.sym.reshape(mx.sym.var(name, shape=shape), shape=(-1,)) for name, shape in shapes.items()]
    joined = mx.sym._internal._rnn_param_concat(*flat, dim=0, num_args=len(flat))
    states = [mx.sym.var("h"), mx.sym.var("c")]
    net = mx.sym.RNN(mx.sym.var("data"), joined, *states, state_size=units, num_layers=1, mode="lstm", bidirectional=True)
    found, (out,), _ = net.infer_shape(data=(5, 2, 7))
    known = dict(zip(net.list_arguments(), found, strict=True))
    assert known["l_i2h"] == known["r_i2h"] == (16, 7)
    assert known["h"] == (2, 2, 4) and out == (5, 2, 8)
    with pytest.raises(mx.MXNetError, match="cannot fill the 7"):
        (mx.sym._internal._rnn_param_concat(*(mx.sym.var(f"x{i}", shape=s) for i, s in enumerate(((3,), (0,), (0,)))), dim=0, num_args=3)
         + mx.sym.var("y", shape=(10,))).infer_shape()  # fmt: skip


@pytest.mark.parametrize("net", [
    lambda x, y: mx.sym.BatchNorm(x), lambda x, y: mx.sym.LayerNorm(x), lambda x, y: mx.sym.GroupNorm(x, num_groups=1),
    lambda x, y: mx.sym.LRN(x, nsize=3), lambda x, y: mx.sym.Pooling(x, kernel=(1, 1)), lambda x, y: mx.sym.Dropout(x),
    lambda x, y: mx.sym.LeakyReLU(x), lambda x, y: mx.sym.softmax(x), lambda x, y: mx.sym.SoftmaxOutput(x, y),
    lambda x, y: mx.sym.LinearRegressionOutput(x, y), lambda x, y: mx.sym.SVMOutput(x, y), lambda x, y: mx.sym.MakeLoss(x),
    lambda x, y: mx.sym.where(x, y, mx.sym.var("z")), lambda x, y: mx.sym.Embedding(x, input_dim=3, output_dim=5),
])  # fmt: skip
def test_nothing_follows_from_the_output_alone(net):
    tied = mx.sym.elemwise_add(net(mx.sym.var("x"), mx.sym.var("y")), mx.sym.var("out"))
    args, outs, aux = tied.infer_shape_partial(out=(2, 3, 4, 5))
    assert outs == [(2, 3, 4, 5)]
    assert [a for n, a in zip(tied.list_arguments(), args, strict=True) if n != "out"] + aux == [()] * (len(args) - 1 + len(aux))


def test_a_triangular_matrix_follows_from_the_product():
    for rightside, n in ((False, 3), (True, 4)):
        solved = mx.sym.linalg.trsm(mx.sym.var("a"), mx.sym.var("b"), rightside=rightside)
        assert (solved + mx.sym.var("out")).infer_shape_partial(out=(2, 3, 4))[0][:2] == [(2, n, n), (2, 3, 4)]


@pytest.mark.parametrize(("net", "given"), [
    (lambda x, y: mx.sym.gather_nd(x, y), "x"), (lambda x, y: mx.sym.scatter_nd(x, y, shape=(2, 3)), "x"),
    (mx.sym.slice_like, "x"), (mx.sym.reshape_like, "x"), (mx.sym.broadcast_like, "x"), (mx.sym.SoftmaxOutput, "y"),
    (lambda x, y: mx.sym.Convolution(x, y, kernel=(1, 1), num_filter=1, no_bias=True), "y"),
])  # fmt: skip
def test_a_type_that_does_not_follow(net, given):
    with pytest.warns(UserWarning, match="Cannot decide type"):
        assert net(mx.sym.var("x"), mx.sym.var("y")).infer_type(**{given: "float16"}) == (None, None, None)


@pytest.mark.parametrize(("scalar", "dtype"), [(1.5, "float64"), (1, "float64"), (1, "int32"), (1.5, "float16")])
def test_the_type_beside_a_number_follows_from_the_result(scalar, dtype):
    net = (mx.sym.var("x") + scalar) + mx.sym.var("y")
    assert net.infer_type(y=dtype)[0] == [np.dtype(dtype).type] * 2


def test_types_that_an_operator_does_not_compute_with_are_answered_all_the_same():
    x, y = mx.sym.var("x"), mx.sym.var("y")
    conv = mx.sym.Convolution(x, kernel=(3, 3), num_filter=4, name="c")
    assert conv.infer_type(x="int8") == ([np.int8] * 3, [np.int8], [])
    assert mx.sym.softmax(x).infer_type(x="int32") == ([np.int32], [np.int32], [])
    assert mx.sym.linalg.potrf(x).infer_type(x="float16") == ([np.float16], [np.float16], [])
    assert (x + y).infer_type(x="bool") == ([np.bool_] * 2, [np.bool_], [])
    with pytest.raises(MXNetError, match="expected int8, got float32"):
        mx.sym.broadcast_add(x, y).infer_type(x="int8", y="float32")
    for refused in (mx.sym.BatchNorm(x), mx.sym.InstanceNorm(x), mx.sym.linalg.det(x)):
        with pytest.raises(MXNetError, match="int8"):
            refused.infer_type(x="int8")
    with pytest.raises(MXNetError, match="only supports floating-point types, not int8"):
        conv.simple_bind(mx.cpu(), x=(1, 2, 5, 5), type_dict={"x": "int8"})


def test_partial_shapes_are_not_completed_where_mxnet_does_not():
    x, y, z = (mx.sym.var(n) for n in "xyz")
    assert mx.sym.linalg.potrf(x).infer_shape_partial(x=(2, 0, 3)) == ([(2, 0, 3)], [(2, 0, 3)], [])
    assert mx.sym.linalg.trsm(x, y).infer_shape_partial(y=(2, 3, 4)) == ([(), (2, 3, 4)], [()], [])
    assert mx.sym.contrib.fft(x).infer_shape_partial(x=(0, 3)) == ([(0, 3)], [()], [])
    assert mx.sym.contrib.boolean_mask(x, y).infer_shape_partial(x=(4, 3), y=(4,)) == ([(4, 3), (4,)], [()], [])
    assert mx.sym.stack(x, y, axis=1).infer_shape_partial(x=(2, 3)) == ([(2, 3), ()], [(2, 2, 3)], [])
    pdf = mx.sym.random_pdf_uniform(x, y, z)
    assert pdf.infer_shape_partial(x=(3, 4), z=(3,)) == ([(3, 4), (), (3,)], [()], [])
    assert pdf.infer_shape_partial(x=(0, 4), y=(3,), z=(3,)) == ([(0, 4), (3,), (3,)], [(0, 4)], [])
