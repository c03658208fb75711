"""Custom: operators in Python, in graphs and on arrays. What MXNet 1.9.1 gives its callbacks was looked at, call by call."""

from __future__ import annotations

import json

import numpy as np
import pytest

import clsym as mx
from clsym.base import MXNetError
from clsym.ops.control.custom import BEHAVIOURS

SEEN: list[tuple[object, ...]] = []


class Softmax(mx.operator.CustomOp):
    """The classic: a softmax with its loss's gradient, half with arrays, half with numpy."""

    def forward(self, is_train, req, in_data, out_data, aux):
        e = mx.nd.exp(in_data[0] - mx.nd.max(in_data[0], axis=1, keepdims=True))
        self.assign(out_data[0], req[0], e / mx.nd.sum(e, axis=1, keepdims=True))

    def backward(self, req, out_grad, in_data, out_data, in_grad, aux):
        y = out_data[0].asnumpy()
        y[np.arange(len(y)), in_data[1].asnumpy().astype(int)] -= 1
        self.assign(in_grad[0], req[0], mx.nd.array(y, dtype=y.dtype))
        self.assign(in_grad[1], req[1], mx.nd.zeros_like(in_data[1]))


class SoftmaxProp(mx.operator.CustomOpProp):
    def __init__(self):
        super().__init__(need_top_grad=False)

    def list_arguments(self):
        return ["data", "label"]

    def infer_shape(self, in_shape):
        return [in_shape[0], (in_shape[0][0],)], [in_shape[0]], []

    def create_operator(self, ctx, in_shapes, in_dtypes):
        return Softmax()


class Scale(mx.operator.CustomOp):
    """Two outputs, a state, something kept from forward to backward."""

    def __init__(self, k):
        self.k = k

    def forward(self, is_train, req, in_data, out_data, aux):
        SEEN.append(("forward", is_train, list(req), [a.shape for a in in_data], [a.shape for a in out_data]))
        self.kept = in_data[0][1:3].copy()  # from the middle of the graph's memory
        self.assign(out_data[0], req[0], in_data[0] * self.k)
        self.assign(out_data[1], req[1], in_data[0] + in_data[1] + aux[0])
        aux[0][:] += 1

    def backward(self, req, out_grad, in_data, out_data, in_grad, aux):
        SEEN.append(("backward", list(req), [a.size for a in out_grad], [a.size for a in in_data], [a.size for a in out_data]))
        total = out_grad[0] * self.k
        total[1:3] += self.kept
        self.assign(in_grad[0], req[0], total)
        self.assign(in_grad[1], req[1], out_grad[0] * 0 + 3)


class ScaleProp(mx.operator.CustomOpProp):
    def __init__(self, k="1", mode="all"):
        super().__init__()
        assert isinstance(k, str)
        self.k, self.mode = float(k), mode

    def list_arguments(self):
        return ["data", "other"]

    def list_outputs(self):
        return ["scaled", "sum"]

    def list_auxiliary_states(self):
        return ["count"]

    def infer_shape(self, in_shape):
        return [in_shape[0]] * 2, [in_shape[0]] * 2, [(1,)]

    def declare_backward_dependency(self, out_grad, in_data, out_data):
        return [out_grad[0]] if self.mode == "few" else super().declare_backward_dependency(out_grad, in_data, out_data)

    def create_operator(self, ctx, in_shapes, in_dtypes):
        assert in_shapes[2] == [1] and isinstance(ctx, mx.Context)
        return Scale(self.k)


class Bad(mx.operator.CustomOp):
    def __init__(self, where):
        self.where = where

    def forward(self, is_train, req, in_data, out_data, aux):
        if self.where == "forward":
            raise KeyError("no such thing")
        self.assign(out_data[0], req[0], mx.nd.ones((7, 7)) if self.where == "assign" else in_data[0])

    def backward(self, req, out_grad, in_data, out_data, in_grad, aux):
        raise ZeroDivisionError("by nothing")


