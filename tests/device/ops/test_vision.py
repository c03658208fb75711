"""Operators that sample images: gradients by differences, other types, boxes and places that are nowhere, no boxes at all, and errors."""

from __future__ import annotations

import numpy as np
import pytest
from harness import check_op

import clsym as mx
from clsym.base import MXNetError
from clsym.runtime.launch import run_op

INF, NAN, HUGE = np.inf, np.nan, 3e38


def uniform(*shape, low=-1.0, high=1.0, seed=0):
    return np.random.RandomState(seed + 1).uniform(low, high, shape).astype(np.float32)


def between_pixels(n, height, width, *points):
    """Grid points that are no whole pixels, where the slopes jump; some just outside."""
    rng = np.random.RandomState(3)
    y, x = (rng.randint(-1, extent, (n, *points)) + rng.uniform(0.2, 0.8, (n, *points)) for extent in (height, width))
    return np.stack([2 * x / (width - 1) - 1, 2 * y / (height - 1) - 1], 1).astype(np.float32)


def boxes(count, images, extent, seed=0):
    rng = np.random.RandomState(seed + 2)
    corners = np.sort(rng.uniform(-2, extent, (count, 2, 2)), 1).reshape(count, 4)
    return np.concatenate([rng.randint(0, images, (count, 1)), corners], 1).astype(np.float32)


