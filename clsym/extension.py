"""Operators from OpenCL files of the user's: all that is needed to write one, the same that clsym's own are written with.

An operator is a class that says what the compiler must know, and a ``.cl`` file with its kernels. This is a whole one, with its gradient.
``swish.cl``::

    #include "common.h"
    kernel void swish(const global T *x, global T *y, const float beta, const long n) {
      FOR_EACH(i, n) { const CT v = LOAD(x, i); STORE(y, i, v / (1 + exp(-beta * v))); }
    }
    kernel void swish_backward(const global T *dy, const global T *x, global T *dx, const float beta, const long n) {
      FOR_EACH(i, n) { const CT v = LOAD(x, i), s = 1 / (1 + exp(-beta * v)); STORE(dx, i, LOAD(dy, i) * s * (1 + beta * v * (1 - s))); }
    }

``swish.py``, beside it::

    from clsym.extension import Float, In, KernelCall, Op, Out, Scalar, defines_for, grid, kernel_file, register

    class Swish(Op):
        '''x * sigmoid(beta * x), element by element.'''
        name, kernel, params = "swish", "swish", {"beta": Float(1.0, "Steepness.")}

        def gradient(self, g):
            return [g.apply("_backward_swish", g.ograd(), g.input(0), beta=g.p.beta)]

        def lower(self, p, ins, outs, ctx):
            n, (size, group) = outs[0].size, grid(outs[0].size, ctx.traits)
            args = *map(In, range(len(ins))), Out(0), Scalar("float", p.beta), Scalar("long", n)
            return [KernelCall(FILE, self.kernel, args, defines_for(outs[0].dtype, ctx.reqs[0]), size, group)]

    class SwishBackward(Swish):
        name, kernel, inputs, hidden = "_backward_swish", "swish_backward", ("ograd", "data"), True

    FILE = kernel_file(__file__, "swish.cl")
    register(Swish)
    register(SwishBackward)

Once ``swish.py`` is imported, ``mx.sym.swish`` and ``mx.nd.swish`` are there, graph files that hold it are read, and it runs on every
device, in every floating-point type, with ``grad_req`` write and add.

What the names mean is told by their own documentation. `Op`: the attributes and methods of an operator; shapes and types follow from the
inputs' by `Op.infer_shape` and `Op.infer_type`, by default all the same. `Op.lower` returns launches as data: file, kernel, arguments in
order, ``#define`` lines, work-items. `grid` and `defines_for` make those for a kernel that loops with ``FOR_EACH`` over elements of type
``T``, as ``common.h`` explains (``kernels/include``, which ``#include`` finds after the folder of the file itself). Numbers of the call
should be arguments rather than defines: a kernel is compiled anew for every combination of defines. What an operator can do beyond that,
such as being fused (`Fusible`) or running on the host (`OnHost`), is a facet that its class inherits.

Operators in plain Python, without kernels, are `clsym.operator`'s.
"""

from __future__ import annotations

from .graph.contract.expression import Expression
from .graph.contract.facets import Estimated, Fusible, Pointwise, Recomputable
from .graph.contract.host import HostCall, HostRun, Memory, OnHost
from .graph.contract.kernel_call import (
    In,
    KernelCall,
    Local,
    LowerContext,
    Out,
    Rng,
    Scalar,
    Temp,
    compute_type,
    ctype,
    defines_for,
    grid,
    req_code,
)
from .graph.contract.op import Entry, Gradient, Op
from .graph.contract.registry import register
from .graph.contract.spec import PartialShape, ShapeError, TensorSpec, same_shape, unify_shape
from .graph.contract.traits import DeviceTraits
from .params import REQUIRED, Bool, Dtype, Enum, Field, Float, Int, Params, Shape, Str
from .runtime.kernel_path import kernel_file

__all__ = [
    "REQUIRED",
    "Bool",
    "DeviceTraits",
    "Dtype",
    "Entry",
    "Enum",
    "Estimated",
    "Expression",
    "Field",
    "Float",
    "Fusible",
    "Gradient",
    "HostCall",
    "HostRun",
    "In",
    "Int",
    "KernelCall",
    "Local",
    "LowerContext",
    "Memory",
    "OnHost",
    "Op",
    "Out",
    "Params",
    "PartialShape",
    "Pointwise",
    "Recomputable",
    "Rng",
    "Scalar",
    "Shape",
    "ShapeError",
    "Str",
    "Temp",
    "TensorSpec",
    "compute_type",
    "ctype",
    "defines_for",
    "grid",
    "kernel_file",
    "register",
    "req_code",
    "same_shape",
    "unify_shape",
]
