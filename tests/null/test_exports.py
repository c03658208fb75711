"""The public names, pinned."""

from __future__ import annotations

import subprocess
import sys

import clsym


def test_public_names() -> None:
    assert sorted(clsym.__all__) == [
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
    assert all(hasattr(clsym, name) for name in clsym.__all__)


def test_import_opens_no_device() -> None:
    code = (
        "import clsym, pyopencl\n"
        "from clsym.runtime import topology, device, program\n"
        "assert topology._found is None and not device._resolved and not program._programs\n"
        "for name in ('graphviz', 'mako', 'matplotlib', 'onnx', 'torch', 'mxnet'):\n"
        "    import sys; assert name not in sys.modules, name\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
