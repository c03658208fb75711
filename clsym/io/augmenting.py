"""What happens to an image between its decoding and its place in a batch: resized, turned, padded, cropped, and its colours changed."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..params import Bool, Field, Float, Int
from .resizing import Image, chosen_method, resized

__all__ = ["GEOMETRY", "augmented", "grey_of", "is_random", "shifted_in_hls", "shorter_edge"]

GEOMETRY: dict[str, Field] = {
    "resize": Int(-1, "length of the shorter edge, before anything else; -1 keeps it"),
    "rand_crop": Bool(False, "crop at a random place instead of the centre"),
    "random_resized_crop": Bool(False, "crop a random area of a random shape, and resize it"),
    "max_rotate_angle": Int(0, "turn by up to so many degrees"),
    "max_aspect_ratio": Float(0.0, "change width / height by a random factor of 1 +- this, or of up to this with min_aspect_ratio"),
    "min_aspect_ratio": Float(None, "the smallest factor", none=True),
    "max_shear_ratio": Float(0.0, "shear by up to this"),
    "max_crop_size": Int(-1, "crop squares of up to this size, and resize them"),
    "min_crop_size": Int(-1, "the smallest"),
    "max_random_scale": Float(1.0, "scale by up to this"),
    "min_random_scale": Float(1.0, "the smallest scale"),
    "max_random_area": Float(1.0, "the largest share of the area that random_resized_crop takes"),
    "min_random_area": Float(1.0, "the smallest"),
    "max_img_size": Float(1e10, "the largest width and height after scaling and turning"),
    "min_img_size": Float(0.0, "the smallest"),
    "brightness": Float(0.0, "change the brightness by a factor of 1 +- up to this"),
    "contrast": Float(0.0, "change the contrast so"),
    "saturation": Float(0.0, "change the saturation so"),
    "pca_noise": Float(0.0, "standard deviation of noise along the principal components of colours"),
    "random_h": Int(0, "add up to +- this to the hue, of 180"),
    "random_s": Int(0, "add up to +- this to the saturation, of 255"),
    "random_l": Int(0, "add up to +- this to the lightness, of 255"),
    "rotate": Int(-1, "turn by exactly so many degrees"),
    "fill_value": Int(255, "value of pixels outside of the image"),
    "inter_method": Int(1, "0 nearest, 1 bilinear, 2 cubic, 3 area, 4 Lanczos, 9 what suits the sizes, 10 a random one"),
    "pad": Int(0, "pixels added on each side", low=0),
}
_COLOURS = ("brightness", "contrast", "saturation", "pca_noise", "random_h", "random_s", "random_l")
_GREY = np.array([0.299, 0.587, 0.114], np.float32)
# the principal components of the colours of ImageNet, and their standard deviations
_VALUES = np.array([55.46, 4.794, 1.148], np.float32)
_VECTORS = np.array([[-0.5675, 0.7192, 0.4009], [-0.5808, -0.0045, -0.8140], [-0.5836, -0.6948, 0.4203]], np.float32)


def is_random(p: Any) -> bool:
    """Whether anything is drawn for an image."""
    return bool(
        p.rand_crop or p.random_resized_crop or p.inter_method == 10 or _affine(p) or any(getattr(p, name) for name in _COLOURS)
        or p.max_crop_size > 0 or p.min_crop_size > 0
    )  # fmt: skip


def _affine(p: Any) -> bool:
    shapes = not p.random_resized_crop and (p.max_aspect_ratio > 0 or (p.min_aspect_ratio is not None and p.min_aspect_ratio != 1))
    scales = not p.random_resized_crop and (p.max_random_scale != 1 or p.min_random_scale != 1)
    turns = p.max_rotate_angle > 0 or p.rotate > 0 or p.max_shear_ratio > 0
    return turns or shapes or scales or p.max_img_size != 1e10 or p.min_img_size != 0


def augmented(image: Image, p: Any, size: tuple[int, int], rng: np.random.Generator | None) -> Image:
    """An image of a size (height, width), by the parameters of `GEOMETRY`."""
    image = shorter_edge(image, p.resize, p.inter_method, rng)
    if rng is not None and _affine(p):
        image = _turned(image, p, rng)
    if p.pad:
        image = np.pad(image, ((p.pad, p.pad), (p.pad, p.pad), (0, 0)), constant_values=p.fill_value & 255)
    image = _cropped(image, p, *size, rng)
    if rng is not None and image.shape[2] == 3 and any(getattr(p, name) for name in _COLOURS):
        image = _coloured(image, p, rng)
    return image


def shorter_edge(image: Image, size: int, method: int, rng: np.random.Generator | None) -> Image:
    """The image with a shorter edge of that length."""
    if size <= 0:
        return image
    h, w = image.shape[:2]
    new: tuple[int, int] = (size * h // w, size) if h > w else (size, size * w // h)
    return resized(image, new[0], new[1], chosen_method(method, (h, w), new, rng))


def _cropped(image: Image, p: Any, height: int, width: int, rng: np.random.Generator | None) -> Image:
    if p.random_resized_crop and rng is not None:
        found = _resized_crop(image, p, height, width, rng)
        if found is not None:
            return found
    h, w = image.shape[:2]
    tall, wide = height, width
    if rng is not None and (p.max_crop_size > 0 or p.min_crop_size > 0):
        low, high = (v if v > 0 else max(p.min_crop_size, p.max_crop_size) for v in (p.min_crop_size, p.max_crop_size))
        tall = wide = min(int(rng.integers(min(low, high), max(low, high) + 1)), h, w)
    else:
        if h < height:
            new = height, int(height / h * w)
            image = resized(image, new[0], new[1], chosen_method(p.inter_method, (h, w), new, rng))
            h, w = new
        if w < width:
            new = int(width / w * h), width
            image = resized(image, new[0], new[1], chosen_method(p.inter_method, (h, w), new, rng))
            h, w = new
    y, x = h - tall, w - wide
    y, x = (int(rng.integers(0, y + 1)), int(rng.integers(0, x + 1))) if p.rand_crop and rng is not None else (y // 2, x // 2)
    return _taken(image, (y, x), (tall, wide), (height, width), p.inter_method, rng)


def _taken(
    image: Image, place: tuple[int, int], size: tuple[int, int], new: tuple[int, int], method: int, rng: np.random.Generator | None
) -> Image:
    """A part of the image, in another size."""
    (y, x), (tall, wide) = place, size
    return resized(image[y : y + tall, x : x + wide], new[0], new[1], chosen_method(method, size, new, rng))


def _resized_crop(image: Image, p: Any, height: int, width: int, rng: np.random.Generator) -> Image | None:
    """A random part of a random shape; None where no such part lies in the image."""
    h, w = image.shape[:2]
    low, high = (1 - p.max_aspect_ratio, 1 + p.max_aspect_ratio) if p.min_aspect_ratio is None else (p.min_aspect_ratio, p.max_aspect_ratio)
    for _ in range(10):
        area = h * w * rng.uniform(*sorted((p.min_random_area, p.max_random_area)))
        ratio = max(rng.uniform(*sorted((low, high))), 1e-3)
        wide, tall = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
        if 0 < wide <= w and 0 < tall <= h:
            break
    else:
        return None
    place = int(rng.integers(0, h - tall + 1)), int(rng.integers(0, w - wide + 1))
    return _taken(image, place, (tall, wide), (height, width), p.inter_method, rng)


def _turned(image: Image, p: Any, rng: np.random.Generator) -> Image:
    """Turned, sheared and scaled around the centre; between pixels bilinear, but with the nearest one's method."""
    h, w = image.shape[:2]
    angle = math.radians(p.rotate if p.rotate > 0 else int(rng.integers(-p.max_rotate_angle, p.max_rotate_angle + 1)))
    shear = rng.uniform(-p.max_shear_ratio, p.max_shear_ratio)
    scale = ratio = 1.0
    if not p.random_resized_crop:
        scale = rng.uniform(*sorted((p.min_random_scale, p.max_random_scale)))
        low = 1 - p.max_aspect_ratio if p.min_aspect_ratio is None else p.min_aspect_ratio
        ratio = max(1e-3, rng.uniform(*sorted((low, 1 + p.max_aspect_ratio if p.min_aspect_ratio is None else p.max_aspect_ratio))))
    tall = 2 * scale / (1 + ratio)
    wide = ratio * tall
    a, b = math.cos(angle), math.sin(angle)
    matrix = np.array([[tall * a - shear * b * wide, tall * b + shear * a * wide], [-b * wide, a * wide]])
    new_w, new_h = (max(p.min_img_size, min(p.max_img_size, scale * v)) for v in (w, h))
    shift = (np.array([new_w, new_h]) - matrix @ [w, h]) / 2
    return _warped(image, matrix, shift, max(1, int(new_h)), max(1, int(new_w)), p.fill_value & 255, p.inter_method)


