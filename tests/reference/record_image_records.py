"""What MXNet's image record iterators give, case by case, in image_records.npz; tests run the same cases.

    python tests/reference/record_image_records.py files    with clsym and Pillow, makes the record files
    python tests/reference/record_image_records.py          with MXNet 1.9.1, records

The record files are in the npz too: six PNGs and two JPEGs, and three PNGs with boxes.
"""

from __future__ import annotations

import io
import sys
import tempfile
from pathlib import Path

import numpy as np

BATCH = {"batch_size": 5, "verbose": False, "preprocess_threads": 2}
SMALL = {**BATCH, "data_shape": (3, 16, 14), "dtype": "uint8"}
FLOAT = {**BATCH, "data_shape": (3, 6, 5)}
DET = {"batch_size": 2, "verbose": False, "data_shape": (3, 10, 12)}
CASES = {
    "centre": ("ImageRecordIter", SMALL),
    "shorter_edge": ("ImageRecordIter", {**SMALL, "resize": 18}),
    "shorter_edge_longer": ("ImageRecordIter", {**SMALL, "resize": 31}),
    "cubic": ("ImageRecordIter", {**SMALL, "resize": 19, "inter_method": 2}),
    "lanczos": ("ImageRecordIter", {**SMALL, "resize": 29, "inter_method": 4}),
    "area": ("ImageRecordIter", {**SMALL, "resize": 17, "inter_method": 3}),
    "enlarged": ("ImageRecordIter", {**SMALL, "data_shape": (3, 26, 35)}),
    "padded": ("ImageRecordIter", {**SMALL, "data_shape": (3, 26, 27), "pad": 3, "fill_value": 9}),
    "turned": ("ImageRecordIter", {**SMALL, "rotate": 30}),
    "scaled": ("ImageRecordIter", {**SMALL, "min_random_scale": 1.3, "max_random_scale": 1.3}),
    "mirrored": ("ImageRecordUInt8Iter", {**{k: v for k, v in SMALL.items() if k != "dtype"}, "mirror": True}),
    "int8": ("ImageRecordIter", {**SMALL, "dtype": "int8", "mean_g": 50, "scale": 0.5}),
    "grey": ("ImageRecordIter", {**SMALL, "data_shape": (1, 16, 14)}),
    "normal": ("ImageRecordIter", {**FLOAT, "mean_r": 10, "mean_g": 20, "std_b": 4, "std_r": 3, "scale": 0.5}),
    "part": ("ImageRecordIter", {**FLOAT, "batch_size": 2, "num_parts": 3, "part_index": 2}),
    "det": ("ImageDetRecordIter", DET),
    "det_fit": ("ImageDetRecordIter", {**DET, "resize_mode": "fit", "mean_g": 9, "label_pad_width": 19, "label_pad_value": -2}),
    "det_mirrored": ("ImageDetRecordIter", {**DET, "rand_mirror_prob": 1, "resize_mode": "shrink"}),
}


def run(mx, name, folder):
    """The batches of two epochs: data, label and pad of each."""
    kind, given = CASES[name]
    it = getattr(mx.io, kind)(path_imgrec=str(Path(folder) / ("boxes" if kind == "ImageDetRecordIter" else "images")), **given)
    found = []
    for _ in range(2):
        found += [(b.data[0].asnumpy().copy(), b.label[0].asnumpy().copy(), b.pad) for b in it]
        it.reset()
    return found


def _files(mx, folder):
    from PIL import Image

    rng = np.random.default_rng(3)

    def coded(h, w, kind):
        small = Image.fromarray(rng.integers(0, 256, (4, 4, 3)).astype(np.uint8))
        out = io.BytesIO()
        small.resize((w, h), Image.BICUBIC).save(out, kind, quality=90)
        return out.getvalue()

    sizes = [(20, 25), (25, 20), (19, 31), (16, 14), (17, 32), (33, 23), (24, 24), (21, 30)]
    images, boxes = (mx.recordio.MXRecordIO(str(Path(folder) / name), "w") for name in ("images", "boxes"))
    for i, (h, w) in enumerate(sizes):
        images.write(mx.recordio.pack(mx.recordio.IRHeader(0, float(i), i, 0), coded(h, w, "JPEG" if i > 5 else "PNG")))
    for i in range(3):
        labels = [2, 5, *(v for k in range(i + 1) for v in (k, 0.1 * k, 0.2, 0.5 + 0.1 * k, 0.8))]
        boxes.write(mx.recordio.pack(mx.recordio.IRHeader(0, labels, i, 0), coded(14 + 8 * i, 20, "PNG")))
    for file in (images, boxes):
        file.close()


if __name__ == "__main__":
    path = Path(__file__).with_name("image_records.npz")
    with tempfile.TemporaryDirectory() as folder:
        if sys.argv[1:] == ["files"]:
            import clsym

            _files(clsym, folder)
            recorded = {name: np.frombuffer((Path(folder) / name).read_bytes(), np.uint8) for name in ("images", "boxes")}
        else:
            import mxnet

            recorded = {name: np.load(path)[name] for name in ("images", "boxes")}
            for name, content in recorded.items():
                (Path(folder) / name).write_bytes(content.tobytes())
            for name in CASES:
                batches = run(mxnet, name, folder)
                recorded.update({f"{name}.{part}": np.array([b[i] for b in batches]) for i, part in enumerate(("data", "label", "pad"))})
    np.savez_compressed(path, **recorded)
