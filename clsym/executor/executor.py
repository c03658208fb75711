"""The executor: compiles two plans on first use, inference and training, and then only enqueues."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..base import MXNetError, dtype_name, env
from ..context import Context
from ..differences import differs
from ..graph.contract.ir import topological
from ..graph.contract.op import Entry, Node
from ..graph.contract.spec import TensorSpec
from ..graph.order.place import group_context
from ..graph.plan import Binding, Plan, compile_plan
from ..graph.report.memory_report import MemoryReport
from ..ndarray import NDArray
from ..runtime.bound import Arena, BoundPlan
from ..runtime.check import check_run
from ..runtime.device import resolve
from ..runtime.launch import random_state
from .arrays import output_arrays
from .head_grads import HeadGrads
from .inputs import graph_inputs, traits_of
from .internals import Internals
from .last_forward import LastForward
from .measured import counts_of, cut
from .monitor import Monitor
from .named import NamedArrays
from .nan import first_nan
from .optimized import optimized_heads
from .reshape import new_shapes, renew
from .shapes import check_gradients, specs_of_arrays

__all__ = ["Executor"]


class Executor(NamedArrays):
    """A graph with arrays for its inputs and outputs; made by `Symbol.bind` or `Symbol.simple_bind`.

    Attributes
    ----------
    arg_dict, grad_dict, aux_dict, output_dict : dict of str to NDArray
        By name; a gradient for which there is no array is None. An array given with ``grad_req='null'`` is never written.
    arg_arrays, grad_arrays, aux_arrays, outputs : list of NDArray
        The same in the order of ``list_arguments()``, ``list_auxiliary_states()`` and ``list_outputs()``. The outputs are the same arrays
        from one forward to the next: a later forward overwrites them; ``copy()`` what is to stay.
    internals : Mapping
        Any internal value by name (``ex.internals['relu1_output']``), without binding again; see `Internals`.
    """

    def __init__(
        self,
        heads: Sequence[Entry],
        ctx: Context,
        args: Sequence[NDArray],
        grads: Sequence[NDArray | None],
        reqs: Sequence[str],
        aux: Sequence[NDArray],
        group2ctx: Mapping[str, Context] | None = None,
        shared_exec: Executor | None = None,
        donate: Sequence[str] = (),
        memory_limit: int | None = None,
        output_pool: Sequence[NDArray] = (),
    ) -> None:
        self._heads = list(heads)
        self._counts = counts_of(self._heads)
        self._computed = [*self._heads, *self._counts.values()]
        self._ctx = ctx
        self._group2ctx = dict(group2ctx or {})
        self._arg_nodes, self._aux_nodes = graph_inputs(heads)
        self.arg_names = [n.name for n in self._arg_nodes]
        self.aux_names = [n.name for n in self._aux_nodes]
        self.output_names = [h.name for h in self._heads]
        self.arg_arrays = list(args)
        self.grad_arrays = list(grads)
        self.aux_arrays = list(aux)
        self._reqs = [r if g is not None else "null" for g, r in zip(self.grad_arrays, reqs, strict=True)]
        self._differentiable = any(r != "null" for r in self._reqs)
        unknown = set(donate) - set(self.arg_names)
        if unknown:
            raise MXNetError(f"donate= names {sorted(unknown)}, which are no arguments; the arguments are {self.arg_names}")
        self._donate = tuple(donate)
        self._memory_limit = memory_limit
        self._compiled: dict[tuple[bool, bool], Plan] = {}  # by training or not, and whether every node must be seen
        self._symbol: Any = None
        self._monitor: Monitor | None = None
        nodes = [*self._arg_nodes, *self._aux_nodes]
        self._specs, self._out_specs = specs_of_arrays(self._computed, nodes, [*self.arg_arrays, *self.aux_arrays])
        check_gradients(self.arg_names, self.arg_arrays, self.grad_arrays, self._reqs)
        self._arena: Arena = shared_exec._arena if shared_exec is not None else Arena()
        self._positions = {n.serial: i for i, n in enumerate(topological(self._heads))}
        self._plans: dict[tuple[bool, bool], BoundPlan] = {}
        self._states: dict[Any, Any] = {}  # what steps on the host keep
        if memory_limit is not None:
            self._compile(self._differentiable)  # refuses here rather than at the first forward
        self._output_pool = list(output_pool)  # arrays whose first part an output may be, as long as it fits
        homes = [group_context(h.node, ctx, self._group2ctx) if not h.node.is_variable else ctx for h in self._computed]
        names = [h.name for h in self._computed]
        self._stored = output_arrays(names, self._out_specs, homes, self._output_pool)
        self.outputs = self._stored[: len(self._heads)]
        self._head_grads = HeadGrads(names, self._stored, self._counts)
        self._last = LastForward()
        self._internals: Internals | None = None

    # ------------------------------------------------------------------------------------------------------------------- binding

    def _binding(self, reqs: Sequence[str]) -> Binding:
        nodes = [*self._arg_nodes, *self._aux_nodes]
        arrays = [*self.arg_arrays, *self.aux_arrays]
        return Binding(
            nodes,
            [TensorSpec(tuple(a.shape), dtype_name(a.dtype)) for a in arrays],
            [a.context for a in arrays],
            [*reqs, *(["null"] * len(self.aux_arrays))],
            frozenset(i for i, n in enumerate(self.arg_names) if n in self._donate),
            [dtype_name(g.dtype) if g is not None and r != "null" else None for g, r in zip(self.grad_arrays, reqs, strict=True)]
            + [None] * len(self.aux_arrays),
        )

    def plan(self, is_train: bool = False) -> Plan:
        """The compiled plan for inference or training; compiled on first use."""
        return self._compile(is_train, self._monitor is not None)

    def _compile(self, train: bool, as_written: bool = False) -> Plan:
        key = (train, as_written)
        found = self._compiled.get(key)
        if found is None:
            found = self._compiled[key] = compile_plan(
                self._computed, self._binding(self._reqs if train else ["null"] * len(self._reqs)), train=train, default=self._ctx,
                group2ctx=self._group2ctx, traits=traits_of, positions=self._positions, specs=self._specs, memory_limit=self._memory_limit,
                optimize=False if as_written else None,
            )  # fmt: skip
        return found

    def _bound(self, train: bool, as_written: bool = False) -> BoundPlan:
        which = (train, as_written or self._monitor is not None)
        found = self._plans.get(which)
        if found is None:
            plan = self._compile(*which)
            devices = [resolve(c) for c in plan.contexts]
            found = self._plans[which] = BoundPlan(plan, devices, self._externals(plan), self._arena, self._states)
        return found

    def _externals(self, plan: Plan) -> dict[str, NDArray]:
        """The arrays that a plan works on, by key."""
        inputs = [*self.arg_arrays, *self.aux_arrays]
        found: dict[str, NDArray] = {}
        for key in plan.externals:
            kind, _, number = key.partition(":")
            i = int(number)
            if kind == "var":
                found[key] = inputs[i]
            elif kind == "grad":
                grad = self.grad_arrays[i]
                assert grad is not None
                found[key] = grad
            elif kind == "out":
                found[key] = self._stored[i]
            elif kind == "head":
                found[key] = self._head_grads.array(i)
        return found

    # ------------------------------------------------------------------------------------------------------------------- running

    def forward(self, is_train: bool = False, **kwargs: Any) -> list[NDArray]:
        """Compute the outputs; returns at once, the devices work on.

        Parameters
        ----------
        is_train : bool
            Training behaviour (Dropout drops, BatchNorm takes the batch's statistics and updates the moving ones), and what a
            following `backward` needs is kept.
        **kwargs : NDArray or array
            New values of arguments, copied into ``arg_dict``.

        Returns
        -------
        list of NDArray
            `outputs`.

        Raises
        ------
        TypeError
            An argument of that name does not exist.
        ValueError
            A value has another shape than its argument.
        """
        for name, value in kwargs.items():
            try:
                target = self.arg_arrays[self.arg_names.index(name)]
            except ValueError:
                if not isinstance(value, (NDArray, np.ndarray)):
                    raise ValueError(f"only accept keyword argument of NDArrays and numpy.ndarray, {name} is {value!r}") from None
                raise TypeError(f"Unknown argument {name}; the arguments are {self.arg_names}") from None
            if not isinstance(value, NDArray):
                value = np.asarray(value)
            if tuple(value.shape) != tuple(target.shape):
                raise ValueError(f"Shape not match! Argument {name}, need: {tuple(target.shape)}, received: {tuple(value.shape)}")
            target[:] = value
        bound = self._bound(is_train)
        if self._differentiable and not self._last.watched:
            self._last.watch([*self.arg_names, *self.aux_names], [*self.arg_arrays, *self.aux_arrays])
        words = random_state.draw() if bound.plan.uses_rng else self._last.words
        self._run(bound, False, words)
        self._last.note(bound, words, is_train)
        for i, k in enumerate(self._counts, len(self._heads)):
            self.outputs[k] = cut(self._stored[k], self._stored[i])
        return self.outputs

    def _run(self, bound: BoundPlan, backward: bool, words: np.ndarray[Any, Any], show: bool = True) -> None:
        if bound.plan.uses_rng:
            bound.write_rng(words)
        if env("CLSYM_CHECK") == "1":
            check_run(bound, backward)
        elif self._monitor is not None and show and not backward:
            self._monitor.run(bound, self._ctx)
        else:
            bound.run(backward)

    def backward(self, out_grads: NDArray | Sequence[NDArray] | Mapping[str, NDArray] | None = None, is_train: bool = True) -> None:
        """Compute the gradients into ``grad_dict``, by each argument's ``grad_req``.

        They are those of the last forward. Where what it left is gone, since another backward used it up, an executor that shares the
        memory ran, or it was an inference forward, the forward is run again first, with the same random draws; outputs and auxiliary
        states stay as they are.

        Parameters
        ----------
        out_grads : NDArray, list or dict of NDArray
            Head gradient of every output; not needed where the outputs are losses.
        is_train : bool
            As in MXNet; training behaviour is assumed.

        Raises
        ------
        MXNetError
            A head gradient is missing, or has a wrong shape; or the forward would have to be run again, but one of its arguments was
            written since, or was donated and not written again.
        """
        if not self._differentiable:
            return
        bound = self._bound(True)
        self._head_grads.store(sorted(int(key[5:]) for key in bound.plan.externals if key.startswith("head:")), out_grads)
        if bound.ready:
            self._last.refuse_mixed(bound)
            self._run_backward(bound)
            return
        self._last.refuse_other(bound)
        outputs = [(o, o.copy()) for o in self._stored]
        try:
            self._forward_again(bound)
            self._run_backward(bound)
        finally:
            for array, value in outputs:
                value.copyto(array)

    def _run_backward(self, bound: BoundPlan) -> None:
        self._run(bound, True, self._last.words)
        self._last.spoil(bound, True)

    def _forward_again(self, bound: BoundPlan) -> None:
        """Bring back what backward reads: the same draws, the auxiliary states left as they are."""
        mutated = {step.ins[i] for step in bound.plan.steps for i in step.mutates}
        saved = []
        for key, e in bound.plan.externals.items():
            if e in mutated:
                array = bound.externals[key]
                assert isinstance(array, NDArray)
                saved.append((array, array.copy()))
        self._run(bound, False, self._last.words, show=False)
        self._last.spoil(bound, False)
        for array, value in saved:
            value.copyto(array)

    # ------------------------------------------------------------------------------------------------------- looking at it

    @property
    def internals(self) -> Internals:
        """Any internal value by name."""
        if self._internals is None:
            self._internals = Internals(self)
        return self._internals

    def set_monitor_callback(self, callback: Callable[[str, NDArray], Any] | None, monitor_all: bool = False) -> None:
        """Call ``callback(name, value)`` for every output of every node in each forward, in order; with `monitor_all` for the inputs too.

        The forward then runs step by step and waits after each, over the graph as it was written: nothing is fused. None removes it.
        """
        self._monitor = None if callback is None else Monitor(callback, monitor_all)

    def find_nan(self, is_train: bool = False) -> str | None:
        """Run the forward step by step, and with `is_train` the backward with the last head gradients; name the first node that made a NaN.

        The graph is run as it was written, without fusion, for the present arguments and with the last draws. Outputs, gradients and
        auxiliary states stay as they are.

        Returns
        -------
        str or None
            For example ``"'log0_output', made by node 'log0' (log)"``, or ``"argument 'data'"``.

        Raises
        ------
        MXNetError
            An argument was donated and does not hold its values any more.
        """
        reqs = ["null" if r == "null" or not is_train else "write" for r in self._reqs]
        plan = compile_plan(
            self._computed, replace(self._binding(reqs), donated=frozenset()), train=is_train, default=self._ctx,
            group2ctx=self._group2ctx, traits=traits_of, positions=self._positions, specs=self._specs,
            memory_limit=self._memory_limit, optimize=False,
        )  # fmt: skip
        return first_nan(plan, self._externals(plan), self._arena, self._last.words)

    def memory_report(self, is_train: bool | None = None) -> MemoryReport:
        """Where every byte goes and when; see `clsym.graph.report.memory_report.MemoryReport`.

        Parameters
        ----------
        is_train : bool, optional
            Of the training plan or the inference plan; default: training if any gradient is wanted.

        Examples
        --------
        >>> import clsym as mx
        >>> ex = mx.sym.relu(mx.sym.var('x') + 1).simple_bind(mx.cpu(), x=(2, 3))
        >>> ex.memory_report().argument_bytes
        24
        """
        train = self._differentiable if is_train is None else is_train
        bound = self._bound(train)
        return MemoryReport(bound.plan, staging=bound.staging_bytes())

    def debug_str(self) -> str:
        """The plan as text, with MXNet's closing line ``Total X MB allocated``."""
        plan = self.plan(self._differentiable)
        return f"{plan.dump()}\nTotal {plan.memory.arena_bytes >> 20} MB allocated\n"

    def get_optimized_symbol(self) -> Any:
        """The graph without its repeated expressions, which is what is computed; the arguments are the same.

        Forms that depend on the device (layouts, fused and prepared operators) are no symbols; ``plan().dump()`` lists them.

        Returns
        -------
        Symbol

        Raises
        ------
        MXNetError
            The executor was not bound by a Symbol.

        Examples
        --------
        >>> import clsym as mx
        >>> x = mx.sym.var('x')
        >>> net = mx.sym.elemwise_add(mx.sym.exp(x, name='a'), mx.sym.exp(x, name='b'), name='sum')
        >>> net.bind(mx.cpu(), {'x': mx.nd.ones(3)}).get_optimized_symbol().get_internals().list_outputs()
        ['x', 'a_output', 'sum_output']
        """
        if self._symbol is None:
            raise MXNetError("get_optimized_symbol: this executor was made of entries of a graph; bind a Symbol")
        return type(self._symbol)(*optimized_heads(self._heads, self._specs or {}))

    # ------------------------------------------------------------------------------------------------------- changing it

    def reshape(self, partial_shaping: bool = False, allow_up_sizing: bool = False, **kwargs: Sequence[int]) -> Executor:
        """An executor of the same graph for other input shapes; arrays that keep their shape are shared, smaller ones share their memory.

        Outputs too: where they are not larger than the largest so far, the forward of either executor overwrites the other's.

        Parameters
        ----------
        partial_shaping : bool
            Whether arguments that are not in `kwargs` may change shape too.
        allow_up_sizing : bool
            Whether arrays may grow (then they are new).
        **kwargs : tuple of int
            New shapes of arguments.

        Raises
        ------
        MXNetError
            What is not allowed would be needed.
        """
        unknown = set(kwargs) - set(self.arg_names)
        if unknown:
            raise MXNetError(f"reshape: {sorted(unknown)} are no arguments; the arguments are {self.arg_names}")
        shapes = new_shapes(self._heads, [*self._arg_nodes, *self._aux_nodes], kwargs)

        def renewed(node: Node, array: NDArray, grad: NDArray | None) -> tuple[NDArray, NDArray | None]:
            return renew(node.name, array, grad, shapes.get((node.serial, 0)), kwargs, partial_shaping, allow_up_sizing)

        wanted = [g if r != "null" else None for g, r in zip(self.grad_arrays, self._reqs, strict=True)]
        args = [renewed(n, a, g) for n, a, g in zip(self._arg_nodes, self.arg_arrays, wanted, strict=True)]
        aux = [renewed(n, a, None)[0] for n, a in zip(self._aux_nodes, self.aux_arrays, strict=True)]
        result = Executor(
            self._heads,
            self._ctx,
            [a for a, _ in args],
            [new if new is not None else g for (_, new), g in zip(args, self.grad_arrays, strict=True)],
            self._reqs,
            aux,
            self._group2ctx,
            self,
            self._donate,
            self._memory_limit,
            self._output_pool,
        )
        result._symbol = self._symbol
        return result


differs(
    "Executor",
    "an output that is listed twice gets both head gradients",
    "x = mx.nd.array([3]); g = mx.nd.zeros(1); y = mx.sym.square(mx.sym.var('x')); "
    "e = mx.sym.Group([y, y]).bind(mx.cpu(), {'x': x}, {'x': g}); _ = e.forward(is_train=True); "
    "e.backward([mx.nd.array([1]), mx.nd.array([10])]); print(g.asnumpy().tolist())",
    ours="[66.0]",
    mxnet="[60.0]",
    why="MXNet counts one of the two.",
)
