"""Does a device work, and how fast is it: a checked kernel, the copy bandwidth, the multiply-add rate."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyopencl as cl

from clsym.base import MXNetError

from .device import Device
from .kernel_path import kernel_source

__all__ = ["SelfTest", "self_test"]

_BUDGET = 0.15  # seconds for each of the two measurements
_CHAINS = 12  # of selftest_fma
_COPY_BYTES = 64 << 20  # beyond the last-level cache of most CPUs


@dataclass(frozen=True)
class SelfTest:
    """What `self_test` found.

    Attributes
    ----------
    passed : bool
    message : str
        Why it failed, or why nothing was measured; else ''.
    build_seconds : float
        Building the program and the first run.
    copy_gbs : float or None
        Bytes read plus bytes written, in 1e9 a second.
    fma_gflops : float or None
        float32 multiplications and additions, in 1e9 a second.
    """

    passed: bool
    message: str = ""
    build_seconds: float = 0.0
    copy_gbs: float | None = None
    fma_gflops: float | None = None


def self_test(device: Device, measure: bool = True) -> SelfTest:
    """Run a kernel on the device, compare its result, and measure; takes well under a second on a real device.

    A device that fails is a result, not an exception. Simulators are checked but not measured.
    """
    start = time.perf_counter()
    try:
        cpu = device.traits.is_cpu
        width = device.traits.vector_width if cpu else 4
        options = [f"-DCPU={int(cpu)}", f"-DWIDTH={width}"]
        with warnings.catch_warnings():  # Intel's compiler reports each success
            warnings.simplefilter("ignore", cl.CompilerWarning)
            program = cl.Program(device.cl_context, kernel_source("selftest.cl")).build(options, devices=[device.cl_device])
        wrong = _check(device, program)
        seconds = time.perf_counter() - start
        if wrong:
            return SelfTest(False, wrong, seconds)
        if not measure or not device.rank.automatic:
            return SelfTest(True, "" if measure else "not measured", seconds)
        return SelfTest(True, "", seconds, _copy_rate(device, program), _fma_rate(device, program, width))
    except (cl.Error, MXNetError, MemoryError) as exc:
        return SelfTest(False, _first_lines(str(exc)), time.perf_counter() - start)


def _check(device: Device, program: cl.Program) -> str:
    """Run ``selftest_check``; the difference found, or ''."""
    kernel = cl.Kernel(program, "selftest_check")
    limit = kernel.get_work_group_info(cl.kernel_work_group_info.WORK_GROUP_SIZE, device.cl_device)
    local = 1 << (min(64, limit).bit_length() - 1)
    x = np.arange(16 * 64, dtype=np.int32) * 7 - 3
    want = 3 * x.reshape(-1, local)[:, ::-1].ravel() + np.arange(x.size, dtype=np.int32)
    got = np.zeros_like(x)
    flags = cl.mem_flags
    source = cl.Buffer(device.cl_context, flags.READ_ONLY | flags.COPY_HOST_PTR, hostbuf=x)
    target = cl.Buffer(device.cl_context, flags.WRITE_ONLY, x.nbytes)
    scratch: Any = cl.LocalMemory(4 * local)  # missing in pyopencl's stubs
    kernel.set_args(source, target, scratch)
    cl.enqueue_nd_range_kernel(device.queue, kernel, (x.size,), (local,))
    cl.enqueue_copy(device.queue, got, target)
    bad = np.flatnonzero(got != want)
    return f"wrong result: {bad.size} of {x.size} values, first y[{bad[0]}] = {got[bad[0]]}, expected {want[bad[0]]}" if bad.size else ""


def _copy_rate(device: Device, program: cl.Program) -> float:
    traits = device.traits
    size = min(_COPY_BYTES, traits.max_alloc // 2, traits.global_mem // 8) // 4096 * 4096
    source, target = (cl.Buffer(device.cl_context, cl.mem_flags.READ_WRITE, size) for _ in range(2))
    cl.enqueue_fill_buffer(device.queue, source, np.ones(1, np.float32), 0, size)
    n, chunk = size // 4, 65536
    kernel = cl.Kernel(program, "selftest_copy")
    kernel.set_args(source, target, np.int64(n), np.int64(chunk))
    items = (-(-n // chunk),) if traits.is_cpu else (traits.compute_units * 2048,)
    seconds = _best_time(device, lambda: cl.enqueue_nd_range_kernel(device.queue, kernel, items, _local(device)))
    return 2 * size / seconds / 1e9


def _fma_rate(device: Device, program: cl.Program, width: int) -> float:
    items = device.traits.compute_units * (8 if device.traits.is_cpu else 2048)
    result = cl.Buffer(device.cl_context, cl.mem_flags.WRITE_ONLY, 4 * items)
    kernel = cl.Kernel(program, "selftest_fma")
    rounds, seconds = 256, 0.0
    while True:
        kernel.set_args(result, np.float32(0.999), np.float32(0.001), np.int32(rounds))
        seconds = _best_time(device, lambda: cl.enqueue_nd_range_kernel(device.queue, kernel, (items,), _local(device)))
        if seconds > 5e-3 or rounds >= 1 << 20:
            return 2.0 * _CHAINS * width * items * rounds / seconds / 1e9
        # Toward 10 ms, at most 64 times more at once, so that the cost of a launch does not count.
        rounds = min(1 << 20, rounds * max(2, min(64, int(1e-2 / seconds))))


def _local(device: Device) -> tuple[int]:
    return (1,) if device.traits.is_cpu else (min(64, device.traits.max_work_group_size),)


def _best_time(device: Device, launch: Callable[[], object]) -> float:
    """The shortest of several runs, by the host's clock: event times are not to be trusted on every driver."""
    best, deadline = float("inf"), time.perf_counter() + _BUDGET
    for run in range(8):
        start = time.perf_counter()
        launch()
        device.queue.finish()
        end = time.perf_counter()
        if run:  # the first compiles for the local size and touches the memory
            best = min(best, end - start)
        if end > deadline and run:
            break
    return best


def _first_lines(text: str, count: int = 3) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return " / ".join(lines[:count])[:400]
