"""Training: the loop over epochs and batches."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from .. import metric
from ..initializer import Uniform
from ..model import BatchEndParam
from .interrupt import drained, whole_steps
from .names import _as_list

__all__ = ["Fitting"]


class Fitting:
    """The loop, over what a module can do."""

    def fit(
        self: Any, train_data: Any, eval_data: Any = None, eval_metric: Any = "acc", epoch_end_callback: Any = None,
        batch_end_callback: Any = None, kvstore: Any = "local", optimizer: Any = "sgd",
        optimizer_params: Any = (("learning_rate", 0.01),), eval_end_callback: Any = None, eval_batch_end_callback: Any = None,
        initializer: Any = Uniform(0.01),  # noqa: B008
        arg_params: Any = None, aux_params: Any = None, allow_missing: bool = False, force_rebind: bool = False, force_init: bool = False,
        begin_epoch: int = 0, num_epoch: int | None = None, validation_metric: Any = None, monitor: Any = None,
        sparse_row_id_fn: Any = None,
    ) -> None:  # fmt: skip
        """Train for some epochs: bind, initialize, then feed every batch of `train_data`, and after each epoch score `eval_data`.

        No batch waits for the device but where a metric or a callback asks for a value. An interruption (Ctrl-C) takes effect between
        batches, when the parameters are those after a whole number of steps; the devices' queues are empty when it is raised, and
        so with any other exception.

        Parameters
        ----------
        train_data : DataIter
        eval_data : DataIter, optional
        eval_metric : str or EvalMetric
            See `mx.metric.create`.
        epoch_end_callback : function or list of functions
            Called with (epoch, symbol, arg_params, aux_params).
        batch_end_callback : function or list of functions
            Called with a `BatchEndParam`, whose ``locals`` are the variables here.
        kvstore : str or KVStore
        optimizer : str or Optimizer
        optimizer_params : dict or tuple of pairs
            For the optimizer by name.
        eval_end_callback, eval_batch_end_callback : function or list of functions
            The same for `eval_data`; see `score`.
        initializer : Initializer
        arg_params, aux_params : dict of str to NDArray
            Values to start from, which go before the initializer.
        allow_missing : bool
            Initialize what these do not have.
        force_rebind, force_init : bool
            Bind or initialize although it was done.
        begin_epoch, num_epoch : int
            Number of the first epoch, and of the one behind the last.
        validation_metric : str or EvalMetric
            For `eval_data`; `eval_metric` by default.
        monitor : Monitor, optional
            Where it looks at a batch, a warning names what made the first NaN.
        sparse_row_id_fn : function
            Passed on to `prepare`.

        Examples
        --------
        >>> import clsym as mx
        >>> import numpy as np
        >>> net = mx.sym.FullyConnected(mx.sym.Variable('data'), num_hidden=1, name='fc')
        >>> net = mx.sym.LinearRegressionOutput(net, mx.sym.Variable('label'))
        >>> x = np.arange(8, dtype=np.float32).reshape(8, 1) / 8
        >>> data = mx.io.NDArrayIter(x, 2 * x + 1, batch_size=4, label_name='label')
        >>> mod = mx.mod.Module(net, label_names=['label'])
        >>> mod.fit(data, num_epoch=200, eval_metric='mse', optimizer_params={'learning_rate': 0.5})
        >>> mod.get_params()[0]['fc_weight'].asnumpy().round(2).tolist()
        [[2.0]]
        """
        assert num_epoch is not None, "please specify number of epochs"
        told = {k: v for k, v in locals().items() if k != "told"}
        self.bind(data_shapes=train_data.provide_data, label_shapes=train_data.provide_label, for_training=True, force_rebind=force_rebind)
        if monitor is not None:
            self.install_monitor(monitor)
        self.init_params(
            initializer=initializer, arg_params=arg_params, aux_params=aux_params, allow_missing=allow_missing, force_init=force_init
        )
        self.init_optimizer(kvstore=kvstore, optimizer=optimizer, optimizer_params=optimizer_params)
        judge = eval_metric if validation_metric is None else validation_metric
        if not isinstance(eval_metric, metric.EvalMetric):
            eval_metric = metric.create(eval_metric)
        told |= {"eval_metric": eval_metric, "validation_metric": judge}
        with drained():
            for epoch in range(begin_epoch, num_epoch):
                told |= {"epoch": epoch, "tic": time.time()}
                eval_metric.reset()
                for name, value in self._fit_epoch(told):
                    self.logger.info("Epoch[%d] Train-%s=%f", epoch, name, value)
                self.logger.info("Epoch[%d] Time cost=%.3f", epoch, time.time() - told["tic"])

                parameters = self.get_params()
                self.set_params(*parameters)
                told["arg_params"], told["aux_params"] = parameters
                for callback in _as_list(epoch_end_callback) if epoch_end_callback is not None else ():
                    callback(epoch, self.symbol, *parameters)
                if eval_data is not None:
                    scores = self.score(
                        eval_data, judge, score_end_callback=eval_end_callback, batch_end_callback=eval_batch_end_callback, epoch=epoch
                    )
                    for name, value in scores:
                        self.logger.info("Epoch[%d] Validation-%s=%f", epoch, name, value)
                train_data.reset()

    def _fit_epoch(self: Any, told: dict[str, Any]) -> list[tuple[str, float]]:
        """One epoch; names and values of the metric at its end. `told` is what callbacks find in ``locals``, by MXNet's names."""
        monitor, eval_metric, callbacks = told["monitor"], told["eval_metric"], told["batch_end_callback"]
        found: list[tuple[str, float]] = []
        feed = _Feed(told["train_data"])
        for nbatch, batch in enumerate(feed):
            if monitor is not None:
                monitor.tic()
            with whole_steps():
                self.forward_backward(batch)
                self.update()
            parts = batch if isinstance(batch, list) else None
            if parts is None:
                self.update_metric(eval_metric, batch.label)
            else:
                self.update_metric(eval_metric, [part.label for part in parts], pre_sliced=True)
            feed.fetch()
            if not feed.ended:
                self.prepare(feed.following, sparse_row_id_fn=told["sparse_row_id_fn"])
            if monitor is not None:
                monitor.toc_print()
            if feed.ended:  # before the callbacks, which may reset it
                found = eval_metric.get_global_name_value()
            told |= {"data_iter": feed, "data_batch": batch, "nbatch": nbatch}
            told |= {"next_data_batch": feed.following, "end_of_batch": feed.ended}
            for callback in _as_list(callbacks) if callbacks is not None else ():
                callback(BatchEndParam(epoch=told["epoch"], nbatch=nbatch, eval_metric=eval_metric, locals=dict(told)))
        return found


class _Feed:
    """The batches of an iterator, each of which is asked for while the devices work on the one before."""

    def __init__(self, batches: Any) -> None:
        self._rest = iter(batches)
        self.following = next(self._rest)
        self.ended = False

    def __iter__(self) -> Iterator[Any]:
        while not self.ended:
            yield self.following

    def fetch(self) -> None:
        """Ask for the next one."""
        try:
            self.following = next(self._rest)
        except StopIteration:
            self.ended = True
