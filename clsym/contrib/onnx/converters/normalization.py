"""Batch, layer, instance, group and L2 normalisation, and local response normalisation."""

from __future__ import annotations

import numpy as np

from ..layer import Layer, converter


def _moved(layer: Layer, axis: int, to: int) -> tuple[list[int], list[int]]:
    """The order of axes that brings `axis` to place `to`, and the order back."""
    order = [a for a in range(layer.rank) if a != axis]
    order.insert(to, axis)
    return order, list(np.argsort(order))


@converter("BatchNorm", "BatchNorm_v1", "_contrib_SyncBatchNorm")
def _batch_norm(layer: Layer) -> str:
    x, gamma, beta, mean, variance = layer.ins
    p = layer.p
    axis = layer.axis(getattr(p, "axis", 1))
    if p.fix_gamma:
        gamma = layer.const(np.ones(layer.extent(1, 0)), layer.in_dtypes[1])
    order, back = _moved(layer, axis, 1)
    made = layer.emit("BatchNormalization", layer.transpose(x, order), gamma, beta, mean, variance, epsilon=p.eps)
    return layer.transpose(made, back)


@converter("_contrib_BatchNormWithReLU")
def _batch_norm_relu(layer: Layer) -> str:
    made = _batch_norm(layer)
    assert isinstance(made, str)
    return layer.emit("Relu", made)


@converter("LayerNorm")
def _layer_norm(layer: Layer) -> str:
    order, back = _moved(layer, layer.axis(layer.p.axis), layer.rank - 1)
    made = layer.emit("LayerNormalization", layer.transpose(layer.x, order), *layer.ins[1:], axis=-1, epsilon=layer.p.eps)
    return layer.transpose(made, back)


@converter("InstanceNorm")
def _instance_norm(layer: Layer) -> str:
    return layer.emit("InstanceNormalization", *layer.ins, epsilon=layer.p.eps)


@converter("GroupNorm")
def _group_norm(layer: Layer) -> str:
    """Groups as the channels of an instance normalisation: MXNet's gamma and beta are one for each group."""
    groups = layer.reshape(layer.x, (0, layer.p.num_groups, -1))
    return layer.reshape(layer.emit("InstanceNormalization", groups, *layer.ins[1:], epsilon=layer.p.eps), layer.out_shapes[0])


@converter("L2Normalization")
def _l2_normalization(layer: Layer) -> str:
    axes = {"instance": range(1, layer.rank), "channel": range(1, 2), "spatial": range(2, layer.rank)}[layer.p.mode]
    total = layer.emit("ReduceSum", layer.emit("Mul", layer.x, layer.x), layer.ints(*axes), keepdims=1)
    return layer.emit("Div", layer.x, layer.emit("Sqrt", layer.emit("Add", total, layer.const(layer.p.eps))))


@converter("LRN")
def _lrn(layer: Layer) -> str:
    p = layer.p
    return layer.emit("LRN", layer.x, alpha=p.alpha, beta=p.beta, bias=p.knorm, size=p.nsize)
