"""``clsym inspect``: what a model file holds, and whether clsym can run it."""

from __future__ import annotations

import argparse
import json
from typing import Any

import numpy as np

from .base import MXNetError
from .graph.contract.facets import Estimated
from .graph.contract.ir import topological
from .graph.contract.registry import facet
from .graph.contract.spec import TensorSpec
from .graph.files.deserialize import missing_operators, operators_of
from .model_arguments import shapes_of
from .symbol import Symbol, load_json
from .symbol.text import read_text

__all__ = ["describe_graph", "multiply_adds", "run"]


def multiply_adds(net: Symbol, **shapes: tuple[int, ...]) -> dict[str, int]:
    """Multiply-adds of one inference by operator: of convolutions, matrix products and what is made of them.

    Parameters
    ----------
    net : Symbol
    shapes : tuples of int
        Of the inputs, by name.

    Raises
    ------
    MXNetError
        The shapes contradict one another or don't determine everything.

    Examples
    --------
    >>> import clsym as mx
    >>> multiply_adds(mx.sym.FullyConnected(mx.sym.var('x'), num_hidden=4, name='fc'), x=(2, 3))
    {'FullyConnected': 24}
    """
    specs: dict[tuple[int, int], TensorSpec] = {}
    inside = net.get_internals()
    found = inside.infer_shape_partial(**shapes)[1]
    for entry, shape in zip(inside.entries, found, strict=True):
        if not shape or 0 in shape:
            raise MXNetError(f"multiply-adds: the shapes of {', '.join(shapes)} do not determine that of {entry.node.name}")
        specs[(entry.node.serial, entry.index)] = TensorSpec(tuple(shape), "float32")
    result: dict[str, int] = {}
    for node in topological(net.entries):
        op = node.op
        estimate = None if op is None else facet(op, Estimated)
        if op is None or estimate is None or not estimate.multiply_adds:
            continue
        ins = [specs[(e.node.serial, e.index)] for e in node.inputs]
        outs = [specs.get((node.serial, i), ins[0]) for i in range(node.num_outputs)]
        result[op.name] = result.get(op.name, 0) + estimate.cost(node.params, ins, outs)[0] // 2
    return result


def describe_graph(text: str, shapes: dict[str, tuple[int, ...]] | None = None) -> dict[str, Any]:
    """What a symbol JSON holds, as plain data; `shapes` of the inputs add sizes, multiply-adds and memory."""
    operators = operators_of(text)
    found: dict[str, Any] = {
        "operators": {name: len(nodes) for name, nodes in sorted(operators.items(), key=lambda item: -len(item[1]))},
        "missing": missing_operators(text),
    }
    if found["missing"]:
        return found
    net = load_json(text)
    found["arguments"], found["auxiliary_states"] = net.list_arguments(), net.list_auxiliary_states()
    found["outputs"] = net.list_outputs()
    if not shapes:
        return found
    net = net.strip_training_head()
    work = multiply_adds(net, **shapes)
    arguments, outputs, states = net.infer_shape(**shapes)
    names = net.list_arguments()
    parameters = {n: s for n, s in zip(names, arguments, strict=True) if n not in shapes}
    parameters.update(zip(net.list_auxiliary_states(), states, strict=True))
    bound: dict[str, Any] = {"grad_req": "null", **shapes}
    report = net.plan(**bound).memory_report()
    found.update(
        shapes={n: list(s) for n, s in shapes.items()},
        output_shapes={n: list(s) for n, s in zip(net.list_outputs(), outputs, strict=True)},
        parameters=int(sum(np.prod(s) for s in parameters.values())),
        parameter_bytes=int(sum(np.prod(s) for s in parameters.values())) * 4,
        multiply_adds=sum(work.values()),
        multiply_adds_by_operator=work,
        arena_bytes=report.arena_bytes,
        total_bytes=report.total_bytes,
    )
    return found


def _inputs(found: dict[str, Any]) -> list[str]:
    """Arguments that do not look like parameters: those that a layer's name and `_weight` and the like did not make."""
    endings = ("_weight", "_bias", "_gamma", "_beta", "_parameters", "_label", "label")
    return [n for n in found["arguments"] if not n.endswith(endings)]


def _text(found: dict[str, Any]) -> str:
    lines = ["operators"]
    width = max((len(n) for n in found["operators"]), default=0)
    for name, count in found["operators"].items():
        missing = "   not in clsym" if name in found["missing"] else ""
        work = found.get("multiply_adds_by_operator", {}).get(name)
        share = f"   {work / 1e6:12,.1f} M multiply-adds" if work else ""
        lines.append(f"  {name:{width}}  {count:6d}{share}{missing}")
    if found["missing"]:
        lines.append("\nmissing: the model cannot be loaded")
        for name, nodes in found["missing"].items():
            lines.append(f"  {name}: {len(nodes)} nodes ({', '.join(nodes[:5])}{', ...' if len(nodes) > 5 else ''})")
        lines.append("`clsym operators --absent` says why; an operator of your own: clsym.extension.register.")
        return "\n".join(lines)
    lines.append(f"\ninputs           {', '.join(_inputs(found)[:8]) or '(none found by name)'}")
    lines.append(f"outputs          {', '.join(found['outputs'][:8])}")
    lines.append(f"arguments        {len(found['arguments'])}, auxiliary states {len(found['auxiliary_states'])}")
    if "arena_bytes" in found:
        lines.append(f"output shapes    {', '.join(f'{n} {tuple(s)}' for n, s in list(found['output_shapes'].items())[:8])}")
        lines.append(f"parameters       {found['parameters']:,} ({found['parameter_bytes'] / 2**20:,.1f} MiB as float32)")
        lines.append(f"multiply-adds    {found['multiply_adds'] / 1e6:,.1f} M")
        lines.append(f"arena            {found['arena_bytes'] / 2**20:,.2f} MiB; all buffers {found['total_bytes'] / 2**20:,.2f} MiB")
    else:
        lines.append("Give --shape NAME=N,C,H,W for parameters, multiply-adds and memory.")
    return "\n".join(lines)


def run(args: argparse.Namespace) -> int:
    """The command; returns the exit status: 1 if operators are missing."""
    found = describe_graph(read_text(args.model), shapes_of(args)[0] if args.shape else None)
    print(json.dumps(found, indent=2) if args.json else _text(found))
    return 1 if found["missing"] else 0
