"""Modules in Python: `PythonModule` to build on, `PythonLossModule` for losses."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .. import ndarray as nd
from ..initializer import Uniform
from ..ndarray import NDArray
from .base_module import BaseModule

__all__ = ["PythonLossModule", "PythonModule"]


class PythonModule(BaseModule):
    """A module without parameters, of which subclasses say how to compute.

    Parameters
    ----------
    data_names, label_names, output_names : list of str
    logger : logging.Logger or module
    """

    def __init__(
        self, data_names: Sequence[str], label_names: Sequence[str] | None, output_names: Sequence[str], logger: Any = logging
    ) -> None:
        super().__init__(logger=logger)
        self._data_names = list(data_names) if isinstance(data_names, tuple) else data_names
        self._label_names = list(label_names) if isinstance(label_names, tuple) else label_names
        self._output_names = output_names
        self._data_shapes: Any = None
        self._label_shapes: Any = None
        self._output_shapes: Any = None

    @property
    def data_names(self) -> Sequence[str]:
        """Names of the data."""
        return self._data_names

    @property
    def output_names(self) -> Sequence[str]:
        """Names of the outputs."""
        return self._output_names

    @property
    def data_shapes(self) -> Any:
        """Names and shapes of the data; None before `bind`."""
        return self._data_shapes

    @property
    def label_shapes(self) -> Any:
        """Names and shapes of the labels; None where there are none."""
        return self._label_shapes

    @property
    def output_shapes(self) -> Any:
        """Names and shapes of the outputs; None before `bind`."""
        return self._output_shapes

    def get_params(self) -> tuple[dict[str, NDArray], dict[str, NDArray]]:
        """Nothing: there are no parameters."""
        return {}, {}

    def init_params(
        self, initializer: Any = Uniform(0.01),  # noqa: B008 a value
        arg_params: Mapping[str, NDArray] | None = None, aux_params: Mapping[str, NDArray] | None = None, allow_missing: bool = False,
        force_init: bool = False, allow_extra: bool = False,
    ) -> None:  # fmt: skip
        """Nothing to do: there are no parameters."""

    def update(self) -> None:
        """Nothing to do: there are no parameters."""

    def update_metric(self, eval_metric: Any, labels: Any, pre_sliced: bool = False) -> None:
        """Let a metric see labels and outputs, if there are labels."""
        if self._label_shapes is None:
            return
        if pre_sliced:
            raise RuntimeError("PythonModule does not support presliced labels")
        eval_metric.update(labels, self.get_outputs())

    def bind(
        self, data_shapes: Any, label_shapes: Any = None, for_training: bool = True, inputs_need_grad: bool = False,
        force_rebind: bool = False, shared_module: Any = None, grad_req: Any = "write",
    ) -> None:  # fmt: skip
        """Note the shapes."""
        if self.binded and not force_rebind:
            self.logger.warning("Already bound, ignoring bind()")
            return
        assert grad_req == "write", "Python module only support write gradient"
        self.for_training = for_training
        self.inputs_need_grad = inputs_need_grad
        names = [d[0] for d in data_shapes]
        assert names == list(self._data_names), f"data_shapes names {names}, the module has {list(self._data_names)}"
        self._data_shapes = data_shapes
        self._label_shapes = label_shapes
        if label_shapes is not None:
            assert self._label_names is not None, "the module takes no labels"
            given = [d[0] for d in label_shapes]
            assert given == list(self._label_names), f"label_shapes names {given}, the module has {list(self._label_names)}"
        self._output_shapes = self._compute_output_shapes()
        self.binded = True

    def init_optimizer(
        self, kvstore: Any = "local", optimizer: Any = "sgd", optimizer_params: Any = (("learning_rate", 0.01),), force_init: bool = False
    ) -> None:
        """Nothing to do: there are no parameters."""

    def _compute_output_shapes(self) -> list[tuple[str, tuple[int, ...]]]:
        """Names and shapes of the outputs, from those of data and labels."""
        raise NotImplementedError()


class PythonLossModule(PythonModule):
    """A loss in Python: hands its data on, and makes the gradient of it.

    Parameters
    ----------
    name : str
    data_names, label_names : list of str
        One each.
    logger : logging.Logger or module
    grad_func : function, optional
        From scores and labels to the gradient of the scores; a subclass may have `_backward_impl` instead.
    """

    def __init__(
        self, name: str = "pyloss", data_names: Sequence[str] = ("data",), label_names: Sequence[str] = ("softmax_label",),
        logger: Any = logging, grad_func: Callable[[NDArray, NDArray], Any] | None = None,
    ) -> None:  # fmt: skip
        super().__init__(data_names, label_names, [f"{name}_output"], logger=logger)
        self._name = name
        assert len(data_names) == 1, "a loss has one input"
        assert len(label_names) == 1, "a loss has one label"
        self._scores: Any = None
        self._labels: Any = None
        self._scores_grad: Any = None
        if grad_func is not None:
            assert callable(grad_func)
        self._grad_func = grad_func

    def _compute_output_shapes(self) -> list[tuple[str, tuple[int, ...]]]:
        return [(f"{self._name}_output", self._data_shapes[0][1])]

    def forward(self, data_batch: Any, is_train: bool | None = None) -> None:
        """Keep the scores, and for training the labels."""
        self._scores = data_batch.data[0]
        if is_train is None:
            is_train = self.for_training
        if is_train:
            self._labels = data_batch.label[0]

    def get_outputs(self, merge_multi_context: bool = True) -> Any:
        """The scores."""
        assert merge_multi_context
        return [self._scores]

    def backward(self, out_grads: Any = None) -> None:
        """Compute the gradient of the scores."""
        assert out_grads is None, "For a loss module, out_grads should be None"
        assert self.for_training, "bind with for_training=True"
        self._backward_impl()

    def _backward_impl(self) -> None:
        """Set ``_scores_grad``."""
        if self._grad_func is None:
            raise NotImplementedError()
        grad = self._grad_func(self._scores, self._labels)
        self._scores_grad = grad if isinstance(grad, NDArray) else nd.array(grad)

    def get_input_grads(self, merge_multi_context: bool = True) -> Any:
        """The gradient of the scores."""
        assert merge_multi_context
        return [self._scores_grad]

    def install_monitor(self, mon: Any) -> None:
        """Not there: nothing inside can be looked at."""
        raise NotImplementedError()
