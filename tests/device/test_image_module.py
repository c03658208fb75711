"""mx.image against what MXNet 1.9.1 computed (tests/reference/record_image_module.py), and images out of files."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import numpy as np
import pytest

import clsym as mx
from clsym.base import MXNetError

REFERENCE = Path(__file__).parents[1] / "reference"


def test_recorded():
    sys.path.insert(0, str(REFERENCE))
    try:
        from record_image_module import calls
    finally:
        sys.path.remove(str(REFERENCE))
    found, want = calls(mx), np.load(REFERENCE / "image_module.npz")
    assert sorted(found) == sorted(want.files)
    for name in want.files:
        got, right = found[name], want[name]
        if right.dtype.kind == "U":
            assert str(got) == str(right), name
            continue
        assert got.shape == right.shape and got.dtype == right.dtype, name
        # OpenCV sums some bytes of a bicubic row in floating point, others in integers
        apart = 1 if right.dtype == np.uint8 else 2e-2 if name == "created1" else 1e-3
        assert np.abs(got.astype(float) - right).max() <= apart, name


def test_files_are_decoded(tmp_path):
    pillow = pytest.importorskip("PIL.Image")
    pixels = np.random.RandomState(0).randint(0, 256, (4, 5, 3)).astype(np.uint8)
    file = tmp_path / "x.png"
    pillow.fromarray(pixels).save(file)
    content = file.read_bytes()
    grey = pixels @ np.array([0.299, 0.587, 0.114])
    for image in (mx.image.imread(file), mx.img.imdecode(content), mx.image.imdecode(np.frombuffer(content, np.uint8))):
        assert image.dtype == np.uint8 and image.context == mx.cpu()
        np.testing.assert_array_equal(image.asnumpy(), pixels)
    np.testing.assert_array_equal(mx.image.imdecode(content, to_rgb=False).asnumpy(), pixels[..., ::-1])
    assert np.abs(mx.image.imread(str(file), flag=0).asnumpy()[..., 0] - grey).max() <= 1
    out = mx.nd.zeros((4, 5, 3), dtype="uint8")
    assert mx.image.imdecode(content, out=out) is out and out.asnumpy().any()
    sample = io.BytesIO()
    pillow.fromarray(pixels).save(sample, "PNG")
    with pytest.raises(MXNetError, match="Decoding failed"):
        mx.image.imdecode(sample.getvalue()[:30])


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda i, x: i.imdecode(b""), MXNetError, "empty buffer"),
        (lambda i, x: i.imdecode(b"nothing"), MXNetError, "Decoding failed"),
        (lambda i, x: i.imdecode("text"), ValueError, "bytes, bytearray"),
        (lambda i, x: i.imread("/nowhere/x.png"), MXNetError, "couldn't open file"),
        (lambda i, x: i.imdecode(b"x", flag=-1), MXNetError, "flag=-1"),
        (lambda i, x: i.resize_short(x, 2, 7), ValueError, "Unknown interp method 7"),
        (lambda i, x: i.copyMakeBorder(x, 1, 1, 1, 1, type=5), MXNetError, "type=5"),
        (lambda i, x: i.imresize(x.astype("int32"), 2, 2), MXNetError, "cannot be resized"),
    ],
)
def test_bad_input_is_named(call, error, message):
    with pytest.raises(error, match=message):
        call(mx.image, mx.nd.ones((4, 4, 3)))
