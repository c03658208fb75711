"""clsym: MXNet's symbolic API (Symbol, NDArray, Executor) on any OpenCL device.

>>> import clsym as mx
>>> a, b = mx.sym.Variable('a'), mx.sym.Variable('b')
>>> e = (a * b).bind(mx.cpu(), {'a': mx.nd.array([1, 2, 3]), 'b': mx.nd.array([4, 5, 6])})
>>> e.forward()[0].asnumpy().tolist()
[4.0, 10.0, 18.0]
"""

from __future__ import annotations

import sys
from typing import NoReturn

from . import attribute, base, context, engine, error, libinfo, log, lr_scheduler, name, recordio, runtime, util
from . import ops as _ops  # registers the operators  # noqa: F401
from .absent import NOT_THERE
from .base import DeviceNotFoundError, MXNetError, OutOfDeviceMemoryError
from .context import Context, cl, cpu, cpu_pinned, current_context, gpu, gpu_memory_info, num_gpus
from .naming import AttrScope
from .util import is_np_array, is_np_shape, np_array, np_shape, set_np_shape, use_np, use_np_array, use_np_shape

from . import ndarray  # isort: skip
from . import (
    autograd,
    callback,
    contrib,
    dlpack,
    executor,
    extension,
    image,
    initializer,
    io,
    kvstore,
    library,
    metric,
    model,
    module,
    monitor,
    operator,
    optimizer,
    profiler,
    random,
    registry,
    rnn,
    symbol,
    test_utils,
    visualization,
)
from . import feed_forward as _feed_forward  # adds itself to mx.model  # noqa: F401
from . import image as img
from . import initializer as init
from . import kvstore as kv
from . import module as mod
from . import monitor as mon
from . import ndarray as nd
from . import optimizer as opt
from . import random as rnd
from . import symbol as sym
from . import visualization as viz
from .contrib import onnx
from .monitor import Monitor
from .ndarray import waitall
from .version import __version__

__all__ = [
    "AttrScope",
    "Context",
    "DeviceNotFoundError",
    "MXNetError",
    "Monitor",
    "OutOfDeviceMemoryError",
    "__version__",
    "attribute",
    "autograd",
    "base",
    "callback",
    "cl",
    "context",
    "contrib",
    "cpu",
    "cpu_pinned",
    "current_context",
    "dlpack",
    "engine",
    "error",
    "executor",
    "extension",
    "gpu",
    "gpu_memory_info",
    "image",
    "img",
    "init",
    "initializer",
    "io",
    "is_np_array",
    "is_np_shape",
    "kv",
    "kvstore",
    "libinfo",
    "library",
    "log",
    "lr_scheduler",
    "metric",
    "mod",
    "model",
    "module",
    "mon",
    "monitor",
    "name",
    "nd",
    "ndarray",
    "np_array",
    "np_shape",
    "num_gpus",
    "onnx",
    "operator",
    "opt",
    "optimizer",
    "profiler",
    "random",
    "recordio",
    "registry",
    "rnd",
    "rnn",
    "runtime",
    "set_np_shape",
    "sym",
    "symbol",
    "test_utils",
    "use_np",
    "use_np_array",
    "use_np_shape",
    "util",
    "visualization",
    "viz",
    "waitall",
]


def __getattr__(name: str) -> NoReturn:
    why = NOT_THERE.get(name)
    raise AttributeError(f"module 'clsym' has no attribute {name!r}" + (f": {why}" if why else ""), name=name, obj=sys.modules[__name__])
