"""Symbol: the outputs of a graph that is yet to be computed."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NoReturn

import numpy as np

from .. import executor
from ..base import MXNetError, WrongTypeError
from ..context import Context, current_context
from ..graph.build import HIDDEN_KEYS, hide_keys
from ..graph.contract.ir import aux_variables, topological
from ..graph.contract.op import Entry, Node
from ..graph.contract.traits import DeviceTraits
from ..graph.files.deserialize import from_json
from ..graph.files.serialize import to_json
from ..graph.plan import Plan
from .arithmetic import Arithmetic
from .compose import clone, replace_variables
from .inference import infer_shape, infer_type
from .layers import html_table
from .text import debug_text, without_amp_casts, write_whole
from .training_head import strip_training_head

__all__ = ["Symbol", "load_json"]


class Symbol(Arithmetic):
    """One or several outputs of a graph. Immutable: every operation makes a new one.

    Made by `var`, `Group`, `load` and the functions of the operators, not directly. Operators are methods as well (`clsym.symbol.fluent`).

    Examples
    --------
    >>> import clsym as mx
    >>> a, b = mx.sym.Variable('a'), mx.sym.Variable('b')
    >>> (a + b).list_arguments()
    ['a', 'b']
    """

    __slots__ = ("_entries",)
    _entries: tuple[Entry, ...]

    def __init__(self, *entries: Entry) -> None:
        object.__setattr__(self, "_entries", entries)

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"{type(self).__name__!r} object is immutable (setting {name!r}); use _set_attr() for attributes of the node")

    @property
    def entries(self) -> tuple[Entry, ...]:
        """The outputs as entries of the graph."""
        return self._entries

    def _single(self, argument: str) -> Entry:
        """The one output, where this is the input `argument` of an operator."""
        if len(self._entries) != 1:
            raise MXNetError(
                f"Keyword Argument {argument} is a tuple of {len(self._entries)} outputs {self.list_outputs()}, single value is required; "
                "pick one by index or name"
            )
        return self._entries[0]

    # ------------------------------------------------------------------ outputs

    def __repr__(self) -> str:
        name = self.name
        if name is None:
            return f"<{type(self).__name__} group [{', '.join(e.node.name for e in self._entries)}]>"
        return f"<{type(self).__name__} {name}>"

    def _repr_html_(self) -> str:
        return html_table(self._entries, repr(self))

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[Symbol]:
        return (type(self)(e) for e in self._entries)

    def __getitem__(self, index: int | str | slice) -> Symbol:
        """Some of the outputs: by number, by name as in `list_outputs`, or a slice.

        Raises
        ------
        ValueError
            No output has that name, or several have.
        IndexError
            There is no such number, or the slice is empty.
        """
        if isinstance(index, slice):
            chosen = self._entries[index]
            if index.stop is not None and index.stop > len(self._entries):
                raise IndexError(f"output {index.stop - 1} of {len(self._entries)}")
            if not chosen:
                raise IndexError(f"{index} selects none of the {len(self._entries)} outputs")
            return type(self)(*chosen)
        if isinstance(index, str):
            chosen = tuple(e for e in self._entries if e.name == index)
            if len(chosen) > 1:
                raise ValueError(f'There are multiple outputs with name "{index}"')
            if not chosen:
                raise ValueError(f'Cannot find output that matches name "{index}"')
            return type(self)(*chosen)
        if isinstance(index, bool) or not isinstance(index, (int, np.integer)):
            raise TypeError("Symbol only support integer index to fetch i-th output")
        if index < 0:
            raise MXNetError(f"Symbol only accept nonnegative index, not {index}")
        if index >= len(self._entries):
            raise IndexError(f"output {index} of {len(self._entries)}")
        return type(self)(self._entries[int(index)])

    @property
    def name(self) -> str | None:
        """The name of the node; None for a group of several nodes."""
        first = self._entries[0].node
        return first.name if all(e.node is first for e in self._entries) else None

    def list_outputs(self) -> list[str]:
        """Names of the outputs: ``conv1_output``, ``split0_output1``, a variable's own name."""
        return [e.name for e in self._entries]

    # ------------------------------------------------------------------ the graph below

    def _variables(self) -> tuple[list[Node], dict[int, Node]]:
        order = topological(self._entries)
        return [n for n in order if n.is_variable], aux_variables(order)

    def list_arguments(self) -> list[str]:
        """Names of the inputs of the graph, in depth-first order, without auxiliary states."""
        variables, aux = self._variables()
        return [n.name for n in variables if n.serial not in aux]

    def list_auxiliary_states(self) -> list[str]:
        """Names of the variables that operators change while they run, such as moving averages."""
        variables, aux = self._variables()
        return [n.name for n in variables if n.serial in aux]

    def list_inputs(self) -> list[str]:
        """Names of all variables: arguments and auxiliary states."""
        return [n.name for n in self._variables()[0]]

    def get_internals(self) -> Symbol:
        """All outputs of all nodes, as one group, to cut the graph at any of them.

        Examples
        --------
        >>> import clsym as mx
        >>> net = mx.sym.exp(mx.sym.square(mx.sym.var('x'), name='sq'), name='e')
        >>> net.get_internals()['sq_output'].list_arguments()
        ['x']
        """
        return type(self)(*(n.out(i) for n in topological(self._entries) for i in range(n.num_visible)))

    def get_children(self) -> Symbol | None:
        """The inputs of the node (or nodes) that make the outputs; None for a variable."""
        nodes = {e.node.serial: e.node for e in self._entries}
        inputs = [i for n in nodes.values() for i in n.inputs]
        return type(self)(*inputs) if inputs else None

    # ------------------------------------------------------------------ attributes

    def attr(self, key: str) -> str | None:
        """The text of an attribute or parameter of the node, or None; ``lr_mult`` finds ``__lr_mult__``."""
        if not isinstance(key, str):
            raise WrongTypeError(f"the name of an attribute is a str, not {key!r}")
        if self.name is None:
            return None
        if key == "name":
            return self.name
        attrs = self._entries[0].node.attrs
        return attrs.get(f"__{key}__" if key in HIDDEN_KEYS else key, attrs.get(key))

    @staticmethod
    def _shown(attrs: Mapping[str, str]) -> dict[str, str]:
        shown: dict[str, str] = {}
        for key, value in attrs.items():
            shown[key] = value
            if key[2:-2] in HIDDEN_KEYS and key == f"__{key[2:-2]}__":
                shown[key[2:-2]] = value
        return shown

    def list_attr(self, recursive: bool = False) -> dict[str, str]:
        """Attributes and parameters of the node as text."""
        if recursive:
            raise DeprecationWarning("Symbol.list_attr with recursive=True has been deprecated. Please use attr_dict instead.")
        return self._shown(self._entries[0].node.attrs)

    def attr_dict(self) -> dict[str, dict[str, str]]:
        """Attributes and parameters of all nodes that have some, by node name."""
        return {n.name: self._shown(n.attrs) for n in topological(self._entries) if n.attrs}

    def _set_attr(self, **kwargs: str) -> None:
        """Set attributes of the node; parameters keep their meaning."""
        if self.name is None:
            raise MXNetError("attributes can be set only of a symbol of one node, not of a group")
        for key, value in kwargs.items():
            if not isinstance(value, str):
                raise ValueError(f"Set Attr only accepts string values: {key}={value!r}")
        self._entries[0].node.attrs.update(hide_keys(kwargs))

    # ------------------------------------------------------------------ composition

    def __call__(self, *args: Symbol, name: str | None = None, **kwargs: Symbol) -> Symbol:
        """A copy of the graph with variables replaced by symbols: ``net(data=other)``.

        Parameters
        ----------
        name
            The name of the copy's last node.
        kwargs
            By name of the variable.

        Raises
        ------
        MXNetError
            There is no such variable, a symbol has several outputs, or symbols are given by position.
        """
        if args and kwargs:
            raise TypeError("compose only accept input Symbols either as positional or keyword arguments, not both")
        for value in (*args, *kwargs.values()):
            if not isinstance(value, Symbol):
                raise TypeError(f"Compose expect `Symbol` as arguments, not {type(value)}")
        if args:
            raise MXNetError("General composition only support kwargs for now: name the variables to replace, as in net(data=other)")
        entries = replace_variables(self._entries, {k: v._single(k) for k, v in kwargs.items()})
        if name and self.name is not None and not entries[0].node.is_variable:
            old = entries[0].node
            node = Node(old.op, name, old.params, old.attrs, old.inputs)
            entries = tuple(node.out(e.index) for e in entries)
        return type(self)(*entries)

    def _compose(self, *args: Symbol, name: str | None = None, **kwargs: Symbol) -> None:
        """Replace variables of this graph itself, as calling it does in a copy."""
        object.__setattr__(self, "_entries", self(*args, name=name, **kwargs).entries)

    def __copy__(self) -> Symbol:
        return type(self)(*clone(self._entries))

    def __deepcopy__(self, memo: object) -> Symbol:
        return self.__copy__()

    def __reduce__(self) -> tuple[Any, ...]:
        return load_json, (self.tojson(remove_amp_cast=False),)

    # ------------------------------------------------------------------ inference

    def infer_shape(self, *args: Any, **kwargs: Any) -> Any:
        """The shapes of everything from those of some arguments.

        Parameters
        ----------
        args, kwargs : tuple of int
            By position in `list_arguments` (None: not known), or by name. 0 is an unknown extent, ``()`` an unknown shape.

        Returns
        -------
        arg_shapes, out_shapes, aux_shapes : list of tuple, or None
            In the order of `list_arguments`, `list_outputs` and `list_auxiliary_states`. All None, with a warning, where the shapes given
            don't determine everything.

        Raises
        ------
        MXNetError
            The shapes contradict one another; the message names the node and the argument.

        Examples
        --------
        >>> import clsym as mx
        >>> (mx.sym.var('a') + mx.sym.var('b')).infer_shape(a=(2, 3))
        ([(2, 3), (2, 3)], [(2, 3)], [])
        """
        return infer_shape(self._entries, False, args, kwargs)

    def infer_shape_partial(self, *args: Any, **kwargs: Any) -> Any:
        """As `infer_shape`, with what is known: 0 for unknown extents, ``()`` for unknown shapes."""
        return infer_shape(self._entries, True, args, kwargs)

    def infer_type(self, *args: Any, **kwargs: Any) -> Any:
        """The element types of everything from those of some arguments, as numpy classes; see `infer_shape`."""
        return infer_type(self._entries, False, args, kwargs)

    def infer_type_partial(self, *args: Any, **kwargs: Any) -> Any:
        """As `infer_type`, with None for what is not known."""
        return infer_type(self._entries, True, args, kwargs)

    # ------------------------------------------------------------------ files and text

    def tojson(self, remove_amp_cast: bool = True) -> str:
        """The graph as the JSON text that MXNet 1.9.1 writes."""
        return to_json(without_amp_casts(self._entries) if remove_amp_cast else self._entries)

    def save(self, fname: str | os.PathLike[str], remove_amp_cast: bool = True) -> None:
        """Write the graph to a file, whole or not at all (by a temporary file beside it)."""
        if not isinstance(fname, (str, os.PathLike)):
            raise TypeError("fname need to be string")
        write_whole(fname, self.tojson(remove_amp_cast))

    def strip_training_head(self) -> Symbol:
        """The same graph for inference: without labels and losses.

        Output layers become what they compute in the forward, under their names: ``SoftmaxOutput`` a softmax, ``LogisticRegressionOutput``
        a sigmoid, the other regressions and ``SVMOutput`` their data. Of several outputs those that are only losses (``MakeLoss``,
        ``CTCLoss``) are left out, and ``BlockGrad`` around the others.

        Raises
        ------
        MXNetError
            All outputs are losses, so that there is no prediction among them.

        Examples
        --------
        >>> import clsym as mx
        >>> net = mx.sym.SoftmaxOutput(mx.sym.FullyConnected(mx.sym.var('data'), num_hidden=3, name='fc'), name='softmax')
        >>> net.list_arguments(), net.strip_training_head().list_arguments()
        (['data', 'fc_weight', 'fc_bias', 'softmax_label'], ['data', 'fc_weight', 'fc_bias'])
        """
        return Symbol(*strip_training_head(self._entries))

    def debug_str(self) -> str:
        """The graph as text, a node a paragraph."""
        return debug_text(self._entries)

    # ------------------------------------------------------------------ running

    def bind(
        self,
        ctx: Context,
        args: Any,
        args_grad: Any = None,
        grad_req: Any = "write",
        aux_states: Any = None,
        group2ctx: Mapping[str, Context] | None = None,
        shared_exec: Any = None,
        donate: Sequence[str] = (),
        memory_limit: int | str | None = None,
    ) -> Any:
        """An executor of the graph over given arrays.

        Parameters
        ----------
        ctx : Context
            The device.
        args : list or dict of str to NDArray
            The arguments, in the order of `list_arguments` or by name.
        args_grad : list or dict of str to NDArray, optional
            Where gradients are written to.
        grad_req : {'write', 'add', 'null'}, or list or dict of them
            How gradients are stored, for all arguments or each.
        aux_states : list or dict of str to NDArray, optional
        group2ctx : dict of str to Context, optional
            The device of each ``ctx_group``.
        shared_exec : Executor, optional
            One whose memory may be used.
        donate : sequence of str, optional
            Arguments whose memory may be overwritten once they are no longer needed. One that was must be written again before the next
            run that reads it, which is refused otherwise; ``forward(data=...)`` does so.
        memory_limit : int or str, optional
            The most that intermediate values and workspaces may take: bytes, or text such as ``'2GiB'``. Where that is less than training
            needs, the backward computes parts of the forward again, the cheapest first: norms, activations and the like, then convolutions
            and matrix products. Gradients, random draws and auxiliary states are the same, bit for bit.

        Returns
        -------
        Executor

        Raises
        ------
        MXNetError
            Arrays are missing or contradict one another; or no way to keep to `memory_limit` was found, then it says how much is enough.
        """
        result = executor.bind(
            self._entries, ctx, args, args_grad, grad_req, aux_states, group2ctx, shared_exec, donate, memory_limit=memory_limit
        )
        result._symbol = self
        return result

    def simple_bind(
        self,
        ctx: Context,
        grad_req: Any = "write",
        type_dict: Mapping[str, Any] | None = None,
        stype_dict: Mapping[str, str] | None = None,
        group2ctx: Mapping[str, Context] | None = None,
        shared_arg_names: Sequence[str] | None = None,
        shared_exec: Any = None,
        shared_buffer: Any = None,
        memory_limit: int | str | None = None,
        **kwargs: tuple[int, ...],
    ) -> Any:
        """An executor with new arrays, whose shapes follow from some arguments': ``net.simple_bind(mx.cpu(), data=(1, 3, 8, 8))``.

        `memory_limit` is explained at `bind`.
        """
        result = executor.simple_bind(
            self._entries, ctx, grad_req, type_dict, stype_dict, group2ctx, shared_arg_names, shared_exec, shared_buffer,
            memory_limit=memory_limit, **kwargs
        )  # fmt: skip
        result._symbol = self
        return result

    def plan(
        self,
        ctx: Context | DeviceTraits | None = None,
        grad_req: Any = "write",
        type_dict: Mapping[str, Any] | None = None,
        memory_limit: int | str | None = None,
        **shapes: tuple[int, ...],
    ) -> Plan:
        """What `simple_bind` would run and need for given shapes, without allocating anything.

        Parameters
        ----------
        ctx : Context or DeviceTraits, optional
            The device; default: the current context, or a generic CPU where this machine has no OpenCL device. With a `DeviceTraits`
            no device is looked at.
        grad_req : {'write', 'add', 'null'}, or list or dict of them
            As for `bind`. If all are 'null', the plan is one for inference, else for training.
        type_dict : dict of str to dtype, optional
            Element types of inputs; float32 by default.
        memory_limit : int or str, optional
            Bytes, or text such as ``'2GiB'``, that intermediate values and workspaces may take; see `bind`.
        shapes : tuple of int
            Of some inputs, by name; the others' follow.

        Returns
        -------
        Plan
            ``plan.memory_report()`` tells where the bytes go, ``plan.dump()`` lists the steps.

        Raises
        ------
        MXNetError
            The shapes contradict one another or don't determine everything.

        Examples
        --------
        >>> import clsym as mx
        >>> net = mx.sym.FullyConnected(mx.sym.var('x'), num_hidden=4, name='fc')
        >>> net.plan(grad_req='null', x=(2, 3)).memory_report().argument_bytes
        88
        """
        return executor.plan(self._entries, ctx, grad_req, type_dict, memory_limit, **shapes)

    def warm(
        self,
        ctx: Context | None = None,
        train: bool = False,
        grad_req: Any = None,
        type_dict: Mapping[str, Any] | None = None,
        params: Mapping[str, Any] | None = None,
        **shapes: tuple[int, ...],
    ) -> executor.Warmth:
        """Build the kernels that an executor of given shapes needs, and leave them where drivers keep them.

        The first use of a graph on a device compiles its kernels, 5 to 60 seconds of work; processes that come later find them on disk.
        This does it ahead, for instance when a model is installed. The graph is run once over arrays of its own, since some drivers
        compile a kernel when it is first launched. ``clsym warm`` is the same from the command line.

        Parameters
        ----------
        ctx : Context, optional
            The device; default: the current context.
        train : bool
            The training step as well as inference.
        grad_req : {'write', 'add', 'null'}, or list or dict of them, optional
            As for `bind`; default: gradients of all arguments whose shape is not given here.
        type_dict : dict of str to dtype, optional
            Element types of inputs; float32 by default.
        params : dict of str to NDArray, optional
            Parameters as `clsym.nd.load` reads them: their shapes and types count. Without them all values are zero.
        shapes : tuple of int
            Of the inputs, by name.

        Returns
        -------
        Warmth
            How many kernels there are, how long it took, and where they are kept.

        Examples
        --------
        >>> import clsym as mx
        >>> net = mx.sym.FullyConnected(mx.sym.var('x'), num_hidden=4, name='fc')
        >>> net.warm(x=(2, 3)).kernels > 0
        True
        """
        return executor.warm(self._entries, ctx or current_context(), train, grad_req, type_dict, params, **shapes)

    def eval(self, ctx: Context | None = None, **kwargs: Any) -> Any:
        """The values of the outputs (list of NDArray) for given arguments."""
        return self.bind(ctx or current_context(), kwargs).forward()

    def gradient(self, wrt: Sequence[str]) -> NoReturn:
        """Raises: gradients are computed by an executor (`bind` with ``args_grad``), as in MXNet."""
        raise MXNetError("Symbol.gradient is not implemented; bind the symbol with args_grad and call Executor.backward()")


def load_json(json_str: str) -> Symbol:
    """The symbol that a JSON text describes, of any version of MXNet up to 1.9.1.

    Raises
    ------
    MXNetError
        The text is no graph, or has an operator that is not known; the message says which node.
    TypeError
        It is no str.
    """
    if not isinstance(json_str, str):
        raise TypeError(f"fname required to be string: load_json takes the text itself, not {type(json_str).__name__}")
    return Symbol(*from_json(json_str))
