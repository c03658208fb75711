"""The sweeps of `bench_op.py`: what is run, on which shapes, and how much work that is."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from bench_case import Case
from bench_linalg_cases import linalg_cases
from bench_ordering_cases import ordering_cases
from bench_recurrent_cases import recurrent_cases
from bench_vision_cases import vision_cases

__all__ = ["GROUPS", "cases"]

_MEMORY = 96 << 20  # bytes that a memory-bound case moves at least, so that it does not run in a cache

# (channels, extent of the square input, filters, window, stride, groups), each layer that differs once
_CONVOLUTIONS: dict[str, list[tuple[int, int, int, int, int, int]]] = {
    "resnet18": [
        (3, 224, 64, 7, 2, 1), (64, 56, 64, 3, 1, 1), (64, 56, 128, 3, 2, 1), (128, 28, 128, 3, 1, 1), (128, 28, 256, 3, 2, 1),
        (256, 14, 256, 3, 1, 1), (256, 14, 512, 3, 2, 1), (512, 7, 512, 3, 1, 1), (64, 56, 128, 1, 2, 1), (128, 28, 256, 1, 2, 1),
        (256, 14, 512, 1, 2, 1),
    ],
    "resnet50": [
        (64, 56, 64, 1, 1, 1), (64, 56, 256, 1, 1, 1), (256, 56, 64, 1, 1, 1), (256, 56, 128, 1, 2, 1), (256, 56, 512, 1, 2, 1),
        (128, 28, 512, 1, 1, 1), (512, 28, 128, 1, 1, 1), (512, 28, 256, 1, 2, 1), (512, 28, 1024, 1, 2, 1), (256, 14, 1024, 1, 1, 1),
        (1024, 14, 256, 1, 1, 1), (1024, 14, 512, 1, 2, 1), (1024, 14, 2048, 1, 2, 1), (512, 7, 2048, 1, 1, 1), (2048, 7, 512, 1, 1, 1),
    ],
    "vgg16": [
        (3, 224, 64, 3, 1, 1), (64, 224, 64, 3, 1, 1), (64, 112, 128, 3, 1, 1), (128, 112, 128, 3, 1, 1), (128, 56, 256, 3, 1, 1),
        (256, 56, 256, 3, 1, 1), (256, 28, 512, 3, 1, 1), (512, 28, 512, 3, 1, 1), (512, 14, 512, 3, 1, 1),
    ],
    "mobilenet": [
        (3, 224, 32, 3, 2, 1), (32, 112, 64, 1, 1, 1), (64, 56, 128, 1, 1, 1), (128, 56, 128, 1, 1, 1), (128, 28, 256, 1, 1, 1),
        (256, 28, 256, 1, 1, 1), (256, 14, 512, 1, 1, 1), (512, 14, 512, 1, 1, 1), (512, 7, 1024, 1, 1, 1), (1024, 7, 1024, 1, 1, 1),
    ],
    "depthwise": [
        (c, x, c, 3, s, c)
        for c, x, s in (
            (32, 112, 1), (64, 112, 2), (128, 56, 1), (128, 56, 2), (256, 28, 1), (256, 28, 2), (512, 14, 1), (512, 14, 2), (1024, 7, 1),
        )
    ],
}  # fmt: skip


def _gemm() -> Iterator[Case]:
    for n in (512, 768, 1024, 1536, 2048):
        yield Case("gemm", f"{n}", "dot", [(n, n), (n, n)], flops=2 * n**3)
    for n in (512, 1024, 2048):
        yield Case("gemm", f"{n} A'B", "dot", [(n, n), (n, n)], {"transpose_a": True}, 2 * n**3)
        yield Case("gemm", f"{n} AB'", "dot", [(n, n), (n, n)], {"transpose_b": True}, 2 * n**3)
    for m, n, k in ((1024, 1024, 64), (64, 1024, 1024), (1000, 1000, 1000), (333, 777, 555), (16, 4096, 4096), (3136, 64, 576)):
        yield Case("gemm", f"{m}x{n}x{k}", "dot", [(m, k), (k, n)], flops=2 * m * n * k)
    yield Case("gemm", "96 of 128x128x64", "batch_dot", [(96, 128, 64), (96, 64, 128)], flops=2 * 96 * 128 * 128 * 64)


def _convolution(net: str, batch: int) -> Iterator[Case]:
    for c, x, o, k, s, g in _CONVOLUTIONS[net]:
        pad = k // 2
        y = (x + 2 * pad - k) // s + 1
        shapes = [(batch, c, x, x), (o, c // g, k, k)]
        params = {"kernel": (k, k), "stride": (s, s), "pad": (pad, pad), "num_filter": o, "num_group": g, "no_bias": True}
        flops = 2 * batch * o * y * y * (c // g) * k * k
        moved = 4 * (batch * (c * x * x + o * y * y) + o * c // g * k * k)
        name = f"N{batch} {c}x{x}x{x} -> {o}, {k}x{k}{f'/{s}' if s > 1 else ''}"
        yield Case(f"conv-{net}", name, "Convolution", shapes, params, 0 if g == c > 1 else flops, moved, weights=(1,))


# (batch, channels, extent of the square input, filters, window, stride, padding, groups)
_DECONVOLUTIONS: tuple[tuple[int, int, int, int, int, int, int, int], ...] = (
    (1, 64, 64, 32, 4, 2, 1, 1), (8, 64, 64, 32, 4, 2, 1, 1), (1, 256, 16, 128, 4, 2, 1, 1), (1, 512, 8, 256, 4, 2, 1, 1),
    (16, 100, 1, 512, 4, 1, 0, 1), (1, 64, 32, 3, 4, 2, 1, 1), (1, 256, 28, 256, 2, 2, 0, 1), (1, 21, 16, 21, 4, 2, 1, 1),
    (1, 21, 64, 21, 4, 2, 1, 21), (1, 256, 28, 256, 4, 2, 1, 256), (1, 21, 32, 21, 16, 8, 4, 21),
)  # fmt: skip


def _deconvolution() -> Iterator[Case]:
    for n, c, x, o, k, s, p, g in _DECONVOLUTIONS:
        params = {"kernel": (k, k), "stride": (s, s), "pad": (p, p), "num_filter": o, "num_group": g}
        flops = 2 * n * c * x * x * (o // g) * k * k
        name = f"N{n} {c}x{x}x{x} -> {o}, {k}x{k}/{s}{' a channel' if g > 1 else ''}"
        yield Case("deconvolution", name, "Deconvolution", [(n, c, x, x), (c, o // g, k, k)], params, flops, weights=(1,))


def _moving(group: str, name: str, op: str, shapes: list[tuple[int, ...]], out: int, **params: Any) -> Case:
    return Case(group, name, op, shapes, params, 0, 4 * (sum(math.prod(s) for s in shapes) + out))


def _elementwise() -> Iterator[Case]:
    n = 16 << 20
    for op in ("relu", "sigmoid", "tanh", "exp", "log", "erf", "sqrt"):
        yield _moving("elementwise", op, op, [(n,)], n)
    yield _moving("elementwise", "_mul_scalar", "_mul_scalar", [(n,)], n, scalar=1.5)
    yield _moving("elementwise", "clip", "clip", [(n,)], n, a_min=0.0, a_max=6.0)
    for op in ("elemwise_add", "elemwise_mul"):
        yield _moving("elementwise", op, op, [(n,), (n,)], n)
    yield _moving("elementwise", "broadcast_mul channel", "broadcast_mul", [(16, 64, 128, 128), (1, 64, 1, 1)], n)
    yield _moving("elementwise", "broadcast_add row", "broadcast_add", [(4096, 4096), (1, 4096)], n)
    yield _moving("elementwise", "transpose 4096", "transpose", [(4096, 4096)], n)
    yield _moving("elementwise", "transpose NCHW to NHWC", "transpose", [(16, 64, 128, 128)], n, axes=(0, 2, 3, 1))


def _rows() -> Iterator[Case]:
    for rows, n in ((65536, 256), (4096, 4096), (16384, 1000), (128, 131072)):
        for op in ("softmax", "log_softmax"):
            yield _moving("softmax", f"{op} {rows}x{n}", op, [(rows, n)], rows * n)
    yield _moving("softmax", "softmax over axis 1 of 16x64x128x128", "softmax", [(16, 64, 128, 128)], 16 << 20, axis=1)
    for op in ("sum", "max", "mean"):
        yield _moving("reduce", f"{op} of all", op, [(24 << 20,)], 1)
        yield _moving("reduce", f"{op} of rows 6144x4096", op, [(6144, 4096)], 6144, axis=1)
        yield _moving("reduce", f"{op} of columns 6144x4096", op, [(6144, 4096)], 4096, axis=0)
        yield _moving("reduce", f"{op} of planes 32x256x56x56", op, [(32, 256, 56, 56)], 32 * 256, axis=(2, 3))


def _planes() -> Iterator[Case]:
    def fit(elements: int) -> int:
        return -(-_MEMORY // (4 * elements))

    for name, c, x, k, s, p, kind in (
        ("max 3x3/2", 64, 112, 3, 2, 1, "max"), ("max 2x2/2", 64, 224, 2, 2, 0, "max"), ("max 2x2/2", 512, 28, 2, 2, 0, "max"),
        ("avg 3x3", 192, 35, 3, 1, 1, "avg"), ("avg 2x2/2", 128, 56, 2, 2, 0, "avg"),
    ):  # fmt: skip
        y = (x + 2 * p - k) // s + 1
        n = fit(c * (x * x + y * y))
        params = {"kernel": (k, k), "stride": (s, s), "pad": (p, p), "pool_type": kind}
        yield _moving("pooling", f"{name} {n}x{c}x{x}x{x}", "Pooling", [(n, c, x, x)], n * c * y * y, **params)
    n = fit(2048 * 50)
    yield _moving("pooling", f"global avg {n}x2048x7x7", "Pooling", [(n, 2048, 7, 7)], n * 2048, global_pool=True, pool_type="avg")
    for c, x in ((64, 112), (256, 56), (512, 28), (2048, 7)):
        n = fit(2 * c * x * x)
        shapes = [(n, c, x, x), (c,), (c,), (c,), (c,)]
        yield _moving("batchnorm", f"inference {n}x{c}x{x}x{x}", "BatchNorm", shapes, n * c * x * x, fix_gamma=False)


GROUPS = (
    "gemm",
    *(f"conv-{net}" for net in _CONVOLUTIONS),
    "deconvolution",
    "elementwise",
    "softmax",
    "reduce",
    "pooling",
    "batchnorm",
    "ordering",
    "detection",
    "roi-align",
    "deformable",
    "linalg",
    "rnn",
)


def cases(batches: list[int]) -> list[Case]:
    """All of them; convolutions at each batch."""
    convolutions = [case for net in _CONVOLUTIONS for batch in batches for case in _convolution(net, batch)]
    return [
        *_gemm(), *convolutions, *_deconvolution(), *_elementwise(), *_rows(), *_planes(), *ordering_cases(), *vision_cases(),
        *linalg_cases(), *recurrent_cases(),
    ]  # fmt: skip
