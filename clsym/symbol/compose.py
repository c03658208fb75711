"""Making nodes from a user's call, and putting graphs into graphs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

from ..base import MXNetError, _Null
from ..graph.build import HIDDEN_KEYS, check_aux, fill_inputs, input_names, is_hidden
from ..graph.contract.ir import topological
from ..graph.contract.op import Entry, Node, Op
from ..graph.contract.subgraph import Subgraph
from ..naming import AttrScope, NameManager
from ..params import to_text

__all__ = ["change_new_nodes", "clone", "create_node", "replace_variables"]


def _attributes(op: Op, params: Mapping[str, Any], attr: Mapping[str, str] | None) -> dict[str, str]:
    """The text of all that a call says of a node. Attributes of the scope and of ``attr=`` win over keywords, as in MXNet."""
    try:
        scoped = cast(Any, AttrScope).current.get(attr)
    except TypeError as exc:
        raise TypeError(f"attr must be a dict of str to str, not {attr!r}") from exc
    texts: dict[str, str] = {}
    for name, value in (*params.items(), *scoped.items()):
        if value is _Null:
            continue
        texts[f"__{name}__" if name in HIDDEN_KEYS and name not in op.params else name] = to_text(value)
    for name in texts:
        for key in HIDDEN_KEYS:
            if name.endswith("_" + key) and not is_hidden(name) and name not in op.params:
                owner = name[: -len(key) - 1]
                raise MXNetError(
                    f"setting variable attributes with {name} is deprecated. Please instead use\n"
                    f"w = Variable({key}={texts[name]})\nsym = {op.name}({owner}=w)"
                )
    return texts


def create_node(
    op: Op,
    hint: str,
    inputs: Sequence[Entry | None],
    named: Mapping[str, Entry],
    params: Mapping[str, Any],
    name: str | None,
    attr: Mapping[str, str] | None,
    subgraphs: Sequence[Subgraph] = (),
) -> Node:
    """A new node; inputs that are not given become variables.

    Parameters
    ----------
    op, hint
        The operator, and the stem of an automatic name.
    inputs
        By position among ``op.inputs``, or, for a variadic operator, all of them; None where one is not given.
    named
        Further inputs by name.
    params
        Parameters and ``__x__`` attributes as given.
    name
        None for an automatic one.
    attr
        Attributes of the node.
    subgraphs
        The graphs that it holds.

    Raises
    ------
    MXNetError
        A parameter or an input that the operator doesn't have, a value that doesn't parse, a required one that is missing.
    """
    node_name = cast(Any, NameManager).current.get(name, hint)  # taken even by a call that fails, as in MXNet
    attrs = _attributes(op, params, attr)
    if op.variadic and op.variadic not in attrs:
        attrs[op.variadic] = str(len(inputs) + len(named))
    typed = op.parse({k: v for k, v in attrs.items() if k in op.params or not is_hidden(k)}, name or "")
    if subgraphs:
        typed = typed.replace(subgraphs=tuple(subgraphs))
    names = input_names(op, typed, f"operator {op.name}")
    if op.variadic or op.many:
        by_name: dict[str, Entry] = {}
        given: list[Entry | None] = list(inputs)
    else:
        by_name = {n: e for n, e in zip(op.inputs, inputs, strict=False) if e is not None}
        given = []
    by_name.update(named)
    if by_name:
        given += [None] * (len(names) - len(given))
        for key, entry in by_name.items():
            if key not in names or given[names.index(key)] is not None:
                problem = "is given twice" if key in names else "not found"
                candidates = "".join(f"\n\t[{i}]{n}" for i, n in enumerate(names))
                raise MXNetError(f"operator {op.name}: input argument name {key} {problem}. Candidate arguments:{candidates}")
            given[names.index(key)] = entry
    node = Node(op, node_name, typed, attrs, fill_inputs(op, names, node_name, attrs, given))
    check_aux(node)
    return node if _changes is None else _changes(node)


_changes: Callable[[Node], Node] | None = None


def change_new_nodes(change: Callable[[Node], Node] | None) -> None:
    """Let a function have every node that users make from now on, and give what stands for it; None ends that."""
    global _changes
    _changes = change


def clone(heads: Sequence[Entry], replacements: Mapping[int, Entry] | None = None) -> tuple[Entry, ...]:
    """A copy of a graph, sharing no node with it, in which some variables are replaced.

    Parameters
    ----------
    heads
        The outputs.
    replacements
        By identity of a variable, what stands in its place; that is not copied.
    """
    made: dict[int, Entry] = {}
    replacements = replacements or {}
    for node in topological(heads):
        if node.serial in replacements:
            made[node.serial] = replacements[node.serial]
            continue
        inputs = [_moved(made, e) for e in node.inputs]
        copy = Node(node.op, node.name, node.params, dict(node.attrs), inputs)
        if all(e.node.name == c.node.name for e, c in zip(node.inputs, inputs, strict=True)):
            copy.versions = node.versions
        check_aux(copy)
        made[node.serial] = copy.out()
    return tuple(_moved(made, h) for h in heads)


def _moved(made: Mapping[int, Entry], entry: Entry) -> Entry:
    target = made[entry.node.serial]
    return Entry(target.node, entry.index) if entry.index else target


def replace_variables(heads: Sequence[Entry], replacements: Mapping[str, Entry]) -> tuple[Entry, ...]:
    """A copy of a graph in which the variables of these names are replaced.

    Raises
    ------
    MXNetError
        A name is no variable of the graph.
    """
    variables = [n for n in topological(heads) if n.is_variable]
    present = {n.name for n in variables}
    for name in replacements:
        if name not in present:
            candidates = "".join(f"\n\t[{i}]{n.name}" for i, n in enumerate(variables))
            raise MXNetError(f"Symbol.ComposeKeyword argument name {name} not found. Candidate arguments:{candidates}")
    return clone(heads, {n.serial: replacements[n.name] for n in variables if n.name in replacements})