class BadProp(mx.operator.CustomOpProp):
    def __init__(self, where):
        super().__init__()
        self.where = where
        if where == "init":
            raise RuntimeError("not today")

    def infer_shape(self, in_shape):
        if self.where == "shape":
            raise AssertionError("rows must be even")
        return in_shape, in_shape * (2 if self.where == "count" else 1)

    def infer_type(self, in_type):
        return (in_type, [], []) if self.where == "types" else super().infer_type(in_type)

    def list_arguments(self):
        return ["data", "data"] if self.where == "names" else ["data"]

    def declare_backward_dependency(self, out_grad, in_data, out_data):
        return [17] if self.where == "dependency" else [*out_grad]

    def create_operator(self, ctx, in_shapes, in_dtypes):
        return None if self.where == "create" else Bad(self.where)


@pytest.fixture(autouse=True)
def registered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("clsym.operator.custom.BEHAVIOURS", kept := dict(BEHAVIOURS))
    monkeypatch.setattr("clsym.ops.control.custom.BEHAVIOURS", kept)
    for name, prop in {"softmax": SoftmaxProp, "scale": ScaleProp, "bad": BadProp}.items():
        mx.operator.register(name)(prop)
    SEEN.clear()


@pytest.mark.parametrize("check", ["0", "1"])
def test_a_loss_within_a_network_trains_as_the_built_in_one(ctx, check, monkeypatch):
    monkeypatch.setenv("CLSYM_CHECK", check)
    data = mx.sym.FullyConnected(mx.sym.Variable("x"), num_hidden=5, name="fc")
    nets = [mx.sym.Custom(data=data, op_type="softmax", name="out"), mx.sym.SoftmaxOutput(data, name="out")]
    assert nets[0].list_arguments() == nets[1].list_arguments() == ["x", "fc_weight", "fc_bias", "out_label"]
    assert nets[0].infer_shape(x=(4, 3)) == nets[1].infer_shape(x=(4, 3))
    values = {"x": np.random.randn(4, 3), "fc_weight": np.random.randn(5, 3), "out_label": np.array([0, 3, 4, 4])}
    results = []
    for net in nets:
        req = {"x": "null", "fc_weight": "add", "fc_bias": "write", "out_label": "null"}
        ex = net.simple_bind(ctx, x=(4, 3), grad_req=req)
        for name, value in values.items():
            ex.arg_dict[name][:] = value
        ex.grad_dict["fc_weight"][:] = 2
        for _ in range(2):
            ex.forward(is_train=True)
            ex.backward()
        results.append([ex.outputs[0].asnumpy(), ex.grad_dict["fc_weight"].asnumpy(), ex.grad_dict["fc_bias"].asnumpy()])
    for ours, theirs in zip(*results, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("mode", ["all", "few"])
def test_outputs_states_and_what_is_kept(ctx, mode):
    x = mx.sym.Variable("x")
    net = mx.sym.Custom(x * 2, op_type="scale", k=3, mode=mode, name="a")
    net = mx.sym.Custom(net[0], net[1], op_type="scale", k=0.5, mode=mode, name="b")
    assert net.list_arguments() == ["x", "a_other"] and net.list_auxiliary_states() == ["a_count", "b_count"]
    assert net.list_outputs() == ["b_scaled", "b_sum"]
    net = mx.sym.load_json(net.tojson())
    node = json.loads(net.tojson())["nodes"][-1]
    assert node["attrs"] == {"op_type": "scale", "k": "0.5", "mode": mode} and node["inputs"][-1][2] == 1
    ex = net[0].simple_bind(ctx, x=(4, 2), grad_req={"x": "add", "a_other": "null"})
    value = np.random.randn(4, 2).astype(np.float32)
    ex.arg_dict["x"][:] = value
    ex.grad_dict["x"][:] = 1
    for turn in range(3):
        assert np.allclose(ex.forward(is_train=True)[0].asnumpy(), value * 3)
        assert ex.aux_dict["a_count"].asscalar() == turn + 1
        ex.backward([mx.nd.ones((4, 2), ctx=ctx)])
        # b: 0.5 and what it kept, 6 x; a: times 3, from its second output 3 of b's, and what it kept, 2 x; and times 2
        grad = np.full((4, 2), 0.5)
        grad[1:3] += 6 * value[1:3]
        grad *= 3
        grad[1:3] += 2 * value[1:3]
        np.testing.assert_allclose(ex.grad_dict["x"].asnumpy(), 1 + (turn + 1) * 2 * grad, rtol=1e-5, atol=1e-5)
    forward = ("forward", True, ["write", "write"], [(4, 2), (4, 2)], [(4, 2), (4, 2)])
    last = ("forward", True, ["write", "write" if mode == "all" else "null"], *forward[3:])
    read = ([8, 8], [8, 8], [8, 8]) if mode == "all" else ([8, 0], [0, 0], [0, 0])
    assert SEEN[:4] == [forward, last, ("backward", ["write", last[2][1]], *read), ("backward", ["write", "null"], *read)]
    ex.forward(is_train=False)
    assert SEEN[-1][1] is False and ex.aux_dict["a_count"].asscalar() == 4


def test_executors_and_nodes_have_operators_of_their_own(ctx):
    made = []

    class Prop(mx.operator.CustomOpProp):
        def create_operator(self, ctx, in_shapes, in_dtypes):
            made.append(in_shapes)
            return Bad("nowhere")

    mx.operator.register("counted")(Prop)
    x = mx.sym.Variable("x")
    net = mx.sym.Custom(x, op_type="counted") + mx.sym.Custom(x, op_type="counted")
    for shape in ((2,), (3,)):
        ex = net.simple_bind(ctx, x=shape)
        for train in (True, False, True):
            ex.forward(is_train=train)
    assert made == [[[2]], [[2]], [[3]], [[3]]]


def test_on_arrays(ctx):
    x, other, count = (mx.nd.array(v, ctx=ctx) for v in (np.arange(8).reshape(4, 2), np.ones((4, 2)), [5]))
    a, b = mx.nd.Custom(x, other, count, op_type="scale", k=2)
    assert np.array_equal(a.asnumpy(), x.asnumpy() * 2) and np.array_equal(b.asnumpy(), x.asnumpy() + 6) and count.asscalar() == 6
    mx.nd.Custom(other=other, count=count, data=x, op_type="scale", out=[x, other])
    assert np.array_equal(x.asnumpy(), np.arange(8).reshape(4, 2)) and count.asscalar() == 7
    big = mx.nd.array(np.arange(12).reshape(6, 2), ctx=ctx)
    assert mx.nd.Custom(big[1:5], other, count, op_type="scale")[0].asnumpy().tolist() == big[1:5].asnumpy().tolist()
    assert SEEN[0][1] is False
    for args, kwargs in (((x,), {}), ((x, other, count, count), {}), ((x, other), {"data": x}), ((x, other), {"nobody": x})):
        with pytest.raises(MXNetError, match=r"Operator Custom expects 3 inputs \(data, other, count\), but got"):
            mx.nd.Custom(*args, op_type="scale", **kwargs)


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ("init", r"custom operator 'bad' \(node 'it'\) cannot be made: RuntimeError: not today"),
        ("names", r"list_arguments\(\) returned a name twice"),
        ("dependency", r"declare_backward_dependency\(\) returned \[17\]"),
        (
            "shape",
            r"argument 'data' \(x\): got \(2,\); infer_shape\(\) of custom operator 'bad' raised AssertionError: rows must be even",
        ),
        ("count", r"operator it \(Custom\): .*infer_shape\(\) of custom operator 'bad' returned 2 for 1 outputs"),
        ("types", r"operator it \(Custom\): .*infer_type\(\) of custom operator 'bad' returned 0 for 1 outputs"),
        ("create", r"node 'it' \(Custom\[bad\]\) failed on the host: TypeError: create_operator\(\) of BadProp returned None"),
        ("forward", r"node 'it' \(Custom\[bad\]\) failed on the host: KeyError: 'no such thing' \(in forward, .*test_custom.py:\d+\)"),
        ("assign", r"node 'it' \(Custom\[bad\]\) failed on the host: "),
        ("backward", r"node 'it_backward' \(_backward_Custom\[bad\]\) failed on the host: ZeroDivisionError: by nothing"),
    ],
)
def test_who_fails_is_named(ctx, where, message):
    with pytest.raises(MXNetError, match=message) as caught:
        ex = mx.sym.Custom(mx.sym.Variable("x"), op_type="bad", where=where, name="it").simple_bind(ctx, x=(2,))
        ex.forward(is_train=True)
        ex.backward([mx.nd.ones((2,), ctx=ctx)])
    if where in ("forward", "backward"):
        assert caught.value.__cause__.__traceback__ is not None
        if where == "forward":
            with pytest.raises(MXNetError, match="operator Custom failed on the host: KeyError"):
                mx.nd.Custom(mx.nd.ones((2,), ctx=ctx), op_type="bad", where=where)