def _warped(image: Image, matrix: Image, shift: Image, height: int, width: int, fill: int, method: int) -> Image:
    """Each output pixel from where the inverse map leads, to a 32nd of a pixel; outside lies `fill`."""
    h, w, channels = image.shape
    inverse = np.linalg.inv(matrix)
    start = -inverse @ shift
    across = np.rint(np.outer(inverse[:, 0], np.arange(width)) * 1024).astype(np.int64)
    down = np.rint((start[:, None] + np.outer(inverse[:, 1], np.arange(height))) * 1024).astype(np.int64)
    padded = np.full((h + 2, w + 2, channels), fill, np.uint8)
    padded[1:-1, 1:-1] = image
    flat = padded.reshape(-1, channels)
    fixed = [down[axis][:, None] + across[axis] for axis in (0, 1)]

    def at(x: Image, y: Image) -> Image:
        return flat[(np.clip(y, -1, h) + 1) * (w + 2) + np.clip(x, -1, w) + 1]

    if method == 0:
        return at((fixed[0] + 512) >> 10, (fixed[1] + 512) >> 10)
    (x, fx), (y, fy) = (((v + 16) >> 10, ((v + 16) >> 5) & 31) for v in fixed)
    fx, fy = fx[..., None].astype(np.int32), fy[..., None].astype(np.int32)
    top = at(x, y) * (32 - fx) + at(x + 1, y) * fx
    bottom = at(x, y + 1) * (32 - fx) + at(x + 1, y + 1) * fx
    return ((top * (32 - fy) + bottom * fy + 512) >> 10).astype(np.uint8)


