"""No kernel is built twice: not for another shape, and not in another process."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

import clsym as mx
from clsym.graph.contract.kernel_call import KernelCall
from clsym.runtime import program
from clsym.runtime.device import Device, all_devices
from clsym.runtime.program import program_count

PROGRAM = """
import clsym as mx, numpy as np
net = mx.sym.SoftmaxOutput(mx.sym.FullyConnected(mx.sym.Activation(mx.sym.Variable('data'), act_type='tanh'), num_hidden=3, name='f'))
e = net.simple_bind(mx.cpu(), data=(2, 9))
e.forward(is_train=True)
e.backward()
print(e.grad_dict['f_weight'].asnumpy().sum())
"""


@pytest.mark.skipif(not any("Portable Computing Language" in d.platform_name for d in all_devices()), reason="looks into PoCL's cache")
def test_second_process_builds_nothing(tmp_path: Path) -> None:
    env = {**os.environ, "POCL_CACHE_DIR": str(tmp_path / "pocl"), "CLSYM_DEVICE": "Portable Computing"}
    env["PYTHONPATH"] = str(Path(mx.__file__).parents[1])

    def compiled() -> dict[str, int]:
        return {str(p): p.stat().st_mtime_ns for p in (tmp_path / "pocl").rglob("*.so")}

    subprocess.run([sys.executable, "-c", PROGRAM], env=env, check=True, capture_output=True)
    first = compiled()
    assert first, "PoCL keeps its kernels on disk"
    subprocess.run([sys.executable, "-c", PROGRAM], env=env, check=True, capture_output=True)
    assert compiled() == first


def test_other_shapes_build_nothing(ctx: mx.Context) -> None:
    def run(n: int, h: int) -> None:
        net = mx.sym.Convolution(mx.sym.Variable("data"), num_filter=5, kernel=(3, 3), name="c")
        net = mx.sym.Pooling(mx.sym.BatchNorm(net, name="bn"), kernel=(2, 2), stride=(2, 2), pool_type="max")
        net = mx.sym.SoftmaxOutput(mx.sym.FullyConnected(net, num_hidden=3, name="f"), name="s")
        e = net.simple_bind(ctx, data=(n, 3, h, h))
        e.forward(is_train=True)
        e.backward()
        mx.nd.waitall()
        x = mx.nd.ones((n, h), ctx=ctx)
        (mx.nd.sum(x, axis=1) + mx.nd.softmax(x).sum() * x.mean()).wait_to_read()

    for n, h in ((2, 9), (16, 12), (32, 20)):  # the kernels for small and for large products
        run(n, h)
    before = program_count()
    for n, h in ((3, 9), (4, 10), (17, 13), (31, 19), (20, 14)):
        run(n, h)
    assert program_count() == before


def test_a_device_without_float64_says_so(device: Device) -> None:
    call = KernelCall("reduce/allclose.cl", "allclose", (), (("T", "double"), ("CT", "double")), (1,), (1,))
    without = SimpleNamespace(name="Small", traits=replace(device.traits, fp64=False))
    assert "Small has no float64" in program._advice(without, call)  # type: ignore[arg-type]
    single = replace(call, defines=(("T", "float"),))
    assert "float64" not in program._advice(without, single)  # type: ignore[arg-type]
