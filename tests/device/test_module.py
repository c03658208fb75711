"""Modules: binding, batches, updates, files; on one device and on two."""

from __future__ import annotations

import json
import logging
import os
import signal
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import clsym as mx
from tests.reference import digits_training

RECORDED = json.loads((Path(__file__).parents[1] / "reference" / "module.json").read_text())
pytestmark = pytest.mark.filterwarnings("ignore:Parameters already initialized")
rng = np.random.RandomState(0)
X = rng.rand(24, 5).astype(np.float32)
Y = rng.randint(0, 3, 24).astype(np.float32)


def net(hidden: int = 4, dropout: float = 0.0) -> Any:
    x = mx.sym.FullyConnected(mx.sym.var("data"), num_hidden=hidden, name="one")
    x = mx.sym.BatchNorm(mx.sym.Activation(x, act_type="tanh", name="tanh"), fix_gamma=False, name="norm")
    if dropout:
        x = mx.sym.Dropout(x, p=dropout, name="drop")
    return mx.sym.SoftmaxOutput(mx.sym.FullyConnected(x, num_hidden=3, name="two"), name="softmax")


def data(batch: int = 8) -> Any:
    return mx.io.NDArrayIter(X, Y, batch)


def batch(n: int = 8, label: bool = True, **kwargs: Any) -> Any:
    return mx.io.DataBatch([mx.nd.array(X[:n])], [mx.nd.array(Y[:n])] if label else None, **kwargs)


def bound(symbol: Any = None, n: int = 8, context: Any = None, seed: int = 1, **kwargs: Any) -> Any:
    module = mx.mod.Module(symbol or net(), context=context or mx.cpu())
    module.bind([("data", (n, 5))], [("softmax_label", (n,))], **kwargs)
    mx.random.seed(seed)
    np.random.seed(seed)
    module.init_params(mx.init.Xavier())
    return module


def values(module: Any) -> dict[str, np.ndarray]:
    arg, aux = module.get_params()
    return {n: a.asnumpy().copy() for n, a in [*arg.items(), *aux.items()]}


def same(a: dict[str, np.ndarray], b: dict[str, np.ndarray]) -> bool:
    return a.keys() == b.keys() and all((a[n] == b[n]).all() for n in a)


class TestBatches:
    def test_another_size_keeps_executors_and_results(self) -> None:
        module = bound()
        whole = module.predict(data(8)).asnumpy()
        kept = module._exec_group.execs[0]
        for n in (3, 24, 8):
            module.forward(batch(n), is_train=False)
            assert np.allclose(module.get_outputs()[0].asnumpy(), whole[:n], atol=1e-6)
            assert module.data_shapes[0].shape == (n, 5) and module.label_shapes[0].shape == (n,)
        assert module._exec_group.execs[0] is kept
        assert module.predict(X[:5]).shape == (5, 3)  # without labels
        assert np.allclose(module.predict(data(10)).asnumpy(), whole, atol=1e-6)  # the padding is cut off
        parts = module.predict(data(10), merge_batches=False)
        assert [p[0].shape[0] for p in parts] == [10, 10, 4]
        module.predict(X[:5])
        module.forward(batch(5), is_train=True)  # and with them again
        module.backward()
        assert module.label_shapes[0].shape == (5,)

    def test_training_with_another_size_trains_the_same_parameters(self) -> None:
        module, alone = bound(), bound(n=4)
        for m in (module, alone):
            m.init_optimizer(optimizer_params={"learning_rate": 0.1, "rescale_grad": 1.0})
            m.forward_backward(batch(4))
            m.update()
        for name, value in values(alone).items():
            assert np.allclose(values(module)[name], value, atol=1e-6), name

    @pytest.mark.parametrize(
        ("wrong", "words"),
        [
            (lambda: mx.io.DataBatch([mx.nd.ones((8, 6))], [mx.nd.zeros(8)]), ["one_weight", "(4, 5)", "(4, 6)"]),
            (lambda: mx.io.DataBatch([mx.nd.ones((8, 5))] * 2, [mx.nd.zeros(8)]), ["2 arrays", "data"]),
            (lambda: mx.io.DataBatch([mx.nd.ones((8, 5))], [mx.nd.zeros(7)]), ["softmax_label", "(7,)", "(8,)"]),
            (lambda: mx.io.DataBatch([mx.nd.ones((8, 5))], [mx.nd.zeros(8)], provide_data=[("image", (8, 5))]), ["image", "data"]),
        ],
    )
    def test_a_batch_that_does_not_fit(self, wrong: Any, words: list[str]) -> None:
        module = bound()
        with pytest.raises(mx.MXNetError) as error:
            module.forward_backward(wrong())
        assert all(w in str(error.value) for w in words), str(error.value)
        module.forward_backward(batch())  # and it still works

    def test_a_missing_label(self) -> None:
        module = bound()
        module.forward(batch(label=False), is_train=True)
        with pytest.raises(mx.MXNetError, match="softmax_label"):
            module.backward()

    def test_a_list_of_batches_is_one_a_device(self) -> None:
        one, two = bound(), bound(context=[mx.cpu(0), mx.cpu(1)])
        halves = [mx.io.DataBatch([mx.nd.array(X[i : i + 4])], [mx.nd.array(Y[i : i + 4])]) for i in (0, 4)]
        one.forward(batch(), is_train=False)
        two.forward(halves, is_train=False)
        assert np.allclose(one.get_outputs()[0].asnumpy(), two.get_outputs()[0].asnumpy(), atol=1e-6)
        metric = mx.metric.create("acc")
        two.update_metric(metric, [h.label for h in halves], pre_sliced=True)
        assert metric.num_inst == 8


