"""Winograd's convolution over blocked tensors against the direct sum in float64."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pyopencl as cl
import pytest

from clsym.graph.contract.kernel_call import In, KernelCall, Out, Temp
from clsym.graph.contract.traits import DeviceTraits
from clsym.ops.cpu_blocked import winograd
from clsym.ops.cpu_blocked.geometry import BlockedGeometry
from clsym.ops.shared.epilogue import Epilogue
from clsym.runtime.buffer import allocate
from clsym.runtime.device import Device
from clsym.runtime.launch import Launch, temp_sizes

Array = np.ndarray[Any, Any]
TOLERANCE = {2: 2e-6, 4: 5e-6}
"""Of the largest output."""


@pytest.fixture(autouse=True)
def cpu(device: Device) -> None:
    if not device.traits.is_cpu:
        pytest.skip("blocked tensors are for CPUs")


def geometry(n: int, c: int, o: int, shape: tuple[int, int], pad: tuple[int, int], block: int) -> BlockedGeometry:
    out = (shape[0] + 2 * pad[0] - 2, shape[1] + 2 * pad[1] - 2)
    return BlockedGeometry(n, 1, c, o, shape, out, (3, 3), (1, 1), (1, 1), pad, block)


def convolution(x: Array, w: Array, pad: tuple[int, int]) -> Array:
    """The direct sum, float64; negative pads crop."""
    cut = [max(0, -p) for p in pad]
    x = x[:, :, cut[0] : x.shape[2] - cut[0], cut[1] : x.shape[3] - cut[1]].astype(np.float64)
    x = np.pad(x, ((0, 0), (0, 0), *((max(0, p),) * 2 for p in pad)))
    windows = np.lib.stride_tricks.sliding_window_view(x, (3, 3), axis=(2, 3))
    return np.einsum("nchwij,ocij->nohw", windows, w.astype(np.float64), optimize=True)


def blocked(x: Array, block: int) -> Array:
    n, c, h, w = x.shape
    full = np.zeros((n, -(-c // block) * block, h, w), np.float32)
    full[:, :c] = x
    return np.ascontiguousarray(full.reshape(n, -1, block, h, w).transpose(0, 1, 3, 4, 2))


def plain(x: Array, channels: int) -> Array:
    n, _, h, w, _ = x.shape
    return x.transpose(0, 1, 4, 2, 3).reshape(n, -1, h, w)[:, :channels]


def run(device: Device, calls: list[KernelCall], arrays: dict[Any, Array], wanted: In | Out) -> Array:
    """Enqueue the calls over copies of the arrays; workspaces start as NaN."""
    buffers: dict[Any, Any] = {}
    for arg, value in arrays.items():
        buffers[arg] = allocate(device, value.nbytes, "test array")
        cl.enqueue_copy(device.queue, buffers[arg], np.ascontiguousarray(value))
    for index, nbytes in temp_sizes(calls).items():
        buffers[Temp(index, 0)] = allocate(device, nbytes, "workspace")
        cl.enqueue_fill_buffer(device.queue, buffers[Temp(index, 0)], np.float32(np.nan), 0, nbytes)
    for call in calls:
        launch = Launch(device, call)
        launch.set_buffers(lambda arg: buffers[Temp(arg.index, 0) if isinstance(arg, Temp) else arg])
        launch.enqueue(device.queue)
    result = np.empty_like(arrays[wanted])
    cl.enqueue_copy(device.queue, result, buffers[wanted])
    return result


def pack(device: Device, g: BlockedGeometry, w: Array, tile: int, turned: bool = False) -> Array:
    packed = np.full(winograd.packed_shape(g, tile), np.nan, np.float32)
    return run(device, winograd.pack(g, In(0), Out(0), device.traits, tile, turned), {In(0): w, Out(0): packed}, Out(0))


def check(
    device: Device, g: BlockedGeometry, tile: int, activation: str = "none", bias: bool = False, residual: str = "", req: str = "write",
    traits: DeviceTraits | None = None, limits: tuple[float, float] = (0.0, 0.0),
) -> None:  # fmt: skip
    x = np.random.standard_normal((g.images, g.channels, *g.input)).astype(np.float32)
    w = np.random.standard_normal((g.filters, g.channels, 3, 3)).astype(np.float32)
    b = np.random.standard_normal(g.filters).astype(np.float32)
    r = np.random.standard_normal((g.images, g.filters, *g.output)).astype(np.float32)
    padded = np.zeros(g.out_blocks * g.block, np.float32)
    padded[: g.filters] = b
    place = Out(0) if residual == "in place" else In(3)
    epilogue = Epilogue(In(2) if bias else None, place if residual else None, activation, *limits)
    calls = winograd.forward(g, In(0), In(1), Out(0), epilogue, req, traits or device.traits, tile)
    before = blocked(r, g.block) if residual == "in place" or req == "add" else np.full(g.out_shape, np.nan, np.float32)
    arrays = {In(0): blocked(x, g.block), In(1): pack(device, g, w, tile), In(2): padded, In(3): blocked(r, g.block), Out(0): before}
    got = run(device, calls, arrays, Out(0))
    assert np.array_equal(got, run(device, calls, arrays, Out(0))), "two runs differ"
    want = convolution(x, w, g.pad)
    scale = np.abs(want).max()
    if bias:
        want = want + b[:, None, None]
    if residual:
        want = want + r
    low, high = limits
    want = {
        "none": lambda v: v, "relu": lambda v: np.maximum(v, 0), "clip": lambda v: np.clip(v, low, high),
        "leaky": lambda v: np.where(v < 0, low * v, v),
    }[activation](want)  # fmt: skip
    if req == "add":
        want = want + r
    np.testing.assert_allclose(plain(got, g.filters), want, rtol=0, atol=TOLERANCE[tile] * scale)
    lanes = got.transpose(0, 1, 4, 2, 3).reshape(g.images, -1, *g.output)[:, g.filters :]
    assert activation == "clip" or not lanes.any(), "the lanes beyond the last filter are not zero"


@pytest.mark.parametrize("tile", [2, 4])
@pytest.mark.parametrize(
    ("n", "c", "o", "shape", "pad"),
    [
        (1, 16, 32, (8, 8), (1, 1)),
        (1, 3, 5, (5, 3), (0, 0)),
        (2, 20, 40, (7, 7), (1, 1)),
        (3, 33, 17, (13, 17), (2, 2)),
        (1, 64, 48, (3, 3), (0, 0)),
        (2, 7, 65, (1, 2), (1, 2)),
        (1, 40, 24, (9, 30), (0, 1)),
        (1, 8, 8, (6, 7), (9, 5)),
        (1, 8, 16, (10, 11), (-1, -2)),
    ],
)
def test_shapes(device: Device, n: int, c: int, o: int, shape: tuple[int, int], pad: tuple[int, int], tile: int) -> None:
    check(device, geometry(n, c, o, shape, pad, device.traits.vector_width), tile)


@pytest.mark.parametrize("tile", [2, 4])
@pytest.mark.parametrize("block", [4, 8])
def test_narrower_blocks(device: Device, block: int, tile: int) -> None:
    check(device, geometry(2, 20, 21, (9, 11), (1, 1), block), tile, bias=True)


@pytest.mark.parametrize(
    ("activation", "bias", "residual", "req", "limits"),
    [
        ("relu", True, "", "write", (0.0, 0.0)),
        ("relu", True, "in place", "write", (0.0, 0.0)),
        ("clip", False, "apart", "write", (-1.5, 2.5)),
        ("leaky", True, "", "write", (0.25, 0.0)),
        ("none", False, "apart", "add", (0.0, 0.0)),
        ("leaky", True, "apart", "add", (0.1, 0.0)),
    ],
)
def test_epilogues(device: Device, activation: str, bias: bool, residual: str, req: str, limits: tuple[float, float]) -> None:
    g = geometry(2, 18, 35, (7, 9), (1, 1), device.traits.vector_width)
    check(device, g, 4, activation, bias, residual, req, limits=limits)


@pytest.mark.parametrize("tiles", [1, 5, 9, 17, 31])
def test_any_split(device: Device, tiles: int) -> None:
    """Tiles of several images in one work-item, filters in parts."""
    g = geometry(3, 17, 5 * device.traits.vector_width - 3, (11, 14), (1, 1), device.traits.vector_width)
    shape_class = f"f4_n3_c{g.channels}_o{g.filters}_h{g.output[0]}"
    for span in (2, 4):
        check(device, g, 4, bias=True, traits=replace(device.traits, tuning={f"winograd/{shape_class}": {"tiles": tiles, "span": span}}))


def test_workspace_where_local_memory_is_small(device: Device) -> None:
    g = geometry(2, 40, 24, (10, 10), (1, 1), device.traits.vector_width)
    traits = replace(device.traits, local_mem=16384, compute_units=3)
    calls = winograd.forward(g, In(0), In(1), Out(0), Epilogue(), "write", traits, 4)
    assert temp_sizes(calls)
    assert calls[0].global_size[0] <= 3
    check(device, g, 4, traits=traits)


@pytest.mark.parametrize("tile", [2, 4])
@pytest.mark.parametrize("pad", [(1, 1), (0, 2)])
def test_data_gradient(device: Device, pad: tuple[int, int], tile: int) -> None:
    """The turned weight over the transposed geometry."""
    g = geometry(2, 19, 37, (8, 9), pad, device.traits.vector_width)
    head = np.random.standard_normal((g.images, g.filters, *g.output)).astype(np.float32)
    w = np.random.standard_normal(g.weight_shape).astype(np.float32)
    t = g.transposed()
    calls = winograd.forward(t, In(0), In(1), Out(0), Epilogue(), "write", device.traits, tile)
    arrays = {In(0): blocked(head, t.block), In(1): pack(device, t, w, tile, turned=True), Out(0): np.zeros(t.out_shape, np.float32)}
    got = plain(run(device, calls, arrays, Out(0)), g.channels)
    want = convolution(head, w.transpose(1, 0, 2, 3)[:, :, ::-1, ::-1], t.pad)
    np.testing.assert_allclose(got, want, rtol=0, atol=TOLERANCE[tile] * np.abs(want).max())


def test_relu_keeps_nan(device: Device) -> None:
    g = geometry(1, 1, 1, (4, 4), (1, 1), device.traits.vector_width)
    x = np.zeros((1, 1, 4, 4), np.float32)
    x[0, 0, 1, 1] = np.nan
    arrays = {
        In(0): blocked(x, g.block),
        In(1): pack(device, g, np.ones((1, 1, 3, 3), np.float32), 4),
        Out(0): np.zeros(g.out_shape, np.float32),
    }
    calls = winograd.forward(g, In(0), In(1), Out(0), Epilogue(activation="relu"), "write", device.traits, 4)
    assert np.isnan(plain(run(device, calls, arrays, Out(0)), 1)[0, 0, :3, :3]).all()


@pytest.mark.parametrize(("tile", "channels"), [(2, 256), (4, 256)])
def test_accuracy(device: Device, tile: int, channels: int) -> None:
    """The mean error stays near the figures of the module's docstring."""
    g = geometry(1, channels, 16, (12, 12), (1, 1), device.traits.vector_width)
    x = np.maximum(np.random.standard_normal((1, channels, 12, 12)), 0).astype(np.float32)
    w = np.random.standard_normal(g.weight_shape).astype(np.float32)
    calls = winograd.forward(g, In(0), In(1), Out(0), Epilogue(), "write", device.traits, tile)
    arrays = {In(0): blocked(x, g.block), In(1): pack(device, g, w, tile), Out(0): np.zeros(g.out_shape, np.float32)}
    error = np.abs(plain(run(device, calls, arrays, Out(0)), 16) - convolution(x, w, g.pad)).mean()
    assert error <= {2: 6e-7, 4: 1.5e-6}[tile] * np.abs(convolution(x, w, g.pad)).mean()


def test_worth(device: Device) -> None:
    traits, block = replace(device.traits, compute_units=2), device.traits.vector_width
    assert winograd.worth(geometry(1, 64, 64, (56, 56), (1, 1), block), traits, True) == 4
    for largest in (0, 2):
        assert winograd.worth(geometry(1, 64, 64, (56, 56), (1, 1), block), replace(traits, winograd=largest), True) == largest
    assert winograd.worth(geometry(1, 3, 64, (224, 224), (1, 1), block), traits, True) == 0
    g = geometry(1, 64, 64, (56, 56), (1, 1), block)
    assert winograd.worth(replace(g, stride=(2, 2), output=(28, 28)), traits, True) == 0
    assert winograd.worth(replace(g, dilate=(2, 2), output=(54, 54)), traits, True) == 0
    assert winograd.worth(replace(g, groups=2), traits, True) == 0
    assert winograd.worth(g, replace(traits, kind="gpu"), True) == 0
    small = geometry(1, 512, 512, (7, 7), (1, 1), block)
    assert winograd.worth(small, traits, True) != 4  # 37 MB of weights for four tiles
    assert winograd.worth(small, traits, False) == 0
