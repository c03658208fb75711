"""``BucketingModule``: a symbol for each length of data, all over the same parameters and memory."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .. import ndarray as nd
from ..context import Context, cpu
from ..initializer import Uniform
from ..model import load_params, save_checkpoint
from ..ndarray import NDArray
from ..symbol import load as load_symbol
from .base_module import BaseModule
from .module import Module
from .names import _check_input_names

__all__ = ["BucketingModule"]


class BucketingModule(BaseModule):
    """Modules for batches of several lengths, made as they are first met.

    Parameters
    ----------
    sym_gen : function
        From a bucket's key to (symbol, data_names, label_names).
    default_bucket_key : object
        Of the largest bucket, whose memory the others share.
    logger, context, work_load_list, fixed_param_names, state_names, group2ctxs, compression_params
        See `Module`.
    """

    def __init__(
        self, sym_gen: Callable[[Any], tuple[Any, Any, Any]], default_bucket_key: Any = None, logger: Any = logging,
        context: Context | Sequence[Context] = cpu(),  # noqa: B008 a value
        work_load_list: Sequence[float] | None = None, fixed_param_names: Sequence[str] | None = None,
        state_names: Sequence[str] | None = None, group2ctxs: Any = None, compression_params: Any = None,
    ) -> None:  # fmt: skip
        super().__init__(logger=logger)
        assert default_bucket_key is not None, "default_bucket_key is needed: that of the largest bucket"
        self._default_bucket_key = default_bucket_key
        self._sym_gen = sym_gen
        symbol, data_names, label_names = self._call_sym_gen(default_bucket_key)
        self._state_names = list(state_names or [])
        self._fixed_param_names = list(fixed_param_names or [])
        _check_input_names(symbol, list(data_names or []), "data", True)
        _check_input_names(symbol, list(label_names or []), "label", False)
        _check_input_names(symbol, self._state_names, "state", True)
        _check_input_names(symbol, self._fixed_param_names, "fixed_param", True)
        self._compression_params = compression_params
        self._context = context
        self._work_load_list = work_load_list
        self._group2ctxs = group2ctxs
        self._buckets: dict[Any, Module] = {}
        self._curr_module: Any = None
        self._curr_bucket_key: Any = None
        self._params_dirty = False
        self._monitor: Any = None
        self._grad_req: Any = None

    def _reset_bind(self) -> None:
        self.binded = False
        self._buckets = {}
        self._curr_module = None
        self._curr_bucket_key = None

    def _call_sym_gen(self, *args: Any, **kwargs: Any) -> tuple[Any, Any, Any]:
        return self._sym_gen(*args, **kwargs)

    def _module(self, key: Any) -> Module:
        symbol, data_names, label_names = self._call_sym_gen(key)
        return Module(
            symbol, data_names, label_names, logger=self.logger, context=self._context, work_load_list=self._work_load_list,
            fixed_param_names=self._fixed_param_names, state_names=self._state_names, group2ctxs=self._group2ctxs,
            compression_params=self._compression_params,
        )  # fmt: skip

    # ------------------------------------------------------------------------------------------------------------- what it is

    @property
    def data_names(self) -> Any:
        """Names of the present bucket's data."""
        return self._curr_module.data_names if self.binded else self._call_sym_gen(self._default_bucket_key)[1]

    @property
    def output_names(self) -> list[str]:
        """Names of the present bucket's outputs."""
        if self.binded:
            return self._curr_module.output_names
        return self._call_sym_gen(self._default_bucket_key)[0].list_outputs()

    @property
    def data_shapes(self) -> Any:
        """Names and shapes of the present bucket's data."""
        assert self.binded, "call bind first"
        return self._curr_module.data_shapes

    @property
    def label_shapes(self) -> Any:
        """Names and shapes of the present bucket's labels."""
        assert self.binded, "call bind first"
        return self._curr_module.label_shapes

    @property
    def output_shapes(self) -> Any:
        """Names and shapes of the present bucket's outputs."""
        assert self.binded, "call bind first"
        return self._curr_module.output_shapes

    @property
    def symbol(self) -> Any:
        """The present bucket's symbol."""
        assert self.binded, "call bind first"
        return self._curr_module.symbol

    # ------------------------------------------------------------------------------------------------------------- parameters

    def get_params(self) -> tuple[dict[str, NDArray], dict[str, NDArray]]:
        """Arguments and auxiliary states by name."""
        assert self.params_initialized, "call init_params first"
        self._curr_module._params_dirty = self._params_dirty
        found: tuple[dict[str, NDArray], dict[str, NDArray]] = self._curr_module.get_params()
        self._params_dirty = False
        return found

    def init_params(
        self, initializer: Any = Uniform(0.01),  # noqa: B008 a value
        arg_params: Mapping[str, NDArray] | None = None, aux_params: Mapping[str, NDArray] | None = None, allow_missing: bool = False,
        force_init: bool = False, allow_extra: bool = False,
    ) -> None:  # fmt: skip
        """Give the parameters their first values; see `Module.init_params`."""
        if self.params_initialized and not force_init:
            return
        assert self.binded, "call bind before initializing the parameters"
        self._curr_module.init_params(
            initializer=initializer, arg_params=arg_params, aux_params=aux_params, allow_missing=allow_missing, force_init=force_init,
            allow_extra=allow_extra,
        )  # fmt: skip
        self._params_dirty = False
        self.params_initialized = True

    def set_params(
        self, arg_params: Mapping[str, NDArray] | None, aux_params: Mapping[str, NDArray] | None, allow_missing: bool = False,
        force_init: bool = True, allow_extra: bool = False,
    ) -> None:  # fmt: skip
        """Give the parameters values; see `Module.set_params`."""
        if not allow_missing:
            self.init_params(
                initializer=None, arg_params=arg_params, aux_params=aux_params, allow_missing=allow_missing, force_init=force_init,
                allow_extra=allow_extra,
            )  # fmt: skip
            return
        if self.params_initialized and not force_init:
            warnings.warn("Parameters already initialized and force_init=False. set_params call ignored.", stacklevel=2)
            return
        self._curr_module.set_params(arg_params, aux_params, allow_missing=allow_missing, force_init=force_init, allow_extra=allow_extra)
        self._params_dirty = True
        self.params_initialized = True

    # ------------------------------------------------------------------------------------------------------------- binding

    def bind(
        self, data_shapes: Any, label_shapes: Any = None, for_training: bool = True, inputs_need_grad: bool = False,
        force_rebind: bool = False, shared_module: Any = None, grad_req: Any = "write",
    ) -> None:  # fmt: skip
        """Bind the default bucket, whose shapes these are; the others are bound when they are first met."""
        assert shared_module is None, "shared_module for BucketingModule is not supported"
        kept = self.get_params() if self.params_initialized and self.binded else None
        if force_rebind:
            self._reset_bind()
        if self.binded:
            self.logger.warning("Already bound, ignoring bind()")
            return
        self.for_training = for_training
        self.inputs_need_grad = inputs_need_grad
        self._grad_req = grad_req
        module = self._buckets.get(self._default_bucket_key) or self._module(self._default_bucket_key)
        module.bind(
            data_shapes, label_shapes, for_training, inputs_need_grad, force_rebind=False, shared_module=None, grad_req=self._grad_req
        )
        self.binded = True
        self._curr_module = module
        self._curr_bucket_key = self._default_bucket_key
        self._buckets[self._default_bucket_key] = module
        if kept is not None:
            self.set_params(*kept)

    def switch_bucket(self, bucket_key: Any, data_shapes: Any, label_shapes: Any = None) -> None:
        """Make a bucket the present one; it is bound if it is new."""
        assert self.binded, "call bind before switching bucket"
        module = self._buckets.get(bucket_key)
        if module is None or not module.binded:
            module = module or self._module(bucket_key)
            module.bind(
                data_shapes, label_shapes, self.for_training, self.inputs_need_grad, force_rebind=False,
                shared_module=self._buckets[self._default_bucket_key], grad_req=self._grad_req,
            )  # fmt: skip
            if self._monitor is not None:
                module.install_monitor(self._monitor)
            self._buckets[bucket_key] = module
        self._curr_module = module
        self._curr_bucket_key = bucket_key

    def init_optimizer(
        self, kvstore: Any = "local", optimizer: Any = "sgd", optimizer_params: Any = (("learning_rate", 0.01),), force_init: bool = False
    ) -> None:
        """Install an optimizer for all buckets; see `Module.init_optimizer`."""
        assert self.binded and self.params_initialized, "call bind and init_params first"
        if self.optimizer_initialized and not force_init:
            self.logger.warning("optimizer already initialized, ignoring.")
            return
        self._curr_module._params_dirty = self._params_dirty
        self._curr_module.init_optimizer(kvstore, optimizer, optimizer_params, force_init=force_init)
        for module in self._buckets.values():
            if module is not self._curr_module and module.binded:
                module.borrow_optimizer(self._curr_module)
        self.optimizer_initialized = True

    # ------------------------------------------------------------------------------------------------------------- computing

    def prepare(self, data_batch: Any, sparse_row_id_fn: Any = None) -> None:
        """Bind the bucket of the next batch if it is new, while the devices work; the present one stays."""
        assert self.binded and self.params_initialized, "call bind and init_params first"
        present = self._curr_bucket_key
        self.switch_bucket(data_batch.bucket_key, data_batch.provide_data, data_batch.provide_label)
        self._curr_module.prepare(data_batch, sparse_row_id_fn=sparse_row_id_fn)
        self.switch_bucket(present, None, None)

    def forward(self, data_batch: Any, is_train: bool | None = None) -> None:
        """Compute the outputs of a batch, in its bucket."""
        assert self.binded and self.params_initialized, "call bind and init_params first"
        self.switch_bucket(data_batch.bucket_key, data_batch.provide_data, data_batch.provide_label)
        self._curr_module.forward(data_batch, is_train=is_train)

    def backward(self, out_grads: Any = None) -> None:
        """Compute the gradients of the last batch."""
        assert self.binded and self.params_initialized, "call bind and init_params first"
        self._curr_module.backward(out_grads=out_grads)

    def update(self) -> None:
        """Change the parameters by the gradients of the last backward."""
        assert self.binded and self.params_initialized and self.optimizer_initialized, "call bind, init_params and init_optimizer first"
        self._params_dirty = True
        self._curr_module.update()

    def get_outputs(self, merge_multi_context: bool = True) -> Any:
        """The outputs of the last forward."""
        assert self.binded and self.params_initialized, "call bind and init_params first"
        return self._curr_module.get_outputs(merge_multi_context=merge_multi_context)

    def get_input_grads(self, merge_multi_context: bool = True) -> Any:
        """The gradients of the data."""
        assert self.binded and self.params_initialized and self.inputs_need_grad, "bind with inputs_need_grad=True, and init_params first"
        return self._curr_module.get_input_grads(merge_multi_context=merge_multi_context)

    def get_states(self, merge_multi_context: bool = True) -> Any:
        """The states of the present bucket."""
        assert self.binded and self.params_initialized, "call bind and init_params first"
        return self._curr_module.get_states(merge_multi_context=merge_multi_context)

    def set_states(self, states: Any = None, value: Any = None) -> None:
        """Set the states of the present bucket."""
        assert self.binded and self.params_initialized, "call bind and init_params first"
        self._curr_module.set_states(states, value)

    def update_metric(self, eval_metric: Any, labels: Any, pre_sliced: bool = False) -> None:
        """Let a metric see labels and outputs."""
        assert self.binded and self.params_initialized, "call bind and init_params first"
        self._curr_module.update_metric(eval_metric, labels, pre_sliced)

    def install_monitor(self, mon: Any) -> None:
        """Let a monitor look at every value of every bucket."""
        assert self.binded, "call bind first"
        self._monitor = mon
        for module in self._buckets.values():
            if module.binded:
                module.install_monitor(mon)

    # ------------------------------------------------------------------------------------------------------------- files

    def save_checkpoint(self, prefix: str, epoch: int, remove_amp_cast: bool = False) -> None:
        """Write the parameters, a symbol a bucket, and ``prefix.buckets`` with their keys, which must be integers.

        Every file is written beside and renamed, so that an interruption leaves the one before whole.
        """
        assert self._buckets, "Empty BucketingModule cannot be saved"
        arg_params, aux_params = self.get_params()
        save_checkpoint(prefix, epoch, None, arg_params, aux_params, remove_amp_cast=remove_amp_cast)
        for key, module in self._buckets.items():
            module._symbol.save(f"{prefix}-{key}-symbol.json", remove_amp_cast=remove_amp_cast)
        nd.save(f"{prefix}.buckets", nd.array(list(self._buckets), dtype="int32"))

    @staticmethod
    def load(prefix: str, epoch: int, sym_gen: Any = None, default_bucket_key: Any = None, **kwargs: Any) -> BucketingModule:
        """A module from the files of a checkpoint; to be bound.

        Parameters
        ----------
        prefix, epoch
            As given to `save_checkpoint`.
        sym_gen, default_bucket_key
            As for the class.
        **kwargs
            For the class.
        """
        assert sym_gen is not None, "sym_gen is required for loading BucketingModule"
        assert default_bucket_key is not None, "default_bucket_key is required for loading BucketingModule"
        found = nd.load(f"{prefix}.buckets")
        keys = (found[0] if isinstance(found, list) else next(iter(found.values()))).asnumpy().astype(int).tolist()
        symbols = {key: load_symbol(f"{prefix}-{key}-symbol.json") for key in keys}
        arg_params, aux_params = load_params(prefix, epoch)
        return BucketingModule.load_dict(
            symbols, sym_gen=sym_gen, default_bucket_key=default_bucket_key, arg_params=arg_params, aux_params=aux_params, **kwargs
        )

    @staticmethod
    def load_dict(
        sym_dict: Mapping[Any, Any] | None = None, sym_gen: Any = None, default_bucket_key: Any = None,
        arg_params: Mapping[str, NDArray] | None = None, aux_params: Mapping[str, NDArray] | None = None, **kwargs: Any,
    ) -> BucketingModule:  # fmt: skip
        """A module from symbols by bucket's key and parameters; to be bound."""
        assert sym_gen is not None, "sym_gen is required for loading BucketingModule"
        assert default_bucket_key is not None, "default_bucket_key is required for loading BucketingModule"
        result = BucketingModule(sym_gen, default_bucket_key, **kwargs)
        for key, symbol in (sym_dict or {}).items():
            module = result._module(key)
            module._symbol = symbol
            result._buckets[key] = module
        first = result._buckets.setdefault(default_bucket_key, result._module(default_bucket_key))
        first._arg_params = dict(arg_params or {})
        first._aux_params = dict(aux_params or {})
        first.params_initialized = True
        result._curr_module, result._curr_bucket_key = first, default_bucket_key
        result.params_initialized = True
        return result
