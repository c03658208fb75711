"""The contract of an operator, and the graph that its rules are written in: nodes and entries.

An operator is one object that tells the compiler what it may need to know: names of inputs and outputs, typed parameters, how
shapes and types follow, the gradient as graph nodes, which outputs may take an input's memory, and how it becomes kernel launches on a
device with given traits. Nothing here touches OpenCL: a `KernelCall` is data.
"""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ...base import MXNetError
from ...params import Field, Params, parse_params
from .kernel_call import KernelCall, LowerContext
from .spec import PartialShape, TensorSpec, same_shape

__all__ = ["Entry", "Gradient", "Node", "Op"]

NO_PARAMS = Params({})


class Entry(NamedTuple):
    """One output of one node."""

    node: Node
    index: int  # type: ignore[assignment]  # hides tuple.index

    @property
    def name(self) -> str:
        """The name that a user knows it by: ``conv1_output``, ``split_output0``; a variable's own name."""
        return self.node.output_name(self.index)


_serials = itertools.count()


class Node:
    """A variable (``op is None``) or the application of an operator.

    Identity is the object: names may repeat. `serial` stands for it in tables. Everything but `attrs` is fixed at construction.

    Attributes
    ----------
    op : Op or None
    name : str
    params : Params
        Typed.
    attrs : dict of str to str
        Text as the user or the file gave it: operator parameters as well as ``__lr_mult__``, ``__ctx_group__`` ...
    inputs : tuple of Entry
    versions : tuple of int or None
        The version numbers that a graph file gave the inputs, kept to write them again; None where none was read.
    serial : int
        Another one for every node that is ever made in this process, in the order in which they are made.
    origin : Node
        The node of the user's graph that a pass made this one for: it runs where that runs, and draws what that draws. The user's own
        are their own origin.
    fused : tuple of str
        The names of the nodes that it stands for, where they are several.
    num_outputs : int
        How many outputs it has, hidden ones included.
    """

    __slots__ = ("_origin", "attrs", "fused", "inputs", "name", "num_outputs", "op", "params", "serial", "versions")
    versions: tuple[int, ...] | None
    fused: tuple[str, ...]

    def __init__(
        self,
        op: Op | None,
        name: str,
        params: Params = NO_PARAMS,
        attrs: dict[str, str] | None = None,
        inputs: Sequence[Entry] = (),
        origin: Node | None = None,
    ):
        self.op = op
        self.name = name
        self.params = params
        self.attrs = attrs if attrs is not None else {}
        self.inputs = tuple(inputs)
        self.versions = None
        self.serial = next(_serials)
        self._origin = origin
        self.fused = ()
        self.num_outputs = 1 if op is None else len(op.output_names(params))

    @property
    def origin(self) -> Node:
        """The node of the user's graph that this one was made for."""
        return self._origin or self

    def become(self, op: Op, params: Params, inputs: Sequence[Entry]) -> Node:
        """A node of the same name in the same place, with another operator, other parameters or other inputs."""
        fresh = Node(op, self.name, params, self.attrs, inputs, self.origin)
        fresh.fused = self.fused
        return fresh

    def reading(self, inputs: Sequence[Entry]) -> Node:
        """The same node with other inputs; itself where they are the same."""
        if self.op is None or all(a.node is b.node and a.index == b.index for a, b in zip(inputs, self.inputs, strict=True)):
            return self
        return self.become(self.op, self.params, inputs)

    def stand_for(self, last: Node, names: tuple[str, ...]) -> None:
        """Note of a node just made that it computes what several nodes did; it has the place of the last of them."""
        self._origin = last.origin
        self.fused = names

    @property
    def is_variable(self) -> bool:
        """Whether this is an input of the graph."""
        return self.op is None

    @property
    def num_visible(self) -> int:
        """How many outputs a user sees."""
        return 1 if self.op is None else self.op.num_visible(self.params)

    def out(self, index: int = 0) -> Entry:
        """One of its outputs."""
        return Entry(self, index)

    def output_name(self, index: int) -> str:
        """The user's name of an output."""
        if self.op is None:
            return self.name
        return f"{self.name}_{self.op.output_names(self.params)[index]}"

    def aux_positions(self) -> Sequence[int]:
        """Which inputs are auxiliary states."""
        if self.op is None:
            return ()
        return self.op.aux_positions(self.params)

    def __repr__(self) -> str:
        return f"<{self.op.name if self.op else 'Variable'} {self.name}>"


