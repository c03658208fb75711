"""Records what MXNet 1.9.1 answers for boxes of all kinds; run under MXNet, writes detection.npz beside itself.

Every case is drawn: shapes, parameters, numbers; half of them on a coarse grid, so that scores are equal and overlaps are just the threshold.
``record_detection.py SEED COUNT FILE`` draws others, to compare with once.
"""

import json
import os
import sys
from pathlib import Path

import numpy as np

os.environ["MXNET_SUBGRAPH_BACKEND"] = "NONE"


def numbers(rng, shape, coarse, levels=8):
    return (rng.randint(0, levels + 1, shape) / levels if coarse else rng.uniform(0, 1, shape)).astype(np.float32)


def boxes(rng, shape, coarse, center=False):
    """Corners in order, but for some that are not."""
    a, b = numbers(rng, (*shape, 2), coarse), numbers(rng, (*shape, 2), coarse)
    if center:
        return np.concatenate([a, b * 0.7], -1).astype(np.float32)
    turned = rng.uniform(size=(*shape, 1)) < 0.03
    low, high = np.minimum(a, b), np.maximum(a, b)
    return np.concatenate([np.where(turned, high, low), np.where(turned, low, high)], -1)


def pick(rng, *values):
    return values[rng.randint(len(values))]


def box_nms(rng, coarse):
    lead, n = pick(rng, (), (2,), (1, 3)), pick(rng, 1, 7, 33, 70)
    params = {"overlap_thresh": pick(rng, 0.1, 0.25, 0.5, 0.75, -0.1), "valid_thresh": pick(rng, 0, 0.25, 0.5), "topk": pick(rng, -1, -1, 3, 20, 100, 0),
              "force_suppress": pick(rng, False, True), "background_id": pick(rng, -1, 0), "in_format": pick(rng, "corner", "center"),
              "out_format": pick(rng, "corner", "center")}  # fmt: skip
    box = boxes(rng, (*lead, n), coarse, params["in_format"] == "center")
    score, kind = numbers(rng, (*lead, n, 1), coarse), rng.randint(-1, 3, (*lead, n, 1)).astype(np.float32)
    layout = rng.randint(3)
    parts = [[kind, score, box], [box, score], [score, score, box, kind]][layout]
    params.update([{"id_index": 0}, {"coord_start": 0, "score_index": 4}, {"id_index": 6, "score_index": 0}][layout])
    data = np.concatenate(parts, -1).astype(pick(rng, np.float32, np.float32, np.float64))
    return [data], params


def box_iou(rng, coarse):
    form, dtype = pick(rng, "corner", "center"), pick(rng, np.float32, np.float64)
    shapes = pick(rng, ((3,), (5,)), ((2, 3), (4,)), ((1,), (2, 1, 3)))
    return [boxes(rng, s, coarse, form == "center").astype(dtype) for s in shapes], {"format": form}


def box_encode(rng, coarse):
    b, n, m = pick(rng, 1, 3), pick(rng, 1, 5), pick(rng, 1, 4)
    sample = pick(rng, np.float32, np.float64)
    arrays = [rng.uniform(-1, 2, (b, n)), rng.randint(0, m, (b, n)), boxes(rng, (b, n), False), boxes(rng, (b, m), False), rng.uniform(-1, 1, 4), rng.uniform(0.1, 1, 4)]
    arrays[2], arrays[3] = np.sort(arrays[2], -1), np.sort(arrays[3], -1)
    return [a.astype(sample) for a in arrays], {}


def box_decode(rng, coarse):
    b, n, dtype = pick(rng, 1, 3), pick(rng, 1, 5), pick(rng, np.float32, np.float64)
    params = {"clip": pick(rng, -1, 0.25, 0), "format": pick(rng, "corner", "center"), "std0": 0.1, "std1": 0.2, "std2": pick(rng, 1, 0.3), "std3": 2}
    return [rng.uniform(-1, 1, (b, n, 4)).astype(dtype), boxes(rng, (1, n), False, params["format"] == "center").astype(dtype)], params


def bipartite_matching(rng, coarse):
    shape = pick(rng, (3, 4), (4, 3), (2, 5, 7), (1, 2, 1, 1), (9, 40), (40, 9), (17, 17))
    up = pick(rng, False, True)
    params = {"is_ascend": up, "threshold": pick(rng, 0.25, 0.5, 0.75), "topk": pick(rng, -1, -1, 0, 1, 4)}
    return [numbers(rng, shape, coarse).astype(pick(rng, np.float32, np.float64))], params


def MultiBoxPrior(rng, coarse):
    params = {"sizes": pick(rng, (0.5,), (0.2, 0.35, 0.7), (0.1,) * 9), "ratios": pick(rng, (1,), (2, 0.5, 3), (1, 2, 0.5)), "clip": pick(rng, False, True),
              "steps": pick(rng, (-1, -1), (0.1, 0.3)), "offsets": pick(rng, (0.5, 0.5), (0.1, 0.9))}  # fmt: skip
    return [np.zeros(pick(rng, (1, 1, 1, 1), (2, 3, 3, 5), (1, 2, 4, 2)), np.float32)], params