class TestParameters:
    def test_another_network_is_told_by_what_is_missing_and_extra(self, tmp_path: Path) -> None:
        module = bound()
        arg, aux = module.get_params()
        other = {**{n: a for n, a in arg.items() if n != "two_bias"}, "conv_weight": mx.nd.ones(2), "one_bias": mx.nd.ones(9)}
        mx.nd.save(str(tmp_path / "other"), {f"arg:{n}": a for n, a in other.items()})
        before = values(module)
        with pytest.raises(mx.MXNetError) as error:
            module.load_params(str(tmp_path / "other"))
        for word in ("two_bias is not presented", "one_bias has shape (9,), expected (4,)", "extra: conv_weight", str(tmp_path)):
            assert word in str(error.value)
        with pytest.raises(mx.MXNetError, match="norm_moving_mean"):
            module.set_params(arg, {})
        assert same(values(module), before)
        del other["one_bias"]
        with pytest.raises(ValueError, match="conv_weight"):
            module.set_params(other, aux, allow_missing=True)
        module.set_params({n: other[n] for n in ("conv_weight", "one_weight")}, aux, allow_missing=True, allow_extra=True)

    def test_fixed_states_and_modes(self) -> None:
        symbol = mx.sym.SoftmaxOutput(
            mx.sym.FullyConnected(mx.sym.var("data") + mx.sym.var("state"), num_hidden=3, name="two"), name="softmax"
        )
        module = mx.mod.Module(symbol, state_names=["state"], fixed_param_names=["two_bias"])
        module.bind([("data", (8, 5))], [("softmax_label", (8,))], inputs_need_grad=True, grad_req="add")
        module.init_params()
        module.set_states(value=2)
        module.forward_backward(batch())
        once = module.get_input_grads()[0].asnumpy()
        module.forward_backward(batch())
        assert np.allclose(module.get_input_grads()[0].asnumpy(), 2 * once, atol=1e-6)
        assert module.get_states(merge_multi_context=False)[0][0].asnumpy().min() == 2
        assert module._exec_group.grad_arrays[1] == [None]
        before = values(module)
        module.init_optimizer(optimizer_params={"learning_rate": 1.0})
        module.update()
        assert (values(module)["two_bias"] == before["two_bias"]).all() and (values(module)["two_weight"] != before["two_weight"]).any()

    def test_rebinding_keeps_values_and_a_shared_module_has_them(self) -> None:
        module = bound()
        module.init_optimizer()
        before = values(module)
        module.bind([("data", (2, 5))], [("softmax_label", (2,))], force_rebind=True)
        assert same(values(module), before)
        other = mx.mod.Module(net())
        other.bind([("data", (4, 5))], [("softmax_label", (4,))], shared_module=module)
        other.forward_backward(batch(4))
        other.update()
        assert other._exec_group.param_arrays[0][0] is module._exec_group.param_arrays[0][0]
        module._params_dirty = True
        assert not same(values(module), before)


