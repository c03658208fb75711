"""The graph of a network in mixed precision: casts where a layer takes another type than the one before it gives."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from ...base import MXNetError
from ...graph.contract.ir import topological
from ...graph.contract.op import Entry, Node, Op
from ...graph.contract.registry import find_op
from ...params import Params

__all__ = ["Rules", "applied", "reduce_precision"]

WIDE = "float32"

_NAMED = frozenset([
    "Activation", "BatchNorm", "BatchNorm_v1", "BilinearSampler", "Concat", "Convolution", "Convolution_v1", "Correlation", "Crop",
    "Deconvolution", "Dropout", "FullyConnected", "GridGenerator", "GroupNorm", "IdentityAttachKLSparseReg", "InstanceNorm",
    "L2Normalization", "LRN", "LayerNorm", "LeakyReLU", "Pad", "Pooling", "Pooling_v1", "RNN", "ROIPooling", "SVMOutput", "SequenceLast",
    "SequenceMask", "SequenceReverse", "SliceChannel", "SoftmaxActivation", "SoftmaxOutput", "SpatialTransformer", "SwapAxis", "UpSampling",
    "_contrib_BatchNormWithReLU", "_contrib_DeformableConvolution", "_contrib_DeformablePSROIPooling",
    "_contrib_ModulatedDeformableConvolution", "_contrib_MultiBoxDetection", "_contrib_MultiBoxPrior", "_contrib_MultiBoxTarget",
    "_contrib_MultiProposal", "_contrib_PSROIPooling", "_contrib_Proposal", "_contrib_ROIAlign", "_contrib_RROIAlign",
    "_contrib_SyncBatchNorm", "_contrib_fft", "_contrib_ifft", "_contrib_index_array", "_contrib_interleaved_matmul_encdec_qk",
    "_contrib_interleaved_matmul_encdec_valatt", "_contrib_interleaved_matmul_selfatt_qk", "_contrib_interleaved_matmul_selfatt_valatt",
    "_contrib_quantize_asym", "_rnn_param_concat", "col2im", "elemwise_add", "im2col", "softmax", "softmin", "MakeLoss", "make_loss",
    "_CrossDeviceCopy",
])  # fmt: skip
"""Operators whose outputs MXNet has names for: a cast of ``conv`` is ``conv_output_amp_cast_float16``; one of others is ``exp0_0_...``."""

_LIKE = frozenset(("broadcast_like", "reshape_like", "slice_like"))
"""Operators of which MXNet does not know the output's type from one input."""


@dataclass(frozen=True)
class Rules:
    """Which operators are computed in what.

    Attributes
    ----------
    target : str
        The narrow type.
    narrow, wide, widest : collection of str
        Operators computed in the narrow type, in float32, and in the widest type of their inputs.
    conditional : dict of str to (dict of str to collection of str)
        Operators computed in float32 where a parameter has one of some values.
    excluded : collection of str
        Nodes computed in float32.
    optional : collection of str
        Variables that become narrow themselves where only a cast would be in between.
    """

    target: str
    narrow: Collection[str]
    wide: Collection[str]
    widest: Collection[str]
    conditional: Mapping[str, Mapping[str, Collection[str]]] = field(default_factory=dict)
    excluded: Collection[str] = ()
    optional: Collection[str] = ()

    def type_of(self, op: Op, params: Params, name: str = "") -> str | None:
        """What an operator's inputs are cast to; None where that depends on them."""
        conditions = self.conditional.get(op.name, {})
        if name in self.excluded or op.name in self.wide or any(str(getattr(params, k, None)) in v for k, v in conditions.items()):
            return WIDE
        return self.target if op.name in self.narrow else None


