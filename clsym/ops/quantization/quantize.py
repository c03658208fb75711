"""Floating-point numbers to 8-bit integers and back: quantize, quantize_v2, quantize_asym, requantize, dequantize."""

from __future__ import annotations

from collections.abc import Sequence

from ...graph.contract.kernel_call import Arg, In, KernelCall, LowerContext, Out, Scalar, Temp, ctype, defines_for, grid, req_code
from ...graph.contract.op import Entry, Gradient, Op
from ...graph.contract.registry import register
from ...graph.contract.spec import PartialShape, ShapeError, TensorSpec, unify_shape
from ...params import Enum, Field, Float, Params
from ..reduce.calls import reduce_calls

__all__ = ["Dequantize", "Quantize", "QuantizeAsym", "QuantizeV2", "Requantize"]

_SOURCE = "quantization/quantize.cl"
_CALIBRATION: dict[str, Field] = {
    "min_calib_range": Float(None, "Least value of the range; None: that of the data."),
    "max_calib_range": Float(None, "Largest value of the range; None: that of the data."),
}
_GIVEN, _FLOATS, _INTS = 0, 1, 2


def _calibrated(p: Params) -> bool:
    return p.min_calib_range is not None and p.max_calib_range is not None


class _Quantizing(Op):
    """Base: a tensor and the two numbers of its range; the result and the range that it stands for, of shape (1,) each."""

    outputs: tuple[str, ...] = ("output0", "output1", "output2")
    source = "float32"

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        data = unify_shape(ins[0], outs[0])
        return [data, *[(1,)] * (len(ins) - 1)], [data, *[(1,)] * (len(outs) - 1)]

    def result_type(self, p: Params, source: str | None) -> str:
        """The integer type of the result."""
        raise NotImplementedError

    def sources(self) -> tuple[str, ...]:
        """Types of the data."""
        return (self.source,)

    def infer_type(self, p: Params, ins: list[str | None], outs: list[str | None]) -> tuple[list[str | None], list[str | None]]:
        sources = self.sources()
        data = ins[0] or (sources[0] if len(sources) == 1 else None)
        if data is not None and data not in sources:
            raise ShapeError(f"{self.name} takes data of type {' or '.join(sources)}, not {data}")
        return [data, *["float32"] * (len(ins) - 1)], [self.result_type(p, data), *["float32"] * (len(outs) - 1)]

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        return [None] * len(g.ins)

    def launch(
        self, entry: str, buffers: tuple[Arg, ...], last: tuple[Arg, ...], ins: Sequence[TensorSpec], outs: Sequence[TensorSpec],
        ctx: LowerContext, **more: str | int,
    ) -> KernelCall:  # fmt: skip
        """A launch that writes all outputs; those that nobody wants need a buffer as well."""
        written = tuple(Out(k) if r != "null" else In(0) for k, r in enumerate(ctx.reqs))
        if len(outs) > 1:
            more |= {"REQ1": req_code(ctx.reqs[1]), "REQ2": req_code(ctx.reqs[2])}
        n = outs[0].size
        defines = defines_for(outs[0].dtype, ctx.reqs[0], TX=ctype(ins[0].dtype), SIGNED=int(outs[0].dtype == "int8"), **more)
        return KernelCall(_SOURCE, entry, (*buffers, *written, Scalar("long", n), *last), defines, *grid(n, ctx.traits))

    def extremes(self, data: TensorSpec, ctx: LowerContext) -> tuple[list[KernelCall], tuple[Arg, Arg]]:
        """Launches that find the least and the largest element, and where they put them."""
        calls: list[KernelCall] = []
        for i, fold in enumerate(("min", "max")):
            calls += reduce_calls(In(0), Temp(i, 4), data.shape, range(data.ndim), data.dtype, ctx, fold=fold, temp=2)
        return calls, (Temp(0, 4), Temp(1, 4))