class TestFit:
    def test_what_callbacks_see_and_what_is_logged(self, caplog: pytest.LogCaptureFixture) -> None:
        seen: dict[str, list[Any]] = {}

        def note(which: str) -> Any:
            return lambda p: seen.setdefault(which, []).append([p.epoch, p.nbatch, set(p.locals)])

        one = mx.sym.SoftmaxOutput(mx.sym.FullyConnected(mx.sym.var("data"), num_hidden=2, name="fc"), name="softmax")
        it = mx.io.NDArrayIter(np.ones((4, 3), "f"), np.zeros(4, "f"), 2)
        with caplog.at_level(logging.INFO):
            mx.mod.Module(one).fit(
                it, eval_data=it, num_epoch=2, batch_end_callback=note("batch"), eval_end_callback=note("eval_end"),
                eval_batch_end_callback=note("eval_batch"),
            )  # fmt: skip
        passing = {"callback", "batch_end_params", "name", "val", "res", "toc", "eval_name_vals"}  # of MXNet's own loop
        for which, recorded in RECORDED["locals"].items():
            assert [s[:2] for s in seen[which]] == [r[:2] for r in recorded]
            for (_, _, names), (_, _, theirs) in zip(seen[which], recorded, strict=True):
                assert set(theirs) - passing <= names
        lines = [r.getMessage().rsplit("=", 1)[0] for r in caplog.records]
        assert lines == [f"Epoch[{e}] {what}" for e in (0, 1) for what in ("Train-accuracy", "Time cost", "Validation-accuracy")]

    @pytest.mark.parametrize("optimizer", ["adam", "nadam"])
    def test_a_resumed_run_equals_an_uninterrupted_one(self, tmp_path: Path, optimizer: str) -> None:
        def run(module: Any, begin: int, end: int, kill_after: int | None = None) -> Any:
            def at_end(epoch: int, *_: Any) -> None:
                module.save_checkpoint(str(tmp_path / "net"), epoch + 1, save_optimizer_states=True)
                mx.random.seed(epoch)
                if epoch == kill_after:
                    raise KeyboardInterrupt

            mx.random.seed(77) if begin == 0 else mx.random.seed(begin - 1)
            schedule = mx.lr_scheduler.FactorScheduler(4, 0.5, base_lr=0.01)
            with pytest.raises(KeyboardInterrupt) if kill_after is not None else warnings.catch_warnings():
                module.fit(
                    data(), num_epoch=end, begin_epoch=begin, epoch_end_callback=at_end, optimizer=optimizer, initializer=mx.init.One(),
                    optimizer_params={"learning_rate": 0.01, "lr_scheduler": schedule},
                )  # fmt: skip
            return values(module)

        whole = run(mx.mod.Module(net(dropout=0.5)), 0, 4)
        run(mx.mod.Module(net(dropout=0.5)), 0, 4, kill_after=1)
        again = mx.mod.Module.load(str(tmp_path / "net"), 2, load_optimizer_states=True)
        assert same(run(again, 2, 4), whole)

    def test_an_interrupted_save_leaves_the_old_files(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        module = bound()
        module.init_optimizer(optimizer="adam")
        module.forward_backward(batch())
        module.update()
        prefix = str(tmp_path / "net")
        module.save_checkpoint(prefix, 1, save_optimizer_states=True)
        before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}
        module.forward_backward(batch())
        module.update()

        def stop(*_: Any) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr(os, "replace", stop)
        for save in (module.save_params, module.save_optimizer_states):
            with pytest.raises(KeyboardInterrupt):
                save(prefix + ("-0001.params" if save == module.save_params else "-0001.states"))
        assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == before

    def test_ctrl_c_ends_between_steps(self) -> None:
        own = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs start with another
        try:
            self._interrupt()
        finally:
            signal.signal(signal.SIGINT, own)

    def _interrupt(self) -> None:
        module = bound()
        steps = []
        step, update = module.forward_backward, module.update

        def interrupted(b: Any) -> None:
            if len(steps) == 2:
                os.kill(os.getpid(), signal.SIGINT)
            step(b)

        module.forward_backward = interrupted
        module.update = lambda: (update(), steps.append(1))
        before = signal.getsignal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            module.fit(data(), num_epoch=5)
        assert len(steps) == 3 and module._optimizer.num_update == 3  # the step that was interrupted is whole
        assert signal.getsignal(signal.SIGINT) is before
        module.forward_backward = step
        module.fit(data(), num_epoch=1)

    def test_an_iterator_that_dies(self) -> None:
        class Dying(mx.io.DataIter):
            provide_data = [("data", (8, 5))]
            provide_label = [("softmax_label", (8,))]
            count = 0

            def next(self) -> Any:
                self.count += 1
                if self.count > 2:
                    raise OSError("the disk is gone")
                return batch()

        source = Dying(8)
        with pytest.raises(OSError, match="the disk is gone"):
            bound().fit(mx.io.PrefetchingIter(source), num_epoch=1)

    def test_nan_is_named_while_a_monitor_looks(self, caplog: pytest.LogCaptureFixture) -> None:
        x = mx.sym.log(mx.sym.FullyConnected(mx.sym.var("data"), num_hidden=3, name="fc"), name="log0")
        module = mx.mod.Module(mx.sym.SoftmaxOutput(x, name="softmax"))
        module.fit(data(), num_epoch=1, monitor=mx.mon.Monitor(1000, pattern="nothing"), initializer=mx.init.Constant(-1.0))
        (warning,) = [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING]
        assert "softmax_output" in warning and "log0_output" in warning


