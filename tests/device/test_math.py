"""The inlinable functions of kernels/include/math.h and special.h: errors in units in the last place, special values.

The bounds are those that the header states; they hold where division and square root are correctly rounded and denormals are kept.
"""

import math

import numpy as np
import pyopencl as cl
import pytest

from clsym.graph.contract.kernel_call import compute_type, ctype
from clsym.runtime.kernel_path import kernel_source

_erf = np.vectorize(math.erf, otypes=[np.float64])
_lgamma = np.vectorize(math.lgamma, otypes=[np.float64])
EDGES = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 1e-45, -1e-45, 1e-40, 1.1754944e-38, 3e38, -3e38, 1, -1], np.float32)

# name: (reference, intervals, bound in ulp)
FUNCTIONS = {
    "exp": (np.exp, [(-104, 89), (-1, 1)], 1.1),
    "expm1": (np.expm1, [(-20, 89), (-1, 1), (-1e-3, 1e-3)], 1.6),
    "log": (np.log, [(0, 5), (0.9, 1.1)], 0.9),
    "log2": (np.log2, [(0, 5), (0.9, 1.1)], 1.3),
    "log10": (np.log10, [(0, 5), (0.9, 1.1)], 2.0),
    "log1p": (np.log1p, [(-1, 3), (-0.1, 0.1)], 1.5),
    "softplus": (lambda x: np.logaddexp(0, x), [(-80, 20)], 1.8),
    "sigmoid": (lambda x: 1 / (1 + np.exp(-x)), [(-80, 20), (-1, 1)], 2.6),
    "tanh": (np.tanh, [(-10, 10), (-1, 1)], 2.6),
    "erf": (_erf, [(-4, 4), (-1, 1)], 1.1),
    "sqrt": (np.sqrt, [(0, 10)], 0.51),
    "cbrt": (np.cbrt, [(-10, 10)], 1.1),
    "sin": (np.sin, [(-10, 10), (-1e5, 1e5)], 2.2),
    "cos": (np.cos, [(-10, 10), (-1e5, 1e5)], 2.2),
    "tan": (np.tan, [(-10, 10), (-1e5, 1e5)], 3.6),
    "asin": (np.arcsin, [(-1, 1)], 2.0),
    "acos": (np.arccos, [(-1, 1)], 1.4),
    "atan": (np.arctan, [(-5, 5)], 2.0),
    "sinh": (np.sinh, [(-89, 89), (-1, 1)], 2.9),
    "cosh": (np.cosh, [(-89, 89), (-1, 1)], 3.0),
    "asinh": (np.arcsinh, [(-5, 5)], 1.8),
    "acosh": (np.arccosh, [(1, 5), (1, 1.1)], 2.2),
    "atanh": (np.arctanh, [(-1, 1)], 2.2),
    "floor": (np.floor, [(-5, 5)], 0),
    "ceil": (np.ceil, [(-5, 5)], 0),
    "trunc": (np.trunc, [(-5, 5)], 0),
    "rint": (np.rint, [(-5, 5)], 0),
}


pytestmark = pytest.mark.filterwarnings("ignore::pyopencl.CompilerWarning")  # some compilers remark on every program


def evaluate(device, expr, x, z=None, dtype="float32"):
    """Values of an expression in ``v`` (from x) and ``w`` (from z)."""
    cpu = int(device.traits.is_cpu)
    defines = {"DEVICE_CPU": cpu, "DEVICE_GPU": 1 - cpu, "T": ctype(dtype), "CT": compute_type(dtype), "IS_FLOAT": 1}
    text = "".join(f"#define {k} {v}\n" for k, v in defines.items())
    text += "".join(kernel_source(name) for name in ("common.h", "math.h", "special.h"))
    text += f"""
kernel void f(const global T *x, const global T *z, global T *y) {{
  const size_t i = get_global_id(0);
  const CT v = x[i], w = z[i];
  (void)w;
  y[i] = {expr};
}}"""
    flags = cl.mem_flags.COPY_HOST_PTR
    x = np.ascontiguousarray(x)
    bx, bz = (cl.Buffer(device.cl_context, flags, hostbuf=np.ascontiguousarray(a)) for a in (x, x if z is None else z))
    y = np.empty_like(x)
    by = cl.Buffer(device.cl_context, cl.mem_flags.READ_WRITE, y.nbytes)
    cl.Kernel(cl.Program(device.cl_context, text).build(devices=[device.cl_device]), "f")(device.queue, x.shape, None, bx, bz, by)
    cl.enqueue_copy(device.queue, y, by)
    return y


