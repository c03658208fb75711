"""Image record iterators against what MXNet 1.9.1 gave (`tests/reference/record_image_records.py`), and what is ours: seeds and damage."""

from __future__ import annotations

import importlib.util
import io
import itertools
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import clsym as mx
from clsym.recordio.framing import read_record

pytest.importorskip("PIL")
REFERENCE = Path(__file__).parents[1] / "reference"
RECORDED = np.load(REFERENCE / "image_records.npz")
_spec = importlib.util.spec_from_file_location("record_image_records", REFERENCE / "record_image_records.py")
assert _spec is not None and _spec.loader is not None
RECORDING: Any = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(RECORDING)
# by areas, and cubic as OpenCV's vectors compute it: a byte may be rounded the other way
ROUNDED = {"area": 1, "cubic": 1, "grey": 1}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    found = tmp_path_factory.mktemp("records")
    for name in ("images", "boxes"):
        (found / name).write_bytes(RECORDED[name].tobytes())
    return found


@pytest.mark.parametrize("name", RECORDING.CASES)
def test_as_mxnet(name, folder):
    found = RECORDING.run(mx, name, folder)
    assert [pad for _, _, pad in found] == RECORDED[f"{name}.pad"].tolist()
    for (data, label, _), expected, labels in zip(found, RECORDED[f"{name}.data"], RECORDED[f"{name}.label"], strict=True):
        assert data.dtype == expected.dtype and data.shape == expected.shape
        np.testing.assert_allclose(label, labels, rtol=1e-6)
        apart = np.abs(data.astype(np.float64) - expected)
        assert apart.max() <= ROUNDED.get(name, 0 if data.dtype != np.float32 else 1e-5)
        assert (apart > 0.01).mean() < 0.02


def _read(folder, threads=2, epochs=2, name="images", **given):
    given = {"data_shape": (3, 12, 12), "batch_size": 3, "verbose": False, "dtype": "uint8", **given}
    it = mx.io.ImageRecordIter(path_imgrec=str(folder / name), preprocess_threads=threads, **given)
    found = []
    for _ in range(epochs):
        found.append([(b.data[0].asnumpy(), b.label[0].asnumpy().tolist(), b.index.tolist()) for b in it])
        it.reset()
    return found


DRAWN = {
    "shuffle": True, "rand_crop": True, "rand_mirror": True, "max_rotate_angle": 10, "random_h": 9, "random_s": 9, "random_l": 9,
    "brightness": 0.1, "contrast": 0.1, "saturation": 0.1, "pca_noise": 0.1, "max_random_scale": 1.2, "max_shear_ratio": 0.1,
}  # fmt: skip


def test_what_is_drawn_depends_on_the_seed_alone(folder):
    one, other = (_read(folder, threads, seed=4, **DRAWN) for threads in (1, 3))
    for a, b in zip(*(itertools.chain(*found) for found in (one, other)), strict=True):
        assert a[1] == b[1] and (a[0] == b[0]).all()
    changed = _read(folder, seed=5, **DRAWN)
    assert [b[1] for b in changed[0]] != [b[1] for b in one[0]]
    assert [b[1] for b in one[0]] != [b[1] for b in one[1]]
    assert {v for b in one[0] for v in b[1]} == set(range(8))


def test_random_resized_crops_lie_in_the_image(folder):
    given = {"random_resized_crop": True, "min_random_area": 0.2, "min_aspect_ratio": 0.7, "max_aspect_ratio": 1.4, "inter_method": 10}
    first, again = (_read(folder, seed=1, epochs=1, **given)[0] for _ in range(2))
    plain = _read(folder, epochs=1)[0]
    assert all((a[0] == b[0]).all() for a, b in zip(first, again, strict=True))
    assert any((a[0] != b[0]).any() for a, b in zip(first, plain, strict=True))


def _places():
    """Where the records begin."""
    stream, found = io.BytesIO(RECORDED["images"].tobytes()), []
    for _ in range(8):
        found.append(stream.tell())
        read_record(stream, "images")
    return found