class Op:
    """An operator. Subclass it, or make instances of a subclass for a family of tiny operators, and `register` it.

    The class docstring is the user's documentation (numpydoc: what it computes with the formula, shapes, errors, source). What only some
    operators can do beside this, for one pass each, are facets (`clsym.graph.contract.facets`): a class inherits those that it has.

    Class attributes
    ----------------
    name : str
        The name that graph files hold.
    aliases : tuple of str
        Other names it answers to, in graph files and as ``mx.sym.<alias>`` and ``mx.nd.<alias>``.
    params : dict of str to Field
        Its parameters in MXNet's order.
    inputs : tuple of str
        Names of its inputs, auxiliary states last. Override `input_names` where they depend on the parameters.
    aux : tuple of str
        Which of the inputs are auxiliary states.
    outputs : tuple of str
        Names of its outputs. Override `output_names` where they depend on the parameters.
    variadic : str
        The parameter that counts the inputs (``'num_args'``), filled in from the call; the inputs are arg0, arg1, ...
    many : bool
        Whether its inputs, as many as `input_names` says, are given as those of a variadic operator, though no parameter is filled in.
    own_params : bool
        Whether every call has parameters of its own, however equal the values, since they hold more than was given.
    subgraphs : int
        How many graphs a node of it holds (``p.subgraphs``, a tuple of `Subgraph`): bodies of loops, branches.
    random : bool
        Whether it draws random numbers (takes `Rng`).
    is_loss : bool
        Whether its gradient ignores the head gradient, so that ``backward()`` needs none.
    hidden : bool
        Not a user's function (gradient operators).
    hint : str
        Stem of automatic names where it isn't the lower-cased name.
    lenient : bool
        Whether names that are no parameters are ignored, though it has some.
    variable_attrs : dict of str to (dict of str to str)
        Attributes that a variable gets by being this input, unless it has them: ``{'gamma': {'__init__': '["one", {}]'}}``.
    """

    name: str = ""
    aliases: tuple[str, ...] = ()
    params: Mapping[str, Field] = {}
    inputs: tuple[str, ...] = ("data",)
    aux: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ("output",)
    variadic: str = ""
    many: bool = False
    own_params: bool = False
    subgraphs: int = 0
    random: bool = False
    is_loss: bool = False
    hidden: bool = False
    hint: str = ""
    lenient: bool = False
    variable_attrs: Mapping[str, Mapping[str, str]] = {}

    # ------------------------------------------------------------------ names and arity

    def input_names(self, p: Params) -> tuple[str, ...]:
        """Names of the inputs, auxiliary states last."""
        if self.variadic:
            return tuple(f"arg{i}" for i in range(getattr(p, self.variadic)))
        return self.inputs

    def aux_names(self, p: Params) -> tuple[str, ...]:
        """Which of the inputs are auxiliary states."""
        return self.aux

    def aux_positions(self, p: Params) -> Sequence[int]:
        """Where these stand among the inputs: last, unless an operator that takes several tensors has theirs in between."""
        count = len(self.aux_names(p))
        total = len(self.input_names(p)) if count else 0
        return range(total - count, total)

    def output_names(self, p: Params) -> tuple[str, ...]:
        """Names of all outputs, hidden ones last."""
        return self.outputs

    def num_visible(self, p: Params) -> int:
        """How many of the outputs a user sees."""
        return len(self.output_names(p))

    def json_outputs(self, p: Params) -> int:
        """How many outputs MXNet counts in a graph file's ``node_row_ptr``."""
        return len(self.output_names(p))

    def parse(self, given: Mapping[str, Any], node_name: str = "") -> Params:
        """Typed parameters from a user's values or a graph file's text. Whoever has none ignores all, as in MXNet."""
        if not self.params or self.lenient:
            given = {k: v for k, v in given.items() if k in self.params}
        return parse_params(self.name, self.params, given, node_name)

    # ------------------------------------------------------------------ inference

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        """What is known of the shapes of inputs and outputs, from what was known; called again until nothing changes.

        The default: all the same. Return what must be, whether it was given so or not: the caller finds the contradictions, and
        raise `ShapeError` where a condition is not met. Never say which shape is wrong: the caller knows what the user gave.
        """
        return same_shape(ins, outs)

    def infer_type(self, p: Params, ins: list[str | None], outs: list[str | None]) -> tuple[list[str | None], list[str | None]]:
        """The same for element types (None: unknown). The default: all the same (for gradient operators, those that are not known)."""
        found = next((t for t in (*ins, *outs) if t is not None), None)
        if self.hidden:
            return [t or found for t in ins], [t or found for t in outs]
        return [found] * len(ins), [found] * len(outs)

    # ------------------------------------------------------------------ gradient

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        """Gradient of every input as graph nodes, from those of the outputs; None where it is zero or does not exist.

        The default raises: an operator without a gradient says so, one whose gradient is zero returns Nones.
        """
        raise MXNetError(f"operator {self.name} (node {g.node.name!r}) has no gradient; put mx.sym.BlockGrad around its input or output")

    # ------------------------------------------------------------------ memory

    def inplace(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec]) -> Sequence[tuple[int, int]]:
        """Pairs (output, input): the output may be written over that input's memory, if nobody reads it afterwards.

        Only where every element of the input is read before, or in the same work-item as, the element of the output that covers its bytes.
        Sizes in bytes must be equal; the planner checks that.
        """
        return ()

    def view(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec]) -> Mapping[int, tuple[int, int]]:
        """Outputs that are a stretch of an input's memory as it stands: ``{output: (input, offset in bytes)}``. Then no kernel runs."""
        return {}

    def mutates(self, p: Params, train: bool) -> Sequence[int]:
        """Inputs (auxiliary states) that the kernels write as well as read."""
        return ()

    # ------------------------------------------------------------------ code

    def title(self, p: Params) -> str:
        """What it is called in the text of a plan."""
        return self.name

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        """The launches that compute the outputs. Called only with known shapes; outputs of size zero never get here."""
        raise MXNetError(f"operator {self.name} has no lowering; write Op.lower, which returns the kernel calls")

    # ------------------------------------------------------------------ documentation

    def doc(self) -> str:
        """The documentation of this operator, for the generated functions."""
        return inspect.getdoc(type(self)) or self.name

    def __repr__(self) -> str:
        return f"<Op {self.name}>"


