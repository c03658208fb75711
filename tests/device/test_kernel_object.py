"""Kernel objects are made without pyopencl's database of calling functions, one object a launch."""

from __future__ import annotations

import numpy as np
import pyopencl as cl
import pytest
from pyopencl import invoker

import clsym as mx
from clsym.runtime import kernel_object as module
from clsym.runtime.device import Device
from clsym.runtime.kernel_object import kernel_object
from clsym.runtime.launch import Launch

pytestmark = pytest.mark.filterwarnings("ignore::pyopencl.CompilerWarning")  # some compilers remark on every program
SOURCE = "kernel void twice(global float *x, const float f) { x[get_global_id(0)] *= f; } kernel void none(global float *x) { }"


def test_functions_are_made_once_for_a_name(device: Device, monkeypatch: pytest.MonkeyPatch) -> None:
    program = cl.Program(device.cl_context, SOURCE).build()
    generated = []
    generate = invoker.generate_enqueue_and_set_args

    def counting(*args: object, **named: object) -> object:
        generated.append(args[0])
        return generate(*args, **named)

    monkeypatch.setattr(invoker, "generate_enqueue_and_set_args", counting)
    monkeypatch.setattr(module, "_made", {})
    kernels = [kernel_object(program, "twice") for _ in range(20)] + [kernel_object(program, "none") for _ in range(20)]
    assert len({k.int_ptr for k in kernels}) == 40, "an object of its own each"
    assert len(generated) == 2
    assert invoker.generate_enqueue_and_set_args is counting, "pyopencl has its own function again"
    with pytest.raises(mx.MXNetError, match=r"'three'.*clsym cache --purge"):
        kernel_object(program, "three")
    assert invoker.generate_enqueue_and_set_args is counting

    kernels[-1].set_scalar_arg_dtypes([None])
    x = np.arange(5, dtype=np.float32)
    buffer = cl.Buffer(device.cl_context, cl.mem_flags.COPY_HOST_PTR, hostbuf=x)
    kernels[7](device.queue, x.shape, None, buffer, np.float32(2))  # what pyopencl's users do still works
    cl.enqueue_copy(device.queue, x, buffer)
    assert x.tolist() == [0, 2, 4, 6, 8]


def test_works_with_a_pyopencl_that_has_no_such_function(device: Device, monkeypatch: pytest.MonkeyPatch) -> None:
    program = cl.Program(device.cl_context, SOURCE).build()
    monkeypatch.setattr(module, "_GENERATOR", "of another name")
    assert kernel_object(program, "twice").function_name == "twice"


def test_binding_asks_the_database_once_a_kernel(ctx: mx.Context, monkeypatch: pytest.MonkeyPatch) -> None:
    """An unrolled network of 60 equal layers: as many objects as launches, as many database look-ups as different kernels."""
    generated = []
    generate = invoker.generate_enqueue_and_set_args
    monkeypatch.setattr(invoker, "generate_enqueue_and_set_args", lambda *a, **k: generated.append(a[0]) or generate(*a, **k))
    monkeypatch.setattr(module, "_made", {})
    net = mx.sym.var("x")
    for i in range(60):
        net = mx.sym.sum(mx.sym.FullyConnected(net, num_hidden=7, name=f"fc{i}"), axis=1, keepdims=True)
    e = net.simple_bind(ctx, grad_req="null", x=(3, 5))
    e.forward()
    launches = [x for step in e._bound(False).launches for x in step]
    assert all(isinstance(x, Launch) for x in launches)
    assert len({x.kernel.int_ptr for x in launches}) == len(launches) >= 120
    assert 0 < len(generated) == len(set(generated)) < 10
