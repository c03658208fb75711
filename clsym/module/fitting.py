"""Training: the loop over epochs and batches."""

from __future__ import annotations

import time
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
        self.bind(data_shapes=train_data.provide_data, label_shapes=train_data.provide_label, for_training=True, force_rebind=force_rebind)
        if monitor is not None:
            self.install_monitor(monitor)
        self.init_params(
            initializer=initializer, arg_params=arg_params, aux_params=aux_params, allow_missing=allow_missing, force_init=force_init
        )
        self.init_optimizer(kvstore=kvstore, optimizer=optimizer, optimizer_params=optimizer_params)
        if validation_metric is None:
            validation_metric = eval_metric
        if not isinstance(eval_metric, metric.EvalMetric):
            eval_metric = metric.create(eval_metric)
        with drained():
            # the names of variables from here on are part of the interface: callbacks read them in `locals`
            for epoch in range(begin_epoch, num_epoch):
                tic = time.time()
                eval_metric.reset()
                nbatch = 0
                data_iter = iter(train_data)
                end_of_batch = False
                next_data_batch = next(data_iter)
                while not end_of_batch:
                    data_batch = next_data_batch
                    if monitor is not None:
                        monitor.tic()
                    with whole_steps():
                        self.forward_backward(data_batch)
                        self.update()
                    if isinstance(data_batch, list):
                        self.update_metric(eval_metric, [db.label for db in data_batch], pre_sliced=True)
                    else:
                        self.update_metric(eval_metric, data_batch.label)
                    try:
                        # fetched while the devices work
                        next_data_batch = next(data_iter)
                        self.prepare(next_data_batch, sparse_row_id_fn=sparse_row_id_fn)
                    except StopIteration:
                        end_of_batch = True
                    if monitor is not None:
                        monitor.toc_print()
                    if end_of_batch:
                        eval_name_vals = eval_metric.get_global_name_value()
                    if batch_end_callback is not None:
                        batch_end_params = BatchEndParam(epoch=epoch, nbatch=nbatch, eval_metric=eval_metric, locals=locals())
                        for callback in _as_list(batch_end_callback):
                            callback(batch_end_params)
                    nbatch += 1
                for name, val in eval_name_vals:
                    self.logger.info("Epoch[%d] Train-%s=%f", epoch, name, val)
                toc = time.time()
                self.logger.info("Epoch[%d] Time cost=%.3f", epoch, (toc - tic))

                arg_params, aux_params = self.get_params()
                self.set_params(arg_params, aux_params)
                if epoch_end_callback is not None:
                    for callback in _as_list(epoch_end_callback):
                        callback(epoch, self.symbol, arg_params, aux_params)
                if eval_data is not None:
                    res = self.score(
                        eval_data, validation_metric, score_end_callback=eval_end_callback, batch_end_callback=eval_batch_end_callback,
                        epoch=epoch,
                    )  # fmt: skip
                    for name, val in res:
                        self.logger.info("Epoch[%d] Validation-%s=%f", epoch, name, val)
                train_data.reset()