class TestDevices:
    def test_two_devices_train_as_one(self) -> None:
        one, two, again = bound(), *(bound(context=[mx.cpu(0), mx.cpu(1)]) for _ in range(2))
        uneven = mx.mod.Module(net(), context=[mx.cpu(0), mx.cpu(1)], work_load_list=[1, 3])
        uneven.bind([("data", (8, 5))], [("softmax_label", (8,))])
        assert [a.shape[0] for _, a in uneven._exec_group.data_arrays[0]] == [2, 6]
        plain = mx.sym.SoftmaxOutput(mx.sym.FullyConnected(mx.sym.var("data"), num_hidden=3, name="fc"), name="softmax")
        one, two, again, loaded = (
            mx.mod.Module(plain, context=c, work_load_list=w)
            for c, w in ((mx.cpu(0), None), *(([mx.cpu(0), mx.cpu(1)], w) for w in (None, None, [1, 3])))
        )
        for module in (one, two, again, loaded):
            module.fit(data(), num_epoch=3, optimizer_params={"learning_rate": 0.5, "momentum": 0.9}, initializer=mx.init.One())
        for name, value in values(one).items():
            assert np.allclose(values(two)[name], value, atol=1e-6), name
            assert np.allclose(values(loaded)[name], value, atol=1e-6), name
        assert same(values(two), values(again))
        kept = two.get_outputs(merge_multi_context=False)[0]
        assert [o.shape for o in kept] == [(4, 3), (4, 3)] and two.get_outputs()[0].shape == (8, 3)

    def test_too_small_a_batch(self) -> None:
        with pytest.raises(ValueError, match="Too many slices"):
            bound(n=1, context=[mx.cpu(0), mx.cpu(1)])

    def test_groups_of_a_symbol_on_devices_of_their_own(self) -> None:
        with mx.AttrScope(ctx_group="a"):
            x = mx.sym.FullyConnected(mx.sym.var("data"), num_hidden=4, name="one")
        with mx.AttrScope(ctx_group="b"):
            x = mx.sym.SoftmaxOutput(mx.sym.FullyConnected(x, num_hidden=3, name="two"), name="softmax")
        module = mx.mod.Module(x, group2ctxs={"a": mx.cpu(0), "b": mx.cpu(1)})
        alone = mx.mod.Module(x)
        for m in (module, alone):
            m.fit(data(), num_epoch=1, initializer=mx.init.One())
        assert module._exec_group.execs[0].arg_dict["two_weight"].context == mx.cpu(1)
        assert all(np.allclose(v, values(module)[n], atol=1e-6) for n, v in values(alone).items())