@pytest.mark.parametrize("where", ["record", "image", "end"])
@pytest.mark.parametrize("shuffle", [False, True])
def test_damage_is_named_or_left_out(where, shuffle, folder, caplog):
    content = bytearray(RECORDED["images"].tobytes())
    places = _places()
    number = 7 if where == "end" else 2
    if where == "record":
        content[places[2] : places[2] + 4] = b"junk"
    elif where == "image":
        content[places[2] + 40 : places[2] + 60] = bytes(20)
    else:
        del content[-9:]
    (folder / "damaged").write_bytes(content)
    with pytest.raises(mx.MXNetError, match=f"damaged: damaged record at offset {places[number]}"):
        _read(folder, name="damaged", shuffle=shuffle)
    with caplog.at_level(logging.WARNING):
        first, second = _read(folder, name="damaged", shuffle=shuffle, on_damaged="skip")
    assert f"offset {places[number]}" in caplog.text
    left = set(range(8)) - {number}
    assert {v for b in first for v in b[1]} == left
    assert sum(len(b[1]) for b in first) == 9 and second
    assert all(b[1] == [float(v) for v in b[2]] for b in first)


def test_lists_indices_and_means(folder, tmp_path):
    (tmp_path / "l").write_text("".join(f"{i}\t{10 * i}\t{i}\tx.png\n" for i in range(8)))
    offsets = [f"{i}\t{at}\n" for i, at in enumerate(_places())]
    (tmp_path / "i").write_text("".join(offsets))
    given = {"path_imglist": str(tmp_path / "l"), "label_width": 2, "path_imgidx": str(tmp_path / "i"), "num_parts": 3, "part_index": 1}
    assert [b[1] for b in _read(folder, epochs=1, **given)[0]] == [[[30, 3], [40, 4], [50, 5]]]
    mean = str(tmp_path / "m")
    plain = np.concatenate([b[0] for b in _read(folder, epochs=1, dtype="float32", batch_size=4)[0]])
    less = np.concatenate([b[0] for b in _read(folder, epochs=1, dtype="float32", batch_size=4, mean_img=mean, scale=2)[0]])
    np.testing.assert_allclose(mx.nd.load(mean)["mean_img"].asnumpy(), plain.mean(0), rtol=1e-5)
    np.testing.assert_allclose(less, (plain - plain.mean(0)) * 2, atol=1e-3)


@pytest.mark.parametrize(
    ("given", "match"),
    [
        ({"label_width": 3}, "offset 0: it has 1 labels, and label_width is 3"),
        ({"data_shape": (4, 12, 12)}, "offset 0: an image of 3 channels"),
        ({"data_shape": (2, 12, 12)}, "invalid output shape"),
        ({"batch_size": 17}, "bigger than the batch size"),
        ({"batch_size": 0}, "batch_size is 0"),
        ({"dtype": "float16"}, "unknown dtype"),
        ({"name": "none"}, "No such file"),
        ({"num_parts": 2, "part_index": 2}, "part_index 2 of 2"),
        ({"path_imgidx": "/none"}, "No such file"),
    ],
)
def test_refusals(given, match, folder):
    with pytest.raises(mx.MXNetError, match=match):
        _read(folder, **given)
    with pytest.raises(mx.MXNetError, match="label_pad_width: 5 smaller"):
        mx.io.ImageDetRecordIter(path_imgrec=str(folder / "boxes"), data_shape=(3, 8, 8), batch_size=1, label_pad_width=5)


def test_boxes_follow_the_image(folder):
    """Whatever is drawn, boxes stay in the image, and the same seed gives the same."""
    given = {
        "rand_crop_prob": 1,
        "min_crop_scales": 0.4,
        "min_crop_overlaps": 0.1,
        "rand_pad_prob": 1,
        "max_pad_scale": 2,
        "rand_mirror_prob": 0.5,
    }
    given |= {"random_hue_prob": 1, "max_random_hue": 9, "random_contrast_prob": 1, "max_random_contrast": 0.2, "data_shape": (3, 16, 16)}
    runs = []
    for threads in (1, 3):
        it = mx.io.ImageDetRecordIter(
            path_imgrec=str(folder / "boxes"), batch_size=3, preprocess_threads=threads, seed=2, verbose=False, **given
        )
        batch = it.next()
        runs.append((batch.data[0].asnumpy(), batch.label[0].asnumpy()))
    assert all((a == b).all() for a, b in zip(*runs, strict=True))
    for row in runs[0][1]:
        objects = row[6 : 4 + int(row[3])].reshape(-1, 5)
        assert len(objects) and (objects[:, 1:] >= 0).all() and (objects[:, 1:] <= 1).all() and (objects[:, 3:] > objects[:, 1:3]).all()