def test_unknown_ones_and_wrong_classes():
    with pytest.raises(MXNetError, match=r"Cannot find custom operator skale.*Close names: scale"):
        mx.sym.Custom(mx.sym.Variable("x"), op_type="skale")
    with pytest.raises(MXNetError, match="Required parameter op_type"):
        mx.sym.Custom(mx.sym.Variable("x"))
    with pytest.raises(TypeError, match="no subclass of CustomOpProp"):
        mx.operator.register("wrong")(Scale)
    text = mx.sym.Custom(mx.sym.Variable("x"), op_type="custom_op", name="c").tojson().replace("custom_op", "gone")
    with pytest.raises(MXNetError, match="Cannot find custom operator gone"):
        mx.sym.load_json(text)


def test_looking_operators_up():
    names = mx.operator.get_all_registered_operators()
    assert {"Custom", "Convolution", "_contrib_box_nms", "broadcast_add"} & set(names) >= {"Custom", "Convolution", "broadcast_add"}
    found = mx.operator.get_operator_arguments("FullyConnected")
    assert found.narg == 6 and found.names == ["data", "weight", "bias", "num_hidden", "no_bias", "flatten"]
    assert found.types[0] == "NDArray-or-Symbol" and found.types[3].startswith("int") and found.types[3].endswith(", required")
    assert mx.operator.get_operator_arguments("Custom") == (2, ["data", "op_type"], ["NDArray-or-Symbol[]", "string, required"])
    with pytest.raises(MXNetError, match="Operator nope is not registered"):
        mx.operator.get_operator_arguments("nope")


