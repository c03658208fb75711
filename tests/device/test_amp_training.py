"""Trainings in mixed precision."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import clsym as mx
from clsym.contrib import amp
from tests.reference import digits_training

rng = np.random.RandomState(0)
X = rng.rand(8, 5).astype(np.float32)
Y = rng.randint(0, 3, 8).astype(np.float32)


def net() -> Any:
    x = mx.sym.Activation(mx.sym.FullyConnected(mx.sym.var("data"), num_hidden=4, name="one"), act_type="tanh")
    return mx.sym.SoftmaxOutput(mx.sym.FullyConnected(x, num_hidden=3, name="two"), name="softmax")


def trained(symbol: Any, scaling: str, steps: int = 4, **optimizer: Any) -> Any:
    module = mx.mod.Module(symbol)
    if scaling == "before":
        amp.init_trainer(module)
    module.bind([("data", (8, 5))], [("softmax_label", (8,))])
    mx.random.seed(1)
    np.random.seed(1)
    module.init_params(mx.init.Xavier())
    module.init_optimizer(**optimizer)
    if scaling == "after":
        amp.init_trainer(module)
    for k in range(steps):
        n = 8 - 2 * (k % 2)  # batches of two sizes
        module.forward_backward(mx.io.DataBatch([mx.nd.array(X[:n])], [mx.nd.array(Y[:n])]))
        module.update()
    return module


def values(module: Any) -> dict[str, np.ndarray]:
    return {n: a.asnumpy() for n, a in module.get_params()[0].items()}


@pytest.mark.parametrize("scaling", ["before", "after"])
def test_a_scale_that_is_a_power_of_two_changes_no_bit_in_float32(scaling: str) -> None:
    options = {"optimizer": "adam", "optimizer_params": {"learning_rate": 0.1}}
    plain, scaled = values(trained(net(), "", **options)), values(trained(net(), scaling, **options))
    assert plain.keys() == scaled.keys() and all((plain[n] == scaled[n]).all() for n in plain)


def test_a_step_that_overflows_is_left_out_and_halves_the_scale() -> None:
    module = trained(net(), "after", 2)
    scaler, before = module._amp_loss_scaler, values(module)
    for k in range(2):
        module.forward_backward(mx.io.DataBatch([mx.nd.array(X * np.inf)], [mx.nd.array(Y)]))
        module.update()
        assert scaler.next_loss_scale == 2.0 ** (15 - k)
        assert all((before[n] == v).all() for n, v in values(module).items())
    assert module._optimizer.num_update == 2
    scaler._unskipped = 1999
    module.forward_backward(mx.io.DataBatch([mx.nd.array(X)], [mx.nd.array(Y)]))
    found = module._exec_group.grad_arrays[0][0].asnumpy()
    amp.unscale(module)
    assert (module._exec_group.grad_arrays[0][0].asnumpy() * 2.0**14 == found).all()
    module.update()
    assert scaler.next_loss_scale == 2.0**15 and not all((before[n] == v).all() for n, v in values(module).items())
    with amp.scale_loss([mx.nd.ones(1)], module) as scaled:
        assert scaled[0].asscalar() == 2.0**15


def test_a_loss_in_float16_cannot_be_scaled() -> None:
    module = mx.mod.Module(mx.sym.SoftmaxOutput(mx.sym.cast(mx.sym.var("data"), dtype="float16"), name="softmax"))
    amp.init_trainer(module)
    with pytest.raises(mx.MXNetError, match="give it float32"):
        module.bind([("data", (8, 5))], [mx.io.DataDesc("softmax_label", (8,), "float16")])


def test_lenet_in_float16_learns_as_in_float32(tmp_path: Path) -> None:
    images, labels = digits_training.digits(28)
    whole = digits_training.lenet(mx)
    args, aux = digits_training.initial(mx, whole, (64, *images.shape[1:]))
    found = []
    for narrow in (False, True):
        symbol, given = whole, args
        if narrow:
            symbol, given, _ = amp.convert_model(whole, args, aux, cast_optional_params=True)
            assert {a.dtype for a in given.values()} == {np.float16}
        module = mx.mod.Module(symbol)
        if narrow:
            amp.init_trainer(module)
        module.fit(
            mx.io.NDArrayIter(images[:768], labels[:768], 64), num_epoch=2, arg_params=given, aux_params=aux,
            optimizer_params={"learning_rate": 0.03, "momentum": 0.9, "multi_precision": narrow},
        )  # fmt: skip
        found.append(dict(module.score(mx.io.NDArrayIter(images[1408:], labels[1408:], 64), "acc"))["accuracy"])
    assert module.get_params()[0]["fc1_weight"].dtype == np.float16
    assert found[0] > 0.8 and abs(found[1] - found[0]) < 0.03, found
    module.save_checkpoint(str(tmp_path / "n"), 1)
    assert "amp_" not in (tmp_path / "n-symbol.json").read_text()
    module.save_checkpoint(str(tmp_path / "n"), 1, remove_amp_cast=False)
    saved, params, _ = mx.model.load_checkpoint(str(tmp_path / "n"), 1)
    assert saved.tojson(remove_amp_cast=False) == symbol.tojson(remove_amp_cast=False)
    assert params["fc1_weight"].dtype == np.float16


def test_arrays_are_cast_after_init() -> None:
    from clsym.contrib.amp.insertion import _Insertion

    amp.init()
    try:
        x = mx.nd.ones((2, 3))
        assert mx.nd.FullyConnected(x, mx.nd.ones((4, 3)), no_bias=True, num_hidden=4).dtype == np.float16
        assert mx.nd.exp(x.astype("float16")).dtype == np.float32
        assert mx.nd.concat(x, x.astype("float16")).dtype == np.float32
        assert mx.nd.dot(x, x.T).dtype == np.float32
    finally:
        _Insertion.end()
    assert mx.nd.exp(x.astype("float16")).dtype == np.float16
