"""``mx.model.FeedForward``, MXNet's older estimator, over `mx.mod`; and what else ``mx.model`` has for training.

It stands above ``mx.model``, which the modules read, and adds itself there.
"""

from __future__ import annotations

import itertools
import logging
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from . import io, metric, model
from . import ndarray as nd
from . import optimizer as opt
from .base import MXNetError, mx_real_t
from .callback import LogValidationMetricsCallback
from .context import Context, cpu
from .executor_manager import _assign, _check_arguments
from .initializer import InitDesc, Uniform
from .module import BucketingModule, Module
from .module.interrupt import drained, whole_steps
from .module.names import _as_list
from .module.parameter_update import _create_kvstore, _initialize_kvstore, _update_params, _update_params_on_kvstore
from .ndarray import NDArray
from .symbol import Symbol

__all__ = ["FeedForward"]

BatchEndParam = model.BatchEndParam


class FeedForward:
    """An estimator with `fit`, `predict` and `score`; `mx.mod.Module` can more.

    Parameters
    ----------
    symbol : Symbol or function
        A function is given a bucket's key.
    ctx : Context or list of Context, default cpu()
    num_epoch : int
    epoch_size : int, optional
        Batches of an epoch; by default those of the iterator.
    optimizer : str or Optimizer
    initializer : Initializer
    numpy_batch_size : int
        Of a batch where data are given as arrays.
    arg_params, aux_params : dict of str to NDArray, optional
    allow_extra_params : bool
        Whether they may have names that the symbol has not.
    begin_epoch : int
    **kwargs
        For the optimizer by name.
    """

    def __init__(
        self, symbol: Any, ctx: Context | Sequence[Context] | None = None, num_epoch: int | None = None, epoch_size: int | None = None,
        optimizer: Any = "sgd", initializer: Any = Uniform(0.01),  # noqa: B008 a value
        numpy_batch_size: int = 128, arg_params: Mapping[str, NDArray] | None = None, aux_params: Mapping[str, NDArray] | None = None,
        allow_extra_params: bool = False, begin_epoch: int = 0, **kwargs: Any,
    ) -> None:  # fmt: skip
        warnings.warn(
            "\033[91mmxnet.model.FeedForward has been deprecated. Please use mxnet.mod.Module instead.\033[0m",
            DeprecationWarning,
            stacklevel=2,
        )
        self.symbol: Any = symbol if isinstance(symbol, Symbol) else None
        self.sym_gen: Callable[[Any], Any] | None = None if isinstance(symbol, Symbol) else symbol
        self.ctx = [cpu()] if ctx is None else [ctx] if isinstance(ctx, Context) else list(ctx)
        self.num_epoch = num_epoch
        self.epoch_size = epoch_size
        self.optimizer = optimizer
        self.initializer = initializer
        self.numpy_batch_size = numpy_batch_size
        self.arg_params: Any = arg_params
        self.aux_params: Any = aux_params
        self.allow_extra_params = allow_extra_params
        self.argument_checked = False
        self.begin_epoch = begin_epoch
        self.kwargs = kwargs.copy()
        self._pred_exec: Any = None
        if self.sym_gen is None:
            self._check_arguments()

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_pred_exec": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)

    def _check_arguments(self) -> None:
        if self.argument_checked:
            return
        assert self.symbol is not None, "there is no symbol"
        self.argument_checked = True
        _check_arguments(self.symbol)
        if self.allow_extra_params:
            args, states = set(self.symbol.list_arguments()), set(self.symbol.list_auxiliary_states())
            if self.arg_params:
                self.arg_params = {k: v for k, v in self.arg_params.items() if k in args}
            if self.aux_params:
                self.aux_params = {k: v for k, v in self.aux_params.items() if k in states}

    @staticmethod
    def _is_data_arg(name: str) -> bool:
        return name.endswith(("data", "label"))

    # ------------------------------------------------------------------------------------------------------------- data

    def _init_iter(self, X: Any, y: Any, is_train: bool) -> Any:
        """An iterator as it is, or one over arrays."""
        if isinstance(X, (np.ndarray, NDArray)):
            if y is None:
                if is_train:
                    raise ValueError("y must be specified when X is numpy.ndarray")
                y = np.zeros(X.shape[0])
            if not isinstance(y, (np.ndarray, NDArray)):
                raise TypeError("y must be ndarray when X is numpy.ndarray")
            if X.shape[0] != y.shape[0]:
                raise ValueError("The numbers of data points and labels not equal")
            if y.ndim == 2 and y.shape[1] == 1:
                y = y.reshape((-1,))
            if y.ndim != 1:
                raise ValueError("Label must be 1D or 2D (with 2nd dimension being 1)")
            size = min(X.shape[0], self.numpy_batch_size)
            if is_train:
                return io.NDArrayIter(X, y, size, shuffle=True, last_batch_handle="roll_over")
            return io.NDArrayIter(X, y, size, shuffle=False)
        if not isinstance(X, io.DataIter):
            raise TypeError("X must be DataIter, NDArray or numpy.ndarray")
        return X

    def _init_eval_iter(self, eval_data: Any) -> Any:
        """The iterator for evaluation: as it is, or one over a pair of arrays."""
        if eval_data is None:
            return None
        if isinstance(eval_data, (tuple, list)) and len(eval_data) == 2:
            if eval_data[0] is None:
                raise ValueError("Eval data is NONE")
            if eval_data[1] is None and isinstance(eval_data[0], io.DataIter):
                return eval_data[0]
            data, label = (np.array(x) if isinstance(x, list) else x for x in eval_data)
            return self._init_iter(data, label, is_train=True)
        if not isinstance(eval_data, io.DataIter):
            raise TypeError("Eval data must be DataIter, or NDArray/numpy.ndarray/list pair (i.e. tuple/list of length 2)")
        return eval_data

    # ------------------------------------------------------------------------------------------------------------- parameters

    def _init_params(self, inputs: Sequence[Any], overwrite: bool = False) -> tuple[list[str], list[str], list[str]]:
        """Arrays for all parameters: values that are there stay, unless `overwrite`, the others come from the initializer."""
        described = [d if isinstance(d, io.DataDesc) else io.DataDesc(*d) for d in inputs]
        arg_shapes, _, aux_shapes = self.symbol.infer_shape(**{d.name: d.shape for d in described})
        if arg_shapes is None:
            raise MXNetError(f"the shapes of the parameters do not follow from {described}")
        arg_types, _, aux_types = self.symbol.infer_type(**{d.name: d.dtype for d in described})
        arg_names, aux_names = self.symbol.list_arguments(), self.symbol.list_auxiliary_states()
        attrs = self.symbol.attr_dict()
        fed = {d.name for d in described}
        param_names = [n for n in arg_names if n not in fed]

        def made(names: Sequence[str], shapes: Any, types: Any, have: Any) -> dict[str, NDArray]:
            result = {}
            for name, shape, dtype in zip(names, shapes, types, strict=True):
                if name in fed:
                    continue
                array = result[name] = nd.zeros(shape, dtype=dtype)
                if have and name in have and not overwrite:
                    array[:] = have[name]
                else:
                    self.initializer(InitDesc(name, attrs.get(name)), array)
            return result

        self.arg_params = made(arg_names, arg_shapes, arg_types, self.arg_params)
        self.aux_params = made(aux_names, aux_shapes, aux_types, self.aux_params)
        return arg_names, param_names, aux_names

    # ------------------------------------------------------------------------------------------------------------- inference

    def _init_predictor(self, input_shapes: Mapping[str, Any], type_dict: Mapping[str, Any] | None = None) -> None:
        have = self._pred_exec
        if have is not None and all(tuple(have.arg_dict[n].shape) == tuple(s) for n, s in input_shapes.items()):
            return
        if not self.arg_params:
            raise MXNetError("there are no parameters: call fit, or give arg_params and aux_params")
        pred_exec = self.symbol.simple_bind(self.ctx[0], grad_req="null", type_dict=type_dict, **dict(input_shapes))
        pred_exec.copy_params_from(self.arg_params, self.aux_params or {})
        _check_arguments(self.symbol)
        self._pred_exec = pred_exec

    def _predictor_for(self, X: Any) -> list[NDArray]:
        """Bind for an iterator's batches; the arrays of its data."""
        types = {name: array.dtype for name, array in (self.arg_params or {}).items()}
        types |= {d[0]: d.dtype if isinstance(d, io.DataDesc) else mx_real_t for d in X.provide_data}
        self._init_predictor({d[0]: d[1] for d in X.provide_data}, types)
        arrays = self._pred_exec.arg_dict
        return [arrays[d[0]] for d in X.provide_data]

    def predict(self, X: Any, num_batch: int | None = None, return_data: bool = False, reset: bool = True) -> Any:
        """The outputs for all data, as numpy arrays.

        Parameters
        ----------
        X : DataIter or array
        num_batch : int, optional
            No more batches than these.
        return_data : bool
            Return (outputs, data, labels).
        reset : bool
            Begin at the iterator's start.
        """
        X = self._init_iter(X, None, is_train=False)
        if reset:
            X.reset()
        targets = self._predictor_for(X)
        outputs: list[list[Any]] = [[] for _ in self._pred_exec.outputs]
        data: list[list[Any]] = [[] for _ in X.provide_data]
        labels: list[list[Any]] = [[] for _ in X.provide_label]
        for i, batch in enumerate(X):
            if num_batch is not None and i == num_batch:
                break
            for target, source in zip(targets, batch.data, strict=True):
                _assign(target, source)
            self._pred_exec.forward(is_train=False)
            size = X.batch_size - (batch.pad or 0)
            for into, arrays in ((outputs, self._pred_exec.outputs), *(((data, batch.data), (labels, batch.label)) if return_data else ())):
                for values, array in zip(into, arrays, strict=True):
                    values.append(array[0:size].asnumpy())
        found = [[np.concatenate(x) for x in values] for values in (outputs, data, labels) if return_data or values is outputs]
        single = [x[0] if len(x) == 1 else x for x in found]
        return tuple(single) if return_data else single[0]

    def score(
        self, X: Any, eval_metric: Any = "acc", num_batch: int | None = None, batch_end_callback: Any = None, reset: bool = True
    ) -> Any:
        """The value of a metric over an iterator."""
        if not isinstance(eval_metric, metric.EvalMetric):
            assert not isinstance(eval_metric, (np.ndarray, NDArray)), "metric must be of string type"
            eval_metric = metric.create(eval_metric)
        X = self._init_iter(X, None, is_train=False)
        if reset:
            X.reset()
        targets = self._predictor_for(X)
        for i, batch in enumerate(X):
            if num_batch is not None and i == num_batch:
                break
            for target, source in zip(targets, batch.data, strict=True):
                _assign(target, source)
            self._pred_exec.forward(is_train=False)
            eval_metric.update(batch.label, self._pred_exec.outputs)
            if batch_end_callback is not None:
                batch_end_params = BatchEndParam(epoch=0, nbatch=i, eval_metric=eval_metric, locals=locals())
                _multiple_callbacks(batch_end_callback, batch_end_params)
        return eval_metric.get()[1]

    # ------------------------------------------------------------------------------------------------------------- training

    def fit(
        self, X: Any, y: Any = None, eval_data: Any = None, eval_metric: Any = "acc", epoch_end_callback: Any = None,
        batch_end_callback: Any = None, kvstore: Any = "local", logger: Any = None, work_load_list: Sequence[float] | None = None,
        monitor: Any = None, eval_end_callback: Any = LogValidationMetricsCallback(),  # noqa: B008 it has no state
        eval_batch_end_callback: Any = None,
    ) -> None:  # fmt: skip
        """Train for ``num_epoch`` epochs.

        Parameters
        ----------
        X : DataIter or array
        y : array, optional
            Labels, where `X` is an array.
        eval_data : DataIter or (array, array), optional
        eval_metric : str or EvalMetric
        epoch_end_callback, batch_end_callback, eval_end_callback, eval_batch_end_callback : function or list of functions
            See `mx.mod.Module.fit`; batches are counted from 1 in training.
        kvstore : str or KVStore
        logger : logging.Logger, optional
        work_load_list : list of float, optional
        monitor : Monitor, optional
        """
        data = self._init_iter(X, y, is_train=True)
        eval_data = self._init_eval_iter(eval_data)
        if self.sym_gen is not None:
            self.symbol = self.sym_gen(data.default_bucket_key)
            self._check_arguments()
        self.kwargs["sym"] = self.symbol
        _, param_names, _ = self._init_params([*data.provide_data, *data.provide_label])
        if not isinstance(eval_metric, metric.EvalMetric):
            eval_metric = metric.create(eval_metric)
        logger = logging if logger is None else logger
        logger.info("Start training with %s", str(self.ctx))
        assert work_load_list is None or len(work_load_list) == len(self.ctx), "Invalid settings for work load. "
        executor_manager = self._module(data, logger, work_load_list)
        executor_manager.bind(data.provide_data, data.provide_label)
        executor_manager.init_params(None, self.arg_params, self.aux_params)
        optimizer = self.optimizer
        store, on_store = _create_kvstore(kvstore, len(self.ctx), self.arg_params)
        if isinstance(optimizer, str):
            devices = 1 if on_store else len(self.ctx)
            names = {i * devices + k: n for k in range(devices) for i, n in enumerate(param_names)}
            workers = store.num_workers if store is not None and "dist" in store.type and "_async" not in store.type else 1
            given = {"rescale_grad": 1.0 / (data.batch_size * workers), **self.kwargs, "param_idx2name": names}
            optimizer = opt.create(optimizer, **given)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Optimizer created manually outside Module", UserWarning)
            executor_manager.init_optimizer(store, optimizer)
        if monitor:
            executor_manager.install_monitor(monitor)
        loop = _Loop(
            executor_manager, store, on_store, data, eval_data, eval_metric, symbol=self.symbol, ctx=self.ctx, optimizer=optimizer,
            logger=logger, monitor=monitor, epoch_size=self.epoch_size, arg_params=self.arg_params, aux_params=self.aux_params,
        )  # fmt: skip
        assert self.num_epoch is not None, "give num_epoch"
        data.reset()
        with drained():
            for epoch in range(self.begin_epoch, self.num_epoch):
                since = time.time()
                eval_metric.reset()
                loop.train(epoch, self.epoch_size, monitor, batch_end_callback, logger)
                logger.info("Epoch[%d] Time cost=%.3f", epoch, time.time() - since)
                if epoch_end_callback or epoch + 1 == self.num_epoch:
                    for own, values in zip((self.arg_params, self.aux_params), executor_manager.get_params(), strict=True):
                        for name, value in values.items():
                            value.copyto(own[name])
                _multiple_callbacks(epoch_end_callback, epoch, self.symbol, self.arg_params, self.aux_params)
                if eval_data:
                    loop.evaluate(epoch, eval_batch_end_callback, eval_end_callback)
        self._pred_exec = None  # it has the parameters of before

    def _module(self, data: Any, logger: Any, work_load_list: Sequence[float] | None) -> Any:
        """What computes, over the iterator's inputs."""
        data_names, label_names = [d[0] for d in data.provide_data], [d[0] for d in data.provide_label]
        sym_gen = self.sym_gen
        if sym_gen is None:
            return Module(self.symbol, data_names, label_names, logger=logger, context=self.ctx, work_load_list=work_load_list)

        def generate(key: Any) -> tuple[Any, Any, Any]:
            return sym_gen(key), data_names, label_names

        return BucketingModule(generate, data.default_bucket_key, logger=logger, context=self.ctx, work_load_list=work_load_list)

    # ------------------------------------------------------------------------------------------------------------- files

    def save(self, prefix: str, epoch: int | None = None, remove_amp_cast: bool = True) -> None:
        """Write a checkpoint; see `mx.model.save_checkpoint`. The epoch is ``num_epoch`` by default."""
        if epoch is None:
            epoch = self.num_epoch
        assert epoch is not None, "give the epoch: num_epoch is not known"
        model.save_checkpoint(prefix, epoch, self.symbol, self.arg_params, self.aux_params, remove_amp_cast=remove_amp_cast)

    @staticmethod
    def load(prefix: str, epoch: int, ctx: Any = None, **kwargs: Any) -> FeedForward:
        """A model from a checkpoint, to go on at `epoch`."""
        symbol, arg_params, aux_params = model.load_checkpoint(prefix, epoch)
        return FeedForward(symbol, ctx=ctx, arg_params=arg_params, aux_params=aux_params, begin_epoch=epoch, **kwargs)

    @staticmethod
    def create(
        symbol: Any, X: Any, y: Any = None, ctx: Any = None, num_epoch: int | None = None, epoch_size: int | None = None,
        optimizer: Any = "sgd", initializer: Any = Uniform(0.01),  # noqa: B008 a value
        eval_data: Any = None, eval_metric: Any = "acc", epoch_end_callback: Any = None, batch_end_callback: Any = None,
        kvstore: Any = "local", logger: Any = None, work_load_list: Any = None,
        eval_end_callback: Any = LogValidationMetricsCallback(),  # noqa: B008 it has no state
        eval_batch_end_callback: Any = None, **kwargs: Any,
    ) -> FeedForward:  # fmt: skip
        """A new model, fitted."""
        made = FeedForward(
            symbol, ctx=ctx, num_epoch=num_epoch, epoch_size=epoch_size, optimizer=optimizer, initializer=initializer, **kwargs
        )
        made.fit(
            X, y, eval_data=eval_data, eval_metric=eval_metric, epoch_end_callback=epoch_end_callback,
            batch_end_callback=batch_end_callback, kvstore=kvstore, logger=logger, work_load_list=work_load_list,
            eval_end_callback=eval_end_callback, eval_batch_end_callback=eval_batch_end_callback,
        )  # fmt: skip
        return made