def ulps(got, want, kept_denormals=True):
    """Distance in units in the last place; infinite where one is special and the other is another."""
    with np.errstate(over="ignore", invalid="ignore"):
        near = want.astype(np.float32)
        unit = np.spacing(np.maximum(np.abs(near), np.float32(1.1754944e-38)))
        error = np.abs(got.astype(np.float64) - want) / unit
    special = ~np.isfinite(near) | ~np.isfinite(got)
    same = (np.isnan(near) & np.isnan(got)) | (near == got)
    beyond = np.isinf(got) & (np.abs(want) > 3.4028e38)  # rounds to inf within the error
    return np.where(special, np.where(same | beyond, 0, np.inf), error)


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_errors(device, name):
    reference, intervals, bound = FUNCTIONS[name]
    rng = np.random.default_rng(0)
    parts = [rng.uniform(low, high, 20000).astype(np.float32) for low, high in intervals]
    parts += [rng.integers(0, 2**32, 20000, dtype=np.uint32).view(np.float32), EDGES]
    x = np.concatenate(parts)
    with np.errstate(all="ignore"):
        want = reference(x.astype(np.float64))
    error = ulps(evaluate(device, f"m_{name}(v)", x), want)
    if name == "sigmoid":  # 1 / (1 + inf): results below the normal numbers are 0
        error = np.where(np.abs(want) < 1.2e-38, 0, error)
    worst = np.argmax(error)
    assert error[worst] <= bound, f"{name}({x[worst]!r}): {error[worst]} ulp"


@pytest.mark.parametrize("name", ["exp", "expm1", "log1p", "tanh", "erf", "sin", "asinh", "atan", "cbrt", "sqrt"])
def test_sign_of_zero(device, name):
    got = evaluate(device, f"m_{name}(v)", np.array([0.0, -0.0], np.float32))
    assert np.signbit(got).tolist() == [False, name != "exp"]


def test_pow(device):
    values = np.array([0.0, -0.0, 1, -1, 2, -2, 0.5, -0.5, np.inf, -np.inf, np.nan, 3, -3, 1e38, -1e38, 16777216], np.float32)
    powers = np.array([0.0, -0.0, 1, -1, 2, -2, 0.5, -0.5, np.inf, -np.inf, np.nan, 3, -3, 2.5, 1e10, 16777217, -1e38], np.float32)
    x, y = (a.ravel() for a in np.meshgrid(values, powers))
    rng = np.random.default_rng(0)
    x = np.concatenate([x, rng.uniform(0, 10, 20000).astype(np.float32), rng.uniform(0, 1000, 20000).astype(np.float32)])
    y = np.concatenate([y, rng.uniform(-30, 30, 20000).astype(np.float32), rng.uniform(-5, 5, 20000).astype(np.float32)])
    with np.errstate(all="ignore"):
        want = np.power(x.astype(np.float64), y.astype(np.float64))
    error = ulps(evaluate(device, "m_pow(v, w)", x, y), want)
    worst = np.argmax(error)
    assert error[worst] <= (1.1 if device.traits.is_cpu and device.traits.fp64 else 16), f"{x[worst]!r} ** {y[worst]!r}"


def test_hypot(device):
    rng = np.random.default_rng(0)
    x, y = ((rng.uniform(-1, 1, 20000) * 10.0 ** rng.uniform(-18, 18, 20000)).astype(np.float32) for _ in range(2))
    x[:4], y[:4] = [np.inf, np.nan, 0, np.nan], [np.nan, 1, 0, -np.inf]
    assert ulps(evaluate(device, "m_hypot(v, w)", x, y), np.hypot(x.astype(np.float64), y)).max() <= 1.8


def test_special(device):
    x = np.random.default_rng(0).uniform(-1, 1, 20000).astype(np.float32)
    assert ulps(_erf(evaluate(device, "m_erfinv(v)", x).astype(np.float64)).astype(np.float32), x.astype(np.float64)).max() < 8
    y = np.linspace(0.6, 30, 5000, dtype=np.float32)
    assert np.abs(evaluate(device, "m_gammaln(v)", y) - _lgamma(y)).max() < 2e-5
    h = 1e-4
    slope = (_lgamma(y.astype(np.float64) + h) - _lgamma(y.astype(np.float64) - h)) / (2 * h)
    assert np.abs(evaluate(device, "m_digamma(v)", y) - slope).max() < 3e-6
    assert np.isnan(evaluate(device, "m_digamma(v)", np.array([np.nan], np.float32)))[0]


def test_double(device):
    if not device.traits.fp64:
        pytest.skip("no fp64")
    x = np.linspace(0.05, 0.95, 500)
    for name, reference in (("exp", np.exp), ("tanh", np.tanh), ("sigmoid", lambda v: 1 / (1 + np.exp(-v))), ("erf", _erf), ("pow", None)):
        got = evaluate(device, f"m_{name}({'v, w' if reference is None else 'v'})", x, x, "float64")
        np.testing.assert_allclose(got, x**x if reference is None else reference(x), rtol=1e-14)
    np.testing.assert_allclose(_erf(evaluate(device, "m_erfinv(v)", x, dtype="float64")), x, rtol=1e-14)
