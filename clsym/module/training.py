"""The optimizer of a `Module`: made, applied, saved."""

from __future__ import annotations

import warnings
from typing import Any

from .. import optimizer as opt
from .optimizer_state import read_states, write_states
from .parameter_update import _create_kvstore, _initialize_kvstore, _update_params, _update_params_on_kvstore

__all__ = ["Training"]


class Training:
    """Updating parameters, over a kvstore or beside it."""

    _update_on_kvstore: Any
    _preload_opt_states: Any

    def init_optimizer(
        self: Any, kvstore: Any = "local", optimizer: Any = "sgd", optimizer_params: Any = (("learning_rate", 0.01),),
        force_init: bool = False,
    ) -> None:  # fmt: skip
        """Install an optimizer.

        Parameters
        ----------
        kvstore : str, KVStore or None
            Where the gradients of several devices are summed; with one device none is made by name.
        optimizer : str or Optimizer
        optimizer_params : dict or tuple of pairs
            For the optimizer by name; ``rescale_grad`` is 1 / batch size by default.
        force_init : bool
            Although there is one.
        """
        assert self.binded and self.params_initialized, "call bind and init_params first"
        if self.optimizer_initialized and not force_init:
            self.logger.warning("optimizer already initialized, ignoring...")
            return
        if self._params_dirty:
            self._sync_params_from_devices()
        kvstore, update_on_kvstore = _create_kvstore(kvstore, len(self._context), self._arg_params)
        group = self._exec_group
        batch_size = group.batch_size
        if kvstore is not None and "dist" in kvstore.type and "_sync" in kvstore.type:
            batch_size *= kvstore.num_workers
        rescale_grad = 1.0 / batch_size if batch_size else 1.0
        devices = 1 if update_on_kvstore else len(self._context)
        idx2name = {i * devices + k: n for k in range(devices) for i, n in enumerate(group.param_names)}
        if isinstance(optimizer, str):
            given = dict(optimizer_params)
            given.setdefault("rescale_grad", rescale_grad)
            optimizer = opt.create(optimizer, sym=self.symbol, param_idx2name=idx2name, **given)
        else:
            assert isinstance(optimizer, opt.Optimizer), f"optimizer must be a name or an Optimizer, not {type(optimizer).__name__}"
            if optimizer.rescale_grad != rescale_grad:
                warnings.warn(
                    "Optimizer created manually outside Module but rescale_grad is not normalized to 1.0/batch_size/num_workers "
                    f"({optimizer.rescale_grad} vs. {rescale_grad}). Is this intended?",
                    stacklevel=2,
                )
            if not optimizer.idx2name:
                optimizer.idx2name = idx2name.copy()
        self._optimizer = optimizer
        self._kvstore = kvstore
        self._update_on_kvstore = update_on_kvstore
        self._updater = None
        if kvstore is not None:
            if self._compression_params:
                kvstore.set_gradient_compression(self._compression_params)
            if update_on_kvstore:
                kvstore.set_optimizer(optimizer)
            _initialize_kvstore(
                kvstore=kvstore, param_arrays=group.param_arrays, arg_params=self._arg_params, param_names=self._param_names,
                update_on_kvstore=update_on_kvstore,
            )  # fmt: skip
        if not update_on_kvstore:
            self._updater = opt.get_updater(optimizer)
        self.optimizer_initialized = True
        if self._preload_opt_states is not None:
            self.load_optimizer_states(self._preload_opt_states)
            self._preload_opt_states = None

    def borrow_optimizer(self: Any, shared_module: Any) -> None:
        """Use the optimizer of another module, with its states."""
        assert shared_module.optimizer_initialized, "shared_module has no optimizer"
        self._optimizer = shared_module._optimizer
        self._kvstore = shared_module._kvstore
        self._update_on_kvstore = shared_module._update_on_kvstore
        self._updater = shared_module._updater
        self.optimizer_initialized = True

    def update(self: Any) -> None:
        """Change the parameters by the gradients of the last backward; returns at once."""
        assert self.binded and self.params_initialized and self.optimizer_initialized, "call bind, init_params and init_optimizer first"
        self._params_dirty = True
        if self._amp_loss_scaler is not None:
            self._update_scaled(self._take_step)
        else:
            self._take_step()

    def _take_step(self: Any) -> None:
        group = self._exec_group
        if self._update_on_kvstore:
            _update_params_on_kvstore(group.param_arrays, group.grad_arrays, self._kvstore, group.param_names)
        else:
            _update_params(
                group.param_arrays, group.grad_arrays, updater=self._updater, num_device=len(self._context), kvstore=self._kvstore,
                param_names=group.param_names,
            )  # fmt: skip

    def save_optimizer_states(self: Any, fname: str) -> None:
        """Write the optimizer's states as MXNet does, and behind them how many steps it took.

        MXNet leaves the steps out, so that a run which it continues begins its count, Adam's bias correction for example, anew; it reads
        the file and ignores them.
        """
        assert self.optimizer_initialized, "call init_optimizer first"
        write_states(fname, self._optimizer, self._states_holder())

    def load_optimizer_states(self: Any, fname: str) -> None:
        """Continue with the states of a file, and with its count of steps if it has one."""
        assert self.optimizer_initialized, "call init_optimizer first"
        read_states(fname, self._optimizer, self._states_holder())

    def _states_holder(self: Any) -> Any:
        """The updater, or a kvstore which has its own."""
        return self._kvstore if self._update_on_kvstore else self._updater
