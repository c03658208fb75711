"""``SequentialModule``: modules one behind the other."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from ..initializer import Uniform
from ..io import DataBatch, DataDesc
from ..ndarray import NDArray
from .base_module import BaseModule

__all__ = ["SequentialModule"]


class SequentialModule(BaseModule):
    """Modules of which each gets the outputs of the one before as its data.

    Parameters
    ----------
    logger : logging.Logger or module

    Examples
    --------
    >>> import clsym as mx
    >>> one = mx.sym.FullyConnected(mx.sym.Variable('data'), num_hidden=4, name='one')
    >>> two = mx.sym.SoftmaxOutput(mx.sym.FullyConnected(mx.sym.Variable('data'), num_hidden=2, name='two'), name='softmax')
    >>> mod = mx.mod.SequentialModule()
    >>> _ = mod.add(mx.mod.Module(one, label_names=[])).add(mx.mod.Module(two), take_labels=True, auto_wiring=True)
    >>> mod.bind([('data', (3, 5))], [('softmax_label', (3,))])
    >>> mod.output_shapes
    [('softmax_output', (3, 2))]
    """

    META_TAKE_LABELS = "take_labels"
    META_AUTO_WIRING = "auto_wiring"

    def __init__(self, logger: Any = logging) -> None:
        super().__init__(logger=logger)
        self._modules: list[Any] = []
        self._metas: list[dict[str, Any]] = []
        self._label_shapes: Any = None
        self._data_shapes: Any = None
        self._meta_keys = {self.META_TAKE_LABELS, self.META_AUTO_WIRING}

    def add(self, module: Any, **kwargs: Any) -> SequentialModule:
        """Append a module.

        Parameters
        ----------
        module : BaseModule
        take_labels : bool
            Whether it gets the labels.
        auto_wiring : bool
            Whether what it gets is to be named as its own data, in their order.

        Returns
        -------
        SequentialModule
            Itself.
        """
        for key in kwargs:
            assert key in self._meta_keys, f'Unknown meta "{key}", a typo?'
        self._modules.append(module)
        self._metas.append(kwargs)
        self.binded = False
        self.params_initialized = False
        self.optimizer_initialized = False
        return self

    def _takes_labels(self, i: int) -> bool:
        return bool(self._metas[i].get(self.META_TAKE_LABELS))

    # ------------------------------------------------------------------------------------------------------------- what it is

    @property
    def data_names(self) -> Sequence[str]:
        """Names of the first module's data."""
        return self._modules[0].data_names if self._modules else []

    @property
    def output_names(self) -> Sequence[str]:
        """Names of the last module's outputs."""
        return self._modules[-1].output_names if self._modules else []

    @property
    def data_shapes(self) -> Any:
        """Names and shapes of the first module's data."""
        assert self.binded, "call bind first"
        return self._modules[0].data_shapes

    @property
    def label_shapes(self) -> Any:
        """Names and shapes of the labels; None where no module takes any."""
        assert self.binded, "call bind first"
        return self._label_shapes

    @property
    def output_shapes(self) -> Any:
        """Names and shapes of the last module's outputs."""
        assert self.binded, "call bind first"
        return self._modules[-1].output_shapes

    # ------------------------------------------------------------------------------------------------------------- parameters

    def get_params(self) -> tuple[dict[str, NDArray], dict[str, NDArray]]:
        """Arguments and auxiliary states of all modules."""
        assert self.binded and self.params_initialized, "call bind and init_params first"
        arg_params: dict[str, NDArray] = {}
        aux_params: dict[str, NDArray] = {}
        for module in self._modules:
            arg, aux = module.get_params()
            arg_params.update(arg)
            aux_params.update(aux)
        return arg_params, aux_params

    def init_params(
        self, initializer: Any = Uniform(0.01),  # noqa: B008 a value
        arg_params: Mapping[str, NDArray] | None = None, aux_params: Mapping[str, NDArray] | None = None, allow_missing: bool = False,
        force_init: bool = False, allow_extra: bool = False,
    ) -> None:  # fmt: skip
        """Give all modules' parameters their first values; see `Module.init_params`."""
        if self.params_initialized and not force_init:
            return
        assert self.binded, "call bind before initializing the parameters"
        for module in self._modules:
            module.init_params(
                initializer=initializer, arg_params=arg_params, aux_params=aux_params, allow_missing=allow_missing, force_init=force_init,
                allow_extra=allow_extra,
            )  # fmt: skip
        seen: dict[str, int] = {}
        for i, module in enumerate(self._modules):
            arg, aux = module.get_params()
            for name in [*arg, *aux]:
                assert name not in seen, (
                    f'Duplicated parameter names: name "{name}" in layer {i} ({type(module)}) is already used in layer {seen[name]} '
                    f"({type(self._modules[seen[name]])})."
                )
                seen[name] = i
        self.params_initialized = True

    # ------------------------------------------------------------------------------------------------------------- binding

    def bind(
        self, data_shapes: Any, label_shapes: Any = None, for_training: bool = True, inputs_need_grad: bool = False,
        force_rebind: bool = False, shared_module: Any = None, grad_req: Any = "write",
    ) -> None:  # fmt: skip
        """Bind all modules, each for the outputs of the one before; see `Module.bind`."""
        if self.binded and not force_rebind:
            self.logger.warning("Already bound, ignoring bind()")
            return
        if inputs_need_grad:
            assert for_training, "inputs_need_grad needs for_training"
        assert shared_module is None, "Shared module is not supported"
        assert self._modules, "Attempting to bind an empty SequentialModule"
        self.binded = True
        self._label_shapes = label_shapes if any(map(self._takes_labels, range(len(self._modules)))) else None
        shapes = data_shapes
        try:
            for i, module in enumerate(self._modules):
                if self._metas[i].get(self.META_AUTO_WIRING):
                    names = module.data_names
                    assert len(names) == len(shapes), f"layer {i} has data {list(names)}, it gets {list(shapes)}"
                    shapes = [_renamed(name, s) for name, s in zip(names, shapes, strict=True)]
                module.bind(
                    data_shapes=shapes, label_shapes=label_shapes if self._takes_labels(i) else None, for_training=for_training,
                    inputs_need_grad=bool(for_training and (inputs_need_grad or i > 0)), force_rebind=force_rebind, shared_module=None,
                    grad_req=grad_req,
                )  # fmt: skip
                shapes = module.output_shapes
        except BaseException:
            self.binded = False
            raise
        self.for_training = for_training
        self.inputs_need_grad = inputs_need_grad

    def init_optimizer(
        self, kvstore: Any = "local", optimizer: Any = "sgd", optimizer_params: Any = (("learning_rate", 0.01),), force_init: bool = False
    ) -> None:
        """Install an optimizer in every module; see `Module.init_optimizer`."""
        assert self.binded and self.params_initialized, "call bind and init_params first"
        if self.optimizer_initialized and not force_init:
            self.logger.warning("optimizer already initialized, ignoring.")
            return
        for module in self._modules:
            module.init_optimizer(kvstore=kvstore, optimizer=optimizer, optimizer_params=optimizer_params, force_init=force_init)
        self.optimizer_initialized = True

    # ------------------------------------------------------------------------------------------------------------- computing

    def forward(self, data_batch: Any, is_train: bool | None = None) -> None:
        """Compute the outputs of a batch, module by module."""
        assert self.binded and self.params_initialized, "call bind and init_params first"
        batch = data_batch
        for i, module in enumerate(self._modules):
            module.forward(batch, is_train=is_train)
            if i + 1 == len(self._modules):
                break
            outputs = module.get_outputs()
            shapes = [(name, x.shape) for name, x in zip((s[0] for s in module.output_shapes), outputs, strict=True)]
            if self._metas[i + 1].get(self.META_AUTO_WIRING):
                shapes = [(name, s[1]) for name, s in zip(self._modules[i + 1].data_names, shapes, strict=True)]
            batch = DataBatch(
                data=outputs, label=data_batch.label, pad=data_batch.pad, index=data_batch.index,
                bucket_key=getattr(data_batch, "bucket_key", None), provide_data=[DataDesc(*s) for s in shapes],
                provide_label=data_batch.provide_label if self._takes_labels(i + 1) else None,
            )  # fmt: skip

    def backward(self, out_grads: Any = None) -> None:
        """Compute the gradients of the last batch, from the last module to the first."""
        assert self.binded and self.params_initialized, "call bind and init_params first"
        for i, module in reversed(list(enumerate(self._modules))):
            module.backward(out_grads=out_grads)
            if i > 0:
                out_grads = module.get_input_grads()

    def update(self) -> None:
        """Change all modules' parameters."""
        assert self.binded and self.params_initialized and self.optimizer_initialized, "call bind, init_params and init_optimizer first"
        for module in self._modules:
            module.update()

    def get_outputs(self, merge_multi_context: bool = True) -> Any:
        """The last module's outputs."""
        assert self.binded and self.params_initialized, "call bind and init_params first"
        return self._modules[-1].get_outputs(merge_multi_context=merge_multi_context)

    def get_input_grads(self, merge_multi_context: bool = True) -> Any:
        """The gradients of the first module's data."""
        assert self.binded and self.params_initialized and self.inputs_need_grad, "bind with inputs_need_grad=True, and init_params first"
        return self._modules[0].get_input_grads(merge_multi_context=merge_multi_context)

    def update_metric(self, eval_metric: Any, labels: Any, pre_sliced: bool = False) -> None:
        """Let a metric see the labels and the outputs of the modules that take labels."""
        assert self.binded and self.params_initialized, "call bind and init_params first"
        for i, module in enumerate(self._modules):
            if self._takes_labels(i):
                module.update_metric(eval_metric, labels, pre_sliced)

    def install_monitor(self, mon: Any) -> None:
        """Let a monitor look at every value of every module."""
        assert self.binded, "call bind first"
        for module in self._modules:
            module.install_monitor(mon)


def _renamed(name: str, described: Any) -> DataDesc:
    """The same shape, type and layout under another name."""
    if isinstance(described, DataDesc):
        return DataDesc(name, described.shape, described.dtype, described.layout)
    return DataDesc(name, described[1])
