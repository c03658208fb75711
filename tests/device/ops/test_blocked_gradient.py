"""Gradients of convolution over blocked tensors against numpy, at odd sizes, for one core and many, with much local memory and little."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyopencl as cl
import pytest

from clsym.base import MXNetError
from clsym.graph.contract.kernel_call import In, Out, Temp
from clsym.ops.cpu_blocked import gradient as blocked_gradient
from clsym.ops.cpu_blocked.geometry import BlockedGeometry
from clsym.runtime.buffer import allocate
from clsym.runtime.launch import Launch, temp_sizes

CASES = {  # images, groups, channels, filters, input, kernel, stride, dilate, pad
    "pointwise": (2, 1, 35, 21, (5, 7), (1, 1), (1, 1), (1, 1), (0, 0)),
    "three": (3, 1, 33, 48, (9, 6), (3, 3), (1, 1), (1, 1), (1, 1)),
    "strided": (2, 1, 20, 37, (11, 14), (3, 3), (2, 2), (1, 1), (1, 1)),
    "strided pointwise": (1, 1, 50, 17, (7, 8), (1, 1), (2, 2), (1, 1), (0, 0)),
    "seven": (1, 1, 5, 33, (17, 31), (7, 7), (2, 2), (1, 1), (3, 3)),
    "dilated": (2, 1, 17, 18, (13, 12), (3, 2), (2, 3), (2, 3), (2, 1)),
    "even steps": (1, 1, 16, 16, (15, 16), (3, 3), (4, 2), (2, 2), (5, 4)),
    "sparse": (1, 1, 3, 5, (13, 11), (2, 2), (5, 3), (1, 1), (0, 0)),
    "groups": (2, 2, 64, 32, (6, 5), (3, 3), (2, 1), (1, 1), (1, 1)),
    "tall": (2, 1, 7, 40, (40, 3), (5, 1), (3, 2), (1, 1), (2, 0)),
}


def geometry(case: tuple, block: int) -> BlockedGeometry:
    images, groups, channels, filters, size, kernel, stride, dilate, pad = case
    output = tuple((x + 2 * p - d * (k - 1) - 1) // s + 1 for x, k, s, d, p in zip(size, kernel, stride, dilate, pad, strict=True))
    return BlockedGeometry(images, groups, channels, filters, size, output, kernel, stride, dilate, pad, block)


def blocked(x: np.ndarray, block: int) -> np.ndarray:
    n, c, h, w = x.shape
    padded = np.zeros((n, -(-c // block) * block, h, w), np.float32)
    padded[:, :c] = x
    return np.ascontiguousarray(padded.reshape(n, -1, block, h, w).transpose(0, 1, 3, 4, 2))


def taps(g: BlockedGeometry):
    """Each tap with the slices of the padded data that it meets."""
    for r in range(g.kernel[0]):
        for s in range(g.kernel[1]):
            y, x = r * g.dilate[0], s * g.dilate[1]
            ys = slice(y, y + (g.output[0] - 1) * g.stride[0] + 1, g.stride[0])
            xs = slice(x, x + (g.output[1] - 1) * g.stride[1] + 1, g.stride[1])
            yield r, s, ys, xs


def padded(g: BlockedGeometry) -> np.ndarray:
    return np.zeros(
        (g.images, g.channels, *(max(x + 2 * p, d * (k - 1) + 1) for x, p, d, k in zip(g.input, g.pad, g.dilate, g.kernel, strict=True)))
    )


def expected_weight(g: BlockedGeometry, head: np.ndarray, data: np.ndarray) -> np.ndarray:
    wide, weight = padded(g), np.zeros(g.weight_shape)
    wide[:, :, g.pad[0] : g.pad[0] + g.input[0], g.pad[1] : g.pad[1] + g.input[1]] = data
    o, i = g.filters // g.groups, g.channels // g.groups
    for r, s, ys, xs in taps(g):
        for k in range(g.groups):
            part = wide[:, k * i : (k + 1) * i, ys, xs]
            weight[k * o : (k + 1) * o, :, r, s] = np.einsum("noyx,niyx->oi", head[:, k * o : (k + 1) * o], part)
    return weight


def expected_data(g: BlockedGeometry, head: np.ndarray, weight: np.ndarray) -> np.ndarray:
    wide = padded(g)
    o, i = g.filters // g.groups, g.channels // g.groups
    for r, s, ys, xs in taps(g):
        for k in range(g.groups):
            part = slice(k * o, (k + 1) * o)
            wide[:, k * i : (k + 1) * i, ys, xs] += np.einsum("noyx,oi->niyx", head[:, part], weight[part, :, r, s])
    return wide[:, :, g.pad[0] : g.pad[0] + g.input[0], g.pad[1] : g.pad[1] + g.input[1]]


def run(device, calls, inputs: list[np.ndarray], out: np.ndarray) -> np.ndarray:
    """The output after the calls, which are run twice from the same start; both must agree bit for bit."""
    queue, buffers = device.queue, {}
    for i, a in enumerate(inputs):
        buffers[In(i)] = allocate(device, a.nbytes, f"input {i}")
        cl.enqueue_copy(queue, buffers[In(i)], a)
    buffers[Out(0)] = allocate(device, out.nbytes, "output")
    temps = {i: allocate(device, n, f"workspace {i}") for i, n in temp_sizes(calls).items()}
    launches = [Launch(device, call) for call in calls]
    results = []
    for _ in range(2):
        cl.enqueue_copy(queue, buffers[Out(0)], out)
        for temp in temps.values():
            cl.enqueue_fill_buffer(queue, temp, np.float32(np.nan), 0, temp.size)
        for launch in launches:
            launch.set_buffers(lambda arg: temps[arg.index] if hasattr(arg, "nbytes") else buffers[arg])
            launch.enqueue(queue)
        results.append(np.empty_like(out))
        cl.enqueue_copy(queue, results[-1], buffers[Out(0)])
    queue.finish()
    np.testing.assert_array_equal(*results)
    return results[0]


@pytest.fixture
def cpu(device):
    if not device.traits.is_cpu:
        pytest.skip("blocked layout is for CPUs")
    return device


def draw(*shape: int) -> np.ndarray:
    return np.random.uniform(-1, 1, shape).astype(np.float32)


def close(got: np.ndarray, want: np.ndarray) -> None:
    np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-4)


def traits_of(device, **changes):
    return replace(device.traits, **changes)


MANY = {"compute_units": 64}
SMALL = {"local_mem": 32768}


@pytest.mark.parametrize("changes", [{}, MANY, SMALL], ids=["", "many cores", "small local memory"])
@pytest.mark.parametrize("name", CASES)
def test_weight_gradient(cpu, name, changes):
    g = geometry(CASES[name], 16)
    head, data, before = draw(g.images, g.filters, *g.output), draw(g.images, g.channels, *g.input), draw(*g.weight_shape)
    want = expected_weight(g, head, data)
    inputs = [blocked(head, g.block), blocked(data, g.block)]
    if changes == SMALL and name == "seven":
        with pytest.raises(MXNetError, match="needs 50176 bytes of local memory"):
            blocked_gradient.weight_gradient(g, In(0), In(1), Out(0), "write", traits_of(cpu, **changes))
        return
    for req, start in (("write", 0), ("add", before)) if not changes else (("write", 0),):
        calls = blocked_gradient.weight_gradient(g, In(0), In(1), Out(0), req, traits_of(cpu, **changes))
        close(run(cpu, calls, inputs, before), start + want)


def strided_data_gradient(g, req, traits):
    packed = Temp(0, blocked_gradient.packed_strided_bytes(g))
    calls = blocked_gradient.pack_strided(g, In(1), packed, traits)
    return [*calls, *blocked_gradient.strided_data_gradient(g, In(0), packed, Out(0), req, traits)]


@pytest.mark.parametrize("changes", [{}, MANY, SMALL], ids=["", "many cores", "small local memory"])
@pytest.mark.parametrize("name", CASES)
def test_strided_data_gradient(cpu, name, changes):
    g = geometry(CASES[name], 16)
    head, weight, before = draw(g.images, g.filters, *g.output), draw(*g.weight_shape), draw(g.images, g.channels, *g.input)
    want = blocked(expected_data(g, head, weight), g.block)
    inputs, start = [blocked(head, g.block), weight], blocked(before, g.block)
    for req in ("write", "add") if not changes else ("write",):
        calls = strided_data_gradient(g, req, traits_of(cpu, **changes))
        close(run(cpu, calls, inputs, start), want + (start if req == "add" else 0))


STEMS = {
    "seven": (2, 1, 3, 40, (23, 31), (7, 7), (2, 2), (1, 1), (3, 3)),
    "three": (3, 1, 3, 16, (15, 14), (3, 3), (2, 2), (1, 1), (0, 0)),
    "dilated": (1, 1, 4, 20, (16, 15), (4, 5), (1, 3), (3, 2), (2, 6)),
    "wide": (1, 1, 1, 33, (5, 40), (2, 17), (1, 2), (1, 1), (0, 8)),
    "pointwise": (2, 1, 2, 32, (6, 5), (1, 1), (1, 1), (1, 1), (0, 0)),
}


@pytest.mark.parametrize("changes", [{}, MANY], ids=["", "many cores"])
@pytest.mark.parametrize("name", STEMS)
def test_stem_weight_gradient(cpu, name, changes):
    g = geometry(STEMS[name], 16)
    head, data, before = draw(g.images, g.filters, *g.output), draw(g.images, g.channels, *g.input), draw(*g.weight_shape)
    want = expected_weight(g, head, data)
    for req, start in (("write", 0), ("add", before)) if not changes else (("write", 0),):
        calls = blocked_gradient.weight_gradient(g, In(0), In(1), Out(0), req, traits_of(cpu, **changes), plain=True)
        close(run(cpu, calls, [blocked(head, g.block), data], before), start + want)


@pytest.mark.parametrize("changes", [{}, MANY], ids=["", "many cores"])
@pytest.mark.parametrize("req", ["write", "add"])
def test_bias_gradient(cpu, req, changes):
    g = geometry(CASES["three"], 16)
    head, before = draw(g.images, g.filters, *g.output), draw(g.filters)
    calls = blocked_gradient.bias_gradient(g, In(0), Out(0), req, traits_of(cpu, **changes))
    close(run(cpu, calls, [blocked(head, g.block)], before), head.sum((0, 2, 3)) + (before if req == "add" else 0))


@pytest.mark.parametrize("block", [8, 4])
def test_narrower_blocks(cpu, block):
    traits = traits_of(cpu, vector_width=block, compute_units=16)
    g = geometry(CASES["strided"], block)
    head, data, weight = draw(g.images, g.filters, *g.output), draw(g.images, g.channels, *g.input), draw(*g.weight_shape)
    inputs = [blocked(head, block), blocked(data, block)]
    calls = blocked_gradient.weight_gradient(g, In(0), In(1), Out(0), "write", traits)
    close(run(cpu, calls, inputs, draw(*g.weight_shape)), expected_weight(g, head, data))
    calls = strided_data_gradient(g, "write", traits)
    close(run(cpu, calls, [inputs[0], weight], inputs[1]), blocked(expected_data(g, head, weight), block))
    calls = blocked_gradient.bias_gradient(g, In(0), Out(0), "write", traits)
    close(run(cpu, calls, inputs[:1], draw(g.filters)), head.sum((0, 2, 3)))
    g = geometry(STEMS["seven"], block)
    head, data = draw(g.images, g.filters, *g.output), draw(g.images, g.channels, *g.input)
    calls = blocked_gradient.weight_gradient(g, In(0), In(1), Out(0), "write", traits, plain=True)
    close(run(cpu, calls, [blocked(head, block), data], draw(*g.weight_shape)), expected_weight(g, head, data))


def test_lanes_beyond_the_last_channel_stay_zero(cpu):
    g = geometry(CASES["strided"], 16)
    calls = strided_data_gradient(g, "write", cpu.traits)
    got = run(cpu, calls, [blocked(draw(g.images, g.filters, *g.output), 16), draw(*g.weight_shape)], draw(*g.data_shape))
    assert np.all(got[:, -1, :, :, g.channels % 16 :] == 0)


def test_groups_of_broken_blocks_are_refused(cpu):
    g = geometry((1, 2, 24, 32, (4, 4), (3, 3), (1, 1), (1, 1), (1, 1)), 16)
    with pytest.raises(MXNetError, match="24 channels and 32 filters in 2 groups"):
        blocked_gradient.weight_gradient(g, In(0), In(1), Out(0), "write", cpu.traits)
