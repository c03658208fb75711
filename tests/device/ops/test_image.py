"""Operators of images, against what MXNet 1.9.1 computed (tests/reference/record_image.py), and what is random of them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from harness import check_op

import clsym as mx
from clsym.base import MXNetError
from clsym.runtime.launch import run_op

RECORDED = np.load(Path(__file__).parents[2] / "reference" / "image.npz")
CASES = [(k, *case) for k, case in enumerate(json.loads(str(RECORDED["cases"])))]


def pixels(shape, dtype):
    """Fixed pixels, as the recorder makes them."""
    return (np.arange(np.prod(shape)) * 7919 % 10007 % 256).reshape(shape).astype(dtype)


@pytest.mark.parametrize("op", sorted({case[1] for case in CASES}))
def test_recorded(device, op):
    for k, _, shape, dtype, params in (c for c in CASES if c[1] == op):
        if dtype == "float64" and not device.traits.fp64:
            continue
        params = {n: tuple(v) if isinstance(v, list) else v for n, v in params.items()}
        (got,) = run_op(device, f"_image_{op}", [pixels(shape, dtype)], params)
        want = RECORDED[str(k)]
        assert got.dtype == want.dtype and got.shape == want.shape, (op, shape, dtype, params)
        if want.dtype.kind == "f":
            tolerance = 2e-3 if dtype == "float16" else 1e-5
            np.testing.assert_allclose(
                got, want, rtol=tolerance, atol=tolerance * max(1, np.abs(want).max()), err_msg=f"{op} {shape} {params}"
            )
        else:
            np.testing.assert_array_equal(got, want, err_msg=f"{op} {shape} {dtype} {params}")


def straight(op, data, params, want, device):
    """The whole battery for an operator whose gradient passes unchanged."""
    head = pixels(data.shape, np.float32) / 100
    check_op(device, op, [data], params, [want], ograds=[head], expected_grads=[head], rtol=1e-5, atol=1e-3)


def test_flips(device):
    data = pixels((3, 5, 3), np.float32)
    straight("_image_flip_left_right", data, {}, data[:, ::-1], device)
    straight("_image_flip_top_bottom", data, {}, data[::-1], device)
    same = np.broadcast_to(np.array([3.0, 5.0, 7.0], np.float32), (2, 3, 3)).copy()
    straight("_image_random_flip_left_right", same, {}, same, device)
    straight("_image_random_flip_top_bottom", same, {}, same, device)


def test_colors_by_a_fixed_factor(device):
    data = pixels((4, 3, 3), np.float32)
    grey = (data @ np.array([0.299, 0.587, 0.114])).mean()
    blue = 0.114 * data[..., 2:]
    third, whole = ({"min_factor": f, "max_factor": f} for f in (0.3, 1.0))
    straight("_image_random_brightness", data, third, 0.3 * data, device)
    straight("_image_random_contrast", data, third, 0.3 * data + 0.7 * grey, device)
    straight("_image_random_saturation", data, third, 0.3 * data + 0.7 * blue, device)
    straight("_image_random_hue", data, whole, data, device)
    straight("_image_random_color_jitter", data, dict.fromkeys(("brightness", "contrast", "saturation", "hue"), 0.0), data, device)
    straight("_image_random_lighting", data, {"alpha_std": 0.0}, data, device)
    shift = np.array([[-0.5675, 0.7192, 0.4009], [-0.5808, -0.0045, -0.814], [-0.5836, -0.6948, 0.4203]]) @ [5.546, -0.9588, 0.3444]
    straight("_image_adjust_lighting", data, {"alpha": (0.1, -0.2, 0.3)}, data + shift, device)


def test_layouts_and_their_gradients(device):
    data = pixels((2, 3, 5, 3), np.float32)
    head = pixels((2, 3, 3, 5), np.float32)
    back = head.transpose(0, 2, 3, 1) / 255
    check_op(device, "_image_to_tensor", [data], {}, [data.transpose(0, 3, 1, 2) / 255], ograds=[head], expected_grads=[back])
    check_op(device, "_image_crop", [data / 100], {"x": 1, "y": 1, "width": 3, "height": 2}, [data[:, 1:3, 1:4] / 100])
    images = data.transpose(0, 3, 1, 2).copy() / 100
    want = (images - np.reshape([1, 2, 3], (3, 1, 1))) / np.reshape([2, 4, 0.5], (3, 1, 1))
    check_op(device, "_image_normalize", [images], {"mean": (1, 2, 3), "std": (2, 4, 0.5)}, [want])
    ones = np.full((3, 4, 2), 7, np.float32)
    check_op(device, "_image_resize", [ones], {"size": (5, 2), "interp": 2}, [np.full((2, 5, 2), 7)], grad=False)


def test_draws(ctx):
    """Coins are fair, factors fill their range, and the jitter's steps come in every order."""
    mx.random.seed(3)
    row = mx.nd.array(np.arange(3).reshape(1, 3, 1), ctx=ctx)
    flips = [mx.nd.image.random_flip_left_right(row).asnumpy()[0, 0, 0] == 2 for _ in range(200)]
    assert 70 < sum(flips) < 130
    one = mx.nd.ones((1, 1, 1), ctx=ctx)
    factors = np.array([mx.nd.image.random_brightness(one, min_factor=0.5, max_factor=2).asscalar() for _ in range(100)])
    assert factors.min() < 0.7 and factors.max() > 1.8 and np.all((factors >= 0.5) & (factors < 2))
    grey = mx.nd.full((1, 1, 3), 100.0, ctx=ctx)
    light = np.array([mx.nd.image.random_lighting(grey, alpha_std=1).asnumpy().ravel() - 100 for _ in range(200)])
    want = np.array([[-0.5675, 0.7192, 0.4009], [-0.5808, -0.0045, -0.814], [-0.5836, -0.6948, 0.4203]]) * [55.46, 4.794, 1.148]
    assert np.all(np.abs(light.std(0) / np.linalg.norm(want, axis=1) - 1) < 0.2)
    image = mx.nd.array(pixels((2, 2, 3), np.float32), ctx=ctx)
    jittered = [mx.nd.image.random_color_jitter(image, brightness=0.5, contrast=0.5, saturation=0.5, hue=0.1).asnumpy() for _ in range(3)]
    assert not np.array_equal(jittered[0], jittered[1]) and not np.array_equal(jittered[1], jittered[2])


