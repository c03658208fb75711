"""`plot_network`: a graph as a drawing of the graphviz library."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..differences import differs
from ..graph.contract.ir import key, topological
from ..graph.contract.op import Node
from ..symbol import Symbol
from ..symbol.layers import inferred_shapes

__all__ = ["plot_network"]

_NODE = {"shape": "box", "fixedsize": "true", "width": "1.3", "height": "0.8034", "style": "filled"}
_VARIABLE, _LAYER, _OTHER = "#8dd3c7", "#fb8072", "#fccde5"
_COLOURS = {
    "Convolution": _LAYER, "FullyConnected": _LAYER, "BatchNorm": "#bebada", "Activation": "#ffffb3", "LeakyReLU": "#ffffb3",
    "Pooling": "#80b1d3", "Concat": "#fdb462", "Flatten": "#fdb462", "Reshape": "#fdb462",
}  # fmt: skip
_WEIGHTS = ("_weight", "_bias", "_beta", "_gamma", "_moving_var", "_moving_mean", "_running_var", "_running_mean")


def _times(text: str) -> str:
    """``(5, 5)`` as 5x5."""
    return "x".join(re.findall(r"\d+", text))


def _label(node: Node, name: str) -> str:
    """What is written into the node of an operator: `name`, or what the layer is."""
    assert node.op is not None
    kind, attrs = node.op.name, node.attrs
    if kind == "Convolution":
        return f"Convolution\n{_times(attrs['kernel'])}/{_times(attrs.get('stride', '1'))}, {attrs['num_filter']}"
    if kind == "FullyConnected":
        return f"FullyConnected\n{attrs['num_hidden']}"
    if kind in ("Activation", "LeakyReLU"):
        return f"{kind}\n{attrs.get('act_type', 'Leaky')}"
    if kind == "Pooling":
        return f"Pooling\n{attrs.get('pool_type', 'max')}, {_times(attrs.get('kernel', ''))}/{_times(attrs.get('stride', '1'))}"
    if kind == "Custom":
        return attrs["op_type"]
    return name


def _identifiers(order: Sequence[Node]) -> dict[int, str]:
    """What the nodes are called in DOT: their names, but where that is taken already or DOT reads something else into it."""
    found: dict[int, str] = {}
    taken = {n.name for n in order}
    used: set[str] = set()
    for i, node in enumerate(order):
        name = node.name
        if name in used or ":" in name or "\\" in name or (name.startswith("<") and name.endswith(">")):
            name = f"node{i}"
            while name in taken:
                name += "_"
        taken.add(name)
        used.add(name)
        found[node.serial] = name
    return found


def _types(symbol: Symbol, given: Mapping[str, Any]) -> dict[tuple[int, int], str]:
    internals = symbol.get_internals()
    outputs = internals.infer_type(**given)[1]
    if outputs is None:
        raise ValueError("Input type is incomplete")
    return {key(e): np.dtype(t).name for e, t in zip(internals.entries, outputs, strict=True)}


def plot_network(
    symbol: Symbol,
    title: str = "plot",
    save_format: str = "pdf",
    shape: Mapping[str, tuple[int, ...]] | None = None,
    dtype: Mapping[str, Any] | None = None,
    node_attrs: Mapping[str, str] = {},
    hide_weights: bool = True,
) -> Any:
    """Draw a graph with the graphviz library (``pip install 'clsym[viz]'``).

    The text of the drawing, ``.source``, needs nothing else; ``.view()``, ``.render()`` and notebooks need the program ``dot``.

    Parameters
    ----------
    symbol : Symbol
    title : str
        The name of the drawing and of its files.
    save_format : str
        What ``.render()`` writes: ``'pdf'``, ``'svg'``, ``'png'`` ...
    shape : dict of str to tuple of int
        Shapes of the inputs: the edges then show shapes, without the batch.
    dtype : dict of str to type
        Element types of the inputs: the edges then show types.
    node_attrs : dict of str to str
        Attributes of all nodes, by graphviz's names: ``{'shape': 'oval', 'fixedsize': 'false'}``.
    hide_weights : bool
        Leave out variables that are called as weights, biases and moving averages are.

    Returns
    -------
    graphviz.Digraph

    Raises
    ------
    ImportError
        The graphviz library is not installed.
    TypeError
        `symbol` is no Symbol; `shape` or `dtype` is no dict.
    ValueError
        `shape` or `dtype` doesn't determine everything.

    Examples
    --------
    >>> import clsym as mx
    >>> net = mx.sym.Activation(mx.sym.var('data'), act_type='relu', name='relu1')
    >>> print(mx.viz.plot_network(net, shape={'data': (2, 3, 4)}).source.splitlines()[-2].strip())
    relu1 -> data [label="3x4" arrowtail=open dir=back]
    """
    try:
        import graphviz
    except ImportError as exc:
        raise ImportError("Draw network requires graphviz library: pip install 'clsym[viz]'") from exc
    if not isinstance(symbol, Symbol):
        raise TypeError("symbol must be a Symbol")
    shapes = None if shape is None else inferred_shapes(symbol.entries, shape)
    types = None if dtype is None else _types(symbol, dtype)
    style = {**_NODE, **{k: str(v) for k, v in node_attrs.items()}}
    order = topological(symbol.entries)
    names = _identifiers(order)
    weights = {n.serial for n in order if n.is_variable and n.name.endswith(_WEIGHTS)}
    dot = graphviz.Digraph(name=graphviz.nohtml(title), format=save_format)
    for node in order:
        if node.serial in weights:
            continue
        name = graphviz.escape(node.name)
        if node.op is None:
            dot.node(names[node.serial], name, **{**style, "shape": "oval", "fillcolor": _VARIABLE})
        else:
            dot.node(names[node.serial], _label(node, name), **{**style, "fillcolor": _COLOURS.get(node.op.name, _OTHER)})
    for node in order:
        for entry in node.inputs:
            if hide_weights and entry.node.serial in weights:
                continue
            label = "" if shapes is None else "x".join(map(str, shapes[key(entry)][1:]))
            if types is not None:
                label += f"({types[key(entry)]})"
            dot.edge(names[node.serial], names[entry.node.serial], label=label, dir="back", arrowtail="open")
    return dot


differs(
    "plot_network", "Layers without a pool_type are drawn",
    "print(mx.viz.plot_network(mx.sym.Pooling(mx.sym.var('data'), kernel=(2, 2), name='p')).source.count('max, 2x2/1'))",
    ours="1", mxnet="KeyError: 'pool_type'",
    why="pool_type has a default. Names that DOT reads as markup, ports or escapes are drawn as they are, too.",
)  # fmt: skip