def _multiple_callbacks(callbacks: Any, *args: Any, **kwargs: Any) -> None:
    """Call one function, or each of a list, or none."""
    for callback in _as_list(callbacks) if callbacks is not None else ():
        callback(*args, **kwargs)


class _Loop:
    """The epochs of `FeedForward.fit`. What callbacks find in ``locals`` are this object's attributes."""

    def __init__(self, module: Any, store: Any, on_store: bool, train_data: Any, eval_data: Any, eval_metric: Any, **own: Any) -> None:
        self.executor_manager, self.kvstore, self.update_on_kvstore = module, store, on_store
        self.train_data, self.eval_data, self.eval_metric = train_data, eval_data, eval_metric
        self.__dict__.update(own)

    def _tell(self, callbacks: Any, nbatch: int, epoch: int, **now: Any) -> None:
        told = {**self.__dict__, "epoch": epoch, "nbatch": nbatch, **now}
        _multiple_callbacks(callbacks, BatchEndParam(epoch=epoch, nbatch=nbatch, eval_metric=self.eval_metric, locals=told))

    def train(self, epoch: int, epoch_size: int | None, monitor: Any, callbacks: Any, logger: Any) -> None:
        """One epoch: `epoch_size` batches, for which the iterator may begin anew, or all that it has."""
        module, data = self.executor_manager, self.train_data
        nbatch = 0
        while nbatch == 0 or (epoch_size is not None and nbatch < epoch_size):
            most = None if epoch_size is None else epoch_size - nbatch
            before = nbatch
            for batch in itertools.islice(data, most):
                if monitor is not None:
                    monitor.tic()
                with whole_steps():
                    module.forward_backward(batch)
                    module.update()
                if monitor is not None:
                    monitor.toc_print()
                module.update_metric(self.eval_metric, batch.label)
                nbatch += 1
                self._tell(callbacks, nbatch, epoch, data_batch=batch)
            if most is None or nbatch - before < most:
                logger.info("Epoch[%d] Resetting Data Iterator", epoch)
                data.reset()
            if nbatch == before:
                break

    def evaluate(self, epoch: int, batch_callbacks: Any, end_callbacks: Any) -> None:
        """The metric over the data for evaluation."""
        module = self.executor_manager
        self.eval_metric.reset()
        self.eval_data.reset()
        count = 0
        for count, batch in enumerate(self.eval_data, 1):
            module.forward(batch, is_train=False)
            module.update_metric(self.eval_metric, batch.label)
            self._tell(batch_callbacks, count - 1, epoch, eval_batch=batch)
        self._tell(end_callbacks, count, epoch, total_num_batch=count)


# MXNet has all of them in mx.model; scripts that train by a loop of their own import the private ones
_FOR_MODEL = (
    FeedForward, _create_kvstore, _initialize_kvstore, _multiple_callbacks, _update_params, _update_params_on_kvstore, _check_arguments,
)  # fmt: skip
for _each in _FOR_MODEL:
    setattr(model, _each.__name__, _each)
model.__all__ += ["FeedForward"]
FeedForward.__module__ = model.__name__
