"""Loops and branches of graphs: ``mx.sym.contrib.foreach``, ``while_loop`` and ``cond``.

The user's functions are called once, with variables; what they return becomes a graph inside a node. Nodes made meanwhile have the
attribute ``__subgraph_name__``, as in MXNet, whose files hold it: what such a node reads of the graph outside is cut off, and is an
input of the loop.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, cast

from ..base import MXNetError
from ..graph.build import hide_keys
from ..graph.contract.ir import topological
from ..graph.contract.op import Entry, Node
from ..graph.contract.registry import find_op
from ..graph.contract.subgraph import Subgraph
from ..graph.files.serialize import entry_versions
from ..naming import AttrScope
from .compose import create_node
from .register import operator
from .symbol import Symbol

__all__ = ["cond", "foreach", "while_loop"]

_ATTRIBUTE = "__subgraph_name__"
_counts: dict[str, int] = {}
Format = Any
"""How symbols are nested: 0 for one, a list for a list."""


def _flatten(value: Any, what: str) -> tuple[list[Symbol], Format]:
    if isinstance(value, Symbol):
        if len(value) != 1:
            raise MXNetError(f"{what}: {value!r} has {len(value)} outputs; give them one by one, as a list")
        return [value], 0
    if not isinstance(value, (list, tuple)):
        raise AssertionError(f"{what} must be (nested) list of Symbol, but got {value} of type {type(value)}")
    parts = [_flatten(v, what) for v in value]
    return [s for flat, _ in parts for s in flat], [fmt for _, fmt in parts]


def _regroup(symbols: list[Symbol], fmt: Format) -> Any:
    """The symbols, taken from the front of the list, nested as they were."""
    return symbols.pop(0) if fmt == 0 else [_regroup(symbols, f) for f in fmt]


def _unique_name(stem: str) -> str:
    outer = cast(Any, AttrScope).current.get().get(_ATTRIBUTE, "")
    name = f"{outer}${stem}" if outer else stem
    _counts[name] = _counts.get(name, 0) + 1
    return f"{name}{_counts[name] - 1}"


def _placeholder(entry: Entry) -> str:
    """The name of the variable that stands for a row or a state."""
    return f"{entry.node.name}-{entry.index}"


def _variable(name: str) -> Symbol:
    return Symbol(Node(None, name, attrs=hide_keys(cast(Any, AttrScope).current.get())).out())


class _Cut(NamedTuple):
    """A graph cut out of the one around it.

    Attributes
    ----------
    graph : Subgraph
    listed : list of Node
        Its variables, in MXNet's order.
    outside : dict of str to Entry
        What variables of these names were cut off from.
    """

    graph: Subgraph
    listed: list[Node]
    outside: dict[str, Entry]


def _cut(heads: Sequence[Entry], name: str) -> _Cut:
    """Part the nodes made within the scope `name` from those that they read."""
    made: dict[int, Node] = {}
    stand_ins: dict[tuple[int, int], Entry] = {}
    outside: dict[str, Entry] = {}

    def inner(entry: Entry) -> Entry:
        if entry.node.attrs.get(_ATTRIBUTE) == name:
            return Entry(made[entry.node.serial], entry.index)
        key = (entry.node.serial, entry.index)
        if key not in stand_ins:
            stand_ins[key] = Node(None, entry.name).out()
            outside[entry.name] = entry
        return stand_ins[key]

    for node in topological(heads):
        if node.attrs.get(_ATTRIBUTE) == name:
            made[node.serial] = (
                node if node.is_variable else Node(node.op, node.name, node.params, node.attrs, [inner(e) for e in node.inputs])
            )
    graph = Subgraph(tuple(inner(h) for h in heads))
    listed = [n for n in topological(graph.heads) if n.is_variable]
    names = [n.name for n in listed]
    if len(set(names)) < len(names):
        raise AssertionError(f"The inputs of the subgraph don't have unique names: {names}")
    return _Cut(graph, listed, outside)


def _own_heads(symbols: Sequence[Symbol], name: str, taken: Callable[[int, Symbol], bool]) -> list[Entry]:
    """The outputs of a function, each that is not made by it behind an identity, as is one that is taken already."""
    inputs = {n.name for n in topological([s._entries[0] for s in symbols]) if n.is_variable}
    heads = []
    for i, s in enumerate(symbols):
        node = s._entries[0].node
        foreign = node.name in inputs or node.attrs.get(_ATTRIBUTE, "") != name
        heads.append((operator("identity")(s) if foreign or taken(i, s) else s)._entries[0])
    return heads


def _input(cut: _Cut, node: Node) -> Entry:
    """What the loop reads for a variable of its body: what it was cut off from, or, made within, a copy of it."""
    found = cut.outside.get(node.name)
    return found if found is not None else Node(None, node.name, attrs=dict(node.attrs)).out()


def _loop_node(op: str, inputs: Sequence[Entry], graphs: Sequence[Subgraph], written: Mapping[int, int], params: Mapping[str, Any]) -> Node:
    """The node; `written`: version numbers of the inputs that the body writes, by place."""
    count = len(inputs) + len(graphs)
    node = create_node(find_op(op), op, list(inputs), {}, {"num_args": count, **params}, None, None, graphs)
    if written:
        node.versions = tuple(written.get(i, 0) for i in range(len(inputs)))
    return node


def foreach(body: Callable[..., Any], data: Any, init_states: Any, name: str = "foreach") -> tuple[Any, Any]:
    """A loop over axis 0 of some symbols.

    ``out[t], states[t + 1] = body(data[t], states[t])``

    Parameters
    ----------
    body : callable
        ``body(data, states) -> (outputs, states)``, called once with variables. It may use symbols from outside.
    data : Symbol or nested list of Symbol
        What the loop goes through.
    init_states : Symbol or nested list of Symbol
        The first states. The body must return new ones, nested alike.
    name : str
        A stem for the attribute ``__subgraph_name__`` of the body's nodes.

    Returns
    -------
    outputs, states
        The body's outputs, stacked along a new axis 0, and the states in the end; nested as the body returned them.

    Raises
    ------
    AssertionError
        Something else than symbols was given or returned, the states came back in another form, or a row or state is not used.

    Examples
    --------
    >>> import clsym as mx
    >>> outs, last = mx.sym.contrib.foreach(lambda x, s: (x + s, x + s), mx.sym.var('x'), mx.sym.var('s'))
    >>> outs.eval(x=mx.nd.array([[1], [2], [3]]), s=mx.nd.array([10]))[0].asnumpy().tolist()
    [[11.0], [13.0], [16.0]]
    """
    rows, row_format = _flatten(data, "foreach input")
    states, state_format = _flatten(init_states, "foreach states")
    scope = _unique_name(name)
    row_names, state_names = ([_placeholder(s._entries[0]) for s in part] for part in (rows, states))
    with AttrScope(**{_ATTRIBUTE: scope}):
        given = _regroup([_variable(n) for n in row_names], row_format), _regroup([_variable(n) for n in state_names], state_format)
        outputs, new_states = body(*given)
        outs, out_format = _flatten(outputs, "foreach output")
        news, new_format = _flatten(new_states, "foreach loop_vars")
        if new_format != state_format:
            raise AssertionError("The input and output loop_vars have different format")
        out_names = {s.name for s in outs}
        heads = _own_heads([*outs, *news], scope, lambda i, s: i >= len(outs) and s.name in out_names)
    cut = _cut(heads, scope)
    listed = [n.name for n in cut.listed]
    for names, what in ((row_names, "data"), (state_names, "state")):
        if not set(names) <= set(listed):
            raise AssertionError(f"the {what} arrays have to be used in the loop body")
    rest = [i for i, n in enumerate(listed) if n in cut.outside or (n not in row_names and n not in state_names)]
    inputs = [*(s._entries[0] for s in (*rows, *states)), *(_input(cut, cut.listed[i]) for i in rest)]
    _, writes = entry_versions(topological(cut.graph.heads))
    first = len(rows) + len(states)
    written = {first + k: writes[cut.listed[i].serial] for k, i in enumerate(rest) if cut.listed[i].serial in writes}
    node = _loop_node(
        "_foreach", inputs, [cut.graph], written,
        {
            "num_outputs": len(heads), "num_out_data": len(outs), "in_state_locs": [listed.index(n) for n in state_names],
            "in_data_locs": [listed.index(n) for n in row_names], "remain_locs": rest,
        },
    )  # fmt: skip
    results = [Symbol(node.out(i)) for i in range(len(heads))]
    return _regroup(results, out_format), _regroup(results, new_format)


def while_loop(
    cond: Callable[..., Any], func: Callable[..., Any], loop_vars: Any, max_iterations: int | None = None, name: str = "while_loop"
) -> tuple[Any, Any]:
    """A loop that goes on as long as a condition of its variables holds.

    Parameters
    ----------
    cond : callable
        ``cond(*loop_vars)``, a symbol of one number.
    func : callable
        ``func(*loop_vars) -> (outputs, new_loop_vars)``.
    loop_vars : list of Symbol
        The first values; nested lists are allowed.
    max_iterations : int
        The most turns.
    name : str
        A stem for the attribute ``__subgraph_name__`` of the nodes within.

    Returns
    -------
    outputs, states
        The outputs of `func`, stacked along a new axis 0 of `max_iterations` rows, zero where there was no turn, and the variables in the
        end.

    Raises
    ------
    ValueError
        `max_iterations` is missing or no number, there are no variables, their number changes, or one is not used.

    Examples
    --------
    >>> import clsym as mx
    >>> outs, (last,) = mx.sym.contrib.while_loop(lambda i: i < 3, lambda i: (i * 2, [i + 1]), [mx.sym.var('i')], max_iterations=4)
    >>> [o.asnumpy().tolist() for o in mx.sym.Group([outs, last]).eval(i=mx.nd.array([1]))]
    [[[2.0], [4.0], [0.0], [0.0]], [3.0]]
    """
    if max_iterations is None:
        raise ValueError("max_iterations should be specified")
    try:
        most = int(max_iterations)
    except (TypeError, ValueError) as exc:
        raise ValueError("Cannot convert max_iteration to python int") from exc
    if isinstance(loop_vars, Symbol):
        loop_vars = [loop_vars]
    if len(loop_vars) == 0:
        raise ValueError("loop_vars should contain at least one element")
    variables, variable_format = _flatten(loop_vars, "while loop_vars")
    names = [_placeholder(s._entries[0]) for s in variables]

    def cut_out(stem: str, call: Callable[[list[Any]], list[Symbol]]) -> _Cut:
        scope = _unique_name(stem)
        with AttrScope(**{_ATTRIBUTE: scope}):
            found = call(_regroup([_variable(n) for n in names], variable_format))
            return _cut(_own_heads(found, scope, lambda i, s: False), scope)

    formats: list[Format] = []

    def call_func(given: list[Any]) -> list[Symbol]:
        outputs, fresh = func(*given)
        outputs, fresh = [] if outputs is None else outputs, [] if fresh is None else fresh
        outs, out_format = _flatten(outputs, "while output")
        news, _ = _flatten(fresh, "while loop_vars")
        if len(news) != len(variables):
            raise ValueError("The number of loop_vars should be consistent during the loop")
        formats.extend((out_format, len(outs)))
        return [*outs, *news]

    def call_cond(given: list[Any]) -> list[Symbol]:
        answer, _ = _flatten(cond(*given), "while cond")
        if len(answer) != 1:
            raise ValueError("cond should return one symbol")
        return answer

    asking, running = cut_out(f"{name}_cond", call_cond), cut_out(f"{name}_func", call_func)
    out_format, num_out = formats
    inputs: list[Entry] = []
    place: dict[str, int] = {}  # of the loop's variables
    locations = []
    for part in (asking, running):
        found = []
        for node in part.listed:
            if node.name in names and node.name not in part.outside:
                if node.name not in place:
                    place[node.name] = len(inputs)
                    inputs.append(variables[names.index(node.name)]._entries[0])
                found.append(place[node.name])
            else:
                found.append(len(inputs))
                inputs.append(_input(part, node))
        locations.append(found)
    listed = [n.name for n in running.listed]
    for i, n in enumerate(names, 1):
        if n not in listed:
            raise ValueError(f"The {i}-th loop_var doesn't involve into the computation")
    node = _loop_node(
        "_while_loop", inputs, [asking.graph, running.graph], {},
        {
            "max_iterations": most, "cond_input_locs": locations[0], "func_input_locs": locations[1],
            "func_var_locs": [listed.index(n) for n in names], "num_out_data": num_out, "num_outputs": num_out + len(variables),
        },
    )  # fmt: skip
    results = [Symbol(node.out(i)) for i in range(num_out + len(variables))]
    return _regroup(results, out_format), _regroup(results, variable_format)


def cond(pred: Any, then_func: Callable[[], Any], else_func: Callable[[], Any], name: str = "cond") -> Any:
    """One of two results, as a condition says; only that one is computed.

    Parameters
    ----------
    pred : Symbol
        Of one number.
    then_func, else_func : callable
        Without arguments; what each returns, symbols in lists, must be as many, of the same shapes and types.
    name : str
        A stem for the attribute ``__subgraph_name__`` of the nodes within.

    Returns
    -------
    outputs : Symbol or nested list of Symbol
        As `then_func` returned them.

    Raises
    ------
    ValueError
        The two return different numbers of symbols, or `pred` is not one.

    Examples
    --------
    >>> import clsym as mx
    >>> a, b = mx.sym.var('a'), mx.sym.var('b')
    >>> net = mx.sym.contrib.cond(a * b < 5, lambda: a + b, lambda: a - b)
    >>> [float(net.eval(a=mx.nd.array([v]), b=mx.nd.array([2]))[0].asscalar()) for v in (1.0, 3.0)]
    [3.0, 1.0]
    """
    formats: list[Format] = []

    def cut_out(stem: str, call: Callable[[], Any]) -> _Cut:
        scope = _unique_name(f"{name}_{stem}")
        with AttrScope(**{_ATTRIBUTE: scope}):
            found, fmt = _flatten(call(), "cond outputs")
            formats.append(fmt)
            return _cut(_own_heads(found, scope, lambda i, s: False), scope)

    asking = cut_out("pred", lambda: pred)
    if len(asking.graph.heads) != 1:
        raise ValueError("pred should always be a single output")
    branches = cut_out("then", then_func), cut_out("else", else_func)
    count = len(branches[0].graph.heads)
    if len(branches[1].graph.heads) != count:
        raise ValueError("Number of outputs differs between then-branch and else-branch")
    inputs: list[Entry] = []
    locations = []
    for part in (asking, *branches):
        have = {e.name: i for i, e in enumerate(inputs) if e.node.is_variable}
        found = []
        for node in part.listed:
            if node.name in have:
                found.append(have[node.name])
            else:
                found.append(len(inputs))
                inputs.append(_input(part, node))
        locations.append(found)
    node = _loop_node(
        "_cond", inputs, [asking.graph, *(b.graph for b in branches)], {},
        {"cond_input_locs": locations[0], "then_input_locs": locations[1], "else_input_locs": locations[2], "num_outputs": count},
    )  # fmt: skip
    return _regroup([Symbol(node.out(i)) for i in range(count)], formats[1])
