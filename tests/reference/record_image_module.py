"""Records what MXNet 1.9.1's mx.image computes, into image_module.npz. Run it under MXNet: ``python record_image_module.py``.

Also imported by the test, which makes the same calls of clsym.
"""

import random
from pathlib import Path

import numpy as np


def pixels():
    """A smooth image with some noise."""
    y, x, c = np.mgrid[0:20, 0:30, 0:3]
    return ((np.sin(x / 5 + c) + np.cos(y / 4)) * 50 + 110 + (x * 7 + y * 13 + c * 29) % 17).astype(np.uint8)


def calls(mx):
    """Every function and augmenter once or more; name to array, or to text."""
    I, found = mx.image, {}  # noqa: E741
    random.seed(3)
    np.random.seed(3)
    image = mx.nd.array(pixels(), dtype="uint8")

    def note(name, value):
        found[name] = value.asnumpy() if hasattr(value, "asnumpy") else np.array(value)

    size, ratio = (10, 8), (0.7, 1.3)
    for k, a in enumerate((
        I.ResizeAug(14), I.ResizeAug(14, 9), I.ForceResizeAug(size, 3),
        I.RandomCropAug(size), I.CenterCropAug(size), I.HorizontalFlipAug(0.5),
        I.RandomSizedCropAug(size, 0.3, ratio), I.RandomSizedCropAug(size, (0.2, 0.5), ratio, 10), I.CastAug(),
        I.SequentialAug([I.CenterCropAug(size), I.CastAug()]),
    )):  # fmt: skip
        note(f"bytes{k}", a(image))
        note(f"bytes{k} dumps", str(a.dumps()))
    values = image.astype("float32")
    for k, a in enumerate((
        I.BrightnessJitterAug(0.5), I.ContrastJitterAug(0.5), I.SaturationJitterAug(0.5),
        I.HueJitterAug(0.5), I.ColorJitterAug(0.5, 0.3, 0.2),
        I.LightingAug(0.1, np.array([55.46, 4.794, 1.148]), np.eye(3)), I.ColorNormalizeAug(np.array([1.0, 2, 3]), np.array([2.0, 2, 3])),
        I.RandomGrayAug(1.0), I.RandomOrderAug([I.HorizontalFlipAug(1.0), I.BrightnessJitterAug(0.1)]),
    )):  # fmt: skip
        note(f"floats{k}", a(values))
        note(f"floats{k} dumps", str(a.dumps()))
    for kind in range(5):
        note(f"border{kind}", I.copyMakeBorder(image, 1, 2, 3, 4, type=kind, value=9))
    note("border of colours", I.copyMakeBorder(image, 1, 0, 0, 1, values=(1, 2, 3)))
    for k, given in enumerate(((640, 480, 720, 120), (360, 1000, 480, 500), (5, 5, 9, 9))):
        note(f"scale_down{k}", I.scale_down(given[:2], given[2:]))
    for crop in (I.center_crop, I.random_crop):
        for wanted in ((12, 9), (50, 9), (11, 31)):
            out, region = crop(image, wanted)
            note(f"{crop.__name__} {wanted}", out)
            note(f"{crop.__name__} {wanted} region", region)
    everything = {
        "brightness": 0.1,
        "contrast": 0.1,
        "saturation": 0.1,
        "hue": 0.1,
        "pca_noise": 0.1,
        "rand_gray": 0.1,
        "mean": True,
        "std": True,
    }
    for k, kw in enumerate(
        ({}, {"resize": 16, "rand_crop": True, "rand_resize": True, "rand_mirror": True, **everything}, {"rand_crop": True})
    ):
        augmenters = I.CreateAugmenter((3, 9, 7), **kw)
        note(f"created{k} dumps", str([a.dumps() for a in augmenters]))
        out = image
        for a in augmenters:
            out = a(out)
        note(f"created{k}", out)
    return found


if __name__ == "__main__":
    import mxnet

    np.savez_compressed(Path(__file__).with_name("image_module.npz"), **calls(mxnet))