def test_no_image(ctx):
    assert mx.nd.image.to_tensor(mx.nd.zeros((0, 2, 3, 3), ctx=ctx)).shape == (0, 3, 2, 3)
    assert mx.nd.image.normalize(mx.nd.zeros((0, 3, 2, 2), ctx=ctx)).shape == (0, 3, 2, 2)
    assert mx.nd.image.random_contrast(mx.nd.zeros((0, 2, 3), ctx=ctx), min_factor=1, max_factor=1).shape == (0, 2, 3)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda i, d: i.flip_left_right(mx.sym.expand_dims(d, axis=0)), "height, width, channels"),
        (lambda i, d: i.to_tensor(mx.sym.sum(d)), "must have shape"),
        (lambda i, d: i.crop(d, x=2, y=0, width=3, height=1), "beyond the image"),
        (lambda i, d: i.crop(d, x=-1, y=0, width=1, height=1), "beyond the image"),
        (lambda i, d: i.crop(d, x=0, y=0, width=0, height=1), "greater than 0"),
        (lambda i, d: i.normalize(d), "1 or 3 channels"),
        (lambda i, d: i.resize(d, size=(1, 2, 3)), "one or two"),
        (lambda i, d: i.resize(d, size=0), "greater than 0"),
        (lambda i, d: i.resize(d, size=2, interp=9), "unknown interpolation"),
        (lambda i, d: i.adjust_lighting(d, alpha=(1, 2)), "three numbers"),
        (lambda i, d: i.random_brightness(d, min_factor=-1, max_factor=1), "greater equal"),
    ],
)
def test_contradictions_are_named(call, message):
    with pytest.raises(MXNetError, match=message):
        call(mx.sym.image, mx.sym.var("data")).infer_shape(data=(2, 4, 3))
