"""import_model(): the file's nodes in order, each through its reader, its function's body, or the reference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ....base import MXNetError
from ....graph.contract.spec import PartialShape, known
from ....ndarray import NDArray, array
from ....symbol import Group, Symbol
from ....symbol.register import operator
from . import readers as _readers  # fills the table  # noqa: F401
from .fold import fold
from .functions import Body, body_of, resolved
from .graph import Graph, Value
from .loops import LOOPS
from .metadata import describe
from .node import READERS, Node
from .reader import attributes, element_type, load, tensor

__all__ = ["import_model", "import_to_symbol_with_metadata"]

_DEEPEST = 16
"""How deep functions and branches may lie inside one another."""
_FOLD_LIMIT = 1 << 26
"""Elements of constants that are computed while importing: more is left to the device."""


def import_model(
    model_file: Any,
    shapes: Mapping[str, Sequence[int]] | None = None,
    constants: Mapping[str, Any] | None = None,
) -> tuple[Symbol, dict[str, NDArray], dict[str, NDArray]]:
    """A symbol with its parameters from an ONNX file, of opset 7 or later.

    Parameters
    ----------
    model_file : path-like, bytes or onnx.ModelProto
    shapes : dict, optional
        Shapes of inputs by name, where the file leaves extents open and the graph's form depends on them.
    constants : dict, optional
        Values (numpy) of inputs that are fixed from now on: they are no inputs of the symbol.

    Returns
    -------
    sym : Symbol
        Its arguments that are no parameters are the inputs of the file; its outputs are those of the file, in their order. A scalar is
        an array of one element.
    arg_params, aux_params : dict of str to NDArray

    Raises
    ------
    MXNetError
        The file is damaged or no ONNX model; it holds operators that clsym has no equivalent for, all of which are named; or shapes of
        its graph depend on values that are only known when it runs.

    Notes
    -----
    After MXNet's ``mx.contrib.onnx.import_model``. Training graphs, sequences, optional values and strings are not imported.

    Examples
    --------
    >>> import clsym as mx, os, tempfile
    >>> net = mx.sym.FullyConnected(mx.sym.var('data'), num_hidden=2, name='fc')
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, 'fc.onnx')
    ...     params = {'fc_weight': mx.nd.ones((2, 3)), 'fc_bias': mx.nd.zeros(2)}
    ...     _ = mx.onnx.export_model(net, params, [(1, 3)], onnx_file_path=path)
    ...     again, args, aux = mx.onnx.import_model(path)
    >>> again.eval(data=mx.nd.ones((1, 3)), **args)[0].asnumpy().tolist()
    [[3.0, 3.0]]
    """
    model = load(model_file)
    graph = _import(model, shapes or {}, constants or {})
    names = [o.name for o in model.graph.output]
    outputs = [graph.values[n] for n in names]
    symbols = [_as_output(graph, v.symbol if v.symbol is not None else graph.symbol(v), n) for v, n in zip(outputs, names, strict=True)]
    net = symbols[0] if len(symbols) == 1 else Group(symbols)
    arguments, states = set(net.list_arguments()), set(net.list_auxiliary_states())
    args = {n: array(v, dtype=v.dtype) for n, v in graph.params.items() if n in arguments}
    aux = {n: array(v, dtype=v.dtype) for n, v in graph.params.items() if n in states}
    return net, args, aux


def _as_output(graph: Graph, symbol: Symbol, name: str) -> Symbol:
    """An output of its own: a variable cannot be one with parameters bound to it."""
    return operator("_copy")(symbol, name=f"{name}_output") if symbol.entries[0].node.is_variable else symbol


def import_to_symbol_with_metadata(
    model_file: Any, shapes: Mapping[str, Sequence[int]] | None = None
) -> tuple[Symbol, dict[str, NDArray], dict[str, NDArray], dict[str, Any]]:
    """`import_model`, and what the file says of its inputs and outputs (`get_model_metadata`).

    Parameters
    ----------
    model_file, shapes
        As for `import_model`.
    """
    model = load(model_file)
    return (*import_model(model, shapes), describe(model))


def _opset(model: Any) -> int:
    for entry in model.opset_import:
        if entry.domain in ("", "ai.onnx"):
            return int(entry.version)
    return 1


def _import(model: Any, shapes: Mapping[str, Sequence[int]], constants: Mapping[str, Any]) -> Graph:
    graph = Graph(_opset(model), model.opset_import)
    walk = Walk(graph, model)
    walk.refuse_missing(model.graph)
    for proto in model.graph.initializer:
        graph.add_constant(proto.name, tensor(proto, f"initializer {proto.name!r}"))
    if model.graph.sparse_initializer:
        raise MXNetError("the model has sparse initializers; clsym has dense arrays only: convert them")
    names = {i.name for i in model.graph.input}
    for given, what in ((shapes, "shapes"), (constants, "constants")):
        unknown = [n for n in given if n not in names]
        if unknown:
            raise MXNetError(f"{what} names {', '.join(unknown)}, which are no inputs of the model: {', '.join(sorted(names))}")
    for info in model.graph.input:
        if info.name in graph.values:
            continue  # a parameter, listed among the inputs as old files do
        if info.name in constants:
            graph.add_constant(info.name, np.asarray(constants[info.name]))
            continue
        graph.add_input(info.name, *_declared(info, shapes))
    walk.nodes(model.graph.node, {})
    if not model.graph.output:
        raise MXNetError("the model has no outputs; the file is damaged")
    missing = [o.name for o in model.graph.output if o.name not in graph.values]
    if missing:
        raise MXNetError(f"the model's outputs {', '.join(missing)} are computed by none of its nodes; the file is damaged")
    return graph


def _declared(info: Any, shapes: Mapping[str, Sequence[int]]) -> tuple[tuple[int, ...] | None, str]:
    """The shape, with -1 for open extents, and the type of an input."""
    if not info.type.HasField("tensor_type"):
        raise MXNetError(f"input {info.name!r} is no tensor but {info.type.WhichOneof('value')}; clsym has tensors only")
    kind = info.type.tensor_type
    dtype = element_type(kind.elem_type, f"input {info.name!r}")
    if info.name in shapes:
        return tuple(int(d) for d in shapes[info.name]), dtype
    if not kind.HasField("shape"):
        return None, dtype
    return tuple(int(d.dim_value) if d.HasField("dim_value") else -1 for d in kind.shape.dim), dtype


class Walk:
    """Goes through the nodes of a graph, and of functions, branches and loops inside it.

    Attributes
    ----------
    graph : Graph
    depth : int
        How deep the nodes at hand lie in functions, branches and loops.
    unrolled : int
        How many nodes loops have become so far.
    """

    def __init__(self, graph: Graph, model: Any) -> None:
        self.graph = graph
        self.local = {(f.domain, f.name): f for f in model.functions}
        self.depth = 0
        self.unrolled = 0  # nodes of loops

    def refuse_missing(self, proto: Any) -> None:
        """All operators that cannot be imported at once."""
        missing: dict[str, list[str]] = {}
        for node in proto.node:
            if not self._known(node):
                kind = f"{node.domain}.{node.op_type}" if node.domain not in ("", "ai.onnx") else node.op_type
                missing.setdefault(kind, []).append(node.name or (node.output[0] if node.output else ""))
        if missing:
            lines = [
                f"  {k}: {len(n)} node{'s' if len(n) > 1 else ''} ({', '.join(n[:3])}{', ...' if len(n) > 3 else ''})"
                for k, n in missing.items()
            ]
            raise MXNetError(
                f"{len(missing)} operators of the ONNX model have no equivalent in clsym:\n"
                + "\n".join(lines)
                + "\nReplace them in the model."
            )

    def _known(self, node: Any) -> bool:
        standard = node.domain in ("", "ai.onnx")
        if (standard and node.op_type in READERS) or (node.domain, node.op_type) in self.local:
            return True
        if node.op_type == "Constant" or (standard and (node.op_type == "If" or node.op_type in LOOPS)):
            return True
        return standard and body_of(node, self.graph.opset, None) is not None

    def nodes(self, protos: Sequence[Any], given: Mapping[str, Any]) -> None:
        """Import nodes in order; `given` are attributes of the function that they stand in."""
        for proto in protos:
            self._node(proto, given)

    def _node(self, proto: Any, given: Mapping[str, Any]) -> None:
        proto = resolved(proto, given)
        attrs = attributes(proto)
        node = Node(self.graph, proto.op_type, proto.name, proto.input, proto.output, attrs)
        if proto.op_type == "Constant":
            self._constant(node)
        elif proto.op_type == "If" and proto.domain in ("", "ai.onnx"):
            self._branch(node)
        elif proto.op_type in LOOPS and proto.domain in ("", "ai.onnx"):
            LOOPS[proto.op_type](self, node)
        elif not self._folded(proto, node):
            self._converted(proto, node)

    def _constant(self, node: Node) -> None:
        for key, kind in (
            ("value", None),
            ("value_float", "float32"),
            ("value_floats", "float32"),
            ("value_int", "int64"),
            ("value_ints", "int64"),
        ):
            if key in node.attrs:
                self.graph.add_constant(node.outputs[0], np.asarray(node.attrs[key], dtype=kind))
                return
        node.fail(f"its value is {', '.join(node.attrs) or 'missing'}; clsym has dense tensors of numbers only")

    def _branch(self, node: Node) -> None:
        """The branch that a known condition takes; of an unknown one both, and the results chosen between."""
        condition = node.value(0)
        if condition.constant is not None:
            found = self._taken(node, "then_branch" if bool(condition.constant.ravel()[0]) else "else_branch")
        else:
            found = [
                self._chosen(node, *pair) for pair in zip(self._taken(node, "then_branch"), self._taken(node, "else_branch"), strict=False)
            ]
        for value, outer in zip(found, node.outputs, strict=False):
            self.graph.values[outer] = value

    def _taken(self, node: Node, which: str) -> list[Value]:
        """What a branch gives."""
        chosen = node.attrs.get(which)
        if chosen is None:
            node.fail("the branch is missing")
        self.refuse_missing(chosen)
        self.enter(node)
        for proto in chosen.initializer:
            self.graph.add_constant(proto.name, tensor(proto, f"initializer {proto.name!r}"))
        self.nodes(chosen.node, {})
        self.depth -= 1
        return [self.graph.value(inner.name, node) for inner in chosen.output]

    def _chosen(self, node: Node, yes: Value, no: Value) -> Value:
        """The one or the other, by the condition."""
        if yes.shape is None or yes.shape != no.shape or yes.dtype != no.dtype or not known(yes.shape):
            node.fail(
                "its condition is only known when it runs, and its branches differ in shape", "give the condition with constants={...}"
            )
        flag = node.op("Reshape", node.cast(node[0], "float32"), shape=(1,) * len(yes.shape))
        made = node.op("where", node.op("broadcast_to", flag, shape=yes.shape), self.graph.symbol(yes), self.graph.symbol(no))
        name = f"{node.name}/{yes.name}"
        self.graph.add_result(name, made, yes.scalar)
        return self.graph.values[name]

    def enter(self, node: Node) -> None:
        """One level deeper."""
        self.depth += 1
        if self.depth > _DEEPEST:
            node.fail(f"functions and branches are nested more than {_DEEPEST} deep")

    def _folded(self, proto: Any, node: Node) -> bool:
        """Compute a node whose inputs are all known; also the shape of something whose shape is."""
        names = [n for n in proto.input if n]
        if proto.op_type in ("Shape", "Size") and names and node.value(0).constant is None:
            return False
        values = [self.graph.value(n, node) for n in names]
        if (
            not names
            or any(v.constant is None for v in values)
            or proto.op_type.startswith(("Random", "Bernoulli", "Multinomial", "Dropout"))
        ):
            return False
        if sum(v.constant.size for v in values if v.constant is not None) > _FOLD_LIMIT or (proto.domain, proto.op_type) in self.local:
            return False
        results = fold(proto, {n: v.constant for n, v in zip(names, values, strict=True) if v.constant is not None}, self.graph.opsets)
        if results is None:
            return False
        for name, value in zip([o for o in proto.output if o], results, strict=True):
            self.graph.add_constant(name, value)
        return True

    def _converted(self, proto: Any, node: Node) -> None:
        reader = READERS.get(proto.op_type) if proto.domain in ("", "ai.onnx") else None
        if reader is None:
            body = self.local.get((proto.domain, proto.op_type)) or body_of(proto, self.graph.opset, self._types(node))
            if body is None:
                node.fail("clsym has no equivalent of this operator")
            self._function(node, body if isinstance(body, Body) else Body.of(body))
            return
        try:
            made = reader(node)
        except MXNetError as exc:
            if "ONNX node" in str(exc):
                raise
            raise MXNetError(node.text(str(exc))) from exc
        except (TypeError, ValueError, LookupError, AttributeError, ArithmeticError) as exc:
            # attributes of a kind or length that the operator does not have
            raise MXNetError(node.text(f"its attributes or inputs do not fit the operator ({type(exc).__name__}: {exc})")) from exc
        self._store(node, made)

    def _store(self, node: Node, made: Any) -> None:
        results = [made] if isinstance(made, (Symbol, np.ndarray)) else list(made)
        scalar = bool(node.input_names) and all(self.graph.value(n, node).scalar for n in node.input_names if n)
        for name, result in zip(node.outputs, results, strict=False):
            if not name:
                continue
            if isinstance(result, np.ndarray):
                self.graph.add_constant(name, result)
            elif result is not None:
                self.graph.add_result(name, result, scalar)
        absent = [o for o, r in zip(node.outputs, [*results, *[None] * len(node.outputs)], strict=False) if o and r is None]
        if absent:
            node.fail(f"its output {absent[0]!r} has no equivalent in clsym")

    def _types(self, node: Node) -> list[tuple[str, PartialShape]]:
        values = [self.graph.value(n, node) if n else None for n in node.input_names]
        return [("", None) if v is None else (v.dtype, () if v.scalar else v.shape) for v in values]

    def _function(self, node: Node, body: Body) -> None:
        """The nodes of a function's body in its place, its names made apart from those outside."""
        self.enter(node)
        prefix = f"{node.name}/"
        inner = body.renamed(node, prefix)
        self.refuse_missing(inner)
        self.nodes(inner.node, {**body.defaults, **node.attrs})
        self.depth -= 1
        for name, outer in zip(inner.outputs, node.outputs, strict=False):
            if outer:
                self.graph.values[outer] = self.graph.value(name, node)
