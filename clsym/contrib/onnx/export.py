"""export_model(): the symbol's nodes in order, each through its converter."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ...base import MXNetError, dtype_name
from ...executor.inputs import apply_declared_shapes, declared_type
from ...graph.contract.ir import topological
from ...graph.contract.op import Entry, Node
from ...graph.contract.spec import PartialShape, show_shape
from ...graph.infer import infer_shapes, infer_types
from ...ndarray import NDArray, load
from ...symbol import Symbol
from ...symbol import load as load_symbol
from .model import Model, Tensor

__all__ = ["export_model"]

Key = tuple[int, int]
Dims = Sequence[Any]


def export_model(
    sym: Symbol | str | os.PathLike[str],
    params: Any,
    in_shapes: Sequence[Dims] | None = None,
    in_types: Any = np.float32,
    onnx_file_path: str | os.PathLike[str] = "model.onnx",
    verbose: bool = False,
    dynamic: bool = False,
    dynamic_input_shapes: Sequence[Dims] | None = None,
    run_shape_inference: bool = False,
    input_type: Any = None,
    input_shape: Sequence[Dims] | None = None,
) -> str:
    """Write a symbol with its parameters as an ONNX file, for inference.

    Loss layers become their prediction (``SoftmaxOutput`` a softmax), and labels are no inputs of the file. The file's inputs are the
    arguments that `params` lacks, in the symbol's order; its outputs have the names of the nodes.

    Parameters
    ----------
    sym : Symbol or str
        The symbol, or the path of its JSON file.
    params : dict, list of dict, or str
        Name to NDArray (or numpy array), with or without ``arg:`` and ``aux:`` in front; ``[arg_params, aux_params]``; or the path of a
        ``.params`` file.
    in_shapes : list of tuple of int
        A shape for each input. Shapes may be left out for variables that declare theirs.
    in_types : dtype or list of dtype
        For all inputs, or for each.
    onnx_file_path : str
        Where to write; replaced at once when the model is complete.
    verbose : bool
        Print each node.
    dynamic : bool
        Leave extents of the inputs open.
    dynamic_input_shapes : list of tuple, optional
        With `dynamic`: for each input its extents, of which None or a name are open; by default all are.
    run_shape_inference : bool
        Store the shapes of all tensors in the file.
    input_type, input_shape
        Old names of `in_types` and `in_shapes`.

    Returns
    -------
    str
        `onnx_file_path`.

    Raises
    ------
    MXNetError
        An operator has no converter, a shape or parameter is missing, or the onnx library is (``pip install 'clsym[onnx]'``).

    Notes
    -----
    After MXNet 1.9's ``mx.onnx.export_model``, also called ``mx.contrib.onnx.export_model``.
    """
    symbol = sym if isinstance(sym, Symbol) else load_symbol(os.fspath(sym))
    path = os.fspath(onnx_file_path)
    export = _Export(symbol, _parameters(params))
    shapes = in_shapes if in_shapes is not None else input_shape
    export.declare(shapes, in_types if input_type is None else input_type, dynamic, dynamic_input_shapes)
    export.convert(verbose)
    from .proto import write

    write(export.model, path, run_shape_inference)
    return path


def _parameters(params: Any) -> dict[str, np.ndarray]:
    """Plain names to numpy arrays."""
    if isinstance(params, (str, os.PathLike)):
        params = load(os.fspath(params))
    parts = list(params) if isinstance(params, (list, tuple)) else [params]
    found: dict[str, np.ndarray] = {}
    for part in parts:
        if not isinstance(part, Mapping):
            raise TypeError(f"params must be a dict of arrays, a list of two, or the path of a file with names, not {type(part).__name__}")
        for name, value in part.items():
            plain = name.removeprefix("arg:").removeprefix("aux:")
            found[plain] = value.asnumpy() if isinstance(value, NDArray) else np.asarray(value)
    return found


def _label_inputs(node: Node) -> set[int]:
    """Inputs that only the gradient reads."""
    if node.op is None or not node.op.is_loss:
        return set()
    return {i for i, name in enumerate(node.op.input_names(node.params)) if name == "label"}


def _needed(heads: Sequence[Entry], order: Sequence[Node]) -> set[int]:
    """The nodes that the outputs depend on, without those that only lead to a label."""
    needed = {h.node.serial for h in heads}
    for node in reversed(order):
        if node.serial in needed:
            skipped = _label_inputs(node)
            needed.update(e.node.serial for i, e in enumerate(node.inputs) if i not in skipped)
    return needed


class _Export:
    def __init__(self, symbol: Symbol, params: dict[str, np.ndarray]) -> None:
        self.symbol = symbol
        self.heads = list(symbol.entries)
        self.params = params
        self.order = topological(self.heads)
        self.needed = _needed(self.heads, self.order)
        self.variables = [n for n in self.order if n.is_variable]
        named = {n.name: n for n in self.variables if n.serial in self.needed and n.name not in params}
        self.inputs = list(named.values())
        self.model = Model()
        self.shapes: dict[Key, PartialShape] = {}
        self.dtypes: dict[Key, str | None] = {}

    # ----------------------------------------------------------------------------------------------------------------- inputs

    def _for_inputs(self, what: str, values: Sequence[Any]) -> dict[str, Any]:
        """By name: a value for each input; one for each label behind them may stand there as well."""
        every = list({n.name: n for n in self.variables if n.name not in self.params}.values())
        for nodes in (self.inputs, every):
            if len(values) == len(nodes):
                return {n.name: v for n, v in zip(nodes, values, strict=True)}
        names = ", ".join(n.name for n in self.inputs)
        raise MXNetError(
            f"export_model: {what} has {len(values)} items, the model has {len(self.inputs)} inputs: {names}. "
            "Give one for each in this order; what should be a parameter is missing in params"
        )

    def declare(self, in_shapes: Sequence[Dims] | None, in_types: Any, dynamic: bool, open_shapes: Sequence[Dims] | None) -> None:
        """Settle shapes and types of inputs and parameters, and infer the others."""
        given = {} if in_shapes is None else self._for_inputs("in_shapes", list(in_shapes))
        types = self._for_inputs("in_types", list(in_types)) if isinstance(in_types, (list, tuple)) else None
        labels: dict[str, tuple[str | None, ...]] = {}
        if dynamic:
            wanted = given if open_shapes is None else self._for_inputs("dynamic_input_shapes", list(open_shapes))
            for name, dims in wanted.items():
                closed = open_shapes is not None
                given[name] = tuple(int(d) if closed and isinstance(d, (int, np.integer)) and d > 0 else -1 for d in dims)
                labels[name] = tuple(d if isinstance(d, str) else None for d in dims)
        for node in self.variables:
            k = (node.serial, 0)
            if node.name in self.params:
                array = self.params[node.name]
                self.shapes[k], self.dtypes[k] = array.shape, dtype_name(array.dtype)
                continue
            if node.name in given:
                self.shapes[k] = tuple(-1 if int(d) <= 0 else int(d) for d in given[node.name])
            if types is not None and node.name in types:
                self.dtypes[k] = dtype_name(types[node.name])
            elif node.attrs.get("__dtype__"):
                self.dtypes[k] = declared_type(node)
            elif types is None and node.serial in self.needed:
                self.dtypes[k] = dtype_name(in_types)
        apply_declared_shapes([n for n in self.variables if n.name not in self.params], self.shapes)
        settled = dict(self.shapes)
        infer_shapes(self.order, self.shapes)
        if dynamic and in_shapes is not None:
            self._fill_from_samples(settled, self._for_inputs("in_shapes", list(in_shapes)))
        infer_types(self.order, self.dtypes)
        for node in self.inputs:
            shape = self.shapes.get((node.serial, 0))
            if shape is None or (not dynamic and any(d < 0 for d in shape)):
                raise MXNetError(
                    f"export_model: the shape of {node.name!r} is not known ({show_shape(shape)}): put it into in_shapes, or, if it is a "
                    "parameter, its array into params"
                )
            self.model.inputs.append(Tensor(node.name, shape, self._dtype((node.serial, 0)), labels.get(node.name, ())))

    def _fill_from_samples(self, settled: Mapping[Key, PartialShape], sizes: Mapping[str, Dims]) -> None:
        """Shapes that do not follow from open extents, from those of sample sizes: what differs between samples is open."""
        missing = [k for n in self.order for k in [(n.serial, i) for i in range(n.num_visible)] if self.shapes.get(k) is None]
        inputs = [n for n in self.inputs if n.name in sizes]
        plain = {(n.serial, 0): tuple(int(d) for d in sizes[n.name]) for n in inputs}
        if not missing or any(d <= 0 for s in plain.values() for d in s):
            return
        base = self._sampled(settled, plain)
        if base is None:
            return
        opens = [(k, a) for k, s in plain.items() for a in range(len(s)) if (settled.get(k) or ())[a : a + 1] == (-1,)]
        others = []
        for k, axis in opens:
            for size in (2 * plain[k][axis], plain[k][axis] + 1):  # a size that does not fit is bound by parameters
                shape = (*plain[k][:axis], size, *plain[k][axis + 1 :])
                found = self._sampled(settled, {**plain, k: shape})
                if found is not None:
                    others.append(found)
                    break
        for k in missing:
            first = base.get(k)
            if first is not None:
                every = [o.get(k) or first for o in others]
                self.shapes[k] = tuple(d if all(o[i] == d for o in every) else -1 for i, d in enumerate(first))

    def _sampled(self, settled: Mapping[Key, PartialShape], sizes: Mapping[Key, PartialShape]) -> dict[Key, PartialShape] | None:
        shapes = {**settled, **sizes}
        try:
            infer_shapes(self.order, shapes)
        except MXNetError:
            return None
        return shapes

    def _dtype(self, key: Key) -> str:
        return self.dtypes.get(key) or "float32"

    # ------------------------------------------------------------------------------------------------------------------ nodes

    def _output_names(self) -> list[str]:
        """The symbol's names; that of the node where it has one output. Repeated ones get a number."""
        names: list[str] = []
        for head in self.heads:
            name = head.node.name if head.node.num_visible == 1 else head.name
            taken = {*names, *(n.name for n in self.variables)}
            names.append(name if name not in taken else next(n for i in range(1, 1 << 30) if (n := f"{name}_{i}") not in taken))
        return names

    def convert(self, verbose: bool) -> None:
        """Write every node that the outputs need."""
        from . import converters as _converters  # noqa: F401  (fills the table)
        from .layer import Layer, convert

        outputs = self._output_names()
        self.model.used.update(outputs, (n.name for n in self.variables))
        tensors: dict[Key, str] = {}
        for node in self.order:
            if node.serial not in self.needed:
                continue
            if node.op is None:
                tensors[(node.serial, 0)] = node.name
                if node.name in self.params:
                    self.model.values[node.name] = self.params[node.name]
                continue
            skipped = _label_inputs(node)
            reads = [e for i, e in enumerate(node.inputs) if i not in skipped]
            made = [(node.serial, i) for i in range(node.num_outputs)]
            layer = Layer(
                self.model,
                node,
                [self._tensor(tensors, e, node) for e in reads],
                [(self.shapes.get((e.node.serial, e.index)), self._dtype((e.node.serial, e.index))) for e in reads],
                [(self.shapes.get(k), self._dtype(k)) for k in made[: node.num_visible]],
            )
            before = len(self.model.nodes)
            for i, name in enumerate(convert(layer)):
                tensors[(node.serial, i)] = name
            if verbose:
                print(f"{node.name} ({node.op.name}) -> {', '.join(n.op for n in self.model.nodes[before:]) or 'a constant'}")
        heads = []
        for head, name in zip(self.heads, outputs, strict=True):
            k = (head.node.serial, head.index)
            heads.append((self._tensor(tensors, head, head.node), Tensor(name, self.shapes[k] or (), self._dtype(k))))
        self.model.finish(heads)

    def _tensor(self, tensors: Mapping[Key, str], entry: Entry, reader: Node) -> str:
        found = tensors.get((entry.node.serial, entry.index))
        if found is None:
            raise MXNetError(
                f"ONNX export of node {reader.name!r}: it reads {entry.name!r}, an output of {entry.node.name!r} that has no equivalent in "
                "ONNX's inference operators; export a symbol without it"
            )
        return found
