"""``Module``: one symbol on one device or several."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Sequence
from typing import Any

from ..base import MXNetError
from ..context import Context, cpu
from ..io import DataDesc
from .base_module import BaseModule
from .executor_group import DataParallelExecutorGroup
from .loss_scaling import LossScaling
from .names import _check_input_names, _parse_data_desc
from .parameters import Parameters
from .training import Training

__all__ = ["Module"]


class Module(Training, LossScaling, Parameters, BaseModule):
    """A symbol with parameters, bound to one device, or to several that share every batch out among them.

    Parameters
    ----------
    symbol : Symbol
    data_names, label_names : list of str
        Names of its inputs that come with each batch.
    logger : logging.Logger or module
    context : Context or list of Context
    work_load_list : list of float, optional
        In proportion to which several devices get parts of a batch; equal parts by default.
    fixed_param_names : list of str, optional
        Parameters that stay as they are.
    state_names : list of str, optional
        Inputs that are neither data nor parameters: they stay from batch to batch until `set_states`.
    group2ctxs : dict or list of dict, optional
        Contexts of the symbol's groups (``ctx_group``).
    compression_params : dict, optional
        Of gradients on their way through a kvstore.

    Examples
    --------
    >>> import clsym as mx
    >>> net = mx.sym.FullyConnected(mx.sym.Variable('data'), num_hidden=2, name='fc')
    >>> mod = mx.mod.Module(mx.sym.SoftmaxOutput(net, name='softmax'))
    >>> mod.bind([('data', (4, 3))], [('softmax_label', (4,))])
    >>> mod.init_params(mx.init.Zero())
    >>> mod.forward(mx.io.DataBatch([mx.nd.ones((4, 3))]), is_train=False)
    >>> mod.get_outputs()[0].asnumpy()[0].tolist()
    [0.5, 0.5]
    """

    def __init__(
        self, symbol: Any, data_names: Sequence[str] | None = ("data",), label_names: Sequence[str] | None = ("softmax_label",),
        logger: Any = logging, context: Context | Sequence[Context] = cpu(),  # noqa: B008 a value
        work_load_list: Sequence[float] | None = None, fixed_param_names: Sequence[str] | None = None,
        state_names: Sequence[str] | None = None, group2ctxs: Any = None, compression_params: Any = None,
    ) -> None:  # fmt: skip
        super().__init__(logger=logger)
        self._context = [context] if isinstance(context, Context) else list(context)
        self._work_load_list = [1] * len(self._context) if work_load_list is None else list(work_load_list)
        assert len(self._work_load_list) == len(self._context), (
            f"work_load_list has {len(self._work_load_list)} items, there are {len(self._context)} contexts"
        )
        self._group2ctxs = group2ctxs
        self._symbol = symbol
        self._data_names = list(data_names) if data_names is not None else []
        self._label_names = list(label_names) if label_names is not None else []
        self._state_names = list(state_names) if state_names is not None else []
        self._fixed_param_names = list(fixed_param_names) if fixed_param_names is not None else []
        _check_input_names(symbol, self._data_names, "data", True)
        _check_input_names(symbol, self._label_names, "label", False)
        _check_input_names(symbol, self._state_names, "state", True)
        _check_input_names(symbol, self._fixed_param_names, "fixed_param", True)
        inputs = {*self._data_names, *self._label_names, *self._state_names}
        self._param_names: list[str] = [n for n in symbol.list_arguments() if n not in inputs]
        self._aux_names: list[str] = symbol.list_auxiliary_states()
        self._output_names: list[str] = symbol.list_outputs()
        self._arg_params: Any = None
        self._aux_params: Any = None
        self._params_dirty = False
        self._compression_params = compression_params
        self._optimizer: Any = None
        self._kvstore: Any = None
        self._update_on_kvstore: Any = None
        self._updater: Any = None
        self._preload_opt_states: Any = None
        self._grad_req: Any = None
        self._exec_group: Any = None
        self._data_shapes: Any = None
        self._label_shapes: Any = None

    def _reset_bind(self) -> None:
        self.binded = False
        self._exec_group = None
        self._data_shapes = None
        self._label_shapes = None

    # ------------------------------------------------------------------------------------------------------------- what it is

    @property
    def data_names(self) -> list[str]:
        """Names of the data."""
        return self._data_names

    @property
    def label_names(self) -> list[str]:
        """Names of the labels."""
        return self._label_names

    @property
    def output_names(self) -> list[str]:
        """Names of the outputs."""
        return self._output_names

    @property
    def data_shapes(self) -> list[DataDesc]:
        """Names and shapes of the data, as bound."""
        assert self.binded, "call bind first"
        return self._data_shapes

    @property
    def label_shapes(self) -> list[DataDesc] | None:
        """Names and shapes of the labels, as bound; None where there are none."""
        assert self.binded, "call bind first"
        return self._label_shapes

    @property
    def output_shapes(self) -> list[tuple[str, tuple[int, ...]]]:
        """Names and shapes of the outputs, of a whole batch."""
        assert self.binded, "call bind first"
        return self._exec_group.get_output_shapes()

    # ------------------------------------------------------------------------------------------------------------- binding

    def bind(
        self, data_shapes: Any, label_shapes: Any = None, for_training: bool = True, inputs_need_grad: bool = False,
        force_rebind: bool = False, shared_module: Any = None, grad_req: Any = "write",
    ) -> None:  # fmt: skip
        """Make an executor on every device. Where the parameters were initialized before, they are kept.

        Parameters
        ----------
        data_shapes, label_shapes : list of DataDesc or (str, tuple)
            Names and shapes of whole batches.
        for_training : bool
        inputs_need_grad : bool
            Whether `get_input_grads` will be called.
        force_rebind : bool
            Bind again although it was done.
        shared_module : Module, optional
            Whose parameters, gradients and working memory this one shares; its optimizer too, if it has one.
        grad_req : {'write', 'add', 'null'}, list or dict
            How gradients are stored; see `Symbol.bind`.
        """
        if force_rebind:
            self._reset_bind()
        if self.binded:
            self.logger.warning("Already bound, ignoring bind()")
            return
        assert for_training or not inputs_need_grad, "inputs_need_grad needs for_training"
        self.for_training = for_training
        self.inputs_need_grad = inputs_need_grad
        self._grad_req = grad_req
        self._data_shapes, self._label_shapes = _parse_data_desc(self.data_names, self.label_names, data_shapes, label_shapes)
        if self._label_shapes is not None:
            unknown = {d.name for d in self._label_shapes} - set(self._symbol.list_arguments())
            if unknown:
                raise KeyError(f"label_shapes names {sorted(unknown)}, which are no inputs; those are {self._symbol.list_arguments()}")
        shared_group = None
        if shared_module is not None:
            assert isinstance(shared_module, Module) and shared_module.binded and shared_module.params_initialized, (
                "shared_module must be a Module that is bound and has its parameters"
            )
            shared_group = shared_module._exec_group
            assert len(shared_group.execs) >= len(self._context), "shared_module has fewer contexts"
        self._exec_group = DataParallelExecutorGroup(
            self._bound_symbol(), self._context, self._work_load_list, self._data_shapes, self._label_shapes, self._param_names,
            for_training, inputs_need_grad, shared_group, logger=self.logger, fixed_param_names=self._fixed_param_names, grad_req=grad_req,
            state_names=self._state_names, group2ctxs=self._group2ctxs,
        )  # fmt: skip
        self.binded = True
        self._set_scale()
        if shared_module is not None:
            self.params_initialized = True
            self._arg_params = shared_module._arg_params
            self._aux_params = shared_module._aux_params
        elif self.params_initialized:
            self._take_params()
        else:
            assert self._arg_params is None and self._aux_params is None
            self._make_params()
        if shared_module is not None and shared_module.optimizer_initialized:
            self.borrow_optimizer(shared_module)

    def reshape(self, data_shapes: Any, label_shapes: Any = None) -> None:
        """Take batches of other shapes from now on; executors for shapes seen before are kept.

        Parameters
        ----------
        data_shapes, label_shapes : list of DataDesc or (str, tuple)
            Labels that are not given follow the data.
        """
        assert self.binded, "call bind first"
        data, labels = _parse_data_desc(self.data_names, self.label_names if label_shapes is not None else [], data_shapes, label_shapes)
        self._exec_group.reshape(data, labels)
        self._data_shapes, self._label_shapes = data, labels

    # ------------------------------------------------------------------------------------------------------------- computing

    def forward(self, data_batch: Any, is_train: bool | None = None) -> None:
        """Compute the outputs of a batch; returns at once.

        A batch of another size, or of another shape that the parameters allow, is taken as it is: see `reshape`.

        Parameters
        ----------
        data_batch : DataBatch or list of DataBatch
            A list has one part of the batch for each device.
        is_train : bool, optional
            ``for_training`` by default.

        Raises
        ------
        MXNetError
            The batch's arrays are not those that were bound, by number, name or shape.
        """
        assert self.binded and self.params_initialized, "call bind and init_params first"
        new = _shapes_of(data_batch)
        if new != [d.shape for d in self._data_shapes] or (
            self._label_shapes is None and self._exec_group.label_arrays is None and self._unlabelled is not None
        ):
            self._follow(data_batch, new)
        self._exec_group.forward(data_batch, is_train)

    _unlabelled: Any = None  # descriptions of the labels, while a batch without them had another size

    def _follow(self, data_batch: Any, new: list[tuple[int, ...]]) -> None:
        """Reshape for a batch."""
        first = data_batch[0] if isinstance(data_batch, list) else data_batch
        if len(new) != len(self._data_shapes):
            raise MXNetError(
                f"the batch has {len(new)} arrays of data, the module was bound for {len(self._data_shapes)}: {self.data_names}"
            )
        whole = not isinstance(data_batch, list)
        provided = getattr(first, "provide_data", None) if whole else None
        data = provided or [DataDesc(d.name, s, d.dtype, d.layout) for d, s in zip(self._data_shapes, new, strict=True)]
        known = self._label_shapes if self._label_shapes is not None else self._unlabelled
        labels: Any = None
        if whole and getattr(first, "provide_label", None):
            labels = first.provide_label
        elif known is not None and getattr(first, "label", None):
            count = 1 if whole else len(data_batch)
            shapes = [(count * x.shape[0], *x.shape[1:]) for x in first.label]
            labels = [DataDesc(d.name, s, d.dtype, d.layout) for d, s in zip(known, shapes, strict=False)]
        self._unlabelled = known if labels is None else None
        self.reshape(data, labels)

    def backward(self, out_grads: Any = None) -> None:
        """Compute the gradients of the last batch; returns at once.

        Parameters
        ----------
        out_grads : NDArray or list of NDArray, optional
            Head gradients of the outputs, where they are not losses.
        """
        assert self.binded and self.params_initialized, "call bind and init_params first"
        self._exec_group.backward(out_grads=out_grads)

    def get_outputs(self, merge_multi_context: bool = True) -> Any:
        """The outputs of the last forward; the next overwrites them.

        Parameters
        ----------
        merge_multi_context : bool
            One array an output; else a list of one a device.
        """
        assert self.binded and self.params_initialized, "call bind and init_params first"
        return self._exec_group.get_outputs(merge_multi_context=merge_multi_context)

    def get_input_grads(self, merge_multi_context: bool = True) -> Any:
        """The gradients of the data, as `get_outputs`."""
        assert self.binded and self.params_initialized and self.inputs_need_grad, "bind with inputs_need_grad=True, and init_params first"
        return self._exec_group.get_input_grads(merge_multi_context=merge_multi_context)

    def get_states(self, merge_multi_context: bool = True) -> Any:
        """The states: of each a list of one array a device."""
        assert self.binded and self.params_initialized, "call bind and init_params first"
        return self._exec_group.get_states(merge_multi_context=merge_multi_context)

    def set_states(self, states: Any = None, value: Any = None) -> None:
        """Set the states, to what `get_states` or ``get_outputs(merge_multi_context=False)`` gave, or all to one number."""
        assert self.binded and self.params_initialized, "call bind and init_params first"
        self._exec_group.set_states(states, value)

    def update_metric(self, eval_metric: Any, labels: Any, pre_sliced: bool = False) -> None:
        """Let a metric see labels and outputs.

        Parameters
        ----------
        eval_metric : EvalMetric
        labels : list of NDArray
        pre_sliced : bool
            Whether `labels` has a list a device.
        """
        self._exec_group.update_metric(eval_metric, labels, pre_sliced)

    def prepare(self, data_batch: Any, sparse_row_id_fn: Any = None) -> None:
        """Nothing: parameters are dense."""
        assert self.binded, "call bind first"
        if sparse_row_id_fn is not None:
            warnings.warn("Parameters are dense: sparse_row_id_fn is not called.", stacklevel=2)

    # ------------------------------------------------------------------------------------------------------------- looking at it

    def install_monitor(self, mon: Any) -> None:
        """Let a monitor look at every value."""
        assert self.binded, "call bind first"
        self._exec_group.install_monitor(mon)


def _shapes_of(data_batch: Any) -> list[tuple[int, ...]]:
    """Shapes of a whole batch's data; a list of parts counts as one batch."""
    if not isinstance(data_batch, list):
        return [tuple(x.shape) for x in data_batch.data]
    if not data_batch:
        raise AssertionError("Encountered empty data batch")
    shapes = [tuple(x.shape) for x in data_batch[0].data]
    for part in data_batch:
        assert [tuple(x.shape) for x in part.data] == shapes, "All data batches in a list need to have the same shape"
    return [(len(data_batch) * s[0], *s[1:]) for s in shapes]
