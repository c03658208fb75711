"""Iterators over images, detection and rotation against MXNet 1.9.1 (tests/reference/record_image_iter.py), and bad input."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

import clsym as mx

REFERENCE = Path(__file__).parents[1] / "reference"


def test_recorded(tmp_path):
    sys.path.insert(0, str(REFERENCE))
    try:
        from record_image_iter import calls
    finally:
        sys.path.remove(str(REFERENCE))
    found, want = calls(mx, str(tmp_path)), np.load(REFERENCE / "image_iter.npz")
    assert sorted(found) == sorted(want.files)
    for name in want.files:
        got, right = found[name], want[name]
        if right.dtype.kind == "U":
            assert str(got) == str(right), name
            continue
        assert got.shape == right.shape and got.dtype == right.dtype, (name, got.shape, right.shape, got.dtype, right.dtype)
        # OpenCV sums some bytes of a bicubic row in floating point, others in integers
        apart = 1 if name.endswith("data") else 1e-5
        assert np.abs(got.astype(float) - right).max(initial=0) <= apart, (name, got, right)
