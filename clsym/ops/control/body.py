"""What operators that hold graphs have in common: which variable of a graph is which input of the node, and what follows through it."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from ...base import MXNetError
from ...graph.contract.ir import aux_variables, key, topological
from ...graph.contract.kernel_call import In, LowerContext, Out
from ...graph.contract.op import Node, Op
from ...graph.contract.spec import PartialShape, TensorSpec, unify_shape
from ...graph.contract.subgraph import Subgraph
from ...graph.infer import infer_shapes, infer_types
from ...params import Params

__all__ = ["Holding", "Wiring", "over", "wire"]

T = TypeVar("T")
_ANSWERS_KEPT = 64


class Holding(Op):
    """An operator that holds graphs. Its inputs are all that any of them reads; attributes say which variable is which input.

    ``num_args`` counts the graphs as well, as in MXNet's files.
    """

    variadic = "num_args"

    def check(self, p: Params) -> None:
        """Raise MXNetError where the attributes and the graphs contradict one another."""

    def input_names(self, p: Params) -> tuple[str, ...]:
        if not hasattr(p, "subgraphs"):
            raise MXNetError(
                f"operator {self.name} holds graphs, which a call cannot give; use the functions of mx.sym.contrib or mx.nd.contrib"
            )
        self.check(p)
        return tuple(f"data{i}" for i in range(p.num_args - self.subgraphs))

    def output_names(self, p: Params) -> tuple[str, ...]:
        return ("output",) if p.num_outputs == 1 else tuple(f"output{i}" for i in range(p.num_outputs))

    def num_visible(self, p: Params) -> int:
        count: int = p.num_outputs
        return count

    def json_outputs(self, p: Params) -> int:
        count: int = p.num_outputs
        return count


class Wiring:
    """A graph inside a node: which variable of it is which input of the node. Made by `wire`.

    Attributes
    ----------
    graph : Subgraph
    inputs : list of int
        Of each variable of `Subgraph.inputs`, which is the order of the compiled body, the place of the node's input.
    states : set of int
        Those of them, by their place in `inputs`, that the graph's operators write: auxiliary states.
    """

    def __init__(self, graph: Subgraph, locations: Sequence[int]) -> None:
        self.graph = graph
        self._order = topological(graph.heads)
        self._listed = [n for n in self._order if n.is_variable]
        variables = graph.inputs
        written = aux_variables(self._order)
        place = {n.serial: at for n, at in zip(self._listed, locations, strict=True)}
        self.inputs = [place[n.serial] for n in variables]
        self.states = {i for i, n in enumerate(variables) if n.serial in written}
        self._variables = variables
        self._told: dict[tuple[Any, ...], tuple[list[Any], list[Any]]] = {}
        self._at = {n.serial: i for i, n in enumerate(variables)}

    def at(self, listed: int) -> int:
        """The place in `inputs` of a variable by its place in MXNet's list."""
        return self._at[self._listed[listed].serial]

    def shapes(self, variables: Sequence[PartialShape], heads: Sequence[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        """Shapes of the variables (as `inputs`) and heads, from what is known of them."""
        return self._through(infer_shapes, unify_shape, variables, heads)

    def types(self, variables: Sequence[str | None], heads: Sequence[str | None]) -> tuple[list[str | None], list[str | None]]:
        """The same for element types."""
        return self._through(infer_types, lambda a, b: a or b, variables, heads)

    def _through(
        self,
        infer: Callable[[Sequence[Node], dict[tuple[int, int], T | None]], object],
        unify: Callable[[T | None, T | None], T | None],
        variables: Sequence[T | None],
        heads: Sequence[T | None],
    ) -> tuple[list[T | None], list[T | None]]:
        """Remembered: a loop in a loop in a loop would else be asked more and more often."""
        asked = (infer, *variables, None, *heads)
        told = self._told.get(asked)
        if told is None:
            known = {(n.serial, 0): v for n, v in zip(self._variables, variables, strict=True)}
            for e, value in zip(self.graph.heads, heads, strict=True):
                known[key(e)] = unify(known.get(key(e)), value)
            infer(self._order, known)
            if len(self._told) >= _ANSWERS_KEPT:
                self._told.clear()
            told = self._told[asked] = [known.get((n.serial, 0)) for n in self._variables], [known.get(key(e)) for e in self.graph.heads]
        return list(told[0]), list(told[1])

    def compile(self, specs: Sequence[TensorSpec], ctx: LowerContext, reqs: Mapping[int, str] | None = None) -> Any:
        """The plan; with `reqs`, the store modes of the gradients that are wanted by the place of the variable, it has a backward part."""
        assert ctx.body is not None
        if reqs is None:
            return ctx.body(self.graph, specs)
        return ctx.body(self.graph, specs, tuple(reqs.get(i, "null") for i in range(len(specs))))

    def borrowed(self, variables: Sequence[int], offset: int, train: bool) -> dict[str, In | Out]:
        """Variables that lie where the node's inputs do, which stand `offset` further among what is read. States that change do not."""
        return {f"var:{i}": In(self.inputs[i] + offset) for i in variables if not (train and i in self.states)}


@functools.lru_cache(512)
def wire(graph: Subgraph, locations: tuple[int, ...], inputs: int, what: str) -> Wiring:
    """The wiring of a graph.

    Parameters
    ----------
    graph : Subgraph
    locations : tuple of int
        For each variable, in the order in which MXNet lists all inputs of a graph, the place of the node's input that it stands for.
    inputs : int
        How many inputs the node has.
    what : str
        The attributes that say so, for messages.

    Raises
    ------
    MXNetError
        They don't fit the graph.
    """
    count = sum(n.is_variable for n in topological(graph.heads))
    if len(locations) != count or len(set(locations)) != count or any(not 0 <= i < inputs for i in locations):
        raise MXNetError(f"{what} say {list(locations)[:20]} of {inputs} inputs, but the graph inside the node has {count} variables")
    return Wiring(graph, locations)


def over(known: Sequence[Any], told: Mapping[int, Any]) -> list[Any]:
    """What is told of some of the inputs, over what was known of all."""
    return [told[i] if told.get(i) is not None else before for i, before in enumerate(known)]