class _Pass:
    """The new graph while it grows: of each entry of the old one the new entry, its type where it is known, and the casts it has."""

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self.made: dict[Entry, Entry] = {}
        self.types: dict[Entry, str] = {}
        self.casts: dict[tuple[Entry, str], Entry] = {}
        self.narrowed: set[str] = set()

    def visit(self, node: Node) -> None:
        """Add a node; those before it are there."""
        rules = self.rules
        if node.op is None:
            copy = Node(None, node.name, node.params, dict(node.attrs))
            self.made[node.out()] = copy.out()
            return
        aux = set(node.aux_positions())
        inputs = list(node.inputs)
        known: list[str | None]
        dtype = rules.type_of(node.op, node.params, node.name)
        if dtype == WIDE:
            new = [self.made[e] if i in aux else self.wide(e) for i, e in enumerate(inputs)]
            known = [WIDE] * len(inputs)
        elif dtype is not None:
            new = [self.made[e] if i in aux else self.narrow(e) for i, e in enumerate(inputs)]
            known = [None if i in aux else rules.target for i in range(len(inputs))]
        elif node.op.name in rules.widest and inputs:
            new, known = self.widest(inputs)
        else:
            new = [self.made[e] for e in inputs]
            known = [self.types.get(e) for e in inputs]
        copy = Node(node.op, node.name, node.params, dict(node.attrs), new)
        found = self.outputs(node, known)
        for k in range(node.num_outputs):
            self.made[node.out(k)] = copy.out(k)
            if (output := found[k]) is not None:
                self.types[node.out(k)] = output

    def outputs(self, node: Node, known: list[str | None]) -> Sequence[str | None]:
        """The types of a node's outputs, which are known only where that of its first input is."""
        nothing: list[str | None] = [None] * node.num_outputs
        assert node.op is not None
        if not known or known[0] is None or node.op.name in _LIKE:
            return nothing
        try:
            return node.op.infer_type(node.params, known, nothing)[1]
        except MXNetError:
            return nothing

    def wide(self, entry: Entry) -> Entry:
        """An entry in float32, which variables are taken to be of."""
        return self.made[entry] if entry.node.is_variable and (entry, WIDE) not in self.casts else self.as_type(entry, WIDE)

    def narrow(self, entry: Entry) -> Entry:
        """An entry in the narrow type."""
        if entry.node.is_variable and entry.node.name in self.rules.optional:
            self.narrowed.add(entry.node.name)
            self.casts[entry, self.rules.target] = self.made[entry]
            return self.made[entry]
        return self.as_type(entry, self.rules.target)

    def has(self, entry: Entry, dtype: str) -> bool:
        """Whether an entry is of a type, or was cast to it for another reader."""
        return self.types.get(entry) == dtype or (entry, dtype) in self.casts

    def as_type(self, entry: Entry, dtype: str) -> Entry:
        """An entry cast to a type; all readers share the cast."""
        if self.types.get(entry) == dtype:
            return self.made[entry]
        if (entry, dtype) not in self.casts:
            self.casts[entry, dtype] = applied("amp_cast", f"{_label(entry)}_amp_cast_{dtype}", [self.made[entry]], dtype=dtype).out()
        return self.casts[entry, dtype]

    def widest(self, inputs: Sequence[Entry]) -> tuple[list[Entry], list[str | None]]:
        """Inputs in one type: that which all have, float32 if some are wide and some narrow, else what is found at run time."""
        target = self.rules.target
        wide = [self.has(e, WIDE) for e in inputs]
        narrow = [not w and self.has(e, target) for w, e in zip(wide, inputs, strict=True)]
        if all(narrow):
            return [self.as_type(e, target) for e in inputs], [target] * len(inputs)
        if all(wide) or (any(wide) and any(narrow)):
            return [self.as_type(e, WIDE) for e in inputs], [WIDE] * len(inputs)
        if not any(wide) and not any(narrow):
            self.narrowed.update(e.node.name for e in inputs if e.node.is_variable and e.node.name in self.rules.optional)
        each = applied("amp_multicast", f"{_label(inputs[0])}_amp_multicast", [self.made[e] for e in inputs], num_outputs=len(inputs))
        return [each.out(k) for k in range(len(inputs))], [None] * len(inputs)


def _label(entry: Entry) -> str:
    """What the names of casts of an entry begin with."""
    node = entry.node
    if node.op is None:
        return node.name
    output = node.op.output_names(node.params)[entry.index] if node.op.name in _NAMED else entry.index
    return f"{node.name}_{output}"


def applied(op_name: str, name: str, inputs: Sequence[Entry], **params: object) -> Node:
    """A new node."""
    op = find_op(op_name)
    attrs = {k: str(v) for k, v in params.items()}
    return Node(op, name, op.parse(attrs, name), attrs, inputs)


def reduce_precision(heads: Sequence[Entry], rules: Rules) -> tuple[tuple[Entry, ...], set[str]]:
    """The graph with casts in it; its outputs are in float32.

    Parameters
    ----------
    heads : sequence of Entry
    rules : Rules

    Returns
    -------
    heads : tuple of Entry
        Of a graph that shares no node with the given one.
    narrowed : set of str
        The variables among ``rules.optional`` that must be given in the narrow type.
    """
    work = _Pass(rules)
    for node in topological(heads):
        work.visit(node)
    return tuple(work.as_type(h, WIDE) for h in heads), work.narrowed