# Rows of more than 64 pixels and planes of more than 4096, strides, groups: what the recorded cases are too small for.
DEFORMABLE = {"kernel": (2, 3), "num_filter": 6, "num_group": 3, "num_deformable_group": 2, "stride": (1, 2), "pad": (1, 0)}
CASES = {
    "BilinearSampler": ("BilinearSampler", {}, [uniform(2, 9, 5, 7), between_pixels(2, 5, 7, 5, 31)], [0, 1]),
    "SpatialTransformer": (
        "SpatialTransformer",
        {"target_shape": (3, 4), "transform_type": "affine", "sampler_type": "bilinear"},
        [uniform(2, 2, 6, 7), np.array([[0.71, 0.13, 0.07, -0.1, 0.63, 0.11], [1.1, 0.21, 0.33, 0.17, 1.3, -0.1]], np.float32)],
        [0, 1],
    ),
    "ROIAlign": ("_contrib_ROIAlign", {"pooled_size": (2, 3), "spatial_scale": 1.0}, [uniform(2, 1, 61, 71), boxes(5, 2, 60)], [0]),
    "ROIPooling": ("ROIPooling", {"pooled_size": (2, 3), "spatial_scale": 1.0}, [uniform(2, 1, 61, 71), boxes(5, 2, 60)], [0]),
    "PSROIPooling": (
        "_contrib_PSROIPooling",
        {"spatial_scale": 1.0, "output_dim": 2, "pooled_size": 3, "group_size": 2},
        [uniform(2, 8, 61, 71), boxes(5, 2, 60)],
        [0],
    ),
    "DeformablePSROIPooling": (
        "_contrib_DeformablePSROIPooling",
        {"spatial_scale": 1.0, "output_dim": 2, "pooled_size": 2, "group_size": 2, "sample_per_part": 3, "trans_std": 0.1},
        [uniform(2, 8, 61, 71), boxes(5, 2, 60), uniform(5, 4, 2, 2)],
        [0, 2],
    ),
    "Correlation": (
        "Correlation",
        {"kernel_size": 3, "max_displacement": 2, "stride2": 2, "pad_size": 3},
        [uniform(1, 2, 4, 69), uniform(1, 2, 4, 69, seed=1)],
        [0, 1],
    ),
    "ModulatedDeformableConvolution": (
        "_contrib_ModulatedDeformableConvolution",
        DEFORMABLE,
        [
            uniform(2, 12, 4, 7),
            uniform(2, 24, 5, 3, low=-1.4, high=1.4),
            uniform(2, 12, 5, 3, low=0),
            uniform(6, 4, 2, 3),
            uniform(6),
        ],
        [0, 1, 2, 3, 4],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_differences(device, name):
    op, params, inputs, grad = CASES[name]
    check_op(device, op, inputs, params, grad=grad)


@pytest.mark.parametrize("name", ["BilinearSampler", "ROIAlign", "ModulatedDeformableConvolution"])
def test_half(device, name):
    op, params, inputs, _ = CASES[name]
    halves = [a.astype(np.float16) for a in inputs]
    (wide,) = run_op(device, op, [a.astype(np.float32) for a in halves], params)[:1]
    check_op(device, op, halves, params, [wide], dtypes=("float16",), grad=False, rtol=1e-2, atol=1e-2)


@pytest.mark.parametrize(("aligned", "ratio"), [(False, -1), (True, 2)])
def test_many_channels_at_once(device, aligned, ratio):
    """More than a block of channels, and boxes enough that a CPU brings the channels side by side."""
    data, rois = uniform(2, 83, 5, 6), np.concatenate([boxes(7, 2, 7), [[-1, 0, 0, 3, 3], [0, NAN, 0, 3, 3]]]).astype(np.float32)
    params = {"pooled_size": (3, 2), "spatial_scale": 0.9, "aligned": aligned, "sample_ratio": ratio}
    together = run_op(device, "_contrib_ROIAlign", [data, rois], params)[0]
    for first in range(0, 83, 10):
        apart = run_op(device, "_contrib_ROIAlign", [np.ascontiguousarray(data[:, first : first + 10]), rois], params)[0]
        np.testing.assert_allclose(together[:, first : first + 10], apart, rtol=1e-5, atol=1e-6)
    assert not together[7:].any()


def gradients(ctx, op, inputs, params, wanted):
    """The output, and the gradients of some inputs for head gradients of 1."""
    function = getattr(mx.sym, op, None) or getattr(mx.sym.contrib, op.removeprefix("_contrib_"))
    net = function(*(mx.sym.var(f"x{i}") for i in range(len(inputs))), **params)
    args = {f"x{i}": mx.nd.array(a, ctx=ctx) for i, a in enumerate(inputs)}
    grads = {k: mx.nd.zeros(a.shape, ctx=ctx) for k, a in args.items()}
    executor = net.bind(ctx, args, grads, {f"x{i}": "write" if i in wanted else "null" for i in range(len(inputs))})
    out = executor.forward(is_train=True)[0]
    executor.backward([mx.nd.ones(out.shape, ctx=ctx)])
    return [out.asnumpy(), *(grads[f"x{i}"].asnumpy() for i in wanted)]


NOWHERE = [
    [-1, 0, 0, 3, 3], [2, 0, 0, 3, 3], [NAN, 0, 0, 3, 3], [INF, 0, 0, 3, 3], [-HUGE, 0, 0, 3, 3], [0, NAN, 0, 3, 3], [0, 0, INF, 3, 3],
    [0, 0, 0, -INF, 3], [0, 0, 0, 3, NAN], [1, 50, 50, 60, 60], [1, -60, -60, -50, -50], [0, HUGE, HUGE, HUGE, HUGE], [0, 1e9, 0, 2e9, 3],
]  # fmt: skip
HOSTILE = [
    [0, -HUGE, -HUGE, HUGE, HUGE], [0, HUGE, HUGE, -HUGE, -HUGE], [0, -1e9, -1e9, 1e9, 1e9], [1, 0, -1e6, 3, 1e6], [0, 1e-40, 0, 2e-40, 0],
]  # fmt: skip


@pytest.mark.parametrize("name", ["ROIAlign", "ROIPooling", "PSROIPooling", "DeformablePSROIPooling", "RROIAlign"])
def test_boxes_that_are_nowhere(ctx, device, name):
    """They give 0 and no gradient, huge ones something finite; nothing is read beyond the images, and nothing takes long."""
    rotated = name == "RROIAlign"
    op, params, inputs, _ = CASES["ROIAlign" if rotated else name]
    op = "_contrib_RROIAlign" if rotated else op
    some = [[0, 0.5, 0.5, 3.2, 2.1], [1, 1, 0, 2, 4]]
    data = uniform(2, 8, 5, 6)

    def given(rows):
        rois = np.array(rows, np.float32).reshape(-1, 5)
        if rotated:
            rois = np.concatenate([rois, np.full((len(rois), 1), 33, np.float32)], 1)
        moves = [np.resize(uniform(2, 4, 2, 2), (len(rois), 4, 2, 2))] if len(inputs) > 2 and not rotated else []
        return [data, rois, *moves]

    nowhere = NOWHERE[:9] if rotated else NOWHERE  # others are ordinary boxes there
    if rotated:
        apart, together, hostile = (run_op(device, op, given(rows), params)[:1] for rows in (some, some + nowhere, HOSTILE))
    else:
        apart, together, hostile = (gradients(ctx, op, given(rows), params, [0]) for rows in (some, some + nowhere, HOSTILE))
        np.testing.assert_array_equal(together[1], apart[1])
    np.testing.assert_array_equal(together[0][:2], apart[0])
    assert not together[0][2:].any()
    for values in hostile:
        assert np.isfinite(values).all()


def test_places_that_are_nowhere(ctx):
    """Grid points and offsets that are no numbers, or far away."""
    data = uniform(1, 2, 4, 5)
    grid = uniform(1, 2, 2, 4, low=-0.9, high=0.9)
    far = grid.copy()
    far[0, 0, 0] = [NAN, INF, -HUGE, HUGE]
    out, dx, dgrid = gradients(ctx, "BilinearSampler", [data, far], {}, [0, 1])
    near, _, dnear = gradients(ctx, "BilinearSampler", [data, grid], {}, [0, 1])
    assert np.isnan(out[:, :, 0, :2]).all()
    assert not out[:, :, 0, 2:].any()
    np.testing.assert_array_equal(out[:, :, 1], near[:, :, 1])
    np.testing.assert_array_equal(dgrid[:, :, 1], dnear[:, :, 1])
    assert not dgrid[:, :, 0].any()
    assert np.isfinite(dx).all()
    assert dx.sum() == pytest.approx(2 * 4, rel=1e-5)  # four points are left, whose weights sum up to 1 in each of two channels
    offset = np.zeros((1, 2, 4, 5), np.float32)
    offset[0, 0, 0] = [NAN, INF, -INF, HUGE, -HUGE]
    offset[0, 1, 1] = [NAN, INF, -INF, 1e9, -1e9]
    ones, weight = np.ones((1, 1, 4, 5), np.float32), np.ones((1, 2, 1, 1), np.float32)
    for op, mask in (("_contrib_DeformableConvolution", []), ("_contrib_ModulatedDeformableConvolution", [ones])):
        out, *grads = gradients(ctx, op, [data, offset, *mask, weight], {"kernel": (1, 1), "num_filter": 1, "no_bias": True}, [0, 1])
        assert not out[:, :, :2].any()
        np.testing.assert_allclose(out[0, 0, 2:], data[0, :, 2:].sum(0), rtol=1e-6)
        assert not grads[0][:, :, :2].any()
        assert (grads[0][:, :, 2:] == 1).all()
        assert not grads[1][:, :, :2].any()


@pytest.mark.parametrize("name", ["ROIAlign", "ROIPooling", "PSROIPooling", "DeformablePSROIPooling"])
def test_no_boxes(ctx, name):
    op, params, inputs, _ = CASES[name]
    with mx.util.np_shape(True):
        out, grad = gradients(ctx, op, [inputs[0], *(a[:0] for a in inputs[1:])], params, [0])
    assert out.shape[0] == 0
    assert grad.shape == inputs[0].shape
    assert not grad.any()


def test_no_images(ctx):
    for name in ("BilinearSampler", "Correlation", "ModulatedDeformableConvolution"):
        op, params, inputs, _ = CASES[name]
        count = 2 if name != "ModulatedDeformableConvolution" else 3
        with mx.util.np_shape(True):
            out, *grads = gradients(ctx, op, [*(a[:0] for a in inputs[:count]), *inputs[count:]], params, list(range(len(inputs))))
        assert out.shape[0] == 0
        assert not any(g.any() for g in grads)


@pytest.mark.parametrize("name", ["ROIAlign", "ROIPooling", "DeformablePSROIPooling", "BilinearSampler", "ModulatedDeformableConvolution"])
def test_images_without_pixels(device, name):
    op, params, inputs, _ = CASES[name]
    images, *others = inputs
    params = {**params, "pad": (1, 1)} if "pad" in params else params
    if name == "ModulatedDeformableConvolution":
        others = [np.zeros((2, 24, 1, 4), np.float32), np.ones((2, 12, 1, 4), np.float32), inputs[3], np.zeros(6, np.float32)]
    assert not run_op(device, op, [images[:, :, :0], *others], params)[0].any()


IMAGE, BOX = (1, 4, 5, 6), (2, 5)
ERRORS = [
    ("BilinearSampler", {}, [IMAGE, (2, 2, 3, 3)], "grid"),
    ("BilinearSampler", {}, [IMAGE, (1, 3, 3, 3)], "2, H, W"),
    ("BilinearSampler", {}, [(1, 4, 5), (1, 2, 3, 3)], "4 dimensions"),
    ("GridGenerator", {"transform_type": "affine"}, [(2, 6)], "target_shape"),
    ("GridGenerator", {"transform_type": "affine", "target_shape": (2, 2)}, [(2, 5)], "affine maps"),
    ("GridGenerator", {"transform_type": "warp"}, [(2, 3, 2, 2)], "flow"),
    ("SpatialTransformer", {"transform_type": "affine", "sampler_type": "bilinear"}, [IMAGE, (1, 6)], "target_shape"),
    ("ROIPooling", {"pooled_size": (2, 2), "spatial_scale": 1}, [IMAGE, (2, 4)], "rois"),
    ("ROIPooling", {"pooled_size": (2, 2), "spatial_scale": 1.5}, [IMAGE, BOX], "spatial_scale"),
    ("ROIPooling", {"pooled_size": (0, 2), "spatial_scale": 1}, [IMAGE, BOX], "pooled_size"),
    ("_contrib_ROIAlign", {"pooled_size": (3, 3), "spatial_scale": 1, "position_sensitive": True}, [IMAGE, BOX], "multiple of 9"),
    ("_contrib_RROIAlign", {"pooled_size": (3, 3), "spatial_scale": 1}, [IMAGE, BOX], "rois"),
    ("_contrib_PSROIPooling", {"spatial_scale": 1, "output_dim": 2, "pooled_size": 2}, [IMAGE, BOX], "at least 8 channels"),
    (
        "_contrib_DeformablePSROIPooling",
        {"spatial_scale": 1, "output_dim": 1, "pooled_size": 2, "group_size": 2},
        [IMAGE, BOX, (2, 4, 2, 2)],
        "classes that divide",
    ),
    ("Correlation", {"kernel_size": 2}, [IMAGE, IMAGE], "odd"),
    ("Correlation", {"stride2": 0}, [IMAGE, IMAGE], "stride2"),
    ("Correlation", {"max_displacement": 4}, [IMAGE, IMAGE], "no room"),
    (
        "_contrib_DeformableConvolution",
        {"kernel": (3, 3), "num_filter": 2, "no_bias": True},
        [IMAGE, (1, 17, 3, 4), (2, 4, 3, 3)],
        "offset",
    ),
    ("_contrib_DeformableConvolution", {"kernel": (1,), "num_filter": 2, "no_bias": True}, [IMAGE, (1, 2, 5, 6), (2, 4, 1, 1)], "kernel"),
    (
        "_contrib_DeformableConvolution",
        {"kernel": (1, 1), "num_filter": 2, "no_bias": True, "num_deformable_group": 3},
        [IMAGE, (1, 6, 5, 6), (2, 4, 1, 1)],
        "num_deformable_group",
    ),
]


@pytest.mark.parametrize(("op", "params", "shapes", "text"), ERRORS)
def test_errors(op, params, shapes, text):
    function = getattr(mx.sym, op, None) or getattr(mx.sym.contrib, op.removeprefix("_contrib_"))
    with pytest.raises(MXNetError, match=text):
        function(*(mx.sym.var(f"x{i}") for i in range(len(shapes))), **params).infer_shape(**{f"x{i}": s for i, s in enumerate(shapes)})


def test_rotated_boxes_have_no_gradient(ctx):
    net = mx.sym.contrib.RROIAlign(mx.sym.var("data"), mx.sym.var("rois"), pooled_size=(1, 1), spatial_scale=1)
    executor = net.simple_bind(ctx, data=(1, 1, 3, 3), rois=(1, 6))
    with pytest.raises(MXNetError, match="no gradient"):
        executor.forward(is_train=True)