def test_the_older_forms(ctx):
    class Cube(mx.operator.NumpyOp):
        def list_arguments(self):
            return ["base"]

        def forward(self, in_data, out_data):
            out_data[0][:] = in_data[0] ** 3

        def backward(self, out_grad, in_data, out_data, in_grad):
            in_grad[0][:] = 3 * in_data[0] ** 2 * out_grad[0]

    class Identity(mx.operator.NDArrayOp):
        pass

    net = Identity(need_top_grad=False)(Cube()(mx.sym.Variable("x"), name="cube") * 2, name="same")
    assert net.list_outputs() == ["same_output"] and Cube()(name="c").list_arguments() == ["c_base"]
    ex = net.simple_bind(ctx, x=(3,), grad_req="add")
    ex.arg_dict["x"][:] = [1, 2, 3]
    ex.grad_dict["x"][:] = 1
    assert ex.forward(is_train=True)[0].asnumpy().tolist() == [2, 16, 54]
    ex.backward()
    assert ex.grad_dict["x"].asnumpy().tolist() == [7, 25, 55]


def test_libraries_of_mxnet_are_refused(tmp_path, monkeypatch):
    library = tmp_path / "mine.so"
    with pytest.raises(MXNetError, match=r"mine\.so does not exist"):
        mx.library.load(str(library))
    library.write_bytes(b"")
    with pytest.raises(MXNetError, match=r"cannot be loaded.*clsym.extension"):
        mx.library.load(str(library))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(MXNetError, match="is not an absolute path"):
        mx.library.load("mine.so")
    with pytest.raises(MXNetError, match="is NOT a library file"):
        mx.library.load(str(tmp_path))


def test_recorded_calls(ctx):
    """One call is one operator of the tape: what it does within is not recorded, and forward and backward are the same object's."""
    x, other, count = (mx.nd.array(v, ctx=ctx) for v in (np.arange(8).reshape(4, 2), np.ones((4, 2)), [0]))
    x.attach_grad()
    with mx.autograd.record():
        a, b = mx.nd.Custom(x, other, count, op_type="scale", k=2)
        loss = (a + b * 0).sum()
    loss.backward()
    want = np.full((4, 2), 2.0)
    want[1:3] += x.asnumpy()[1:3]
    np.testing.assert_allclose(x.grad.asnumpy(), want)
    assert [s[0] for s in SEEN] == ["forward", "backward"] and SEEN[0][1] is True and SEEN[1][1] == ["write", "null"]
