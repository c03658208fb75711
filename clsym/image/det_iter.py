"""An iterator over images and the objects in them."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from ..io import DataBatch
from ..ndarray import NDArray
from .create import _MEAN, _STD
from .det_create import CreateDetAugmenter
from .image_iter import ImageIter

__all__ = ["ImageDetIter"]


class ImageDetIter(ImageIter):
    """Batches of images (N, C, H, W) and of their objects (N, objects, width of an object).

    A label is a row of numbers: the width A of the header, the width B of an object, the rest of the header, and then the objects,
    each (class, left, top, right, bottom, ...) on [0, 1]. Images of fewer objects are filled up with -1.

    Parameters
    ----------
    batch_size, data_shape, path_imgrec, path_imglist, path_root, path_imgidx, shuffle, part_index, num_parts, imglist, data_name
        As for `ImageIter`.
    aug_list : list of DetAugmenter, optional
        Otherwise `CreateDetAugmenter` makes it of the remaining arguments.
    label_name : str, default 'label'
    last_batch_handle : {'pad', 'discard', 'roll_over'}
        As for `ImageIter`.
    """

    def __init__(
        self,
        batch_size: int,
        data_shape: tuple[int, ...],
        path_imgrec: str | None = None,
        path_imglist: str | None = None,
        path_root: str | None = None,
        path_imgidx: str | None = None,
        shuffle: bool = False,
        part_index: int = 0,
        num_parts: int = 1,
        aug_list: list[Any] | None = None,
        imglist: list[Any] | None = None,
        data_name: str = "data",
        label_name: str = "label",
        last_batch_handle: str = "pad",
        **kwargs: Any,
    ) -> None:
        super().__init__(
            batch_size=batch_size,
            data_shape=data_shape,
            path_imgrec=path_imgrec,
            path_imglist=path_imglist,
            path_root=path_root,
            path_imgidx=path_imgidx,
            shuffle=shuffle,
            part_index=part_index,
            num_parts=num_parts,
            aug_list=[],
            imglist=imglist,
            data_name=data_name,
            label_name=label_name,
            last_batch_handle=last_batch_handle,
        )
        self.auglist = CreateDetAugmenter(data_shape, **kwargs) if aug_list is None else aug_list
        self.label_shape = self._estimate_label_shape()
        self.provide_label = [(label_name, (batch_size, *self.label_shape))]

    def _check_valid_label(self, label: Any) -> None:
        """Refuse what is not rows of five numbers or more, one of them at least a box."""
        if label.ndim != 2 or label.shape[1] < 5:
            raise RuntimeError(f"Label with shape (1+, 5+) required, {label} received.")
        if not np.any((label[:, 0] >= 0) & (label[:, 3] > label[:, 1]) & (label[:, 4] > label[:, 2])):
            raise RuntimeError("Invalid label occurs.")

    def _estimate_label_shape(self) -> tuple[int, int]:
        """The most objects of an image, and an object's width, read from all labels."""
        most, width = 0, 0
        self.reset()
        try:
            while True:
                objects = self._parse_label(self.next_sample()[0])
                most, width = max(most, objects.shape[0]), objects.shape[1]
        except StopIteration:
            pass
        self.reset()
        return most, width

    def _parse_label(self, label: Any) -> Any:
        """The boxes of a label that have an area, a row each."""
        numbers = (label.asnumpy() if isinstance(label, NDArray) else np.asarray(label)).ravel()
        if numbers.size < 7:
            raise RuntimeError("Label shape is invalid: " + str(numbers.shape))
        header, width = int(numbers[0]), int(numbers[1])
        if (numbers.size - header) % width:
            raise RuntimeError(f"Label shape {numbers.shape} inconsistent with annotation width {width}.")
        objects = numbers[header:].reshape(-1, width)
        objects = objects[(objects[:, 3] > objects[:, 1]) & (objects[:, 4] > objects[:, 2])]
        if not len(objects):
            raise RuntimeError("Encounter sample with no valid label.")
        return objects

    def reshape(self, data_shape: Sequence[int] | None = None, label_shape: Sequence[int] | None = None) -> None:
        """Another shape of the images, or of their labels: more objects."""
        if data_shape is not None:
            self.check_data_shape(data_shape)
            self.provide_data = [(self.provide_data[0][0], (self.batch_size, *data_shape))]
            self.data_shape = data_shape  # type: ignore[assignment]
        if label_shape is not None:
            self.check_label_shape(label_shape)
            self.provide_label = [(self.provide_label[0][0], (self.batch_size, *label_shape))]
            self.label_shape = label_shape  # type: ignore[assignment]

    def _batchify(self, batch_data: NDArray, batch_label: NDArray, start: int = 0) -> int:
        i = start
        try:
            while i < self.batch_size:
                label, content = self.next_sample()
                image = self.imdecode(content)
                try:
                    self.check_valid_image([image])
                    image, objects = self.augmentation_transform(image, self._parse_label(label))
                    self._check_valid_label(objects)
                except RuntimeError as exc:
                    logging.debug("Invalid image, skipping:  %s", exc)
                    continue
                batch_data[i] = self.postprocess_data(image)
                rows = np.full(batch_label.shape[1:], -1, np.float32)
                rows[: len(objects)] = objects
                batch_label[i] = rows
                i += 1
        except StopIteration:
            if not i:
                raise
        return i

    def next(self) -> DataBatch:
        """The next batch.

        Raises
        ------
        StopIteration
            There is none.
        """
        return super().next()

    def augmentation_transform(self, data: NDArray, label: Any) -> tuple[NDArray, Any]:  # type: ignore[override]
        """The image and its objects, changed by every augmenter."""
        for augmenter in self.auglist:
            data, label = augmenter(data, label)
        return data, label

    def check_label_shape(self, label_shape: Sequence[int]) -> None:
        """Refuse fewer objects than there are, and another width."""
        if len(label_shape) != 2:
            raise ValueError("label_shape should have length 2")
        if label_shape[0] < self.label_shape[0]:
            raise ValueError(f"Attempts to reduce label count from {self.label_shape[0]} to {label_shape[0]}, not allowed.")
        width = self.provide_label[0][1][2]
        if label_shape[1] != width:
            raise ValueError(f"label_shape object width inconsistent: {width} vs {label_shape[1]}.")

    def draw_next(
        self,
        color: Any = None,
        thickness: int = 2,
        mean: Any = None,
        std: Any = None,
        clip: bool = True,
        waitKey: int | None = None,
        window_name: str = "draw_next",
        id2labels: dict[int, str] | None = None,
    ) -> Iterator[Any]:
        """The augmented images, each an array (H, W, C) in BGR, with boxes around the objects.

        Parameters
        ----------
        color : tuple of float, optional
            RGB; drawn at random for each box otherwise (numpy's generator).
        thickness : int
        mean, std : array or True, optional
            What the augmenters took away; True: ImageNet's.
        clip : bool
            To 0 .. 255.
        waitKey : int, optional
            Show each in a window, for so many milliseconds; needs OpenCV's Python package.
        window_name : str
        id2labels : dict, optional
            Classes' names, written at their boxes.
        """
        std = np.array(_STD) if std is True else std
        mean = np.array(_MEAN) if mean is True else mean
        try:
            while True:
                label, content = self.next_sample()
                image = self.imdecode(content)
                try:
                    self.check_valid_image([image])
                    objects = self._parse_label(label)
                except RuntimeError as exc:
                    logging.debug("Invalid image, skipping: %s", exc)
                    continue
                image, objects = self.augmentation_transform(image, objects)
                pixels = image.asnumpy()
                pixels = pixels if std is None else pixels * std
                pixels = pixels if mean is None else pixels + mean
                pixels = np.clip(pixels, 0, 255) if clip else pixels
                picture = np.ascontiguousarray(pixels[:, :, ::-1].astype(np.uint8))
                for row in objects:
                    self._draw(picture, row, np.random.rand(3) * 255 if not color else color[::-1], thickness, id2labels)
                if waitKey is not None:
                    import cv2  # type: ignore[import-not-found]

                    cv2.imshow(window_name, picture)
                    cv2.waitKey(waitKey)
                yield picture
        except StopIteration:
            return

    @staticmethod
    def _draw(picture: Any, row: Any, color: Any, thickness: int, names: dict[int, str] | None) -> None:
        """A box, and its class's name, into a picture."""
        height, width = picture.shape[:2]
        left, top, right, bottom = (int(v * extent) for v, extent in zip(row[1:5], (width, height, width, height), strict=True))
        inside, outside = (thickness - 1) // 2, thickness // 2
        frame = np.zeros((height, width), bool)
        frame[max(0, top - outside) : bottom + outside + 1, max(0, left - outside) : right + outside + 1] = True
        frame[top + inside + 1 : max(0, bottom - inside), left + inside + 1 : max(0, right - inside)] = False
        picture[frame] = color
        name = (names or {}).get(int(row[0]))
        if name is not None:
            from PIL import Image, ImageDraw

            canvas = Image.fromarray(picture)
            ImageDraw.Draw(canvas).text((left + 5, top + 5), name, fill=tuple(int(c) for c in color))
            picture[:] = np.asarray(canvas)

    def sync_label_shape(self, it: ImageDetIter, verbose: bool = False) -> ImageDetIter:
        """Give two iterators, as of training and of validation, labels of one shape; returns the other."""
        if not isinstance(it, ImageDetIter):
            raise AssertionError("Synchronize with invalid iterator.")
        if self.label_shape[1] != it.label_shape[1]:
            raise AssertionError("object width mismatch.")
        most, least = max(self.label_shape[0], it.label_shape[0]), min(self.label_shape[0], it.label_shape[0])
        for one in (self, it):
            if most > one.label_shape[0]:
                one.reshape(None, (most, one.label_shape[1]))
        if verbose and most > least:
            logging.info("Resized label_shape to (%d, %d).", most, self.label_shape[1])
        return it