@register
class Quantize(_Quantizing):
    """Numbers in a given range as 8-bit integers: y = data * L / a, rounded (halves to even) and cut to the type's range.

    Here a is the larger of abs(min_range), abs(max_range), and L is 127 for int8, 255 for uint8.

    Parameters
    ----------
    data : Symbol or NDArray
        Of type float32.
    min_range, max_range : Symbol or NDArray
        The range, of one element each.

    Returns
    -------
    list of Symbol or NDArray
        The integers, and the range that they stand for: -a and a for int8, min_range and max_range for uint8.

    Examples
    --------
    >>> import clsym as mx
    >>> y, low, high = mx.nd.contrib.quantize(mx.nd.array([-1, 0.5, 9]), mx.nd.array([-1]), mx.nd.array([2]), out_type='int8')
    >>> y.asnumpy().tolist(), high.asscalar().item()
    ([-64, 32, 127], 2.0)

    Notes
    -----
    After MXNet's ``_contrib_quantize``, as its oneDNN kernel computes.
    """

    name = "_contrib_quantize"
    inputs = ("data", "min_range", "max_range")
    params = {"out_type": Enum(("int8", "uint8"), "uint8", "Type of the result.")}

    def result_type(self, p: Params, source: str | None) -> str:
        return str(p.out_type)

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        levels = "127.0f" if outs[0].dtype == "int8" else "255.0f"
        buffers = (In(0), In(1), In(2), In(1), In(2))
        none = (Scalar("float", 0.0), Scalar("float", 0.0))
        return [self.launch("quantize", buffers, none, ins, outs, ctx, RANGE=_FLOATS, UNIT=0, LEVELS=levels)]


@register
class QuantizeV2(_Quantizing):
    """Numbers as 8-bit integers, in the range of a calibration or that of the data: y = data * L / a, rounded (halves to even) and cut.

    Here a is the larger of the range's ends' absolute values, and L is 127.5 for int8, 255.5 for uint8. Data that are integers stay.

    Parameters
    ----------
    data : Symbol or NDArray
        Of type float32, int8 or uint8.
    out_type : {'int8', 'uint8', 'auto'}
        ``'auto'`` is uint8 where min_calib_range is given and not negative, else int8.

    Returns
    -------
    list of Symbol or NDArray
        The integers, and the range that they stand for.

    Examples
    --------
    >>> import clsym as mx
    >>> y, low, high = mx.nd.contrib.quantize_v2(mx.nd.array([-1, 0.5, 2]))
    >>> y.asnumpy().tolist(), low.asscalar().item()
    ([-64, 32, 127], -2.0)
    """

    name = "_contrib_quantize_v2"
    params = {"out_type": Enum(("auto", "int8", "uint8"), "int8", "Type of the result."), **_CALIBRATION}

    def sources(self) -> tuple[str, ...]:
        return ("float32", "int8", "uint8")

    def result_type(self, p: Params, source: str | None) -> str:
        if p.out_type != "auto":
            return str(p.out_type)
        return "uint8" if _calibrated(p) and p.min_calib_range >= 0 else "int8"

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        ends = (float(p.min_calib_range), float(p.max_calib_range)) if _calibrated(p) else None
        if ins[0].dtype != "float32":
            ends = ends or ((-127.5, 127.5) if ins[0].dtype == "int8" else (0.0, 255.5))
            return [self.launch("keep", (In(0),), tuple(Scalar("float", v) for v in ends), ins, outs, ctx)]
        levels = "127.5f" if outs[0].dtype == "int8" else "255.5f"
        calls: list[KernelCall] = []
        low: Arg = In(0)
        high: Arg = In(0)
        if ends is None:
            calls, (low, high) = self.extremes(ins[0], ctx)
        given = tuple(Scalar("float", v) for v in ends or (0.0, 0.0))
        buffers = (In(0), low, high, In(0), In(0))
        kind = _FLOATS if ends is None else _GIVEN
        return [*calls, self.launch("quantize", buffers, given, ins, outs, ctx, RANGE=kind, UNIT=0, LEVELS=levels)]