class TestOtherModules:
    @staticmethod
    def bucket(key: int) -> Any:
        x = mx.sym.Embedding(mx.sym.var("data"), input_dim=7, output_dim=4, name="embed")
        x = mx.sym.FullyConnected(mx.sym.sum(x, axis=1), num_hidden=3, name="fc")
        return mx.sym.SoftmaxOutput(x, name="softmax"), ("data",), ("softmax_label",)

    def feed(self, key: int) -> Any:
        tokens = np.arange(2 * key).reshape(2, key) % 7
        return mx.io.DataBatch(
            [mx.nd.array(tokens)], [mx.nd.array([0, 2])], bucket_key=key, provide_data=[("data", (2, key))],
            provide_label=[("softmax_label", (2,))],
        )  # fmt: skip

    def test_buckets_share_parameters_and_memory(self, tmp_path: Path) -> None:
        module = mx.mod.BucketingModule(self.bucket, default_bucket_key=9)
        module.bind([("data", (2, 9))], [("softmax_label", (2,))])
        module.init_params(mx.init.One())
        module.init_optimizer(optimizer="adam")
        from clsym.runtime.buffer import live_bytes
        from clsym.runtime.device import resolve

        module.forward_backward(self.feed(9))
        module.update()
        held = live_bytes(resolve(mx.cpu()))
        for key in (3, 5, 8, 3):
            module.prepare(self.feed(key))
            module.forward_backward(self.feed(key))
            module.update()
        assert live_bytes(resolve(mx.cpu())) - held < 600  # outputs and arguments without gradient
        plain = mx.mod.Module(*self.bucket(9))
        plain.bind([("data", (2, 9))], [("softmax_label", (2,))])
        plain.init_params(mx.init.One())
        plain.init_optimizer(optimizer="adam")
        for key in (9, 3, 5, 8, 3):
            plain.forward_backward(self.feed(key))
            plain.update()
        assert all(np.allclose(v, values(module)[n], atol=1e-6) for n, v in values(plain).items())
        module.save_checkpoint(str(tmp_path / "net"), 3)
        assert {p.name for p in tmp_path.iterdir()} == {"net-0003.params", "net.buckets", *(f"net-{k}-symbol.json" for k in (3, 5, 8, 9))}
        again = mx.mod.BucketingModule.load(str(tmp_path / "net"), 3, self.bucket, 9)
        again.bind([("data", (2, 9))], [("softmax_label", (2,))])
        assert same(values(again), values(module))

    def test_a_sequence_of_modules_is_the_whole_net(self) -> None:
        first = mx.sym.FullyConnected(mx.sym.var("data"), num_hidden=4, name="one")
        second = mx.sym.SoftmaxOutput(mx.sym.FullyConnected(mx.sym.var("hidden"), num_hidden=3, name="two"), name="softmax")
        whole = mx.sym.SoftmaxOutput(mx.sym.FullyConnected(first, num_hidden=3, name="two"), name="softmax")
        sequence = mx.mod.SequentialModule()
        sequence.add(mx.mod.Module(first, label_names=[]))
        sequence.add(mx.mod.Module(second, data_names=["hidden"]), take_labels=True, auto_wiring=True)
        alone = mx.mod.Module(whole)
        for m in (sequence, alone):
            m.fit(data(), num_epoch=2, initializer=mx.init.Constant(0.1), optimizer_params={"learning_rate": 0.3})
        assert all(np.allclose(v, values(sequence)[n], atol=1e-6) for n, v in values(alone).items())
        assert sequence.predict(data()).shape == (24, 3)

    def test_a_loss_in_python(self) -> None:
        scores = mx.sym.FullyConnected(mx.sym.var("data"), num_hidden=3, name="fc")

        def gradient(x: Any, label: Any) -> Any:
            return mx.nd.softmax(x) - mx.nd.one_hot(label, 3)

        sequence = mx.mod.SequentialModule()
        sequence.add(mx.mod.Module(scores, label_names=[]))
        sequence.add(mx.mod.PythonLossModule(grad_func=gradient), take_labels=True, auto_wiring=True)
        alone = mx.mod.Module(mx.sym.SoftmaxOutput(scores, name="softmax"))
        for m in (sequence, alone):
            m.fit(data(), num_epoch=1, initializer=mx.init.Constant(0.1), optimizer_params={"learning_rate": 0.3})
        assert all(np.allclose(v, values(sequence)[n], atol=1e-6) for n, v in values(alone).items())

    @pytest.mark.filterwarnings("ignore::DeprecationWarning")
    def test_feed_forward(self, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.INFO)
        model = mx.model.FeedForward.create(net(), X, Y, num_epoch=2, learning_rate=0.1, numpy_batch_size=8, eval_data=(X, Y))
        model.save(str(tmp_path / "net"))
        with pytest.warns(DeprecationWarning, match="FeedForward has been deprecated"):
            again = mx.model.FeedForward.load(str(tmp_path / "net"), 2)
        lines = [r.getMessage().split("=")[0] for r in caplog.records]
        assert lines[:4] == [
            "Start training with [cpu(0)]",
            "Epoch[0] Resetting Data Iterator",
            "Epoch[0] Time cost",
            "Epoch[0] Validation-accuracy",
        ]
        found = model.predict(X)
        assert found.shape == (24, 3) and (found == again.predict(X)).all()
        assert model.score(data()) == pytest.approx((found.argmax(1) == Y).mean())
        outputs, given, labels = again.predict(data(10), return_data=True)
        assert np.allclose(outputs, found, atol=1e-6) and (given == X).all() and (labels == Y).all()


def test_lenet_trains_as_in_mxnet() -> None:
    """The same loss each epoch as MXNet 1.9.1, from the same weights over the same batches; and most held-out digits are recognised."""
    _, losses, accuracies = digits_training.train_lenet(mx, mx.cpu(), 8)
    assert np.allclose(losses[:5], RECORDED["losses"][:5], rtol=1e-3, atol=0)
    assert accuracies[-1] >= 0.98
