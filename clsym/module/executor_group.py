"""The executors of a module: one a device, each for its part of the batch."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from ..base import MXNetError
from ..context import Context, cpu
from ..executor import Executor
from ..executor_manager import _load_data, _load_label, _split_input_slice
from ..io import DataDesc
from ..ndarray import NDArray
from .device_parts import batch_axes, input_order, merge, part_of, parts_of
from .executor_cache import ExecutorCache, Shapes
from .store_modes import store_modes

__all__ = ["DataParallelExecutorGroup"]


class DataParallelExecutorGroup:
    """Executors of one symbol on several devices, which share a batch out among them.

    Parameters
    ----------
    symbol : Symbol
    contexts : list of Context
    workload : list of float
        In proportion to which each device gets a part of the batch.
    data_shapes, label_shapes : list of DataDesc
        Of whole batches.
    param_names : list of str
        The arguments that are parameters.
    for_training, inputs_need_grad : bool
    shared_group : DataParallelExecutorGroup, optional
        Whose parameters, gradients and working memory these executors share.
    logger : logging.Logger or module
    fixed_param_names : list of str
        Parameters without gradient.
    grad_req : str, list or dict
    state_names : list of str
        Inputs that are neither data nor parameters and stay from batch to batch.
    group2ctxs : list of dict
        Of each device, the contexts of the symbol's groups.

    Attributes
    ----------
    execs : list of Executor
    param_arrays, grad_arrays, aux_arrays : list of list of NDArray
        Of each parameter or state its arrays, one a device; gradients of fixed parameters are None.
    data_arrays, label_arrays : list of list of (slice, NDArray)
        Of each input its arrays, with the part of the batch that they hold.
    """

    def __init__(
        self, symbol: Any, contexts: Sequence[Context], workload: Sequence[float], data_shapes: Sequence[DataDesc],
        label_shapes: Sequence[DataDesc] | None, param_names: Sequence[str], for_training: bool, inputs_need_grad: bool,
        shared_group: DataParallelExecutorGroup | None = None, logger: Any = logging, fixed_param_names: Sequence[str] | None = None,
        grad_req: Any = "write", state_names: Sequence[str] | None = None, group2ctxs: Any = None,
    ) -> None:  # fmt: skip
        self.symbol = symbol
        self.contexts = list(contexts)
        self.workload = workload
        self.param_names = list(param_names)
        self.arg_names: list[str] = symbol.list_arguments()
        self.aux_names: list[str] = symbol.list_auxiliary_states()
        self.output_names: list[str] = symbol.list_outputs()
        self.num_outputs = len(self.output_names)
        self.for_training = for_training
        self.inputs_need_grad = inputs_need_grad
        self.logger = logger
        self.fixed_param_names = list(fixed_param_names or [])
        self.state_names = list(state_names or [])
        self.group2ctxs = _prepare_group2ctxs(group2ctxs, len(self.contexts))
        self.shared_data_arrays: list[dict[str, NDArray]] = (
            shared_group.shared_data_arrays if shared_group is not None else [{} for _ in self.contexts]
        )
        self.output_layouts = batch_axes(symbol[name].attr("__layout__") for name in self.output_names)
        self.grad_req = store_modes(
            grad_req if for_training else "null", self.arg_names, self.param_names, self.fixed_param_names, [d.name for d in data_shapes],
            inputs_need_grad,
        )  # fmt: skip
        self.batch_size: int = 0
        self.slices: list[slice] = []
        self.execs: list[Executor] = []
        self._cache = ExecutorCache()
        self._labels_given = False
        self._describe(data_shapes, label_shapes)
        shared = shared_group.execs if shared_group is not None else [None] * len(self.contexts)
        self.execs = [self._bind(i, shared[i]) for i in range(len(self.contexts))]
        self._cache.keep(self._key(), self.execs)
        self._collect()

    # ------------------------------------------------------------------------------------------------------------- binding

    def _describe(self, data_shapes: Sequence[DataDesc], label_shapes: Sequence[DataDesc] | None) -> None:
        """Note the shapes of a batch and how it is shared out."""
        data_layouts = batch_axes(d.layout for d in data_shapes)
        size = None
        for desc, axis in zip(data_shapes, data_layouts, strict=True):
            if axis < 0:
                continue
            if size is None:
                size = desc.shape[axis]
            elif desc.shape[axis] != size:
                raise AssertionError(f"all data must have the same batch size: batch_size = {size}, but {desc.name} has shape {desc.shape}")
        self.slices = _split_input_slice(size, self.workload) if size is not None else [slice(0, 0)] * len(self.contexts)
        self.batch_size = size or 0
        self.data_layouts = data_layouts
        self.data_shapes = list(data_shapes)
        self.data_names = [d.name for d in data_shapes]
        self.label_shapes = None if label_shapes is None else list(label_shapes)
        self.label_names = [d.name for d in label_shapes or ()]
        self.label_layouts = None if label_shapes is None else batch_axes(d.layout for d in label_shapes)

    def _input_shapes(self, i: int) -> Shapes:
        """Names and shapes of the inputs of a device's executor."""
        described = [*zip(self.data_shapes, self.data_layouts, strict=True)]
        described += zip(self.label_shapes or (), self.label_layouts or (), strict=True)
        return tuple((d.name, part_of(d.shape, axis, self.slices[i])) for d, axis in described)

    def _key(self) -> tuple[Shapes, ...]:
        return tuple(self._input_shapes(i) for i in range(len(self.contexts)))

    def _bind(self, i: int, shared: Executor | None) -> Executor:
        types = {d.name: d.dtype for d in [*self.data_shapes, *(self.label_shapes or ())]}
        executor: Executor = self.symbol.simple_bind(
            ctx=self.contexts[i], grad_req=self.grad_req, type_dict=types, group2ctx=self.group2ctxs[i], shared_arg_names=self.param_names,
            shared_exec=shared, shared_buffer=self.shared_data_arrays[i], **dict(self._input_shapes(i)),
        )  # fmt: skip
        return executor

    def reshape(self, data_shapes: Sequence[DataDesc], label_shapes: Sequence[DataDesc] | None) -> None:
        """Take batches of other shapes from now on. Executors for shapes seen before are kept; all share parameters and memory."""
        if list(data_shapes) == self.data_shapes and label_shapes == self.label_shapes:
            return
        before = (self.data_shapes, self.label_shapes)
        try:
            self._describe(data_shapes, label_shapes)
            key = self._key()
            found = self._cache.get(key)
            if found is None:
                found = [self._reshaped(i, dict(shapes)) for i, shapes in enumerate(key)]
                self._cache.keep(key, found)
        except Exception:
            self._describe(*before)
            raise
        self._cache.hand_over_monitor(self.execs, found)
        self.execs = found
        self._collect()

    def _reshaped(self, i: int, shapes: Mapping[str, tuple[int, ...]]) -> Executor:
        have = self.execs[i].arg_dict
        found = dict(zip(self.arg_names, self.symbol.infer_shape_partial(**shapes)[0] or (), strict=False))
        for name in self.param_names:
            shape = found.get(name)
            if shape and all(shape) and tuple(shape) != have[name].shape:
                given = ", ".join(f"{n} {tuple(s)}" for n, s in shapes.items())
                raise MXNetError(
                    f"Shape of unspecified arg: {name} changed from {have[name].shape} to {tuple(shape)} for a batch of {given}; "
                    "the parameters of a module fit one shape: only the batch size and what no parameter depends on may change"
                )
        return self.execs[i].reshape(partial_shaping=True, allow_up_sizing=True, **shapes)

    def _collect(self) -> None:
        """The arrays of the present executors, as lists over devices."""
        execs = self.execs
        arg = [e.arg_dict for e in execs]
        grad = [e.grad_dict for e in execs]
        self.param_arrays = [[a[n] for a in arg] for n in self.param_names]
        self.grad_arrays = [[g[n] for g in grad] for n in self.param_names] if self.for_training else None
        self.aux_arrays = [[e.aux_arrays[i] for e in execs] for i in range(len(self.aux_names))]
        self.data_arrays = [[(s, a[n]) for s, a in zip(self.slices, arg, strict=True)] for n in self.data_names]
        self.label_arrays = (
            None if self.label_shapes is None else [[(s, a[n]) for s, a in zip(self.slices, arg, strict=True)] for n in self.label_names]
        )
        self.state_arrays = [[a[n] for a in arg] for n in self.state_names]
        self.input_grad_arrays = [[g[n] for g in grad] for n in self.data_names] if self.inputs_need_grad else None

    @property
    def _total_exec_bytes(self) -> int:
        """Megabytes of the executors' working memory, as MXNet counts them."""
        return sum(e.plan(self.for_training).memory.arena_bytes >> 20 for e in self.execs)

    # ------------------------------------------------------------------------------------------------------------- parameters

    def set_params(self, arg_params: Mapping[str, NDArray], aux_params: Mapping[str, NDArray], allow_extra: bool = False) -> None:
        """Copy parameters to all devices.

        Raises
        ------
        ValueError
            A name is not there, unless `allow_extra`.
        """
        for executor in self.execs:
            executor.copy_params_from(arg_params, aux_params, allow_extra_params=allow_extra)

    def get_params(self, arg_params: Mapping[str, NDArray], aux_params: Mapping[str, NDArray]) -> None:
        """Copy the parameters into given arrays: the means over the devices."""
        for names, blocks, into in (
            (self.param_names, self.param_arrays, arg_params),
            (self.aux_names, self.aux_arrays, aux_params),
        ):
            for name, block in zip(names, blocks, strict=True):
                mean: Any = block[0]
                if len(block) > 1:
                    mean = mean.copyto(cpu())
                    for other in block[1:]:
                        mean += other.as_in_context(cpu())
                    mean /= len(block)
                mean.astype(into[name].dtype, copy=False).copyto(into[name])

    # ------------------------------------------------------------------------------------------------------------- computing

    def forward(self, data_batch: Any, is_train: bool | None = None) -> None:
        """Bring a batch to the devices and compute.

        Raises
        ------
        MXNetError
            The batch has other arrays than were bound.
        """
        if is_train is None:
            is_train = self.for_training
        batch = parts_of(data_batch)
        order = input_order(batch, self.data_names, "data", self.data_shapes)
        _load_data(batch, [self.data_arrays[i] for i in order], [self.data_layouts[i] for i in order])
        if self.label_arrays is not None and self.label_layouts is not None:
            self._labels_given = bool(batch.label)
            if batch.label:
                order = input_order(batch, self.label_names, "label", self.label_shapes or ())
                _load_label(batch, [self.label_arrays[i] for i in order], [self.label_layouts[i] for i in order])
        for executor in self.execs:
            executor.forward(is_train=is_train)

    def backward(self, out_grads: Any = None) -> None:
        """Compute the gradients on all devices; each gets its part of the head gradients.

        Raises
        ------
        MXNetError
            The last batch had no labels, though they were bound, and the outputs are losses.
        """
        assert self.for_training, "re-bind with for_training=True to run backward"
        if out_grads is None:
            if self.label_arrays and not self._labels_given:
                raise MXNetError(
                    f"backward: the last batch had no label, but {self.label_names} are bound: give the labels with the batch, as in "
                    "DataBatch(data=[...], label=[...]), or bind without label_shapes"
                )
            out_grads = []
        elif isinstance(out_grads, NDArray):
            out_grads = [out_grads]
        for executor, where in zip(self.execs, self.slices, strict=True):
            mine = []
            for grad, axis in zip(out_grads, self.output_layouts, strict=False):
                whole = axis < 0 or (where.start == 0 and where.stop == grad.shape[axis])
                part = grad if whole else grad.slice_axis(axis=axis, begin=where.start, end=where.stop)
                mine.append(part.as_in_context(executor._ctx))
            executor.backward(out_grads=mine)

    def get_output_shapes(self) -> list[tuple[str, tuple[int, ...]]]:
        """Names and shapes of the outputs of a whole batch."""
        shapes = []
        for name, first, axis in zip(self.output_names, self.execs[0].outputs, self.output_layouts, strict=True):
            shape = list(first.shape)
            if axis >= 0:
                shape[axis] = self.batch_size
            shapes.append((name, tuple(shape)))
        return shapes

    def get_outputs(self, merge_multi_context: bool = True, begin: int = 0, end: int | None = None) -> Any:
        """Outputs of the last forward: of whole batches, or of each device."""
        end = self.num_outputs if end is None else end
        outputs = [[e.outputs[i] for e in self.execs] for i in range(begin, end)]
        return merge(outputs, self.output_layouts[begin:end]) if merge_multi_context else outputs

    def get_input_grads(self, merge_multi_context: bool = True) -> Any:
        """Gradients of the data."""
        assert self.inputs_need_grad and self.input_grad_arrays is not None, "bind with inputs_need_grad=True to have gradients of the data"
        return (
            merge([[g for g in grads if g is not None] for grads in self.input_grad_arrays], self.data_layouts)
            if merge_multi_context
            else self.input_grad_arrays
        )

    def get_states(self, merge_multi_context: bool = True) -> Any:
        """The states, of each device."""
        assert not merge_multi_context, "merge_multi_context=True is not supported for get_states yet."
        return self.state_arrays

    def set_states(self, states: Any = None, value: Any = None) -> None:
        """Set the states, to arrays of each device or all to one number."""
        if states is not None:
            assert value is None, "Only one of states & value can be specified."
            for source, targets in zip(states, self.state_arrays, strict=True):
                for part, array in zip(source, targets, strict=True):
                    part.copyto(array)
        else:
            assert value is not None, "At least one of states & value must be specified."
            assert states is None, "Only one of states & value can be specified."
            for targets in self.state_arrays:
                for array in targets:
                    array[:] = value

    def update_metric(self, eval_metric: Any, labels: Any, pre_sliced: bool = False) -> None:
        """Let a metric see the labels and outputs of every device."""
        for i, (executor, where) in enumerate(zip(self.execs, self.slices, strict=True)):
            mine = labels[i] if pre_sliced else self._labels_of(labels or (), where)
            eval_metric.update_dict(
                dict(zip(self.label_names, mine, strict=False)), dict(zip(self.output_names, executor.outputs, strict=True))
            )

    def _labels_of(self, labels: Sequence[Any], where: slice) -> list[Any]:
        parts = []
        for label, axis in zip(labels, self.label_layouts or (), strict=False):
            if axis < 0 or (where.start == 0 and where.stop == label.shape[axis]):
                parts.append(label)
            else:
                parts.append(label[(slice(None),) * axis + (where,)])
        return parts

    def install_monitor(self, mon: Any) -> None:
        """Let a monitor look at every value of every device."""
        self._cache.monitors.append(mon)
        for executor in self.execs:
            mon.install(executor)


def _prepare_group2ctxs(group2ctxs: Any, count: int) -> list[dict[str, Context] | None]:
    """Of each device, the contexts of the symbol's groups; a dictionary's values are a context, or a list of one a device."""
    if group2ctxs is None:
        return [None] * count
    if isinstance(group2ctxs, list):
        assert len(group2ctxs) == count, "length of group2ctxs should be same as the context length."
        return group2ctxs
    if isinstance(group2ctxs, Mapping):
        found: list[dict[str, Context] | None] = []
        for i in range(count):
            mine = {}
            for group, where in group2ctxs.items():
                if isinstance(where, Context):
                    mine[group] = where
                else:
                    listed = list(where)
                    assert len(listed) in (1, count), f"group2ctxs[{group!r}] has {len(listed)} contexts for {count} devices"
                    mine[group] = listed[i if len(listed) > 1 else 0]
            found.append(mine)
        return found
    raise AssertionError("group2ctxs should be list of dict of str to context, or dict of str to context or list of context")
