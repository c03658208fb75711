"""What all modules can do: the interface, and what follows from it."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from .. import ndarray as nd
from ..base import MXNetError
from ..context import cpu
from ..initializer import Uniform
from ..ndarray import NDArray
from .evaluation import Evaluation
from .fitting import Fitting
from .names import _as_list, _check_input_names, _check_names_match, _parse_data_desc

__all__ = ["BaseModule"]

_MXNET_NAMES = (_as_list, _check_input_names, _check_names_match, _parse_data_desc)  # scripts import them from here

Params = Mapping[str, NDArray]


class BaseModule(Fitting, Evaluation):
    """A computation with parameters, as a machine with states: bound, initialized, with an optimizer, then fed with batches.

    Subclasses say how: `Module`, `BucketingModule`, `SequentialModule`, `PythonModule`.

    Parameters
    ----------
    logger : logging.Logger or module

    Attributes
    ----------
    binded, params_initialized, optimizer_initialized : bool
        What was done already.
    for_training, inputs_need_grad : bool
        As given to `bind`.
    """

    def __init__(self, logger: Any = logging) -> None:
        self.logger = logger
        self.binded = False
        self.for_training = False
        self.inputs_need_grad = False
        self.params_initialized = False
        self.optimizer_initialized = False
        self._symbol: Any = None
        self._total_exec_bytes = 0

    # ------------------------------------------------------------------------------------------------------------- what it is

    @property
    def symbol(self) -> Any:
        """The symbol; None where there is none."""
        return self._symbol

    @property
    def data_names(self) -> Sequence[str]:
        """Names of the data."""
        raise NotImplementedError()

    @property
    def output_names(self) -> Sequence[str]:
        """Names of the outputs."""
        raise NotImplementedError()

    @property
    def data_shapes(self) -> Any:
        """Names and shapes of the data, as bound."""
        raise NotImplementedError()

    @property
    def label_shapes(self) -> Any:
        """Names and shapes of the labels, as bound; None or empty where there are none."""
        raise NotImplementedError()

    @property
    def output_shapes(self) -> Any:
        """Names and shapes of the outputs."""
        raise NotImplementedError()

    # ------------------------------------------------------------------------------------------------------------- parameters

    def get_params(self) -> tuple[dict[str, NDArray], dict[str, NDArray]]:
        """Arguments and auxiliary states by name, on ``cpu(0)``."""
        raise NotImplementedError()

    def init_params(
        self,
        initializer: Any = Uniform(0.01),  # noqa: B008 a fixed value, shown in the signature as MXNet's
        arg_params: Params | None = None,
        aux_params: Params | None = None,
        allow_missing: bool = False,
        force_init: bool = False,
        allow_extra: bool = False,
    ) -> None:
        """Give the parameters their first values: from the dictionaries, and what is not there from the initializer."""
        raise NotImplementedError()

    def set_params(
        self,
        arg_params: Params | None,
        aux_params: Params | None,
        allow_missing: bool = False,
        force_init: bool = True,
        allow_extra: bool = False,
    ) -> None:
        """Give the parameters values from dictionaries.

        Parameters
        ----------
        arg_params, aux_params : dict of str to NDArray
        allow_missing : bool
            Parameters that are not in the dictionaries keep their values; else they are an error.
        force_init : bool
            Even if they were initialized before.
        allow_extra : bool
            Ignore names that the module has not.
        """
        self.init_params(
            initializer=None, arg_params=arg_params, aux_params=aux_params, allow_missing=allow_missing, force_init=force_init,
            allow_extra=allow_extra,
        )  # fmt: skip

    def save_params(self, fname: str) -> None:
        """Write the parameters to a ``.params`` file; it is written beside and renamed, so that an older one stays whole till then."""
        arg_params, aux_params = self.get_params()
        named = {f"arg:{k}": v.as_in_context(cpu()) for k, v in arg_params.items()}
        named.update({f"aux:{k}": v.as_in_context(cpu()) for k, v in aux_params.items()})
        nd.save(fname, named)

    def load_params(self, fname: str) -> None:
        """Set the parameters from a ``.params`` file.

        Raises
        ------
        ValueError
            The file has arrays that are neither arguments nor auxiliary states.
        MXNetError
            It is damaged, or holds the parameters of another network; the message lists which are missing and which are extra.
        """
        found = nd.load(fname)
        if not isinstance(found, dict):
            raise ValueError(f"Invalid param file {fname}: it holds {len(found)} arrays without names")
        arg_params: dict[str, NDArray] = {}
        aux_params: dict[str, NDArray] = {}
        for key, value in found.items():
            kind, _, name = key.partition(":")
            if kind not in ("arg", "aux"):
                raise ValueError(f"Invalid param file {fname}: {key!r} is neither an argument (arg:) nor an auxiliary state (aux:)")
            (arg_params if kind == "arg" else aux_params)[name] = value
        try:
            self.set_params(arg_params, aux_params)
        except MXNetError as exc:
            raise type(exc)(f"{fname}: {exc}") from exc

    # ------------------------------------------------------------------------------------------------------------- computing

    def bind(
        self, data_shapes: Any, label_shapes: Any = None, for_training: bool = True, inputs_need_grad: bool = False,
        force_rebind: bool = False, shared_module: Any = None, grad_req: Any = "write",
    ) -> None:  # fmt: skip
        """Make the executors for shapes of data and labels."""
        raise NotImplementedError()

    def init_optimizer(
        self, kvstore: Any = "local", optimizer: Any = "sgd", optimizer_params: Any = (("learning_rate", 0.01),), force_init: bool = False
    ) -> None:
        """Install an optimizer."""
        raise NotImplementedError()

    def prepare(self, data_batch: Any, sparse_row_id_fn: Any = None) -> None:
        """Called with the next batch before its `forward`."""
        if sparse_row_id_fn is not None:
            import warnings

            warnings.warn("sparse_row_id_fn is not invoked for BaseModule.", stacklevel=2)

    def forward(self, data_batch: Any, is_train: bool | None = None) -> None:
        """Compute the outputs of a batch."""
        raise NotImplementedError()

    def backward(self, out_grads: Any = None) -> None:
        """Compute the gradients of the last batch."""
        raise NotImplementedError()

    def forward_backward(self, data_batch: Any) -> None:
        """`forward` for training, then `backward`."""
        self.forward(data_batch, is_train=True)
        self.backward()

    def update(self) -> None:
        """Change the parameters by the gradients, as the optimizer says."""
        raise NotImplementedError()

    def get_outputs(self, merge_multi_context: bool = True) -> Any:
        """The outputs of the last forward."""
        raise NotImplementedError()

    def get_input_grads(self, merge_multi_context: bool = True) -> Any:
        """The gradients of the data."""
        raise NotImplementedError()

    def get_states(self, merge_multi_context: bool = True) -> Any:
        """The states, of which there are none here."""
        assert self.binded and self.params_initialized, "call bind and init_params first"
        assert not merge_multi_context
        return []

    def set_states(self, states: Any = None, value: Any = None) -> None:
        """Set the states, of which there are none here."""
        assert self.binded and self.params_initialized, "call bind and init_params first"
        assert not states and not value

    def update_metric(self, eval_metric: Any, labels: Any, pre_sliced: bool = False) -> None:
        """Let a metric see the outputs of the last forward."""
        raise NotImplementedError()

    def install_monitor(self, mon: Any) -> None:
        """Let a monitor look at every value."""
        raise NotImplementedError()
