"""Matrix products as kernel calls: shared by FullyConnected, dot, linalg_gemm and the gradients of Convolution."""

from __future__ import annotations

from ...base import MXNetError
from ...graph.contract.kernel_call import In, KernelCall, Out, Scalar, Temp, compute_type, defines_for, grid
from ...graph.contract.traits import DeviceTraits
from .gemm_converted import converted_product
from .gemm_cpu import CpuProduct, Matrix, stored_as_computed
from .gemm_gpu import gpu_product

__all__ = ["Matrix", "product", "scaled"]

Arg = In | Out | Temp


def product(
    m: int,
    n: int,
    k: int,
    a: Matrix,
    b: Matrix,
    c: Matrix,
    dtype: str,
    req: str,
    traits: DeviceTraits,
    *,
    entries: int = 1,
    bias: Arg | None = None,
    bias_of_rows: bool = False,
    alpha: float = 1.0,
    temp: int = 0,
    total: tuple[Arg, int] | None = None,
    act: tuple[str, float, float] = ("none", 0.0, 0.0),
) -> list[KernelCall]:
    """The calls that compute ``C = alpha * A B + bias`` for every batch entry.

    Parameters
    ----------
    m, n, k : int
        C is m x n, A m x k, B k x n.
    a, b, c : Matrix
        The operands; the columns of `c` are contiguous (``c.cols == 1``), or it has a single column or row.
    dtype, req : str
        Element type of all of them, and the store mode of C.
    entries : int
        Number of products in the batch.
    bias : In, Temp or None
        n values, or m with `bias_of_rows`.
    temp : int
        Index of the workspace that may be used.
    total : (In, int) or None
        A tensor of so many elements that lies as C does, and to which the product is added; it may be the very memory of C.
    act : (str, float, float)
        One of `ACTIVATIONS` and its limits, applied to the result: of float types on CPUs, with `req` ``write``.
    """
    if max(m, n, k) >= 1 << 31:
        raise MXNetError(f"a matrix product of ({m}, {k}) and ({k}, {n}) is too large: every extent must be below 2**31")
    in_place, converted = (stored_as_computed(dtype), not stored_as_computed(dtype)) if traits.is_cpu else (False, False)
    fuses = in_place and req == "write"
    if act[0] != "none" and not fuses:
        raise MXNetError(f"a matrix product of {dtype} on {traits.kind} with grad_req={req!r} is not followed by act_type={act[0]!r}")
    if total is not None and not fuses:
        rest = product(
            m, n, k, a, b, c, dtype, "add", traits, entries=entries, bias=bias, bias_of_rows=bias_of_rows, alpha=alpha, temp=temp
        )
        return [scaled(total[0], c.arg, total[1], 1, dtype, req, traits), *rest]
    bias_code = (2 if bias_of_rows else 1) if bias is not None else 0
    given = bias if bias is not None else a.arg
    if in_place:
        into = total[0] if total is not None else None
        return CpuProduct(m, n, k, a, b, c, dtype, req, traits, entries, given, bias_code, alpha, temp, into, act).calls()
    factor = Scalar(compute_type(dtype), alpha if compute_type(dtype) in ("float", "double") else int(alpha))
    if converted:
        return [converted_product(m, n, k, a, b, c, given, bias_code, factor, dtype, req, traits, entries, temp)]
    return [gpu_product(m, n, k, a, b, c, given, bias_code, factor, dtype, req, entries)]


def scaled(source: Arg, out: Arg, size: int, beta: float, dtype: str, req: str, traits: DeviceTraits) -> KernelCall:
    """The call for ``out = beta * source``."""
    shape, local = grid(size, traits, local=64)
    args = (source, out, Scalar("long", size), Scalar(compute_type(dtype), beta))
    return KernelCall("matrix/gemm_scale.cl", "gemm_scale", args, defines_for(dtype, req), shape, local)
