"""`Optimizer`: rates and decays of parameters, how often each was updated, and the registry of optimizers by name."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

import numpy as np

from ..ndarray import NDArray

__all__ = ["Optimizer", "create", "register"]

K = TypeVar("K", bound=type)
Index = Any
"""What a parameter is known by: an int, or what a kvstore calls it."""


class Optimizer:
    """The base of optimizers; one of your own defines `create_state` and `update`.

    Parameters
    ----------
    rescale_grad : float
        Factor of the gradients, often 1 / batch size.
    param_idx2name : dict of int to str, optional
        Names of the parameters. Those that end neither in ``_weight`` nor in ``_gamma`` get no weight decay.
    wd : float
        Weight decay.
    clip_gradient : float, optional
        Bound of the values of the rescaled gradients.
    learning_rate : float, optional
        0.01 by default; with a scheduler, replaces its base rate.
    lr_scheduler : LRScheduler, optional
        The learning rate by the number of updates.
    sym : Symbol, optional
        Whose variables' ``__lr_mult__`` and ``__wd_mult__`` count.
    begin_num_update : int
        The number of updates at the start.
    multi_precision : bool
        Whether weights of type float16 have a copy in float32 that is updated.
    param_dict : dict of int to object, optional
        Parameters by index, with ``lr_mult`` and ``wd_mult`` of their own.

    Examples
    --------
    >>> import clsym as mx
    >>> @mx.optimizer.register
    ... class Halving(mx.optimizer.Optimizer):
    ...     def create_state(self, index, weight):
    ...         return None
    ...     def update(self, index, weight, grad, state):
    ...         self._update_count(index)
    ...         weight *= 0.5
    >>> w = mx.nd.ones(2)
    >>> mx.optimizer.get_updater(mx.optimizer.create('halving'))(0, mx.nd.zeros(2), w)
    >>> w.asnumpy().tolist()
    [0.5, 0.5]
    """

    opt_registry: dict[str, type[Optimizer]] = {}

    def __init__(
        self,
        rescale_grad: float = 1.0,
        param_idx2name: Mapping[Any, str] | None = None,
        wd: float = 0.0,
        clip_gradient: float | None = None,
        learning_rate: float | None = None,
        lr_scheduler: Any = None,
        sym: Any = None,
        begin_num_update: int = 0,
        multi_precision: bool = False,
        param_dict: Mapping[Any, Any] | None = None,
    ) -> None:
        self.rescale_grad = rescale_grad
        self.lr_scheduler = lr_scheduler
        if lr_scheduler is None and learning_rate is None:
            learning_rate = 0.01
        self.lr: Any = learning_rate
        if lr_scheduler is not None and learning_rate is not None:
            if lr_scheduler.base_lr != learning_rate:
                print("learning rate from ``lr_scheduler`` has been overwritten by ``learning_rate`` in optimizer.")
            lr_scheduler.base_lr = learning_rate
        self.wd = wd
        self.lr_mult: dict[Any, float] = {}
        self.wd_mult: dict[Any, float] = {}
        self.begin_num_update = begin_num_update
        self.num_update = begin_num_update
        self._all_index_update_counts: dict[int, dict[Any, int]] = {0: {}}
        self._index_update_count = self._all_index_update_counts[0]
        self.clip_gradient = clip_gradient
        self.multi_precision = multi_precision
        self.aggregate_num = 0
        if param_idx2name is None:
            param_idx2name = {}
        assert isinstance(param_idx2name, dict), "param_idx2name should be a dict of param indexes to names."
        self.idx2name = dict(param_idx2name)
        self.sym_info: tuple[Any, ...] = (sym.attr_dict(), sym.list_arguments()) if sym is not None else ()
        self.param_dict = param_dict if param_dict else {}
        self.allow_np_array = False
        self.set_lr_mult({})
        self.set_wd_mult({})

    # ------------------------------------------------------------------ by name

    @staticmethod
    def register(klass: K) -> K:
        """Make a class known to `create_optimizer` by its name in lower case; returns it, so that it serves as a decorator."""
        name = klass.__name__.lower()
        known = Optimizer.opt_registry.get(name)
        if known is not None:
            warnings.warn(
                f"WARNING: New optimizer {klass.__module__}.{klass.__name__} is overriding existing optimizer "
                f"{known.__module__}.{known.__name__}",
                stacklevel=2,
            )
        Optimizer.opt_registry[name] = klass
        return klass

    @staticmethod
    def create_optimizer(name: str, **kwargs: Any) -> Optimizer:
        """An optimizer by the name of its class, in any case.

        Raises
        ------
        ValueError
            There is none of that name.
        """
        found = Optimizer.opt_registry.get(name.lower())
        if found is None:
            raise ValueError(f"Cannot find optimizer {name}")
        return found(**kwargs)

    # ------------------------------------------------------------------ what one step does

    def create_state(self, index: Index, weight: NDArray) -> Any:
        """What the optimizer remembers of a parameter: None, an array, or a tuple of them."""

    def create_state_multi_precision(self, index: Index, weight: NDArray) -> Any:
        """The state of a parameter; with `multi_precision`, of one of type float16 its copy in float32 and the state of that."""
        if self.multi_precision and weight.dtype == np.float16:
            master = weight.astype(np.float32)
            return master, self.create_state(index, master)
        self._warn_of_float16(weight, "optimizer")
        return self.create_state(index, weight)

    def _warn_of_float16(self, weight: NDArray, what: str) -> None:
        if weight.dtype == np.float16 and not self.multi_precision:
            warnings.warn(
                "Accumulating with float16 in optimizer can lead to poor accuracy or slow convergence. "
                f"Consider using multi_precision=True option of the {what}",
                stacklevel=3,
            )

    def update(self, index: Index, weight: NDArray, grad: NDArray, state: Any) -> None:
        """Take a step: change `weight` and `state` by the gradient."""
        raise NotImplementedError

    def update_multi_precision(self, index: Index, weight: NDArray, grad: NDArray, state: Any) -> None:
        """As `update`; of a parameter that has a copy in float32, that one takes the step."""
        if self.multi_precision and weight.dtype == np.float16:
            master, inner = state
            self.update(index, master, grad.astype(np.float32), inner)
            master.copyto(weight)
        else:
            self.update(index, weight, grad, state)

    # ------------------------------------------------------------------ rates and decays

    @property
    def learning_rate(self) -> float:
        """The learning rate now, before the parameters' own factors."""
        if self.lr_scheduler is not None:
            return self.lr_scheduler(self.num_update)
        return self.lr

    def set_learning_rate(self, lr: float) -> None:
        """Set the learning rate.

        Raises
        ------
        UserWarning
            There is a scheduler, which decides.
        """
        if self.lr_scheduler is not None:
            raise UserWarning(
                "LRScheduler of the optimizer has already been defined. Note that set_learning_rate can mutate the value of the learning "
                "rate of the optimizer only when the LRScheduler of the optimizer is undefined."
            )
        self.lr = lr

    def set_lr_scale(self, args_lrscale: Any) -> None:
        """Raises DeprecationWarning: use `set_lr_mult`."""
        raise DeprecationWarning

    def set_lr_mult(self, args_lr_mult: Mapping[Any, float]) -> None:
        """Set factors of the learning rate, by parameters' names or indices; those of the symbol's variables stay.

        >>> import clsym as mx
        >>> sgd = mx.optimizer.create('sgd', sym=mx.sym.var('w', lr_mult=2))
        >>> sgd.set_lr_mult({'b': 3})
        >>> sgd.lr_mult
        {'w': 2.0, 'b': 3}
        """
        self.lr_mult = self._from_symbol("__lr_mult__")
        self.lr_mult.update(args_lr_mult)

    def set_wd_mult(self, args_wd_mult: Mapping[Any, float]) -> None:
        """Set factors of the weight decay, by parameters' names or indices.

        Where a name ends neither in ``_weight`` nor in ``_gamma`` it is 0, unless the symbol's variable or `args_wd_mult` says otherwise.
        """
        self.wd_mult = {name: 0.0 for name in self.idx2name.values() if not name.endswith(("_weight", "_gamma"))}
        self.wd_mult.update(self._from_symbol("__wd_mult__"))
        self.wd_mult.update(args_wd_mult)

    def _from_symbol(self, key: str) -> dict[Any, float]:
        if not self.sym_info:
            return {}
        attributes, names = self.sym_info
        return {name: float(attributes[name][key]) for name in names if key in attributes.get(name, {})}

    def _set_current_context(self, device_id: int) -> None:
        """Count the updates of the parameters of one of several devices."""
        self._index_update_count = self._all_index_update_counts.setdefault(device_id, {})

    def _update_count(self, index: Index | Iterable[Index]) -> None:
        """Count one more update of a parameter, or of several."""
        counts, begin, most = self._index_update_count, self.begin_num_update, self.num_update
        for i in index if isinstance(index, (list, tuple)) else (index,):
            now = counts.get(i, begin) + 1
            counts[i] = now
            if now > most:
                most = now
        self.num_update = most

    def _factors(self, indices: Iterable[Index], start: float, by_key: dict[Any, float], attribute: str) -> list[float]:
        found = []
        parameters, names = self.param_dict, self.idx2name
        for i in indices:
            if i in parameters:
                found.append(start * getattr(parameters[i], attribute))
            elif i in by_key:
                found.append(start * by_key[i])
            elif i in names:
                found.append(start * by_key.get(names[i], 1.0))
            else:
                found.append(start)
        return found

    def _get_lrs(self, indices: Iterable[Index]) -> list[float]:
        """The learning rates of parameters."""
        start = self.lr_scheduler(self.num_update) if self.lr_scheduler is not None else self.lr
        return self._factors(indices, start, self.lr_mult, "lr_mult")

    def _get_lr(self, index: Index) -> float:
        return self._get_lrs([index])[0]

    def _get_wds(self, indices: Iterable[Index]) -> list[float]:
        """The weight decays of parameters."""
        return self._factors(indices, self.wd, self.wd_mult, "wd_mult")

    def _get_wd(self, index: Index) -> float:
        return self._get_wds([index])[0]

    # ------------------------------------------------------------------ pickling

    def __getstate__(self) -> dict[str, Any]:
        """All but the parameters, which are somebody else's, and what is ready for the device."""
        return {k: v for k, v in self.__dict__.items() if k not in ("param_dict", "_prepared")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self.param_dict = {}


register = Optimizer.register
create = Optimizer.create_optimizer
