"""What some operators can do beside the contract, each for one pass. Rewriting has facets of its own, in `clsym.graph.rewrite`.

An operator has a facet by inheriting it, or because something was attached to its name (`clsym.graph.contract.registry.attach`): a form
for some device, a fusion, so that these stay in files of their own. Passes ask `facet(op, kind)`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

from ...params import Params
from .expression import Expression
from .op import Entry, Node
from .spec import TensorSpec

__all__ = ["Accumulating", "Assembled", "Estimated", "Facet", "Fusible", "Pointwise", "Prepares", "Recomputable", "Unrollable", "Unrolled"]


class Facet(ABC):  # noqa: B024
    """Something that an operator can do for a pass."""


class Pointwise(Facet):
    """Each element of the only output follows from the elements of the inputs at the same place, whatever the shape."""

    def pointwise(self, p: Params) -> Literal["", "any", "zero"]:
        """``zero``: and zeros give zero, so that it also keeps the padding of blocked layouts; empty: not with these parameters."""
        return "any"


class Fusible(Facet):
    """Chains of such operators are fused into one kernel."""

    @abstractmethod
    def expression(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec]) -> Expression | None:
        """What the kernel does to each element, for floating-point outputs.

        None where the output's elements follow from more than those in the same place, where there are several outputs, or state.
        """


class Accumulating(Facet):
    """A gradient of something that is used often may be summed as it is computed."""

    @abstractmethod
    def added(self, node: Node, total: Entry) -> tuple[str, Sequence[Entry], Mapping[str, Any]] | None:
        """The operator, inputs and parameters of a node that computes output 0 of `node` plus `total`, which it may overwrite.

        None: there is no such operator.
        """


class Assembled(Facet):
    """The output may be put together by whoever writes its parts."""

    @abstractmethod
    def parts(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec]) -> Mapping[int, tuple[int, int]]:
        """Inputs that are a stretch of an output's memory as they stand: ``{input: (output, offset in bytes)}``.

        If the planner lets all of them be written there in the first place, no kernel runs. Give all inputs or none.
        """


class Recomputable(Facet):
    """How an operator is run a second time when a plan must fit into less memory; without it: cheaply, unless it changes states.

    Attributes
    ----------
    recompute : {'cheap', 'heavy', 'never'}
        What that costs: a pass over its tensors; multiply-adds that grow with more than its output (convolutions and matrix products,
        whose estimate is then counted); or it must not be run twice.
    """

    recompute: Literal["cheap", "heavy", "never"] = "cheap"

    def again(self, node: Node, train: bool) -> Node | None:
        """A node that computes the first outputs of `node` again, bit for bit, and changes no state; None where there is none.

        It may read outputs of `node` beside its inputs: small ones, which then stay alive.
        """
        assert node.op is not None
        return None if node.op.mutates(node.params, train) else node


class Unrolled(NamedTuple):
    """A loop as plain nodes.

    Attributes
    ----------
    entries : list of Entry
        What stands for its visible outputs.
    nodes : int
        How many nodes were made.
    """

    entries: list[Entry]
    nodes: int


class Unrollable(Facet):
    """A loop whose turns can be written out."""

    @abstractmethod
    def unrolled(self, node: Node, inputs: Sequence[Entry], ins: Sequence[TensorSpec], room: int) -> Unrolled | None:
        """Nodes that compute the same of `inputs`; None where they would be more than `room`, or would not compute the same."""


class Prepares(Facet):
    """It only brings a parameter into another form (packs a weight): inference runs it again only after the parameter was written."""


class Estimated(Facet):
    """What it costs, where that is not one operation an output element."""

    multiply_adds = False
    """Whether its operations are pairs of a multiplication and an addition, as those of convolutions and matrix products are."""

    def cost(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec]) -> tuple[int, int]:
        """(floating-point operations, bytes moved)."""
        return sum(o.size for o in outs), sum(t.nbytes for t in (*ins, *outs))
