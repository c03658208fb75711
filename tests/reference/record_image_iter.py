"""Records what MXNet 1.9.1's image iterators and detection augmenters give, into image_iter.npz. Run it under MXNet.

Also imported by the test, which makes the same calls of clsym.
"""

import os
import random
import struct
import tempfile
import zlib
from pathlib import Path

import numpy as np

BOXES = (
    (2, 5, 1, 0.1, 0.2, 0.6, 0.7, 0, 0.5, 0.5, 0.9, 0.95),
    (4, 5, 7, 8, 2, 0.3, 0.1, 0.8, 0.9),
    (2, 5, 0, 0.0, 0.0, 0.4, 0.3, 3, 0.6, 0.6, 0.5, 0.9, 4, 0.2, 0.2, 1.0, 1.0),
)


def png(number):
    """A picture of 20 by 16 or so pixels."""
    h, w = 16 + number, 20 - number
    y, x, c = np.mgrid[0:h, 0:w, 0:3]
    pixels = ((np.sin(x / 5 + c * number) + np.cos(y / 4)) * 50 + 110).astype(np.uint8)

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = b"".join(b"\0" + row.tobytes() for row in pixels)
    head = struct.pack(">IIBBBBB", w, h, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def files(mx, folder):
    """Three pictures, lists of them, and record files with labels of one number, and with boxes."""
    root = Path(folder)
    for k in range(3):
        (root / f"{k}.png").write_bytes(png(k))
    (root / "one.lst").write_text("".join(f"{k + 4}\t{k + 1}\t{k}.png\n" for k in range(3)))
    (root / "two.lst").write_text("".join(f"{k + 4}\t{k + 1}\t{k * 10}\t{k}.png\n" for k in range(3)))
    for name, labels in (("one", (1, 2, 3)), ("boxes", BOXES)):
        record = mx.recordio.MXIndexedRecordIO(str(root / f"{name}.idx"), str(root / f"{name}.rec"), "w")
        for k, label in enumerate(labels):
            record.write_idx(k + 4, mx.recordio.pack(mx.recordio.IRHeader(0, label, k, 0), png(k)))
        record.close()


def calls(mx, folder):
    """Epochs of iterators, proposals of augmenters, rotated images; name to array."""
    I, found = mx.image, {}  # noqa: E741
    files(mx, folder)
    here = os.path.join(folder, "")

    def epochs(name, it, count=2):
        found[f"{name} shapes"] = np.array(str((it.provide_data, it.provide_label)))
        for epoch in range(count):
            for k, batch in enumerate(it):
                found[f"{name} {epoch} {k} label"] = batch.label[0].asnumpy()
                found[f"{name} {epoch} {k} data"] = batch.data[0].asnumpy()[:, :, ::3, ::3]
                found[f"{name} {epoch} {k} pad"] = np.array(batch.pad)
            it.reset()

    memory = [[k + 1, f"{k}.png"] for k in range(3)]
    wide = [[k + 1, k + 2, f"{k}.png"] for k in range(3)]
    record = {"path_imgrec": here + "one.rec"}
    index = {**record, "path_imgidx": here + "one.idx"}
    random.seed(5)
    np.random.seed(5)
    shape = (3, 9, 7)
    for handle in ("pad", "discard", "roll_over"):
        listed = I.ImageIter(2, shape, imglist=memory, path_root=here, last_batch_handle=handle)
        epochs(handle, listed, 3)
        listed.hard_reset()
        epochs(f"{handle} hard", listed, 1)
        epochs(f"{handle} unindexed", I.ImageIter(2, shape, **record, last_batch_handle=handle))
    epochs("file", I.ImageIter(3, shape, path_imglist=here + "one.lst", path_root=here, resize=12, data_name="x", label_name="y"))
    epochs("wide", I.ImageIter(3, shape, label_width=2, imglist=wide, path_root=here, dtype="int32", aug_list=[I.CenterCropAug((7, 9))]))
    epochs("shuffled", I.ImageIter(3, shape, **index, shuffle=True, rand_crop=True, rand_mirror=True))
    epochs("parts", I.ImageIter(1, shape, **index, part_index=1, num_parts=2))
    epochs("relabelled", I.ImageIter(2, shape, label_width=2, **index, path_imglist=here + "two.lst"))
    boxed = [[list(row), f"{k}.png"] for k, row in enumerate(BOXES)]
    everything = {
        "resize": 14,
        "rand_crop": 0.7,
        "rand_pad": 0.7,
        "rand_gray": 0.3,
        "rand_mirror": True,
        "mean": True,
        "std": True,
        "brightness": 0.1,
        "contrast": 0.1,
        "saturation": 0.1,
        "pca_noise": 0.1,
        "hue": 0.1,
    }
    for k, (kw, more) in enumerate((({}, {}), ({"last_batch_handle": "discard"}, everything), ({"last_batch_handle": "roll_over"}, {}))):
        epochs(f"detection{k}", I.ImageDetIter(2, shape, imglist=boxed, path_root=here, **kw, **more))
    one = I.ImageDetIter(2, shape, path_imgrec=here + "boxes.rec", path_imgidx=here + "boxes.idx", shuffle=True, rand_mirror=True)
    one.reshape((3, 6, 6), (5, 5))
    one.auglist = I.CreateDetAugmenter((3, 6, 6), rand_crop=1, min_object_covered=[0.1, 0.5], area_range=(0.3, 1.0))
    other = one.sync_label_shape(I.ImageDetIter(2, shape, imglist=boxed[1:2], path_root=here))
    epochs("detection reshaped", one)
    epochs("detection synchronized", other, 1)

    image = mx.nd.arange(16 * 20 * 3).reshape((16, 20, 3))
    objects = np.array(BOXES[0][2:]).reshape(-1, 5)
    augmenters = (
        I.DetRandomCropAug(),
        I.DetRandomCropAug(0.9, 1.2, (0.2, 0.9), 0.8, 9),
        I.DetRandomCropAug(area_range=0.5),
        I.DetRandomPadAug(),
        I.DetRandomPadAug((0.5, 2), (1.5, 5), pad_val=(1, 2, 3)),
        I.DetHorizontalFlipAug(0.5),
        I.DetRandomSelectAug([]),
        I.DetBorrowAug(I.CastAug()),
        I.CreateMultiRandCropAugmenter([0.1, 0.9], (0.75, 1.33), [(0.2, 0.5), (0.5, 1.0)], skip_prob=0.2),
        *I.CreateDetAugmenter((3, 8, 8), **everything),
    )
    for k, a in enumerate(augmenters):
        found[f"augmenter{k}"] = np.array(str(a.dumps()))
        for attempt in range(3 if k < 9 else 0):
            out, left = a(image, objects.copy())
            found[f"augmenter{k} {attempt}"] = out.asnumpy()[::4, ::4, 0]
            found[f"augmenter{k} {attempt} shape"] = np.array(out.shape)
            found[f"augmenter{k} {attempt} objects"] = left

    images = mx.nd.sin(mx.nd.arange(2 * 2 * 5 * 7)).reshape((2, 2, 5, 7))
    for angle in (0, 30, -100, 180):
        found[f"turned {angle}"] = I.imrotate(images, angle).asnumpy()
        for way in ("zoom_in", "zoom_out"):
            found[f"turned {angle} {way}"] = I.imrotate(images[0], angle, **{way: True}).asnumpy()
    found["turned each"] = I.imrotate(images, mx.nd.array([20, -70]), zoom_in=True).asnumpy()
    found["turned at random"] = I.random_rotate(images, (-40, 90)).asnumpy()
    found["one turned at random"] = I.random_rotate(images[0], (-40, 90), zoom_out=True).asnumpy()
    return found


if __name__ == "__main__":
    import mxnet

    with tempfile.TemporaryDirectory() as temporary:
        np.savez_compressed(Path(__file__).with_name("image_iter.npz"), **calls(mxnet, temporary))
