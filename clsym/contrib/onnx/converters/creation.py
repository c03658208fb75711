"""Tensors that depend on no values: constants of the file."""

from __future__ import annotations

import numpy as np

from ....graph.contract.spec import known
from ..layer import Layer, converter


def _constant(layer: Layer, array: np.ndarray) -> str:
    return layer.const(array, layer.out_dtypes[0])


@converter("_zeros", "_zeros_without_dtype", "_ones", "_full")
def _filled(layer: Layer) -> str:
    value = layer.p.value if layer.op.name == "_full" else int(layer.op.name == "_ones")
    return _constant(layer, np.full(layer.shape(layer.out_shapes[0]), value))


@converter("zeros_like", "ones_like")
def _filled_like(layer: Layer) -> str:
    value = int(layer.op.name == "ones_like")
    if known(layer.out_shapes[0]):
        return _constant(layer, np.full(layer.out_shapes[0], value))
    return layer.emit("Expand", _constant(layer, np.asarray(value)), layer.emit("Shape", layer.x))


@converter("_eye")
def _eye(layer: Layer) -> str:
    rows, columns = layer.out_shapes[0]
    return _constant(layer, np.eye(rows, columns, layer.p.k))


@converter("_arange")
def _arange(layer: Layer) -> str:
    (n,) = layer.shape(layer.out_shapes[0])
    return _constant(layer, layer.p.start + layer.p.step * (np.arange(n) // layer.p.repeat))


@converter("_linspace")
def _linspace(layer: Layer) -> str:
    return _constant(layer, np.linspace(layer.p.start, layer.p.stop, layer.p.num, endpoint=layer.p.endpoint))


@converter("_contrib_arange_like")
def _arange_like(layer: Layer) -> str:
    shape = layer.shape(layer.out_shapes[0])
    n = int(np.prod(shape))
    return _constant(layer, (layer.p.start + layer.p.step * (np.arange(n) // layer.p.repeat)).reshape(shape))


@converter("_contrib_index_array")
def _index_array(layer: Layer) -> str:
    shape = layer.shape(layer.in_shapes[0])
    axes = range(layer.rank) if layer.p.axes is None else [a % layer.rank for a in layer.p.axes]
    return _constant(layer, np.stack([np.indices(shape)[a] for a in axes], axis=-1))
