"""Integers of 8 bits and what they stand for. Ranges become scales: the larger absolute value of a range over the number of levels."""

from __future__ import annotations

from ..layer import Layer, converter


def _larger(layer: Layer, low: str, high: str) -> str:
    """The larger absolute value of a range, a scalar."""
    made = layer.emit("Max", layer.emit("Abs", low), layer.emit("Abs", high))
    return layer.emit("Reshape", made, layer.const([], "int64"))


def _integers(layer: Layer, low: str, high: str, levels: float) -> list[str]:
    dtype = layer.out_dtypes[0]
    size = _larger(layer, low, high)
    scale = layer.emit("Div", size, layer.const(levels, "float32"))
    made = layer.emit("QuantizeLinear", layer.x, scale, layer.const(0, dtype))
    if dtype == "uint8":
        return [made, low, high]
    size = layer.reshape(size, (1,))
    return [made, layer.emit("Neg", size), size]


@converter("_contrib_quantize")
def _quantize(layer: Layer) -> list[str]:
    return _integers(layer, layer.ins[1], layer.ins[2], 127 if layer.out_dtypes[0] == "int8" else 255)


@converter("_contrib_quantize_v2")
def _quantize_v2(layer: Layer) -> list[str]:
    p = layer.p
    if layer.dtype != "float32":
        layer.fail(f"data of type {layer.dtype} stay as they are", "leave the node out")
    if p.min_calib_range is not None and p.max_calib_range is not None:
        low, high = (layer.const([v], "float32") for v in (p.min_calib_range, p.max_calib_range))
    else:
        low, high = (layer.reshape(layer.emit(name, layer.x, keepdims=0), (1,)) for name in ("ReduceMin", "ReduceMax"))
    return _integers(layer, low, high, 127.5 if layer.out_dtypes[0] == "int8" else 255.5)


@converter("_contrib_dequantize")
def _dequantize(layer: Layer) -> str:
    levels = 127.5 if layer.dtype == "int8" else 255.5
    scale = layer.emit("Div", _larger(layer, layer.ins[1], layer.ins[2]), layer.const(levels, "float32"))
    return layer.emit("DequantizeLinear", layer.x, scale)
