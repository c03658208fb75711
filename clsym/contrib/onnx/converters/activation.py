"""Activation, LeakyReLU, and softmax in all its forms."""

from __future__ import annotations

from ..layer import Layer, converter
from .elementwise import gelu

_ACTIVATION = {"relu": "Relu", "sigmoid": "Sigmoid", "tanh": "Tanh", "softrelu": "Softplus", "softsign": "Softsign"}


@converter("Activation")
def _activation(layer: Layer) -> str:
    name = _ACTIVATION.get(layer.p.act_type)
    if name is None:
        layer.fail(f"act_type={layer.p.act_type!r}", f"use one of {', '.join(_ACTIVATION)}")
    return layer.emit(name, layer.x)


@converter("LeakyReLU")
def _leaky_relu(layer: Layer) -> str:
    p, kind = layer.p, layer.p.act_type
    if kind == "gelu":
        return gelu(layer, layer.x, layer.dtype)
    if kind == "selu":
        return layer.emit("Selu", layer.x)
    if kind == "elu":
        return layer.emit("Elu", layer.x, alpha=p.slope)
    if kind != "prelu":
        return layer.emit("LeakyRelu", layer.x, alpha=p.slope if kind == "leaky" else (p.lower_bound + p.upper_bound) / 2)
    slope = layer.ins[1]
    trailing = layer.rank - 2
    if layer.in_shapes[1] != (1,) and trailing > 0:  # one a channel, which is axis 1
        slope = layer.reshape(slope, (-1, *(1,) * trailing))
    return layer.emit("PRelu", layer.x, slope)


def _softmax(layer: Layer, x: str, axis: int, name: str = "Softmax") -> str:
    return layer.emit(name, x, axis=axis)


def _over_the_rest(layer: Layer) -> str:
    """Softmax over all axes but the first."""
    if layer.rank == 2:
        return _softmax(layer, layer.x, 1)
    flat = _softmax(layer, layer.emit("Flatten", layer.x, axis=1), 1)
    return layer.reshape(flat, layer.out_shapes[0])


@converter("softmax", "log_softmax", "softmin")
def _axis_softmax(layer: Layer) -> str:
    p = layer.p
    if p.use_length:
        layer.fail("use_length=True", "mask the data before the softmax")
    x = layer.cast(layer.x, layer.dtype, layer.out_dtypes[0])
    if layer.op.name == "softmin":
        x = layer.emit("Neg", x)
    if p.temperature not in (None, 1):
        x = layer.emit("Div", x, layer.const(p.temperature, layer.out_dtypes[0]))
    return _softmax(layer, x, p.axis, "LogSoftmax" if layer.op.name == "log_softmax" else "Softmax")


@converter("SoftmaxActivation")
def _softmax_activation(layer: Layer) -> str:
    return _softmax(layer, layer.x, 1 if layer.p.mode == "channel" else -1)


@converter("SoftmaxOutput")
def _softmax_output(layer: Layer) -> str:
    if layer.p.multi_output:
        return _softmax(layer, layer.x, 1)
    return _softmax(layer, layer.x, -1) if layer.p.preserve_shape else _over_the_rest(layer)
