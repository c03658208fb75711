"""Models as people keep them: a graph and its parameters, in two files, a folder or SageMaker's archive."""

from __future__ import annotations

import json
import re
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from . import ndarray as nd
from .base import MXNetError
from .symbol import Symbol, load, load_json

__all__ = ["Model", "load_model", "split_params"]

_LARGEST_GRAPH = 1 << 28
"""Bytes of a graph's JSON in an archive: more is no graph but a trap."""


@dataclass(frozen=True)
class Model:
    """A graph with its parameters.

    Attributes
    ----------
    symbol : Symbol
    arg_params, aux_params : dict of str to NDArray
        Arguments and auxiliary states, on ``cpu(0)``; those that the graph has not are left out.
    unused : list of str
        Names in the parameter file that the graph has not.
    shapes : dict of str to tuple of int
        Shapes of the inputs, where the model tells them.
    """

    symbol: Symbol
    arg_params: dict[str, nd.NDArray]
    aux_params: dict[str, nd.NDArray]
    unused: list[str] = field(default_factory=list)
    shapes: dict[str, tuple[int, ...]] = field(default_factory=dict)


def split_params(net: Symbol, found: Mapping[str, nd.NDArray]) -> tuple[dict[str, nd.NDArray], dict[str, nd.NDArray], list[str]]:
    """The arguments and the auxiliary states among arrays named ``arg:x``, ``aux:x`` or ``x``, and the names that the graph has not.

    >>> import clsym as mx
    >>> net = mx.sym.BatchNorm(mx.sym.var('data'), name='bn')
    >>> args, aux, unused = split_params(net, {'arg:bn_gamma': mx.nd.ones(2), 'bn_moving_var': mx.nd.ones(2), 'old': mx.nd.ones(1)})
    >>> list(args), list(aux), unused
    (['bn_gamma'], ['bn_moving_var'], ['old'])
    """
    arguments, states = set(net.list_arguments()), set(net.list_auxiliary_states())
    args, aux, unused = {}, {}, []
    for key, value in found.items():
        name = key[4:] if key.startswith(("arg:", "aux:")) else key
        if name in arguments:
            args[name] = value
        elif name in states:
            aux[name] = value
        else:
            unused.append(key)
    return args, aux, unused


def _named(found: Any, where: str) -> dict[str, nd.NDArray]:
    if not isinstance(found, dict):
        raise MXNetError(f"{where} holds {len(found)} arrays without names; a model's parameters have names such as 'arg:fc_weight'")
    return found


def _model(net: Symbol, found: Mapping[str, nd.NDArray], shapes: dict[str, tuple[int, ...]]) -> Model:
    return Model(net, *split_params(net, found), shapes)


def _shapes(text: str, where: str) -> dict[str, tuple[int, ...]]:
    """SageMaker's ``model-shapes.json``: a list of names with shapes."""
    try:
        return {str(entry["name"]): tuple(int(d) for d in entry["shape"]) for entry in json.loads(text)}
    except (ValueError, TypeError, KeyError) as exc:
        raise MXNetError(f"{where}: expected a list of {{'name': ..., 'shape': [...]}} ({type(exc).__name__}: {exc})") from exc


def _epoch(path: str) -> int:
    number = re.search(r"-(\d+)\.params$", path)
    return int(number[1]) if number else -1


def _choose(names: list[str], where: str) -> tuple[str, str | None, str | None]:
    """Which of a folder's or an archive's files are the graph, the parameters (of the last epoch) and the shapes."""
    graphs = [n for n in names if n.endswith(".json") and not n.endswith("-shapes.json")]
    graphs = [n for n in graphs if n.endswith("-symbol.json")] or graphs
    if len(graphs) != 1:
        raise MXNetError(f"{where}: expected one graph (*-symbol.json), found {len(graphs)}: {', '.join(sorted(graphs)[:5]) or 'none'}")
    stem = graphs[0].removesuffix(".json").removesuffix("-symbol")
    params = [n for n in names if n.endswith((".params", ".safetensors")) and n.startswith(stem)]
    shapes = [n for n in names if n.endswith("-shapes.json")]
    return graphs[0], max(params, key=_epoch, default=None), shapes[0] if len(shapes) == 1 else None


def _from_archive(path: Path) -> Model:
    try:
        with tarfile.open(path) as archive:
            members = {m.name.removeprefix("./"): m for m in archive.getmembers() if m.isfile()}
            graph, params, shapes = _choose(list(members), str(path))

            def content(name: str, limit: int | None = None) -> bytes:
                member = members[name]
                if limit is not None and member.size > limit:
                    raise MXNetError(f"{path}: {name} has {member.size} bytes; a graph has no more than {limit}")
                stream = archive.extractfile(member)
                data = stream.read() if stream else b""
                if len(data) != member.size:
                    raise MXNetError(f"{path}: {name} has {len(data)} of {member.size} bytes; the archive is truncated")
                return data

            def text(name: str) -> str:
                return content(name, _LARGEST_GRAPH).decode("utf-8-sig")

            net = load_json(text(graph))
            found = _named(nd.load_frombuffer(content(params)), f"{path}: {params}") if params else {}
            return _model(net, found, _shapes(text(shapes), f"{path}: {shapes}") if shapes else {})
    except (tarfile.TarError, EOFError, OSError, UnicodeDecodeError) as exc:
        raise MXNetError(f"{path} cannot be read as an archive: {exc}") from exc


def load_model(path: Any, params: Any = None) -> Model:
    """A model from the files that MXNet, Gluon and SageMaker write.

    Parameters
    ----------
    path : path-like
        A graph (``net-symbol.json``), the start of the files' names (``net``), a folder, or an archive (``model.tar.gz``).
    params : path-like, optional
        The parameters (``.params``, ``.safetensors``); default: those beside the graph, of the last epoch.

    Returns
    -------
    Model

    Raises
    ------
    MXNetError
        A file is missing or damaged, or the graph has operators that clsym has not: all of them are named.
    """
    where = Path(path)
    if where.is_file() and not where.name.endswith(".json"):
        if where.suffix in (".params", ".safetensors"):
            raise MXNetError(f"{where} holds parameters; give the graph first, as in {where.with_suffix('')}-symbol.json")
        return _from_archive(where)
    if where.is_dir():
        graph_name, params_name, shapes_name = _choose(sorted(p.name for p in where.iterdir() if p.is_file()), str(where))
        folder, shapes = where, shapes_name
    else:
        graph = where if where.name.endswith(".json") else where.with_name(f"{where.name}-symbol.json")
        folder, graph_name, shapes = graph.parent, graph.name, None
        names = sorted(p.name for p in folder.iterdir() if p.is_file()) if folder.is_dir() else []
        stem = graph_name.removesuffix(".json").removesuffix("-symbol")
        pattern = re.compile(re.escape(stem) + r"(-\d+)?\.(params|safetensors)")
        params_name = max((n for n in names if pattern.fullmatch(n)), key=_epoch, default=None)
    net = load(str(folder / graph_name))
    chosen = Path(params) if params is not None else folder / params_name if params_name else None
    found = _named(nd.load(str(chosen)), str(chosen)) if chosen is not None else {}
    return _model(net, found, _shapes((folder / shapes).read_text(), shapes) if shapes else {})
