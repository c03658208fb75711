"""Records what MXNet 1.9.1 computes for the operators of images, into image.npz. Run it under MXNet: ``python record_image.py``."""

import json
from pathlib import Path

import mxnet as mx
import numpy as np

CASES, ARRAYS = [], {}


def pixels(shape, dtype):
    """Fixed pixels; the test makes the same."""
    return (np.arange(np.prod(shape)) * 7919 % 10007 % 256).reshape(shape).astype(dtype)


def record(op, shape, dtype="uint8", **params):
    """One call; outputs are kept as they are."""
    out = getattr(mx.nd.image, op)(mx.nd.array(pixels(shape, dtype), dtype=dtype), **params)
    ARRAYS[str(len(CASES))] = out.asnumpy()
    CASES.append([op, shape, dtype, params])


for shape, dtype in (((3, 5, 3), "uint8"), ((2, 3, 4, 2), "float32"), ((1, 7, 1), "float64"), ((2, 2, 3), "float16"), ((1, 2, 3), "int64")):
    record("to_tensor", shape, dtype)
for shape, dtype in (((3, 5, 4), "float32"), ((2, 3, 1, 7), "float64"), ((3, 2, 2), "uint8"), ((3, 2, 3), "int8"), ((3, 1, 2), "int32")):
    record("normalize", shape, dtype, mean=(2.5, 3.5, 250), std=(0.5, 2.5, 0.01))
record("normalize", (1, 3, 3), "float32", mean=(3,), std=(2,))
record("normalize", (2, 3, 3, 1), "float16", mean=0.5, std=4)
for op in ("flip_left_right", "flip_top_bottom"):
    for shape, dtype in (((4, 6, 3), "uint8"), ((2, 4, 1), "float32"), ((6, 2, 3), "int32")):
        record(op, shape, dtype)
for shape in ((5, 6, 3), (2, 4, 3, 1), (1, 3, 3)):
    record("crop", shape, "float32", x=1, y=0, width=2, height=1)
record("crop", (7, 5, 1), "uint8", x=0, y=3, width=5, height=4)
for op in ("random_brightness", "random_contrast", "random_saturation", "random_hue"):
    for factor in (0.0, 0.3, 1.7):
        for dtype in ("uint8", "float32", "int32"):
            record(op, (7, 5, 3), dtype, min_factor=factor, max_factor=factor)
record("random_brightness", (3, 4, 1), "uint8", min_factor=1.3, max_factor=1.3)
record("random_contrast", (3, 4, 1), "float32", min_factor=0.4, max_factor=0.4)
for alpha in ((1, 2, 3), (-0.1, 0.2, -0.3)):
    for dtype in ("uint8", "float32", "int8"):
        record("adjust_lighting", (3, 5, 3), dtype, alpha=alpha)
for shape, dtype in (((7, 5, 3), "uint8"), ((2, 8, 6, 1), "uint8"), ((7, 5, 2), "float32"), ((6, 4, 1), "float64")):
    for size in ((3, 3), (5, 9), (3, 4)):
        for interp in range(5):
            record("resize", shape, dtype, size=size, interp=interp)
record("resize", (7, 5, 3), "uint8", size=3, keep_ratio=True)
record("resize", (5, 7, 1), "float32", size=9, keep_ratio=True)
record("resize", (5, 7, 1), "float32", size=4, keep_ratio=False)

if __name__ == "__main__":
    np.savez_compressed(Path(__file__).with_name("image.npz"), cases=json.dumps(CASES), **ARRAYS)
    print(len(CASES), "cases")
