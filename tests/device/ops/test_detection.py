"""Boxes: priors, targets, detections, suppression, matching, proposals, against what MXNet 1.9.1 answered and more."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from harness import check_op

from clsym.base import MXNetError
from clsym.graph.contract.registry import find_op
from clsym.runtime.launch import run_op

RECORDED = np.load(Path(__file__).parents[2] / "reference" / "detection.npz")
CASES = json.loads(str(RECORDED["cases"]))
RNG = np.random.RandomState(3)


@pytest.mark.parametrize("name", sorted({c[0] for c in CASES}))
def test_recorded(device, name):
    for k, (kind, inputs, outputs, params) in enumerate(CASES):
        ins, want = ([RECORDED[f"{k}/{place}{i}"] for i in range(n)] for place, n in (("in", inputs), ("out", outputs)))
        if kind != name or (ins[0].dtype == np.float64 and not device.traits.fp64):
            continue
        got = run_op(device, f"_contrib_{kind}", ins, {p: tuple(v) if isinstance(v, list) else v for p, v in params.items()})
        for out, expected in zip(got[:outputs], want, strict=True):
            assert out.shape == expected.shape and out.dtype == expected.dtype
            np.testing.assert_allclose(out, expected, rtol=1e-5, atol=2e-6, err_msg=f"case {k}: {kind} {params}")


def suppressed(data, thresh):
    """The rows of (n, 5), score and corners, that stay."""
    order = sorted(range(len(data)), key=lambda i: -data[i, 0])
    areas = (data[:, 3] - data[:, 1]) * (data[:, 4] - data[:, 2])
    kept = []
    for i in order:
        b = data[kept]
        w = np.maximum(np.minimum(b[:, 3], data[i, 3]) - np.maximum(b[:, 1], data[i, 1]), 0)
        h = np.maximum(np.minimum(b[:, 4], data[i, 4]) - np.maximum(b[:, 2], data[i, 2]), 0)
        if not (w * h / (areas[kept] + areas[i] - w * h) > np.float32(thresh)).any():
            kept.append(i)
    return kept


@pytest.mark.parametrize(("n", "extent"), [(1500, 0.2), (1031, 0.02)])
def test_suppression_of_several_blocks(device, n, extent):
    low = RNG.uniform(0, 1, (2, n, 2))
    data = np.concatenate([RNG.randint(1, 200, (2, n, 1)) / 200, low, low + RNG.uniform(0, extent, (2, n, 2))], -1).astype(np.float32)
    out, record, _ = run_op(device, "_contrib_box_nms", [data], {"coord_start": 1, "score_index": 0, "overlap_thresh": 0.3})
    for b in range(2):
        kept = suppressed(data[b], 0.3)
        assert record[b, : len(kept), 0].tolist() == [b * n + i for i in kept]
        np.testing.assert_array_equal(out[b, : len(kept)], data[b, kept])
        assert (out[b, len(kept) :] == -1).all() and (record[b, len(kept) :] == -1).all()


def test_box_nms_gradient(device):
    data = np.array([[0.5, 0, 0, 2, 2], [0.9, 0, 0, 2, 1.9], [0.4, 5, 5, 6, 6], [0.4, 5, 5.1, 6, 6]], np.float32)
    params = {"coord_start": 1, "score_index": 0, "out_format": "center"}
    expected = [np.array([[0.9, 1, 0.95, 2, 1.9], [0.4, 5.5, 5.5, 1, 1], [-1] * 5, [-1] * 5])]
    heads = np.arange(20, dtype=np.float32).reshape(4, 5)
    grads = [np.stack([heads[0] * 0, heads[0], heads[1], heads[0] * 0])]
    check_op(device, "_contrib_box_nms", [data], params, expected, ograds=[heads], expected_grads=grads, dtypes=("float32", "float16"))
    check_op(device, "_contrib_box_nms", [data], {**params, "topk": 0}, [data], ograds=[heads], expected_grads=[heads])


@pytest.mark.parametrize(
    ("name", "params", "shapes"),
    [
        ("_contrib_box_iou", {}, [(2, 3, 4), (5, 4)]),
        ("_contrib_box_decode", {}, [(2, 3, 4), (1, 3, 4)]),
        ("_contrib_box_encode", {}, [(2, 3), (2, 3), (2, 3, 4), (2, 5, 4), (4,), (4,)]),
        ("_contrib_bipartite_matching", {"threshold": 0.1}, [(2, 3, 7)]),
        ("_contrib_MultiBoxPrior", {"sizes": (0.1, 0.2)}, [(1, 1, 2, 3)]),
        ("_contrib_MultiBoxTarget", {"negative_mining_ratio": 1}, [(1, 6, 4), (2, 2, 5), (2, 3, 6)]),
        ("_contrib_MultiBoxDetection", {}, [(2, 3, 6), (2, 24), (1, 6, 4)]),
        ("_contrib_MultiProposal", {"scales": (1,), "ratios": (1, 2), "rpn_post_nms_top_n": 5}, [(2, 4, 2, 3), (2, 8, 2, 3), (2, 3)]),
    ],
)
def test_runs_and_gradients_of_zero(device, name, params, shapes):
    inputs = [RNG.uniform(0.1, 1, s).astype(np.float32) for s in shapes]
    outs = find_op(name).num_visible(find_op(name).parse(params))
    heads = [np.ones(s) for s in _shapes(name, params, shapes)[:outs]]
    check_op(device, name, inputs, params, ograds=heads, expected_grads=[np.zeros(s) for s in shapes])


def _shapes(name, params, shapes):
    op = find_op(name)
    p = op.parse(params)
    return op.infer_shape(p, list(shapes), [None] * len(op.output_names(p)))[1]


def test_numbers_that_are_none(device):
    """NaN, infinities, classes and matches that there are not: results, and no wild reads (the checked runs look around the arrays)."""
    bad = np.array([np.nan, np.inf, -np.inf, 3e38, -1e30, 1e9], np.float32)
    for turn in range(3):
        draw = lambda *s: np.where(RNG.uniform(size=s) < 0.4, RNG.choice(bad, s), RNG.uniform(-1, 2, s)).astype(np.float32)  # noqa: E731
        out = run_op(device, "_contrib_box_nms", [draw(2, 40, 6)], {"id_index": 0, "valid_thresh": -1e38})[1]
        assert ((out >= -1) & (out < 80)).all()
        rows, columns = run_op(device, "_contrib_bipartite_matching", [draw(2, 9, 5)], {"threshold": 0.1, "is_ascend": turn == 1})
        assert ((rows >= -1) & (rows < 5)).all() and ((columns >= -1) & (columns < 9)).all()
        assert (np.sort(rows, 1) >= 0).sum() == (columns >= 0).sum()
        run_op(device, "_contrib_MultiBoxTarget", [draw(1, 9, 4), draw(2, 3, 5), draw(2, 3, 9)], {"negative_mining_ratio": 2})
        run_op(device, "_contrib_MultiBoxDetection", [draw(2, 3, 9), draw(2, 36), draw(1, 9, 4)], {"nms_topk": 4})
        run_op(device, "_contrib_box_encode", [draw(2, 3), draw(2, 3), draw(2, 3, 4), draw(2, 1, 4), draw(4), draw(4)])
        params = {"scales": (1,), "ratios": (1, -1), "rpn_post_nms_top_n": 9}
        assert run_op(device, "_contrib_Proposal", [draw(1, 4, 2, 3), draw(1, 8, 2, 3), draw(1, 3)], params)[0].shape == (9, 5)


def test_nothing_at_all(device):
    assert run_op(device, "_contrib_box_nms", [np.zeros((2, 0, 6), np.float32)])[0].shape == (2, 0, 6)
    assert run_op(device, "_contrib_box_iou", [np.zeros((0, 4), np.float32), np.zeros((2, 4), np.float32)])[0].shape == (0, 2)
    assert (run_op(device, "_contrib_bipartite_matching", [np.zeros((3, 0), np.float32)], {"threshold": 0.1})[0] == -1).all()
    empty = [np.ones((1, 3, 4), np.float32), np.zeros((2, 0, 5), np.float32), np.zeros((2, 2, 3), np.float32)]
    assert (run_op(device, "_contrib_MultiBoxTarget", empty, {"ignore_label": 7})[2] == 7).all()
    encoded = (
        [np.ones((1, 3), np.float32)] * 2 + [np.ones((1, 3, 4), np.float32), np.zeros((1, 0, 4), np.float32)] + [np.ones(4, np.float32)] * 2
    )
    assert not run_op(device, "_contrib_box_encode", encoded)[0].any()


@pytest.mark.parametrize(
    ("name", "params", "shapes", "message"),
    [
        ("_contrib_box_nms", {"coord_start": 3}, [(5, 6)], "coord_start"),
        ("_contrib_box_nms", {"score_index": 3}, [(5, 6)], "score_index"),
        ("_contrib_box_nms", {"id_index": 1}, [(5, 6)], "id_index"),
        ("_contrib_box_nms", {}, [(6,)], "2 dimensions"),
        ("_contrib_box_nms", {}, [(5, 4)], "at least 5"),
        ("_contrib_box_iou", {}, [(2, 5), (3, 4)], "boxes"),
        ("_contrib_bipartite_matching", {"threshold": 0.1}, [(3,)], "2 dimensions"),
        ("_contrib_MultiBoxPrior", {"sizes": ()}, [(1, 1, 2, 2)], "sizes"),
        ("_contrib_MultiBoxPrior", {"steps": (0.1, -1)}, [(1, 1, 2, 2)], "step"),
        ("_contrib_MultiBoxPrior", {}, [(1, 2, 2)], "4 dimensions"),
        ("_contrib_MultiBoxTarget", {"variances": (1, 2)}, [(1, 6, 4), (2, 2, 5), (2, 3, 6)], "variances"),
        (
            "_contrib_MultiBoxTarget",
            {"negative_mining_ratio": 1, "negative_mining_thresh": 0},
            [(1, 6, 4), (2, 2, 5), (2, 3, 6)],
            "negative_mining_thresh",
        ),
        ("_contrib_MultiBoxTarget", {}, [(1, 6, 4), (2, 2, 4), (2, 3, 6)], "label"),
        ("_contrib_MultiBoxTarget", {}, [(1, 6, 4), (2, 2, 5), (2, 3, 5)], "cls_pred"),
        ("_contrib_MultiBoxDetection", {}, [(2, 3, 6), (2, 20), (1, 6, 4)], "loc_pred"),
        ("_contrib_Proposal", {}, [(1, 8, 2, 3), (1, 16, 2, 3), (1, 3)], "anchors"),
        ("_contrib_Proposal", {}, [(2, 24, 2, 3), (2, 48, 2, 3), (2, 3)], "MultiProposal"),
        ("_contrib_Proposal", {}, [(1, 24, 2, 3), (1, 44, 2, 3), (1, 3)], "bbox_pred"),
    ],
)
def test_errors(device, name, params, shapes, message):
    with pytest.raises(MXNetError, match=message):
        run_op(device, name, [np.zeros(s, np.float32) for s in shapes], params)


def test_types_and_names():
    for name, type_ in (("box_nms", "int32"), ("box_iou", "int32"), ("MultiBoxPrior", "float16"), ("MultiBoxDetection", "float64")):
        op = find_op(f"_contrib_{name}")
        with pytest.raises(MXNetError, match="float"):
            op.infer_type(op.parse({}), [type_] * len(op.inputs), [None] * len(op.outputs))
    for alias, name in (
        ("_contrib_MultiBoxPrior", "_contrib_MultiBoxPrior"),
        ("_contrib_MultiBoxTarget", "_contrib_MultiBoxTarget"),
        ("_contrib_MultiBoxDetection", "_contrib_MultiBoxDetection"),
        ("_contrib_box_non_maximum_suppression", "_contrib_box_nms"),
    ):
        assert find_op(alias) is find_op(name)
    op = find_op("_contrib_Proposal")
    assert (op.num_visible(op.parse({})), op.num_visible(op.parse({"output_score": True}))) == (1, 2)
