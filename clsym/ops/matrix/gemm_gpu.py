"""Matrix products on GPUs: see ``kernels/matrix/gemm_gpu.cl``."""

from __future__ import annotations

from ...graph.contract.kernel_call import In, KernelCall, Out, Scalar, Temp, defines_for
from .gemm_cpu import Matrix

__all__ = ["gpu_product"]

Arg = In | Out | Temp


def gpu_product(
    m: int, n: int, k: int, a: Matrix, b: Matrix, c: Matrix, bias: Arg, bias_code: int, factor: Scalar, dtype: str, req: str, entries: int
) -> KernelCall:  # fmt: skip
    """The call for ``C = factor * A B + bias``; `bias_code` is 0 for none, 1 for n values, 2 for m."""
    defines = defines_for(dtype, req, A_K_FAST=int(a.cols == 1), B_K_FAST=int(b.cols != 1), BIAS=bias_code)
    longs = (a.rows, a.cols, b.rows, b.cols, c.rows, a.batch, b.batch, c.batch)
    args = (
        a.arg, b.arg, c.arg, bias, *(Scalar("int", v) for v in (m, n, k)), *(Scalar("long", v) for v in longs),
        Scalar("int", a.period or entries), *(Scalar("long", v) for v in (a.offset, b.offset, c.offset)), factor,
    )  # fmt: skip
    return KernelCall("matrix/gemm_gpu.cl", "gemm", args, defines, (-(-n // 64) * 16, -(-m // 64) * 16, entries), (16, 16, 1))
