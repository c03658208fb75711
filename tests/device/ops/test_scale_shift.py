"""A scale and a shift a channel with what may follow, against numpy."""

from __future__ import annotations

import numpy as np
import pytest
from harness import check_op

from clsym.base import MXNetError
from clsym.graph.contract.registry import find_op
from clsym.runtime.launch import run_op

ACTIVATIONS = [("none", 0, 0), ("relu", 0, 0), ("clip", -0.5, 0.75), ("leaky", 0.125, 0)]


def act(v, kind, low, high):
    if kind == "clip":
        return np.clip(v, low, high)
    return v if kind == "none" else np.where(v < 0, v * (low if kind == "leaky" else 0), v)


def make(shape, channels, residual):
    rng = np.random.RandomState(0)
    draws = [rng.standard_normal(s).astype(np.float32) for s in (shape, channels, channels, *[shape] * residual)]
    return draws, {"with_residual": bool(residual)}


def to_blocked(x, block):
    n, channels = x.shape[:2]
    blocks = -(-channels // block)
    padded = np.zeros((n, blocks * block, *x.shape[2:]), x.dtype)
    padded[:, :channels] = x
    return np.ascontiguousarray(padded.reshape(n, blocks, block, *x.shape[2:]).transpose(0, 1, 3, 4, 2))


@pytest.mark.parametrize("residual", [0, 1])
@pytest.mark.parametrize(("kind", "low", "high"), ACTIVATIONS)
def test_plain(device, kind, low, high, residual):
    for shape, axis in (((2, 5, 7, 11), 1), ((3, 35), 1), ((2, 3, 67, 43), 1), ((3, 4, 5), -1), ((4, 3, 5), 0), ((1, 2, 3, 5, 7), 1)):
        arrays, params = make(shape, shape[axis], residual)
        x, scale, shift = arrays[:3]
        others = [1] * len(shape)
        others[axis] = -1
        want = x * scale.reshape(others) + shift.reshape(others) + (arrays[3] if residual else 0)
        params |= {"axis": axis, "act_type": kind, "act_low": low, "act_high": high}
        dtypes = ("float32", "float64") if shape == (2, 5, 7, 11) else ("float32",)
        check_op(device, "_scale_shift", arrays, params, [act(want, kind, low, high)], grad=False, dtypes=dtypes, atol=2e-6)
    check_op(
        device, "_scale_shift", arrays, params, [act(want, kind, low, high)], grad=False, dtypes=["float16"], keep_dtype=[1, 2], atol=1e-2
    )  # fmt: skip


@pytest.mark.parametrize("residual", [0, 1])
@pytest.mark.parametrize(("kind", "low", "high"), [*ACTIVATIONS, ("clip", 0.25, 0.75), ("clip", -1, -0.5)])
def test_blocked(device, kind, low, high, residual):
    if not device.traits.is_cpu:
        pytest.skip("blocked layouts are for CPUs")
    for channels, block, size in ((16, 16, (5, 7)), (20, 8, (3, 3)), (5, 4, (1, 1)), (35, 16, (23, 29))):
        arrays, params = make((3, channels, *size), channels, residual)
        x, scale, shift = arrays[:3]
        want = x * scale[:, None, None] + shift[:, None, None] + (arrays[3] if residual else 0)
        params |= {"blocked": True, "channels": channels, "act_type": kind, "act_low": low, "act_high": high}
        vectors = [np.pad(v, (0, -channels % block)) for v in (scale, shift)]
        inputs = [to_blocked(x, block), *vectors, *(to_blocked(a, block) for a in arrays[3:])]
        want = to_blocked(act(want, kind, low, high), block)
        check_op(device, "_scale_shift", inputs, params, [want], grad=False, atol=2e-6)


def test_nan_passes(device):
    x = np.full((2, 33), np.nan, np.float32)
    one = np.ones(33, np.float32)
    for kind, low, high in ACTIVATIONS:
        params = {"act_type": kind, "act_low": low, "act_high": high}
        assert np.isnan(run_op(device, "_scale_shift", [x, one, one], params)[0]).all()
        assert np.isnan(run_op(device, "_scale_shift", [x[:, :, None].repeat(40, 2), one, one], params)[0]).all()


def test_store_modes(device):
    for shape in ((2, 3, 37), (2, 35)):
        arrays, _ = make(shape, shape[1], 0)
        once = run_op(device, "_scale_shift", arrays)[0]
        assert np.array_equal(once, run_op(device, "_scale_shift", arrays, reqs=["add"])[0])


def test_shapes_and_errors():
    op = find_op("_scale_shift")
    blocked = op.parse({"blocked": True, "channels": 20})
    assert op.infer_shape(blocked, [(2, 2, 3, 3, 16), None, None], [None]) == ([(2, 2, 3, 3, 16), (32,), (32,)], [(2, 2, 3, 3, 16)])
    for data in ((2, 1, 3, 3, 16), (2, 20, 3, 3)):
        with pytest.raises(MXNetError, match="data"):
            op.infer_shape(blocked, [data, None, None], [None])
    plain = op.parse({"with_residual": True})
    assert op.infer_shape(plain, [None, None, None, (2, 3)], [None]) == ([(2, 3), (3,), (3,), (2, 3)], [(2, 3)])
    for shapes, match in (
        ([(2, 3), (4,), None, None], "scale"),
        ([(2, 3), None, (1,), None], "shift"),
        ([(2, 3), None, None, (2, 4)], "residual"),
        ([(2,), None, None, None], "axis"),
    ):
        with pytest.raises(MXNetError, match=match):
            op.infer_shape(plain, shapes, [None])
    with pytest.raises(MXNetError, match="channels=4"):
        op.infer_shape(op.parse({"channels": 4}), [(2, 3), None, None], [None])
    assert op.infer_type(plain, ["float16", None, None, None], [None]) == (["float16", "float32", "float32", "float16"], ["float16"])
    with pytest.raises(MXNetError, match="floating"):
        op.infer_type(plain, ["int32", None, None, None], [None])
    with pytest.raises(MXNetError):
        op.parse({"act_type": "tanh"})
