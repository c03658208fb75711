"""Scripts that say `import mxnet`, and the modules that they import."""

from __future__ import annotations

import subprocess
import sys

import pytest

import clsym as mx

SCRIPT = """
import sys
import mxnet as mx
import mxnet.ndarray as nd
import mxnet.symbol.symbol
from mxnet.base import MXNetError, mx_real_t, string_types
from mxnet.model import load_checkpoint
from mxnet.test_utils import assert_almost_equal
from mxnet import nd as nd2, sym
import mxnet.contrib.onnx as mxonnx
import clsym, clsym.symbol.symbol
assert mx is clsym and nd is clsym.nd is nd2 and sym is clsym.sym
assert MXNetError is clsym.MXNetError and mxnet.symbol.symbol is clsym.symbol.symbol
assert clsym.nd.__name__ == 'clsym.ndarray' and clsym.nd.__spec__.name == 'clsym.ndarray'
assert sys.modules['mxnet.ndarray'] is sys.modules['clsym.ndarray']
try:
    import mxnet.gluon
except ModuleNotFoundError as exc:
    assert 'Symbol' in str(exc), exc
else:
    raise SystemExit('gluon was imported')
try:
    import mxnet.nothing
except ModuleNotFoundError as exc:
    assert exc.name == 'mxnet.nothing'
print(sys.argv, __name__)
"""


def run(*arguments):
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, timeout=120)


def test_a_script_runs_unchanged(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    done = run("-m", "clsym.as_mxnet", str(script), "--epochs", "3")
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == f"['{script}', '--epochs', '3'] __main__"
    script.write_text("import clsym.as_mxnet\n" + SCRIPT)
    assert run(str(script)).returncode == 0


def test_modules_and_neighbours_of_a_script(tmp_path):
    (tmp_path / "neighbour.py").write_text("import mxnet\nvalue = mxnet.nd.NDArray.__name__\n")
    script = tmp_path / "script.py"
    script.write_text("import neighbour\nprint(neighbour.value)\nraise SystemExit(3)\n")
    done = run("-m", "clsym.as_mxnet", str(script))
    assert (done.returncode, done.stdout) == (3, "NDArray\n"), done.stderr
    assert run("-m", "clsym.as_mxnet").returncode == 2
    assert "usage" in run("-m", "clsym.as_mxnet", "--help").stdout


def test_modules_that_scripts_import():
    from clsym import attribute, dlpack, engine, error, libinfo, log, name

    assert attribute.AttrScope is mx.AttrScope and name.NameManager is mx.name.NameManager
    with engine.bulk(7):
        assert engine.set_bulk_size(7) == 7
    assert error.MXNetError is mx.MXNetError and libinfo.__version__ == mx.__version__
    assert log.get_logger("clsym.test", level=log.INFO).level == 20
    assert dlpack.from_dlpack is mx.nd.from_dlpack
    features = mx.runtime.Features()
    assert features.is_enabled("opencl") and not features.is_enabled("CUDA")
    with pytest.raises(RuntimeError, match="XX"):
        features.is_enabled("xx")


def test_sparse_arrays_are_refused():
    for call in (
        lambda: mx.nd.sparse.csr_matrix((2, 3)),
        lambda: mx.nd.sparse.row_sparse_array(([1], [0]), shape=(2, 1)),
        lambda: mx.nd.sparse.zeros("csr", (2, 3)),
        mx.nd.sparse.CSRNDArray,
    ):
        with pytest.raises(mx.MXNetError, match="dense"):
            call()


def test_numpy_arrays_are_refused():
    for call in (mx.util.np_array, lambda: mx.use_np(print), mx.util.set_np):
        with pytest.raises(mx.MXNetError, match=r"mx\.np"):
            call()
    assert not mx.is_np_array()
    mx.util.set_np(shape=True, array=False)
    assert mx.is_np_shape()
    mx.util.reset_np()
    assert not mx.is_np_shape()
