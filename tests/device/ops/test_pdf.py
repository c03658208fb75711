"""Probability densities against what MXNet 1.9.1 computed (recorded by tests/reference/record_pdf.py)."""

import json
from math import lgamma
from pathlib import Path

import numpy as np
import pytest
from harness import check_op

import clsym as mx
from clsym.base import MXNetError
from clsym.runtime.launch import run_op

CASES = json.loads((Path(__file__).parents[2] / "reference" / "pdf.json").read_text())
OPS = [
    "_random_pdf_uniform", "_random_pdf_normal", "_random_pdf_gamma", "_random_pdf_exponential", "_random_pdf_poisson",
    "_random_pdf_negative_binomial", "_random_pdf_generalized_negative_binomial", "_random_pdf_dirichlet",
]  # fmt: skip


@pytest.mark.parametrize("op", OPS)
def test_as_recorded(device, op):
    for i, case in enumerate(c for c in CASES if c["op"] == op):
        xs, grads = ([np.array(a) for a in case[kind]] for kind in ("inputs", "grads"))
        heads, output = [np.array(case["head"])], np.array(case["output"])
        if i == 0:  # by differences: digamma and the constants of MXNet have the digits of float32
            counts = "poisson" in op or "binomial" in op
            grad = list(range(int(counts), len(xs)))  # by the number of counts it is said to be zero
            check_op(device, op, xs, case["params"], [output], dtypes=("float64",), rtol=1e-7, grad=grad, ograds=heads)
        check_op(device, op, xs, case["params"], [output], dtypes=("float32",), ograds=heads, expected_grads=grads, rtol=2e-5, grad_terms=5)


def test_half_precision(device):
    xs = [np.array([[0.5, 1, 2]], np.float16), np.array([1], np.float16), np.array([0.5], np.float16)]
    got = run_op(device, "_random_pdf_normal", xs, {})[0]
    want = np.exp(-2 * (xs[0].astype(float) - 1) ** 2) / (np.sqrt(2 * np.pi) * 0.5)
    np.testing.assert_allclose(got.astype(float), want, rtol=2e-3)


def test_where_a_density_ends(device):
    def one(key, sample, *parameters, is_log=False):
        arrays = [np.array([sample], np.float32), *(np.array([p], np.float32) for p in parameters)]
        return run_op(device, f"_random_pdf_{key}", arrays, {"is_log": is_log})[0][0].tolist()

    assert one("uniform", [1.0, 5.0], 1, 1) == [np.inf, np.inf]
    assert one("poisson", [-1.0], 2) == [0]
    assert one("poisson", [-1.0], 2, is_log=True) == [-np.inf]
    assert one("gamma", [0.0], 2, 1, is_log=True) == [-np.inf]
    assert np.isnan(one("gamma", [-1.0], 2, 1)).all()
    assert one("normal", [np.inf, 1e20], 0, 1) == [0, 0]
    large = one("poisson", [200.0], 190.0)[0]
    np.testing.assert_allclose(large, np.exp(200 * np.log(190) - 190 - lgamma(201)), rtol=1e-4)


@pytest.mark.parametrize(
    ("op", "shapes"), [("normal", [(2, 3), (3,), (3,)]), ("normal", [(3,), (3, 1), (3, 1)]), ("dirichlet", [(2, 3, 3), (2, 2)])]
)
def test_shapes_that_do_not_fit(op, shapes):
    net = getattr(mx.sym, f"random_pdf_{op}")(*(mx.sym.var(f"x{i}") for i in range(len(shapes))))
    with pytest.raises(MXNetError, match="must be how"):
        net.infer_shape(*shapes)
    with pytest.raises(MXNetError, match="floating-point"):
        mx.nd.random_pdf_poisson(mx.nd.ones((1, 2), dtype="int32"), mx.nd.ones((1,), dtype="int32"))
