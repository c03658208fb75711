"""`ImageDetRecordIter`: images with boxes of objects."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from ..base import MXNetError
from ..params import Enum, Field, Float, Floats, Int, Shape, Str
from ..recordio.header import unpack
from .augmenting import shifted_in_hls, shorter_edge
from .boxes import drawn_crop, mirrored_boxes, placed_boxes
from .image_record_iter import COLOURS, RECORDS, ImageIterOverRecords, Normalisation, example, labels_in_list, mean_image
from .resizing import Image, chosen_method, resized

__all__ = ["ImageDetRecordIter"]

_CROPS: dict[str, Field] = {
    **{f"{end}_crop_{name}": Floats((value,), f"{end} {name} of a crop, for each sampler")
       for name, values in {"scales": (0.0, 1.0), "aspect_ratios": (1.0, 1.0), "overlaps": (0.0, 1.0), "sample_coverages": (0.0, 1.0),
                            "object_coverages": (0.0, 1.0)}.items()
       for end, value in zip(("min", "max"), values, strict=True)},
    "num_crop_sampler": Int(1, "how many samplers there are", low=1),
    "crop_emit_mode": Enum(("center", "overlap"), "center", "a crop loses boxes with their centre, or so much of their area, outside"),
    "emit_overlap_thresh": Float(0.3, "the share of the area that stays"),
    "max_crop_trials": Shape((25,), "trials of each sampler"),
}  # fmt: skip
_CHANCES: dict[str, Field] = {
    "rand_crop_prob": Float(0.0, "how often an image is cropped"),
    "rand_pad_prob": Float(0.0, "how often an image is padded"),
    "max_pad_scale": Float(1.0, "up to what multiple of its size"),
    "max_random_hue": Int(0, "largest change of the hue, of 180"),
    "random_hue_prob": Float(0.0, "how often"),
    "max_random_saturation": Int(0, "largest change of the saturation, of 255"),
    "random_saturation_prob": Float(0.0, "how often"),
    "max_random_illumination": Int(0, "largest change of the lightness, of 255"),
    "random_illumination_prob": Float(0.0, "how often"),
    "max_random_contrast": Float(0.0, "largest change of the contrast"),
    "random_contrast_prob": Float(0.0, "how often"),
    "rand_mirror_prob": Float(0.0, "how often an image is mirrored"),
}
_IMAGE: dict[str, Field] = {
    "resize": Int(-1, "length of the shorter edge, before anything else; -1 keeps it"),
    "fill_value": Int(127, "of padded pixels"),
    "inter_method": Int(1, "0 nearest, 1 bilinear, 2 cubic, 3 area, 4 Lanczos, 9 what suits the sizes, 10 a random one"),
    "resize_mode": Enum(
        ("fit", "force", "shrink"), "force", "force the image to the shape, or keep its ratio: shrink where it is larger, fit"
    ),
}
_LABELS: dict[str, Field] = {
    "path_imgrec": Str("./data/imgrec.rec", "the record file"),
    "aug_seq": Str("det_aug_default", "names of augmenters; taken and ignored"),
    "label_width": Int(-1, "labels an image; -1 for any count"),
    "label_pad_width": Int(0, "to how many labels they are filled up; 0 or less for the most that an image has"),
    "label_pad_value": Float(-1.0, "with what"),
}
_HEAD = 4


class ImageDetRecordIter(ImageIterOverRecords):
    """Batches of the images in a record file, with the boxes of the objects in them.

    The labels in a record are the length of what stands before the objects (2 or more, itself included), the numbers of an object (5 or
    more), what else stands there, and the objects: class, left, top, right, bottom (from 0 to 1), .... A row of a batch has channels,
    height and width of the image and the count of its labels, the labels, and `label_pad_value` for the rest.

    Parameters
    ----------
    path_imgrec : str
    data_shape : (int, int, int)
    batch_size : int
    label_pad_width : int
        To how many labels they are filled up; 0 or less for the most that an image has.
    label_pad_value : float, default -1
    resize_mode : {'force', 'shrink', 'fit'}
        Force the image to `data_shape`, or keep its ratio: make it smaller where it is too large, or fit in any case.
    rand_crop_prob, rand_pad_prob, rand_mirror_prob : float
        How often an image is cropped, padded and mirrored, its boxes with it.
    on_damaged : {'raise', 'skip'}
    ...
        The rest as `ImageRecordIter` has it.

    Examples
    --------
    >>> import clsym as mx, numpy as np, os, tempfile
    >>> path = os.path.join(tempfile.mkdtemp(), 'a.rec')
    >>> file = mx.recordio.MXRecordIO(path, 'w')
    >>> header = mx.recordio.IRHeader(0, [2, 5, 3, 0, 0, .5, 1], 0, 0)
    >>> _ = file.write(mx.recordio.pack_img(header, np.zeros((6, 8, 3), 'uint8'), 9, '.png'))
    >>> file.close()
    >>> it = mx.io.ImageDetRecordIter(path_imgrec=path, data_shape=(3, 4, 4), batch_size=1, verbose=False)
    >>> it.next().label[0].asnumpy().tolist()
    [[3.0, 4.0, 4.0, 7.0, 2.0, 5.0, 3.0, 0.0, 0.0, 0.5, 1.0]]
    """

    fields = {
        **{k: v for k, v in RECORDS.items() if k not in ("path_imgidx", "device_id", "seed_aug")},
        **_LABELS, **_IMAGE, **_CROPS, **_CHANCES, **COLOURS,
    }  # fmt: skip
    _dtypes = (None, "float32")

    def _label_shape(self, p: Any, source: Any) -> tuple[int, ...]:
        listed = labels_in_list(p.path_imglist, p.label_width)
        widest = 0
        if listed is not None:
            widest = max((len(v) for v in listed.values()), default=0)
        else:
            for _, _, content in source.epoch(0):
                try:
                    widest = max(widest, int(np.size(unpack(content)[0].label)))
                except MXNetError:  # the batch that it belongs to says so
                    continue
        if 0 < p.label_pad_width < widest:
            raise MXNetError(f"ImageDetRecordIter: label_pad_width: {p.label_pad_width} smaller than estimated width: {widest}")
        return (p.batch_size, _HEAD + max(widest, p.label_pad_width))

    def _draws(self, p: Any) -> bool:
        return p.inter_method == 10 or any(getattr(p, name) > 0 for name in _CHANCES if name.endswith("_prob"))

    def _writer(self, p: Any, dtype: Any, pool: ThreadPoolExecutor, source: Any) -> Any:
        return _DetWriter(p, dtype, mean_image(p))


class _DetWriter:
    """Decodes an example, and changes its image and its boxes together."""

    def __init__(self, p: Any, dtype: Any, mean: Image | None) -> None:
        self._p = p
        self._labels = labels_in_list(p.path_imglist, p.label_width)
        self._normal = Normalisation(p, dtype, mean)

    def __call__(self, content: bytes, data: Image, label: Image, rng: np.random.Generator | None) -> int:
        p = self._p
        header, image = example(content, p.data_shape[0])
        found = np.atleast_1d(np.asarray(header.label, np.float32))
        if self._labels is not None:
            if header.id not in self._labels:
                raise MXNetError(f"{p.path_imglist} has no labels for number {header.id}")
            found = self._labels[header.id]
        if p.label_width > 0 and len(found) != p.label_width:
            raise MXNetError(f"it has {len(found)} labels, and label_width is {p.label_width}")
        head, objects = _objects(found)
        image = shorter_edge(image, p.resize, p.inter_method, rng)
        if rng is not None:
            image, objects = _drawn(image, objects, p, rng)
        image = _in_mode(image, p, rng)
        labels = np.concatenate([head, objects.ravel()])
        label[:] = p.label_pad_value
        label[:_HEAD] = image.shape[2], *image.shape[:2], len(labels)
        label[_HEAD : _HEAD + len(labels)] = labels
        height, width = p.data_shape[1:]
        if image.shape[:2] != (height, width):  # the rest is black
            image = np.pad(image, ((0, height - image.shape[0]), (0, width - image.shape[1]), (0, 0)))
        self._normal(image, data)
        return int(header.id)


def _objects(labels: Image) -> tuple[Image, Image]:
    """What stands before the objects, and the objects, a row each."""
    head, width = (int(labels[0]), int(labels[1])) if len(labels) >= 2 else (0, 0)
    if head < 2 or width < 5 or head > len(labels) or (len(labels) - head) % width:
        raise MXNetError(
            f"{len(labels)} labels beginning with {labels[:2].tolist()} are not a head (2 or more) and objects (5 or more numbers each)"
        )
    return labels[:head], labels[head:].reshape(-1, width)


def _in_mode(image: Image, p: Any, rng: np.random.Generator | None) -> Image:
    height, width = p.data_shape[1:]
    h, w = image.shape[:2]
    if p.resize_mode == "force":
        new = (height, width)
    else:
        ratio = min(height / h, width / w)
        if p.resize_mode == "shrink":
            ratio = min(ratio, 1.0)
        new = (max(1, int(h * ratio)), max(1, int(w * ratio)))
    return resized(image, new[0], new[1], chosen_method(p.inter_method, (h, w), new, rng))


def _drawn(image: Image, objects: Image, p: Any, rng: np.random.Generator) -> tuple[Image, Image]:
    """With what is drawn for it: colours, mirrored, padded, cropped."""

    def happens(chance: float) -> bool:
        return chance > 0 and rng.random() < chance

    names = (("hue", 1.0), ("illumination", 1.0), ("saturation", 1.0))
    shifts = [rng.uniform(-1, 1) * getattr(p, f"max_random_{n}") if happens(getattr(p, f"random_{n}_prob")) else 0.0 for n, _ in names]
    factor = 1 + rng.uniform(-1, 1) * p.max_random_contrast if happens(p.random_contrast_prob) else 1.0
    if image.shape[2] == 3 and (any(shifts) or factor != 1):
        values = image.astype(np.float32)
        values = (shifted_in_hls(values, *shifts) if any(shifts) else values) * np.float32(factor)
        image = np.clip(np.rint(values), 0, 255).astype(np.uint8)
    if happens(p.rand_mirror_prob):
        image, objects = image[:, ::-1], mirrored_boxes(objects)
    h, w = image.shape[:2]
    if happens(p.rand_pad_prob) and p.max_pad_scale > 1:
        scale = rng.uniform(1, p.max_pad_scale)
        tall, wide = int(h * scale), int(w * scale)
        top, left = int(rng.integers(0, tall - h + 1)), int(rng.integers(0, wide - w + 1))
        image = np.pad(image, ((top, tall - h - top), (left, wide - w - left), (0, 0)), constant_values=p.fill_value & 255)
        objects = placed_boxes(objects, (-left / w, -top / h, (wide - left) / w, (tall - top) / h))
        h, w = tall, wide
    if happens(p.rand_crop_prob):
        crop = drawn_crop(objects, p, (h, w), rng)
        if crop is not None:
            objects, (left_, top_, right_, bottom_) = crop
            x, y = int(left_ * w), int(top_ * h)
            image = image[y : max(y + 1, round(bottom_ * h)), x : max(x + 1, round(right_ * w))]
    return image, objects