@dataclass
class Gradient:
    """What `Op.gradient` works with.

    Attributes
    ----------
    node : Node
        The node to differentiate.
    ograds : list of Entry or None
        Gradient of each output; None: zero.
    ins, outs : list of TensorSpec
        Of the node.
    needed : list of bool
        Which inputs' gradients are wanted; the others may be returned as None.
    train : bool
        Whether the forward part ran as in training: always in graphs, not always where calls were recorded.
    """

    node: Node
    ograds: list[Entry | None]
    ins: list[TensorSpec]
    outs: list[TensorSpec]
    needed: list[bool]
    make: Callable[[str, Sequence[Entry], Mapping[str, Any], str], Node] = field(repr=False, default=None)  # type: ignore[assignment]
    train: bool = True

    @property
    def p(self) -> Params:
        """Typed parameters of the node."""
        return self.node.params

    def input(self, i: int) -> Entry:
        """The node's input."""
        return self.node.inputs[i]

    def output(self, i: int = 0) -> Entry:
        """The node's output."""
        return self.node.out(i)

    def ograd(self, i: int = 0) -> Entry:
        """Gradient of output `i`, as zeros where it has none."""
        found = self.ograds[i]
        if found is None:
            spec = self.outs[i]
            found = self.apply("_zeros", shape=spec.shape, dtype=spec.dtype)
        return found

    def apply(self, op: str, *inputs: Entry, **params: Any) -> Entry:
        """Output 0 of a new node; parameters are typed values."""
        return self.node_of(op, *inputs, **params).out(0)

    def node_of(self, op: str, *inputs: Entry, **params: Any) -> Node:
        """A new node, named after the one that is differentiated."""
        return self.make(op, inputs, params, self.node.name)
