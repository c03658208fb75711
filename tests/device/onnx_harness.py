"""A symbol as an ONNX file: checked by the library, run in ONNX Runtime, imported again; all three answer alike."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import clsym as mx

onnx = pytest.importorskip("onnx")
ort = pytest.importorskip("onnxruntime")

Arrays = list[np.ndarray]
RNG = np.random.RandomState(7)


def f(*shape: int) -> np.ndarray:
    """Numbers in (-2, 2), none close to 0 or to a half."""
    a = RNG.uniform(-2, 2, shape).astype(np.float32)
    near = np.abs(a * 2 - np.rint(a * 2)) < 0.05
    return np.where(near, a + np.float32(0.1), a)


def pos(*shape: int) -> np.ndarray:
    return np.abs(f(*shape)) + np.float32(0.1)


def unit(*shape: int) -> np.ndarray:
    return f(*shape) / np.float32(2.2)


def ints(high: int, *shape: int, dtype: Any = np.float32) -> np.ndarray:
    return RNG.randint(-1, high + 1, shape).astype(dtype)


def run_file(path: Path, feeds: dict[str, np.ndarray]) -> Arrays:
    onnx.checker.check_model(str(path), full_check=True)
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return session.run(None, {i.name: feeds[i.name] for i in session.get_inputs()})


def check(net: mx.sym.Symbol, values: dict[str, np.ndarray], inputs: list[str], tmp_path: Path, tolerance: float = 1e-5) -> None:
    """Export with `inputs` left open and the other values as parameters; compare all outputs with those of clsym."""
    arguments, states = net.list_arguments(), net.list_auxiliary_states()
    arrays = {n: mx.nd.array(v, dtype=v.dtype) for n, v in values.items()}
    missing = [n for n in arguments if n not in values]  # labels
    shapes, _, _ = net.infer_shape(**{n: v.shape for n, v in values.items() if n in arguments})
    extra = {n: mx.nd.zeros(s) for n, s in zip(arguments, shapes, strict=True) if n in missing}
    executor = net.bind(mx.cpu(), {**{n: arrays[n] for n in arguments if n in arrays}, **extra}, aux_states={n: arrays[n] for n in states})
    want = [o.asnumpy() for o in executor.forward(is_train=False)]
    ordered = [n for n in arguments if n in inputs]
    path = tmp_path / "model.onnx"
    params = {n: v for n, v in arrays.items() if n not in inputs}
    types = [values[n].dtype for n in ordered]
    assert mx.onnx.export_model(net, params, [values[n].shape for n in ordered], types, str(path)) == str(path)
    got = run_file(path, values)
    assert len(got) == len(want)
    for g, w in zip(got, want, strict=True):
        assert g.shape == w.shape
        assert g.dtype == w.dtype
        np.testing.assert_allclose(g, w, rtol=tolerance, atol=tolerance * max(1e-3, float(np.abs(w).max(initial=0))))
    imported, args, states_again = mx.onnx.import_model(path)
    feeds = {n: arrays[n] for n in ordered if n in imported.list_arguments()}  # what only gives a shape is none
    again = imported.bind(mx.cpu(), {**args, **feeds}, aux_states=states_again).forward()
    for value, expected in zip(again, want, strict=True):
        np.testing.assert_allclose(value.asnumpy().reshape(expected.shape), expected, rtol=tolerance, atol=tolerance)