@register
class Requantize(_Quantizing):
    """32-bit integers, of a given range, as 8-bit integers in the range of a calibration or that of the data.

    A unit of the data means m / (2^31 - 1), m being the larger of abs(min_range), abs(max_range); y is the number so meant times L / a,
    rounded (halves to even) and cut, L being 127 for int8, 255 for uint8, and a the larger of the new range's ends' absolute values.

    Parameters
    ----------
    data : Symbol or NDArray
        Of type int32.
    min_range, max_range : Symbol or NDArray
        The range of the data, of one element each.
    out_type : {'int8', 'uint8', 'auto'}
        ``'auto'`` is uint8 where min_calib_range is given and not negative, else int8.

    Returns
    -------
    list of Symbol or NDArray
        The integers, and the range that they stand for: -a and a for int8, 0 and a for uint8.

    Examples
    --------
    >>> import clsym as mx
    >>> x = mx.nd.array([1 << 20, -(1 << 21)], dtype='int32')
    >>> mx.nd.contrib.requantize(x, mx.nd.array([-1]), mx.nd.array([1]))[0].asnumpy().tolist()
    [64, -127]
    """

    name = "_contrib_requantize"
    inputs = ("data", "min_range", "max_range")
    source = "int32"
    params = {"out_type": Enum(("auto", "int8", "uint8"), "int8", "Type of the result."), **_CALIBRATION}
    result_type = QuantizeV2.result_type

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        levels = "127.0f" if outs[0].dtype == "int8" else "255.0f"
        calls: list[KernelCall] = []
        ends: tuple[Arg, Arg] = (In(0), In(0))
        given = (Scalar("float", 0.0), Scalar("float", 0.0))
        kind = _INTS
        if _calibrated(p):
            kind, given = _GIVEN, (Scalar("float", float(p.min_calib_range)), Scalar("float", float(p.max_calib_range)))
        else:
            calls, ends = self.extremes(ins[0], ctx)
        buffers = (In(0), *ends, In(1), In(2))
        return [*calls, self.launch("quantize", buffers, given, ins, outs, ctx, RANGE=kind, UNIT=1, LEVELS=levels)]


@register
class Dequantize(_Quantizing):
    """8-bit integers as the numbers that they stand for: y = data * a / L.

    Here a is the larger of abs(min_range), abs(max_range), and L is 127.5 for int8, 255.5 for uint8.

    Parameters
    ----------
    data : Symbol or NDArray
        Of type int8 or uint8.
    min_range, max_range : Symbol or NDArray
        The range that the integers stand for, of one element each.

    Returns
    -------
    Symbol or NDArray
        Of type float32.

    Examples
    --------
    >>> import clsym as mx
    >>> x = mx.nd.array([-51, 102], dtype='int8')
    >>> mx.nd.contrib.dequantize(x, mx.nd.array([-2.5]), mx.nd.array([1])).asnumpy().tolist()
    [-1.0, 2.0]
    """

    name = "_contrib_dequantize"
    inputs = ("data", "min_range", "max_range")
    outputs = ("output",)
    params = {"out_type": Enum(("float32",), "float32", "Type of the result.")}

    def sources(self) -> tuple[str, ...]:
        return ("int8", "uint8")

    def result_type(self, p: Params, source: str | None) -> str:
        return "float32"

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        levels = "127.5f" if ins[0].dtype == "int8" else "255.5f"
        return [self.launch("dequantize", (In(0), In(1), In(2)), (), ins, outs, ctx, LEVELS=levels)]


@register
class QuantizeAsym(_Quantizing):
    """Numbers as unsigned 8-bit integers, with a shift: y = data * scale + shift + 0.5, cut off.

    scale = 255 / (max - min) and shift = 255 - max * scale, for the range of a calibration or that of the data.

    Parameters
    ----------
    data : Symbol or NDArray
        Of type float32.

    Returns
    -------
    list of Symbol or NDArray
        The integers (uint8), scale and shift.

    Examples
    --------
    >>> import clsym as mx
    >>> mx.nd.contrib.quantize_asym(mx.nd.array([-1, 0, 4]))[0].asnumpy().tolist()
    [0, 51, 255]
    """

    name = "_contrib_quantize_asym"
    outputs = ("output", "scale", "shift")
    params = _CALIBRATION

    def result_type(self, p: Params, source: str | None) -> str:
        return "uint8"

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        if _calibrated(p):
            given = (Scalar("float", float(p.min_calib_range)), Scalar("float", float(p.max_calib_range)))
            return [self.launch("asymmetric", (In(0), In(0), In(0)), given, ins, outs, ctx, RANGE=_GIVEN)]
        calls, ends = self.extremes(ins[0], ctx)
        none = (Scalar("float", 0.0), Scalar("float", 0.0))
        return [*calls, self.launch("asymmetric", (In(0), *ends), none, ins, outs, ctx, RANGE=_FLOATS)]