def MultiBoxTarget(rng, coarse):
    n, count, a, classes = pick(rng, 1, 2), pick(rng, 1, 3, 6), pick(rng, 1, 5, 40), pick(rng, 2, 4)
    label = np.concatenate([rng.randint(0, classes - 1, (n, count, 1)), np.sort(boxes(rng, (n, count), coarse).reshape(n, count, 2, 2), 2).reshape(n, count, 4),
                            rng.uniform(0, 1, (n, count, pick(rng, 0, 1)))], -1)  # fmt: skip
    for image in label:
        image[rng.randint(0, count + 1) :] = -1
    mine = pick(rng, -1, 1, 0.5)
    params = {"overlap_threshold": pick(rng, 0.5, 0.25, 0), "negative_mining_ratio": mine, "negative_mining_thresh": pick(rng, 0.5, 0.9), "ignore_label": pick(rng, -1, -5),
              "minimum_negative_samples": pick(rng, 0, 3), "variances": pick(rng, (0.1, 0.1, 0.2, 0.2), (1, 2, 3, 4))}  # fmt: skip
    return [np.sort(boxes(rng, (1, a), coarse).reshape(1, a, 2, 2), 2).reshape(1, a, 4), label.astype(np.float32), numbers(rng, (n, classes, a), coarse)], params


def MultiBoxDetection(rng, coarse):
    n, classes, a = pick(rng, 1, 2), pick(rng, 1, 2, 4), pick(rng, 1, 6, 45)
    params = {"clip": pick(rng, True, False), "threshold": pick(rng, 0.01, 0.5), "nms_threshold": pick(rng, 0.5, 0.25, 1, 0, 2), "force_suppress": pick(rng, False, True),
              "background_id": pick(rng, 0, 1), "nms_topk": pick(rng, -1, 3, 100), "variances": pick(rng, (0.1, 0.1, 0.2, 0.2), (1, 1, 1, 1))}  # fmt: skip
    offsets = np.zeros((n, 4 * a)) if coarse else rng.uniform(-1, 1, (n, 4 * a))
    return [numbers(rng, (n, classes, a), coarse), offsets.astype(np.float32), boxes(rng, (1, a), coarse)], params


def MultiProposal(rng, coarse, images=2):
    n, height, width = pick(rng, 1, images), pick(rng, 1, 3), pick(rng, 2, 5)
    params = {"scales": pick(rng, (2, 4), (1, 2, 3)), "ratios": pick(rng, (1,), (0.5, 1, 2)), "rpn_pre_nms_top_n": pick(rng, 6000, 10, -1), "rpn_post_nms_top_n": pick(rng, 4, 30),
              "threshold": pick(rng, 0.7, 0.3), "rpn_min_size": pick(rng, 0, 12), "feature_stride": 16, "output_score": pick(rng, False, True), "iou_loss": pick(rng, False, True)}  # fmt: skip
    a = len(params["scales"]) * len(params["ratios"])
    offsets = rng.uniform(-0.5, 0.5, (n, 4 * a, height, width)) * (0 if coarse else 20 if params["iou_loss"] else 1)
    info = np.stack([rng.randint(8, 16 * height + 1, n), rng.randint(8, 16 * width + 1, n), rng.choice([1, 1.5], n)], 1)
    return [numbers(rng, (n, 2 * a, height, width), coarse, 50), offsets.astype(np.float32), info.astype(np.float32)], params


def Proposal(rng, coarse):
    return MultiProposal(rng, coarse, 1)


KINDS = (box_nms, box_iou, box_encode, box_decode, bipartite_matching, MultiBoxPrior, MultiBoxTarget, MultiBoxDetection, Proposal, MultiProposal)


def answer(name, arrays, params):
    import mxnet as mx

    data = [mx.nd.array(a, dtype=a.dtype) for a in arrays]
    if name == "box_nms":
        variables = [mx.sym.var(f"x{i}") for i in range(len(data))]
        graph = json.loads(mx.sym.contrib.box_nms(*variables, **params).tojson())
        graph["heads"] = [[len(data), 0, 0], [len(data), 1, 0]]
        net = mx.sym.load_json(json.dumps(graph))
        outs = net.bind(mx.cpu(), dict(zip(net.list_arguments(), data, strict=True))).forward()
    else:
        outs = getattr(mx.nd.contrib, name)(*data, **params)
    return [o.asnumpy() for o in (outs if isinstance(outs, list) else [outs])]


def record(seed, count, file):
    from mxnet.base import MXNetError

    saved, cases = {}, []
    for kind in KINDS:
        rng = np.random.RandomState(seed)
        for turn in range(count):
            arrays, params = kind(rng, turn % 2 == 0)
            try:
                outs = answer(kind.__name__, arrays, params)
            except MXNetError as exc:
                assert "temp.size() >= num_negative" in str(exc), exc
                continue
            for place, values in (("in", arrays), ("out", outs)):
                saved.update({f"{len(cases)}/{place}{i}": v for i, v in enumerate(values)})
            cases.append([kind.__name__, len(arrays), len(outs), params])
    np.savez_compressed(file, cases=np.array(json.dumps(cases)), **saved)


if __name__ == "__main__":
    if len(sys.argv) == 4:
        record(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
    else:
        record(0, 10, Path(__file__).with_name("detection.npz"))
