"""Direct convolution over blocked tensors against sums over taps in float64."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pyopencl as cl
import pytest

from clsym.base import MXNetError
from clsym.graph.contract.kernel_call import Arg, In, KernelCall, Out
from clsym.graph.contract.traits import DeviceTraits
from clsym.ops.cpu_blocked.direct import forward, pack, packed_shape
from clsym.ops.cpu_blocked.geometry import BlockedGeometry
from clsym.ops.cpu_blocked.strip import choose_strip, shape_class
from clsym.ops.shared.epilogue import Epilogue
from clsym.runtime.buffer import allocate
from clsym.runtime.device import Device
from clsym.runtime.launch import Launch

Array = np.ndarray[Any, Any]
Pair = tuple[int, int]
DATA, RAW, PACKED, BIAS, OTHER = (In(i) for i in range(5))


@pytest.fixture(autouse=True)
def _cpu_only(device: Device) -> None:
    if not device.traits.is_cpu:
        pytest.skip("blocked tensors are for CPUs")


def pair(value: int | Pair) -> Pair:
    return value if isinstance(value, tuple) else (value, value)


@dataclass
class Case:
    """A convolution by its numbers, and what it should give."""

    images: int
    channels: int
    filters: int
    size: int | Pair
    kernel: int | Pair
    stride: int | Pair = 1
    pad: int | Pair = 0
    dilate: int | Pair = 1
    groups: int = 1
    block: int = 16
    plain: bool = False
    turned: bool = False
    bias: bool = False
    residual: str = ""
    activation: str = "none"
    low: float = 0.0
    high: float = 0.0
    req: str = "write"
    tune: dict[str, int] = field(default_factory=dict)
    local_mem: int = 0

    @property
    def geometry(self) -> BlockedGeometry:
        size, kernel, stride, pad, dilate = map(pair, (self.size, self.kernel, self.stride, self.pad, self.dilate))
        out = [(i + 2 * p - d * (k - 1) - 1) // s + 1 for i, k, s, p, d in zip(size, kernel, stride, pad, dilate, strict=True)]
        return BlockedGeometry(
            self.images, self.groups, self.channels, self.filters, size, (out[0], out[1]), kernel, stride, dilate, pad, self.block
        )


def to_blocks(x: Array, block: int) -> Array:
    n, c, h, w = x.shape
    padded = np.zeros((n, -(-c // block) * block, h, w), np.float32)
    padded[:, :c] = x
    return np.ascontiguousarray(padded.reshape(n, -1, block, h, w).transpose(0, 1, 3, 4, 2))


def from_blocks(y: Array) -> Array:
    n, blocks, h, w, block = y.shape
    return y.transpose(0, 1, 4, 2, 3).reshape(n, blocks * block, h, w)


def convolve(x: Array, w: Array, g: BlockedGeometry) -> Array:
    x = np.pad(x.astype(np.float64), ((0, 0), (0, 0), (g.pad[0],) * 2, (g.pad[1],) * 2))
    result = np.zeros((g.images, g.filters, *g.output))
    cg, og = g.channels // g.groups, g.filters // g.groups
    for group in range(g.groups):
        xs, ws = x[:, group * cg : (group + 1) * cg], w[group * og : (group + 1) * og]
        for i, j in np.ndindex(*g.kernel):
            rows = slice(i * g.dilate[0], i * g.dilate[0] + (g.output[0] - 1) * g.stride[0] + 1, g.stride[0])
            cols = slice(j * g.dilate[1], j * g.dilate[1] + (g.output[1] - 1) * g.stride[1] + 1, g.stride[1])
            result[:, group * og : (group + 1) * og] += np.einsum("nchw,oc->nohw", xs[:, :, rows, cols], ws[:, :, i, j], optimize=True)
    return result


def turn_back(w: Array, g: BlockedGeometry) -> Array:
    """The weight of the convolution whose data gradient has the weight `w`."""
    parts = w.reshape(g.groups, g.filters // g.groups, g.channels // g.groups, *g.kernel).transpose(0, 2, 1, 3, 4)[..., ::-1, ::-1]
    return np.ascontiguousarray(parts.reshape(g.channels, -1, *g.kernel))


def run(device: Device, calls: list[KernelCall], arrays: dict[Arg, Array], result: Arg) -> Array:
    buffers = {key: allocate(device, max(a.nbytes, 4), "test") for key, a in arrays.items()}
    for key, a in arrays.items():
        cl.enqueue_copy(device.queue, buffers[key], np.ascontiguousarray(a))
    for call in calls:
        launch = Launch(device, call)
        launch.set_buffers(buffers.__getitem__)
        launch.enqueue(device.queue)
    host = np.empty_like(arrays[result])
    cl.enqueue_copy(device.queue, host, buffers[result])
    return host


def check(device: Device, c: Case, x: Array | None = None) -> Array:
    """Runs it twice and compares; returns the blocked output."""
    g, rng = c.geometry, np.random
    traits: DeviceTraits = replace(device.traits, tuning={f"blocked_convolution/{shape_class(g)}": c.tune})
    if c.local_mem:
        traits = replace(traits, local_mem=c.local_mem)
    x = rng.standard_normal((c.images, c.channels, *g.input)).astype(np.float32) if x is None else x
    w = rng.standard_normal(g.weight_shape).astype(np.float32)
    old, other = (to_blocks(rng.standard_normal((c.images, c.filters, *g.output)), c.block) for _ in range(2))
    bias = np.zeros(g.out_blocks * c.block, np.float32)
    bias[: c.filters] = rng.standard_normal(c.filters)
    expected = convolve(x, w, g)
    if c.bias:
        expected += bias[: c.filters, None, None]
    if c.residual:
        expected += from_blocks(old if c.residual == "output" else other)[:, : c.filters]
    if c.activation == "relu":
        expected = np.where(expected < 0, 0, expected)
    elif c.activation == "clip":
        expected = np.clip(expected, c.low, c.high)
    elif c.activation == "leaky":
        expected = np.where(expected < 0, c.low * expected, expected)
    if c.req == "add":
        expected += from_blocks(old)[:, : c.filters]
    residual = {"": None, "output": Out(0), "other": OTHER}[c.residual]
    epilogue = Epilogue(BIAS if c.bias else None, residual, c.activation, c.low, c.high)
    calls = pack(g, RAW, PACKED, traits, turned=c.turned, plain=c.plain)
    calls += forward(g, DATA, PACKED, Out(0), epilogue, c.req, traits, plain=c.plain)
    packed = np.full(packed_shape(g, c.plain), np.nan, np.float32)
    arrays: dict[Arg, Array] = {
        DATA: x if c.plain else to_blocks(x, c.block), RAW: turn_back(w, g) if c.turned else w, PACKED: packed, BIAS: bias, OTHER: other,
        Out(0): old,
    }  # fmt: skip
    found = run(device, calls, arrays, Out(0))
    assert found.tobytes() == run(device, calls, arrays, Out(0)).tobytes()
    plain_layout = from_blocks(found)
    np.testing.assert_allclose(plain_layout[:, : c.filters], expected, rtol=2e-5, atol=2e-6 * np.sqrt(g.taps * c.channels) * 4)
    assert not plain_layout[:, c.filters :].any()
    return found


@pytest.mark.parametrize("block", [16, 8])
@pytest.mark.parametrize(
    "case",
    [
        Case(2, 32, 32, 7, 3, pad=1),
        Case(1, 64, 64, 30, 3, pad=1, residual="output", activation="relu", bias=True),
        Case(3, 20, 37, (5, 3), 3, pad=1, bias=True),
        Case(3, 20, 37, (5, 3), 1, activation="relu", residual="other"),
        Case(3, 40, 70, 1, 1, bias=True, activation="relu"),
        Case(1, 40, 20, 1, 1, req="add"),
        Case(3, 40, 24, 1, 3, pad=1, bias=True),
        Case(2, 33, 70, 17, (1, 7), pad=(0, 3), bias=True, activation="clip", low=0.5, high=1.5),
        Case(2, 33, 70, 17, (7, 1), pad=(3, 0), bias=True, activation="leaky", low=0.1, residual="output"),
        Case(1, 48, 64, 23, 3, 2, pad=1, req="add", bias=True, residual="other"),
        Case(1, 48, 64, 23, 1, 2, req="add", activation="relu"),
        Case(2, 64, 96, (14, 15), 1, bias=True),
        Case(2, 3, 64, 37, 7, 2, pad=3, plain=True, bias=True, activation="relu"),
        Case(1, 3, 30, 37, 3, 2, plain=True),
        Case(2, 48, 96, 9, 3, pad=1, groups=3, turned=True),
        Case(2, 48, 95, (4, 9), (2, 3), pad=(0, 1), turned=True),
    ],
)
def test_against_sums(device: Device, case: Case, block: int) -> None:
    check(device, replace(case, block=block))


@pytest.mark.parametrize(
    "case",
    [
        Case(1, 48, 64, 23, 1, 3, pad=1),
        Case(2, 48, 64, 23, (3, 5), (2, 3), (2, 1), (2, 3)),
        Case(2, 48, 64, 23, (4, 5), (1, 3), (2, 4), (3, 2)),
        Case(2, 48, 64, 23, (4, 5), (4, 2), (2, 4), (2, 4)),
        Case(1, 48, 40, (1, 500), (1, 9), (1, 2), (0, 1)),
        Case(1, 16, 16, 3, 5, pad=4),
        Case(1, 32, 16, 40, 3, pad=30, dilate=30),
        Case(1, 32, 16, 60, 3, 2, pad=40, dilate=41, local_mem=16384),
        Case(1, 16, 16, 2, 1, 1, pad=3),
        Case(2, 3, 64, 31, 3, pad=1, plain=True),
        Case(2, 1, 64, 37, 11, 4, pad=2, plain=True, dilate=2),
        Case(1, 24, 4, 9, 3, pad=1, block=4, bias=True, activation="relu"),
    ],
)
def test_windows(device: Device, case: Case) -> None:
    check(device, case)


@pytest.mark.parametrize(
    "tune",
    [
        {"depth": 1, "flat": 0, "rows": 4},
        {"depth": 2, "flat": 1, "panels": 2},
        {"images": 2, "rows": 11, "flat": 1, "depth": 2},
        {"rows": 3, "cols": 14, "flat": 0},
    ],
)
@pytest.mark.parametrize("stride", [1, 2])
def test_strips(device: Device, tune: dict[str, int], stride: int) -> None:
    """Every way to cut it gives the same: partial sums, strips that leave a rest, images together."""
    check(device, Case(3, 48, 95, 11 if stride == 1 else 22, 3, stride, 1, bias=True, activation="relu", residual="output", tune=tune))


def test_little_local_memory(device: Device) -> None:
    c = Case(1, 160, 64, 12, 3, pad=1, local_mem=32768)
    assert choose_strip(c.geometry, False, replace(device.traits, local_mem=c.local_mem)).work_bytes <= c.local_mem
    check(device, c)


@pytest.mark.parametrize(("activation", "low", "high"), [("relu", 0.0, 0.0), ("clip", -1.0, 1.0), ("leaky", 0.5, 0.0)])
def test_nan_stays(device: Device, activation: str, low: float, high: float) -> None:
    x = np.ones((1, 16, 4, 4), np.float32)
    x[0, 3, 1, 2] = np.nan
    found = from_blocks(check(device, Case(1, 16, 16, 4, 1, activation=activation, low=low, high=high), x))
    assert np.isnan(found[0, :, 1, 2]).all() and np.isnan(found).sum() == 16


def test_work_is_shared(device: Device) -> None:
    """Small maps and few filters still give every core something to do."""
    for case in (Case(1, 512, 512, 7, 3, pad=1), Case(1, 128, 32, 14, 3, pad=1), Case(1, 2048, 512, 7, 1), Case(1, 64, 64, 56, 1)):
        assert choose_strip(case.geometry, False, replace(device.traits, compute_units=4)).items >= 4


def test_refuses(device: Device) -> None:
    with pytest.raises(MXNetError, match="do not fill blocks"):
        packed_shape(Case(1, 48, 48, 5, 3, groups=6).geometry)
    g = Case(1, 16, 16, 5, 3).geometry
    with pytest.raises(MXNetError, match="bytes of local memory"):
        choose_strip(Case(1, 16, 16, 40, 31).geometry, False, replace(device.traits, local_mem=16384))
    with pytest.raises(MXNetError, match="activation 'tanh'"):
        forward(g, DATA, PACKED, Out(0), Epilogue(activation="tanh"), "write", device.traits)
