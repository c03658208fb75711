"""Iterators over images, detection and rotation against MXNet 1.9.1 (tests/reference/record_image_iter.py), and bad input."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

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


def test_objects_are_drawn(tmp_path):
    pillow = pytest.importorskip("PIL.Image")
    pillow.new("RGB", (20, 10), (9, 9, 9)).save(tmp_path / "x.png")
    boxes = [2, 5, 1, 0.25, 0.3, 0.75, 0.8]
    it = mx.image.ImageDetIter(1, (3, 10, 20), imglist=[[boxes, "x.png"]], path_root=str(tmp_path))
    (picture,) = it.draw_next(color=(255, 0, 100), thickness=1, id2labels={2: "none"})
    want = np.full((10, 20, 3), 9, np.uint8)
    want[3:9, 5:16] = (100, 0, 255)
    want[4:8, 6:15] = 9
    np.testing.assert_array_equal(picture, want)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda i, p: i.ImageIter(2, (3, 8, 8)), AssertionError, "path_imgrec, path_imglist and imglist"),
        (lambda i, p: i.ImageIter(2, (3, 8, 8), imglist=[[1, "a"]], dtype="float16"), AssertionError, "float16 label not supported"),
        (lambda i, p: i.ImageIter(2, (1, 8, 8), imglist=[[1, "a"]]), ValueError, "3 channels"),
        (lambda i, p: i.ImageIter(2, (8, 8), imglist=[[1, "a"]]), ValueError, "length 3"),
        (lambda i, p: i.ImageIter(2, (3, 8, 8), imglist=[[1, "a"]], num_parts=2, part_index=2), AssertionError, "less than num_parts"),
        (lambda i, p: i.ImageIter(2, (3, 8, 8), imglist=[[1, "a"]], colour=3), TypeError, "unexpected keyword argument 'colour'"),
        (lambda i, p: i.ImageIter(2, (3, 8, 8), imglist=[[1, "absent"]], path_root=p).next(), FileNotFoundError, "absent"),
        (
            lambda i, p: i.ImageIter(2, (3, 8, 8), imglist=[[1, "broken"]], path_root=p).next(),
            RuntimeError,
            "Broken image filename: broken",
        ),
        (
            lambda i, p: i.ImageDetIter(2, (3, 8, 8), imglist=[[[2, 5, 0, 0.1, 0.1, 0.5], "broken"]], path_root=p),
            RuntimeError,
            r"invalid: \(6,\)",
        ),
        (
            lambda i, p: i.ImageDetIter(2, (3, 8, 8), imglist=[[[2, 5, 0, 0, 0, 1, 1, 3], "broken"]], path_root=p),
            RuntimeError,
            "annotation width 5",
        ),
        (
            lambda i, p: i.ImageDetIter(2, (3, 8, 8), imglist=[[[2, 5, 0, 1, 0, 0, 1], "broken"]], path_root=p),
            RuntimeError,
            "no valid label",
        ),
        (lambda i, p: boxes(i, p).reshape(label_shape=(0, 5)), ValueError, "reduce label count from 1 to 0"),
        (lambda i, p: boxes(i, p).reshape(label_shape=(1, 6)), ValueError, "width inconsistent: 5 vs 6"),
        (lambda i, p: boxes(i, p).reshape(label_shape=(1,)), ValueError, "length 2"),
        (lambda i, p: boxes(i, p).sync_label_shape(3), AssertionError, "invalid iterator"),
        (lambda i, p: i.DetBorrowAug(3), TypeError, "Borrowing from invalid Augmenter"),
        (lambda i, p: i.DetRandomSelectAug([3]), ValueError, "DetAugmenter in list only"),
        (lambda i, p: i.CreateMultiRandCropAugmenter([0.1, 0.2], [(1, 2)] * 3), AssertionError, "of one length: 2 and 3"),
        (lambda i, p: i.imrotate(mx.nd.ones((1, 2, 2)), 3, True, True), ValueError, "cannot be both True"),
        (lambda i, p: i.imrotate(mx.nd.ones((1, 2, 2), dtype="uint8"), 3), TypeError, "Only `float32`"),
        (lambda i, p: i.imrotate(mx.nd.ones((1, 2, 2)), mx.nd.ones(1)), TypeError, "required to be a scalar"),
        (lambda i, p: i.imrotate(mx.nd.ones((2, 2)), 3), ValueError, "3D and 4D"),
        (lambda i, p: i.imrotate(mx.nd.ones((1, 1, 2, 2)), mx.nd.ones(3)), ValueError, "equal to the number of rotation angles"),
    ],
)
def test_bad_input_is_named(call, error, message, tmp_path):
    (tmp_path / "broken").write_bytes(b"nothing")
    with pytest.raises(error, match=message):
        call(mx.image, str(tmp_path))


def boxes(image, folder):
    """An iterator over one image that holds one object."""
    return image.ImageDetIter(1, (3, 8, 8), imglist=[[[2, 5, 0, 0.1, 0.1, 0.5, 0.5], "broken"]], path_root=folder)
