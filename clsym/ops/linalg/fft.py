"""Fourier transforms: contrib.fft, contrib.ifft."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ...graph.contract.facets import Estimated
from ...graph.contract.kernel_call import Arg, In, KernelCall, LowerContext, Out, Scalar, Temp, defines_for, grid
from ...graph.contract.op import Entry, Gradient, Op
from ...graph.contract.registry import register
from ...graph.contract.spec import PartialShape, ShapeError, TensorSpec, known, show_shape, unify_shape
from ...params import Int, Params
from .batch import floating

__all__ = ["Fft", "Ifft"]

_SOURCE = "linalg/fft.cl"


class _Transform(Op, Estimated):
    """`real_in`: real numbers become complex ones; else complex ones become the real parts of the inverse."""

    params = {"compute_size": Int(128, "How many rows MXNet transforms at a time; it changes nothing here.")}
    real_in = True

    def infer_shape(self, p: Params, ins: list[PartialShape], outs: list[PartialShape]) -> tuple[list[PartialShape], list[PartialShape]]:
        if not known(ins[0]):
            return ins, outs
        real, pairs = (ins[0], outs[0]) if self.real_in else (outs[0], ins[0])
        for shape in (real, pairs):
            if shape is not None and not shape:
                raise ShapeError("data has no dimension to transform")
        if pairs is not None and pairs[-1] >= 0:
            if pairs[-1] % 2:
                raise ShapeError(f"complex numbers are pairs: the last dimension of {show_shape(pairs)} must be even")
            real = unify_shape(real, (*pairs[:-1], pairs[-1] // 2))
        if real is not None:
            pairs = unify_shape(pairs, (*real[:-1], 2 * real[-1] if real[-1] >= 0 else -1))
        return ([real], [pairs]) if self.real_in else ([pairs], [real])

    def infer_type(self, p: Params, ins: list[str | None], outs: list[str | None]) -> tuple[list[str | None], list[str | None]]:
        return floating(ins, outs)

    def lower(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec], ctx: LowerContext) -> list[KernelCall]:
        real, traits, dtype = (ins[0] if self.real_in else outs[0]), ctx.traits, ins[0].dtype
        d, rows, inverse = real.shape[-1], real.size // real.shape[-1], int(not self.real_in)
        chirp = int(d & (d - 1) != 0)
        n = 1 << (2 * d - 2).bit_length() if chirp else d
        wide, itemsize = int(dtype == "float64"), ins[0].itemsize
        first, second = (Temp(i, 2 * n * rows * itemsize) for i in range(2))
        twiddles = Temp(2, n * itemsize)

        def call(entry: str, work: int, *args: Arg | int, req: str = "write", **defines: int) -> KernelCall:
            given = tuple(Scalar("long", a) if isinstance(a, int) else a for a in args)
            return KernelCall(_SOURCE, entry, given, defines_for(dtype, req, WIDE=wide, **defines), *grid(work, traits, 1024))

        def passes(source: Temp, other: Temp, rows: int) -> tuple[list[KernelCall], Temp, Temp]:
            found = []
            for k in range(n.bit_length() - 1):
                found.append(call("fft_pass", rows * n // 2, source, other, twiddles, rows, n, 1 << k))
                source, other = other, source
            return found, source, other

        flag = Scalar("int", inverse)
        calls = [call("fft_twiddles", n // 2, twiddles, n // 2)] if n > 1 else []
        calls.append(call("fft_load", rows * n, In(0), first, rows, d, n, flag, REAL=int(self.real_in), CHIRP=chirp))
        forward, there, other = passes(first, second, rows)
        calls += forward
        if chirp:
            ring, spare = Temp(3, 2 * n * itemsize), Temp(4, 2 * n * itemsize)
            calls.append(call("fft_chirp", n, ring, d, n))
            of_chirp, ring, _ = passes(ring, spare, 1)
            calls += [*of_chirp, call("fft_multiply", rows * n, there, ring, rows, n)]
            backward, there, other = passes(there, other, rows)
            calls += backward
        last = call("fft_store", rows * d, there, Out(0), rows, d, n, flag, req=ctx.reqs[0], REAL=int(not self.real_in), CHIRP=chirp)
        return [*calls, last]

    def cost(self, p: Params, ins: Sequence[TensorSpec], outs: Sequence[TensorSpec]) -> tuple[int, int]:
        return int(5 * ins[0].size * math.log2(max(ins[0].shape[-1], 2))), ins[0].nbytes + outs[0].nbytes


@register
class Fft(_Transform):
    """The discrete Fourier transform of every row of real numbers: ``y[k] = sum over j of x[j] exp(-2 pi i j k / d)``.

    Parameters
    ----------
    data : Symbol or NDArray
        (..., d), float32 or float64, d of any size.
    compute_size : int, default 128
        How many rows MXNet transforms at a time; it changes nothing here.

    Returns
    -------
    Symbol or NDArray
        (..., 2 d): real and imaginary parts in turn.

    Examples
    --------
    >>> import clsym as mx
    >>> mx.nd.contrib.fft(mx.nd.array([[1, 2]])).asnumpy().tolist()
    [[3.0, 0.0, -1.0, 0.0]]

    Source: MXNet 1.9.1, ``contrib.fft`` (there on GPUs only, and of two or four dimensions).
    """

    name = "_contrib_fft"

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        return [g.apply("_contrib_ifft", g.ograd())]


@register
class Ifft(_Transform):
    """The real part of the inverse discrete Fourier transform, not divided by d: ``y[j] = Re sum over k of x[k] exp(2 pi i j k / d)``.

    Parameters
    ----------
    data : Symbol or NDArray
        (..., 2 d), float32 or float64: real and imaginary parts in turn, d of any size.
    compute_size : int, default 128
        How many rows MXNet transforms at a time; it changes nothing here.

    Returns
    -------
    Symbol or NDArray
        (..., d).

    Raises
    ------
    MXNetError
        The last dimension is odd.

    Examples
    --------
    >>> import clsym as mx
    >>> mx.nd.contrib.ifft(mx.nd.array([[3, 0, -1, 0]])).asnumpy().tolist()
    [[2.0, 4.0]]

    Source: MXNet 1.9.1, ``contrib.ifft`` (there on GPUs only, and of two or four dimensions).
    """

    name = "_contrib_ifft"
    real_in = False

    def gradient(self, g: Gradient) -> Sequence[Entry | None]:
        return [g.apply("_contrib_fft", g.ograd())]
