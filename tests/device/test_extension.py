"""The example of clsym.extension, as it is written there, and what is said when such a file is wrong."""

from __future__ import annotations

import importlib.util
import re
import textwrap

import numpy as np
import pytest

import clsym as mx
from clsym import extension
from clsym.base import MXNetError
from clsym.graph.contract import registry


def example():
    """The two files of the documentation."""
    found = {}
    for match in re.finditer(r"``(\w+\.\w+)``[^\n]*::\n\n((?:(?:    [^\n]*)?\n)+)", extension.__doc__):
        found[match[1]] = textwrap.dedent(match[2]).strip() + "\n"
    return found


@pytest.fixture
def imported(tmp_path, monkeypatch):
    """A function that writes the files, with something replaced, and imports the module."""
    monkeypatch.setattr(registry, "_REGISTRY", dict(registry._REGISTRY))
    monkeypatch.setattr(registry, "_NAMES", dict(registry._NAMES))

    def write_and_import(old="", new="", **more):
        for name, text in (example() | more).items():
            (tmp_path / name).write_text(text.replace(old, new) if old else text)
        spec = importlib.util.spec_from_file_location("swish", tmp_path / "swish.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    yield write_and_import
    for space in (mx.nd, mx.sym):
        vars(space).pop("swish", None)


def test_the_example_is_short():
    files = example()
    assert list(files) == ["swish.cl", "swish.py"]
    assert sum(len([line for line in text.splitlines() if line.strip()]) for text in files.values()) <= 30


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_the_example_runs(ctx, imported, dtype):
    imported()
    x, beta = np.linspace(-4, 4, 1111).astype(dtype), 1.5
    s = 1 / (1 + np.exp(-beta * x.astype(np.float64)))
    tolerance = {"rtol": 1e-5, "atol": 1e-6} if dtype == "float32" else {"rtol": 4e-3, "atol": 1e-3}
    np.testing.assert_allclose(mx.nd.swish(mx.nd.array(x, ctx=ctx, dtype=dtype), beta=beta).asnumpy(), x * s, **tolerance)
    net = mx.sym.load_json(mx.sym.swish(mx.sym.Variable("x"), beta=beta, name="act").tojson())
    assert net.infer_shape(x=(3, 4))[1] == [(3, 4)] and net.list_outputs() == ["act_output"]
    for req in ("write", "add"):
        ex = net.simple_bind(ctx, x=x.shape, grad_req=req, type_dict={"x": dtype})
        ex.arg_dict["x"][:] = x
        ex.grad_dict["x"][:] = 1
        np.testing.assert_allclose(ex.forward(is_train=True)[0].asnumpy(), x * s, **tolerance)
        ex.backward([mx.nd.ones(x.shape, ctx=ctx, dtype=dtype)])
        np.testing.assert_allclose(ex.grad_dict["x"].asnumpy(), s * (1 + beta * x * (1 - s)) + (req == "add"), **tolerance)
    assert "x * sigmoid(beta * x)" in mx.nd.swish.__doc__ and "Steepness." in mx.sym.swish.__doc__


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("v / (1", "vv / (1", r"(?s)kernel file .*swish.cl does not build.*swish.cl:3:.*vv.*Correct the file"),
        ("kernel void swish(", "kernel void swash(", r"kernel file .*swish.cl has no kernel 'swish'; it has swash, swish_backward"),
        ("const float beta, const long n", "const long n", r"(?s)does not build.*swish.cl:3:.*beta"),
        (', Scalar("long", n)\n', "\n", r"kernel swish of .*swish.cl takes 4 arguments, but its operator gives 3"),
        ('"swish.cl")', '"swosh.cl")', r"kernel_file\(.*'swosh.cl'\): there is no .cl file .*swosh.cl"),
    ],
)
def test_what_is_wrong_is_named(ctx, imported, old, new, message):
    with pytest.raises(MXNetError, match=message):
        imported(old, new)
        mx.nd.swish(mx.nd.ones(3, ctx=ctx)).wait_to_read()


def test_headers_lie_beside_the_file(ctx, imported):
    header = "#ifndef OWN_H\n#define OWN_H\n#define OWN(v) ((v) * 100)\n#endif\n"
    imported('#include "common.h"', '#include "common.h"\n#include "own.h"', **{"own.h": header})
    assert mx.nd.swish(mx.nd.zeros(3, ctx=ctx)).asnumpy().tolist() == [0, 0, 0]