def grey_of(image: Image) -> Image:
    """The grey of each pixel of RGB, (h, w, 1)."""
    return (image @ _GREY)[..., None]


def _coloured(image: Image, p: Any, rng: np.random.Generator) -> Image:
    values = image.astype(np.float32)
    if p.random_h or p.random_s or p.random_l:
        values = shifted_in_hls(values, *(rng.uniform(-v, v) if v else 0.0 for v in (p.random_h, p.random_l, p.random_s)))
    if p.brightness:
        values = values * np.float32(1 + rng.uniform(-p.brightness, p.brightness))
    if p.contrast:
        factor = np.float32(1 + rng.uniform(-p.contrast, p.contrast))
        values = values * factor + (1 - factor) * grey_of(values).mean()
    if p.saturation:
        factor = np.float32(1 + rng.uniform(-p.saturation, p.saturation))
        values = values * factor + (1 - factor) * grey_of(values)
    if p.pca_noise:
        values = values + _VECTORS @ (_VALUES * rng.normal(0, p.pca_noise, 3).astype(np.float32))
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


def shifted_in_hls(image: Image, hue: float, light: float, saturation: float) -> Image:
    """RGB from 0 to 255, with hue (of 180), lightness and saturation (of 255) shifted.

    >>> shifted_in_hls(np.float32([[[200, 100, 50]]]), 60, 0, 0).round().ravel().tolist()
    [50.0, 200.0, 100.0]
    """
    values = image / 255
    high, low = values.max(-1), values.min(-1)
    spread, total = high - low, high + low
    safe = np.where(spread > 0, spread, 1)
    r, g, b = np.moveaxis(values, -1, 0)
    sector = np.where(high == r, (g - b) / safe, np.where(high == g, 2 + (b - r) / safe, 4 + (r - g) / safe))
    h = np.where(spread > 0, sector, 0) + hue / 30
    s = np.where(spread > 0, spread / np.maximum(np.where(total <= 1, total, 2 - total), 1e-6), 0)
    lightness, s = np.clip(total / 2 + light / 255, 0, 1), np.clip(s + saturation / 255, 0, 1)
    chroma = s * np.minimum(lightness, 1 - lightness)
    out = []
    for offset in (0, 8, 4):
        k = (offset + 2 * h) % 12
        out.append(lightness - chroma * np.clip(np.minimum(k - 3, 9 - k), -1, 1))
    return np.stack(out, -1).astype(np.float32) * 255
